package abuse_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/hashing"
)

func BenchmarkDecide(b *testing.B) {
	p := policy(b)
	one := abuse.Evidence{Account: "a", Sightings: []abuse.Sighting{sighting(strong(1, "messenger"), hashing.Phone)},
		Holdings: []abuse.Holding{good(hashing.Phone)}}
	one.Sightings[0].Places = []int{0} // as linkage says it
	two := clone(one)
	two.Sightings = append(two.Sightings, sighting(strong(2, "bank"), hashing.Phone, hashing.IMEI))
	two.Sightings[1].Places = []int{0, 1}
	r := rand.New(rand.NewPCG(1, 1))
	var mixed []abuse.Evidence
	for range 1000 {
		mixed = append(mixed, randomEvidence(r, 1+r.IntN(2)))
	}
	flood := clone(one)
	for n := range 10_000 {
		x := sighting(strong(10+n, "messenger"), hashing.Phone)
		x.Places = []int{0}
		flood.Sightings = append(flood.Sightings, x)
	}
	for _, c := range []struct {
		name string
		from []abuse.Evidence
	}{{"suspend", []abuse.Evidence{one}}, {"disable", []abuse.Evidence{two}}, {"mixed", mixed}, {"flood10k", []abuse.Evidence{flood}}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				abuse.Decide(c.from[n%len(c.from)], p, now)
				n++
			}
		})
	}
}

func BenchmarkParseSignal(b *testing.B) {
	s := strong(1, "messenger")
	data, err := s.MarshalBinary()
	require.NoError(b, err)
	b.ReportAllocs()
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := abuse.ParseSignal(data); err != nil {
			b.Fatal(err)
		}
	}
}
