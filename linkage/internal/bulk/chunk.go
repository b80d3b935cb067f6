package bulk

import (
	"sort"

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
const run = 1 << 10

type scratch struct {
	*hasher
	keys   [run]okvs.Key
	v      [run]gf128.Element
	hashes [run]gf128.Element
}

func newScratch() *scratch { return &scratch{hasher: newHasher()} }

// Evaluate calls put with the function's values for all items, a run of them at a time: out[i] is
// that of item from+i, counted through the segments, and is put's until it returns. The
// items must belong to the chunk; for others the values mean nothing. It uses up to so many
// workers, one if workers < 1, and put is called by all of them. It panics if Key has
// another length than the parameters say.
func (c *Chunk) Evaluate(items Segments, p Params, salt *Salt, workers int, put func(from int, out []Output)) {
	if len(c.Key) != p.Size() {
		panic("bulk: a key of another length")
	}
	m := okvs.NewMatrix(p.store, c.Seed)
	eachRun(workers, items, newScratch, func(s *scratch, from int, some []Item) {
		v, hashes := s.v[:len(some)], s.hashes[:len(some)]
		s.decode(m, c.Key, some)
		salt.values(hashes, some)
		gf128.MulAdd(v, hashes, c.Delta)
		put(from, s.outputs(v, c.Toss, some))
	})
}

// Segments are the items of a chunk, in as many pieces as it pleases the caller.
type Segments [][]Item

func (s Segments) len() (n int) {
	for _, some := range s {
		n += len(some)
	}
	return n
}

// source gives what is stored: under the first half of an item the hash of the second.
func (s Segments) source(salt *Salt) okvs.Source {
	starts := make([]int, len(s)+1)
	for i, some := range s {
		starts[i+1] = starts[i] + len(some)
	}
	return func(from int, keys []okvs.Key, values []gf128.Element) {
		i := sort.SearchInts(starts, from+1) - 1 // the last segment that begins there or before
		for rest := s[i][from-starts[i]:]; ; i, rest = i+1, s[i+1] {
			n := min(len(rest), len(keys))
			for j := range n {
				keys[j] = keyOf(&rest[j])
			}
			if values != nil {
				salt.values(values[:n], rest[:n])
				values = values[n:]
			}
			if keys = keys[n:]; len(keys) == 0 {
				return
			}
		}
	}
}

// decode sets s.v to what the vector holds under the items, at most run of them.
func (s *scratch) decode(m *okvs.Matrix, vector []gf128.Element, items []Item) {
	for i := range items {
		s.keys[i] = keyOf(&items[i])
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
	return Place{l.m.Row(keyOf(&x)), x, h[0]}
}

// Output gives the function's value, from the elements of the key at the three Sparse places
// and from the [Params.Dense] ones at Dense.
func (p *Place) Output(sparse [3]gf128.Element, dense []gf128.Element, delta, toss gf128.Element) Output {
	v := p.Value(sparse, dense).Add(delta.Mul(p.hash))
	return output(v, toss, &p.item)
}
