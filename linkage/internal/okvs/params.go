package okvs

import (
	"errors"
	"math"
)

// ErrSize says that [NewParams] was asked for a size outside its bounds.
var ErrSize = errors.New("okvs: size outside the bounds")

// Bounds of [NewParams], far above any use: they keep the arithmetic exact.
const (
	MaxKeys   = 1 << 30
	MaxChunks = 1 << 30
)

const (
	// security is -log2 of the failure that all chunks together may have.
	security = 40
	// meanLoad is the number of keys in a bin on average, at most: indices of
	// rows and columns fit 16 bits, and a bin fits the nearer caches.
	meanLoad = 1 << 15
	// minDense is the fewest dense columns. With two of them, coincident rows
	// alone would fail more often than 2^-40 at 2^20 keys. No size within the bounds
	// comes near maxDense: it ends the search in any case.
	minDense, maxDense = 3, 32
	// peelable and solvable are sparse columns per row, the former in thousandths,
	// see NewParams.
	peelable = 1223
	solvable = 1.15
)

// Params are the sizes of a store. The zero value is not usable, see [NewParams].
type Params struct {
	keys, bins    int
	sparse, dense int     // columns in each bin
	failure       float64 // log2
}

// NewParams returns the sizes of a store for up to n keys, of which there will be
// so many chunks, each with a seed of its own. It returns [ErrSize] where n < 0,
// n > [MaxKeys], chunks < 1 or chunks > [MaxChunks].
//
// It is a pure function, so that both parties compute the same. (The number of
// dense columns follows from a comparison of floating-point numbers, which could
// in some rare case fall out differently on another architecture. A session
// compares [Params.Size] first, and stops if it does.)
//
// A bin of s sparse and g dense columns has no solution in one of three ways.
// Their probabilities are summed over the exact binomial distribution of its load
// L, and g is the smallest at which the sum is at most 2^-40 / (bins * chunks):
//
//   - More than g rows depend on those before them in their sparse part. A row
//     does with probability W / C(s,3), for W vectors of weight three among the sums
//     of those before. These are the rows before, themselves, and a few
//     more: fewer than 3/4 L in expectation (a test computes it exactly), and we
//     allow 3 L, rounding in the hash included. So k or more such rows should
//     not occur more often than u^k/k!, where u = 2 L(L-1) / C(s,3). This is no
//     proof: it takes W for constant, where E[W^k] counts, and dependent rows come
//     together where W happens to be large. For up to 140 keys the failure was
//     estimated with W as it comes: at least 11 bits below this bound (2^-57 against
//     2^-41 for 25 keys, 2^-52 against 2^-40.5 for 100; a test repeats some). For
//     many keys the sums of few rows dominate, so that W keeps near its mean, and
//     the factor of up to 4^k over the rows alone is enough.
//   - L is above s/1.15. The threshold at which the mass of rows becomes dependent
//     is s/1.0894 (Dubois and Mandler, 2002, "The 3-XORSAT threshold").
//   - The dense part of k <= g dependent rows is singular. Its rows are (e, e^2,
//     e^4, …) for sums e of which each has an element d of its own; it is a Moore
//     matrix, singular only if the e are dependent over GF(2): at most 2^(g-128).
//
// Where the load cannot exceed g, only the last counts.
//
// Failure does not depend on whether rows can be peeled, for the encoder solves
// what peeling leaves. The number of sparse columns is therefore a matter of
// speed: 1.223 L is where peeling begins to succeed, with a deviation of about
// 0.8 sqrt(L), to which that of the load itself is added; with 4 sqrt(L) on top
// one bin in some hundreds is left with a large core, and costs a few times as much.
func NewParams(n, chunks int) (Params, error) {
	if n < 0 || n > MaxKeys || chunks < 1 || chunks > MaxChunks {
		return Params{}, ErrSize
	}
	p := Params{keys: n, bins: max(1, (n+meanLoad-1)/meanLoad), dense: minDense}
	// In integers, and with a root that is exact, so that no two machines differ.
	// In 64 bits, for the product does not fit an int of 32.
	rows := int(peelable * int64(n) / (1000 * int64(p.bins)))
	p.sparse = max(3, rows+int(4*math.Sqrt(float64(n/p.bins)))+1)

	union := math.Log2(float64(p.bins)) + math.Log2(float64(chunks))
	loads := newLoads(int64(n), p.bins, security+union+10)
	for ; p.dense <= maxDense; p.dense++ {
		p.failure = math.Log2(loads.sum(p.fails)) + union
		if p.failure <= -security {
			return p, nil
		}
	}
	return Params{}, ErrSize
}

