package oprf

import (
	"crypto/sha512"
	"io"

	"filippo.io/edwards25519"

	"github.com/hueandcry/hueandcry/linkage/internal/ristretto"
)

// A proof shows that two lists of elements are related by the same scalar as the
// generator and a public element; RFC 9497, section 2.2. The lists are folded into
// one pair (M, Z) with factors that hash everything, and a Schnorr proof is made for
// that pair.
//
// In ModeVOPRF the RFC calls the blinded elements C and the evaluated ones D, in
// ModePOPRF the other way round, for there the key is inverted in the evaluation.
// Here lists come in the order of the protocol, blinded and evaluated, and
// inMode puts a pair into the RFC's order or back.
func inMode[T any](mode Mode, blinded, evaluated T) (c, d T) {
	if mode == ModePOPRF {
		return evaluated, blinded
	}
	return blinded, evaluated
}

// factors gives the scalars by which the elements of the batch are folded; RFC 9497,
// section 2.2.1, first half.
func (s *suite) factors(mode Mode, public, blinded, evaluated []byte) []edwards25519.Scalar {
	c, d := inMode(mode, blinded, evaluated)
	seed := sha512.Sum512(appendFramed(appendFramed(nil, public), []byte(s.seed)))
	text := appendFramed(make([]byte, 0, 160), seed[:])
	start := len(text)
	out := make([]edwards25519.Scalar, len(blinded)/ElementSize)
	for i := range out {
		text = append(text[:start], byte(i>>8), byte(i))
		text = appendFramed(text, c[i*ElementSize:][:ElementSize])
		text = appendFramed(text, d[i*ElementSize:][:ElementSize])
		text = append(text, "Composite"...)
		out[i] = *scalarFromHash(s.toScalar, text)
	}
	return out
}

// challenge hashes the folded pair and the two commitments of a proof.
func (s *suite) challenge(public []byte, points ...*edwards25519.Point) *edwards25519.Scalar {
	text := appendFramed(make([]byte, 0, 192), public)
	for _, p := range points {
		var b [ElementSize]byte
		ristretto.Encode(&b, p)
		text = appendFramed(text, b[:])
	}
	return scalarFromHash(s.toScalar, append(text, "Challenge"...))
}

// prove makes the proof that k leads from the generator to public and from m to z.
// Its time tells nothing of k.
func (s *suite) prove(rand io.Reader, k *edwards25519.Scalar, public []byte, m, z *edwards25519.Point) ([]byte, error) {
	r, err := randomScalar(rand)
	if err != nil {
		return nil, err
	}
	t2 := new(edwards25519.Point).ScalarBaseMult(r)
	t3 := new(edwards25519.Point).ScalarMult(r, m)
	c := s.challenge(public, m, z, t2, t3)
	answer := new(edwards25519.Scalar).Multiply(c, k)
	answer.Subtract(r, answer)
	return append(c.Bytes(), answer.Bytes()...), nil
}

// holds says whether a proof of that shows it, in variable time.
func (s *suite) holds(proof, public []byte, key, m, z *edwards25519.Point) bool {
	c, err := new(edwards25519.Scalar).SetCanonicalBytes(proof[:32])
	if err != nil {
		return false
	}
	answer, err := new(edwards25519.Scalar).SetCanonicalBytes(proof[32:])
	if err != nil {
		return false
	}
	t2 := new(edwards25519.Point).VarTimeDoubleScalarBaseMult(c, key, answer)
	t3 := new(edwards25519.Point).VarTimeMultiScalarMult(
		[]*edwards25519.Scalar{answer, c}, []*edwards25519.Point{m, z})
	return s.challenge(public, m, z, t2, t3).Equal(c) == 1
}
