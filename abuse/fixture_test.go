package abuse_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/abusetest"
)

// The evidence of abusetest, by the short names that these tests have for it.
var (
	now            = abusetest.Now
	observed       = abusetest.Observed
	long           = abusetest.Long
	id             = abusetest.ID
	strong         = abusetest.Strong
	sighting       = abusetest.Sighting
	good           = abusetest.Good
	randomSignal   = abusetest.Signal
	randomHolding  = abusetest.Holding
	randomEvidence = abusetest.Evidence
)

func policy(t testing.TB) abuse.Policy {
	p := abuse.DefaultPolicy("social", abuse.Live)
	require.NoError(t, p.Validate())
	return p
}

// random gives a generator and prints its seed, so that a failure can be had again.
func random(t testing.TB) *rand.Rand {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 1))
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }
