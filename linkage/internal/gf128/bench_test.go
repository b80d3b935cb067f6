package gf128_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/hueandcry/hueandcry/linkage/internal/gf128"
)

// Vectors of 1024 elements, 16 KiB, lie in the nearest cache.
func BenchmarkProducts(b *testing.B) {
	const n = 1024
	s := newSource(b)
	u, v, dst, by := s.elements(n), s.elements(n), make([]element, n), s.element()
	for _, what := range []struct {
		name     string
		products int
		run      func()
	}{
		{"Mul", 1, func() { by = by.Mul(u[0]) }},
		{"MulEach", n, func() { gf128.MulEach(dst, u, v) }},
		{"MulEach8", 8, func() { gf128.MulEach(dst[:8], u[:8], v[:8]) }},
		{"MulAdd", n, func() { gf128.MulAdd(dst, u, by) }},
		{"InnerProduct", n, func() { by = by.Add(gf128.InnerProduct(u, v)) }},
		{"InnerProduct3", 3, func() { by = by.Add(gf128.InnerProduct(u[:3], v[:3])) }},
		{"Inverse", 1, func() { by = by.Inverse() }},
	} {
		b.Run(what.name, func(b *testing.B) {
			b.Cleanup(gf128.Restore)
			all := gf128.Implementations()
			for _, name := range slices.Sorted(maps.Keys(all)) {
				b.Run(name, func(b *testing.B) {
					all[name]()
					for b.Loop() {
						what.run()
					}
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(what.products), "ns/product")
				})
			}
		})
	}
}
