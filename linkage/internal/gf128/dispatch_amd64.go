//go:build !purego

package gf128

import "golang.org/x/sys/cpu"

// implementation is one of the ways to compute, the later the faster.
type implementation int

const (
	portable implementation = iota
	xmm                     // AVX, PCLMULQDQ
	zmm                     // AVX-512, VPCLMULQDQ
)

// best is what the processor can do; only tests set it to less.
var best = detect()

func detect() implementation {
	x := &cpu.X86
	switch {
	case !x.HasAVX || !x.HasPCLMULQDQ:
		return portable
	case !x.HasAVX512F || !x.HasAVX512VPCLMULQDQ || !x.HasBMI2:
		return xmm
	}
	return zmm
}

func mul(a, b Element) Element {
	if best == portable {
		return mulPortable(a, b)
	}
	lo, hi := mulXMM(a.Lo, a.Hi, b.Lo, b.Hi)
	return Element{lo, hi}
}

func mulAdd(dst, src []Element, by Element) {
	if len(dst) == 0 {
		return
	}
	switch best {
	case zmm:
		mulAddZMM(&dst[0], &src[0], &by, len(dst))
	case xmm:
		mulAddXMM(&dst[0], &src[0], &by, len(dst))
	default:
		mulAddPortable(dst, src, by)
	}
}

func mulEach(dst, a, b []Element) {
	if len(dst) == 0 {
		return
	}
	switch best {
	case zmm:
		mulEachZMM(&dst[0], &a[0], &b[0], len(dst))
	case xmm:
		mulEachXMM(&dst[0], &a[0], &b[0], len(dst))
	default:
		mulEachPortable(dst, a, b)
	}
}

func innerProduct(a, b []Element) (sum Element) {
	if len(a) == 0 {
		return Element{}
	}
	switch best {
	case zmm:
		innerProductZMM(&sum, &a[0], &b[0], len(a))
	case xmm:
		innerProductXMM(&sum, &a[0], &b[0], len(a))
	default:
		return innerProductPortable(a, b)
	}
	return sum
}

//go:noescape
func mulXMM(aLo, aHi, bLo, bHi uint64) (lo, hi uint64)

//go:noescape
func mulAddXMM(dst, src, by *Element, n int)

//go:noescape
func mulAddZMM(dst, src, by *Element, n int)

//go:noescape
func mulEachXMM(dst, a, b *Element, n int)

//go:noescape
func mulEachZMM(dst, a, b *Element, n int)

//go:noescape
func innerProductXMM(sum, a, b *Element, n int)

//go:noescape
func innerProductZMM(sum, a, b *Element, n int)
