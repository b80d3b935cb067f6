package cases_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/cases"
)

// relay is a signal as a partner passes it on: with the ID that its origin gave it.
func relay(s abuse.Signal, by string) abuse.Signal {
	s.Path = []string{by}
	return s
}

// A signal comes from its origin and, passed on, from a partner that a bound has left out: the step is
// the origin's alone, and when he withdraws it is decided again, by the bound of who passed it on.
func TestRelayedLeftOut(t *testing.T) {
	own := strong(1, "messenger.example")
	copied := relay(own, "market.example")
	for name, c := range map[string]struct {
		limits cases.Limits
		bound  string
		left   abuse.Action
	}{
		"cap":        {cases.Limits{PartnerDay: 1}, cases.CapPartner, abuse.Label},
		"quarantine": {cases.Limits{SignalAccounts: 1}, cases.Quarantine, abuse.None},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, func(cfg *cases.Config) { cfg.Limits = c.limits })
			require.Equal(t, abuse.Suspend, b.settle(evidence("bert", copied)).Action)
			first := b.settle(evidence("anna", own, copied))
			require.Equal(t, abuse.Suspend, first.Action)
			require.Equal(t, []string{c.bound}, met(first))
			require.Len(t, first.Explanation.Signals, 2, "a person is shown both")
			require.Equal(t, []cases.Carrier{{From: "messenger.example", Origin: "messenger.example", Signal: own.ID}}, b.under("anna").Carriers)
			require.Empty(t, b.under("anna").Along)
			require.Equal(t, []string{"anna"}, b.carried("messenger.example", 1))
			require.Equal(t, []string{"bert"}, b.carried("market.example", 1))

			d := b.settle(evidence("anna", copied))
			require.Equal(t, c.left, d.Action)
			require.Equal(t, first.ID, d.Undoes)
			require.Equal(t, []string{c.bound}, met(d))
			require.Empty(t, b.carried("messenger.example", 1))
			got, err := b.ExactReceipts(t.Context(), "messenger.example", b.now)
			require.NoError(t, err)
			want := [3]int64{1, 0, 0}
			if c.left > abuse.None {
				want = [3]int64{0, 1, 0}
			}
			require.Equal(t, want, got)
		})
	}
}

// One that no bound leaves out carries with the origin's and is charged with it; so does one that takes
// the step over when there is room.
func TestRelayedCharged(t *testing.T) {
	own := strong(1, "messenger.example")
	copied := relay(own, "market.example")
	b := newBench(t, func(c *cases.Config) { c.Limits.PartnerDay = 1 })
	first := b.settle(evidence("anna", own, copied))
	require.Len(t, b.under("anna").Carriers, 2)
	still := b.settle(evidence("anna", copied))
	require.Equal(t, first.Action, still.Action)
	require.Empty(t, still.Bounds)
	require.Equal(t, abuse.Label, b.settle(evidence("bert", strong(2, "market.example"))).Action, "charged with anna's")

	b = newBench(t, func(c *cases.Config) { c.Limits.PartnerDay = 1 })
	b.settle(evidence("anna", own))
	both := b.settle(evidence("anna", own, copied))
	require.Empty(t, both.Bounds)
	require.Equal(t, "market.example", b.under("anna").Along[0].From, "it is there, and nobody asked for it")
	require.Empty(t, b.settle(evidence("anna", copied)).Bounds)
	require.Equal(t, abuse.Label, b.settle(evidence("bert", strong(2, "market.example"))).Action, "charged when it took over")
}

// What lies beneath a ruling is in force when that ends: no more of it than the bounds let by.
func TestBoundsBeneathRulings(t *testing.T) {
	day := noon.AddDate(0, 0, 1)
	for name, c := range map[string]struct {
		limits cases.Limits
		bound  string
		signal func(int) abuse.Signal
		left   abuse.Action
	}{
		"cap":        {cases.Limits{PartnerDay: 1}, cases.CapPartner, func(n int) abuse.Signal { return strong(200+n, "market.example") }, abuse.Label},
		"quarantine": {cases.Limits{SignalAccounts: 1}, cases.Quarantine, func(int) abuse.Signal { return strong(200, "market.example") }, abuse.None},
		"band":       {cases.Limits{TripDays: 1, TripLeast: 1}, cases.TrippedPartner, func(n int) abuse.Signal { return strong(200+n, "market.example") }, abuse.None},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, func(cfg *cases.Config) { cfg.Limits = c.limits })
			for n := range 4 {
				was := b.settle(evidence(fmt.Sprint("a-", n), strong(100+n, fmt.Sprint("other-", n, ".example"))))
				b.rule(was, cases.Ruling{Action: abuse.Suspend, Until: day.AddDate(0, 0, 1), Reviewer: "h. okoye"})
			}
			for n := 0; c.bound == cases.TrippedPartner && n < 40; n++ { // a flood after a quiet day
				b.settle(evidence(fmt.Sprint("more-", n), strong(300+n, "market.example")))
				if n == 0 {
					b.now = noon.AddDate(0, 0, 1).Add(-time.Minute)
				}
			}
			acts := 0
			for n := range 4 {
				d := b.settle(evidence(fmt.Sprint("a-", n), c.signal(n)))
				require.Equal(t, abuse.Suspend, d.Action)
				require.Equal(t, abuse.Live, d.Mode)
				require.False(t, d.Automated, "a person's ruling has no bounds")
				require.Zero(t, d.Undoes)
				require.Contains(t, met(d), cases.Ruled)
				beneath, err := b.Beneath(t.Context(), d.Account, b.now)
				require.NoError(t, err)
				if beneath.Action == abuse.Suspend {
					require.NotContains(t, met(d), c.bound)
					require.Empty(t, beneath.Along, "charged")
					acts++
				} else {
					require.Contains(t, met(d), c.bound)
					require.Equal(t, c.left, max(beneath.Action, abuse.None))
				}
			}
			require.Less(t, acts, 2)
			back := slices.DeleteFunc(b.heldBack(), func(a string) bool { return a[0] == 'm' })
			require.Len(t, back, 4-acts)
			require.NotEmpty(t, b.alarms())

			b.now = day.AddDate(0, 0, 1).Add(time.Second)
			for n := range 4 {
				account, want := fmt.Sprint("a-", n), abuse.Suspend
				if slices.Contains(back, account) {
					want = c.left
				}
				require.Equal(t, want, b.under(account).Action, account)
			}
		})
	}
}

