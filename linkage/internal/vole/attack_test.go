package vole

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/linkage/internal/gf128"
)

// The attack that sets the number of trees, see missed.

// choicesOf gives the places of x2 that each row of the code is made of.
func choicesOf(c *code, m int) [][weight]int32 {
	rows := make([][weight]int32, m)
	for part := range weight {
		from, size := c.part(part)
		w := c.words(rounds+part, 0)
		for i := range rows {
			v := binary.LittleEndian.Uint32(w.take(1))
			rows[i][part] = int32(from + int(uint64(v)*uint64(size)>>32))
		}
	}
	return rows
}

// A region is the intervals of x2 that the attack wants to be free of noise, and the places of
// z that follow from 50 of them: those in the intervals, and the 50 before each. (The
// state of two accumulations is 25 elements of each, or 50 of the second: the inverse of
// a step gives the ones from the others.)
type region struct {
	free  [][2]int // from, to
	known []bool
}

// cover puts an interval around every second border between trees in x2, so that each tree
// is covered up to a fraction phi.
func cover(p Params, phi float64) region {
	r := region{known: make([]bool, p.noise()-p.inner)}
	half := int(phi * float64(p.leaves))
	for tree := p.trees/2 + 1; tree < p.trees; tree += 2 {
		border := tree*p.leaves - p.inner
		r.free = append(r.free, [2]int{border - half, border + half})
		for k := max(0, border-half-state); k < border+half; k++ {
			r.known[k] = true
		}
	}
	return r
}

// unknowns is the number of elements on which z depends there.
func (r region) unknowns() int { return state * len(r.free) }

// inside lists the rows whose choices are all known, at most so many.
func (r region) inside(rows [][weight]int32, most int) (found []int) {
next:
	for i, row := range rows {
		for _, at := range row {
			if !r.known[at] {
				continue next
			}
		}
		if found = append(found, i); len(found) == most {
			break
		}
	}
	return found
}

// leastCover gives the least region with more rows inside than there are unknowns.
func leastCover(p Params, rows [][weight]int32) (phi float64, r region) {
	low, high := 0.0, 1-float64(state+1)/float64(p.leaves)
	for range 12 {
		phi = (low + high) / 2
		r = cover(p, phi)
		if need := r.unknowns() + 1; len(r.inside(rows, need)) == need {
			high = phi
		} else {
			low = phi
		}
	}
	return high, cover(p, high)
}

// The attack on a small code: the rows inside the intervals depend on 50 unknowns for each, no
// more and no fewer, and the test that follows sees the noise in the intervals, on the
// places of its rows in x1, and nowhere else.
func TestAttackBuilt(t *testing.T) {
	r := newSeed(t)
	p := Params{length: 8000, inner: 8000, trees: 16, leaves: 1000}
	c := newCode([32]byte{byte(r.Uint32()), byte(r.Uint32())}, p.noise()-p.inner)
	rows := choicesOf(c, p.inner)
	phi, region := leastCover(p, rows)
	found := region.inside(rows, region.unknowns()+1)
	u, rank := freeOfZ(c, p, region, found, r)
	require.Equal(t, region.unknowns(), rank)

	seen, edge := region.seen(p, rows, found, u)
	for tree := range p.trees {
		n := 0
		for _, s := range seen[tree*p.leaves:][:p.leaves] {
			if s {
				n++
			}
		}
		if tree < p.trees/2 {
			require.Less(t, n, len(found))
		} else {
			require.InDelta(t, phi*float64(p.leaves), n, 2*state)
		}
	}
	e := make([]gf128.Element, p.noise())
	for try := range 600 {
		clear(e)
		hit := false
		for j := range p.trees {
			// Every other time all trees miss, which by chance would be rare.
			at := j*p.leaves + r.IntN(p.leaves)
			for edge[at] || seen[at] && (try%2 == 0 || r.IntN(4) > 0) {
				at = j*p.leaves + r.IntN(p.leaves)
			}
			e[at] = randomElement(r)
			hit = hit || seen[at]
		}
		c.encode(e[:p.inner], e[p.inner:], 1)
		var sum gf128.Element
		for k, i := range found {
			sum = sum.Add(u[k].Mul(e[i]))
		}
		require.Equal(t, hit, sum != gf128.Element{})
	}
}

