package linkage

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// Names are told apart as a map does, also if hashes are so bad that different names share them.
func TestRepeatedNames(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 5))
	found := 0
	for range 300 {
		n := newNames(16, 0)
		size, different, hashes := r.IntN(400), 1+r.IntN(100_000), 1+r.Uint64N(1<<uint(r.IntN(40)))
		if r.IntN(10) == 0 {
			size = 20_000 // several buckets
		}
		var all []string
		for range size {
			name := fmt.Sprint(r.IntN(different))
			all = append(all, name)
			addText(&n.texts, name)
			h := uint64(0)
			for _, c := range name {
				h = h*31 + uint64(c)
			}
			n.hashes.push(h * 0x9e3779b97f4a7c15 % hashes * (1 << 60 / hashes))
		}
		among := size
		if size > 0 {
			among = r.IntN(size + 1)
		}
		want, seen := -1, map[string]bool{}
		for i, name := range all[:among] {
			if seen[name] {
				want = i
				break
			}
			seen[name] = true
		}
		got, ok := n.repeated(among)
		require.Equal(t, want >= 0, ok)
		if ok {
			require.Equal(t, want, got)
			found++
		}
	}
	require.Greater(t, found, 20)
}

// The hashes that are there more than once, against sorting.
func TestRepeats(t *testing.T) {
	for range 200 {
		var l list[uint64]
		var all []uint64
		for range rand.IntN(30_000) {
			h := rand.Uint64() >> rand.IntN(64)
			l.push(h)
			all = append(all, h)
		}
		n := 0
		if len(all) > 0 {
			n = rand.IntN(len(all) + 1)
		}
		want := map[uint64]bool{}
		sorted := slices.Sorted(slices.Values(all[:n]))
		for i := 1; i < len(sorted); i++ {
			if sorted[i] == sorted[i-1] {
				want[sorted[i]] = true
			}
		}
		require.True(t, len(want) == len(repeats(&l, n)))
		for h := range repeats(&l, n) {
			require.True(t, want[h])
		}
	}
}
