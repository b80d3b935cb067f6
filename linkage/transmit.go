package linkage

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage/internal/oprf"
	"github.com/hueandcry/hueandcry/linkage/internal/wire"
)

// Transmit runs the transmitter's side of a session on the connection, which
// must be TLS 1.3 with certificates on both sides: it hands out the publication
// and evaluates what the receiver enrols. It learns how many identifiers of each
// kind the receiver enrolled, and neither which nor whether any matched.
//
// The publication must be of the same agreement and epoch; the configuration
// needs no Key. An error is an [*Error]. Transmit closes the connection, whatever
// its result.
func Transmit(ctx context.Context, conn net.Conn, cfg Config, pub *Publication) (Summary, error) {
	defer func() { _ = conn.Close() }()
	start := time.Now()
	cfg, epoch, err := cfg.prepare(Transmitter)
	if err != nil {
		return Summary{}, err
	}
	t := &transmitter{session: newSession(cfg, Transmitter, epoch), pub: pub}
	if pub == nil || pub.scope != t.scope {
		return Summary{}, &Error{Code: ErrInput, Round: roundSetup, cause: fmt.Errorf("the publication is of another agreement or epoch")}
	}
	t.sum = pub.sum.clone()
	run := t.run
	if t.inBulk() {
		run = t.runBulk
	}
	if err := t.checkState(); err != nil {
		return Summary{}, &Error{Code: ErrInput, Round: roundSetup, cause: err}
	}
	if err := t.over(ctx, conn, run); err != nil {
		cfg.Resume.keep(err, nil, t.bulk)
		return Summary{}, err
	}
	t.sum.Elapsed = time.Since(start)
	return t.sum, nil
}

// checkState refuses a place for the state that nothing would be written to.
func (t *transmitter) checkState() error {
	switch {
	case t.cfg.State != nil && !t.inBulk():
		return errors.New("a State is kept under \"vole\" only: under \"ec\" the Key is all there is to keep")
	case t.cfg.State != nil && t.cfg.Key.IsZero():
		return errNoKey
	case !t.cfg.Resume.fits(t.pub, t.cfg.State):
		return errors.New("the session that goes on keeps its state elsewhere: give the State that it began with, or drop it")
	}
	return nil
}

// transmitter is the transmitter's state in a session.
type transmitter struct {
	*session
	pub    *Publication
	counts map[hashing.Kind]int // what the receiver enrols
	bulk   *evaluation          // under "vole"
}

func (t *transmitter) run(ctx context.Context) (round string, err error) {
	if err := t.open(ctx); err != nil {
		return roundOpening, err
	}
	t.lap(roundOpening)
	if err := t.publish(ctx); err != nil {
		return roundRecords, err
	}
	t.lap(roundRecords)
	if err := t.evaluate(ctx); err != nil {
		return roundEnrolment, err
	}
	t.lap(roundEnrolment)
	return t.close()
}

// close says and hears that the session is over.
func (t *transmitter) close() (round string, err error) {
	if err := t.ch.write(msgDone); err != nil {
		return roundClosing, err
	}
	_, err = t.ch.read(msgDone, 0)
	t.lap(roundClosing)
	return roundClosing, err
}

func (t *transmitter) open(ctx context.Context) error {
	in, err := t.openTransmitter(t.pub.public, countSize*len(t.cfg.Agreement.Kinds))
	if err != nil {
		return err
	}
	t.counts = map[hashing.Kind]int{}
	most := t.cfg.Agreement.Limits.Identifiers
	for i, k := range t.cfg.Agreement.Kinds {
		n := binary.BigEndian.Uint64(in.sizes[i*countSize:])
		// Each is checked before it is added, so that no sum overflows.
		if n > uint64(most) {
			return limit("Identifiers", int64(min(n, maxLimit+1)), most)
		}
		t.counts[k] = int(n)
		t.sum.Identifiers += int(n)
		if err := limit("Identifiers", int64(t.sum.Identifiers), most); err != nil {
			return err
		}
	}
	if err := t.admit(ctx, int64(t.sum.Identifiers)); err != nil {
		return err
	}
	return t.ch.write(msgAccept, binary.BigEndian.AppendUint64(nil, uint64(t.sum.Records)), t.pub.bases)
}

// admit asks the caller, if it wants to be asked.
func (t *transmitter) admit(ctx context.Context, identifiers int64) error {
	if t.cfg.Admit == nil {
		return nil
	}
	if err := t.cfg.Admit(ctx, identifiers); err != nil {
		return &Error{Code: ErrLimit, cause: fmt.Errorf("not admitted: %w", err)}
	}
	return nil
}

// publish sends the records.
func (t *transmitter) publish(ctx context.Context) error {
	size := recordSize(t.cfg.Agreement.LabelBytes)
	full := wire.MaxBody / size * size
	for rest := t.pub.records; len(rest) > 0; {
		piece := rest[:min(full, len(rest))]
		rest = rest[len(piece):]
		if err := t.ch.write(msgRecords, piece); err != nil {
			return err
		}
		t.progress(ctx, roundRecords, t.sum.Records-len(rest)/size, t.sum.Records)
	}
	return nil
}

// evaluate answers the chunks that the receiver has announced, each once and in
// order, and nothing else.
func (t *transmitter) evaluate(ctx context.Context) error {
	cut := cutter(t.cfg.Agreement.Kinds, t.counts)
	done := 0
	c := newCrew(ctx, t.ch.stop)
	pipeline(c, t.cfg.Workers, func() (func() (*evaluated, error), error) {
		ck, more := cut()
		if !more {
			return nil, nil
		}
		request, err := t.ch.read(msgBlinded, chunkHead+ck.len()*oprf.ElementSize)
		if err != nil {
			return nil, err
		}
		return func() (*evaluated, error) { return t.answer(ck, request) }, nil
	}, func(e *evaluated) error {
		done += e.len()
		t.progress(ctx, roundEnrolment, done, t.sum.Identifiers)
		return t.ch.write(msgEvaluated, e.head(), e.elements, e.proof)
	}, nil)
	return c.wait()
}

// evaluated is the answer to a chunk.
type evaluated struct {
	chunk
	elements, proof []byte
}

// answer is a pure function of the request, the key and the proof's randomness.
func (t *transmitter) answer(ck chunk, request []byte) (*evaluated, error) {
	blinded, err := ck.body(request, ck.len()*oprf.ElementSize)
	if err != nil {
		return nil, err
	}
	elements, proof, err := t.pub.servers(ck.kind).BlindEvaluate(t.hooks.Reader("proof", ck.index), blinded)
	if err != nil {
		return nil, err
	}
	return &evaluated{ck, elements, proof}, nil
}
