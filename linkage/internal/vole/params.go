package vole

import (
	"math"
	"math/bits"
)

const (
	// MaxLength is the greatest length of a vector. Three of the chunks for which this was
	// made fit, and every message of such a session stays below a mebibyte. A longer
	// vector would need more trees, and with them the messages grow past that.
	MaxLength = 1 << 22

	// minLength is the length that shorter vectors are cut from. The margin against
	// algebraic attacks is a statement about large codes; making a few thousand places
	// costs less than the points of the base OTs.
	minLength = 1 << 12

	// kappa is the length of the correlation in bits, and the number of base OTs. It is
	// the field's: Delta is guessed with a chance of 2^-128 at best.
	kappa = 128

	minSecurity = 100
	maxSecurity = kappa

	// margin is for the sharper variants of the attack that [missed] computes, in bits.
	margin = 24
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
// matrix G and a secret sparse e, here with one error in every stretch of L places.
//
//   - The rate is 1/2: e is N >= 2·length long. The plain attack takes half of every stretch
//     for free of noise and solves for the other half, in which there are as many
//     unknowns as G has rows. It succeeds with a chance of 2^-t (information sets, Prange
//     1962; Hazay, Orsini, Scholl and Soria-Vazquez 2018 for regular noise).
//   - The weight t is the least multiple of 8 with missed(length, t) >= security + 24, by the
//     best attack known. That is where the length matters: 256 suffices up to 159,000
//     places, 360 are needed for 1.31 million and 440 for [MaxLength].
//   - It is also at least twice security. So short vectors have the weight 256 of the
//     reference (248 in its code, which rounds down), and are above the 128 held safe
//     against the algebraic attack on regular noise of Briaud and Øygarden (Eurocrypt
//     2023), which is strong at low rates and loses to the others at 1/2.
//   - L = ceil(2·length/t) and D = ceil(log2 L) follow. Lengths below 4,096 are cut from
//     vectors of 4,096, so that no session runs a tiny code.
//
// Anything else gives [ErrParams].
func NewParams(length, security int) (Params, error) {
	if length < 0 || length > MaxLength || security < minSecurity || security > maxSecurity {
		return Params{}, ErrParams
	}
	inner := max(length, minLength)
	t := (2*security + 7) / 8 * 8
	for missed(inner, t) < float64(security+margin) {
		t += 8
	}
	leaves := (2*inner + t - 1) / t
	return Params{length, inner, t, leaves, bits.Len(uint(leaves - 1))}, nil
}

// missed is -log2 of the chance that the noise misses the best linear test known, for m rows
// and t trees, half of them in each part of the noise vector.
//
// A linear test is a vector u for which u·G is zero at many places: u·C is zero if all
// errors fall there, and otherwise but with a chance of 2^-128. (Over such a field there
// is no bias beside this one.) It is found thus. The inverse of an accumulation is banded,
// so where x2 is zero in an interval, all of z = Accumulate(Accumulate(x2)) there
// follows from the 50 places of z before it. Let k intervals and these places cover a
// fraction phi of x2. A row has all its seven choices inside with a chance of phi^7, so
// that once
//
//	m·phi^7 > 50·k
//
// there are more such rows than unknowns, and a combination u of them is free of z: u·C is
// zero whenever no error falls into the intervals, nor on the places of those few rows
// in x1. A tree that is covered as a whole is never missed, so an interval touches two
// trees at most, and it takes t/4, one around every second border, to cover
// all t/2 trees of x2 alike. With c = 50·(t/4)/m, the 50 places and the rows in x1 are
// both a fraction c, and the chance is
//
//	(1-phi+c)^(t/2) · (1-c)^(t/2), phi = c^(1/7)
//
// So what a test must see is not a constant part of the code but falls like m^(-1/7), and t
// must grow with the length: 256 trees would leave 2^-101 at 1.31 million rows.
//
// Other shapes are worse: fewer intervals that cover more of fewer trees (better only for
// phi < 0.26), one for each tree, and a covering that is uneven from tree to tree or
// among the seven parts of the expander, for log P is a concave function of it. (One
// interval in each part has the least weight, 0.15·N at 2^20, but regular noise never
// misses it.) Sharper ones are what the margin is for. Rows with places outside serve too
// where those cancel: 5 to 9 bits from 2^20 rows on, 20 at 160,000, where phi is above
// 1/2. And the ends of the intervals can be fitted to the seed: up to 5 bits. With both
// together the best that we found is 2^-131 at 160,000 rows and 2^-142 at 1.31 million.
// (attack_test.go does all but the fitting.) That each try costs some thousand
// multiplications is not counted. It outweighs what is won by allowing for an error in one
// tree of the intervals (7 bits) or in two (13), to be found by several tests together.
//
// (At 128 bits no length comes so near to a step that two machines could round to different
// sides; a test looks. A session compares the sizes in any case, by the tag of every message.)
func missed(m, t int) float64 {
	c := float64(state*t/4) / float64(m)
	phi := math.Pow(c, 1.0/weight)
	return -float64(t) / 2 * (math.Log2(1-phi+c) + math.Log2(1-c))
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
