package abusetest

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/hueandcry/hueandcry/abuse"
)

func testOrder(t *testing.T, s abuse.Store) {
	put(t, s, abuse.Kept, "b", "2", "a\xff", "3", "a", "1", "\xff\xff", "6", "\x00", "0", "ab", "4", "\x80", "5")
	all := []string{"\x00", "0", "a", "1", "ab", "4", "a\xff", "3", "b", "2", "\x80", "5", "\xff\xff", "6"}
	noError(t, s.View(t.Context(), func(r abuse.Reader) error {
		wantRows(t, r, abuse.Kept, nil, nil, 100, all...)
		wantRows(t, r, abuse.Kept, nil, nil, math.MaxInt, all...)
		wantRows(t, r, abuse.Kept, []byte{}, nil, 3, all[:6]...)
		wantRows(t, r, abuse.Kept, []byte("a"), []byte("b"), 100, all[2:8]...)
		wantRows(t, r, abuse.Kept, []byte("a\x00"), []byte("b\x00"), 100, all[4:10]...)
		wantRows(t, r, abuse.Kept, []byte("\x80"), nil, 1, all[10:12]...)
		wantRows(t, r, abuse.Kept, []byte("b"), []byte("a"), 100)
		wantRows(t, r, abuse.Kept, []byte("a"), []byte("a"), 100)
		wantRows(t, r, abuse.Kept, nil, []byte{}, 100)
		wantRows(t, r, abuse.Kept, nil, nil, 0)
		wantRows(t, r, abuse.Kept, nil, nil, -1)
		wantRows(t, r, abuse.Signals, nil, nil, 100)
		wantGet(t, r, abuse.Kept, "b", "2", "a", "1", "nobody", "-", "a", "1", "\xff\xff", "6", "nobody", "-")
		wantGet(t, r, abuse.Kept)
		return nil
	}))
}

func testValues(t *testing.T, s abuse.Store) {
	put(t, s, abuse.Batches, "empty", "", "zero", "\x00", "text", "a\x00b", "high", "\xff\xfe")
	put(t, s, abuse.Enrolments, "empty", "")
	noError(t, s.View(t.Context(), func(r abuse.Reader) error {
		wantGet(t, r, abuse.Batches, "empty", "", "zero", "\x00", "text", "a\x00b", "high", "\xff\xfe", "none", "-")
		wantGet(t, r, abuse.Enrolments, "empty", "")
		wantRows(t, r, abuse.Enrolments, nil, nil, 2, "empty", "")
		return nil
	}))
	put(t, s, abuse.Batches, "empty", "full", "text", "")
	want(t, s, abuse.Batches, "empty", "full", "high", "\xff\xfe", "text", "", "zero", "\x00")
	long := bytes.Repeat([]byte("k"), abuse.MaxKey)
	put(t, s, abuse.Holdings, string(long), "long")
	want(t, s, abuse.Holdings, string(long), "long")
}

func testBounds(t *testing.T, s abuse.Store) {
	long := make([]byte, abuse.MaxKey+1)
	k, v := []byte("k"), []byte("v")
	for i, f := range []func(w abuse.Writer) error{
		func(w abuse.Writer) error { return w.Put(abuse.Kept, nil, v) },
		func(w abuse.Writer) error { return w.Put(abuse.Kept, []byte{}, v) },
		func(w abuse.Writer) error { return w.Put(abuse.Kept, long, v) },
		func(w abuse.Writer) error { return w.Put(abuse.Kept, k, nil) },
		func(w abuse.Writer) error { return w.Put(0, k, v) },
		func(w abuse.Writer) error { return w.Put(abuse.Table(len(abuse.Tables())+1), k, v) },
		func(w abuse.Writer) error { return w.Delete(abuse.Kept, nil) },
		func(w abuse.Writer) error { return w.Delete(abuse.Kept, long) },
		func(w abuse.Writer) error { return w.Delete(0, k) },
		func(w abuse.Writer) error { _, err := w.Get(abuse.Kept, k, nil); return err },
		func(w abuse.Writer) error { _, err := w.Get(abuse.Kept, long); return err },
		func(w abuse.Writer) error { _, err := w.Get(0, k); return err },
		func(w abuse.Writer) error { _, err := w.Get(255); return err },
		func(w abuse.Writer) error { _, err := w.Scan(0, nil, nil, 1); return err },
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			refused(t, s.Update(t.Context(), f))
			// An error that f does not look at fails the Update all the same.
			refused(t, s.Update(t.Context(), func(w abuse.Writer) error {
				refused(t, f(w))
				if err := w.Put(abuse.Kept, k, v); err == nil {
					t.Error("a transaction that has failed goes on")
				}
				return nil
			}))
			want(t, s, abuse.Kept)
		})
	}
	refused(t, s.View(t.Context(), func(r abuse.Reader) error {
		_, err := r.Get(abuse.Kept, nil)
		refused(t, err)
		return nil
	}))
}

