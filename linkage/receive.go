package linkage

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"net"
	"slices"
	"time"

	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage/internal/oprf"
)

// Receive runs the receiver's side of a session on the connection, which must be
// TLS 1.3 with certificates on both sides: it enrols the identifiers of the
// accounts and returns, for each account that a published signal is about, which
// signals and by which kinds of identifier, ordered by Ref. The transmitter
// learns how many distinct identifiers of each kind there are, and nothing else:
// what was published is looked up when the connection has been closed, so that
// nothing that is sent, nor when, depends on whether anything matches.
//
// Accounts are read to the end before the connection is touched: a source slower
// than the transmitter's IdleTimeout should be read beforehand. On failure there
// is no partial result, and the error is an [*Error]. Receive closes the
// connection, whatever its result.
func Receive(ctx context.Context, conn net.Conn, cfg Config, accounts Source[Account]) ([]Match, Summary, error) {
	defer func() { _ = conn.Close() }()
	start := time.Now()
	cfg, epoch, err := cfg.prepare(Receiver)
	if err != nil {
		return nil, Summary{}, err
	}
	r := &receiver{session: newSession(cfg, Receiver, epoch)}
	if err := r.collect(ctx, accounts); err != nil {
		return nil, Summary{}, failure(ctx, roundSetup, err)
	}
	if err := r.over(ctx, conn, r.run); err != nil {
		return nil, Summary{}, err
	}
	matches := r.lookUp()
	r.sum.Elapsed = time.Since(start)
	return matches, r.sum, nil
}

// receiver is the receiver's state in a session.
type receiver struct {
	*session
	refs    []string // accounts
	holders map[hashing.Identifier][]holder
	ids     []hashing.Identifier // the distinct ones, in chunks by kind
	counts  map[hashing.Kind]int
	clients map[hashing.Kind]*oprf.Client
	records published
	secrets []secret // as ids
}

// holder is an account that holds an identifier, and at which of its places.
type holder struct{ account, place int }

func (r *receiver) run(ctx context.Context) (round string, err error) {
	if err := r.open(); err != nil {
		return roundOpening, err
	}
	if err := r.readRecords(ctx); err != nil {
		return roundRecords, err
	}
	if err := r.enrol(ctx); err != nil {
		return roundEnrolment, err
	}
	if _, err := r.ch.read(msgDone, 0); err != nil {
		return roundClosing, err
	}
	return roundClosing, r.ch.write(msgDone)
}

// collect reads the accounts and finds their distinct identifiers.
func (r *receiver) collect(ctx context.Context, accounts Source[Account]) error {
	r.holders = map[hashing.Identifier][]holder{}
	seen := map[string]bool{}
	for a, err := range accounts {
		if err != nil {
			return &Error{Code: ErrInput, cause: err}
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if seen[a.Ref] {
			return &Error{Code: ErrInput, cause: fmt.Errorf("account %d: its Ref was given before", r.sum.Accounts)}
		}
		seen[a.Ref] = true
		use, err := r.admit(ctx, a.Ref, a.Identifiers)
		if err != nil {
			return err
		}
		if len(use) == 0 {
			continue
		}
		for _, id := range use {
			r.holders[id] = append(r.holders[id], holder{len(r.refs), slices.Index(a.Identifiers, id)})
		}
		r.refs = append(r.refs, a.Ref)
		if err := limit("Identifiers", int64(len(r.holders)), r.cfg.Agreement.Limits.Identifiers); err != nil {
			return err
		}
	}
	// Kind by kind; within a kind in an order that says nothing, for Compare orders
	// by what the process's own random key makes of an identifier.
	r.ids = slices.SortedFunc(maps.Keys(r.holders), hashing.Identifier.Compare)
	r.sum.Identifiers = len(r.ids)
	return nil
}

// admit gives the distinct identifiers of an account that the agreement lets be
// used: none if its user has opted out of the purpose.
func (s *session) admit(ctx context.Context, ref string, ids []hashing.Identifier) ([]hashing.Identifier, error) {
	s.sum.Accounts++
	if s.cfg.Agreement.Purpose.OptOutApplies() {
		out, err := s.cfg.OptOut.OptedOut(ctx, ref, s.cfg.Agreement.Purpose)
		if err != nil {
			return nil, &Error{Code: ErrInput, cause: fmt.Errorf("opt-out register: %w", err)}
		}
		if out {
			s.sum.OptedOut++
			return nil, nil
		}
	}
	use := make([]hashing.Identifier, 0, len(ids))
	for _, id := range ids {
		switch {
		case id.IsZero():
			return nil, &Error{Code: ErrInput, cause: fmt.Errorf("account %d: a zero identifier", s.sum.Accounts-1)}
		case slices.Contains(use, id):
		case s.cfg.Agreement.Admits(id.Kind()) != nil:
			s.sum.Skipped[id.Kind()]++
		default:
			use = append(use, id)
		}
	}
	return use, nil
}

func (r *receiver) open() error {
	r.counts = map[hashing.Kind]int{}
	for _, id := range r.ids {
		r.counts[id.Kind()]++
	}
	var sizes []byte
	for _, k := range r.cfg.Agreement.Kinds {
		sizes = binary.BigEndian.AppendUint64(sizes, uint64(r.counts[k]))
	}
	public, err := r.openReceiver(sizes)
	if err != nil {
		return err
	}
	r.clients = map[hashing.Kind]*oprf.Client{}
	body, err := r.ch.read(msgAccept, countSize+baseSize*len(r.cfg.Agreement.Kinds))
	if err != nil {
		return err
	}
	if len(body) != countSize+baseSize*len(r.cfg.Agreement.Kinds) {
		return ErrFrame
	}
	for i, k := range r.cfg.Agreement.Kinds {
		base := body[countSize+i*baseSize:][:baseSize]
		client, err := oprf.NewClient(oprf.ModePOPRF, public, r.info(k))
		if err != nil {
			return ErrElement
		}
		if r.clients[k], err = client.WithBase(base[:oprf.ElementSize], base[oprf.ElementSize:]); err != nil {
			return err
		}
	}
	n := binary.BigEndian.Uint64(body)
	if n > uint64(r.cfg.Agreement.Limits.Records) {
		return limit("Records", int64(min(n, maxLimit+1)), r.cfg.Agreement.Limits.Records)
	}
	r.records.n = int(n)
	return nil
}
