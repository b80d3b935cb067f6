package linkage

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/hueandcry/hueandcry/linkage/internal/bulk"
	"github.com/hueandcry/hueandcry/linkage/internal/wire"
)

// evaluation is the transmitter's side of a bulk enrolment, over as many connections as it
// takes.
type evaluation struct {
	pub    *Publication
	params bulk.Params
	coin   [32]byte // the joint coin
	name   [32]byte
	parts  byChunk
	values []prf // of what was flagged
	done   int   // chunks finished: never fewer than the receiver has
	state  *stateWriter
	disk   bool // what failed is the place for the state

	// published is set before the first record goes out, when the receiver has said that it
	// has finished all chunks. From then on none is enrolled anew: a receiver that has seen
	// which of its identifiers are flagged would otherwise enrol others in their place.
	published bool
}

func (t *transmitter) runBulk(ctx context.Context) (round string, err error) {
	seed, err := t.openBulk(ctx)
	if err != nil {
		return roundOpening, err
	}
	t.lap(roundOpening)
	if err := t.evaluateBulk(ctx, seed); err != nil {
		return roundEnrolment, err
	}
	if slices.Contains(t.bulk.values, prf{}) {
		// Whoever sealed with such a value would seal for everybody.
		return roundEnrolment, &Error{Code: ErrInternal}
	}
	if s := t.bulk.state; s != nil {
		if err := s.finish(&t.scope, t.bulk.coin); err != nil {
			return roundEnrolment, t.bulk.diskFailed(err)
		}
	}
	records := t.pub.unsealed().sealing(t.bulk.values, t.cfg.Workers)
	arranged := records.arrange()
	if _, err := t.ch.read(msgReady, 0); err != nil {
		return roundEnrolment, err
	}
	if err := t.adopt(ctx); err != nil {
		return roundEnrolment, err
	}
	t.bulk.published = true
	t.lap(roundEnrolment)
	if err := t.publishBulk(ctx, records, arranged); err != nil {
		return roundRecords, err
	}
	t.lap(roundRecords)
	if round, err = t.close(); err == nil {
		clear(t.bulk.values)
	}
	return round, err
}

// adopt tells the caller that all is there, if it wants to be told.
func (t *transmitter) adopt(ctx context.Context) error {
	if t.cfg.Adopt == nil {
		return nil
	}
	err := t.cfg.Adopt(ctx)
	if err == nil {
		return nil
	}
	code := ErrInput
	if _, over := errors.AsType[*LimitError](err); over {
		code = ErrLimit
	}
	return &Error{Code: code, cause: fmt.Errorf("not adopted: %w", err)}
}

// openBulk checks the sizes that the receiver announces, and finds what it wants to go on with.
func (t *transmitter) openBulk(ctx context.Context) (seed [32]byte, err error) {
	in, err := t.openTransmitter(nil, enrolBodySize)
	if err != nil {
		return seed, err
	}
	body := parseEnrolBody(in.sizes)
	if commitNonce(body.coin[:]) != in.peer.nonce {
		return seed, ErrCheck
	}
	p, err := t.bulkParams(body.identifiers)
	if err != nil {
		return seed, err
	}
	if want := newEnrolBody(p); body.chunks != want.chunks || body.size != want.size || body.dense != want.dense {
		return seed, ErrVersion // it computes sizes otherwise
	}
	t.sum.Identifiers = int(body.identifiers)
	e := t.cfg.Resume.takeTransmitter(t.pub)
	if body.resume == ([32]byte{}) {
		// Of a chunk that is passed over nothing is known: all its values would be zero.
		if body.done != 0 {
			return seed, ErrResume
		}
		if err := t.admit(ctx, p.Encodable()); err != nil {
			return seed, err
		}
		if e, err = t.begin(p, jointCoin(in.transcript, body.coin)); err != nil {
			return seed, err
		}
	} else if e == nil || e.name != body.resume || e.params != p || int64(body.done) > int64(e.done) ||
		e.published && int(body.done) < p.Chunks() {
		return seed, ErrResume
	}
	e.done = int(body.done)
	t.bulk = e
	return connectionSeed(in.transcript, body.coin, e.coin),
		t.ch.write(msgAccept, binary.BigEndian.AppendUint64(nil, uint64(t.sum.Records)))
}

