package okvs_test

import (
	"math"
	"math/big"
	"testing"

	"github.com/hueandcry/hueandcry/linkage/internal/gf128"
	"github.com/hueandcry/hueandcry/linkage/internal/okvs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParams(t *testing.T) {
	var sizes []int
	for n := range 301 {
		sizes = append(sizes, n)
	}
	for n := 301; n < okvs.MaxKeys/2; n += n/3 + 1 {
		sizes = append(sizes, n)
	}
	for _, n := range append(sizes, okvs.MaxKeys) {
		for _, chunks := range []int{1, 100, okvs.MaxChunks} {
			p, err := okvs.NewParams(n, chunks)
			require.NoError(t, err)
			require.LessOrEqual(t, p.Failure(), -40.0)
			require.Equal(t, n, p.Keys())
			require.Equal(t, p.Bins()*(p.Sparse()+p.Dense()), p.Size())
			require.Less(t, p.Sparse()+p.Dense(), 1<<16)
			require.GreaterOrEqual(t, p.Dense(), 3)
			require.LessOrEqual(t, p.Dense(), 16)
			if n > 1<<15 {
				require.Less(t, float64(p.Size()), 1.26*float64(n))
			}
			t.Logf("n = %d x %d: %d bins of %d + %d, m/n = %.4f, failure 2^%.1f",
				n, chunks, p.Bins(), p.Sparse(), p.Dense(), float64(p.Size())/float64(n), p.Failure())
		}
	}
	for _, c := range [][2]int{{-1, 1}, {okvs.MaxKeys + 1, 1}, {math.MinInt, 1}, {1, 0}, {1, -1}, {1, okvs.MaxChunks + 1}} {
		p, err := okvs.NewParams(c[0], c[1])
		assert.ErrorIs(t, err, okvs.ErrSize)
		assert.Zero(t, p)
	}
}

// The binomial tail against fractions.
func TestLoads(t *testing.T) {
	compared := 0
	for _, c := range []struct{ n, bins int }{{10, 2}, {100, 4}, {100, 64}, {400, 8}} {
		n, rest := int64(c.n), big.NewInt(int64(c.bins-1))
		all := new(big.Int).Exp(big.NewInt(int64(c.bins)), big.NewInt(n), nil)
		tail := new(big.Int) // ways to have more than load in the bin
		for load := c.n; load >= (c.n+c.bins-1)/c.bins; load-- {
			want, _ := new(big.Rat).SetFrac(tail, all).Float64()
			const depth = 60 // what is cut off is counted where it cannot be
			got := okvs.LoadAbove(c.n, c.bins, load, depth)
			assert.InDelta(t, want, got, want*1e-6+math.Exp2(-depth), "%+v, more than %d", c, load)
			compared++
			ways := new(big.Int).Exp(rest, big.NewInt(n-int64(load)), nil)
			tail.Add(tail, ways.Mul(ways, new(big.Int).Binomial(n, int64(load))))
		}
	}
	require.Greater(t, compared, 100)
}

