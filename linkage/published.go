package linkage

import (
	"bytes"
	"context"
	"encoding/binary"
	"math/bits"
	"sort"

	"github.com/hueandcry/hueandcry/linkage/internal/wire"
)

// published is what the receiver holds of a publication: records sorted by tag,
// in as many pieces as they came in.
type published struct {
	pieces [][]byte
	size   int // of a record
	per    int // records in each piece but the last
	n      int
	index  index
}

func (p *published) record(i int) []byte {
	at := i % p.per * p.size
	return p.pieces[i/p.per][at : at+p.size]
}

func (r *receiver) readRecords(ctx context.Context) error {
	size := recordSize(r.cfg.Agreement.LabelBytes)
	r.records.size, r.records.per = size, wire.MaxBody/size
	var last []byte
	for have := 0; have < r.records.n; {
		want := min(r.records.per, r.records.n-have)
		piece, err := r.ch.read(msgRecords, want*size)
		if err != nil {
			return err
		}
		if len(piece) != want*size {
			return ErrFrame
		}
		// Strictly ascending tags: sorted, so that positions say nothing, and none
		// twice, so that one identifier's signals are all found.
		for at := 0; at < len(piece); at += size {
			t := piece[at : at+tagSize]
			if last != nil && bytes.Compare(last, t) >= 0 {
				return ErrRecord
			}
			last = t
		}
		r.records.pieces = append(r.records.pieces, piece)
		have += want
		r.progress(ctx, roundRecords, have, r.records.n)
	}
	r.sum.Records = r.records.n
	return nil
}

// index finds records by the heads of their tags. An honest transmitter's are
// uniform, so that among n of them about one has given highest bits, log2(n) many:
// starts says where it is. A tag that nobody has published, as most are that are
// looked for, costs two looks into memory.
type index struct {
	heads  []uint64 // the first eight bytes of each tag, ascending, and one more, for a bucket may be empty
	starts []uint32 // for each value of the highest bits, the first record with these or higher ones; and the end
	shift  int
}

// crowd is how many tags with the same highest bits are looked through one by one.
const crowd = 16

// makeIndex makes the index; n must not be above most.
func (p *published) makeIndex() {
	x := index{heads: make([]uint64, 0, p.n+1), shift: 64 - bits.Len(uint(p.n))}
	for _, piece := range p.pieces {
		for at := 0; at < len(piece); at += p.size {
			x.heads = append(x.heads, binary.BigEndian.Uint64(piece[at:]))
		}
	}
	x.starts = make([]uint32, 1+1<<(64-x.shift))
	next := 0
	for i, head := range x.heads {
		for b := int(head >> x.shift); next <= b; next++ {
			x.starts[next] = uint32(i)
		}
	}
	for ; next < len(x.starts); next++ {
		x.starts[next] = uint32(p.n)
	}
	x.heads = append(x.heads, 0)
	p.index = x
}

// bucket gives the records among which a tag with the given head must be.
func (x *index) bucket(head uint64) (from, to uint32) {
	b := head >> x.shift
	return x.starts[b], x.starts[b+1]
}

// find gives the sealed label published under a tag, empty where there are tags alone.
// What is given with the tag are its head and its bucket.
func (p *published) find(t *tag, head uint64, from, to uint32) (sealed []byte, ok bool) {
	if n := int(to - from); n > crowd {
		// A transmitter that wants to keep us busy can make all tags begin alike.
		first := int(from)
		i := sort.Search(n, func(i int) bool { return bytes.Compare(p.record(first + i)[:tagSize], t[:]) >= 0 })
		if i == n {
			return nil, false
		}
		from = uint32(first + i)
		to = from + 1
	}
	for ; from < to; from++ {
		if p.index.heads[from] == head {
			if r := p.record(int(from)); tag(r[:tagSize]) == *t {
				return r[tagSize:], true
			}
		}
	}
	return nil, false
}
