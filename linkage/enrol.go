package linkage

import (
	"bytes"
	"context"
	"encoding/binary"
	"slices"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage/internal/oprf"
)

// chunk is a run of identifiers of one kind that is evaluated under one proof.
type chunk struct {
	index    uint32
	kind     hashing.Kind
	from, to int // in the order of all identifiers
}

// cutter cuts counts, one a kind, into chunks, one call after the other, until
// it says that there are no more. Both sides cut alike, so that each chunk has
// one right size; nothing is allocated for what a peer has only announced.
func cutter(kinds []hashing.Kind, counts map[hashing.Kind]int) func() (chunk, bool) {
	index, at, end := uint32(0), 0, 0
	var kind hashing.Kind
	return func() (chunk, bool) {
		for at == end {
			if len(kinds) == 0 {
				return chunk{}, false
			}
			kind, kinds = kinds[0], kinds[1:]
			end += counts[kind]
		}
		c := chunk{index, kind, at, min(at+chunkSize, end)}
		index, at = index+1, c.to
		return c, true
	}
}

func (c *chunk) len() int { return c.to - c.from }

// chunkHead precedes the elements of a chunk in both directions.
const chunkHead = 4 + 1

func (c *chunk) head() []byte {
	return append(binary.BigEndian.AppendUint32(nil, c.index), byte(c.kind))
}

func (c *chunk) body(b []byte, elements int) ([]byte, error) {
	if len(b) < chunkHead || !bytes.Equal(b[:chunkHead], c.head()) {
		return nil, ErrOrder
	}
	if len(b) != chunkHead+elements {
		return nil, ErrFrame
	}
	return b[chunkHead:], nil
}

// blindedChunk is a chunk on its way: sent, and not answered yet.
type blindedChunk struct {
	chunk
	state *oprf.Blinded
}

// enrol sends the identifiers blinded, chunk after chunk, and looks up the tags
// that the answers give. Requests and answers overlap; what is under way is
// bounded.
func (r *receiver) enrol(ctx context.Context) error {
	cut := cutter(r.cfg.Agreement.Kinds, r.counts)
	r.found = map[int]map[uuid.UUID]*MatchedSignal{}
	sent := make(chan *blindedChunk, 2*r.cfg.Workers)
	c := newCrew(ctx, r.ch.stop)
	pipeline(c, r.cfg.Workers, func() (func() (*blindedChunk, error), error) {
		ck, more := cut()
		if !more {
			return nil, nil
		}
		return func() (*blindedChunk, error) { return r.blind(ck) }, nil
	}, func(b *blindedChunk) error {
		request := b.state.Request()
		if err := send(c.ctx, sent, b); err != nil {
			return err
		}
		return r.ch.write(msgBlinded, b.head(), request)
	}, func() { close(sent) })
	done := 0
	pipeline(c, r.cfg.Workers, func() (func() (finalized, error), error) {
		b, more, err := receive(c.ctx, sent)
		if err != nil || !more {
			return nil, err
		}
		answer, err := r.ch.read(msgEvaluated, chunkHead+b.len()*oprf.ElementSize+oprf.ProofSize)
		if err != nil {
			return nil, err
		}
		return func() (finalized, error) { return r.finalize(b, answer) }, nil
	}, func(f finalized) error {
		for _, h := range f.hits {
			if err := r.note(h); err != nil {
				return err
			}
		}
		done += f.len()
		r.progress(ctx, roundEnrolment, done, len(r.ids))
		return nil
	}, nil)
	return c.wait()
}

func (r *receiver) blind(ck chunk) (*blindedChunk, error) {
	inputs := make([][]byte, ck.len())
	for i, id := range r.ids[ck.from:ck.to] {
		d := id.Digest(r.digest[:])
		inputs[i] = d[:]
	}
	state, err := r.clients[ck.kind].Blind(r.hooks.Reader("blind", ck.index), inputs)
	if err != nil {
		return nil, &Error{Code: ErrInternal, cause: err}
	}
	return &blindedChunk{ck, state}, nil
}

// hit is a published label that opened for an identifier.
type hit struct {
	id    hashing.Identifier
	head  header
	label []byte
}

type finalized struct {
	chunk
	hits []hit
}

func (r *receiver) finalize(b *blindedChunk, answer []byte) (finalized, error) {
	body, err := b.body(answer, b.len()*oprf.ElementSize+oprf.ProofSize)
	if err != nil {
		return finalized{}, err
	}
	cut := len(body) - oprf.ProofSize
	outputs, err := r.clients[b.kind].Finalize(b.state, body[:cut], body[cut:])
	if err != nil {
		return finalized{}, err
	}
	out := finalized{chunk: b.chunk}
	for i := range outputs {
		f := prf(outputs[i][:len(prf{})])
		// The signals about one identifier bear tags 0, 1, 2 …: the first that is
		// missing ends them.
		for j := uint32(0); int64(j) < r.cfg.Agreement.Limits.SignalsPerIdentifier; j++ {
			sealed, ok := r.records.find(f.tag(j))
			if !ok {
				break
			}
			head, label, err := f.open(sealed, &r.scope, r.cfg.Agreement.LabelBytes)
			if err != nil || head.op != opAdd {
				// Under a tag that only the holder of the key can make: its fault.
				return finalized{}, ErrRecord
			}
			out.hits = append(out.hits, hit{r.ids[b.from+i], head, label})
		}
	}
	clear(outputs)
	return out, nil
}

// note adds a hit to every account that holds the identifier. Of two revisions
// of one signal the higher counts; one revision says one thing, by whichever
// identifier it is opened.
func (r *receiver) note(h hit) error {
	for _, account := range r.holders[h.id] {
		signals := r.found[account]
		if signals == nil {
			signals = map[uuid.UUID]*MatchedSignal{}
			r.found[account] = signals
		}
		m := signals[h.head.id]
		if m == nil || h.head.sequence > m.Sequence {
			m = &MatchedSignal{ID: h.head.id, Sequence: h.head.sequence, Label: h.label}
			signals[h.head.id] = m
		}
		if h.head.sequence < m.Sequence {
			continue
		}
		if !bytes.Equal(h.label, m.Label) {
			return ErrRecord
		}
		if !slices.Contains(m.Kinds, h.id.Kind()) {
			m.Kinds = append(m.Kinds, h.id.Kind())
		}
	}
	return nil
}
