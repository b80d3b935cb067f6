package policy_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/policy"
)

// history is evidence as it comes: mostly one signal, by a phone number or a
// device, near the thresholds.
func history(n int) []abuse.Evidence {
	r := rand.New(rand.NewPCG(1, 2))
	list := make([]abuse.Evidence, n)
	for i := range list {
		list[i] = randomEvidence(r, pick(r, 1, 1, 1, 2))
	}
	return list
}

func BenchmarkDecide(b *testing.B) {
	rules := social(b, policy.Default())
	all := history(1000)
	b.Run("decide", func(b *testing.B) { each(b, rules.Decide, all) })
	b.Run("explain", func(b *testing.B) { each(b, rules.Explain, all) })
}

func each[D any](b *testing.B, decide func(abuse.Evidence, time.Time) D, all []abuse.Evidence) {
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		decide(all[n%len(all)], now)
		n++
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "evidences/s")
}

func BenchmarkRules50(b *testing.B)   { each(b, many(b, 50).Decide, history(1000)) }
func BenchmarkRules1000(b *testing.B) { each(b, many(b, 1000).Decide, history(1000)) }

// many makes a set of n rules such as people write: some categories each, and some
// bounds.
func many(t testing.TB, n int) *policy.Set {
	r := rand.New(rand.NewPCG(3, 4))
	var b strings.Builder
	b.WriteString("schema: 1\nname: many\nrules:\n")
	actions := []string{"disable", "suspend", "limit", "friction", "label"}
	for i := range n {
		var categories []string
		for c := abuse.Spam; c <= abuse.Other; c++ {
			if r.IntN(4) == 0 {
				categories = append(categories, c.String())
			}
		}
		if len(categories) == 0 {
			categories = []string{"spam"}
		}
		fmt.Fprintf(&b, "- id: r%d\n  version: 1\n  status: live\n  action: %s\n  for: 7d\n  categories: [%s]\n  when: >\n    %s\n",
			i, actions[i*len(actions)/n], strings.Join(categories, ", "), randomCondition(r))
	}
	s, err := policy.Parse("many.yaml", []byte(b.String()))
	require.NoError(t, err)
	return social(t, s)
}

func randomCondition(r *rand.Rand) string {
	parts := []string{fmt.Sprintf("signal.confidence >= %d", 70+r.IntN(31)), fmt.Sprintf("signal.reports >= %d", 5+r.IntN(60))}
	some := []string{"signal.confirmed", "signal.reviewed", "match.phone", "match.device", "match.corroborated", "match.phone_alone",
		"signal.severity >= high", "signal.severity >= critical", fmt.Sprintf("signal.age <= duration('%dh')", 24*(1+r.IntN(30))),
		fmt.Sprintf("signal.reports + account.signals >= %d", 5+r.IntN(50)), "(match.phone || signal.reviewed)",
		fmt.Sprintf("signal.discounted >= %d", 50+r.IntN(50)), "signal.origin in ['messenger', 'bank']", "!(signal.hops > 1)",
		"signal.hops < 1", "1 > signal.hops", "80 <= signal.confidence", "signal.confidence > 79", "86 > signal.discounted",
		fmt.Sprintf("signal.left > duration('%dh')", 24*(80+r.IntN(10)))}
	for range 1 + r.IntN(4) {
		parts = append(parts, some[r.IntN(len(some))])
	}
	return strings.Join(parts, " && ")
}
