//go:build !race

package policy_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse/policy"
	"github.com/hueandcry/hueandcry/hashing"
)

// Under the race detector a pool forgets some of what is put into it.
func TestEvaluateAllocates(t *testing.T) {
	s := social(t, policy.Default())
	e := one()
	e.Sightings = append(e.Sightings, sighting(strong(2, "bank"), hashing.Phone, hashing.IMEI))
	require.LessOrEqual(t, testing.AllocsPerRun(1000, func() { s.Evaluate(e, now) }), 4.0)
}

// A thousand rules cost at most five times what fifty do.
func TestManyRulesCostLittle(t *testing.T) {
	if testing.Short() {
		t.Skip("takes the processor for itself")
	}
	all := history(2000)
	took := func(s *policy.Set) time.Duration {
		best := time.Hour
		for range 7 { // the least is what it takes when nobody else wants the processor
			start := time.Now()
			for _, e := range all {
				s.Evaluate(e, now)
			}
			best = min(best, time.Since(start))
		}
		return best
	}
	few, most := took(many(t, 50)), took(many(t, 1000))
	t.Log(few/time.Duration(len(all)), most/time.Duration(len(all)))
	require.Less(t, most, 5*few)
}
