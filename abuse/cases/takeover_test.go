package cases_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/cases"
)

// Honest partners withdraw: what they have done does not pass to a signal that is in quarantine,
// whether it lay there all the time or came last.
func TestTakeover(t *testing.T) {
	for name, along := range map[string]bool{"there all the time": true, "came last": false} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, func(c *cases.Config) { c.Limits.SignalAccounts = 3 })
			flood := strong(1, "bad.example")
			for i := range 3 {
				b.settle(evidence(fmt.Sprint("a-", i), flood))
			}
			for i := range 10 {
				account, honest := fmt.Sprint("b-", i), strong(100+i, "good.example")
				honest.Cause = flood.ID // so that the two do not corroborate each other
				first := b.settle(evidence(account, honest))
				require.Equal(t, abuse.Suspend, first.Action)
				if along {
					first = b.settle(evidence(account, honest, flood))
					require.Equal(t, abuse.Suspend, first.Action)
					require.Empty(t, first.Bounds)
				}
				d := b.settle(evidence(account, flood))
				require.Equal(t, abuse.None, d.Action)
				require.Equal(t, abuse.Live, d.Mode)
				require.Equal(t, first.ID, d.Undoes)
				require.Equal(t, []string{cases.Quarantine}, met(d))
				require.Equal(t, abuse.None, b.under(account).Action)
			}
		})
	}
}

// A step that is taken over is charged, and a cap leaves a label of it.
func TestTakeoverCapped(t *testing.T) {
	b := newBench(t, func(c *cases.Config) { c.Limits.PartnerDay = 2 })
	for i := range 4 {
		b.settle(evidence(fmt.Sprint("a-", i), strong(i, fmt.Sprintf("p%d.example", i))))
	}
	for i, want := range []abuse.Action{abuse.Suspend, abuse.Suspend, abuse.Label, abuse.Label} {
		account := fmt.Sprint("a-", i)
		d := b.settle(evidence(account, strong(10+i, "bad.example")))
		require.Equal(t, want, d.Action)
		require.Equal(t, want < abuse.Suspend, d.Undoes.Version() != 0)
		require.Equal(t, want, b.under(account).Action)
	}
	// No bound keeps up a step that nothing carries any more, harsher ones neither.
	b = newBench(t, func(c *cases.Config) { c.Limits.PartnerDay = -1; c.Limits.Day = 1 })
	require.Equal(t, abuse.Friction, b.settle(evidence("anna", weak(1, "good.example"))).Action)
	still := b.settle(evidence("anna", weak(1, "good.example"), strong(2, "bad.example")))
	require.Equal(t, abuse.Friction, still.Action)
	require.Equal(t, signalID(1), b.under("anna").Carriers[0].Signal)
	require.Len(t, b.under("anna").Carriers, 1)
	require.Equal(t, abuse.Label, b.settle(evidence("anna", strong(2, "bad.example"))).Action)
}