// NewParams takes the vectors of weight three in the span of n rows, beyond the
// rows themselves, for fewer than 3n. Their expectation is
//
//	N * sum over even w of C(n, w-1) P(w random rows add up to zero), N = C(s,3),
//
// and that probability 2^-s sum over j of C(s,j) (K(j)/N)^w with the Krawtchouk
// polynomial K of degree three, which is the sum of a character over all rows.
func TestSpan(t *testing.T) {
	choose := func(n, k int) float64 { // its logarithm
		a, _ := math.Lgamma(float64(n + 1))
		b, _ := math.Lgamma(float64(k + 1))
		c, _ := math.Lgamma(float64(n - k + 1))
		return a - b - c
	}
	others := func(n, s, step int) (sum float64) {
		rows := float64(s) * float64(s-1) * float64(s-2) / 6
		log, character := make([]float64, s+1), make([]float64, s+1)
		for j := range log {
			x, y := float64(j), float64(s-j)
			k := y*(y-1)*(y-2)/6 - x*y*(y-1)/2 + x*(x-1)/2*y - x*(x-1)*(x-2)/6
			log[j], character[j] = choose(s, j)-float64(s)*math.Ln2, math.Log(math.Abs(k)/rows)
		}
		for w := 4; w <= n+1; w += 2 {
			if w > 40 && w%step != 0 {
				continue
			}
			here := choose(n, w-1) + math.Log(rows)
			for j := range log {
				if e := log[j] + character[j]*float64(w) + here; e > -80 {
					sum += math.Exp(e)
				}
			}
		}
		return sum
	}
	most := 0.0
	for n := 4; n < 1500; n += 1 + n/20 {
		most = max(most, others(n, params(t, n).Sparse(), 2)/float64(n))
	}
	t.Logf("at most %.3f n up to 1500", most)
	require.Less(t, most, 0.75)
	require.Greater(t, most, 0.1)
	// Bins of several, at their fullest; of the larger weights only some, for they
	// contribute nothing: less than 2^-50 each.
	for _, n := range []int{1<<15 + 1, 1 << 16} {
		s := params(t, n).Sparse()
		load := int(float64(s) / okvs.Solvable)
		sum := others(load, s, 1000)
		t.Logf("%d rows in %d columns: %.1f", load, s, sum)
		require.Less(t, sum, float64(load)/100)
	}
}

// At sizes at which failure can be seen it follows the prediction: below the bound,
// and above the chance that so many rows are equal to others, which is exact.
func TestFailureRate(t *testing.T) {
	s := newSource(t)
	for _, c := range []struct{ n, sparse, dense int }{{6, 12, 0}, {8, 16, 0}, {12, 22, 1}, {20, 30, 1}, {12, 15, 2}, {60, 80, 0}, {200, 262, 0}} {
		const tries = 15_000
		p := okvs.Sized(c.n, 1, c.sparse, c.dense)
		keys, values, vector := s.keys(c.n), make([]gf128.Element, c.n), make([]gf128.Element, p.Size())
		failed := 0
		for range tries {
			if encode(okvs.NewMatrix(p, s.seed()), vector, keys, values, 1) != nil {
				failed++
			}
		}
		// equal[k] is the probability that k rows so far equal one before them.
		rows, equal := float64(c.sparse*(c.sparse-1)*(c.sparse-2)/6), make([]float64, c.n+1)
		equal[0] = 1
		for i := range c.n {
			for k := i; k >= 0; k-- {
				again := equal[k] * float64(i-k) / rows
				equal[k] -= again
				equal[k+1] += again
			}
		}
		least := 0.0
		for k := c.dense + 1; k <= c.n; k++ {
			least += equal[k]
		}
		bound, seen := p.Fails(c.n), float64(failed)/tries
		t.Logf("%+v: %.2g seen, between %.2g and %.2g", c, seen, least, bound)
		assert.Less(t, seen, bound+6*math.Sqrt(bound/tries))
		assert.Greater(t, seen, least-6*math.Sqrt(least/tries))
	}
}

// MostLoad is the least load above which the exact tail, for all bins, is below 2^-40.
func TestMostLoad(t *testing.T) {
	for _, c := range []struct {
		n    int64
		bins int
	}{{0, 1}, {1, 1}, {77, 1}, {100, 4}, {1 << 20, 2}, {3 << 20, 3}, {100_000_000, 96}} {
		most := okvs.MostLoad(c.n, c.bins)
		require.GreaterOrEqual(t, int64(most)*int64(c.bins), c.n)
		if c.bins == 1 {
			require.Equal(t, c.n, int64(most))
			continue
		}
		const depth = 80
		at := func(load int) float64 { return float64(c.bins) * okvs.LoadAbove(int(c.n), c.bins, load, depth) }
		require.LessOrEqual(t, at(most), math.Exp2(-40))
		require.Greater(t, at(most-1-most/1000), math.Exp2(-40), "%+v", c)
	}
	for _, c := range []struct {
		n    int64
		bins int
	}{{-1, 1}, {1, 0}, {okvs.MaxKeys + 1, 1}} {
		require.Panics(t, func() { okvs.MostLoad(c.n, c.bins) })
	}
}