// fails bounds the probability that a bin of that load has no solution.
func (p Params) fails(load float64) float64 {
	g := float64(p.dense)
	singular := math.Exp2(g - 128)
	if load <= g {
		return singular
	}
	s := float64(p.sparse)
	if load > s/solvable {
		return 1
	}
	u := 2 * load * (load - 1) / (s * (s - 1) * (s - 2) / 6)
	factorial, _ := math.Lgamma(g + 2)
	return math.Exp((g+1)*math.Log(u)-factorial) + singular
}

// Keys is the number of keys that the store is for, at most.
func (p Params) Keys() int { return p.keys }

// Size is the length of a vector, in elements.
func (p Params) Size() int { return p.bins * p.stride() }

// Bins is the number of bins, each with the same number of columns.
func (p Params) Bins() int { return p.bins }

// Dense is the number of dense columns in each bin.
func (p Params) Dense() int { return p.dense }

// Failure is log2 of the probability that any of the chunks has no solution; it
// is at most -40.
func (p Params) Failure() float64 { return p.failure }

// stride is the number of columns of a bin.
func (p Params) stride() int { return p.sparse + p.dense }

// loads is the distribution of the number of keys in one bin, cut where it makes
// no difference: chance[i] that it is from+i, for i = 0 that it is at most from.
type loads struct {
	from   int
	chance []float64
	beyond float64 // that it is more than any of these
}

// newLoads computes the distribution up to where less than 2^-depth is beyond.
func newLoads(n int64, bins int, depth float64) loads {
	if bins == 1 {
		return loads{from: int(n), chance: []float64{1}}
	}
	// The largest probability that a bin can have, with the rounding in place.
	p := math.Ceil((1<<32)/float64(bins)) / (1 << 32)
	f := float64(n)
	from := int64(f * p)
	d := loads{from: int(from), chance: []float64{1}}
	chance := math.Exp(logChoose(n, from) + float64(from)*math.Log(p) + float64(n-from)*math.Log1p(-p))
	for load := from; load < n; load++ {
		// The ratio of one probability to the one before falls with the load, so
		// what follows is less than a geometric series.
		ratio := float64(n-load) / float64(load+1) * p / (1 - p)
		if ratio < 1 {
			if d.beyond = chance * ratio / (1 - ratio); d.beyond < math.Exp2(-depth) {
				return d
			}
		}
		chance *= ratio
		d.chance = append(d.chance, chance)
	}
	d.beyond = 0
	return d
}

// MostLoad is the number of keys that, of n keys thrown into so many bins by a
// random hash, no bin exceeds but with a probability of 2^-40. It panics if n is
// not in 0 to [MaxKeys] times bins, or there is no bin.
func MostLoad(n int64, bins int) int {
	if bins < 1 || n < 0 || n > MaxKeys*int64(bins) {
		panic("okvs: a load of no bins")
	}
	d := newLoads(n, bins, security+math.Log2(float64(bins)))
	return d.from + len(d.chance) - 1
}

func logChoose(n, k int64) float64 {
	a, _ := math.Lgamma(float64(n + 1))
	b, _ := math.Lgamma(float64(k + 1))
	c, _ := math.Lgamma(float64(n - k + 1))
	return a - b - c
}

// sum is the mean over the loads of a probability that rises with the load.
func (d loads) sum(fails func(load float64) float64) float64 {
	total := d.beyond
	for i, chance := range d.chance {
		total += chance * min(1, fails(float64(d.from+i)))
	}
	return total
}
