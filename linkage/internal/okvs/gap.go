package okvs

import (
	"math/rand/v2"
	"slices"

	"github.com/hueandcry/hueandcry/linkage/internal/gf128"
)

// manyGaps is how many rows are set aside before duplicates are looked for in
// advance, lest equations be solved for minutes that have no solution.
const manyGaps = 64

// closeGap satisfies the rows that peeling set aside. It returns what must be
// added to the first of g dense columns, and adds to free sparse columns where
// the dense ones are too few; the pivots in sparse are garbage afterwards.
//
// All pivots of the core are functions of the dense columns and of the free
// columns of the core, and so each row set aside becomes an equation in those
// alone. Mostly it is one row that equals another in its sparse columns, and one
// dense column serves it. Where a large core was left, rows set aside are many.
// Then the free columns move too, by random combinations of some unknown
// elements: slightly more than there are equations, so that nothing is lost. It
// takes a few times as long, and what that tells is in the package's comment.
func (s *solver) closeGap(sparse []gf128.Element, g int) ([]gf128.Element, error) {
	core := s.order[s.first:]
	words := 0 // 64 unknowns each
	if n := len(s.gap); n > g {
		if n > manyGaps {
			if err := s.unsolvable(); err == ErrDuplicate {
				return nil, err
			}
		}
		words = (n+63)/64 + 1
	}

	// What each column of the core is, beside a constant in sparse: the dense part
	// of an element d, and a sum of unknowns.
	mix, sums := s.gapColumns(), make([]uint64, words*len(sparse))
	sum := func(column int) []uint64 { return sums[column*words:][:words] }
	free := s.freeColumns()
	if words > 0 {
		// Any random source does that the matrix does not depend on.
		random := rand.NewPCG(uint64(len(s.rows)), uint64(len(s.gap)))
		for _, column := range free {
			for i := range sum(column) {
				sum(column)[i] = random.Uint64()
			}
		}
	}
	substitute(sparse, core)
	substitute(mix, core)
	for i := len(core) - 1; i >= 0 && words > 0; i-- {
		// The pivot is among the three, and has no unknowns as yet.
		a, b, c := split(core[i])
		x, y, z, pivot := sum(a), sum(b), sum(c), sum(int(core[i]>>48))
		for k := range pivot {
			pivot[k] = x[k] ^ y[k] ^ z[k]
		}
	}

	equations := make([]equation, len(s.gap))
	for i, row := range s.gap {
		e := &equations[i]
		s.m.mix(&s.hash, s.keys[row:][:1])
		e.d, e.value, e.unknowns = s.hash.d[0], s.values[row], make([]uint64, words)
		a, b, c := split(s.rows[row])
		for _, column := range []int{a, b, c} {
			e.add(&equation{sum(column), mix[column], sparse[column]})
		}
	}
	dense, unknowns, err := solveEquations(equations, g)
	if err != nil {
		return nil, s.unsolvable()
	}
	for _, column := range free {
		for k, u := range unknowns {
			if sum(column)[k/64]>>(k%64)&1 != 0 {
				sparse[column] = sparse[column].Add(u)
			}
		}
	}
	return dense, nil
}

// gapColumns returns d for the pivots of the core, and zero for other columns.
func (s *solver) gapColumns() []gf128.Element {
	mix := make([]gf128.Element, s.m.p.sparse)
	var some [batch]Key
	for from := s.first; from < len(s.taken); from += batch {
		taken := s.taken[from:min(from+batch, len(s.taken))]
		for i, row := range taken {
			some[i] = s.keys[row]
		}
		s.m.mix(&s.hash, some[:len(taken)])
		for i := range taken {
			mix[s.order[from+i]>>48] = s.hash.d[i]
		}
	}
	return mix
}

// freeColumns lists the columns of the core that are no pivots.
func (s *solver) freeColumns() []int {
	bound := make([]bool, s.m.p.sparse)
	for _, row := range s.order[s.first:] {
		bound[row>>48] = true
	}
	var free []int
	visit := func(row uint64) {
		a, b, c := split(row)
		for _, column := range []int{a, b, c} {
			if !bound[column] {
				bound[column] = true
				free = append(free, column)
			}
		}
	}
	for _, row := range s.order[s.first:] {
		visit(row)
	}
	for _, i := range s.gap {
		visit(s.rows[i])
	}
	return free
}

// equation says that a sum of unknowns, given by bits, and d*x[0] + d^2*x[1] +
// d^4*x[2] + … for the dense columns x, are value.
type equation struct {
	unknowns []uint64
	d, value gf128.Element
}

func (e *equation) add(f *equation) {
	for i, w := range f.unknowns {
		e.unknowns[i] ^= w
	}
	e.d, e.value = e.d.Add(f.d), e.value.Add(f.value)
}

// solveEquations solves for the unknowns and, where these are too few, for the
// first of g dense columns. It returns [ErrEncode] where the equations depend on
// each other, even if they do not contradict each other.
func solveEquations(equations []equation, g int) (dense, unknowns []gf128.Element, err error) {
	// Gauss and Jordan: the first equations get an unknown each that no other has,
	// the rest come to have none.
	var pivots []int
	for k := range 64 * len(equations[0].unknowns) {
		done := len(pivots)
		has := func(e equation) bool { return e.unknowns[k/64]>>(k%64)&1 != 0 }
		i := slices.IndexFunc(equations[done:], has)
		if i < 0 {
			continue
		}
		equations[done], equations[done+i] = equations[done+i], equations[done]
		for i := range equations {
			if i != done && has(equations[i]) {
				equations[i].add(&equations[done])
			}
		}
		pivots = append(pivots, k)
	}
	rest := equations[len(pivots):]
	if len(rest) > g {
		return nil, nil, ErrEncode
	}
	if dense, err = solveMoore(rest); err != nil {
		return nil, nil, err
	}
	unknowns = make([]gf128.Element, 64*len(equations[0].unknowns))
	for i, k := range pivots {
		e := &equations[i]
		unknowns[k] = e.value
		for d, j := e.d, 0; j < len(dense); d, j = d.Mul(d), j+1 {
			unknowns[k] = unknowns[k].Add(d.Mul(dense[j]))
		}
	}
	return dense, unknowns, nil
}

// solveMoore solves as many equations without unknowns as there are columns x.
func solveMoore(equations []equation) ([]gf128.Element, error) {
	n := len(equations)
	a := make([][]gf128.Element, n) // with the values as the last column
	for i, e := range equations {
		for d := e.d; len(a[i]) < n; d = d.Mul(d) {
			a[i] = append(a[i], d)
		}
		a[i] = append(a[i], e.value)
	}
	for i := range n {
		k := slices.IndexFunc(a[i:], func(row []gf128.Element) bool { return row[i] != gf128.Element{} })
		if k < 0 {
			return nil, ErrEncode
		}
		a[i], a[i+k] = a[i+k], a[i]
		inverse := a[i][i].Inverse()
		for k := range a[i] {
			a[i][k] = a[i][k].Mul(inverse)
		}
		for j := range n {
			if j != i {
				gf128.MulAdd(a[j], a[i], a[j][i])
			}
		}
	}
	x := make([]gf128.Element, n)
	for i := range x {
		x[i] = a[i][n]
	}
	return x, nil
}
