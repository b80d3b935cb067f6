package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/policy"
	"github.com/hueandcry/hueandcry/hashing"
)

func social(t testing.TB, s *policy.Set) *policy.Set {
	s, err := s.With(policy.Options{Self: "social", Mode: abuse.Live})
	require.NoError(t, err)
	return s
}

// The shipped rules and the core's policy come to the same, and so do the two ways
// to ask the rules.
func TestDefaultIsTheCoresPolicy(t *testing.T) {
	n := 100_000
	if testing.Short() {
		n = 10_000
	}
	r := random(t)
	core := abuse.DefaultPolicy("social", abuse.Live)
	rules := social(t, policy.Default())
	acted := map[string]int{}
	for range n {
		e := randomEvidence(r, pick(r, 0, 1, 1, 2, 3, 5))
		want, got, fast := abuse.Decide(e, core, now), rules.Explain(e, now), rules.Decide(e, now)
		acted[want.Rule]++
		require.Equal(t, [...]any{want.Action, want.Rule, want.Scope, want.Until, want.Signals, want.Reason, want.Undo, want.Mode, want.Explanation.Unknown},
			[...]any{got.Action, got.Rule, got.Scope, got.Until, got.Signals, got.Reason, got.Undo, got.Mode, got.Explanation.Unknown}, "%+v", e)
		agree(t, got, fast)
	}
	t.Log(acted)
	for _, rule := range core.Rules {
		require.Positive(t, acted[rule.ID], rule.ID)
	}
}

// What a partner says who was wrong too often goes less far by the shipped rules, down to a label and not to nothing.
func TestDefaultWeighsPartners(t *testing.T) {
	for weight, want := range map[float64]string{1: "suspend_confirmed", .95: "suspend_confirmed", .9: "limit_confirmed", .6: "friction_confirmed", .5: "label_any", 0: "label_any"} {
		s, err := social(t, policy.Default()).With(policy.Options{Discount: map[string]float64{"messenger": weight, "bank": 0}})
		require.NoError(t, err)
		d := s.Explain(one(), now) // with confidence 85
		require.Equal(t, want, d.Rule, weight)
		agree(t, d, s.Decide(one(), now))
		require.Equal(t, weight < 1, strings.Contains(d.Text(), fmt.Sprintf("(signal.discounted = %d, partner.weight = %v): ", int(85*weight), weight)), d.Text())
	}
}

// Nor does he make another's word go further.
func TestWhoIsWrongDoesNotCorroborate(t *testing.T) {
	e := one()
	e.Sightings = append(e.Sightings, sighting(strong(2, "bank"), hashing.Phone))
	for weight, want := range map[float64]string{1: "disable_corroborated", .71: "disable_corroborated", .7: "suspend_confirmed", 0: "suspend_confirmed"} {
		s, err := social(t, policy.Default()).With(policy.Options{Discount: map[string]float64{"bank": weight}})
		require.NoError(t, err)
		d := s.Explain(e, now) // with confidence 85, of which 60 is asked
		require.Equal(t, want, d.Rule, weight)
		agree(t, d, s.Decide(e, now))
	}
}

func TestDiscountIsExact(t *testing.T) {
	s := parse(t, rule("r", "live", "label", "signal.discounted >= 0", ""))
	e := one()
	e.Sightings[0].Signal.Confidence = 100
	for percent := range 101 {
		x, err := s.With(policy.Options{Discount: map[string]float64{"messenger": float64(percent) / 100}})
		require.NoError(t, err)
		require.Contains(t, x.Explain(e, now).Text(), fmt.Sprintf("(signal.discounted = %d", percent))
	}
}
