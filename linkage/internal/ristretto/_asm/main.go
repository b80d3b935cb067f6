// Command _asm writes the amd64 assembly of package ristretto: sums of eight points in
// lock step, with AVX-512 IFMA. What is computed, and why no limb overflows, stands in
// lanes_amd64.go.
package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const (
	limbs   = 5
	row     = 64 // bytes of a limb in eight lanes
	element = limbs * row
)

func main() {
	ConstraintExpr("amd64,!purego")
	double()
	add()
	prepare()
	pick()
	Generate()
}

// lanes are eight field elements in registers.
type lanes [limbs]reg.VecVirtual

// constants live in registers as long as a function runs.
type constants struct{ zero, mask, nineteen reg.VecVirtual } // 0, 2^51 - 1, 19

func constant(v uint64) reg.VecVirtual {
	g, z := GP64(), ZMM()
	MOVQ(U64(v), g)
	VPBROADCASTQ(g, z)
	return z
}

func newConstants() *constants {
	return &constants{constant(0), constant(1<<51 - 1), constant(19)}
}

// twoP gives the limbs of 2p, of which all but the lowest are the same.
func twoP() lanes {
	rest := constant(1<<52 - 2)
	return lanes{constant(1<<52 - 38), rest, rest, rest, rest}
}

// at is element i of those at base.
func at(base reg.Register, i int) Mem { return Mem{Base: base, Disp: i * element} }

func load(m Mem) (v lanes) {
	for i := range v {
		v[i] = ZMM()
		VMOVDQU64(m.Offset(i*row), v[i])
	}
	return v
}

func store(v lanes, m Mem) {
	for i := range v {
		VMOVDQU64(v[i], m.Offset(i*row))
	}
}

// plus adds b to a.
func plus(a, b lanes) lanes {
	for i := range a {
		VPADDQ(b[i], a[i], a[i])
	}
	return a
}

// minus adds 2p - b to a.
func minus(a, b lanes) lanes {
	p := twoP()
	for i := range a {
		VPADDQ(p[i], a[i], a[i])
		VPSUBQ(b[i], a[i], a[i])
	}
	return a
}

// carry brings every limb to 51 bits and its neighbour's surplus.
func (c *constants) carry(v lanes) lanes {
	var up lanes
	for i := range v {
		up[i] = ZMM()
		VPSRLQ(Imm(51), v[i], up[i])
		VPANDQ(c.mask, v[i], v[i])
	}
	VPMULLQ(c.nineteen, up[4], up[4])
	for i := range v {
		VPADDQ(up[(i+4)%5], v[i], v[i])
	}
	return v
}

// mul is a product. The lower 52 bits of the product of two limbs weigh 2^(51k), the rest
// twice 2^(51(k+1)), and 2^255 is 19.
func (c *constants) mul(a, b Mem) lanes {
	x := load(a)
	var low, high [2 * limbs]reg.VecVirtual
	for k := range low {
		low[k], high[k] = ZMM(), ZMM()
		if k < 2*limbs-1 {
			VMOVDQA64(c.zero, low[k])
		}
		if k > 0 {
			VMOVDQA64(c.zero, high[k])
		}
	}
	for j := range limbs {
		y := ZMM()
		VMOVDQU64(b.Offset(j*row), y)
		for i := range limbs {
			VPMADD52LUQ(x[i], y, low[i+j])
			VPMADD52HUQ(x[i], y, high[i+j+1])
		}
	}
	for k := 1; k < 2*limbs; k++ {
		VPADDQ(high[k], high[k], high[k])
		if k < 2*limbs-1 {
			VPADDQ(high[k], low[k], low[k])
		} else {
			low[k] = high[k]
		}
	}
	var out lanes
	for k := range out {
		VPMULLQ(c.nineteen, low[k+limbs], low[k+limbs])
		VPADDQ(low[k+limbs], low[k], low[k])
		out[k] = low[k]
	}
	return c.carry(out)
}

// The places of a point, and of the quotients of a sum beside it.
const (
	px, py, pz, pt = 0, 1, 2, 3
	qe, qf, qg, qh = 0, 1, 2, 3
)

func (c *constants) setXYZ(p, q reg.Register) {
	store(c.mul(at(q, qe), at(q, qf)), at(p, px))
	store(c.mul(at(q, qg), at(q, qh)), at(p, py))
	store(c.mul(at(q, qf), at(q, qg)), at(p, pz))
}

func (c *constants) setT(p, q reg.Register) {
	store(c.mul(at(q, qe), at(q, qh)), at(p, pt))
}

