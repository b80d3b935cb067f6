package abusetest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"sync"
	"testing"
	"time"

	"github.com/hueandcry/hueandcry/abuse"
)

func testAtomic(t *testing.T, s abuse.Store) {
	put(t, s, abuse.Outbox, "a", "1")
	mine := errors.New("mine")
	err := s.Update(t.Context(), func(w abuse.Writer) error {
		noError(t, w.Put(abuse.Outbox, []byte("a"), []byte("2")))
		noError(t, w.Put(abuse.Decisions, []byte("b"), []byte("2")))
		noError(t, w.Delete(abuse.Outbox, []byte("a")))
		return fmt.Errorf("f failed: %w", mine)
	})
	equal(t, true, errors.Is(err, mine))
	equal(t, "f failed: mine", err.Error()) // as it is
	equal(t, true, errors.Is(s.View(t.Context(), func(abuse.Reader) error { return mine }), mine))
	want(t, s, abuse.Outbox, "a", "1")
	want(t, s, abuse.Decisions)
	noError(t, s.Update(t.Context(), func(abuse.Writer) error { return nil }))
}

func testEnded(t *testing.T, s abuse.Store) {
	var r abuse.Reader
	var w abuse.Writer
	noError(t, s.View(t.Context(), func(x abuse.Reader) error { r = x; return nil }))
	noError(t, s.Update(t.Context(), func(x abuse.Writer) error { w = x; return x.Put(abuse.Kept, []byte("k"), []byte("v")) }))
	_, err := r.Get(abuse.Kept, []byte("k"))
	refused(t, err)
	_, err = w.Scan(abuse.Kept, nil, nil, 1)
	refused(t, err)
	refused(t, w.Put(abuse.Kept, []byte("l"), []byte("v")))
	refused(t, w.Delete(abuse.Kept, []byte("k")))
	want(t, s, abuse.Kept, "k", "v")
}

// A function that panics, or ends its goroutine as a failing test does, leaves the store usable.
func testPanic(t *testing.T, s abuse.Store) {
	for _, update := range []bool{true, false} {
		func() {
			defer func() { equal(t, "mine", recover().(string)) }()
			if update {
				_ = s.Update(t.Context(), func(w abuse.Writer) error {
					noError(t, w.Put(abuse.Kept, []byte("k"), []byte("v")))
					panic("mine")
				})
			} else {
				_ = s.View(t.Context(), func(abuse.Reader) error { panic("mine") })
			}
		}()
	}
	want(t, s, abuse.Kept)
	put(t, s, abuse.Kept, "k", "v")
}

func testView(t *testing.T, s abuse.Store) {
	put(t, s, abuse.Kept, "k", "0")
	runs := 0
	noError(t, s.View(t.Context(), func(r abuse.Reader) error {
		if _, ok := r.(abuse.Writer); ok {
			t.Error("a Reader can write")
		}
		before := fmt.Sprint(runs)
		runs++
		wantGet(t, r, abuse.Kept, "k", before)
		// Beside the View, which does not wait for it or stop it.
		together(t, 1, func(int) error {
			return s.Update(t.Context(), func(w abuse.Writer) error {
				return errors.Join(w.Put(abuse.Kept, []byte("k"), fmt.Append(nil, runs)), w.Put(abuse.Kept, fmt.Append(nil, "l", runs), []byte("new")))
			})
		})
		wantGet(t, r, abuse.Kept, "k", before, fmt.Sprint("l", runs), "-")
		wantRows(t, r, abuse.Kept, nil, nil, 1, "k", before)
		return nil
	}))
	noError(t, s.View(t.Context(), func(r abuse.Reader) error {
		wantGet(t, r, abuse.Kept, "k", fmt.Sprint(runs), fmt.Sprint("l", runs), "new")
		return nil
	}))
}

func number(b []byte) uint64 {
	if len(b) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}

// together runs f in n goroutines and wants no error of any.
func together(t testing.TB, n int, f func(i int) error) {
	t.Helper()
	var group sync.WaitGroup
	errs := make([]error, n)
	for i := range n {
		group.Go(func() { errs[i] = f(i) })
	}
	group.Wait()
	noError(t, errors.Join(errs...))
}

// add adds to a counter.
func add(w abuse.Writer, k string, n uint64) error {
	v, err := w.Get(abuse.Budgets, []byte(k))
	if err != nil {
		return err
	}
	return w.Put(abuse.Budgets, []byte(k), binary.BigEndian.AppendUint64(nil, number(v[0])+n))
}

