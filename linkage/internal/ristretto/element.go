package ristretto

import (
	"crypto/subtle"
	"encoding/hex"

	"filippo.io/edwards25519"
	"filippo.io/edwards25519/field"
)

// The constants of RFC 9496, section 4.1, in the little-endian form of field
// elements. A test checks each by what defines it.
var (
	fieldOne       = new(field.Element).One()
	edwardsD       = constant("a3785913ca4deb75abd841414d0a700098e879777940c78c73fe6f2bee6c0352")
	sqrtM1         = constant("b0a00e4a271beec478e42fad0618432fa7d7fb3d99004d2b0bdfc14f8024832b")
	sqrtADMinusOne = constant("1b2e7b49a0f6977ebd54781b0c8e9daffdd1f531c9fc3c0fac48832bbf316937")
	invSqrtAMinusD = constant("ea405d80aafdc899be72415a17162f9d40d801fe917bc216a2fcafcf05896c78")
	oneMinusDSQ    = constant("76c15f94c1097ce20f355ecd38a1812ce4df70beddab9499d7e0b3b2a8729002")
	dMinusOneSQ    = constant("204ded44aa5aad3199191eb02c4a9ed2eb4e9b522fd3dc4c41226cf67ab36859")
)

func constant(text string) *field.Element {
	b, err := hex.DecodeString(text)
	if err != nil {
		panic(err)
	}
	e, err := new(field.Element).SetBytes(b)
	if err != nil {
		panic(err)
	}
	return e
}

// Affine is a point by its two plain coordinates. The zero value is not a point.
type Affine struct{ x, y field.Element }

// Point sets p to a.
func (a *Affine) Point(p *edwards25519.Point) {
	setPoint(p, &a.x, &a.y, fieldOne, new(field.Element).Multiply(&a.x, &a.y))
}

func setPoint(p *edwards25519.Point, x, y, z, t *field.Element) {
	if _, err := p.SetExtendedCoordinates(x, y, z, t); err != nil {
		panic("ristretto: a formula left the curve") // a fault of this package
	}
}

// Decode reads an encoded element and says whether it is one, in the canonical
// form and not the identity; RFC 9496, section 4.3.1. The identity is refused because
// a key or a blind has no effect on it, and the peer would learn so. It decodes in variable
// time: what is read has travelled.
func Decode(a *Affine, b []byte) bool {
	var s, ss, u1, u2, u2sq, v, invSqrt, denX, denY, t field.Element
	if _, err := s.SetBytes(b); err != nil {
		return false
	}
	if subtle.ConstantTimeCompare(s.Bytes(), b) != 1 || s.IsNegative() == 1 {
		return false
	}
	ss.Square(&s)
	u1.Subtract(fieldOne, &ss)
	u2.Add(fieldOne, &ss)
	u2sq.Square(&u2)
	v.Square(&u1)
	v.Multiply(&v, edwardsD)
	v.Negate(&v)
	v.Subtract(&v, &u2sq)
	_, square := invSqrt.SqrtRatio(fieldOne, denX.Multiply(&v, &u2sq))
	denX.Multiply(&invSqrt, &u2)
	denY.Multiply(&invSqrt, &denX)
	denY.Multiply(&denY, &v)
	a.x.Add(&s, &s)
	a.x.Multiply(&a.x, &denX)
	a.x.Absolute(&a.x)
	a.y.Multiply(&u1, &denY)
	t.Multiply(&a.x, &a.y)
	zero := new(field.Element)
	// The last condition is ours and not the RFC's: zero is the encoding of the identity.
	return square == 1 && t.IsNegative() == 0 && a.y.Equal(zero) == 0 && s.Equal(zero) == 0
}

// IsIdentity says whether p stands for the identity: the 4-torsion points are those
// with a coordinate of zero.
func IsIdentity(p *edwards25519.Point) bool {
	x, y, _, _ := p.ExtendedCoordinates()
	zero := new(field.Element)
	return x.Equal(zero)|y.Equal(zero) == 1
}

