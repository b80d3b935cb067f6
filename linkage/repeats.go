package linkage

import (
	"math/bits"
	"slices"
)

// repeats calls f with the numbers of those of the first n things whose hashes are the same,
// ascending, group by group; what f is given is not to be kept. Hashes are the same if their
// highest bits are, 32 or more, so that f must look at the things themselves.
//
// The hashes are spread over buckets, as many as fit into the nearest cache, and compared
// there. Few buckets have one twice, and these are sorted.
func repeats(hashes *list[uint64], n int, f func(same []uint32)) {
	const inCache = 1 << 11
	high := min(11, bits.Len(uint(n/inCache)))
	starts := make([]uint32, 2+1<<high)
	each := func(f func(h uint64)) {
		left := n
		for _, chunk := range hashes.chunks {
			chunk = chunk[:min(left, len(chunk))]
			left -= len(chunk)
			for _, h := range chunk {
				f(h)
			}
		}
	}
	each(func(h uint64) { starts[2+h>>(64-high)]++ })
	most := uint32(0)
	for b := 2; b < len(starts); b++ {
		most = max(most, starts[b])
		starts[b] += starts[b-1]
	}
	spread := make([]uint64, n) // 32 bits of a hash, and its number
	number := uint64(0)
	each(func(h uint64) {
		at := &starts[1+h>>(64-high)]
		spread[*at] = h<<high&^(1<<32-1) | number
		*at++
		number++
	})
	slots := make([]uint32, 1<<bits.Len(2*uint(most)))
	var same []uint32
	for b := range len(starts) - 2 {
		bucket := spread[starts[b]:starts[b+1]]
		slots := slots[:1<<bits.Len(uint(2*len(bucket)))] // of which most are few
		clear(slots)
		if !anyTwice(bucket, slots) {
			continue
		}
		slices.Sort(bucket)
		for len(bucket) > 0 {
			same = same[:0]
			hash := bucket[0] >> 32
			for len(bucket) > 0 && bucket[0]>>32 == hash {
				same = append(same, uint32(bucket[0]))
				bucket = bucket[1:]
			}
			if len(same) > 1 {
				f(same)
			}
		}
	}
}

// anyTwice says whether a hash is there twice, or may say so where one is 0. The slots are
// zero, a power of two, and more than the hashes.
func anyTwice(bucket []uint64, slots []uint32) bool {
	last := uint32(len(slots) - 1)
	for _, e := range bucket {
		h := max(uint32(e>>32), 1)
		at := h & last
		for ; slots[at] != 0; at = (at + 1) & last {
			if slots[at] == h {
				return true
			}
		}
		slots[at] = h
	}
	return false
}
