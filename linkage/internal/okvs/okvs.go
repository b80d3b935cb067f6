// Package okvs is an oblivious key-value store: it hides n pairs of key and
// value in a vector of about 1.25 n field elements, from which each key gives
// back its value by one linear combination, and which tells nothing of the keys
// where the values are random.
//
// It follows Raghuraman and Rindal, "Blazing Fast PSI from Improved OKVS and
// Subfield VOLE" (ePrint 2022/320). A key has a row of a public [Matrix]: ones in
// three sparse columns, and an element d of GF(2^128) with its squares d^2, d^4,
// … in a few dense columns. To encode is to solve matrix * vector = values, to
// decode is to multiply. Keys are thrown into bins, each with columns of its own,
// so that one bin is solved within the nearer caches, and many at once.
//
//	vector: | sparse of bin 0 | dense of bin 0 | sparse of bin 1 | dense of bin 1 | …
//	value of a key in bin 1:      v[a] + v[b] + v[c]  +  d v[e] + d^2 v[e+1] + d^4 v[e+2]
//
// [NewParams] computes the sizes together with the probability that a system has
// no solution. Most rows are solved by peeling, as in the paper; what peeling leaves
// is solved too, by elimination, so that only a system without solution fails, and
// the vector can be shorter than one that must be peeled.
//
// Nothing here is in constant time: whoever encodes owns the keys, and the vector's way
// out of the machine is masked by other means. But a peer can see when the vector comes,
// and knows the seed: where peeling leaves a large core, encoding takes a few times as
// long. That tells one predicate of all keys together, which is of use only to
// someone who knows nearly all of them.
package okvs

import (
	"errors"
	"math/bits"

	"github.com/hueandcry/hueandcry/linkage/internal/aeshash"
	"github.com/hueandcry/hueandcry/linkage/internal/gf128"
)

// Key is what a value is stored under. Equal keys are the same key; keys need
// not be random, for the seed of the [Matrix] comes after them.
type Key [16]byte

// Errors of [Matrix.Encode]. No vector is usable after either.
var (
	// ErrDuplicate says that a key is given twice.
	ErrDuplicate = errors.New("okvs: a key is given twice")
	// ErrEncode says that under this seed the keys have no solution, which
	// happens as often as [Params.Failure] allows. The remedy is a fresh seed, and
	// never fewer keys: which were left out would tell something of the rest.
	ErrEncode = errors.New("okvs: no solution under this seed")
)

// Matrix gives each key its row. It does not change and can be used by many
// goroutines at once. The zero value is not usable, see [NewMatrix].
type Matrix struct {
	p Params
	// Bin and sparse columns come from the one hash, the dense part from the
	// other: given where rows meet, their dense parts are still random.
	sparse, dense *aeshash.Key
}

// NewMatrix makes the matrix of a seed. It panics if p is the zero value.
//
// Rows are x -> AES(x) + x under two keys that are the halves of the seed. AES
// under a random key is a pseudorandom function up to 2^64 blocks, so that rows
// are as good as random for every set of keys that was chosen without knowing
// the seed. Hence the seed must be tossed by both parties after the keys are
// fixed. A party that chooses keys after it makes its own encoding fail, no more.
func NewMatrix(p Params, seed [32]byte) *Matrix {
	if p.bins == 0 {
		panic("okvs: zero Params")
	}
	return &Matrix{p: p, sparse: aeshash.New([16]byte(seed[:16])), dense: aeshash.New([16]byte(seed[16:]))}
}

// Params returns the sizes.
func (m *Matrix) Params() Params { return m.p }

// Row is where a vector holds one key: the value is the sum of the three elements
// at Sparse, and of d^(2^i) times the element at Dense + i for every i below
// [Params.Dense]. The zero value is not the row of any key.
type Row struct {
	Sparse [3]int // different from each other
	Dense  int
	d      gf128.Element
}

// Row computes the row of one key, for whoever holds the vector elsewhere.
func (m *Matrix) Row(key Key) Row {
	var r rows
	m.place(&r, []Key{key})
	base := int(r.bin[0]) * m.p.stride()
	a, b, c := split(r.cols[0])
	m.mix(&r, []Key{key})
	return Row{[3]int{base + a, base + b, base + c}, base + m.p.sparse, r.d[0]}
}

// Value combines the elements at the places of the row: those at Sparse, and all
// of the dense ones.
func (r Row) Value(sparse [3]gf128.Element, dense []gf128.Element) gf128.Element {
	sum := sparse[0].Add(sparse[1]).Add(sparse[2])
	d := r.d
	for _, e := range dense {
		sum = sum.Add(d.Mul(e))
		d = d.Mul(d)
	}
	return sum
}

// batch is how many rows are hashed at a time: enough for wide AES, and all that
// belongs to them in the nearest cache.
const batch = 256

// rows is a batch of rows, and what is needed to make them.
type rows struct {
	in, d [batch]gf128.Element
	bin   [batch]uint32
	cols  [batch]uint64 // see join
}

// join packs three columns of a bin, in 16 bits each.
func join(a, b, c uint32) uint64 { return uint64(a) | uint64(b)<<16 | uint64(c)<<32 }

// split is the opposite, and does not look at the highest 16 bits.
func split(cols uint64) (a, b, c int) {
	return int(uint16(cols)), int(uint16(cols >> 16)), int(uint16(cols >> 32))
}

// place sets bin and cols for up to batch keys.
//
// Each of the four numbers is a word of 32 bits times its range, over 2^32. It
// is uniform up to a factor of 1 + range/2^32 <= 1 + 2^-16, for which the bounds
// in params.go have room.
func (m *Matrix) place(r *rows, keys []Key) {
	in := r.in[:len(keys)]
	for i := range keys {
		in[i] = gf128.FromBytes(keys[i][:])
	}
	m.sparse.Hash(in, in)
	bins, s := uint64(m.p.bins), uint64(m.p.sparse)
	for i := range in {
		h := in[i]
		r.bin[i] = uint32((h.Lo & mask32) * bins >> 32)
		a := uint32((h.Lo >> 32) * s >> 32)
		b := uint32((h.Hi & mask32) * (s - 1) >> 32)
		c := uint32((h.Hi >> 32) * (s - 2) >> 32)
		// b is one of the s-1 that are not a, c one of the s-2 that are neither:
		// each steps over what is taken, in rising order.
		b += atLeast(b, a)
		c += atLeast(c, min(a, b))
		c += atLeast(c, max(a, b))
		r.cols[i] = join(a, b, c)
	}
}

const mask32 = 1<<32 - 1

// atLeast is 1 where x >= y and 0 elsewhere, without a branch that chance decides.
func atLeast(x, y uint32) uint32 {
	_, below := bits.Sub32(x, y, 0)
	return 1 - below
}

// mix sets d for up to batch keys.
func (m *Matrix) mix(r *rows, keys []Key) {
	d := r.d[:len(keys)]
	for i := range keys {
		d[i] = gf128.FromBytes(keys[i][:])
	}
	m.dense.Hash(d, d)
}
