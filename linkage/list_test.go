package linkage

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestListAndTexts(t *testing.T) {
	if testing.Short() {
		t.Skip("nothing in it is concurrent, and it is long under the race detector")
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	var l list[int]
	require.Zero(t, l.len())
	for i := range 3*chunkLen + 5 {
		l.push(i)
		if l.len() != i+1 { // without a call for each
			require.Equal(t, i+1, l.len())
		}
	}
	for i := range 3*chunkLen + 5 {
		if got := *l.at(uint32(i)); got != i {
			require.Equal(t, i, got)
		}
	}

	var joined list[int]
	var want []int
	for len(want) < 3*chunkLen {
		run := make([]int, r.IntN(2*chunkLen))
		for i := range run {
			run[i] = r.Int()
		}
		joined.pushAll(run)
		want = append(want, run...)
	}
	for _, n := range []int{len(want), 3 * chunkLen, 3*chunkLen - 1, chunkLen + 1, chunkLen, 5, 0} {
		behind := slices.Clone(joined.chunks)
		joined.cut(n)
		require.Equal(t, n, joined.len())
		for _, chunk := range joined.chunks[len(joined.chunks):cap(joined.chunks)] {
			require.Nil(t, chunk, "memory that is not given back")
		}
		for i, chunk := range behind {
			for j, v := range chunk[:cap(chunk)][:len(chunk)] {
				if at := i*chunkLen + j; at >= n && v != 0 {
					require.Zero(t, v)
				} else if at < n && v != want[at] {
					require.Equal(t, want[at], v)
				}
			}
		}
	}
	joined.push(7)
	require.Equal(t, 7, *joined.at(0))

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
				_ = all.touch(*all.starts.at(from / stride), len(want)+1)
				require.Equal(t, want, string(w.next()))
			}
		}
	}
}
