package okvs

import "github.com/hueandcry/hueandcry/linkage/internal/gf128"

// Sized makes Params of any sizes, also such as fail often.
func Sized(keys, bins, sparse, dense int) Params {
	return Params{keys: keys, bins: bins, sparse: sparse, dense: dense}
}

// Sparse is the number of sparse columns of a bin.
func (p Params) Sparse() int { return p.sparse }

// Fails is the bound of the failure of a bin with that load.
func (p Params) Fails(load int) float64 { return p.fails(float64(load)) }

// Solvable is the fewest sparse columns per row that are taken for solvable.
const Solvable = solvable

// LoadAbove is the probability that a bin has more keys than load, which must be
// at least the mean.
func LoadAbove(n, bins, load int, depth float64) float64 {
	return newLoads(int64(n), bins, depth).sum(func(l float64) float64 {
		if l > float64(load) {
			return 1
		}
		return 0
	})
}

// Peel returns how many rows were left in the core of a store of one bin, and
// how many of them were set aside.
func (m *Matrix) Peel(keys []Key) (core, gap int) {
	s, space := newSolver(m), new(Space).take(len(keys), len(keys))
	m.sort(space, len(keys), func(from int, some []Key, _ []gf128.Element) { copy(some, keys[from:]) }, 1)
	s.rows, s.keys, s.values = space.rows, space.keys, space.values
	s.peel(make([]gf128.Element, m.p.sparse))
	return len(s.rows) - s.first, len(s.gap)
}

// IsZero says whether there is nothing in a space.
func (s *Space) IsZero() bool {
	for i := range s.keys[:cap(s.keys)] {
		if s.keys[:cap(s.keys)][i] != (Key{}) || s.values[:cap(s.values)][i] != (gf128.Element{}) || s.rows[:cap(s.rows)][i] != 0 {
			return false
		}
	}
	return true
}
