package bulk

import (
	"math/bits"

	"github.com/hueandcry/hueandcry/linkage/internal/aeshash"
	"github.com/hueandcry/hueandcry/linkage/internal/gf128"
	"github.com/hueandcry/hueandcry/linkage/internal/okvs"
)

// Item is an identifier as both parties know it: a hash of 32 bytes that is the same for
// the same identifier and different for any other. Whoever has one can try all telephone
// numbers on it.
type Item = [32]byte

func keyOf(x *Item) okvs.Key { return okvs.Key(x[:16]) }

// Salt is the joint salt of a session: what spreads items over chunks, and the hash H of
// items into the field. Both are AES under a key that neither party could choose, taken for
// a random permutation, as in the trees and the matrices: before the session nobody can
// look for items that fall together. The zero value is not usable; see [NewSalt].
type Salt struct{ chunk, value *aeshash.Key }

// NewSalt makes the salt of a joint coin.
func NewSalt(coin [32]byte) *Salt {
	return &Salt{aeshash.New([16]byte(coin[:16])), aeshash.New([16]byte(coin[16:]))}
}

const batch = 256

// Chunks sets out[i] to the chunk that items[i] belongs to. The slices must have the same
// length, else it panics.
func (s *Salt) Chunks(out []uint32, items []Item, p Params) {
	if len(out) != len(items) {
		panic("bulk: slices of different lengths")
	}
	var b [batch]gf128.Element
	for from := 0; from < len(items); from += batch {
		some := items[from:min(from+batch, len(items))]
		for i := range some {
			b[i] = gf128.FromBytes(some[i][:16])
		}
		s.chunk.Hash(b[:len(some)], b[:len(some)])
		for i := range some {
			chunk, _ := bits.Mul64(b[i].Lo, uint64(p.chunks))
			out[from+i] = uint32(chunk)
		}
	}
}

// values sets out[i] to H(items[i]).
func (s *Salt) values(out []gf128.Element, items []Item) {
	for i := range items {
		out[i] = gf128.FromBytes(items[i][16:])
	}
	s.value.Hash(out, out)
}
