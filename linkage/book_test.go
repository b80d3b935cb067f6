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

// putOne puts one holding into a book.
func putOne(b *book, it item, kind hashing.Kind, owner, place uint32) {
	b.put([]item{it}, []uint64{b.hash(&it)}, []hashing.Kind{kind}, []holding{{owner: owner, place: place}})
}

// The model is a map of slices. It makes no difference how often the book is settled.
func TestBook(t *testing.T) {
	if testing.Short() {
		t.Skip("nothing in it is concurrent, and it is long under the race detector")
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for round := range 12 {
		type held struct{ owner, place uint32 }
		model, order := map[item][]held{}, []item{}
		b := newBook(round%2 == 1)
		different, often := []int{300, 4000, 1_000_000}[round/2%3], r.IntN(300)
		total := 0
		for owner := range uint32(3000) {
			for place := range uint32(r.IntN(6)) {
				var it item
				binary.BigEndian.PutUint32(it[:], uint32(min(r.IntN(different), r.IntN(different))))
				putOne(b, it, hashing.Kind(1+it[3]%3), owner, place)
				if slices.ContainsFunc(model[it], func(h held) bool { return h.owner == owner }) {
					continue
				}
				want := held{owner, place}
				if b.ordinals {
					want.place = uint32(len(model[it]))
				}
				if len(model[it]) == 0 {
					order = append(order, it)
				}
				model[it] = append(model[it], want)
				total++
			}
			if r.IntN(1000) < often {
				_, err := b.settle()
				require.NoError(t, err)
			}
		}
		_, err := b.settle()
		require.NoError(t, err)
		b.close()
		require.Equal(t, len(model), b.len())
		require.Equal(t, total, b.held)
		counts := map[hashing.Kind]int{}
		for i := range uint32(b.len()) {
			it := *b.items.at(i)
			require.Equal(t, order[i], it, "as they came")
			var got []held
			for at := uint32(0); ; {
				h := b.holding(i, at)
				got = append(got, held{h.owner, h.place})
				if at = h.next; at == 0 {
					break
				}
			}
			slices.Reverse(got[1:]) // from the newest back
			require.Equal(t, model[it], got)
			require.Equal(t, hashing.Kind(1+it[3]%3), *b.kinds.at(i))
			counts[*b.kinds.at(i)]++
		}
		for k, n := range b.counts {
			require.Equal(t, counts[hashing.Kind(k)], n)
		}
	}
}

// The first holding that is too much is the one that is told of, as by a model that counts one
// after the other.
func TestBookIsFull(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	refused := map[string]int{}
	for range 2000 {
		b := newBook(true)
		b.caps.items.most, b.caps.holdings.most, b.caps.each.most = 1+r.Int64N(60), 1+r.Int64N(90), 1+r.Int64N(6)
		b.caps.items.name, b.caps.holdings.name, b.caps.each.name = "items", "holdings", "each"
		held, total, last := map[byte]int64{}, int64(0), map[byte]uint32{}
		var want *LimitError
		var at, owner uint32
		var err error
		for owner = range uint32(100) {
			it := item{byte(r.IntN(80))}
			putOne(b, it, hashing.Phone, owner, 0)
			if n := it[0]; want == nil && (held[n] == 0 || last[n] != owner) {
				held[n]++
				last[n] = owner
				total++
				for _, c := range []struct {
					named
					have int64
				}{{b.caps.each, held[n]}, {b.caps.items, int64(len(held))}, {b.caps.holdings, total}} {
					if c.have > c.most && want == nil {
						want, at = &LimitError{c.name, c.most, c.have}, owner
					}
				}
			}
			if r.IntN(30) == 0 {
				if owner, err = b.settle(); err != nil {
					break
				}
				require.Nil(t, want)
			}
		}
		if err == nil {
			owner, err = b.settle()
		}
		if want == nil {
			require.NoError(t, err)
			continue
		}
		var l *LimitError
		require.ErrorAs(t, err, &l)
		require.ErrorIs(t, err, ErrLimit)
		require.Equal(t, want, l)
		require.Equal(t, at, owner)
		refused[l.Limit]++
	}
	require.Len(t, refused, 3)
}

// A book is looked at when it may be full, and seldom besides.
func TestWhenABookIsLookedAt(t *testing.T) {
	b := newBook(false)
	require.Equal(t, firstLook, b.look())
	b.settled = 1 << 20
	require.Equal(t, 8<<20, b.look())
	b.caps.items.most = 2 << 20
	require.Equal(t, 2<<20+1, b.look())
	b.settled = 2<<20 - 5
	require.Greater(t, b.look(), 2<<20+firstLook)
	require.Less(t, b.look(), 3<<20)
	b.caps = noCaps()
	b.settled = most - 5
	require.LessOrEqual(t, b.look(), most)
	require.Less(t, uint64(most)+intakeRun, uint64(1)<<32)
}

func TestOrder(t *testing.T) {
	b := newBook(false)
	kinds := []hashing.Kind{hashing.Phone, hashing.IMEI, hashing.InstallID}
	const each = 400
	for i := range uint32(2 * each) {
		it := item{byte(i >> 8), byte(i)}
		putOne(b, it, kinds[i%2*2], i, 0) // no IMEI
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
