package watch

import "slices"

// filter says of a keyed tag that it is not enrolled, or that it may be: the store is asked about
// the latter alone. It holds the first eight bytes of each tag, ten million in 92 MB, and an index
// by their upper bits, so that a miss is one or two accesses to memory. The zero filter is empty.
type filter struct {
	heads []uint64 // sorted
	index []uint32 // where the heads begin whose upper bits are the index
	shift uint
	fresh map[uint64]struct{} // added since
}

const headsPerEntry = 8

// build sorts and indexes heads, which the filter keeps.
func (f *filter) build(heads []uint64) {
	slices.Sort(heads)
	f.heads = slices.Compact(heads)
	f.fresh = map[uint64]struct{}{}
	bits := uint(0)
	for len(f.heads)>>bits > headsPerEntry {
		bits++
	}
	f.shift = 64 - bits
	f.index = make([]uint32, 1<<bits+1)
	at := 0
	for i := range f.index {
		for at < len(f.heads) && (f.heads[at]>>f.shift) < uint64(i) {
			at++
		}
		f.index[i] = uint32(at)
	}
	f.index[1<<bits] = uint32(len(f.heads))
}

// add takes in a tag that was enrolled since.
func (f *filter) add(tag [16]byte) {
	if f.fresh == nil {
		f.build(nil)
	}
	h := head64(tag)
	if f.sorted(h) {
		return
	}
	f.fresh[h] = struct{}{}
	if len(f.fresh) > 1<<16 && len(f.fresh) > len(f.heads)/8 {
		all := f.heads
		for h := range f.fresh {
			all = append(all, h)
		}
		f.build(all)
	}
}

// has says whether the tag may be enrolled.
func (f *filter) has(tag [16]byte) bool {
	if f.fresh == nil {
		return false
	}
	h := head64(tag)
	if f.sorted(h) {
		return true
	}
	if len(f.fresh) == 0 {
		return false
	}
	_, ok := f.fresh[h]
	return ok
}

func (f *filter) sorted(h uint64) bool {
	i := h >> f.shift
	for _, have := range f.heads[f.index[i]:f.index[i+1]] {
		if have >= h {
			return have == h
		}
	}
	return false
}

func (f *filter) len() int { return len(f.heads) + len(f.fresh) }
