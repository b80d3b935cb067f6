package abusetest

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/hueandcry/hueandcry/abuse"
)

// modelScan is Scan over a Go map.
func modelScan(model map[string]string, from, to []byte, limit int) (pairs []string) {
	for _, k := range slices.Sorted(maps.Keys(model)) {
		if limit > 0 && k >= string(from) && (to == nil || k < string(to)) {
			pairs, limit = append(pairs, k, model[k]), limit-1
		}
	}
	return pairs
}

func seed(t testing.TB) uint64 {
	s := rand.Uint64()
	if text := os.Getenv("HUEANDCRY_SEED"); text != "" {
		var err error
		s, err = strconv.ParseUint(text, 10, 64)
		noError(t, err)
	}
	t.Logf("HUEANDCRY_SEED=%d", s)
	return s
}

// Random operations give what a Go map gives, through transactions that fail, loads and reopening.
func testModel(t *testing.T, f Factory) {
	r := rand.New(rand.NewPCG(seed(t), 4))
	open, durable := f(t)
	s := open()
	defer func() { noError(t, s.Close()) }()
	all := []abuse.Table{abuse.Kept, abuse.Matches, abuse.OptOuts}
	model := map[abuse.Table]map[string]string{}
	for _, table := range all {
		model[table] = map[string]string{}
	}
	letter := func() string { return string([]byte{"\x00amz\xff"[r.IntN(5)]}) }
	name := func() string {
		k := letter()
		for range r.IntN(4) {
			k += letter()
		}
		return k
	}
	edge := func() []byte {
		if r.IntN(4) == 0 {
			return nil
		}
		return []byte(name())
	}
	check := func(rd abuse.Reader, m map[string]string, table abuse.Table) {
		from, to, limit := edge(), edge(), r.IntN(12)
		wantRows(t, rd, table, from, to, limit, modelScan(m, from, to, limit)...)
		var pairs []string
		for range r.IntN(6) {
			k := name()
			v, found := m[k]
			if !found {
				v = "-"
			}
			pairs = append(pairs, k, v)
		}
		wantGet(t, rd, table, pairs...)
	}
	mine := errors.New("mine")
	for i := range 200 {
		table := all[r.IntN(len(all))]
		switch op := r.IntN(20); {
		case op == 0 && durable:
			noError(t, s.Close())
			s = open()
		case op == 1:
			m := map[string]string{}
			for range r.IntN(30) {
				m[name()] = fmt.Sprint("loaded", i)
			}
			noError(t, s.Load(t.Context(), table, func(yield func(abuse.Row) bool) {
				for _, k := range slices.Sorted(maps.Keys(m)) {
					if !yield(abuse.Row{Key: []byte(k), Value: []byte(m[k])}) {
						return
					}
				}
			}))
			maps.Copy(model[table], m)
		case op < 6:
			noError(t, s.View(t.Context(), func(rd abuse.Reader) error { check(rd, model[table], table); return nil }))
		default:
			fails := r.IntN(4) == 0
			var next map[abuse.Table]map[string]string
			err := s.Update(t.Context(), func(w abuse.Writer) error {
				next = map[abuse.Table]map[string]string{} // f may run again
				for _, table := range all {
					next[table] = maps.Clone(model[table])
				}
				for range r.IntN(15) {
					table, k := all[r.IntN(len(all))], name()
					switch r.IntN(5) {
					case 0, 1:
						v := fmt.Sprint("value", r.IntN(1000))
						noError(t, w.Put(table, []byte(k), []byte(v)))
						next[table][k] = v
					case 2, 3:
						noError(t, w.Delete(table, []byte(k)))
						delete(next[table], k)
					default:
						check(w, next[table], table)
					}
				}
				if fails {
					return mine
				}
				return nil
			})
			if fails {
				equal(t, true, errors.Is(err, mine))
			} else {
				noError(t, err)
				model = next
			}
		}
	}
	for _, table := range all {
		want(t, s, table, modelScan(model[table], nil, nil, 1000)...)
	}
}

func testClose(t *testing.T, f Factory) {
	open, _ := f(t)
	s := open()
	put(t, s, abuse.Kept, "k", "v")
	entered, leave := make(chan struct{}), make(chan struct{})
	viewed := make(chan error, 1)
	var once sync.Once // f may run again
	go func() {
		viewed <- s.View(t.Context(), func(r abuse.Reader) error {
			once.Do(func() { close(entered) })
			<-leave
			_, err := r.Get(abuse.Kept, []byte("k"))
			return err
		})
	}()
	<-entered
	closed := make(chan error, 1)
	go func() { closed <- s.Close() }()
	select {
	case <-closed:
		t.Error("Close does not wait for what is under way")
	default:
	}
	close(leave)
	noError(t, <-viewed)
	noError(t, <-closed)
	noError(t, s.Close())
	for _, err := range []error{
		s.View(t.Context(), func(abuse.Reader) error { return nil }),
		s.Update(t.Context(), func(abuse.Writer) error { return nil }),
		s.Load(t.Context(), abuse.Kept, func(yield func(abuse.Row) bool) { yield(abuse.Row{Key: []byte("k"), Value: []byte("v")}) }),
	} {
		equal(t, true, errors.Is(err, abuse.ErrStoreClosed))
	}
}

func testReopen(t *testing.T, f Factory) {
	open, durable := f(t)
	if !durable {
		t.Skip("the store does not outlive Close")
	}
	for i := range 3 {
		s := open()
		put(t, s, abuse.Decisions, fmt.Sprint(i), "v")
		noError(t, s.Update(t.Context(), func(w abuse.Writer) error { return add(w, "opened", 1) }))
		noError(t, s.Close())
	}
	s := open()
	defer func() { noError(t, s.Close()) }()
	want(t, s, abuse.Decisions, "0", "v", "1", "v", "2", "v")
	want(t, s, abuse.Budgets, "opened", "\x00\x00\x00\x00\x00\x00\x00\x03")
}
