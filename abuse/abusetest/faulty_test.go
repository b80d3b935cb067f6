package abusetest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/abusetest"
)

func TestFaulty(t *testing.T) {
	faults := []abusetest.Fault{abusetest.None, abusetest.Before, abusetest.After, abusetest.Rerun}
	s := abusetest.Faulty(abuse.NewMemory(), func(op string, n int) abusetest.Fault {
		if op == "load" {
			return abusetest.Rerun
		}
		return faults[n%len(faults)]
	})
	runs := 0
	for n, want := range []struct {
		rows, runs int
		fails      bool
	}{{1, 1, false}, {1, 1, true}, {2, 2, true}, {3, 4, false}} {
		err := s.Update(t.Context(), func(w abuse.Writer) error {
			runs++
			return w.Put(abuse.Kept, []byte{byte(n)}, []byte("v"))
		})
		require.Equal(t, want.fails, err != nil)
		if want.fails {
			var e *abuse.StoreError
			require.ErrorAs(t, err, &e)
			require.ErrorIs(t, err, abusetest.ErrFault)
		}
		require.Equal(t, want.runs, runs)
		if n == 1 || n == 2 { // the views fail too
			require.Error(t, s.View(t.Context(), func(abuse.Reader) error { return nil }))
			continue
		}
		require.NoError(t, s.View(t.Context(), func(r abuse.Reader) error {
			rows, err := r.Scan(abuse.Kept, nil, nil, 9)
			require.Len(t, rows, want.rows)
			return err
		}))
	}
	require.NoError(t, s.Load(t.Context(), abuse.Kept, func(func(abuse.Row) bool) {}))
}

// A faulty store without faults keeps the contract, and so does one whose functions always run twice.
func TestFaultyRuns(t *testing.T) {
	for _, f := range []abusetest.Fault{abusetest.None, abusetest.Rerun} {
		abusetest.Run(t, func(testing.TB) (func() abuse.Store, bool) {
			return func() abuse.Store {
				return abusetest.Faulty(abuse.NewMemory(), func(string, int) abusetest.Fault { return f })
			}, false
		})
	}
}
