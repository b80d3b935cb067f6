package oprf

import "filippo.io/edwards25519"

// half is 1/2 modulo the order of the group. A scalar that is multiplied with it
// gives half of an element, which encodeDoubled doubles while it encodes.
var half = func() *edwards25519.Scalar {
	two := reduce(&[64]byte{2})
	return two.Invert(two)
}()

func reduce(wide *[64]byte) *edwards25519.Scalar {
	s, err := new(edwards25519.Scalar).SetUniformBytes(wide[:])
	if err != nil {
		panic("oprf: " + err.Error()) // only a wrong length can fail
	}
	return s
}

func isZero(s *edwards25519.Scalar) bool {
	return s.Equal(new(edwards25519.Scalar)) == 1
}

// invertScalars replaces every scalar by its inverse at the price of one
// inversion and three multiplications a scalar (Montgomery's trick), in constant
// time. None may be zero.
func invertScalars(s []edwards25519.Scalar) {
	before := make([]edwards25519.Scalar, len(s)) // the products of all that come before
	product := reduce(&[64]byte{1})
	for i := range s {
		before[i] = *product
		product.Multiply(product, &s[i])
	}
	product.Invert(product)
	for i := len(s) - 1; i >= 0; i-- {
		var inverse edwards25519.Scalar
		inverse.Multiply(product, &before[i])
		product.Multiply(product, &s[i])
		s[i] = inverse
	}
}
