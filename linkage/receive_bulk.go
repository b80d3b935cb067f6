package linkage

import (
	"context"
	"encoding/binary"
	"io"

	"github.com/hueandcry/hueandcry/linkage/internal/bulk"
	"github.com/hueandcry/hueandcry/linkage/internal/testhook"
)

// enrolment is the receiver's side of a bulk enrolment, over as many connections as it takes.
type enrolment struct {
	scope  scope
	refs   *names
	book   *book
	sum    Summary // of the collecting
	params bulk.Params
	coin   [32]byte // the joint coin
	name   [32]byte // for a session that goes on; zeros before it has been opened
	parts  byChunk
	done   int  // chunks finished
	opened bool // over an earlier connection
}

// collectBulk reads the accounts, unless there is a session to go on with.
func (r *receiver) collectBulk(ctx context.Context, accounts Source[Account]) error {
	r.hooks = testhook.From(ctx)
	if e := r.cfg.Resume.takeReceiver(r.scope); e != nil {
		if r.keep && e.book.original.len() != e.book.len() {
			return &Error{Code: ErrInput, cause: errOtherCall}
		}
		r.bulk, r.refs, r.book, r.sum = e, e.refs, e.book, e.sum.clone()
		return nil
	}
	if err := r.collect(ctx, accounts); err != nil {
		return err
	}
	p, err := r.bulkParams(uint64(r.book.len()))
	if err != nil {
		return err
	}
	r.bulk = &enrolment{scope: r.scope, refs: r.refs, book: r.book, sum: r.sum.clone(), params: p}
	return nil
}

// runBulk is the session between the collecting and the looking up.
func (r *receiver) runBulk(ctx context.Context) (round string, err error) {
	seed, err := r.openBulk()
	if err != nil {
		return roundOpening, err
	}
	r.lap(roundOpening)
	if err := r.enrolBulk(ctx, seed); err != nil {
		return roundEnrolment, err
	}
	if err := r.ch.write(msgReady); err != nil {
		return roundEnrolment, err
	}
	r.lap(roundEnrolment)
	if err := r.readRecords(ctx); err != nil {
		return roundRecords, err
	}
	r.lap(roundRecords)
	return r.close()
}

// openBulk says hello, the sizes, and what there is to go on with.
func (r *receiver) openBulk() (seed [32]byte, err error) {
	e := r.bulk
	body := newEnrolBody(e.params)
	body.coin = r.coin
	body.resume, body.done = e.name, uint32(e.done)
	_, transcript, err := r.openReceiver(0, body.encode())
	if err != nil {
		return seed, err
	}
	answer, err := r.ch.read(msgAccept, countSize)
	if err != nil {
		return seed, err
	}
	if len(answer) != countSize {
		return seed, ErrFrame
	}
	if err := r.expect(binary.BigEndian.Uint64(answer)); err != nil {
		return seed, err
	}
	if e.name == ([32]byte{}) {
		e.coin = jointCoin(transcript, r.coin)
		e.name = resumeName(e.coin)
		e.parts = newByChunk(&e.book.items, e.params, bulk.NewSalt(e.coin))
		if e.parts.most() > e.params.Capacity() {
			return seed, &Error{Code: ErrInternal, cause: errBucket}
		}
	}
	return connectionSeed(transcript, r.coin, e.coin), nil
}

// enrolBulk enrols the chunks that are not finished yet.
func (r *receiver) enrolBulk(ctx context.Context, seed [32]byte) error {
	e := r.bulk
	salt := bulk.NewSalt(e.coin)
	var memory bulk.Memory
	defer memory.Clear()
	var buf []item
	defer func() { clear(buf[:cap(buf)]) }()
	for ; e.done < e.params.Chunks(); e.done++ {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		var items bulk.Segments
		items, buf = e.parts.gather(buf, &e.book.items, e.done)
		c := bulk.NewReceiver(e.params, salt, chunkSession(seed, e.done), items, e.parts.scatter(e.done, e.book.value), r.random("chunk/receiver", e.done), &memory)
		c.Workers = r.cfg.Workers
		if err := r.enrolChunk(c); err != nil {
			return err
		}
		r.progress(ctx, roundEnrolment, share(e.params, e.done+1), int(e.params.Items()))
	}
	return nil
}

// share is how many identifiers so many chunks stand for.
func share(p bulk.Params, chunks int) int {
	return int(p.Items()/int64(p.Chunks())*int64(chunks) + p.Items()%int64(p.Chunks())*int64(chunks)/int64(p.Chunks()))
}

func (r *receiver) enrolChunk(c *bulk.Receiver) error {
	p, n := r.bulk.params, r.bulk.done
	sizes := p.Sizes()
	var in []byte
	for m := 0; m < len(sizes); m += 2 {
		out, err := c.Step(in)
		if err != nil {
			return err
		}
		if err := r.ch.write(msgBulk, bulkFrame(n, m), out); err != nil {
			return err
		}
		if m == len(sizes)-2 {
			buf := make([]byte, 0, p.PieceSize(0))
			for i := range p.Pieces() {
				if err := r.ch.write(msgVector, vectorFrame(n, i), c.Piece(buf, i)); err != nil {
					return err
				}
			}
		}
		c.Ahead()
		if in, err = r.readBulk(msgBulk, bulkFrame(n, m+1), sizes[m+1]); err != nil {
			return err
		}
	}
	_, err := c.Step(in)
	return err
}

// random is the source of randomness for one step of a chunk.
func (s *session) random(step string, chunk int) io.Reader {
	return s.hooks.Reader(step, uint32(chunk))
}