// No addition is lost: neither to one counter of all nor to those that some share.
func testCounters(t *testing.T, s abuse.Store) {
	const goroutines, each = 64, 5
	together(t, goroutines, func(i int) error {
		for range each {
			if err := s.Update(t.Context(), func(w abuse.Writer) error {
				return errors.Join(add(w, "all", 1), add(w, fmt.Sprint("some", i%8), 1))
			}); err != nil {
				return err
			}
		}
		return nil
	})
	noError(t, s.View(t.Context(), func(r abuse.Reader) error {
		v, err := r.Get(abuse.Budgets, []byte("all"))
		noError(t, err)
		equal(t, goroutines*each, int(number(v[0])))
		for i := range 8 {
			v, err := r.Get(abuse.Budgets, fmt.Append(nil, "some", i))
			noError(t, err)
			equal(t, goroutines*each/8, int(number(v[0])))
		}
		return nil
	}))
}

// Two rows of which one at least must stay: each Update reads both and takes out another one.
func testWriteSkew(t *testing.T, s abuse.Store) {
	for range 10 {
		put(t, s, abuse.Signals, "left", "", "right", "")
		together(t, 2, func(i int) error {
			return s.Update(t.Context(), func(w abuse.Writer) error {
				v, err := w.Get(abuse.Signals, []byte("left"), []byte("right"))
				if err != nil || v[0] == nil || v[1] == nil {
					return err
				}
				return w.Delete(abuse.Signals, []byte([]string{"left", "right"}[i]))
			})
		})
		noError(t, s.View(t.Context(), func(r abuse.Reader) error {
			rows, err := r.Scan(abuse.Signals, nil, nil, 3)
			equal(t, 1, len(rows))
			return err
		}))
	}
}

// At most so many rows in a range, and as for keys that are not there: only the first may add.
func testPhantom(t *testing.T, s abuse.Store) {
	const most = 5
	together(t, 16, func(i int) error {
		return s.Update(t.Context(), func(w abuse.Writer) error {
			rows, err := w.Scan(abuse.Ordinals, []byte("a"), []byte("b"), most+1)
			if err != nil || len(rows) >= most {
				return err
			}
			return w.Put(abuse.Ordinals, fmt.Append(nil, "a", i), []byte("x"))
		})
	})
	noError(t, s.View(t.Context(), func(r abuse.Reader) error {
		rows, err := r.Scan(abuse.Ordinals, nil, nil, 100)
		equal(t, most, len(rows))
		return err
	}))
	var first sync.Map
	together(t, 16, func(i int) error {
		var won bool
		err := s.Update(t.Context(), func(w abuse.Writer) error {
			v, err := w.Get(abuse.Heads, []byte("first"))
			won = err == nil && v[0] == nil
			if err != nil || !won {
				return err
			}
			return w.Put(abuse.Heads, []byte("first"), []byte{byte(i)})
		})
		if won && err == nil {
			first.Store(i, true)
		}
		return err
	})
	n := 0
	first.Range(func(any, any) bool { n++; return true })
	equal(t, 1, n)
}