func testOverlay(t *testing.T, s abuse.Store) {
	put(t, s, abuse.Matches, "a", "1", "b", "2", "c", "3")
	noError(t, s.Update(t.Context(), func(w abuse.Writer) error {
		noError(t, w.Put(abuse.Matches, []byte("b"), []byte("new")))
		noError(t, w.Put(abuse.Matches, []byte("d"), []byte("")))
		noError(t, w.Delete(abuse.Matches, []byte("a")))
		noError(t, w.Delete(abuse.Matches, []byte("nobody")))
		wantGet(t, w, abuse.Matches, "d", "", "c", "3", "b", "new", "a", "-", "b", "new", "nobody", "-")
		wantRows(t, w, abuse.Matches, nil, nil, 100, "b", "new", "c", "3", "d", "")
		noError(t, w.Put(abuse.Matches, []byte("a"), []byte("again")))
		noError(t, w.Put(abuse.Matches, []byte("a"), []byte("and again")))
		noError(t, w.Delete(abuse.Matches, []byte("d")))
		wantRows(t, w, abuse.Matches, nil, nil, 100, "a", "and again", "b", "new", "c", "3")
		return nil
	}))
	want(t, s, abuse.Matches, "a", "and again", "b", "new", "c", "3")
}

// Limits hold whatever of the rows beneath was taken out, replaced or added to.
func testScanOverlay(t *testing.T, s abuse.Store) {
	var before []string
	for i := range 20 {
		before = append(before, fmt.Sprintf("k%02d", 2*i), "old")
	}
	put(t, s, abuse.Aliases, before...)
	noError(t, s.Update(t.Context(), func(w abuse.Writer) error {
		model := map[string]string{}
		for i := 0; i < len(before); i += 2 {
			model[before[i]] = before[i+1]
		}
		for i := range 40 {
			key := fmt.Sprintf("k%02d", i)
			switch i % 5 {
			case 0, 1:
				noError(t, w.Delete(abuse.Aliases, []byte(key)))
				delete(model, key)
			case 2, 3:
				noError(t, w.Put(abuse.Aliases, []byte(key), []byte("new")))
				model[key] = "new"
			}
			for limit := range 6 {
				for _, r := range [][2][]byte{{nil, nil}, {[]byte("k05"), []byte("k21")}, {[]byte("k3"), nil}} {
					wantRows(t, w, abuse.Aliases, r[0], r[1], limit, modelScan(model, r[0], r[1], limit)...)
				}
			}
		}
		return nil
	}))
}

