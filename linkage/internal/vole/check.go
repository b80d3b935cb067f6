package vole

import (
	"crypto/subtle"
	"io"

	"github.com/hueandcry/hueandcry/linkage/internal/gf128"
)

// The trees are checked as in Wolverine and Ferret (Weng, Yang, Katz and Wang, ePrint
// 2020/925; Yang, Weng, Lan, Zhang and Wang, ePrint 2020/924): both parties add up
// their N values before the code, weighted with the powers of a random point,
// and compare. With e the noise, A + B = e·Delta at every place makes
//
//	Σ chi^i·B[i] = Σ chi^i·A[i] + Delta·(Σ chi^i·e[i])
//
// and the last sum, which only the receiver knows, was one more value of the noisy VOLE:
// its K and M make up the difference. So chi is the receiver's alone, chosen before
// the extension and told after the trees, when nothing of them can be changed any more.
// The sender answers with a hash of its side, by which a receiver that put another value
// into the noisy VOLE gets no more than one guess at Delta from each try at the hash.
//
// A vector that is wrong in a place passes with a chance of N/2^128. What the check
// cannot prevent: a sum that the receiver did not take may be wrong unseen. A sender that
// spoils one sum of a tree is caught with a chance of 1/2, and otherwise has learnt one bit
// of one place: b bits for a chance of 2^-b to get away, once, for an abort ends the
// session for good. The LPN assumption with this leak of about one bit is that of Boyle
// et al. (CCS 2019) and of Wolverine and Ferret.

// challenge is the receiver's point with the value of the noise there.
type challenge struct {
	point gf128.Element
	value gf128.Element // Σ point^(i+1)·e[i]
}

func newChallenge(p Params, rand io.Reader, e *noise) (*challenge, error) {
	point, err := newElement(rand)
	if err != nil {
		return nil, err
	}
	c := &challenge{point: point}
	for j, v := range e.values {
		c.value = c.value.Add(power(point, j*p.leaves+e.places[j]+1).Mul(v))
	}
	return c, nil
}

// power gives x^n. Its time depends on n's length and not on its bits.
func power(x gf128.Element, n int) gf128.Element {
	out := gf128.Element{Lo: 1}
	for bit := range 32 {
		m := -uint64(n >> bit & 1)
		step := out.Mul(x)
		out.Lo ^= (out.Lo ^ step.Lo) & m
		out.Hi ^= (out.Hi ^ step.Hi) & m
		x = x.Mul(x)
	}
	return out
}

// evaluate gives Σ x^(i+1)·v[i]. The powers of one tree's length serve all trees.
func (p Params) evaluate(v []gf128.Element, x gf128.Element) gf128.Element {
	weights := powers(x, p.leaves)
	step := weights[p.leaves-1]
	var sum gf128.Element
	for j := p.trees - 1; j >= 0; j-- {
		sum = sum.Mul(step).Add(gf128.InnerProduct(v[j*p.leaves:][:p.leaves], weights))
	}
	return sum
}

// answer hashes a party's side of the comparison.
func (s *session) answer(side gf128.Element) []byte {
	h := s.hash("consistency", s.seen(), side.Append(nil))
	return h[:]
}

func checkAnswer(got, want []byte) error {
	if subtle.ConstantTimeCompare(got, want) != 1 {
		return ErrConsistency
	}
	return nil
}