// Money is moved between accounts; whoever looks sees all of it.
func testWhole(t *testing.T, s abuse.Store) {
	const accounts, total = 4, 400
	noError(t, s.Update(t.Context(), func(w abuse.Writer) error {
		for i := range accounts {
			if err := add(w, fmt.Sprint(i), total/accounts); err != nil {
				return err
			}
		}
		return nil
	}))
	sum := func(r abuse.Reader) error {
		rows, err := r.Scan(abuse.Budgets, nil, nil, accounts)
		if err != nil {
			return err
		}
		var n uint64
		for _, row := range rows {
			n += number(row.Value)
		}
		if n != total {
			return fmt.Errorf("%d of %d are there", n, total)
		}
		return nil
	}
	together(t, 6, func(i int) error {
		for j := range 8 {
			var err error
			switch {
			case i < 3:
				err = s.Update(t.Context(), func(w abuse.Writer) error {
					from, to := fmt.Sprint((i+j)%accounts), fmt.Sprint((i+j+1)%accounts)
					return errors.Join(add(w, from, ^uint64(0)), add(w, to, 1))
				})
			case i < 5:
				err = s.View(t.Context(), sum)
			default:
				err = s.Update(t.Context(), func(w abuse.Writer) error { return sum(w) })
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func testContext(t *testing.T, s abuse.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	ran := false
	err := s.Update(ctx, func(w abuse.Writer) error {
		ran = true
		noError(t, w.Put(abuse.Kept, []byte("k"), []byte("v")))
		cancel()
		return nil
	})
	equal(t, true, ran)
	equal(t, true, errors.Is(err, context.Canceled))
	want(t, s, abuse.Kept) // a context that has ended: nothing is written
	ran = false
	f := func() error { ran = true; return nil }
	equal(t, true, errors.Is(s.Update(ctx, func(abuse.Writer) error { return f() }), context.Canceled))
	equal(t, true, errors.Is(s.View(ctx, func(abuse.Reader) error { return f() }), context.Canceled))
	equal(t, true, errors.Is(s.Load(ctx, abuse.Kept, func(yield func(abuse.Row) bool) {
		yield(abuse.Row{Key: []byte("k"), Value: []byte("v")})
	}), context.Canceled))
	equal(t, false, ran)
	want(t, s, abuse.Kept)

	// One who waits for the others can be called away, and the store goes on.
	entered, leave := make(chan struct{}), make(chan struct{})
	var once sync.Once
	holder := make(chan error, 1)
	go func() {
		holder <- s.Update(t.Context(), func(w abuse.Writer) error {
			once.Do(func() { close(entered) })
			<-leave
			return w.Put(abuse.Kept, []byte("holder"), []byte("v"))
		})
	}()
	<-entered
	short, stop := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer stop()
	err = s.Update(short, func(w abuse.Writer) error { return w.Put(abuse.Kept, []byte("waiter"), []byte("v")) })
	close(leave)
	noError(t, <-holder)
	rows := []string{"holder", "v"}
	if err == nil { // where Updates run side by side there was nothing to wait for
		rows = append(rows, "waiter", "v")
	} else {
		equal(t, true, errors.Is(err, context.DeadlineExceeded))
	}
	want(t, s, abuse.Kept, rows...)
}

func testLoad(t *testing.T, s abuse.Store) {
	const n = 70_000 // more than one portion of any store here
	put(t, s, abuse.Enrolments, string(key(1)), "before", "other", "stays")
	var k, v []byte
	noError(t, s.Load(t.Context(), abuse.Enrolments, func(yield func(abuse.Row) bool) {
		for i := range n {
			k, v = append(k[:0], key(i)...), fmt.Append(v[:0], i) // used again
			if !yield(abuse.Row{Key: k, Value: v}) {
				t.Error("stopped")
				return
			}
		}
	}))
	noError(t, s.View(t.Context(), func(r abuse.Reader) error {
		from, i := []byte{}, 0
		for {
			rows, err := r.Scan(abuse.Enrolments, from, []byte("l"), 9_999)
			noError(t, err)
			for _, row := range rows {
				equal(t, string(key(i)), string(row.Key))
				equal(t, fmt.Sprint(i), string(row.Value))
				i++
			}
			if len(rows) < 9_999 {
				break
			}
			from = append(rows[len(rows)-1].Key, 0)
		}
		equal(t, n, i)
		wantGet(t, r, abuse.Enrolments, "other", "stays")
		return nil
	}))
	noError(t, s.Load(t.Context(), abuse.Kept, func(func(abuse.Row) bool) {}))
	want(t, s, abuse.Kept)
}

func testLoadErrors(t *testing.T, s abuse.Store) {
	rows := func(keys ...string) iter.Seq[abuse.Row] {
		return func(yield func(abuse.Row) bool) {
			for _, k := range keys {
				if !yield(abuse.Row{Key: []byte(k), Value: bytesOf("v")}) {
					return
				}
			}
		}
	}
	for _, keys := range [][]string{{"b", "a"}, {"a", "a"}, {"a", ""}, {"a", string(make([]byte, abuse.MaxKey+1))}} {
		refused(t, s.Load(t.Context(), abuse.Kept, rows(keys...)))
	}
	refused(t, s.Load(t.Context(), 0, rows("a")))
	refused(t, s.Load(t.Context(), abuse.Heads, func(yield func(abuse.Row) bool) { yield(abuse.Row{Key: []byte("k")}) }))
	want(t, s, abuse.Heads)
}