// Encode writes the encoding of the element of p, in constant time; RFC 9496,
// section 4.3.2.
func Encode(out *[Size]byte, p *edwards25519.Point) {
	x, y, z, t := p.ExtendedCoordinates()
	var u1, u2, invSqrt, den1, den2, zInv, ix, iy, enchanted, a field.Element
	u1.Add(z, y)
	u1.Multiply(&u1, a.Subtract(z, y))
	u2.Multiply(x, y)
	a.Square(&u2)
	invSqrt.SqrtRatio(fieldOne, a.Multiply(&a, &u1))
	den1.Multiply(&invSqrt, &u1)
	den2.Multiply(&invSqrt, &u2)
	zInv.Multiply(&den1, &den2)
	zInv.Multiply(&zInv, t)

	ix.Multiply(x, sqrtM1)
	iy.Multiply(y, sqrtM1)
	enchanted.Multiply(&den1, invSqrtAMinusD)
	rotate := a.Multiply(t, &zInv).IsNegative()
	x.Select(&iy, x, rotate)
	y.Select(&ix, y, rotate)
	den2.Select(&enchanted, &den2, rotate)

	negate := a.Multiply(x, &zInv).IsNegative()
	y.Select(a.Negate(y), y, negate)
	a.Subtract(z, y)
	a.Multiply(&a, &den2)
	copy(out[:], a.Absolute(&a).Bytes())
}

// EncodeDoubled writes the encodings of twice the elements of the points, in constant
// time. The encoding of an element wants an inverse square root, which cannot be
// shared, but the encoding of a doubled one only an inverse, which can. With
//
//	e = 2XY   f = Z² + dT²   g = Y² + X²   h = Z² - dT²
//
// the double of (X : Y : Z : T) is (eh : fg : fh : eg), and on the curve, where
// a = -1, h² - g² = (a-d)e². So the root in section 4.3.2 of RFC 9496 is known:
// up to a sign, which falls out in the end, den1 = 1/(INVSQRT_A_MINUS_D·gh),
// den2 = INVSQRT_A_MINUS_D/(ef) and z_inv = 1/(fh). What remains of the RFC's s is
//
//	INVSQRT_A_MINUS_D·(h ∓ g)/e    or, where eg/(fh) is negative,    (f ∓ √-1·e)/g
//
// with minus unless x·z_inv, which is e/f or √-1·g/h, is negative.
func EncodeDoubled(out []byte, points []edwards25519.Point) {
	type halves struct{ e, f, g, h field.Element }
	parts := make([]halves, len(points))
	inverses := make([]field.Element, len(points)) // of efgh
	var a, b field.Element
	for i := range points {
		x, y, z, t := points[i].ExtendedCoordinates()
		p := &parts[i]
		p.e.Multiply(x, y)
		p.e.Add(&p.e, &p.e)
		a.Square(z)
		b.Square(t)
		b.Multiply(&b, edwardsD)
		p.f.Add(&a, &b)
		p.h.Subtract(&a, &b)
		a.Square(x)
		b.Square(y)
		p.g.Add(&a, &b)
		a.Multiply(&p.e, &p.f)
		b.Multiply(&p.g, &p.h)
		inverses[i].Multiply(&a, &b)
	}
	invertFields(inverses)
	for i := range parts {
		p := &parts[i]
		var ef, gh, eg, fh, num, den, other, ie field.Element
		ef.Multiply(&p.e, &p.f)
		gh.Multiply(&p.g, &p.h)
		eg.Multiply(&p.e, &p.g)
		fh.Multiply(&p.f, &p.h)
		inv := &inverses[i] // zero for the identity, and then s is zero as it should be

		a.Square(&eg)
		rotate := a.Multiply(&a, inv).IsNegative() // eg/(fh)

		// The first case: 1/e = fgh/efgh, e/f = e²gh/efgh.
		den.Multiply(&p.f, &gh)
		den.Multiply(&den, invSqrtAMinusD)
		a.Square(&p.e)
		a.Multiply(&a, &gh)
		num.Set(&p.h)
		other.Set(&p.g)

		// The second: 1/g = efh/efgh, √-1·g/h = √-1·g²ef/efgh.
		ie.Multiply(&p.e, sqrtM1)
		b.Multiply(&p.e, &fh)
		den.Select(&b, &den, rotate)
		b.Square(&p.g)
		b.Multiply(&b, &ef)
		b.Multiply(&b, sqrtM1)
		a.Select(&b, &a, rotate)
		num.Select(&p.f, &num, rotate)
		other.Select(&ie, &other, rotate)

		negate := a.Multiply(&a, inv).IsNegative()
		other.Select(b.Negate(&other), &other, negate)
		num.Subtract(&num, &other)
		num.Multiply(&num, &den)
		num.Multiply(&num, inv)
		copy(out[i*Size:][:Size], num.Absolute(&num).Bytes())
	}
}

