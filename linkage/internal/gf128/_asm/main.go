// Command _asm writes the amd64 assembly of package gf128. The kernels are
// written once and made in two widths: one element in an XMM register, for
// AVX with PCLMULQDQ, and four in a ZMM register, for AVX-512 with VPCLMULQDQ.
package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func main() {
	ConstraintExpr("amd64,!purego")
	mul()
	for _, w := range []width{{"XMM", 1}, {"ZMM", 4}} {
		w.mulAdd()
		w.mulEach()
		w.innerProduct()
	}
	Generate()
}

// width is the kind of vector that a kernel works in.
type width struct {
	name     string
	elements int
}

func (w width) reg() reg.VecVirtual {
	if w.elements == 4 {
		return ZMM()
	}
	return XMM()
}

func (w width) xor(x Op, y, d reg.Register) {
	if w.elements == 4 {
		VPXORQ(x, y, d)
	} else {
		VPXOR(x, y, d)
	}
}

// constant gives a vector of qwords with the value v.
func (w width) constant(v uint64) reg.VecVirtual {
	g, r := GP64(), w.reg()
	MOVQ(U64(v), g)
	if w.elements == 4 {
		VPBROADCASTQ(g, r)
	} else {
		VMOVQ(g, r)
		VPUNPCKLQDQ(r, r, r)
	}
	return r
}

// the halves of an element, for clmul.
const lo, hi = 0, 1

// clmul sets d to the product of a half of x and a half of y, in each element.
func clmul(x Op, xHalf uint8, y Op, yHalf uint8, d Op) {
	VPCLMULQDQ(Imm(uint64(xHalf|yHalf<<4)), y, x, d)
}

// swap sets d to x with the halves of each element exchanged.
func swap(x, d Op) { VPSHUFD(Imm(0x4e), x, d) }

// sum of the halves of each element, in both places.
func (w width) halves(x reg.Register) reg.VecVirtual {
	d := w.reg()
	swap(x, d)
	w.xor(x, d, d)
	return d
}

// reduce adds to p0 what m (of weight x^64) and p1 (of weight x^128) are worth
// modulo the polynomial, poly being 0x87 in each qword. m and p1 are used up.
func (w width) reduce(p0, m, p1, poly reg.Register) {
	Comment("upper half of x^128 * p1: it is x^64 * 0x87 times that half")
	t := w.reg()
	clmul(p1, hi, poly, lo, t)
	w.xor(t, m, m)
	Comment("what then has the weight x^128: upper half of m, lower half of p1")
	swap(m, t)
	w.xor(t, p1, p1)
	w.finish(p0, m, p1, poly)
}

// finish adds x^64 * (lower half of m) + 0x87 * (lower half of top) to p0.
func (w width) finish(p0, m, top, poly reg.Register) {
	zero := w.reg()
	w.xor(zero, zero, zero)
	clmul(top, lo, poly, lo, top)
	w.xor(top, p0, p0)
	VPUNPCKLQDQ(m, zero, m)
	w.xor(m, p0, p0)
}

// each runs body for all n elements, w.elements at a time and then, where that
// is more than one, for the rest under a mask. The bases are moved on.
func (w width) each(n reg.Register, bases []reg.Register, body func(load func(base, d reg.Register), store func(x, base reg.Register))) {
	loop, rest, done := w.name+"loop", w.name+"rest", w.name+"done"
	Label(loop)
	CMPQ(n, Imm(uint64(w.elements)))
	JL(LabelRef(rest))
	body(
		func(base, d reg.Register) { w.move(Mem{Base: base}, d) },
		func(x, base reg.Register) { w.move(x, Mem{Base: base}) })
	for _, b := range bases {
		ADDQ(Imm(uint64(16*w.elements)), b)
	}
	SUBQ(Imm(uint64(w.elements)), n)
	JMP(LabelRef(loop))
	Label(rest)
	if w.elements > 1 {
		Comment("two bits of the mask for each element that is left")
		TESTQ(n, n)
		JZ(LabelRef(done))
		mask, k := GP64(), K()
		ADDQ(n, n)
		MOVQ(I32(-1), mask)
		SHLXQ(n, mask, mask)
		NOTQ(mask)
		KMOVW(mask.As32(), k)
		body(
			func(base, d reg.Register) { VMOVDQU64_Z(Mem{Base: base}, k, d) },
			func(x, base reg.Register) { VMOVDQU64(x, k, Mem{Base: base}) })
		Label(done)
	}
}

func (w width) move(from, to Op) {
	if w.elements == 4 {
		VMOVDQU64(from, to)
	} else {
		VMOVDQU(from, to)
	}
}

func param(name string) reg.Register { return Load(Param(name), GP64()) }

