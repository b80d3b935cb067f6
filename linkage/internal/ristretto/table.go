package ristretto

import (
	"crypto/subtle"

	"filippo.io/edwards25519"
	"filippo.io/edwards25519/field"
)

const tablePlaces = 64 // the places of a scalar to the base 16

// Table has the multiples by which a fixed point is multiplied with secret scalars
// without a doubling: row i holds 1 to 8 times 16^i times the point. It takes 60 KiB
// and about two hundred microseconds to make, with [NewTable]. It never changes, and
// may be used by many goroutines at once. The zero value is invalid.
type Table [tablePlaces][8]niels

// NewTable makes the table of a.
func NewTable(a *Affine) *Table {
	var p edwards25519.Point
	a.Point(&p)
	points := make([]edwards25519.Point, 0, tablePlaces*8)
	for range tablePlaces {
		var q edwards25519.Point
		q.Set(&p)
		for range 8 {
			points = append(points, q)
			q.Add(&q, &p)
		}
		p.MultByCofactor(&p) // eight times, and
		p.Double(&p)
	}
	t := new(Table)
	for i, a := range Normalise(points) {
		t[i/8][i%8].set(&a)
	}
	return t
}

// Mul sets p to s times the point of the table, in constant time: every multiple of a
// row is read for every place of the scalar.
func (t *Table) Mul(p *edwards25519.Point, s *edwards25519.Scalar) {
	var acc extended
	var n niels
	var a field.Element
	acc.setIdentity()
	carry := 0
	for i, b := range s.Bytes() {
		for j, d := range [2]int{int(b & 15), int(b >> 4)} {
			// Digits from -8 to 7. The last carry is none, for scalars are below 2^253.
			d += carry
			carry = (d + 8) >> 4
			d -= carry << 4
			negative := (d >> 8) & 1
			size := (d ^ -negative) + negative

			n.plus.One() // the identity, for a digit of zero
			n.minus.One()
			n.t2d.Zero()
			for k := range t[2*i+j] {
				m := &t[2*i+j][k]
				hit := subtle.ConstantTimeEq(int32(size), int32(k+1))
				n.plus.Select(&m.plus, &n.plus, hit)
				n.minus.Select(&m.minus, &n.minus, hit)
				n.t2d.Select(&m.t2d, &n.t2d, hit)
			}
			n.plus.Swap(&n.minus, negative)
			n.t2d.Select(a.Negate(&n.t2d), &n.t2d, negative)
			acc.addNiels(&n, false)
		}
	}
	setPoint(p, &acc.x, &acc.y, &acc.z, &acc.t)
}
