package linkage

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"log/slog"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage/internal/oprf"
	"github.com/hueandcry/hueandcry/linkage/internal/testhook"
	"github.com/hueandcry/hueandcry/linkage/internal/wire"
)

// Publication is what a transmitter says in one epoch: its signals, sealed so
// that only who holds a flagged identifier can read about it. It serves any
// number of sessions, also at once. It holds the key of the epoch, is not stored or
// sent, and does not print what it holds; the zero Publication is invalid. It is a
// snapshot: whoever opts out later, where that applies, is in it until the next is
// made.
type Publication struct {
	scope    scope
	sum      Summary
	public   []byte
	bases    []byte                          // for each kind of the agreement: the generator evaluated, and the proof
	servers  func(hashing.Kind) *oprf.Server // behind a function, so that no dump of the value shows the key
	records  []byte                          // one after the other, sorted by tag
	unsealed func() *publisher               // under "vole", where sessions seal; a function for the same reason
}

// Format prints the type and nothing of the content, whatever the verb.
func (p Publication) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "linkage.Publication") }

// LogValue logs the same.
func (p Publication) LogValue() slog.Value { return slog.StringValue("linkage.Publication") }

// Publish reads the signals to the end and seals them, at some 100 microseconds
// an identifier and processor; under "vole" each session seals them anew, at less than
// a microsecond. It checks the caps of the agreement, and that
// labels fit its size class. An error is an [*Error], and then nothing is
// published.
func Publish(ctx context.Context, cfg Config, signals Source[Flagged]) (*Publication, error) {
	cfg, epoch, err := cfg.prepare(Transmitter)
	if err != nil {
		return nil, err
	}
	p := &publisher{session: newSession(cfg, Transmitter, epoch)}
	steps := []func(context.Context) error{
		p.keys,
		func(ctx context.Context) error { return p.collect(ctx, signals) },
		p.evaluateAll,
		p.seal,
	}
	if p.inBulk() {
		steps = steps[:2]
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return nil, failure(ctx, roundSetup, err)
		}
	}
	if p.inBulk() {
		return &Publication{scope: p.scope, sum: p.sum, unsealed: func() *publisher { return p }}, nil
	}
	servers := p.live.servers
	return &Publication{
		scope: p.scope, sum: p.sum, public: p.live.public, bases: p.bases, records: p.records,
		servers: func(k hashing.Kind) *oprf.Server { return servers[k] },
	}, nil
}

// Records is how many records the publication holds: one for each identifier of
// each signal, or of tags alone one for each identifier.
func (p *Publication) Records() int { return p.sum.Records }

// publisher is the transmitter's state while it makes a publication.
type publisher struct {
	*session
	live    live
	bases   []byte
	signals *signals
	outputs []prf // by item
	records []byte
}

// keys derives what the epoch needs.
func (p *publisher) keys(ctx context.Context) error {
	if err := p.cfg.needsKey(); err != nil || p.inBulk() {
		return err
	}
	p.hooks = testhook.From(ctx)
	var err error
	if p.live, err = p.session.live(); err != nil {
		return err
	}
	p.bases, err = p.session.bases(&p.live)
	return err
}

var errNoKey = errors.New("the transmitter has no Key")

// needsKey refuses a transmitter without its key. That goes for "vole" too, where only a
// State is sealed under it: a caller changes one word of the agreement, and nothing else.
func (c *Config) needsKey() error {
	if c.Key.IsZero() {
		return &Error{Code: ErrInput, cause: errNoKey}
	}
	return nil
}

// signals are what a transmitter says and about whom, as they were collected: by
// their numbers, and without a pointer each. A holding's owner is a signal, and its
// place says that it is the so-manieth about its item.
type signals struct {
	*book
	// names holds the text of each as it will be sealed, but for the zeros, and begins
	// with its name, the ID: together, for sealing needs all of one, and comes by in no order.
	names *names
}

func newSignals() *signals {
	return &signals{book: newBook(true), names: newNames(1, len(uuid.UUID{}))}
}

