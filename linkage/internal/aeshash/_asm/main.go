// Command _asm writes the amd64 assembly of package aeshash, in two widths: one
// block in an XMM register, for AVX with AES-NI, with the round keys in memory,
// and four in a ZMM register, for AVX-512 with VAES, with the round keys in the
// many registers of that kind.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const rounds = 10

func main() {
	ConstraintExpr("amd64,!purego")
	expandKey()
	hashXMM()
	expandXMM()
	hashZMM()
	expandZMM()
	Generate()
}

func param(name string) reg.Register { return Load(Param(name), GP64()) }

func at(base reg.Register, block int) Mem { return Mem{Base: base, Disp: 16 * block} }

// loop runs body as long as at least step blocks are left of n.
func loop(step int, n reg.Register, body func()) {
	top, out := fmt.Sprintf("by%d", step), fmt.Sprintf("less%d", step)
	Label(top)
	CMPQ(n, Imm(uint64(step)))
	JL(LabelRef(out))
	body()
	SUBQ(Imm(uint64(step)), n)
	JMP(LabelRef(top))
	Label(out)
}

func advance(base reg.Register, blocks int) { ADDQ(I32(16*blocks), base) }

func expandKey() {
	TEXT("expandKeyXMM", NOSPLIT, "func(schedule, key *uint64)")
	Doc("expandKeyXMM writes the 11 round keys of AES-128 (FIPS 197, section 5.2).")
	schedule, key := param("schedule"), param("key")
	k, t := XMM(), XMM()
	VMOVDQU(Mem{Base: key}, k)
	VMOVDQU(k, at(schedule, 0))
	for i, rcon := range []uint64{0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0x1b, 0x36} {
		last := XMM()
		VMOVDQA(k, t)
		VAESKEYGENASSIST(Imm(rcon), k, last)
		VPSHUFD(Imm(0xff), last, last)
		for range 3 {
			VPSLLDQ(Imm(4), t, t)
			VPXOR(t, k, k)
		}
		VPXOR(last, k, k)
		VMOVDQU(k, at(schedule, i+1))
	}
	RET()
}

// roundsXMM encrypts each state under the schedule of the same place.
func roundsXMM(states []reg.VecVirtual, schedules []reg.Register) {
	for r := 1; r <= rounds; r++ {
		for i, s := range states {
			if r < rounds {
				VAESENC(at(schedules[i], r), s, s)
			} else {
				VAESENCLAST(at(schedules[i], r), s, s)
			}
		}
	}
}

func hashXMM() {
	TEXT("hashXMM", NOSPLIT, "func(schedule, dst, src *uint64, n int)")
	Doc("hashXMM hashes n blocks, eight at a time.")
	schedule, dst, src, n := param("schedule"), param("dst"), param("src"), param("n")
	for _, step := range []int{8, 1} {
		loop(step, n, func() {
			states, schedules := make([]reg.VecVirtual, step), make([]reg.Register, step)
			first := XMM()
			VMOVDQU(at(schedule, 0), first)
			for i := range states {
				states[i], schedules[i] = XMM(), schedule
				VPXOR(at(src, i), first, states[i])
			}
			roundsXMM(states, schedules)
			for i, s := range states {
				VPXOR(at(src, i), s, s)
				VMOVDQU(s, at(dst, i))
			}
			advance(src, step)
			advance(dst, step)
		})
	}
	RET()
}

func expandXMM() {
	TEXT("expandXMM", NOSPLIT, "func(left, right, dst, src *uint64, n int, sums *uint64)")
	Doc("expandXMM makes the children of n blocks, eight at a time, and the two sums of them.")
	left, right, dst, src, n, sums := param("left"), param("right"), param("dst"), param("src"), param("n"), param("sums")
	sum := [2]reg.VecVirtual{XMM(), XMM()}
	for _, s := range sum {
		VPXOR(s, s, s)
	}
	for _, step := range []int{4, 1} {
		loop(step, n, func() {
			states, schedules := make([]reg.VecVirtual, 2*step), make([]reg.Register, 2*step)
			for i := range states {
				states[i], schedules[i] = XMM(), []reg.Register{left, right}[i%2]
			}
			for i := range step {
				VMOVDQU(at(src, i), states[2*i])
				VPXOR(at(right, 0), states[2*i], states[2*i+1])
				VPXOR(at(left, 0), states[2*i], states[2*i])
			}
			roundsXMM(states, schedules)
			for i, s := range states {
				VPXOR(at(src, i/2), s, s)
				VPXOR(s, sum[i%2], sum[i%2])
				VMOVDQU(s, at(dst, i))
			}
			advance(src, step)
			advance(dst, 2*step)
		})
	}
	VMOVDQU(sum[0], at(sums, 0))
	VMOVDQU(sum[1], at(sums, 1))
	RET()
}

// keysZMM loads a schedule, each round key in all four places.
func keysZMM(schedule reg.Register) (keys [rounds + 1]reg.VecVirtual) {
	for r := range keys {
		keys[r] = ZMM()
		VBROADCASTI32X4(at(schedule, r), keys[r])
	}
	return keys
}

// roundsZMM encrypts each state under the keys of the same place.
func roundsZMM(states []reg.VecVirtual, keys [][rounds + 1]reg.VecVirtual) {
	for r := 1; r <= rounds; r++ {
		for i, s := range states {
			if r < rounds {
				VAESENC(keys[i][r], s, s)
			} else {
				VAESENCLAST(keys[i][r], s, s)
			}
		}
	}
}

