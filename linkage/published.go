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

// index finds records by the heads of their tags. An honest transmitter's are uniform, so
// that of the values that their highest bits can have, 16 to 32 times as many as there are
// tags, few are there: most tags that nobody has published end at the one look into memory
// that this takes. Others are searched for among the few that begin alike.
type index struct {
	there  []uint64 // a bit for each value of the fineBits highest bits of a head
	starts []uint32 // for each value of the coarseBits highest, the first record with these or higher ones; and the end

	fineBits, coarseBits int
}

// makeIndex makes the index; n must not be above most.
func (p *published) makeIndex() {
	size := bits.Len(uint(p.n))
	x := index{fineBits: size + 4, coarseBits: max(size-4, 0)}
	x.there = make([]uint64, 1<<max(x.fineBits-6, 0))
	x.starts = make([]uint32, 1+1<<x.coarseBits)
	next, i := 0, 0
	for _, piece := range p.pieces {
		for at := 0; at < len(piece); at += p.size {
			head := binary.BigEndian.Uint64(piece[at:])
			fine := head >> (64 - x.fineBits)
			x.there[fine/64] |= 1 << (fine % 64)
			for b := int(head >> (64 - x.coarseBits)); next <= b; next++ {
				x.starts[next] = uint32(i)
			}
			i++
		}
	}
	for ; next < len(x.starts); next++ {
		x.starts[next] = uint32(p.n)
	}
	p.index = x
}

// mayHave gives 1 if a tag with the given head may be there, and 0 if it surely is not, which
// it says of all but one in 16 to 32 of those that are not.
func (x *index) mayHave(head uint64) int {
	fine := head >> (64 - x.fineBits)
	return int(x.there[fine/64] >> (fine % 64) & 1)
}

// find gives the sealed label published under a tag, empty where there are tags alone.
func (p *published) find(t *tag) (sealed []byte, ok bool) {
	b := t.head() >> (64 - p.index.coarseBits)
	// A transmitter that wants to keep us busy can make all tags begin alike; then it is a
	// search among all.
	first, end := int(p.index.starts[b]), int(p.index.starts[b+1])
	i, ok := sort.Find(end-first, func(i int) int { return bytes.Compare(t[:], p.record(first + i)[:tagSize]) })
	if !ok {
		return nil, false
	}
	return p.record(first + i)[tagSize:], true
}
