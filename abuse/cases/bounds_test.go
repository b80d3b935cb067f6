package cases_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/cases"
	"github.com/hueandcry/hueandcry/hashing"
)

func TestConfig(t *testing.T) {
	for field, cfg := range map[string]cases.Config{
		"Decide":       {},
		"BaseShare":    {Decide: decide, Limits: cases.Limits{BaseShare: 1.1}},
		"PartnerShare": {Decide: decide, Limits: cases.Limits{PartnerShare: math.NaN()}},
	} {
		_, err := cases.New(cfg)
		var bad *abuse.Error
		require.ErrorAs(t, err, &bad)
		require.Contains(t, bad.Field, field)
	}
	d, err := cases.New(cases.Config{Decide: decide})
	require.NoError(t, err)
	var bad *abuse.Error
	_, err = d.Receipts(t.Context(), "a.example")
	require.ErrorAs(t, err, &bad)
	require.ErrorAs(t, d.Alarms(t.Context(), nil), &bad)
	require.ErrorAs(t, d.Sweep(t.Context(), nil), &bad)
	require.ErrorAs(t, d.Reset(t.Context(), cases.KindRule, "x", "y"), &bad)
}

func TestInputs(t *testing.T) {
	b := newBench(t)
	var bad *abuse.Error
	for _, account := range []string{"", strings.Repeat("x", 257)} {
		err := b.store.Update(t.Context(), func(w abuse.Writer) error {
			_, err := b.Settle(w, evidence(account, strong(1, "messenger.example")), noon, true)
			return err
		})
		require.ErrorAs(t, err, &bad)
	}
	was := b.settle(evidence("anna", strong(1, "messenger.example")))
	for what, r := range map[string]cases.Ruling{
		"no name":        {Action: abuse.None},
		"a long name":    {Action: abuse.None, Reviewer: strings.Repeat("x", 129)},
		"no step":        {Reviewer: "r. gomez"},
		"no such step":   {Action: 7, Reviewer: "r. gomez"},
		"no end":         {Action: abuse.Suspend, Reviewer: "r. gomez"},
		"an end gone by": {Action: abuse.Suspend, Reviewer: "r. gomez", Until: b.now},
	} {
		err := b.store.Update(t.Context(), func(w abuse.Writer) error {
			_, err := b.Rule(w, was, r, b.now)
			return err
		})
		require.ErrorAs(t, err, &bad, what)
		require.NotContains(t, err.Error(), "anna")
	}
	require.Equal(t, was.ID, b.under("anna").Decision)
	require.ErrorAs(t, b.Reset(t.Context(), cases.KindAll, "x", "r. gomez"), &bad)
	require.ErrorAs(t, b.Reset(t.Context(), cases.KindRule, "", "r. gomez"), &bad)
	require.ErrorAs(t, b.Reset(t.Context(), cases.KindRule, "x", ""), &bad)
	_, err := b.Receipts(t.Context(), strings.Repeat("x", 65))
	require.ErrorAs(t, err, &bad)
}

// An automatic step without end is given one; only a person may order it.
func TestNoStepWithoutEnd(t *testing.T) {
	b := newBench(t, func(c *cases.Config) {
		c.Decide = func(e abuse.Evidence, now time.Time) abuse.Decision {
			d := decide(e, now)
			d.Action, d.Until = abuse.Disable, time.Time{}
			return d
		}
	})
	d := b.settle(evidence("anna", strong(1, "messenger.example")))
	require.Equal(t, b.now.Add(abuse.MaxDuration), d.Until)
	require.Equal(t, []string{cases.NoEnd}, met(d))
	require.Equal(t, d.Until, b.under("anna").Until)
}