// collect reads the signals and finds which are about each identifier.
func (p *publisher) collect(ctx context.Context, given Source[Flagged]) error {
	p.signals = newSignals()
	err := p.session.collectSignals(ctx, p.signals, given)
	p.lap(stageCollect)
	return err
}

// collectSignals reads signals into g and counts what records they make.
func (s *session) collectSignals(ctx context.Context, g *signals, given Source[Flagged]) error {
	limits, caps := s.cfg.Agreement.Limits, &g.book.caps
	caps.each.most = min(limits.SignalsPerIdentifier, most)
	records := named{"Records", min(limits.Records, most)}
	if s.cfg.Agreement.LabelBytes > 0 {
		caps.holdings = records
	} else {
		caps.items = records
	}
	in := s.newIntake(g.book, g.names, func(signal int) error {
		return &Error{Code: ErrInput, cause: fmt.Errorf("signal %d: its ID was given before", signal)}
	})
	err := in.end(s.readSignals(ctx, in, g, given))
	if s.sum.Records = g.book.len(); s.cfg.Agreement.LabelBytes > 0 {
		s.sum.Records = g.book.held
	}
	g.names.close()
	g.book.close()
	return err
}

func (s *session) readSignals(ctx context.Context, in *intake, g *signals, given Source[Flagged]) error {
	class := s.cfg.Agreement.LabelBytes
	for f, err := range given {
		if err != nil {
			return &Error{Code: ErrInput, cause: err}
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		switch {
		case f.ID == uuid.Nil:
			return &Error{Code: ErrInput, cause: fmt.Errorf("signal %d: it has no ID", s.sum.Accounts)}
		case len(f.Label) > class:
			return &Error{Code: ErrLimit, cause: &LimitError{"LabelBytes", int64(class), int64(len(f.Label))}}
		}
		if class == 0 { // a tag alone says nothing of the signal
			addText(&g.names.texts, f.ID[:])
		} else {
			middle := textMiddle(f.Sequence, Add, len(f.Label))
			addText(&g.names.texts, f.ID[:], middle[:], f.Label)
		}
		g.names.hashes.push(maphash.Bytes(g.names.seed, f.ID[:]))
		if err := in.admit(ctx, f.Ref, f.Identifiers); err != nil {
			return err
		}
	}
	return nil
}

// evaluateAll computes the function for every item.
func (p *publisher) evaluateAll(ctx context.Context) error {
	p.outputs = make([]prf, p.signals.len())
	next := 0
	const run = 64 // items a job
	c := newCrew(ctx, func() {})
	pipeline(c, p.cfg.Workers, func() (func() (struct{}, error), error) {
		from := next
		if next = min(next+run, len(p.outputs)); from == next {
			return nil, nil
		}
		to := next
		return func() (none struct{}, err error) { return none, p.evaluate(from, to) }, nil
	}, func(struct{}) error { return nil }, nil)
	return c.wait()
}

func (p *publisher) evaluate(from, to int) error {
	for i := uint32(from); i < uint32(to); i++ {
		var err error
		if p.outputs[i], err = p.live.evaluate(*p.signals.kinds.at(i), p.signals.items.at(i)); err != nil {
			return err
		}
	}
	return nil
}

// sealing makes records from values of the function, which go by item.
func (p *publisher) sealing(values []prf, workers int) *sealing {
	return &sealing{signals: p.signals, outputs: values, scope: p.scope, class: p.cfg.Agreement.LabelBytes, workers: workers}
}

// seal makes all records and keeps them.
func (p *publisher) seal(ctx context.Context) error {
	s := p.sealing(p.outputs, p.cfg.Workers)
	size := recordSize(s.class)
	p.records = make([]byte, 0, p.sum.Records*size)
	err := s.records(ctx, s.arrange(), wire.MaxBody/size, func(batch []byte) error {
		p.records = append(p.records, batch...)
		return nil
	})
	clear(p.outputs)
	p.lap(stageSeal)
	return err
}
