package oprf

import (
	"filippo.io/edwards25519"

	"github.com/hueandcry/hueandcry/linkage/internal/ristretto"
)

func isZero(s *edwards25519.Scalar) bool {
	return s.Equal(new(edwards25519.Scalar)) == 1
}

// invertScalars replaces every scalar by its inverse at the price of one
// inversion and three multiplications a scalar (Montgomery's trick), in constant
// time. None may be zero.
func invertScalars(s []edwards25519.Scalar) {
	before := make([]edwards25519.Scalar, len(s)) // the products of all that come before
	product := ristretto.Reduce(&[64]byte{1})
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
