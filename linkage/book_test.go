package linkage

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/hashing"
)

// The model is a map of slices.
func TestBook(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for _, ordinals := range []bool{false, true} {
		type held struct{ owner, place uint32 }
		model := map[item][]held{}
		b := newBook(ordinals)
		for owner := range uint32(3000) {
			for place := range uint32(r.IntN(6)) {
				var it item
				binary.BigEndian.PutUint16(it[:], uint16(min(r.IntN(4000), r.IntN(4000))))
				kind := hashing.Kind(1 + it[1]%3)
				b.prepare([]uint64{b.hash(&it)})
				h, added, err := b.add(&it, b.hash(&it), kind, owner, place)
				require.NoError(t, err)
				known := slices.ContainsFunc(model[it], func(h held) bool { return h.owner == owner })
				require.Equal(t, !known, added)
				if !added {
					continue
				}
				want := held{owner, place}
				if ordinals {
					want.place = uint32(len(model[it]))
				}
				require.Equal(t, want, held{h.owner, h.place})
				model[it] = append(model[it], want)
			}
		}
		b.close()
		require.Equal(t, len(model), b.len())
		counts := map[hashing.Kind]int{}
		for i := range uint32(b.len()) {
			var got []held
			for at := uint32(0); ; {
				h := b.holding(i, at)
				got = append(got, held{h.owner, h.place})
				if at = h.next; at == 0 {
					break
				}
			}
			it := *b.items.at(i)
			require.ElementsMatch(t, model[it], got)
			require.Equal(t, hashing.Kind(1+it[1]%3), *b.kinds.at(i))
			counts[*b.kinds.at(i)]++
		}
		for k, n := range counts {
			require.Equal(t, n, b.counts[k])
		}
	}
}

// Numbers that have no room are refused before anything breaks.
func TestBookIsFull(t *testing.T) {
	add := func(b *book, n byte, owner uint32) error {
		it := item{n}
		b.prepare([]uint64{b.hash(&it)})
		_, _, err := b.add(&it, b.hash(&it), hashing.Phone, owner, 0)
		return err
	}
	b := newBook(false)
	b.most = 3
	for n := range byte(3) {
		require.NoError(t, add(b, n, 0))
	}
	for owner := range uint32(3) {
		require.NoError(t, add(b, 0, owner+1))
	}
	require.ErrorIs(t, add(b, 0, 4), ErrInput)
	require.NoError(t, add(b, 0, 3), "noted already")
	err := add(b, 3, 5)
	require.ErrorIs(t, err, ErrLimit)
	var l *LimitError
	require.ErrorAs(t, err, &l)
	require.Equal(t, LimitError{"Identifiers", 3, 4}, *l)
}

func TestOrder(t *testing.T) {
	b := newBook(false)
	kinds := []hashing.Kind{hashing.Phone, hashing.IMEI, hashing.InstallID}
	const each = 400
	for i := range uint32(2 * each) {
		it := item{byte(i >> 8), byte(i)}
		b.prepare([]uint64{b.hash(&it)})
		_, _, err := b.add(&it, b.hash(&it), kinds[i%2*2], i, 0) // no IMEI
		require.NoError(t, err)
	}
	order := func(seed byte) []uint32 {
		out, err := b.order(kinds, bytes.NewReader(bytes.Repeat([]byte{seed}, 32)))
		require.NoError(t, err)
		require.Len(t, out, 2*each)
		for at, i := range out {
			require.Equal(t, uint32(at/each), i%2, "kind by kind")
		}
		sorted := slices.Sorted(slices.Values(out))
		for at, i := range sorted {
			require.Equal(t, uint32(at), i, "each once")
		}
		return out
	}
	a := order(1)
	require.Equal(t, a, order(1))
	require.NotEqual(t, a, order(2))
	ascending := 0
	for at := 1; at < each; at++ {
		if a[at] > a[at-1] {
			ascending++
		}
	}
	require.InDelta(t, each/2, ascending, each/4, "the order in which they came is not to be seen")

	_, err := b.order(kinds, bytes.NewReader(nil))
	require.ErrorIs(t, err, ErrInternal)
}
