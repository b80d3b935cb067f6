//go:build !race

package policy_test

import (
	"testing"

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
