package linkage

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage/internal/oprf"
	"github.com/hueandcry/hueandcry/linkage/internal/testhook"
)

// Publication is what a transmitter says in one epoch: its signals, sealed so
// that only who holds a flagged identifier can read about it. It serves any
// number of sessions, also at once. It holds the key of the epoch and is not
// stored or sent; the zero Publication is invalid. It is a snapshot: whoever opts
// out later, where that applies, is in it until the next is made.
type Publication struct {
	scope   scope
	sum     Summary
	public  []byte
	bases   []byte                          // for each kind of the agreement: the generator evaluated, and the proof
	servers func(hashing.Kind) *oprf.Server // behind a function, so that no dump of the value shows the key
	records [][]byte                        // sorted by tag
}

// Publish reads the signals to the end and seals them, at some 100 microseconds
// an identifier and processor. It checks the caps of the agreement, and that
// labels fit its size class. An error is an [*Error], and then nothing is
// published.
func Publish(ctx context.Context, cfg Config, signals Source[Flagged]) (*Publication, error) {
	cfg, epoch, err := cfg.prepare(Transmitter)
	if err != nil {
		return nil, err
	}
	p := &publisher{session: newSession(cfg, Transmitter, epoch)}
	for _, step := range []func(context.Context) error{
		p.keys,
		func(ctx context.Context) error { return p.collect(ctx, signals) },
		p.seal,
	} {
		if err := step(ctx); err != nil {
			return nil, failure(ctx, roundSetup, err)
		}
	}
	servers := p.servers
	return &Publication{
		scope: p.scope, sum: p.sum, public: p.public, bases: p.bases, records: p.records,
		servers: func(k hashing.Kind) *oprf.Server { return servers[k] },
	}, nil
}

// Records is how many records the publication holds: one for each identifier of
// each signal.
func (p *Publication) Records() int { return len(p.records) }

// publisher is the transmitter's state while it makes a publication.
type publisher struct {
	*session
	public  []byte
	bases   []byte
	servers map[hashing.Kind]*oprf.Server
	aliases []byte // key of the aliases
	signals []Flagged
	about   map[hashing.Identifier][]int // which signals are about an identifier
	records [][]byte
}

// keys derives the epoch's key and tweaks it for each kind. The tweaked key's
// evaluation of the generator spares the receiver two of three multiplications.
func (p *publisher) keys(ctx context.Context) error {
	if p.cfg.Key.IsZero() {
		return &Error{Code: ErrInput, cause: fmt.Errorf("the transmitter has no Key")}
	}
	scope := hex.EncodeToString(p.scope[:])
	p.aliases = p.cfg.Key.Secret("linkage/alias/v1/"+scope, 32)
	seed := [32]byte(p.cfg.Key.Secret("linkage/ec/v1/"+scope, 32))
	defer clear(seed[:])
	key, err := oprf.DeriveKey(oprf.ModePOPRF, seed, []byte("hueandcry/ec/v1"))
	if err != nil {
		return &Error{Code: ErrInternal, cause: err}
	}
	p.public = key.Public()
	p.servers = map[hashing.Kind]*oprf.Server{}
	for _, k := range p.cfg.Agreement.Kinds {
		if p.servers[k], err = oprf.NewServer(oprf.ModePOPRF, key, p.info(k)); err != nil {
			return &Error{Code: ErrInternal, cause: err}
		}
		base, proof, err := p.servers[k].Base(testhook.From(ctx).Reader("base", uint32(k)))
		if err != nil {
			return &Error{Code: ErrInternal, cause: err}
		}
		p.bases = append(append(p.bases, base...), proof...)
	}
	return nil
}

// collect reads the signals and finds which are about each identifier.
func (p *publisher) collect(ctx context.Context, signals Source[Flagged]) error {
	p.about = map[hashing.Identifier][]int{}
	seen := map[uuid.UUID]bool{}
	for f, err := range signals {
		if err != nil {
			return &Error{Code: ErrInput, cause: err}
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		at := p.sum.Accounts
		switch {
		case f.ID == uuid.Nil || seen[f.ID]:
			return &Error{Code: ErrInput, cause: fmt.Errorf("signal %d: its ID is missing or was given before", at)}
		case len(f.Label) > p.cfg.Agreement.LabelBytes:
			return &Error{Code: ErrLimit, cause: &LimitError{"LabelBytes", int64(p.cfg.Agreement.LabelBytes), int64(len(f.Label))}}
		}
		seen[f.ID] = true
		use, err := p.admit(ctx, f.Ref, f.Identifiers)
		if err != nil {
			return err
		}
		if len(use) == 0 {
			continue
		}
		for _, id := range use {
			p.about[id] = append(p.about[id], len(p.signals))
			if err := limit("SignalsPerIdentifier", int64(len(p.about[id])), p.cfg.Agreement.Limits.SignalsPerIdentifier); err != nil {
				return err
			}
		}
		p.signals = append(p.signals, f)
		p.sum.Records += len(use)
		if err := limit("Records", int64(p.sum.Records), p.cfg.Agreement.Limits.Records); err != nil {
			return err
		}
	}
	return nil
}

// seal makes one record for each identifier of each signal: the j-th signal
// about an identifier goes under its j-th tag.
func (p *publisher) seal(ctx context.Context) error {
	ids := make([]hashing.Identifier, 0, len(p.about))
	for id := range p.about {
		ids = append(ids, id)
	}
	p.records = make([][]byte, 0, p.sum.Records)
	next := 0
	const run = 64 // identifiers a job
	c := newCrew(ctx, func() {})
	pipeline(c, p.cfg.Workers, func() (func() ([][]byte, error), error) {
		if next >= len(ids) {
			return nil, nil
		}
		part := ids[next:min(next+run, len(ids))]
		next += run
		return func() ([][]byte, error) { return p.sealAll(part) }, nil
	}, func(part [][]byte) error {
		p.records = append(p.records, part...)
		return nil
	}, nil)
	err := c.wait()
	slices.SortFunc(p.records, func(a, b []byte) int { return bytes.Compare(a[:tagSize], b[:tagSize]) })
	return err
}

func (p *publisher) sealAll(ids []hashing.Identifier) ([][]byte, error) {
	class := p.cfg.Agreement.LabelBytes
	var out [][]byte
	for _, id := range ids {
		input := id.Digest(p.digest[:])
		output, err := p.servers[id.Kind()].Evaluate(input[:])
		if err != nil {
			return nil, &Error{Code: ErrInternal, cause: err}
		}
		f := prf(output[:len(prf{})])
		clear(output[:])
		for j, i := range p.about[id] {
			g := &p.signals[i]
			name := f.tag(uint32(j))
			record := append(make([]byte, 0, recordSize(class)), name[:]...)
			out = append(out, f.seal(record, header{p.alias(g.ID), g.Sequence, opAdd}, &p.scope, g.ID, g.Label, class))
		}
	}
	return out, nil
}

// alias gives the public name of a signal under this agreement and epoch.
func (p *publisher) alias(id uuid.UUID) (out [16]byte) {
	mac := hmac.New(sha256.New, p.aliases)
	mac.Write(id[:])
	copy(out[:], mac.Sum(nil))
	return out
}
