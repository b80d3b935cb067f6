package linkage

import (
	"bytes"
	"context"
	"encoding/binary"

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

// enrol sends the identifiers blinded, chunk after chunk, and keeps what the
// answers give. Requests and answers overlap; what is under way is bounded. What
// is said and done here is the same whether anything matches or not.
func (r *receiver) enrol(ctx context.Context) error {
	cut := cutter(r.cfg.Agreement.Kinds, r.counts)
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
	pipeline(c, r.cfg.Workers, func() (func() (chunk, error), error) {
		b, more, err := receive(c.ctx, sent)
		if err != nil || !more {
			return nil, err
		}
		answer, err := r.ch.read(msgEvaluated, chunkHead+b.len()*oprf.ElementSize+oprf.ProofSize)
		if err != nil {
			return nil, err
		}
		return func() (chunk, error) { return r.finalize(b, answer) }, nil
	}, func(ck chunk) error {
		done += ck.len()
		r.progress(ctx, roundEnrolment, done, len(r.order))
		return nil
	}, nil)
	return c.wait()
}

func (r *receiver) blind(ck chunk) (*blindedChunk, error) {
	inputs := make([][]byte, ck.len())
	for i, n := range r.order[ck.from:ck.to] {
		inputs[i] = r.book.items.at(n)[:]
	}
	state, err := r.clients[ck.kind].Blind(r.hooks.Reader("blind", ck.index), inputs)
	if err != nil {
		return nil, &Error{Code: ErrInternal, cause: err}
	}
	return &blindedChunk{ck, state}, nil
}

func (r *receiver) finalize(b *blindedChunk, answer []byte) (chunk, error) {
	body, err := b.body(answer, b.len()*oprf.ElementSize+oprf.ProofSize)
	if err != nil {
		return chunk{}, err
	}
	cut := len(body) - oprf.ProofSize
	outputs, err := r.clients[b.kind].Finalize(b.state, body[:cut], body[cut:])
	if err != nil {
		return chunk{}, err
	}
	// Chunks write to places of their own.
	for i, n := range r.order[b.from:b.to] {
		*r.book.value(n) = prf(outputs[i][:len(prf{})])
	}
	clear(outputs)
	return b.chunk, nil
}