// Each bound by itself: so many steps are taken, and what is left over is a label.
func TestCaps(t *testing.T) {
	spread := func(i int) string { return fmt.Sprintf("p%d.example", i%5) }
	one := func(int) string { return "messenger.example" }
	off := cases.Limits{PartnerDay: -1, RuleDay: -1, CategoryDay: -1, Day: -1, BaseShare: -1, PartnerShare: -1, TripLeast: -1, SignalAccounts: -1}
	for name, c := range map[string]struct {
		bound string
		want  int
		from  func(int) string
		edit  func(*cases.Config)
	}{
		"partner":             {cases.CapPartner, 7, one, func(c *cases.Config) { c.Limits.PartnerDay = 7 }},
		"each partner":        {cases.CapPartner, 15, spread, func(c *cases.Config) { c.Limits.PartnerDay = 3 }},
		"rule":                {cases.CapRule, 9, spread, func(c *cases.Config) { c.Limits.RuleDay = 9 }},
		"rule's own":          {cases.CapRule, 4, spread, func(c *cases.Config) { c.RuleCap = func(string) int64 { return 4 } }},
		"share of a rule":     {cases.CapRulePartner, 10, one, func(c *cases.Config) { c.Limits.RuleDay, c.Limits.PartnerShare = 20, 0.5 }},
		"category":            {cases.CapCategory, 8, spread, func(c *cases.Config) { c.Limits.CategoryDay = 8 }},
		"share of a category": {cases.CapCategoryPartner, 4, one, func(c *cases.Config) { c.Limits.CategoryDay, c.Limits.PartnerShare = 8, 0.5 }},
		"day":                 {cases.CapDay, 13, spread, func(c *cases.Config) { c.Limits.Day = 13 }},
		"base":                {cases.CapBase, 11, spread, func(c *cases.Config) { c.Limits.BaseShare, c.Accounts = 0.01, func() int64 { return 1100 } }},
		"share of the base": {cases.CapPartner, 5, one, func(c *cases.Config) {
			c.Limits.BaseShare, c.Limits.PartnerShare, c.Accounts = 0.01, 0.5, func() int64 { return 1100 }
		}},
		"a base of one":        {cases.CapBase, 1, spread, func(c *cases.Config) { c.Limits.BaseShare, c.Accounts = 0.01, func() int64 { return 1 } }},
		"how many, is unknown": {"", 40, spread, func(c *cases.Config) { c.Limits.BaseShare, c.Accounts = 0.01, func() int64 { return 0 } }},
		"none":                 {"", 40, one, func(*cases.Config) {}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, func(cfg *cases.Config) { cfg.Limits = off; c.edit(cfg) })
			day := func(from int) (steps int) {
				for i := range 40 {
					d := b.settle(evidence(fmt.Sprint("a-", from+i), strong(from+i, c.from(i))))
					if d.Action > abuse.Label {
						steps++
						continue
					}
					require.Equal(t, abuse.Label, d.Action)
					require.Equal(t, abuse.Live, d.Mode)
					require.Contains(t, met(d), c.bound)
					require.Contains(t, d.Reason, c.bound)
					require.Equal(t, abuse.Suspend, d.Bounds[0].Proposed)
				}
				return steps
			}
			require.Equal(t, c.want, day(0))
			rang := b.alarms()
			require.Equal(t, c.bound != "", len(rang) > 0)
			for _, a := range rang {
				require.Equal(t, c.bound, a.Bound)
			}
			require.Empty(t, b.alarms(), "told once")

			// Undone whatever the caps say.
			d := b.settle(evidence("a-0"))
			require.NotZero(t, d.Undoes)

			b.now = b.now.AddDate(0, 0, 1)
			require.Equal(t, c.want, day(100), "the next day there is room again")
		})
	}
}

// A signal that floods carries nothing more, until a person says so.
func TestQuarantine(t *testing.T) {
	b := newBench(t, func(c *cases.Config) { c.Limits.SignalAccounts = 3 })
	for i := range 5 {
		d := b.settle(evidence(fmt.Sprint("a-", i), strong(1, "messenger.example")))
		if i < 3 {
			require.Equal(t, abuse.Suspend, d.Action)
			continue
		}
		require.Equal(t, abuse.Background, d.Mode, "shown and not done")
		require.Equal(t, abuse.Suspend, d.Action)
		require.Equal(t, abuse.None, b.under(d.Account).Action)
	}
	require.Equal(t, abuse.Suspend, b.settle(evidence("other", strong(2, "messenger.example"))).Action)
	a := b.alarms()
	require.Len(t, a, 1)
	require.Equal(t, "signal", a[0].Kind)
	back := func(behind string) (accounts []string) {
		require.NoError(t, b.store.View(t.Context(), func(r abuse.Reader) (err error) {
			accounts, err = b.HeldBack(r, behind, 10)
			return err
		}))
		return accounts
	}
	require.Equal(t, []string{"a-3", "a-4"}, back(""))
	require.NoError(t, b.Reset(t.Context(), cases.KindSignal, a[0].Name, "r. gomez"))
	require.Equal(t, abuse.Suspend, b.settle(evidence("a-4", strong(1, "messenger.example"))).Action)
	require.Equal(t, []string{"a-3"}, back(""))
	require.Empty(t, back("a-3"))
}

