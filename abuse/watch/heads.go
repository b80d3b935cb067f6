package watch

import (
	"encoding/binary"
	"iter"
	"slices"

	"github.com/hueandcry/hueandcry/abuse"
)

// The heads of a base are stored with it in rows of a few thousand, for a filter is made whenever a
// process starts: reading the table of enrolments for it would take as many minutes as this takes
// seconds. They ascend, each is there once, and rows are numbered from 0; a row that they have all gone
// from stays, empty.
const (
	headsInRow = 4096
	headsSlice = 64 // rows read at once
)

func headRows(generation uint64, heads []uint64) iter.Seq[abuse.Row] {
	return func(yield func(abuse.Row) bool) {
		n := uint32(0)
		for run := range slices.Chunk(heads, headsInRow) {
			if !yield(abuse.Row{Key: headsRowKey(generation, n), Value: formHeads(run)}) {
				return
			}
			n++
		}
	}
}

func headsRowKey(generation uint64, n uint32) []byte {
	return binary.BigEndian.AppendUint32(headsKey(generation), n)
}

func formHeads(heads []uint64) []byte {
	f := newFields(1 + 8*len(heads))
	for _, h := range heads {
		f.uint64(h)
	}
	return f
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

// headPlace is where a base has a head.
type headPlace struct {
	found bool
	key   []byte   // of the row
	heads []uint64 // in it
	at    int
}

const (
	headsProbes = 8       // rows that are looked at in one call
	maxHeadRows = 1 << 22 // of one base
)

// findHead looks for a head among those of a base: it is in the last row that begins with it or with less.
func findHead(rd abuse.Reader, generation, head uint64) (headPlace, error) {
	from, to := uint32(0), uint32(maxHeadRows) // that row is one of these, if there is any
	var have []byte                            // of row from
	for asked := []uint32{0}; len(asked) > 0; {
		keys := make([][]byte, len(asked))
		for i, n := range asked {
			keys[i] = headsRowKey(generation, n)
		}
		values, err := rd.Get(abuse.Generations, keys...)
		if err != nil {
			return headPlace{}, err
		}
		for i, v := range values {
			if v == nil {
				to = asked[i]
				break
			}
			p := newRow(v)
			if !p.bad && len(p.b) == 0 {
				return scanHeads(rd, generation, head) // a row that is empty says nothing of those around it
			}
			first := p.u64()
			if p.bad {
				return headPlace{}, p.fault()
			}
			if first > head {
				to = asked[i]
				break
			}
			from, have = asked[i], v
		}
		asked = asked[:0]
		step := max(1, (to-from)/headsProbes)
		for n := from + step; have != nil && n < to; n += step {
			asked = append(asked, n)
		}
	}
	if have == nil {
		return headPlace{}, nil
	}
	return placeOf(headsRowKey(generation, from), have, head)
}

// scanHeads looks for a head in one row after the other.
func scanHeads(rd abuse.Reader, generation, head uint64) (p headPlace, err error) {
	for n := uint32(0); !p.found; n++ {
		key := headsRowKey(generation, n)
		v, err := get(rd, abuse.Generations, key)
		if err != nil || v == nil {
			return headPlace{}, err
		}
		if p, err = placeOf(key, v, head); err != nil {
			return headPlace{}, err
		}
	}
	return p, nil
}

func placeOf(key, value []byte, head uint64) (p headPlace, err error) {
	p.key = key
	if p.heads, err = parseHeads(value); err == nil {
		p.at, p.found = slices.BinarySearch(p.heads, head)
	}
	return p, err
}

// drop takes the head out of the base.
func (p *headPlace) drop(w abuse.Writer) error {
	return w.Put(abuse.Generations, p.key, formHeads(slices.Delete(p.heads, p.at, p.at+1)))
}
