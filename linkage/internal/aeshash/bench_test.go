package aeshash_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/hueandcry/hueandcry/linkage/internal/aeshash"
)

// BenchmarkBlocks counts the blocks that come out. 1024 of them, 16 KiB, lie in
// the nearest cache.
func BenchmarkBlocks(b *testing.B) {
	s := newSource(b)
	left, right := aeshash.New(s.key()), aeshash.New(s.key())
	src, dst := s.blocks(1024), make([]block, 1024)
	for _, what := range []struct {
		name   string
		blocks int
		run    func()
	}{
		{"Hash", 1024, func() { left.Hash(dst, src) }},
		{"Hash8", 8, func() { left.Hash(dst[:8], src[:8]) }},
		{"Expand", 1024, func() { aeshash.Expand(left, right, dst, src[:512]) }},
		{"Expand8", 8, func() { aeshash.Expand(left, right, dst[:8], src[:4]) }},
		{"New", 1, func() { left = aeshash.New([16]byte{}) }},
	} {
		b.Run(what.name, func(b *testing.B) {
			b.Cleanup(aeshash.Restore)
			all := aeshash.Implementations()
			for _, name := range slices.Sorted(maps.Keys(all)) {
				b.Run(name, func(b *testing.B) {
					all[name]()
					for b.Loop() {
						what.run()
					}
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(what.blocks), "ns/block")
				})
			}
		})
	}
}