// seen gives the places of the noise that the test sees: the rows' own, and in each interval
// those from 50 past the first choice to the last. It may not see some at the edges of these,
// for as yet few random bits decide there.
func (r region) seen(p Params, rows [][weight]int32, found []int, u []gf128.Element) (seen, edge []bool) {
	seen, edge = make([]bool, p.noise()), make([]bool, p.noise())
	chosen := make([]bool, len(r.known))
	for k, i := range found {
		if u[k] != (gf128.Element{}) {
			seen[i] = true
			for _, at := range rows[i] {
				chosen[at] = true
			}
		}
	}
	for _, interval := range r.free {
		first, last := interval[0]-state, interval[1]-1
		for !chosen[first] {
			first++
		}
		for !chosen[last] {
			last--
		}
		for k := first + state; k <= last; k++ {
			seen[p.inner+k] = true
			edge[p.inner+k] = k < first+2*state || k > last-state
		}
	}
	return seen, edge
}

// freeOfZ gives a combination of the rows that vanishes for all noise in x2 outside the
// region, found by noise at random and elimination, and the rank of what such noise makes.
func freeOfZ(c *code, p Params, region region, found []int, r *rand.Rand) (u []gf128.Element, rank int) {
	var a [][]gf128.Element
	e := make([]gf128.Element, p.noise())
	for range len(found) + 20 {
		clear(e)
		copy(e[p.inner:], randomElements(r, p.noise()-p.inner))
		for _, interval := range region.free {
			clear(e[p.inner:][interval[0]:interval[1]])
		}
		c.encode(e[:p.inner], e[p.inner:], 1)
		var sample []gf128.Element
		for _, i := range found {
			sample = append(sample, e[i])
		}
		a = append(a, sample)
	}
	// Gauss and Jordan. The first column without a pivot is chosen to be one.
	free := -1
	var pivots []int
	for k := range found {
		i := rank
		for i < len(a) && a[i][k] == (gf128.Element{}) {
			i++
		}
		if i == len(a) {
			if free < 0 {
				free = k
			}
			continue
		}
		a[rank], a[i] = a[i], a[rank]
		inverse := a[rank][k].Inverse()
		for j := range a[rank] {
			a[rank][j] = a[rank][j].Mul(inverse)
		}
		for j := range a {
			if j != rank {
				gf128.MulAdd(a[j], a[rank], a[j][k])
			}
		}
		pivots = append(pivots, k)
		rank++
	}
	u = make([]gf128.Element, len(found))
	u[free] = gf128.Element{Lo: 1}
	for i, k := range pivots {
		u[k] = a[i][free]
	}
	return u, rank
}

// rowsFor gives how many rows a test needs that may use rows with places outside the region,
// where they cancel: places that one row determines from known ones, and others from
// those, the cheapest first. It gives 0 if there are not enough.
func (r region) rowsFor(rows [][weight]int32) int {
	const never = 1 << 20
	cost, by := make([]int32, len(r.known)), make([]int32, len(r.known)) // rows to determine a place, the last
	for at, known := range r.known {
		by[at] = -1
		if !known {
			cost[at] = never
		}
	}
	sum := func(row [weight]int32) (total int32) {
		for _, at := range row {
			total += cost[at]
		}
		return total
	}
	limits := []int32{1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 128}
	for _, limit := range limits {
		for i, row := range rows {
			if total := sum(row) - never; total >= 0 && total < limit {
				for _, at := range row {
					if cost[at] == never {
						cost[at], by[at] = total+1, int32(i)
					}
				}
			}
		}
	}
	order := make([][]int32, limits[len(limits)-1]) // rows by what the test costs
	for i, row := range rows {
		if total := int(sum(row)); total < len(order) {
			order[total] = append(order[total], int32(i))
		}
	}
	used := make([]bool, len(rows))
	n, relations, need := 0, 0, r.unknowns()+1
	var use func(i int32)
	use = func(i int32) {
		used[i] = true
		n++
		for _, at := range rows[i] {
			if by[at] >= 0 && !used[by[at]] {
				use(by[at])
			}
		}
	}
	for _, some := range order {
		for _, i := range some {
			determines := false // then it is no relation
			for _, at := range rows[i] {
				determines = determines || by[at] == i
			}
			if determines {
				continue
			}
			use(i)
			if relations++; relations == need {
				return n
			}
		}
	}
	return 0
}

