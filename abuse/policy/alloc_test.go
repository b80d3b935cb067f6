//go:build !race

package policy_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/policy"
	"github.com/hueandcry/hueandcry/hashing"
)

// Under the race detector a pool forgets some of what is put into it.
func TestDecideAllocates(t *testing.T) {
	s := social(t, policy.Default())
	none, two := one(), one()
	none.Sightings[0].Signal.Confidence = 0
	two.Sightings = append(two.Sightings, sighting(strong(2, "bank"), hashing.Phone, hashing.IMEI))
	two.Own = abuse.Own{Reports: 3, First: now.AddDate(0, 0, -9)}
	large := one()
	for n := range 30 {
		large.Sightings = append(large.Sightings, sighting(strong(3+n, "bank"), hashing.Phone, hashing.IMEI))
	}
	for name, e := range map[string]abuse.Evidence{"one": one(), "none": none, "two": two, "large": large, "empty": {Account: "a"}} {
		got := s.Decide(e, now)
		require.Equal(t, name == "none" || name == "empty", got.Action == abuse.None, name)
		allocs := testing.AllocsPerRun(1000, func() { s.Decide(e, now) })
		require.LessOrEqual(t, allocs, 4.0, name)
		t.Log(name, len(got.Signals), "signals:", allocs, "allocations")
	}
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
				s.Decide(e, now)
			}
			best = min(best, time.Since(start))
		}
		return best
	}
	few, most := took(many(t, 50)), took(many(t, 1000))
	t.Log(few/time.Duration(len(all)), most/time.Duration(len(all)))
	require.Less(t, most, 5*few)
}
