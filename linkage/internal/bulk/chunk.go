package bulk

import (
	"github.com/hueandcry/hueandcry/linkage/internal/gf128"
	"github.com/hueandcry/hueandcry/linkage/internal/okvs"
)

// Chunk is the key of the function for one chunk: with it the sender evaluates any item
// that belongs there, whether or not the receiver has it. It is as secret as all the
// receiver's unmatched items together are worth to the receiver. The zero value is not usable.
type Chunk struct {
	// Seed is that of the matrix, Toss is w, Delta the sender's half of the correlation.
	Seed  [32]byte
	Toss  gf128.Element
	Delta gf128.Element
	// Key is K, of [Params.Size] elements. It may lie in the sender's [Memory].
	Key []gf128.Element
}

// run is how many items are decoded before they are hashed: they stay in the cache.
const run = 1 << 11

type scratch struct {
	keys   [run]okvs.Key
	v      [run]gf128.Element
	hashes [run]gf128.Element
}

// Evaluate sets out[i] to the function's value for items[i], all of which must belong to the
// chunk; for others the values mean nothing. It uses up to so many workers, one if
// workers < 1. It panics if the slices have different lengths, or Key has another
// length than the parameters say.
func (c *Chunk) Evaluate(out []Output, items []Item, p Params, salt *Salt, workers int) {
	if len(out) != len(items) || len(c.Key) != p.Size() {
		panic("bulk: slices of different lengths")
	}
	m := okvs.NewMatrix(p.store, c.Seed)
	inRuns(workers, len(items), run, func() *scratch { return new(scratch) }, func(s *scratch, from, to int) {
		some := items[from:to]
		v, hashes := s.v[:len(some)], s.hashes[:len(some)]
		s.decode(m, c.Key, some)
		salt.values(hashes, some)
		gf128.MulAdd(v, hashes, c.Delta)
		for i := range some {
			out[from+i] = output(v[i], c.Toss, &some[i])
		}
	})
}

// decode sets s.v to what the vector holds under the items, at most run of them.
func (s *scratch) decode(m *okvs.Matrix, vector []gf128.Element, items []Item) {
	for i := range items {
		s.keys[i] = items[i].key()
	}
	m.Decode(s.v[:len(items)], vector, s.keys[:len(items)], 1)
}

// Place is where the key of a chunk holds one item, for whoever keeps it elsewhere than in
// memory.
type Place struct {
	okvs.Row
	item Item
	hash gf128.Element
}

// Locator finds places of one chunk. Build it once: it holds the expanded seed.
type Locator struct {
	m    *okvs.Matrix
	salt *Salt
}

// NewLocator makes the locator of a chunk from its seed.
func NewLocator(p Params, salt *Salt, seed [32]byte) *Locator {
	return &Locator{okvs.NewMatrix(p.store, seed), salt}
}

// Place gives the place of an item.
func (l *Locator) Place(x Item) Place {
	var h [1]gf128.Element
	l.salt.values(h[:], []Item{x})
	return Place{l.m.Row(x.key()), x, h[0]}
}

// Output gives the function's value, from the elements of the key at the three Sparse places
// and from the [Params.Dense] ones at Dense.
func (p *Place) Output(sparse [3]gf128.Element, dense []gf128.Element, delta, toss gf128.Element) Output {
	v := p.Value(sparse, dense).Add(delta.Mul(p.hash))
	return output(v, toss, &p.item)
}
