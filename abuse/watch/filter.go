package watch

import (
	"encoding/binary"
	"iter"
	"slices"

	"github.com/hueandcry/hueandcry/abuse"
)

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

// The heads of a base are stored with it in rows of a few thousand, for a filter is made whenever a
// process starts: reading the table of enrolments for it would take as many minutes as this takes
// seconds.
const (
	headsInRow = 4096
	headsSlice = 64 // rows read at once
)

func headRows(generation uint64, heads []uint64) iter.Seq[abuse.Row] {
	return func(yield func(abuse.Row) bool) {
		n := uint32(0)
		for run := range slices.Chunk(heads, headsInRow) {
			f := newFields(1 + 8*len(run))
			for _, h := range run {
				f.uint64(h)
			}
			if !yield(abuse.Row{Key: binary.BigEndian.AppendUint32(headsKey(generation), n), Value: f}) {
				return
			}
			n++
		}
	}
}

// parseHeads reads such a row.
func parseHeads(value []byte) ([]uint64, error) {
	p := newRow(value)
	heads := make([]uint64, 0, len(p.b)/8)
	for len(p.b) > 0 && !p.bad {
		heads = append(heads, p.u64())
	}
	return heads, p.end()
}

func head64(tag [16]byte) uint64 { return binary.BigEndian.Uint64(tag[:]) }
