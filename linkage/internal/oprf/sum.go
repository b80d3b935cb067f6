package oprf

import (
	"encoding/binary"

	"filippo.io/edwards25519"
	"filippo.io/edwards25519/field"
)

var (
	fieldTwo = new(field.Element).Add(fieldOne, fieldOne)
	twoD     = new(field.Element).Add(edwardsD, edwardsD)
	inverseD = new(field.Element).Invert(edwardsD)
)

// niels is a point made ready to be added to others: y+x, y-x and 2dxy.
type niels struct{ plus, minus, t2d field.Element }

func (n *niels) set(a *affine) {
	n.plus.Add(&a.y, &a.x)
	n.minus.Subtract(&a.y, &a.x)
	n.t2d.Multiply(&a.x, &a.y)
	n.t2d.Multiply(&n.t2d, twoD)
}

// extended is a point (X : Y : Z : T) with x = X/Z, y = Y/Z and xy = T/Z. Its sums
// are those of Hisil, Wong, Carter and Dawson, "Twisted Edwards Curves Revisited"
// (2008), section 3.1, which hold for all points of this curve.
type extended struct{ x, y, z, t field.Element }

func (p *extended) setIdentity() {
	p.x.Zero()
	p.y.One()
	p.z.One()
	p.t.Zero()
}

// addNiels adds n to p, or takes it off if negative. Its time depends on
// negative, and on nothing else.
func (p *extended) addNiels(n *niels, negative bool) {
	plus, minus := &n.plus, &n.minus
	if negative {
		plus, minus = minus, plus
	}
	var a, b, c, d, e, f, g, h field.Element
	a.Subtract(&p.y, &p.x)
	a.Multiply(&a, minus)
	b.Add(&p.y, &p.x)
	b.Multiply(&b, plus)
	c.Multiply(&p.t, &n.t2d)
	d.Add(&p.z, &p.z)
	e.Subtract(&b, &a)
	h.Add(&b, &a)
	if negative {
		f.Add(&d, &c)
		g.Subtract(&d, &c)
	} else {
		f.Subtract(&d, &c)
		g.Add(&d, &c)
	}
	p.x.Multiply(&e, &f)
	p.y.Multiply(&g, &h)
	p.z.Multiply(&f, &g)
	p.t.Multiply(&e, &h)
}

// setNiels makes p the point n, or its negative.
func (p *extended) setNiels(n *niels, negative bool) {
	p.x.Subtract(&n.plus, &n.minus)
	p.y.Add(&n.plus, &n.minus)
	p.z.Set(fieldTwo)
	p.t.Multiply(&n.t2d, inverseD)
	if negative {
		p.x.Negate(&p.x)
		p.t.Negate(&p.t)
	}
}

// add adds q to p.
func (p *extended) add(q *extended) {
	var a, b, c, d, e, f, g, h field.Element
	a.Subtract(&p.y, &p.x)
	a.Multiply(&a, e.Subtract(&q.y, &q.x))
	b.Add(&p.y, &p.x)
	b.Multiply(&b, e.Add(&q.y, &q.x))
	c.Multiply(&p.t, &q.t)
	c.Multiply(&c, twoD)
	d.Multiply(&p.z, &q.z)
	d.Add(&d, &d)
	e.Subtract(&b, &a)
	f.Subtract(&d, &c)
	g.Add(&d, &c)
	h.Add(&b, &a)
	p.x.Multiply(&e, &f)
	p.y.Multiply(&g, &h)
	p.z.Multiply(&f, &g)
	p.t.Multiply(&e, &h)
}

// smallSum is the number of terms from which on buckets beat the interleaved sums
// of edwards25519, as measured by BenchmarkSum. At a thousand they take half the
// time, which is a tenth of all the work of a server or client.
const smallSum = 120

// sum gives Σ scalars[i]·points[i], in variable time: for public values only.
func sum(scalars []edwards25519.Scalar, points []affine) *edwards25519.Point {
	if len(points) < smallSum {
		return sumSmall(scalars, points)
	}
	return sumBuckets(scalars, points)
}

func sumSmall(scalars []edwards25519.Scalar, points []affine) *edwards25519.Point {
	flat := make([]edwards25519.Point, len(points))
	s, p := make([]*edwards25519.Scalar, len(points)), make([]*edwards25519.Point, len(points))
	for i := range points {
		points[i].set(&flat[i])
		s[i], p[i] = &scalars[i], &flat[i]
	}
	return new(edwards25519.Point).VarTimeMultiScalarMult(s, p)
}

const scalarBits = 253 // the order of the group is just above 2^252

// sumBuckets is Pippenger's method. The scalars are cut into signed digits of a
// few bits. For each place, from the top, the points are thrown into a bucket by
// the size of their digit, and the buckets are weighed by a running sum.
func sumBuckets(scalars []edwards25519.Scalar, points []affine) *edwards25519.Point {
	width := digitWidth(len(points))
	places := scalarBits/width + 1
	digits := make([]int16, places*len(points)) // by place and then by point
	for i := range scalars {
		cutDigits(digits[i:], len(points), places, width, scalars[i].Bytes())
	}
	ready := make([]niels, len(points))
	for i := range points {
		ready[i].set(&points[i])
	}
	buckets := make([]extended, 1<<(width-1)) // number b holds the digits of size b+1
	full := make([]bool, len(buckets))
	total := edwards25519.NewIdentityPoint()
	for place := places - 1; place >= 0; place-- {
		for range width {
			total.Double(total)
		}
		clear(full)
		for i, d := range digits[place*len(points):][:len(points)] {
			if d == 0 {
				continue
			}
			b := max(d, -d) - 1
			if full[b] {
				buckets[b].addNiels(&ready[i], d < 0)
			} else {
				buckets[b].setNiels(&ready[i], d < 0)
				full[b] = true
			}
		}
		weighed := weigh(buckets, full)
		var w edwards25519.Point
		setPoint(&w, &weighed.x, &weighed.y, &weighed.z, &weighed.t)
		total.Add(total, &w)
	}
	return total
}

// weigh gives Σ (b+1)·buckets[b] over the full buckets: the sum of all sums from
// the top.
func weigh(buckets []extended, full []bool) *extended {
	var running, total extended
	running.setIdentity()
	total.setIdentity()
	for b := len(buckets) - 1; b >= 0; b-- {
		if full[b] {
			running.add(&buckets[b])
		}
		total.add(&running)
	}
	return &total
}

// digitWidth gives the number of bits a digit with the least work for n points:
// 7 multiplications in the field for a point in a bucket, twice 9 for a bucket.
func digitWidth(n int) int {
	best, least := 0, 0
	for width := 4; width <= 14; width++ {
		work := (scalarBits/width + 1) * (7*n + 18<<(width-1))
		if best == 0 || work < least {
			best, least = width, work
		}
	}
	return best
}

// cutDigits cuts a scalar into signed digits of the width, from 1-2^(width-1) to
// 2^(width-1), and writes the one of each place to every step-th of out.
func cutDigits(out []int16, step, places, width int, scalar []byte) {
	var padded [40]byte // so that eight bytes can be read from any place
	copy(padded[:], scalar)
	carry := 0
	for place := range places {
		at := place * width
		word := binary.LittleEndian.Uint64(padded[at/8:]) >> (at % 8)
		d := int(word&(1<<width-1)) + carry
		carry = 0
		if d > 1<<(width-1) {
			d -= 1 << width
			carry = 1
		}
		out[place*step] = int16(d)
	}
}
