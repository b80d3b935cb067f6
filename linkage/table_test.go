package linkage

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// The model is a map. Hashes are good, or so bad that all things begin at a few slots
// or at the last, or differ in the half that is not kept only.
func TestTable(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for name, hash := range map[string]func(uint64) uint64{
		"good":      func(x uint64) uint64 { return x * 0x9e3779b97f4a7c15 },
		"few":       func(x uint64) uint64 { return x % 3 << 62 },
		"last":      func(uint64) uint64 { return ^uint64(0) },
		"low half":  func(x uint64) uint64 { return x },
		"high half": func(x uint64) uint64 { return x << 32 },
	} {
		t.Run(name, func(t *testing.T) {
			var tab table
			var things []uint64
			model := map[uint64]uint32{}
			for len(things) < 2000 {
				run := make([]uint64, 1+r.IntN(300))
				hashes := make([]uint64, len(run))
				for i := range run {
					run[i] = r.Uint64N(3000)
					hashes[i] = hash(run[i])
				}
				tab.prepare(hashes)
				for i, x := range run {
					n, isNew := tab.number(hashes[i], func(n uint32) bool { return things[n] == x })
					want, known := model[x]
					require.Equal(t, !known, isNew)
					if isNew {
						want = uint32(len(things))
						model[x] = want
						things = append(things, x)
					}
					require.Equal(t, want, n)
				}
			}
			require.Less(t, len(things), len(tab.slots)/4*3+1)
		})
	}
}

func TestListAndTexts(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	var l list[int]
	require.Zero(t, l.len())
	for i := range 3*chunkLen + 5 {
		l.push(i)
		require.Equal(t, i+1, l.len())
	}
	for i := range 3*chunkLen + 5 {
		require.Equal(t, i, *l.at(uint32(i)))
	}

	for _, stride := range []uint32{1, 16} {
		all := texts{stride: stride}
		var model []string
		add := func(s string) {
			cut := r.IntN(len(s) + 1)
			addText(&all, s[:cut], s[cut:])
			model = append(model, s)
		}
		for range 300 {
			add(string(make([]byte, r.IntN(300))))
			add(fmt.Sprint(r.Uint64()))
		}
		add(string(make([]byte, textBlock+1))) // longer than a block
		for range 40 {
			add(string(make([]byte, textBlock/3))) // which leaves a rest of its block empty
			add("")
		}
		require.Greater(t, len(all.blocks), 10)
		for i, want := range model {
			require.Equal(t, want, string(all.at(uint32(i))), i)
		}
		for from := uint32(0); from < all.n; from += 5 * stride {
			w := all.walk(from)
			for _, want := range model[from:] {
				_ = w.touch()
				require.Equal(t, want, string(w.next()))
			}
		}
	}
}
