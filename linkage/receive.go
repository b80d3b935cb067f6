package linkage

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"net"

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
	r, err := receiveFrom(ctx, conn, cfg, accounts, false)
	if err != nil {
		return nil, Summary{}, err
	}
	return r.matches, r.sum, nil
}

// receiver is the receiver's state in a session.
type receiver struct {
	*session
	refs    *names   // of the accounts, by their numbers
	book    *book    // which account holds what
	order   []uint32 // the items as they are enrolled, in chunks by kind
	counts  map[hashing.Kind]int
	clients map[hashing.Kind]*oprf.Client
	records published
	bulk    *enrolment // under "vole"
	keep    bool       // the items, for Enrol
	matches []Match
}

func (r *receiver) run(ctx context.Context) (round string, err error) {
	if err := r.open(); err != nil {
		return roundOpening, err
	}
	r.lap(roundOpening)
	if err := r.readRecords(ctx); err != nil {
		return roundRecords, err
	}
	r.lap(roundRecords)
	if err := r.enrol(ctx); err != nil {
		return roundEnrolment, err
	}
	r.lap(roundEnrolment)
	return r.close()
}

// close hears and says that the session is over.
func (r *receiver) close() (round string, err error) {
	if _, err := r.ch.read(msgDone, 0); err != nil {
		return roundClosing, err
	}
	err = r.ch.write(msgDone)
	r.lap(roundClosing)
	return roundClosing, err
}

// collect reads the accounts and finds their distinct identifiers.
func (r *receiver) collect(ctx context.Context, accounts Source[Account]) error {
	// Few names are ever read again: they need not be found at once.
	r.refs, r.book = newNames(16, 0), newBook(false)
	r.book.caps.items.most = min(r.cfg.Agreement.Limits.Identifiers, most)
	in := r.newIntake(r.book, r.refs, func(account int) error {
		return &Error{Code: ErrInput, cause: fmt.Errorf("account %d: its Ref was given before", account)}
	})
	err := in.end(r.readAccounts(ctx, in, accounts))
	r.refs.close()
	r.book.close()
	if r.keep && err == nil {
		r.book.keepItems()
	}
	r.sum.Identifiers = r.book.len()
	r.lap(stageCollect)
	return err
}

func (r *receiver) readAccounts(ctx context.Context, in *intake, accounts Source[Account]) error {
	for a, err := range accounts {
		if err != nil {
			return &Error{Code: ErrInput, cause: err}
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		addText(&r.refs.texts, a.Ref)
		r.refs.hashes.push(maphash.String(r.refs.seed, a.Ref))
		if err := in.admit(ctx, a.Ref, a.Identifiers); err != nil {
			return err
		}
	}
	return nil
}

func (r *receiver) open() error {
	var err error
	if r.order, err = r.book.order(r.cfg.Agreement.Kinds, r.hooks.Reader("order", 0)); err != nil {
		return err
	}
	r.counts = map[hashing.Kind]int{}
	var sizes []byte
	for _, k := range r.cfg.Agreement.Kinds {
		r.counts[k] = r.book.counts[k]
		sizes = binary.BigEndian.AppendUint64(sizes, uint64(r.counts[k]))
	}
	public, _, err := r.openReceiver(oprf.ElementSize, sizes)
	if err != nil {
		return err
	}
	body, err := r.ch.read(msgAccept, countSize+baseSize*len(r.cfg.Agreement.Kinds))
	if err != nil {
		return err
	}
	if len(body) != countSize+baseSize*len(r.cfg.Agreement.Kinds) {
		return ErrFrame
	}
	if r.clients, err = r.liveClients(public, body[countSize:]); err != nil {
		return err
	}
	return r.expect(binary.BigEndian.Uint64(body))
}

// expect takes note of how many records are announced.
func (r *receiver) expect(records uint64) error {
	if most := min(r.cfg.Agreement.Limits.Records, most); records > uint64(most) {
		return limit("Records", int64(min(records, maxLimit+1)), most)
	}
	r.records.n = int(records)
	return nil
}