// The band, by its formula: a partner of ten a day for ten days may do 37 and no more.
func TestBand(t *testing.T) {
	b := newBench(t, func(c *cases.Config) { c.Limits.SignalAccounts = -1 })
	b.quietDays(10, 10, "messenger.example", "market.example")
	end := int(math.Pow(math.Sqrt(10+3.0/8)+3, 2) - 3.0/8)
	step := func(i int) abuse.Decision {
		return b.settle(evidence(fmt.Sprint("a-", i), strong(i, "messenger.example")))
	}
	for i := range end {
		require.Equal(t, abuse.Live, step(i).Mode, i)
	}
	d := step(end)
	require.Equal(t, abuse.Background, d.Mode)
	require.Equal(t, []string{cases.TrippedPartner}, met(d))
	require.Equal(t, int64(end), d.Bounds[0].Limit)
	a := b.alarms()
	require.Len(t, a, 1)
	require.Equal(t, "messenger.example", a[0].Name)
	b.now = b.now.AddDate(0, 0, 2)
	require.Equal(t, abuse.Background, step(100).Mode, "it does not end by itself")
	require.NotZero(t, b.settle(evidence("old-10000181")).Undoes, "nothing holds up an undo")

	require.NoError(t, b.Reset(t.Context(), cases.KindPartner, "messenger.example", "r. gomez"))
	require.Equal(t, abuse.Live, step(101).Mode)
	require.NoError(t, b.store.View(t.Context(), func(r abuse.Reader) error {
		m, err := b.Mode(r, cases.KindPartner, "messenger.example")
		require.False(t, m.Background())
		require.Equal(t, "r. gomez", m.Reviewer)
		return err
	}))
	for i := range end - 1 {
		require.Equal(t, abuse.Live, step(200+i).Mode, "the days in background are no history")
	}
	require.Equal(t, abuse.Background, step(300).Mode)
}

// A rule that leaves its band by the work of many goes to background, and not one of them.
func TestRuleBand(t *testing.T) {
	b := newBench(t)
	b.quietDays(8, 1, "p0.example", "p1.example", "p2.example")
	var last abuse.Decision
	for i := range 60 {
		if last = b.settle(evidence(fmt.Sprint("a-", i), strong(i, fmt.Sprintf("q%d.example", i%10)))); last.Mode == abuse.Background {
			break
		}
	}
	require.Equal(t, []string{cases.TrippedRule}, met(last))
	require.Equal(t, abuse.Friction, b.settle(evidence("other", weak(99, "p0.example"))).Action, "other rules go on")
	require.NoError(t, b.Reset(t.Context(), cases.KindRule, "suspend_confirmed", "r. gomez"))
	require.Equal(t, abuse.Live, b.settle(evidence("more", strong(98, "p0.example"))).Mode)
}

// What the caller does not take is handed on again.
func TestAlarmsAgain(t *testing.T) {
	b := newBench(t, func(c *cases.Config) { c.Limits.PartnerDay = 1 })
	for i := range 4 {
		b.settle(evidence(fmt.Sprint("a-", i), strong(i, fmt.Sprintf("p%d.example", i%2))))
	}
	refused := errors.New("not now")
	var names []string
	take := func(_ context.Context, a cases.Alarm) error {
		if len(names) == 1 {
			names = append(names, "")
			return refused
		}
		names = append(names, a.Name)
		return nil
	}
	require.ErrorIs(t, b.Alarms(t.Context(), take), refused)
	require.NoError(t, b.Alarms(t.Context(), take))
	require.Equal(t, []string{"p0.example", "", "p1.example"}, names)
}

