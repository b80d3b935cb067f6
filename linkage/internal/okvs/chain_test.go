package okvs_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// columns is a sum of unit vectors, a bit for each sparse column.
type columns [2]uint64

func (a columns) add(b columns) columns { return columns{a[0] ^ b[0], a[1] ^ b[1]} }
func (a columns) bit(i int) bool        { return a[i/64]>>(i%64)&1 == 1 }

// chain draws independent rows, as many as n, and gives for each number of them the
// probability that another row depends on them, counted exactly.
func chain(s source, n, sparse int) (depends []float64) {
	unit := make([]columns, sparse) // modulo the rows so far
	for i := range unit {
		unit[i][i/64] = 1 << (i % 64)
	}
	for len(depends) < n {
		count, triples := map[columns]int{}, 0
		for _, u := range unit {
			count[u]++
		}
		for a, u := range unit {
			for _, v := range unit[:a] {
				w := u.add(v)
				triples += count[w]
				for _, twice := range []columns{u, v} { // one column is none of three
					if w == twice {
						triples--
					}
				}
			}
		}
		all := sparse * (sparse - 1) * (sparse - 2) / 6
		depends = append(depends, float64(triples)/3/float64(all))
		for {
			a, b, c := s.intN(sparse), s.intN(sparse), s.intN(sparse)
			row := unit[a].add(unit[b]).add(unit[c])
			if a == b || b == c || a == c || row == (columns{}) {
				continue
			}
			pivot := 0
			for !row.bit(pivot) {
				pivot++
			}
			for i, u := range unit {
				if u.bit(pivot) {
					unit[i] = u.add(row)
				}
			}
			break
		}
	}
	return depends
}

// The bound in NewParams takes for constant how many vectors of weight three there are. Here
// they are counted as they come, along random chains of independent rows; which rows
// of a chain are followed by dependent ones is then summed exactly. The estimate is far
// below the bound.
func TestChains(t *testing.T) {
	s := newSource(t)
	for _, n := range []int{12, 25, 60} {
		p := params(t, n)
		tries := 3000 / n
		total := 0.0
		for range tries {
			depends := chain(s, n, p.Sparse())
			// state[k] is the probability of k dependent rows so far, the last of more than dense.
			state := make([]float64, p.Dense()+2)
			state[0] = 1
			for i := range n {
				for k := min(i, p.Dense()); k >= 0; k-- {
					again := state[k] * depends[i-k]
					state[k] -= again
					state[k+1] += again
				}
			}
			total += state[p.Dense()+1]
		}
		estimate := math.Log2(total / float64(tries))
		t.Logf("%d keys: bound 2^%.1f, estimate 2^%.1f", n, p.Failure(), estimate)
		require.Less(t, estimate, p.Failure()-8)
	}
}
