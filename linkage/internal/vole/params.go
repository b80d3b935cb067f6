package vole

import (
	"math"
	"math/bits"
)

const (
	// MaxLength is the greatest length of a vector. Four times the greatest sensible
	// chunk fits, and every message of such a session stays below a mebibyte.
	MaxLength = 1 << 25

	// minLength is the length that shorter vectors are cut from. The distance of the
	// code and the margin against algebraic attacks are statements about large codes;
	// making a few thousand places costs less than the points of the base OTs.
	minLength = 1 << 12

	// kappa is the length of the correlation in bits, and the number of base OTs. It is
	// the field's: Delta is guessed with a chance of 2^-128 at best.
	kappa = 128

	minSecurity = 100
	maxSecurity = kappa
)

// Params are the sizes of a session. Both parties must have the same, or their first
// messages are refused. The zero value is invalid; see [NewParams].
type Params struct {
	length int // as asked for
	inner  int // length, but at least minLength: the number of rows of the code
	trees  int // t, the weight of the noise: one value in each tree
	leaves int // L, the length of a tree's stretch of the noise vector
	depth  int // D, the number of levels under a tree's root
}

// NewParams chooses the sizes for vectors of the given length, 0 to [MaxLength],
// against attacks of 2^security steps, 100 to 128 (beyond that the field is the limit).
// Each size answers an attack on the receiver's secret C, which hides behind the
// dual learning-parity-with-noise assumption: G·e looks random for the code's
// matrix G and a secret sparse e.
//
//   - The rate is 1/2: e is N >= 2·length long. With regular noise, one error in every
//     stretch of L places, whoever wants as many error-free places as G has rows
//     must guess half of every stretch and hits with a chance of 2^-t (Prange's
//     information sets; Hazay, Orsini, Scholl and Soria-Vazquez 2018 for regular noise).
//   - The weight t answers linear tests: a combination of G's rows with d·N non-zero
//     places sees the noise with a bias of (1-2d)^t, and there is none below the
//     least distance of the code. For expand-convolute 7x24 Raghuraman, Rindal and
//     Tanguy (ePrint 2023/882) take d = 0.15, by extrapolation from small codes. So t
//     is the least multiple of 8 with 0.7^t <= 2^-security: 256 for 128. (Their code
//     rounds down, to 248.)
//   - The same t is above the 128 held safe against the algebraic attack on regular noise
//     of Briaud and Øygarden (Eurocrypt 2023), which is strong at low rates and loses to
//     the others at 1/2.
//   - L = ceil(2·length/t) and D = ceil(log2 L) follow. Lengths below 4,096 are cut from
//     vectors of 4,096, so that no session runs a tiny code.
//
// Anything else gives [ErrParams].
func NewParams(length, security int) (Params, error) {
	if length < 0 || length > MaxLength || security < minSecurity || security > maxSecurity {
		return Params{}, ErrParams
	}
	const distance = 0.15
	t := int(math.Ceil(float64(security) / -math.Log2(1-2*distance)))
	t = (t + 7) / 8 * 8
	inner := max(length, minLength)
	leaves := (2*inner + t - 1) / t
	return Params{length, inner, t, leaves, bits.Len(uint(leaves - 1))}, nil
}

// Length is the length of the vectors.
func (p Params) Length() int { return p.length }

// Sizes gives the lengths of the six messages, in their order: the receiver's
// first.
func (p Params) Sizes() (out [6]int) {
	for i := range out {
		out[i] = p.size(byte(kindPoint + i))
	}
	return out
}

// Sent gives the bytes that the receiver and the sender send in a session.
func (p Params) Sent() (receiver, sender int) {
	return p.size(kindPoint) + p.size(kindExtend) + p.size(kindChallenge),
		p.size(kindChoices) + p.size(kindTrees) + p.size(kindAnswer)
}

// noise is N, the length of the noise vector before the code.
func (p Params) noise() int { return p.trees * p.leaves }

// The extension makes blocks of 128 rows: one block for each noise value and one for the
// value of the check, then the choices of the trees, then those that only mask.
func (p Params) voleBlocks() int { return p.trees + 1 }
func (p Params) otBlocks() int   { return (p.trees*p.depth + kappa - 1) / kappa }
func (p Params) blocks() int     { return p.voleBlocks() + p.otBlocks() + maskBlocks }
