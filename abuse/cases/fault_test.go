package cases_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/abusetest"
	"github.com/hueandcry/hueandcry/abuse/cases"
)

// faultyAt is a store that fails once, at one of the calls while it is armed, counted from 0.
func faultyAt(kind abusetest.Fault, at int, armed, failed *bool) abuse.Store {
	calls := -1
	return abusetest.Faulty(abuse.NewMemory(), func(string, int) abusetest.Fault {
		if !*armed {
			return abusetest.None
		}
		if calls++; calls == at {
			*failed = true
			return kind
		}
		return abusetest.None
	})
}

// Wherever the store fails while steps end and alarms are handed on, each is heard of at least
// once, and at the end nothing is left. So it is with more steps than one slice holds.
func TestNothingIsLostByFaults(t *testing.T) {
	for _, kind := range []abusetest.Fault{abusetest.Before, abusetest.After} {
		for at := 0; ; at++ {
			armed, failed := false, false
			store := faultyAt(kind, at, &armed, &failed)
			b := newBench(t, func(c *cases.Config) { c.Store, c.Limits.PartnerDay = store, 150 })
			want := map[string]bool{}
			for i := range 250 {
				d := b.settle(evidence(fmt.Sprint("a-", i), strong(i, fmt.Sprintf("p%d.example", i%2))))
				want[d.Account] = true
			}
			for i := range 60 { // of one partner, so that a cap is met
				b.settle(evidence(fmt.Sprint("b-", i), strong(1000+i, "p0.example")))
			}
			b.now = b.now.AddDate(0, 0, 8)
			armed = true
			heard, rang := map[string]bool{}, 0
			sweep := func() error {
				return b.Sweep(t.Context(), func(_ context.Context, e cases.Ended) error {
					heard[e.Step.Account] = true
					return nil
				})
			}
			ring := func() error {
				return b.Alarms(t.Context(), func(context.Context, cases.Alarm) error { rang++; return nil })
			}
			for _, do := range []func() error{sweep, ring} {
				if err := do(); err != nil {
					var store *abuse.StoreError
					require.ErrorAs(t, err, &store)
					require.True(t, errors.Is(err, abusetest.ErrFault))
					require.NoError(t, do())
				}
			}
			armed = false
			for account := range want {
				require.True(t, heard[account], "at %d", at)
			}
			require.Positive(t, rang)
			require.NoError(t, b.store.View(t.Context(), func(r abuse.Reader) error {
				carried, err := r.Scan(abuse.Carried, nil, nil, 10)
				require.NoError(t, err)
				require.Empty(t, carried)
				ends, err := r.Scan(abuse.InForce, []byte("e"), []byte("f"), 10)
				require.NoError(t, err)
				require.Empty(t, ends)
				steps, _, _, err := b.Steps(r, "", 1000, b.now)
				require.Empty(t, steps)
				return err
			}))
			if !failed {
				require.Greater(t, at, 4)
				break
			}
		}
	}
}
