package policy_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/cases"
	"github.com/hueandcry/hueandcry/abuse/policy"
)

const wired = `
schema: 1
name: wired
rules:
  - {id: suspend_sure, version: 1, status: live, daily_cap: 4, when: signal.discounted >= 80, action: suspend, for: 7d}
  - {id: limit_rest, version: 1, status: live, when: signal.confidence >= 60, action: limit, for: 7d}
`

// Rules, their caps and the scorecards of partners, tied together.
func ExampleCurrent() {
	ctx := context.Background()
	store, clock := abuse.NewMemory(), func() time.Time { return now }
	set, err := policy.Load(fstest.MapFS{"rules.yaml": {Data: []byte(wired)}}, "rules.yaml")
	if err != nil {
		fmt.Println(err)
		return
	}
	set, err = set.With(policy.Options{Self: "social", Mode: abuse.Live})
	if err != nil {
		fmt.Println(err)
		return
	}

	rules, err := policy.NewCurrent(set)
	if err != nil {
		fmt.Println(err)
		return
	}
	desk, err := cases.New(cases.Config{Decide: rules.Explain, RuleCap: rules.RuleCap, // both, or no daily_cap holds
		Store: store, Clock: clock})
	if err != nil {
		fmt.Println(err)
		return
	}
	hearings, err := cases.NewHearings(cases.HearingsConfig{Desk: desk, Self: "social", Clock: clock, Key: make([]byte, 32)})
	if err != nil {
		fmt.Println(err)
		return
	}
	settle := hearings.Around(desk.Settle) // goes into the DeciderConfig of package watch, which does what follows
	decide := func(account string) {
		e := one() // a signal of messenger's, with confidence 85
		e.Account = account
		_ = store.Update(ctx, func(w abuse.Writer) error {
			d, err := settle(w, e, now, true)
			fmt.Println(account, d.Action, "by", d.Rule, err)
			return err
		})
	}

	decide("boris")
	for n := range 20 { // reviews and appeals find that messenger was wrong
		_ = hearings.Give(ctx, cases.Feedback{From: "messenger", Signal: strong(100+n, "messenger"), Verdict: cases.Wrong, Source: cases.FromReview})
	}
	if err := rules.Weigh(ctx, hearings.Weights); err != nil { // every hour, say
		fmt.Println(err)
		return
	}
	decide("carla")
	// Output:
	// boris suspend by suspend_sure <nil>
	// carla limit by limit_rest <nil>
}

func wiredSet(t testing.TB, text string) *policy.Set {
	t.Helper()
	set, err := policy.Parse("wired.yaml", []byte(text))
	require.NoError(t, err)
	set, err = set.With(policy.Options{Self: "social", Mode: abuse.Live})
	require.NoError(t, err)
	return set
}

func about(account, from string, n int) abuse.Evidence {
	e := one()
	e.Account = account
	e.Sightings[0].Signal, e.Sightings[0].From = strong(n, from), from
	return e
}

// A daily_cap of a rules file binds through the one line RuleCap, of a Set and of a Current, and not without it; the
// next day and other rules are free of it.
func TestDailyCapBinds(t *testing.T) {
	set := wiredSet(t, wired)
	current, err := policy.NewCurrent(set)
	require.NoError(t, err)
	for name, c := range map[string]struct {
		cap        func(string) int64
		many, lone int // suspended of ten, by ten partners and by one
	}{"set": {set.RuleCap, 4, 2}, "current": {current.RuleCap, 4, 2}, "none": {nil, 10, 10}} {
		t.Run(name, func(t *testing.T) {
			for _, lone := range []bool{false, true} {
				store := abuse.NewMemory()
				desk, err := cases.New(cases.Config{Decide: current.Explain, RuleCap: c.cap, Store: store})
				require.NoError(t, err)
				day := func(at time.Time) (steps map[abuse.Action]int) {
					steps = map[abuse.Action]int{}
					for n := range 10 {
						from := fmt.Sprint("partner-", n)
						if lone {
							from = "partner-0"
						}
						require.NoError(t, store.Update(t.Context(), func(w abuse.Writer) error {
							d, err := desk.Settle(w, about(fmt.Sprint(at.Unix(), "-", n), from, n), at, true)
							if steps[d.Action]++; d.Action == abuse.Label {
								bound := cases.CapRule
								if lone {
									bound = cases.CapRulePartner
								}
								require.Equal(t, bound, d.Bounds[0].Name)
							}
							return err
						}))
					}
					return steps
				}
				want := c.many
				if lone {
					want = c.lone
				}
				for n := range 2 {
					steps := day(now.AddDate(0, 0, n))
					require.Equal(t, want, steps[abuse.Suspend])
					require.Equal(t, 10-want, steps[abuse.Label])
				}
			}
		})
	}
	require.Zero(t, set.RuleCap("limit_rest"))
	require.Zero(t, set.RuleCap("none"))
}

