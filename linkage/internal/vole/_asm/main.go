// Command _asm writes the amd64 assembly of package vole: the steps of an
// accumulation, a group of four places at a time, as accumulate.go explains them, and
// the random additions of the expansion of code.go.
package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const (
	groupSize = 4
	memory    = 24
	lag       = memory + 1
	tables    = memory/groupSize + 1
	size      = 16 // of an element
)

func main() {
	ConstraintExpr("amd64,!purego")
	accumulate()
	expand()
	Generate()
}

// ahead is how many places before its use a place is fetched into the cache: more
// than the processor would look ahead by itself, and enough to hide an access to memory.
const ahead = 64

func expand() {
	TEXT("gatherAVX", NOSPLIT, "func(y *uint64, n int, x *uint64, size uint64, bits *byte)")
	Pragma("noescape")
	Doc("gatherAVX is gatherPortable for n places of y and size places of x.")
	y, left := Load(Param("y"), GP64()), Load(Param("n"), GP64())
	x, places := Load(Param("x"), GP64()), Load(Param("size"), GP64())
	bits := Load(Param("bits"), GP64())
	choice := func(i int) Mem {
		Comment("the upper half of the product, as a distance in bytes")
		at := GP64()
		MOVL(Mem{Base: bits, Disp: 4 * i}, at.As32())
		IMULQ(places, at)
		SHRQ(Imm(32-4), at)
		ANDQ(I32(-size), at)
		return Mem{Base: x, Index: at, Scale: 1}
	}
	one := func() {
		e := XMM()
		VMOVDQU(choice(0), e)
		VPXOR(Mem{Base: y}, e, e)
		VMOVDQU(e, Mem{Base: y})
		ADDQ(Imm(size), y)
		ADDQ(Imm(4), bits)
		DECQ(left)
	}
	SUBQ(Imm(ahead), left)
	JLE(LabelRef("last"))
	Label("fetching")
	PREFETCHT0(choice(ahead))
	one()
	JNZ(LabelRef("fetching"))
	Label("last")
	ADDQ(Imm(ahead), left)
	JZ(LabelRef("done"))
	Label("plain")
	one()
	JNZ(LabelRef("plain"))
	Label("done")
	RET()
}

func accumulate() {
	TEXT("groupsAVX", NOSPLIT, "func(x *uint64, bits *byte, groups int, store *uint64, order *[7]uint64)")
	Pragma("noescape")
	Doc("groupsAVX is groupsPortable from the place x on, for one group at least; order holds",
		"the distances of the tables from store in bytes, that of the current group first.")
	x, bits := Load(Param("x"), GP64()), Load(Param("bits"), GP64())
	left := Load(Param("groups"), GP64())
	store, order := Load(Param("store"), GP64()), Load(Param("order"), GP64())
	var at [tables]reg.GPVirtual
	for i := range at {
		at[i] = GP64()
		MOVQ(store, at[i])
		ADDQ(Mem{Base: order, Disp: 8 * i}, at[i])
	}

	Comment("what the bits that a shift pushes out of the two halves are worth")
	modulus, one := XMM(), XMM()
	g := GP64()
	MOVQ(U64(0x87), g)
	VMOVQ(g, modulus)
	MOVQ(U64(1), g)
	VMOVQ(g, one)
	VPUNPCKLQDQ(one, modulus, modulus)

	Label("group")
	sums := map[int]reg.VecVirtual{}
	for r := range groupSize {
		Commentf("place %d: X times the sum of the place and the one before the memory", r)
		e, t := XMM(), XMM()
		VMOVDQU(Mem{Base: x, Disp: size * r}, e)
		VPXOR(Mem{Base: x, Disp: size * (r - lag)}, e, e)
		VPSRLQ(Imm(63), e, t)
		VPSHUFD(Imm(0x4e), t, t)
		VPADDQ(e, e, e)
		VPMULUDQ(modulus, t, t)
		VPXOR(t, e, e)

		Comment("nibble by nibble, the nearest last, for it is known last")
		word := GP32()
		MOVL(Mem{Base: bits, Disp: 4 * r}, word)
		SHLL(Imm(32-memory), word)
		if r > 0 {
			SHRL(Imm(uint64(r)), word)
		}
		for i := tables - 1; i >= 0; i-- {
			if i == 0 && r == 0 {
				break // nothing of this group lies before
			}
			nibble := GP32()
			MOVL(word, nibble)
			if i > 0 {
				SHRL(Imm(uint64(4*i)), nibble)
			}
			ANDL(Imm(0xf0), nibble)
			VPXOR(Mem{Base: at[i], Index: nibble.As64(), Scale: 1}, e, e)
		}
		VMOVDQU(e, Mem{Base: x, Disp: size * r})

		Comment("the sums in which it is the last")
		bit := 1 << (groupSize - 1 - r)
		VMOVDQU(e, Mem{Base: at[0], Disp: size * bit})
		for j := 2 * bit; j < 1<<groupSize; j += 2 * bit {
			s := XMM()
			VPXOR(sums[j], e, s)
			VMOVDQU(s, Mem{Base: at[0], Disp: size * (j + bit)})
			sums[j+bit] = s
		}
		sums[bit] = e
	}
	Comment("the oldest table is the next group's")
	oldest := GP64()
	MOVQ(at[tables-1], oldest)
	for i := tables - 1; i > 0; i-- {
		MOVQ(at[i-1], at[i])
	}
	MOVQ(oldest, at[0])
	ADDQ(Imm(size*groupSize), x)
	ADDQ(Imm(4*groupSize), bits)
	DECQ(left)
	JNZ(LabelRef("group"))
	RET()
}