// Normalise gives the plain coordinates of the points, in constant time, at the
// price of one inversion for all.
func Normalise(points []edwards25519.Point) []Affine {
	inverses := make([]field.Element, len(points))
	for i := range points {
		_, _, z, _ := points[i].ExtendedCoordinates()
		inverses[i].Set(z)
	}
	invertFields(inverses)
	out := make([]Affine, len(points))
	for i := range points {
		x, y, _, _ := points[i].ExtendedCoordinates()
		out[i].x.Multiply(x, &inverses[i])
		out[i].y.Multiply(y, &inverses[i])
	}
	return out
}

// invertFields replaces every element by its inverse, and zero by zero, at the
// price of one inversion (Montgomery's trick), in constant time.
func invertFields(v []field.Element) {
	before := make([]field.Element, len(v)) // the products of all that come before
	zero := new(field.Element)
	product := new(field.Element).One()
	var a field.Element
	for i := range v {
		before[i].Set(product)
		// One in the place of a zero, which would spoil the product.
		product.Multiply(product, a.Select(fieldOne, &v[i], v[i].Equal(zero)))
	}
	product.Invert(product)
	for i := len(v) - 1; i >= 0; i-- {
		isZero := v[i].Equal(zero)
		a.Select(fieldOne, &v[i], isZero)
		before[i].Multiply(&before[i], product)
		v[i].Select(zero, &before[i], isZero)
		product.Multiply(product, &a)
	}
}

// Derive maps 64 uniform bytes to an evenly distributed element, in constant time;
// RFC 9496, section 4.3.4.
func Derive(p *edwards25519.Point, wide *[64]byte) {
	var q edwards25519.Point
	mapToPoint(p, wide[:32])
	mapToPoint(&q, wide[32:])
	p.Add(p, &q)
}

// mapToPoint is MAP of RFC 9496, section 4.3.4. The top bit of b is ignored, as there.
func mapToPoint(p *edwards25519.Point, b []byte) {
	var t, r, u, v, s, c, n, a field.Element
	if _, err := t.SetBytes(b); err != nil {
		panic("ristretto: " + err.Error()) // only a wrong length can fail
	}
	r.Square(&t)
	r.Multiply(&r, sqrtM1)
	u.Add(&r, fieldOne)
	u.Multiply(&u, oneMinusDSQ)
	c.Negate(fieldOne)
	v.Multiply(&r, edwardsD)
	v.Subtract(&c, &v)
	v.Multiply(&v, a.Add(&r, edwardsD))
	_, square := s.SqrtRatio(&u, &v)
	a.Multiply(&s, &t)
	a.Absolute(&a)
	s.Select(&s, a.Negate(&a), square)
	c.Select(&c, &r, square)
	n.Subtract(&r, fieldOne)
	n.Multiply(&n, &c)
	n.Multiply(&n, dMinusOneSQ)
	n.Subtract(&n, &v)

	var w0, w1, w2, w3, x, y, z field.Element
	w0.Multiply(&s, &v)
	w0.Add(&w0, &w0)
	w1.Multiply(&n, sqrtADMinusOne)
	s.Square(&s)
	w2.Subtract(fieldOne, &s)
	w3.Add(fieldOne, &s)
	x.Multiply(&w0, &w3)
	y.Multiply(&w2, &w1)
	z.Multiply(&w1, &w3)
	setPoint(p, &x, &y, &z, a.Multiply(&w0, &w2))
}
