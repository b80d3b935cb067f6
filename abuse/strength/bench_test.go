package strength_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/strength"
	"github.com/hueandcry/hueandcry/hashing"
)

func twoKinds() (abuse.Sighting, []abuse.Holding) {
	return sighting([]int{0, 1}, hashing.Phone, hashing.IMEI), []abuse.Holding{holding(hashing.Phone, long, 2), holding(hashing.IMEI, late, 1)}
}

// A policy asks for a score at each evidence.
func TestScoreAllocatesNothing(t *testing.T) {
	m := strength.Default()
	s, here := twoKinds()
	e, w := &abuse.Evidence{Holdings: here}, &abuse.Weighed{Sighting: s}
	require.Zero(t, testing.AllocsPerRun(100, func() { m.Score(s, here) }))
	require.Zero(t, testing.AllocsPerRun(100, func() { m.Match(e, w, late) }))
}

func BenchmarkScore(b *testing.B) {
	m := strength.Default()
	s, here := twoKinds()
	b.ReportAllocs()
	for b.Loop() {
		m.Score(s, here)
	}
}

func BenchmarkWeigh(b *testing.B) {
	m := strength.Default()
	s, here := twoKinds()
	c := strength.Compare(s, here)
	b.ReportAllocs()
	for b.Loop() {
		m.Weigh(c)
	}
}

func BenchmarkEstimate(b *testing.B) {
	here, there := world(rand.New(rand.NewPCG(1, 1)), 2_000)
	_, patterns, _ := compareAll(here, there, false, reported)
	b.ReportAllocs()
	for b.Loop() {
		_, _, err := strength.Estimate(patterns, strength.Options{})
		require.NoError(b, err)
	}
}
