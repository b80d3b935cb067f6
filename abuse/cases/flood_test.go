package cases_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/cases"
)

// quick settles many accounts in one Update, as a decider does.
func (b *bench) quick(all []abuse.Evidence) []abuse.Decision {
	b.t.Helper()
	var decisions []abuse.Decision
	require.NoError(b.t, b.store.Update(b.t.Context(), func(w abuse.Writer) error {
		decisions = decisions[:0]
		for _, e := range all {
			d, err := b.Settle(w, e, b.now, true)
			if err != nil {
				return err
			}
			decisions = append(decisions, d)
		}
		return nil
	}))
	return decisions
}

// tallied is what a flood came to.
type tallied struct{ flood, honest, acted, delayed int }

// flooded settles what a partner sends in a day, and between it what an honest one does, whose
// steps must all be taken.
func (b *bench) flooded(n, honest int, flood func(i int) abuse.Evidence, good func(i int) abuse.Evidence) (c tallied) {
	b.t.Helper()
	every, said := max(1, n/honest), 0
	var run []abuse.Evidence
	var mine []bool
	settle := func() {
		for i, d := range b.quick(run) {
			steps := d.Mode == abuse.Live && d.Action > abuse.Label
			switch {
			case mine[i] && steps:
				c.acted++
			case mine[i]:
				c.delayed++
			case steps:
				c.flood++
			}
		}
		run, mine = run[:0], mine[:0]
	}
	for i := range n {
		run, mine = append(run, flood(i)), append(mine, false)
		if i%every == every-1 && said < honest {
			run, mine = append(run, good(said)), append(mine, true)
			said++
		}
		if len(run) >= 64 {
			settle()
		}
	}
	settle()
	c.honest = said
	return c
}

// quietDays gives partners a history of so many steps a day.
func (b *bench) quietDays(days, steps int, origins ...string) {
	b.t.Helper()
	n := 10_000_000
	for range days {
		for _, o := range origins {
			for range steps {
				n++
				b.quick([]abuse.Evidence{evidence(fmt.Sprint("old-", n), strong(n, o))})
			}
		}
		b.alarms()
		b.now = b.now.AddDate(0, 0, 1)
	}
}

// Bar 4 of issue 5, first half: a partner sends signals about all new accounts of a day.
func TestFloodOfNewAccounts(t *testing.T) {
	n := 10_000
	switch {
	case os.Getenv("HUEANDCRY_FULL") != "":
		n = 100_000
	case testing.Short():
		n = 5_000
	}
	about := func(origin, account string, from int) func(i int) abuse.Evidence {
		return func(i int) abuse.Evidence { return evidence(fmt.Sprint(account, i), strong(from+i, origin)) }
	}
	base := func(c *cases.Config) { c.Accounts = func() int64 { return 1_000_000 } }
	for name, days := range map[string]int{"new partner": 0, "with a history": 14} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, base)
			b.quietDays(days, 5, "bad.example", "good.example")
			begin := time.Now()
			honest := 60
			if days > 0 {
				honest = 20 // within the band of one who is known for five a day
			}
			c := b.flooded(n, honest, about("bad.example", "new-", 1), about("good.example", "other-", 5_000_000))
			t.Logf("%d signals in %s: %+v", n, time.Since(begin).Round(time.Millisecond), c)
			bounds := map[string]int{}
			for _, a := range b.alarms() {
				bounds[a.Bound+" "+a.Name]++
			}
			if days == 0 {
				require.Equal(t, tallied{100, honest, honest, 0}, c, "the cap and no more, and nobody else's actions are delayed")
				require.Equal(t, map[string]int{"cap_partner_day bad.example": 1}, bounds)
			} else {
				require.Equal(t, tallied{27, honest, honest, 0}, c, "to the end of the band of 5 a day")
				require.Equal(t, map[string]int{"background_partner bad.example": 1}, bounds)
			}
		})
	}
}

// The flood is about the very accounts that an honest partner speaks of.
func TestFloodOverHonestSignals(t *testing.T) {
	b := newBench(t)
	for i := range 300 {
		b.quick([]abuse.Evidence{evidence(fmt.Sprint("a-", i), strong(i, "bad.example"))})
	}
	for i := 200; i < 260; i++ {
		d := b.quick([]abuse.Evidence{evidence(fmt.Sprint("a-", i), strong(i, "bad.example"), strong(1000+i, "good.example"))})[0]
		require.Equal(t, abuse.Suspend, d.Action)
		require.Equal(t, []string{"cap_partner_day"}, met(d))
		require.Len(t, d.Explanation.Signals, 2, "who looks at it sees everything")
		require.Equal(t, "good.example", b.under(fmt.Sprint("a-", i)).Carriers[0].From)
		require.Len(t, b.under(fmt.Sprint("a-", i)).Carriers, 1)
	}
}

// Bar 4, second half: a partner sends signals on the most shared identifiers.
func TestFloodOfSharedIdentifiers(t *testing.T) {
	const identifiers = 1000
	for name, known := range map[string]bool{"how many hold it is known": true, "is not known": false} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, func(c *cases.Config) { c.Accounts = func() int64 { return 1_000_000 } })
			var all []abuse.Evidence
			for i := range identifiers {
				holders := max(4, 2000/(1+i)) // by Zipf's law
				if testing.Short() {
					holders = max(4, 200/(1+i))
				}
				for a := range holders {
					e := evidence(fmt.Sprint("shared-", i, "-", a), strong(i, "bad.example"))
					e.Holdings[0].Accounts = holders
					if !known {
						e.Holdings[0].Accounts = 0
					}
					all = append(all, e)
				}
			}
			c := b.flooded(len(all), 60, func(i int) abuse.Evidence { return all[i] },
				func(i int) abuse.Evidence {
					return evidence(fmt.Sprint("other-", i), strong(5_000_000+i, "good.example"))
				})
			t.Logf("%d accounts: %+v", len(all), c)
			bounds := map[string]int{}
			for _, a := range b.alarms() {
				bounds[a.Bound]++
			}
			require.Zero(t, c.delayed)
			require.Equal(t, c.honest, c.acted)
			if known {
				require.Zero(t, c.flood, "the guard over_shared")
				require.Empty(t, bounds)
				return
			}
			require.Equal(t, 100, c.flood)
			require.Equal(t, 1, bounds["cap_partner_day"])
			require.Positive(t, bounds["quarantine_signal"])
		})
	}
}
