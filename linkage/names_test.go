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
	if testing.Short() {
		t.Skip("nothing in it is concurrent, and it is long under the race detector")
	}
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

// The model sorts.
func TestRepeats(t *testing.T) {
	if testing.Short() {
		t.Skip("nothing in it is concurrent, and it is long under the race detector")
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 6))
	for range 200 {
		var l list[uint64]
		all, groups := []uint64{}, map[uint64]int{}
		size, shift := r.IntN(30_000), r.IntN(64)
		n := r.IntN(size + 1)
		for i := range size {
			h := r.Uint64() << shift
			l.push(h)
			if i < n {
				all = append(all, h)
				groups[h]++
			}
		}
		found := map[uint32]bool{}
		repeats(&l, n, func(same []uint32) {
			require.Greater(t, len(same), 1)
			require.True(t, slices.IsSorted(same))
			for _, i := range same {
				if found[i] || all[same[0]]>>32 != all[i]>>32 { // without a call for each of millions
					require.Fail(t, "given twice, or with others")
				}
				found[i] = true
			}
		})
		for i, h := range all {
			if !found[uint32(i)] && groups[h] != 1 {
				require.Fail(t, "a repeat is missed")
			}
		}
	}
}