func mul() {
	TEXT("mulXMM", NOSPLIT, "func(aLo, aHi, bLo, bHi uint64) (lo, hi uint64)")
	Doc("mulXMM is one product.")
	w := width{"XMM", 1}
	half := func(name string) reg.Register { return Load(Param(name), XMM()) }
	poly := w.constant(0x87)
	aLo, aHi, bLo, bHi := half("aLo"), half("aHi"), half("bLo"), half("bHi")
	p0, p1, m, t := XMM(), XMM(), XMM(), XMM()
	clmul(aLo, lo, bHi, lo, m)
	clmul(aHi, lo, bLo, lo, t)
	clmul(aHi, lo, bHi, lo, p1)
	clmul(aLo, lo, bLo, lo, p0)
	w.xor(t, m, m)
	w.reduce(p0, m, p1, poly)
	Store(p0, Return("lo"))
	high, err := ReturnIndex(1).Resolve()
	if err != nil {
		panic(err)
	}
	VMOVHPS(p0, high.Addr)
	RET()
}

func (w width) mulEach() {
	TEXT("mulEach"+w.name, NOSPLIT, "func(dst, a, b *uint64, n int)")
	Doc("mulEach" + w.name + " sets n elements of dst to the products.")
	dst, a, b, n := param("dst"), param("a"), param("b"), param("n")
	poly := w.constant(0x87)
	w.each(n, []reg.Register{dst, a, b}, func(load, store func(x, y reg.Register)) {
		x, y := w.reg(), w.reg()
		load(a, x)
		load(b, y)
		p0, m, p1, t := w.reg(), w.reg(), w.reg(), w.reg()
		clmul(x, lo, y, hi, m)
		clmul(x, hi, y, lo, t)
		clmul(x, lo, y, lo, p0)
		clmul(x, hi, y, hi, p1)
		w.xor(t, m, m)
		w.reduce(p0, m, p1, poly)
		store(p0, dst)
	})
	VZEROUPPER()
	RET()
}

func (w width) mulAdd() {
	TEXT("mulAdd"+w.name, NOSPLIT, "func(dst, src, by *uint64, n int)")
	Doc("mulAdd" + w.name + " adds the products of n elements of src with *by to dst.")
	dst, src, by, n := param("dst"), param("src"), param("by"), param("n")
	poly := w.constant(0x87)

	Comment("by and x^64 * by: with both, only the one middle word needs reducing")
	one := width{"XMM", 1}
	b, up := XMM(), XMM()
	VMOVDQU(Mem{Base: by}, b)
	clmul(b, hi, poly.AsX(), lo, up)
	t := XMM()
	one.xor(t, t, t)
	VPUNPCKLQDQ(b, t, t)
	one.xor(t, up, up)
	factor, factorUp := b, up
	if w.elements == 4 {
		factor, factorUp = ZMM(), ZMM()
		VSHUFI64X2(Imm(0), b.AsZ(), b.AsZ(), factor)
		VSHUFI64X2(Imm(0), up.AsZ(), up.AsZ(), factorUp)
	}

	w.each(n, []reg.Register{dst, src}, func(load, store func(x, y reg.Register)) {
		x, sum := w.reg(), w.reg()
		load(src, x)
		load(dst, sum)
		m, p, t, u := w.reg(), w.reg(), w.reg(), w.reg()
		clmul(x, lo, factor, hi, m)
		clmul(x, hi, factorUp, hi, t)
		clmul(x, lo, factor, lo, p)
		clmul(x, hi, factorUp, lo, u)
		w.xor(t, m, m)
		w.xor(u, p, p)
		swap(m, t)
		w.finish(p, m, t, poly)
		w.xor(p, sum, sum)
		store(sum, dst)
	})
	VZEROUPPER()
	RET()
}

func (w width) innerProduct() {
	TEXT("innerProduct"+w.name, NOSPLIT, "func(sum, a, b *uint64, n int)")
	Doc("innerProduct" + w.name + " sets *sum to the sum of n products.")
	sum, a, b, n := param("sum"), param("a"), param("b"), param("n")
	p0, m, p1 := w.reg(), w.reg(), w.reg()
	for _, r := range []reg.VecVirtual{p0, m, p1} {
		w.xor(r, r, r)
	}
	w.each(n, []reg.Register{a, b}, func(load, _ func(x, y reg.Register)) {
		x, y := w.reg(), w.reg()
		load(a, x)
		load(b, y)
		t, u, v := w.reg(), w.halves(x), w.halves(y)
		clmul(x, lo, y, lo, t)
		w.xor(t, p0, p0)
		clmul(u, lo, v, lo, u)
		w.xor(u, m, m)
		clmul(x, hi, y, hi, t)
		w.xor(t, p1, p1)
	})
	Comment("Karatsuba's correction, once for all")
	w.xor(p0, m, m)
	w.xor(p1, m, m)
	if w.elements == 4 {
		for _, r := range []reg.VecVirtual{p0, m, p1} {
			t := YMM()
			VEXTRACTI64X4(Imm(1), r, t)
			VPXOR(t, r.AsY(), r.AsY())
			VEXTRACTI128(Imm(1), r.AsY(), t.AsX())
			VPXOR(t.AsX(), r.AsX(), r.AsX())
		}
	}
	one := width{"XMM", 1}
	one.reduce(p0.AsX(), m.AsX(), p1.AsX(), one.constant(0x87))
	VMOVDQU(p0.AsX(), Mem{Base: sum})
	VZEROUPPER()
	RET()
}
