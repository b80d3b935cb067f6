package abusetest

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/hueandcry/hueandcry/abuse"
)

// Factory makes one store for one test. Each call of open opens the same store; the test closes
// it before it opens it again, if the store is durable: if what it holds outlives Close.
type Factory func(t testing.TB) (open func() abuse.Store, durable bool)

// Run runs the contract against new stores. A failure of the random test names its seed; the
// environment variable HUEANDCRY_SEED runs it again.
func Run(t *testing.T, f Factory) {
	for _, c := range []struct {
		name string
		test func(*testing.T, abuse.Store)
	}{
		{"Order", testOrder},
		{"Values", testValues},
		{"Bounds", testBounds},
		{"Overlay", testOverlay},
		{"ScanOverlay", testScanOverlay},
		{"Atomic", testAtomic},
		{"Copies", testCopies},
		{"Ended", testEnded},
		{"Panic", testPanic},
		{"Tables", testTables},
		{"ManyKeys", testManyKeys},
		{"View", testView},
		{"ViewBeforeItsFirstRead", testViewFirst},
		{"Acknowledged", testAcknowledged},
		{"Load", testLoad},
		{"LoadErrors", testLoadErrors},
		{"Counters", testCounters},
		{"WriteSkew", testWriteSkew},
		{"Phantom", testPhantom},
		{"ReadersSeeWholeUpdates", testWhole},
		{"Context", testContext},
		{"BigValues", testBig},
	} {
		t.Run(c.name, func(t *testing.T) {
			open, _ := f(t)
			s := open()
			t.Cleanup(func() { noError(t, s.Close()) })
			c.test(t, s)
		})
	}
	t.Run("Close", func(t *testing.T) { testClose(t, f) })
	t.Run("Reopen", func(t *testing.T) { testReopen(t, f) })
	t.Run("Model", func(t *testing.T) { testModel(t, f) })
}

func noError(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("unexpected error: %v", err)
	}
}

func equal[T comparable](t testing.TB, want, got T) {
	t.Helper()
	if want != got {
		t.Fatalf("want %v, got %v", want, got)
	}
}

// refused wants the caller's own error, an *abuse.Error.
func refused(t testing.TB, err error) {
	t.Helper()
	if e := (*abuse.Error)(nil); !errors.As(err, &e) {
		t.Fatalf("want an *abuse.Error, got %v", err)
	}
}

// bytesOf gives the value that a test has written down: "-" is none.
func bytesOf(s string) []byte {
	if s == "-" {
		return nil
	}
	return []byte(s)
}

func put(t testing.TB, s abuse.Store, table abuse.Table, pairs ...string) {
	t.Helper()
	noError(t, s.Update(t.Context(), func(w abuse.Writer) error {
		for i := 0; i < len(pairs); i += 2 {
			if err := w.Put(table, []byte(pairs[i]), []byte(pairs[i+1])); err != nil {
				return err
			}
		}
		return nil
	}))
}

// want wants these rows and no others.
func want(t testing.TB, s abuse.Store, table abuse.Table, pairs ...string) {
	t.Helper()
	noError(t, s.View(t.Context(), func(r abuse.Reader) error {
		wantRows(t, r, table, nil, nil, 1000, pairs...)
		return nil
	}))
}

func wantRows(t testing.TB, r abuse.Reader, table abuse.Table, from, to []byte, limit int, pairs ...string) {
	t.Helper()
	rows, err := r.Scan(table, from, to, limit)
	noError(t, err)
	var got []string
	for _, row := range rows {
		if row.Value == nil {
			t.Fatal("Scan gives a value of nil")
		}
		got = append(got, string(row.Key), string(row.Value))
	}
	if !slices.Equal(got, pairs) {
		t.Fatalf("Scan gives %q, not %q", got, pairs)
	}
}

func wantGet(t testing.TB, r abuse.Reader, table abuse.Table, pairs ...string) {
	t.Helper()
	var keys [][]byte
	for i := 0; i < len(pairs); i += 2 {
		keys = append(keys, []byte(pairs[i]))
	}
	values, err := r.Get(table, keys...)
	noError(t, err)
	equal(t, len(keys), len(values))
	for i, v := range values {
		if w := bytesOf(pairs[2*i+1]); (w == nil) != (v == nil) || !bytes.Equal(w, v) {
			t.Fatalf("Get of %q gives %q, not %q", keys[i], v, w)
		}
	}
}
