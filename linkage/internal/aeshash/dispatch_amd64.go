//go:build !purego

package aeshash

import "golang.org/x/sys/cpu"

// implementation is one of the ways to compute, the later the faster.
type implementation int

const (
	portable implementation = iota
	xmm                     // AVX, AES-NI
	zmm                     // AVX-512, VAES
)

// best is what the processor can do; only tests set it to less.
var best = detect()

func detect() implementation {
	x := &cpu.X86
	switch {
	case !x.HasAVX || !x.HasAES:
		return portable
	case !x.HasAVX512F || !x.HasAVX512VAES || !x.HasBMI2:
		return xmm
	}
	return zmm
}

func expandKey(key Block) (schedule [11]Block) {
	if detect() != portable {
		expandKeyXMM(&schedule[0], &key)
	}
	return schedule
}

func hash(k *Key, dst, src []Block) {
	if len(src) == 0 {
		return
	}
	switch best {
	case zmm:
		hashZMM(&k.schedule[0], &dst[0], &src[0], len(src))
	case xmm:
		hashXMM(&k.schedule[0], &dst[0], &src[0], len(src))
	default:
		hashPortable(k, dst, src)
	}
}

func expand(left, right *Key, dst, src []Block) (leftSum, rightSum Block) {
	if len(src) == 0 {
		return Block{}, Block{}
	}
	var sums [2]Block
	switch best {
	case zmm:
		expandZMM(&left.schedule[0], &right.schedule[0], &dst[0], &src[0], len(src), &sums[0])
	case xmm:
		expandXMM(&left.schedule[0], &right.schedule[0], &dst[0], &src[0], len(src), &sums[0])
	default:
		return expandPortable(left, right, dst, src)
	}
	return sums[0], sums[1]
}

//go:noescape
func expandKeyXMM(schedule, key *Block)

//go:noescape
func hashXMM(schedule, dst, src *Block, n int)

//go:noescape
func hashZMM(schedule, dst, src *Block, n int)

//go:noescape
func expandXMM(left, right, dst, src *Block, n int, sums *Block)

//go:noescape
func expandZMM(left, right, dst, src *Block, n int, sums *Block)
