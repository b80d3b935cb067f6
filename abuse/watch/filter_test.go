package watch

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFilter(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	tag := func(n uint64) (b [16]byte) {
		binary.BigEndian.PutUint64(b[:], n)
		return b
	}
	require.False(t, new(filter).has(tag(1)))
	for _, n := range []int{0, 1, 2, 7, 8, 9, 1000, 70_000} {
		var f filter
		built, added := make([]uint64, n), make([]uint64, n)
		edges := []uint64{0, 1, 1 << 63, ^uint64(0)}
		in := map[uint64]bool{}
		for i := range n {
			built[i], added[i] = r.Uint64(), r.Uint64()
			if i < len(edges) {
				built[i] = edges[i]
			}
			in[built[i]], in[added[i]] = true, true
		}
		if n > 0 {
			f.build(append([]uint64(nil), append(built, built[0])...))
		}
		for _, h := range added {
			f.add(tag(h))
		}
		require.Equal(t, len(in), f.len())
		for h := range in {
			require.True(t, f.has(tag(h)))
			require.Equal(t, in[h+1], f.has(tag(h+1)))
			require.Equal(t, in[h^1<<40], f.has(tag(h^1<<40)))
		}
		for _, h := range edges {
			require.Equal(t, in[h], f.has(tag(h)))
		}
	}
}

func BenchmarkFilter10M(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	heads := make([]uint64, 10_000_000)
	for i := range heads {
		heads[i] = r.Uint64()
	}
	var f filter
	f.build(heads)
	var tag [16]byte
	hits := 0
	for b.Loop() {
		binary.BigEndian.PutUint64(tag[:], r.Uint64())
		if f.has(tag) {
			hits++
		}
	}
	b.ReportMetric(float64(hits), "hits")
}