// mask sets k to the lowest n * perBlock bits, and also gives them as a number.
func mask(n reg.Register, perBlock uint64, k reg.Register) reg.GPVirtual {
	count, bits := GP64(), GP64()
	IMUL3Q(Imm(perBlock), n, count)
	MOVQ(I32(-1), bits)
	SHLXQ(count, bits, bits)
	NOTQ(bits)
	KMOVW(bits.As32(), k)
	return bits
}

func hashZMM() {
	TEXT("hashZMM", NOSPLIT, "func(schedule, dst, src *uint64, n int)")
	Doc("hashZMM hashes n blocks, 16 at a time, then four, then the rest under a mask.")
	schedule, dst, src, n := param("schedule"), param("dst"), param("src"), param("n")
	keys := keysZMM(schedule)
	for _, step := range []int{16, 4} {
		loop(step, n, func() {
			states, each := make([]reg.VecVirtual, step/4), make([][rounds + 1]reg.VecVirtual, step/4)
			for i := range states {
				states[i], each[i] = ZMM(), keys
				VPXORQ(at(src, 4*i), keys[0], states[i])
			}
			roundsZMM(states, each)
			for i, s := range states {
				VPXORQ(at(src, 4*i), s, s)
				VMOVDQU64(s, at(dst, 4*i))
			}
			advance(src, step)
			advance(dst, step)
		})
	}
	TESTQ(n, n)
	JZ(LabelRef("done"))
	k, x, s := K(), ZMM(), ZMM()
	mask(n, 2, k)
	VMOVDQU64_Z(at(src, 0), k, x)
	VPXORQ(x, keys[0], s)
	roundsZMM([]reg.VecVirtual{s}, [][rounds + 1]reg.VecVirtual{keys})
	VPXORQ(x, s, s)
	VMOVDQU64(s, k, at(dst, 0))
	Label("done")
	VZEROUPPER()
	RET()
}

// interleave makes l0 r0 l1 r1 and l2 r2 l3 r3 of l and r, which are used up.
func interleave(l, r reg.VecVirtual) (low, high reg.VecVirtual) {
	t := ZMM()
	VSHUFI64X2(Imm(0b01_00_01_00), r, l, t)
	VSHUFI64X2(Imm(0b11_10_11_10), r, l, r)
	VSHUFI64X2(Imm(0b11_01_10_00), t, t, l)
	VSHUFI64X2(Imm(0b11_01_10_00), r, r, r)
	return l, r
}

func expandZMM() {
	TEXT("expandZMM", NOSPLIT, "func(left, right, dst, src *uint64, n int, sums *uint64)")
	Doc("expandZMM makes the children of n blocks, 16 at a time, then eight, then the rest",
		"under a mask, and the two sums of them.")
	left, right, dst, src, n, sums := param("left"), param("right"), param("dst"), param("src"), param("n"), param("sums")
	keys := [2][rounds + 1]reg.VecVirtual{keysZMM(left), keysZMM(right)}
	sum := [2]reg.VecVirtual{ZMM(), ZMM()}
	for _, s := range sum {
		VPXORQ(s, s, s)
	}
	for _, step := range []int{8, 4} {
		loop(step, n, func() {
			states, each := make([]reg.VecVirtual, step/2), make([][rounds + 1]reg.VecVirtual, step/2)
			for i := range states {
				states[i], each[i] = ZMM(), keys[i%2]
				VPXORQ(at(src, 4*(i/2)), each[i][0], states[i])
			}
			roundsZMM(states, each)
			for i, s := range states {
				VPXORQ(at(src, 4*(i/2)), s, s)
				VPXORQ(s, sum[i%2], sum[i%2])
			}
			for i := 0; i < len(states); i += 2 {
				low, high := interleave(states[i], states[i+1])
				VMOVDQU64(low, at(dst, 4*i))
				VMOVDQU64(high, at(dst, 4*i+4))
			}
			advance(src, step)
			advance(dst, 2*step)
		})
	}
	TESTQ(n, n)
	JZ(LabelRef("done"))
	k, x, l, r := K(), ZMM(), ZMM(), ZMM()
	mask(n, 2, k)
	VMOVDQU64_Z(at(src, 0), k, x)
	VPXORQ(x, keys[0][0], l)
	VPXORQ(x, keys[1][0], r)
	roundsZMM([]reg.VecVirtual{l, r}, keys[:])
	VPXORQ(x, l, l)
	VPXORQ(x, r, r)
	Comment("what is no child does not count")
	VPXORQ(l, sum[0], k, sum[0])
	VPXORQ(r, sum[1], k, sum[1])
	low, high := interleave(l, r)
	bits := mask(n, 4, k)
	VMOVDQU64(low, k, at(dst, 0))
	SHRQ(Imm(8), bits)
	KMOVW(bits.As32(), k)
	VMOVDQU64(high, k, at(dst, 4))
	Label("done")
	for i, s := range sum {
		t := ZMM()
		for _, order := range []uint64{0b01_00_11_10, 0b10_11_00_01} {
			VSHUFI64X2(Imm(order), s, s, t)
			VPXORQ(t, s, s)
		}
		VEXTRACTI32X4(Imm(0), s, at(sums, i))
	}
	VZEROUPPER()
	RET()
}
