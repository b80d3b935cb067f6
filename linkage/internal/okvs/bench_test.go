package okvs_test

import (
	"fmt"
	"testing"

	"github.com/hueandcry/hueandcry/linkage/internal/gf128"
	"github.com/hueandcry/hueandcry/linkage/internal/okvs"
	"github.com/stretchr/testify/require"
)

// One core, so that the figures are per key and core.
func BenchmarkStore(b *testing.B) {
	for _, log := range []int{10, 16, 18, 20} {
		n := 1 << log
		s, p := newSource(b), params(b, n)
		keys, values := s.keys(n), s.elements(n)
		vector, out := make([]gf128.Element, p.Size()), make([]gf128.Element, n)
		m, space := okvs.NewMatrix(p, s.seed()), new(okvs.Space)
		for _, what := range []struct {
			name string
			run  func()
		}{
			{"encode", func() { clear(vector); require.NoError(b, encodeIn(space, m, vector, keys, values, 1)) }},
			{"decode", func() { m.Decode(out, vector, keys, 1) }},
		} {
			b.Run(fmt.Sprintf("%s/n=2^%d", what.name, log), func(b *testing.B) {
				for b.Loop() {
					what.run()
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/key")
				b.ReportMetric(float64(p.Size())/float64(n), "m/n")
			})
		}
	}
}

// A bin at which peeling fails; it is less than one in a hundred at the sizes of
// NewParams.
func BenchmarkLargeCore(b *testing.B) {
	const n = 1 << 15
	s, p := newSource(b), okvs.Sized(n, 1, n*6/5, 3)
	m, keys, values, vector := okvs.NewMatrix(p, s.seed()), s.keys(n), s.elements(n), s.elements(p.Size())
	for b.Loop() {
		require.NoError(b, encode(m, vector, keys, values, 1))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/key")
}

func BenchmarkNewParams(b *testing.B) {
	for b.Loop() {
		_, err := okvs.NewParams(1<<20, 100)
		require.NoError(b, err)
	}
}

func BenchmarkRow(b *testing.B) {
	m := okvs.NewMatrix(params(b, 1<<20), [32]byte{})
	for b.Loop() {
		m.Row(okvs.Key{})
	}
}
