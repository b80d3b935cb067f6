// Package gf128 is arithmetic in the field of 2^128 elements, single products
// and whole vectors of them, in constant time.
//
// The field is GF(2)[x] / (x^128 + x^7 + x^2 + x + 1). Its bits are in plain
// order, the lowest bit of the first byte being the coefficient of x^0: not
// the reflected order of GHASH.
//
// There are up to three implementations of the same results: portable Go, and
// on amd64 assembly for PCLMULQDQ and for VPCLMULQDQ with AVX-512, the best one
// that the processor has being taken. The build tag purego leaves only the first.
// All three do the same work whatever the values; the portable one needs a
// processor whose integer multiplication does so too.
package gf128

import "encoding/binary"

//go:generate go run -C _asm . -out ../gf128_amd64.s

// Size is the length of an encoded [Element] in bytes.
const Size = 16

// Element is an element of the field. Bit i of Lo is the coefficient of x^i,
// bit i of Hi that of x^(64+i). The zero value is the element 0; every value is
// an element, and == compares elements (not in constant time).
type Element struct{ Lo, Hi uint64 }

// FromBytes reads the element in the first 16 bytes of b, which are
// little-endian. It panics if there are fewer.
func FromBytes(b []byte) Element {
	_ = b[Size-1]
	return Element{binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])}
}

// Append adds the 16 bytes of a to b, as FromBytes reads them.
func (a Element) Append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint64(b, a.Lo)
	return binary.LittleEndian.AppendUint64(b, a.Hi)
}

// Add returns a + b, which is a - b too.
func (a Element) Add(b Element) Element {
	return Element{a.Lo ^ b.Lo, a.Hi ^ b.Hi}
}

// Mul returns a * b.
func (a Element) Mul(b Element) Element { return mul(a, b) }

// Inverse returns 1/a, and 0 for a = 0.
func (a Element) Inverse() Element {
	// a^-1 = a^(2^128 - 2) = (a^(2^127 - 1))^2, after Itoh and Tsujii (1988):
	// with e(k) = a^(2^k - 1) we have e(j+k) = e(j)^(2^k) * e(k), and
	// 127 is reached by doubling and adding one: 1, 3, 7, 15, 31, 63, 127.
	e := a
	for k := 1; k < 127; k = 2*k + 1 {
		e = squares(e, k).Mul(e)
		e = squares(e, 1).Mul(a)
	}
	return squares(e, 1)
}

// squares returns a^(2^n).
func squares(a Element, n int) Element {
	for range n {
		a = square(a)
	}
	return a
}
