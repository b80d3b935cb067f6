//go:build !purego

package vole

import (
	"golang.org/x/sys/cpu"

	"github.com/hueandcry/hueandcry/linkage/internal/gf128"
)

//go:generate go run -C _asm . -out ../code_amd64.s

func accumulateGroups(x []gf128.Element, k, n int, bits []byte, store *[groups]table, turn int) {
	if !cpu.X86.HasAVX {
		groupsPortable(x, k, n, bits, store, turn)
		return
	}
	var order [groups]uint64
	for i := range order {
		order[i] = uint64((turn + groups - i) % groups * len(store[0]) * gf128.Size)
	}
	// The bounds that the assembly does not check.
	_, _, _ = x[k-lag], x[k+n*groupSize-1], bits[4*n*groupSize-1]
	groupsAVX(&x[k].Lo, &bits[0], n, &store[0][0].Lo, &order)
}

//go:noescape
func groupsAVX(x *uint64, bits *byte, groups int, store *uint64, order *[7]uint64)

func gather(y, x []gf128.Element, bits []byte) {
	if !cpu.X86.HasAVX || len(y) == 0 {
		gatherPortable(y, x, bits)
		return
	}
	_, _ = x[0], bits[4*len(y)-1]
	gatherAVX(&y[0].Lo, len(y), &x[0].Lo, uint64(len(x)), &bits[0])
}

//go:noescape
func gatherAVX(y *uint64, n int, x *uint64, size uint64, bits *byte)
