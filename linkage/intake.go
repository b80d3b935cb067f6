package linkage

import (
	"context"
	"fmt"
	"hash/maphash"

	"github.com/hueandcry/hueandcry/hashing"
)

// intake brings what a caller gives into a book. Identifiers are gathered by the
// thousand, so that all workers compute their digests; nothing but the digests is
// kept. An error that an identifier brings about is found when its thousand is full:
// whoever ends the intake because of another one flushes first, so that the caller is
// told of what came first.
type intake struct {
	*session
	book     *book
	added    func(h holding) error // called for each holding that is new to the book
	admitted [1 << 8]bool          // by kind
	pending  []pendingItem
}

// pendingItem is an identifier that is not in the book yet.
type pendingItem struct {
	id           hashing.Identifier
	owner, place uint32
	item         item
	hash         uint64
}

// intakeRun is how many identifiers are gathered: enough for all workers, and little
// enough for the nearer caches.
const intakeRun = 2048

func (s *session) newIntake(b *book, added func(holding) error) *intake {
	in := &intake{session: s, book: b, added: added}
	for _, k := range s.cfg.Agreement.Kinds {
		in.admitted[k] = true
	}
	return in
}

// admit takes in the identifiers of an account that the agreement lets be used, and
// reports whether the account's user has left that open: if he has opted out of the
// purpose, none are taken. The number of the account is how many came before.
func (in *intake) admit(ctx context.Context, ref string, ids []hashing.Identifier) (used bool, err error) {
	owner := in.sum.Accounts
	if max(owner, len(ids)) >= in.book.most {
		return false, &Error{Code: ErrInput, cause: fmt.Errorf("more than %d accounts, or identifiers of one account", in.book.most)}
	}
	in.sum.Accounts++
	if in.cfg.Agreement.Purpose.OptOutApplies() {
		out, err := in.cfg.OptOut.OptedOut(ctx, ref, in.cfg.Agreement.Purpose)
		if err != nil {
			return false, &Error{Code: ErrInput, cause: fmt.Errorf("opt-out register: %w", err)}
		}
		if out {
			in.sum.OptedOut++
			return false, nil
		}
	}
	for i, id := range ids {
		switch {
		case id.IsZero():
			return false, &Error{Code: ErrInput, cause: fmt.Errorf("account %d: a zero identifier", owner)}
		case !in.admitted[id.Kind()]:
			in.sum.Skipped[id.Kind()]++
		default:
			in.pending = append(in.pending, pendingItem{id: id, owner: uint32(owner), place: uint32(i)})
			if len(in.pending) == intakeRun {
				if err := in.flush(); err != nil {
					return false, err
				}
			}
		}
	}
	return true, nil
}

// flush brings what has been gathered into the book.
func (in *intake) flush() error {
	spread(in.cfg.Workers, len(in.pending), 256, func(from, to int) {
		for i := from; i < to; i++ {
			p := &in.pending[i]
			p.item = p.id.Digest(in.digest)
			p.hash = in.book.hash(&p.item)
		}
	})
	for i := range in.pending {
		p := &in.pending[i]
		h, added, err := in.book.add(&p.item, p.hash, p.id.Kind(), p.owner, p.place)
		if err == nil && added {
			err = in.added(h)
		}
		if err != nil {
			return err
		}
	}
	in.pending = in.pending[:0]
	return nil
}

// names are texts of which each is there once.
type names struct {
	texts
	found table
	seed  maphash.Seed
}

func newNames() *names { return &names{seed: maphash.MakeSeed()} }

// add puts a name at the end, and reports whether it was new.
func (n *names) add(name string) bool {
	_, isNew := n.found.number(maphash.String(n.seed, name),
		func(i uint32) bool { return string(n.at(i)) == name },
		func(i uint32) uint64 { return maphash.Bytes(n.seed, n.at(i)) })
	if isNew {
		addText(&n.texts, name)
	}
	return isNew
}
