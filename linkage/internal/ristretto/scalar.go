package ristretto

import "filippo.io/edwards25519"

// half is 1/2 modulo the order of the group.
var half = func() *edwards25519.Scalar {
	two := Reduce(&[64]byte{2})
	return two.Invert(two)
}()

// Halve gives s/2. A point that is multiplied with it is half of what it would have been,
// which EncodeDoubled doubles while it encodes.
func Halve(s *edwards25519.Scalar) *edwards25519.Scalar {
	return new(edwards25519.Scalar).Multiply(s, half)
}

// Reduce gives the scalar of 64 bytes, lowest first, evenly distributed if they are.
func Reduce(wide *[64]byte) *edwards25519.Scalar {
	s, err := new(edwards25519.Scalar).SetUniformBytes(wide[:])
	if err != nil {
		panic("ristretto: " + err.Error()) // only a wrong length can fail
	}
	return s
}
