package policy_test

import (
	"math/rand/v2"
	"testing"

	"github.com/hueandcry/hueandcry/abuse/abusetest"
)

// The evidence of abusetest, by the short names that these tests have for it.
var (
	now            = abusetest.Now
	strong         = abusetest.Strong
	sighting       = abusetest.Sighting
	good           = abusetest.Good
	randomEvidence = abusetest.Evidence
)

// random gives a generator and prints its seed, so that a failure can be had again.
func random(t testing.TB) *rand.Rand {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 1))
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }
