package gf128

import "math/bits"

// low returns the lower 64 bits of the carry-less product of x and y.
//
// An integer product is a carry-less one wherever no carry arises. With only
// every fourth bit kept in x and in y, at most 16 ones meet in one place of the
// product. As a number four bits hold up to 15, so no place disturbs the next
// one in use, but for the topmost, where a 16 is carried out of the word.
func low(x, y uint64) uint64 {
	const (
		m0 = 0x1111111111111111
		m1 = m0 << 1
		m2 = m0 << 2
		m3 = m0 << 3
	)
	x0, x1, x2, x3 := x&m0, x&m1, x&m2, x&m3
	y0, y1, y2, y3 := y&m0, y&m1, y&m2, y&m3
	return (x0*y0^x1*y3^x2*y2^x3*y1)&m0 |
		(x0*y1^x1*y0^x2*y3^x3*y2)&m1 |
		(x0*y2^x1*y1^x2*y0^x3*y3)&m2 |
		(x0*y3^x1*y2^x2*y1^x3*y0)&m3
}

// high returns the upper 63 bits, given x and y with their bits in reverse: a
// carry-less product read backwards is the product of its factors read backwards.
func high(x, y uint64) uint64 { return bits.Reverse64(low(x, y)) >> 1 }

// wide is a product before its reduction, the lowest 64 bits first.
type wide struct{ w0, w1, w2, w3 uint64 }

func (w wide) add(v wide) wide {
	return wide{w.w0 ^ v.w0, w.w1 ^ v.w1, w.w2 ^ v.w2, w.w3 ^ v.w3}
}

// mulWide multiplies with three products of halves, after Karatsuba.
func mulWide(a, b Element) wide {
	ra, rb := Element{bits.Reverse64(a.Lo), bits.Reverse64(a.Hi)}, Element{bits.Reverse64(b.Lo), bits.Reverse64(b.Hi)}
	ll, lh := low(a.Lo, b.Lo), high(ra.Lo, rb.Lo)
	hl, hh := low(a.Hi, b.Hi), high(ra.Hi, rb.Hi)
	ml := low(a.Lo^a.Hi, b.Lo^b.Hi) ^ ll ^ hl
	mh := high(ra.Lo^ra.Hi, rb.Lo^rb.Hi) ^ lh ^ hh
	return wide{ll, lh ^ ml, hl ^ mh, hh}
}

// reduce uses x^128 = x^7 + x^2 + x + 1: the upper half, shifted by each of
// these, falls on the lower. What it pushes over the edge again is put back
// into the upper half first, as it is too short to overflow a second time.
func (w wide) reduce() Element {
	h := w.w3
	l := w.w2 ^ h>>63 ^ h>>62 ^ h>>57
	return Element{
		Lo: w.w0 ^ l ^ l<<1 ^ l<<2 ^ l<<7,
		Hi: w.w1 ^ h ^ (h<<1 | l>>63) ^ (h<<2 | l>>62) ^ (h<<7 | l>>57),
	}
}

// spread puts a zero between any two bits of x, which squares it.
func spread(x uint32) uint64 {
	v := uint64(x)
	v = (v | v<<16) & 0x0000ffff0000ffff
	v = (v | v<<8) & 0x00ff00ff00ff00ff
	v = (v | v<<4) & 0x0f0f0f0f0f0f0f0f
	v = (v | v<<2) & 0x3333333333333333
	return (v | v<<1) & 0x5555555555555555
}

func square(a Element) Element {
	return wide{
		spread(uint32(a.Lo)), spread(uint32(a.Lo >> 32)),
		spread(uint32(a.Hi)), spread(uint32(a.Hi >> 32)),
	}.reduce()
}

func mulPortable(a, b Element) Element { return mulWide(a, b).reduce() }

func mulAddPortable(dst, src []Element, by Element) {
	for i, s := range src {
		dst[i] = dst[i].Add(mulPortable(s, by))
	}
}

func mulEachPortable(dst, a, b []Element) {
	for i := range dst {
		dst[i] = mulPortable(a[i], b[i])
	}
}

func innerProductPortable(a, b []Element) Element {
	var sum wide
	for i := range a {
		sum = sum.add(mulWide(a[i], b[i]))
	}
	return sum.reduce()
}