// Room that there is again is taken beneath the ruling too; and beneath one without end nothing is
// charged, for nothing of it will ever be in force.
func TestRoomBeneathRulings(t *testing.T) {
	b := newBench(t, func(c *cases.Config) { c.Limits.PartnerDay = 1 })
	rule := func(account string, n int, r cases.Ruling) {
		r.Reviewer = "h. okoye"
		b.rule(b.settle(evidence(account, strong(n, fmt.Sprint("other-", n, ".example")))), r)
	}
	until := noon.AddDate(0, 0, 2)
	rule("carl", 3, cases.Ruling{Action: abuse.Disable})
	for n := range 3 {
		d := b.settle(evidence("carl", strong(30+n, "market.example")))
		require.Equal(t, []string{cases.Ruled}, met(d))
	}
	rule("anna", 1, cases.Ruling{Action: abuse.Suspend, Until: until})
	rule("bert", 2, cases.Ruling{Action: abuse.Suspend, Until: until})
	require.NotContains(t, met(b.settle(evidence("anna", strong(11, "market.example")))), cases.CapPartner)
	require.Contains(t, met(b.settle(evidence("bert", strong(12, "market.example")))), cases.CapPartner)
	require.Equal(t, []string{"bert"}, b.heldBack())
	b.now = noon.AddDate(0, 0, 1)
	require.NotContains(t, met(b.settle(evidence("bert", strong(12, "market.example")))), cases.CapPartner)
	require.Empty(t, b.heldBack())
	b.now = until
	require.Equal(t, abuse.Suspend, b.under("anna").Action)
	require.Equal(t, abuse.Suspend, b.under("bert").Action)
	require.Equal(t, abuse.Disable, b.under("carl").Action)
}

// A row that was written before steps beneath a ruling were charged: it is read, and charged by the
// next decision.
func TestBeneathOfOldRow(t *testing.T) {
	const row = `{"v":1,"row":{"step":{"decision":"019a0000-0000-8000-8000-000000000001","action":"suspend","scope":"account","until":"2026-11-30T12:00:00Z","rule":"suspend_confirmed","category":"phishing",` +
		`"carriers":[{"from":"market.example","origin":"market.example","signal":"019a0000-0000-7000-8000-000000000005"}],"along":[{"from":"market.example","origin":"market.example","signal":"019a0000-0000-7000-8000-000000000005"}],"since":"2026-11-23T11:00:00Z"},` +
		`"ruling":{"action":"suspend","scope":"account","until":"2026-11-24T12:00:00Z","reviewer":"h. okoye","decision":"019a0000-0000-8000-8000-000000000002","at":"2026-11-23T10:00:00Z","rule":"suspend_confirmed"}}}`
	b := newBench(t, func(c *cases.Config) { c.Limits.PartnerDay = 1 })
	require.NoError(t, b.store.Update(t.Context(), func(w abuse.Writer) error {
		return w.Put(abuse.InForce, append([]byte{'a', 0, 4}, "anna"...), []byte(row))
	}))
	require.Equal(t, uuid.MustParse("019a0000-0000-8000-8000-000000000002"), b.under("anna").Decision)
	require.Equal(t, []string{cases.Ruled}, met(b.settle(evidence("anna", strong(5, "market.example")))))
	beneath, err := b.Beneath(t.Context(), "anna", b.now)
	require.NoError(t, err)
	require.Empty(t, beneath.Along)
	require.Equal(t, []string{cases.CapPartner}, met(b.settle(evidence("bert", strong(6, "market.example")))))
}