// The attack on codes of the real size, with the rows of the code itself counted: where the
// formula needs the margin most, and with HUEANDCRY_FULL at the chunk of 2^20 identifiers.
func TestAttackAtSize(t *testing.T) {
	r := newSeed(t)
	for _, length := range []int{60_000, 159_000, chunkLength} {
		if length == chunkLength && os.Getenv("HUEANDCRY_FULL") == "" {
			continue // each step goes through a million rows
		}
		p := newParams(t, length)
		c := newCode([32]byte{byte(r.Uint32()), byte(r.Uint32()), byte(r.Uint32())}, p.noise()-p.inner)
		rows := choicesOf(c, p.inner)
		chance := func(phi float64, used int) float64 {
			return -float64(p.trees) / 2 * (math.Log2(1-phi) + math.Log2(1-float64(used)/float64(p.inner)))
		}
		phi, region := leastCover(p, rows)
		plain := chance(phi, region.unknowns()+1)
		sharp := plain
		for phi := phi; ; phi *= 0.985 {
			used := cover(p, phi).rowsFor(rows)
			if used == 0 {
				break
			}
			sharp = min(sharp, chance(phi, used))
		}
		require.InDelta(t, missed(p.inner, p.trees), plain, 4)
		t.Logf("%d rows, %d trees: by the formula 2^-%.1f, by the intervals 2^-%.1f, with places outside 2^-%.1f",
			p.inner, p.trees, missed(p.inner, p.trees), plain, sharp)
		require.GreaterOrEqual(t, sharp, 128.0)
	}
}

// Other shapes of the attack, by their formulas: none is better than the one that the number of
// trees is chosen by.
func TestAttackShapes(t *testing.T) {
	for m := minLength; m <= MaxLength; m += m / 5 {
		p := newParams(t, m)
		half := float64(p.trees / 2)
		require.GreaterOrEqual(t, missed(m, p.trees), 128.0+margin)
		bits := func(free float64) float64 { return -math.Log2(1 - free) }
		// Fewer intervals, or more, each in one tree or two.
		for k := 8.0; k <= half; k++ {
			c := state * k / float64(m)
			for _, each := range []float64{1, 2} {
				trees := min(half, k*each)
				free := (math.Pow(c, 1.0/weight) - c) * half / trees
				if free < 1 && c < 1 {
					require.GreaterOrEqual(t, trees*bits(free)+half*bits(c), 128.0+margin, "%d rows, %v intervals", m, k)
				}
			}
		}
		// Some parts covered less and the others more, with the same number of rows inside.
		c := state * half / 2 / float64(m)
		phi := math.Pow(c, 1.0/weight)
		for parts := 1.0; parts < weight; parts++ {
			for less := 0.02; less < 1; less += 0.02 {
				a, b := phi*less-c, phi*math.Pow(less, -parts/(weight-parts))-c
				if a > 0 && b < 1 {
					all := half/weight*(parts*bits(a)+(weight-parts)*bits(b)) + half*bits(c)
					require.GreaterOrEqual(t, all, 128.0+margin, "%d rows, %v parts", m, parts)
				}
			}
		}
	}
}