func TestExempt(t *testing.T) {
	key := hashing.NewKey()
	number := phone(t, 1)
	var none cases.Exempt
	require.False(t, none.Has(key.Token(number)))
	require.False(t, cases.NewExempt(hashing.NewKey().Token(number)).Has(key.Token(number)), "of another key")
	list := cases.NewExempt(key.Token(number))
	require.Equal(t, holding(), list.Mark(holding(), key.Token(phone(t, 2))))

	b := newBench(t)
	e := evidence("helpline", strong(1, "messenger.example"), strong(2, "market.example"))
	e.Holdings[0] = list.Mark(e.Holdings[0], key.Token(number))
	d := b.settle(e)
	require.Equal(t, abuse.None, d.Action)
	require.Equal(t, abuse.GuardOverShared, d.Explanation.Signals[0].Findings[0].Guard)
}

// A policy in background takes back what is in force, and its decision is live.
func TestPolicyGoesToBackground(t *testing.T) {
	mode := abuse.Live
	b := newBench(t, func(c *cases.Config) {
		c.Decide = func(e abuse.Evidence, now time.Time) abuse.Decision {
			return abuse.Decide(e, abuse.DefaultPolicy("network.example", mode), now)
		}
	})
	first := b.settle(evidence("anna", strong(1, "messenger.example")))
	mode = abuse.Background
	d := b.settle(evidence("anna", strong(1, "messenger.example")))
	require.Equal(t, first.ID, d.Undoes)
	require.Equal(t, abuse.Live, d.Mode)
	require.Equal(t, abuse.None, d.Action)
	require.Equal(t, []string{cases.BackgroundPolicy}, met(d))
	d = b.settle(evidence("anna", strong(1, "messenger.example")))
	require.Equal(t, abuse.Background, d.Mode)
	require.Zero(t, d.Undoes)
}

func TestStepsAndForget(t *testing.T) {
	b := newBench(t)
	for i := range 5 {
		b.settle(evidence(fmt.Sprint("a-", i), strong(i, "messenger.example")))
	}
	var all []string
	require.NoError(t, b.store.Update(t.Context(), func(w abuse.Writer) error {
		all = nil
		for behind, more := "", true; more; {
			var steps []cases.Step
			var err error
			if steps, behind, more, err = b.Steps(w, behind, 2, b.now); err != nil {
				return err
			}
			for _, s := range steps {
				all = append(all, s.Account)
			}
		}
		return b.Forget(w, "a-3")
	}))
	require.Equal(t, []string{"a-0", "a-1", "a-2", "a-3", "a-4"}, all)
	require.Equal(t, abuse.None, b.under("a-3").Action)
	require.Empty(t, b.carried("messenger.example", 3))
}

// A partner that says something and takes it back, again and again, of an account that another's signal
// has limited, uses up its own caps and not the other's, whose signal goes on to count.
func TestTogglingIsCharged(t *testing.T) {
	b := newBench(t, func(c *cases.Config) { c.Limits.PartnerDay, c.Limits.SignalAccounts = 8, 8 })
	mild := strong(1, "messenger.example")
	mild.Confidence = 60
	first := b.settle(evidence("anna", mild))
	require.Greater(t, first.Action, abuse.Label)
	harsher := 0
	for n := range 20 {
		d := b.settle(evidence("anna", mild, strong(100+n, "market.example")))
		if d.Action > first.Action {
			harsher++
		}
		require.Equal(t, first.Action, b.settle(evidence("anna", mild)).Action)
	}
	require.Equal(t, 8, harsher)
	for n := range 7 { // the first step was one of eight
		mild.ID = signalID(1)
		require.Equal(t, first.Action, b.settle(evidence(fmt.Sprint("b-", n), mild)).Action, n)
	}
	require.Less(t, b.settle(evidence("b-7", mild)).Action, first.Action, "and no more")
}
