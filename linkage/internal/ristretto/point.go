package ristretto

import "filippo.io/edwards25519/field"

var (
	fieldTwo = new(field.Element).Add(fieldOne, fieldOne)
	twoD     = new(field.Element).Add(edwardsD, edwardsD)
	inverseD = new(field.Element).Invert(edwardsD)
)

// niels is a point made ready to be added to others: y+x, y-x and 2dxy.
type niels struct{ plus, minus, t2d field.Element }

func (n *niels) set(a *Affine) {
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
