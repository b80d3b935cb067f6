package linkage

import (
	"bytes"
	"context"
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
}

func (p *published) record(i int) []byte {
	at := i % p.per * p.size
	return p.pieces[i/p.per][at : at+p.size]
}

// find gives the sealed label published under a tag.
func (p *published) find(t tag) ([]byte, bool) {
	i := sort.Search(p.n, func(i int) bool { return bytes.Compare(p.record(i)[:tagSize], t[:]) >= 0 })
	if i == p.n || tag(p.record(i)[:tagSize]) != t {
		return nil, false
	}
	return p.record(i)[tagSize:], true
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
