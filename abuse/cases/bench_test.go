package cases_test

import (
	"fmt"
	"testing"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/cases"
)

// What it costs to settle, on a store in memory: nothing to do, a new step, and one that is capped.
func BenchmarkSettle(b *testing.B) {
	for name, c := range map[string]struct {
		limit int64
		e     func(i int) abuse.Evidence
	}{
		"none":   {-1, func(i int) abuse.Evidence { return evidence(fmt.Sprint("a-", i)) }},
		"step":   {-1, func(i int) abuse.Evidence { return evidence(fmt.Sprint("a-", i), strong(i, "messenger.example")) }},
		"capped": {1, func(i int) abuse.Evidence { return evidence(fmt.Sprint("a-", i), strong(i, "messenger.example")) }},
	} {
		b.Run(name, func(b *testing.B) {
			x := newBench(b, func(cfg *cases.Config) {
				cfg.Limits = cases.Limits{PartnerDay: c.limit, RuleDay: c.limit, CategoryDay: c.limit, Day: c.limit}
			})
			b.ReportAllocs()
			for i := range b.N {
				x.quick([]abuse.Evidence{c.e(i)})
			}
		})
	}
}