func double() {
	TEXT("doubleLanes", NOSPLIT, "func(p *uint64, n int, q *uint64)")
	Pragma("noescape")
	Doc("doubleLanes doubles p n times; n is not zero, q is scratch.")
	p, n, q := Load(Param("p"), GP64()), Load(Param("n"), GP64()), Load(Param("q"), GP64())
	c := newConstants()
	Label("again")
	store(c.carry(plus(load(at(p, px)), load(at(p, py)))), at(q, qe))
	store(c.mul(at(p, px), at(p, px)), at(q, qf)) // A
	store(c.mul(at(p, py), at(p, py)), at(q, qg)) // B
	store(c.mul(at(p, pz), at(p, pz)), at(q, qh)) // C
	e := c.mul(at(q, qe), at(q, qe))
	store(c.carry(minus(minus(e, load(at(q, qf))), load(at(q, qg)))), at(q, qe))
	f := load(at(q, qh))
	f = plus(f, f)
	f = plus(f, load(at(q, qf)))
	f = c.carry(minus(f, load(at(q, qg))))
	h := c.carry(plus(load(at(q, qf)), load(at(q, qg))))
	g := c.carry(minus(load(at(q, qg)), load(at(q, qf))))
	store(f, at(q, qf))
	store(g, at(q, qg))
	store(h, at(q, qh))
	c.setXYZ(p, q)
	DECQ(n)
	JNZ(LabelRef("again"))
	c.setT(p, q)
	VZEROUPPER()
	RET()
}

// The places of a point that is made ready to be added.
const (
	cPlus, cMinus, cTwoZ, cT2D = 0, 1, 2, 3
)

func add() {
	TEXT("addLanes", NOSPLIT, "func(p, n, q *uint64)")
	Pragma("noescape")
	Doc("addLanes adds n to p; q is scratch.")
	p, n, q := Load(Param("p"), GP64()), Load(Param("n"), GP64()), Load(Param("q"), GP64())
	c := newConstants()
	store(c.carry(minus(load(at(p, py)), load(at(p, px)))), at(q, qe))
	store(c.carry(plus(load(at(p, py)), load(at(p, px)))), at(q, qh))
	store(c.mul(at(q, qe), at(n, cMinus)), at(q, qe)) // A
	store(c.mul(at(q, qh), at(n, cPlus)), at(q, qh))  // B
	store(c.mul(at(p, pt), at(n, cT2D)), at(q, qf))   // C
	store(c.mul(at(p, pz), at(n, cTwoZ)), at(q, qg))  // D
	for _, pair := range [2][2]int{{qe, qh}, {qf, qg}} {
		difference := c.carry(minus(load(at(q, pair[1])), load(at(q, pair[0]))))
		sum := c.carry(plus(load(at(q, pair[0])), load(at(q, pair[1]))))
		store(difference, at(q, pair[0]))
		store(sum, at(q, pair[1]))
	}
	c.setXYZ(p, q)
	c.setT(p, q)
	VZEROUPPER()
	RET()
}

func prepare() {
	TEXT("prepareLanes", NOSPLIT, "func(n, p, twoD *uint64)")
	Pragma("noescape")
	Doc("prepareLanes makes n of p, ready to be added.")
	n, p, twoD := Load(Param("n"), GP64()), Load(Param("p"), GP64()), Load(Param("twoD"), GP64())
	c := newConstants()
	store(c.carry(plus(load(at(p, py)), load(at(p, px)))), at(n, cPlus))
	store(c.carry(minus(load(at(p, py)), load(at(p, px)))), at(n, cMinus))
	z := load(at(p, pz))
	store(c.carry(plus(z, z)), at(n, cTwoZ))
	store(c.mul(at(p, pt), at(twoD, 0)), at(n, cT2D))
	VZEROUPPER()
	RET()
}

func pick() {
	TEXT("pickLanes", NOSPLIT, "func(n, table *uint64, masks *[8]uint64, negative uint64)")
	Pragma("noescape")
	Doc("pickLanes sets n to the entry of the table whose mask has all bits set, the others",
		"having none, or to its negative if negative has all bits set and not none. It reads",
		"all entries.")
	n, table, masks := Load(Param("n"), GP64()), Load(Param("table"), GP64()), Load(Param("masks"), GP64())
	var sum [4]lanes
	for e := range sum {
		for i := range limbs {
			sum[e][i] = ZMM()
			VPXORQ(sum[e][i], sum[e][i], sum[e][i])
		}
	}
	left := GP64()
	MOVQ(U64(8), left)
	Label("entry")
	mask := ZMM()
	VPBROADCASTQ(Mem{Base: masks}, mask)
	for e := range sum {
		for i := range limbs {
			Comment("sum | mask & entry")
			VPTERNLOGQ(Imm(0xf8), at(table, e).Offset(i*row), mask, sum[e][i])
		}
	}
	ADDQ(Imm(8), masks)
	ADDQ(U32(4*element), table)
	DECQ(left)
	JNZ(LabelRef("entry"))

	p := twoP()
	VPBROADCASTQ(Load(Param("negative"), GP64()), mask)
	for i := range limbs {
		t := ZMM()
		VPXORQ(sum[cPlus][i], sum[cMinus][i], t)
		VPANDQ(mask, t, t)
		VPXORQ(t, sum[cPlus][i], sum[cPlus][i])
		VPXORQ(t, sum[cMinus][i], sum[cMinus][i])

		Comment("2p - T2d, where negative")
		VPSUBQ(sum[cT2D][i], p[i], t)
		VPXORQ(sum[cT2D][i], t, t)
		VPANDQ(mask, t, t)
		VPXORQ(t, sum[cT2D][i], sum[cT2D][i])
	}
	for e := range sum {
		store(sum[e], at(n, e))
	}
	VZEROUPPER()
	RET()
}