func testCopies(t *testing.T, s abuse.Store) {
	k, v := []byte("key"), []byte("value")
	noError(t, s.Update(t.Context(), func(w abuse.Writer) error {
		copy(k, "key")
		copy(v, "value")
		noError(t, w.Put(abuse.Heads, k, v))
		copy(k, "xxx")
		copy(v, "xxxxx")
		values, err := w.Get(abuse.Heads, []byte("key"), []byte("key"))
		noError(t, err)
		copy(values[0], "yyyyy")
		_ = append(values[1][:2], "zzz"...)
		rows, err := w.Scan(abuse.Heads, nil, nil, 1)
		noError(t, err)
		_ = append(rows[0].Key, "zzz"...)
		equal(t, "value", string(rows[0].Value))
		copy(rows[0].Key, "yyy")
		copy(rows[0].Value, "yyyyy")
		return nil
	}))
	noError(t, s.View(t.Context(), func(r abuse.Reader) error {
		for range 2 {
			values, err := r.Get(abuse.Heads, []byte("key"), []byte("key"))
			noError(t, err)
			equal(t, "value", string(values[0]))
			copy(values[0], "yyyyy")
			equal(t, "value", string(values[1]))
		}
		return nil
	}))
	want(t, s, abuse.Heads, "key", "value")
}

func testTables(t *testing.T, s abuse.Store) {
	for _, table := range abuse.Tables() {
		put(t, s, table, "name", table.String(), "both", "")
	}
	for _, table := range abuse.Tables() {
		want(t, s, table, "both", "", "name", table.String())
	}
	noError(t, s.Update(t.Context(), func(w abuse.Writer) error {
		for _, table := range abuse.Tables() {
			if err := errors.Join(w.Delete(table, []byte("both")), w.Put(table, []byte("more"), []byte("1"))); err != nil {
				return err
			}
		}
		return nil
	}))
	for _, table := range abuse.Tables() {
		want(t, s, table, "more", "1", "name", table.String())
	}
}

// More keys than any list of parameters takes, unsorted, some there and some not.
func testManyKeys(t *testing.T, s abuse.Store) {
	const n = 3_000
	value := func(i int) []byte { return fmt.Append(nil, "value ", i) }
	order := rand.Perm(n)
	keys := make([][]byte, n)
	noError(t, s.Update(t.Context(), func(w abuse.Writer) error {
		for _, i := range order {
			if i%3 != 0 {
				if err := w.Put(abuse.Enrolments, key(i), value(i)); err != nil {
					return err
				}
			}
		}
		return nil
	}))
	for at, i := range order {
		keys[at] = key(i)
	}
	check := func(r abuse.Reader, gone int) error {
		values, err := r.Get(abuse.Enrolments, append(keys, keys...)...)
		noError(t, err)
		for at, v := range values {
			i := order[at%n]
			if w := value(i); i%3 == 0 || i%3 == gone {
				equal(t, true, v == nil)
			} else if !bytes.Equal(w, v) {
				t.Fatalf("row %d has %q", i, v)
			}
		}
		return nil
	}
	noError(t, s.View(t.Context(), func(r abuse.Reader) error { return check(r, 3) }))
	noError(t, s.Update(t.Context(), func(w abuse.Writer) error {
		for _, i := range order {
			if i%3 == 1 {
				if err := w.Delete(abuse.Enrolments, key(i)); err != nil {
					return err
				}
			}
		}
		return check(w, 1)
	}))
	noError(t, s.View(t.Context(), func(r abuse.Reader) error { return check(r, 1) }))
}

func key(i int) []byte { return []byte(fmt.Sprintf("key %08d", i)) }

func testBig(t *testing.T, s abuse.Store) {
	big := make([]byte, 16<<20)
	for i := range big {
		big[i] = byte(i * i >> 3)
	}
	noError(t, s.Update(t.Context(), func(w abuse.Writer) error {
		return errors.Join(w.Put(abuse.Batches, []byte("big"), big), w.Put(abuse.Heads, []byte("head"), []byte("1")))
	}))
	noError(t, s.View(t.Context(), func(r abuse.Reader) error {
		values, err := r.Get(abuse.Batches, []byte("big"))
		noError(t, err)
		equal(t, true, bytes.Equal(big, values[0]))
		return nil
	}))
	refused(t, s.Update(t.Context(), func(w abuse.Writer) error {
		return w.Put(abuse.Batches, []byte("big"), make([]byte, abuse.MaxValue+1))
	}))
}