func (t *transmitter) begin(p bulk.Params, coin [32]byte) (*evaluation, error) {
	items := &t.pub.unsealed().signals.items
	e := &evaluation{pub: t.pub, params: p, coin: coin, name: resumeName(coin), values: make([]prf, items.len())}
	e.parts = newByChunk(items, p, bulk.NewSalt(coin))
	if t.cfg.State == nil {
		return e, nil
	}
	var err error
	if e.state, err = newStateWriter(t.cfg.State, t.cfg.Key, &t.scope, p, t.random("state", 0)); err != nil {
		return nil, stateFailure(err)
	}
	return e, nil
}

// diskFailed is the error for a state that cannot be written: the session may go on when it can.
func (e *evaluation) diskFailed(err error) error {
	e.disk = true
	return stateFailure(err)
}

// evaluateBulk serves the chunks that the receiver has not finished yet.
func (t *transmitter) evaluateBulk(ctx context.Context, seed [32]byte) error {
	e := t.bulk
	salt, all := bulk.NewSalt(e.coin), &t.pub.unsealed().signals.items
	var memory bulk.Memory
	defer memory.Clear()
	var buf []item
	for ; e.done < e.params.Chunks(); e.done++ {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		sid := chunkSession(seed, e.done)
		s := bulk.NewSender(e.params, sid, t.random("chunk/transmitter", e.done), &memory)
		s.Workers = t.cfg.Workers
		if err := t.serveChunk(s); err != nil {
			return err
		}
		last, err := s.Step(nil)
		if err != nil {
			return err
		}
		if e.state != nil {
			if err := e.state.chunk(e.done, sid, s.Chunk()); err != nil {
				return e.diskFailed(err)
			}
		}
		// The opening may have arrived even where writing it failed: so the chunk is finished
		// here before that is looked at, and the receiver never has one that we have not.
		failed := t.ch.write(msgBulk, bulkFrame(e.done, len(e.params.Sizes())-1), last)
		var items bulk.Segments
		items, buf = e.parts.gather(buf, all, e.done)
		s.Chunk().Evaluate(items, e.params, salt, t.cfg.Workers, e.parts.scatter(e.done, func(i uint32) *prf { return &e.values[i] }))
		if failed != nil {
			e.done++
			return failed
		}
		t.progress(ctx, roundEnrolment, share(e.params, e.done+1), t.sum.Identifiers)
	}
	return nil
}

// serveChunk answers the messages of a chunk up to the vector.
func (t *transmitter) serveChunk(s *bulk.Sender) error {
	p, n := t.bulk.params, t.bulk.done
	sizes := p.Sizes()
	for m := 0; m < len(sizes); m += 2 {
		in, err := t.readBulk(msgBulk, bulkFrame(n, m), sizes[m])
		if err != nil {
			return err
		}
		out, err := s.Step(in)
		if err != nil {
			return err
		}
		if m < len(sizes)-2 {
			err = t.ch.write(msgBulk, bulkFrame(n, m+1), out)
		}
		if err != nil {
			return err
		}
		s.Ahead()
	}
	for i := range p.Pieces() {
		piece, err := t.readBulk(msgVector, vectorFrame(n, i), p.PieceSize(i))
		if err != nil {
			return err
		}
		if err := s.Absorb(piece); err != nil {
			return err
		}
	}
	return nil
}

// publishBulk seals the records and sends them as they are made.
func (t *transmitter) publishBulk(ctx context.Context, s *sealing, arranged []entry) error {
	size := recordSize(s.class)
	sent := 0
	return s.records(ctx, arranged, wire.MaxBody/size, func(batch []byte) error {
		sent += len(batch) / size
		t.progress(ctx, roundRecords, sent, t.sum.Records)
		return t.ch.write(msgRecords, batch)
	})
}
