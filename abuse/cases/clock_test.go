package cases_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/cases"
)

// A process whose clock is months ahead settles once: the others' counters are not pinned to its
// day, the day is granted no more than its cap, and each day that follows is.
func TestClockAhead(t *testing.T) {
	b := newBench(t, func(c *cases.Config) {
		c.Limits = cases.Limits{PartnerDay: 5, RuleDay: -1, CategoryDay: -1, Day: -1, TripLeast: -1}
	})
	n := 0
	steps := func(tries int) (steps int) {
		for range tries {
			n++
			if b.settle(evidence(fmt.Sprint("a-", n), strong(n, "messenger.example"))).Action > abuse.Label {
				steps++
			}
		}
		return steps
	}
	require.Equal(t, 3, steps(3))
	right := b.now
	b.now = right.AddDate(0, 0, 60)
	require.Equal(t, 1, steps(1))
	b.now = right
	require.Equal(t, 1, steps(5), "three before, and the one of the clock ahead")
	for range 3 {
		b.now = right.AddDate(0, 0, 60)
		require.LessOrEqual(t, steps(2), 2)
		b.now = right
		require.Zero(t, steps(5), "what was used stays so, however often the clocks change places")
	}
	for day := range 4 {
		b.now = right.AddDate(0, 0, 2+day)
		if got := steps(10); day > 0 {
			require.Equal(t, 5, got)
		}
	}
	// A clock that is ahead on the first day that there is.
	b = newBench(t, func(c *cases.Config) { c.Limits = cases.Limits{PartnerDay: 5} })
	b.now = right.AddDate(0, 0, 60)
	require.Equal(t, 2, steps(2))
	b.now = right
	require.Equal(t, 3, steps(9), "once, what it used counts for today")
	b.now = right.AddDate(0, 0, 1)
	require.Equal(t, 5, steps(9))
}

// What a person has reset is not held against a partner or a rule by the next step.
func TestResetLasts(t *testing.T) {
	open := cases.Limits{PartnerDay: -1, RuleDay: -1, CategoryDay: -1, Day: -1, SignalAccounts: -1, TripLeast: 20, TripDays: 3}
	n := 0
	step := func(b *bench, origin string) abuse.Decision {
		n++
		return b.settle(evidence(fmt.Sprint("a-", n), strong(n, origin)))
	}
	for kind, name := range map[cases.Kind]string{cases.KindPartner: "p0.example", cases.KindRule: "suspend_confirmed"} {
		t.Run(kind.String(), func(t *testing.T) {
			b := newBench(t, func(c *cases.Config) { c.Limits = open })
			b.quietDays(5, 1, "p0.example", "p1.example")
			for range 20 {
				if kind == cases.KindPartner || n%2 == 0 {
					require.Equal(t, abuse.Live, step(b, "p0.example").Mode)
				} else {
					require.Equal(t, abuse.Live, step(b, "p1.example").Mode)
				}
			}
			require.NoError(t, b.Reset(t.Context(), kind, name, "r. gomez"))
			for range 9 {
				require.Equal(t, abuse.Live, step(b, "p1.example").Mode)
				require.Equal(t, abuse.Live, step(b, "p0.example").Mode)
			}
			require.Empty(t, b.alarms())
			if kind == cases.KindRule {
				return
			}
			// The one who fills the rule's band now is blamed, and not who was forgiven.
			for range 2 {
				require.Equal(t, abuse.Live, step(b, "p1.example").Mode)
			}
			require.Equal(t, abuse.Background, step(b, "p1.example").Mode)
			rang := b.alarms()
			require.Len(t, rang, 1)
			require.Equal(t, "p1.example", rang[0].Name)
		})
	}
}