// Other rules and weights are taken as they are, or not at all.
func TestCurrent(t *testing.T) {
	ctx := t.Context()
	var bad *abuse.Error
	none, err := policy.NewCurrent(nil)
	require.ErrorAs(t, err, &bad)
	require.Nil(t, none)
	set := wiredSet(t, wired)
	c, err := policy.NewCurrent(set)
	require.NoError(t, err)
	gives := func(w map[string]float64, err error) func(context.Context) (map[string]float64, error) {
		return func(context.Context) (map[string]float64, error) { return w, err }
	}
	rule := func() string { return c.Explain(one(), now).Rule }
	require.Equal(t, "suspend_sure", rule())
	require.NoError(t, c.Weigh(ctx, gives(nil, nil)))
	require.Same(t, set, c.Set(), "nothing to change")

	require.NoError(t, c.Weigh(ctx, gives(map[string]float64{"messenger": .5}, nil)))
	require.Equal(t, "limit_rest", rule())
	weighed := c.Set()
	require.NotEqual(t, set.Hash(), weighed.Hash())
	require.NoError(t, c.Weigh(ctx, gives(map[string]float64{"messenger": .5}, nil)))
	require.Same(t, weighed, c.Set(), "the same weights keep the hash")
	failure := errors.New("the store is down")
	require.ErrorIs(t, c.Weigh(ctx, gives(nil, failure)), failure)
	for _, w := range []float64{-.1, 1.1, math.NaN(), math.Inf(1)} {
		require.ErrorAs(t, c.Weigh(ctx, gives(map[string]float64{"messenger": w}, nil)), &bad)
	}
	require.ErrorAs(t, c.Use(nil), &bad)
	require.Same(t, weighed, c.Set())

	// Rules that are read anew keep the weights, and bring their own caps.
	require.NoError(t, c.Use(wiredSet(t, "schema: 1\nname: other\nrules:\n  - {id: suspend_sure, version: 2, status: live, daily_cap: 9, when: signal.discounted >= 40, action: suspend, for: 7d}\n"+
		"  - {id: limit_rest, version: 1, status: live, when: signal.discounted >= 42, action: limit, for: 7d}\n")))
	require.Equal(t, int64(9), c.RuleCap("suspend_sure"))
	d := c.Explain(one(), now)
	require.Equal(t, "suspend_sure", d.Rule)
	require.Contains(t, d.Explanation.Rules[0].Leaves[len(d.Explanation.Rules[0].Leaves)-1].Fact, "signal.discounted = 42")
	// A partner whose verdicts have run out has its full weight again.
	require.NoError(t, c.Weigh(ctx, gives(map[string]float64{}, nil)))
	require.Contains(t, c.Explain(one(), now).Explanation.Rules[0].Leaves[len(d.Explanation.Rules[0].Leaves)-1].Fact, "signal.discounted = 85")
}

// It can be changed while it decides.
func TestCurrentAtOnce(t *testing.T) {
	c, err := policy.NewCurrent(wiredSet(t, wired))
	require.NoError(t, err)
	var wg sync.WaitGroup
	for n := range 4 {
		wg.Go(func() {
			for i := range 50 {
				if n == 0 {
					err := c.Weigh(context.Background(), func(context.Context) (map[string]float64, error) {
						return map[string]float64{"messenger": float64(i%2) / 2}, nil
					})
					if err != nil {
						t.Error(err)
					}
				}
				if d := c.Explain(one(), now); d.ID == (uuid.UUID{}) || c.RuleCap(d.Rule) > 4 {
					t.Error("no decision")
				}
			}
		})
	}
	wg.Wait()
}
