package linkage

import (
	"context"
	"fmt"
	"hash/maphash"

	"github.com/hueandcry/hueandcry/hashing"
)

// intake brings what a caller gives into a book, some thousand identifiers at a time:
// all workers compute their digests, and the tables ask for memory once. Nothing but
// the digests is kept. What is wrong with a name or an identifier is found when its
// thousand is full. Whoever ends the intake for another reason flushes first, so that
// the caller is told of what came first.
type intake struct {
	*session
	book     *book
	names    *names
	added    func(h holding) error // called for each holding that is new to the book
	repeated func(n int) error     // gives the error for the n-th account, whose name came before
	admitted [1 << 8]bool          // by kind
	ids      []hashing.Identifier  // that are not in the book yet
	pending  []holding             // of these
	items    []item                // their digests
	hashes   []uint64              // and the book's hashes of these
	fresh    []uint64              // hashes of names not looked at yet, the last of names
}

// intakeRun is how many identifiers are gathered, and how many names: enough for all
// workers, and little enough for the nearer caches.
const intakeRun = 1024

func (s *session) newIntake(b *book, n *names, added func(holding) error, repeated func(int) error) *intake {
	in := &intake{session: s, book: b, names: n, added: added, repeated: repeated,
		items: make([]item, intakeRun), hashes: make([]uint64, intakeRun)}
	for _, k := range s.cfg.Agreement.Kinds {
		in.admitted[k] = true
	}
	return in
}

// admit takes in an account whose name was added last, with the hash of the name: of
// its identifiers, those that the agreement lets be used, and none if its user has
// opted out of the purpose.
func (in *intake) admit(ctx context.Context, ref string, hash uint64, ids []hashing.Identifier) error {
	owner := in.sum.Accounts
	in.sum.Accounts++
	if max(owner, len(ids)) >= in.book.most {
		return &Error{Code: ErrInput, cause: fmt.Errorf("more than %d accounts, or identifiers of one", in.book.most)}
	}
	in.fresh = append(in.fresh, hash)
	if in.cfg.Agreement.Purpose.OptOutApplies() {
		out, err := in.cfg.OptOut.OptedOut(ctx, ref, in.cfg.Agreement.Purpose)
		if err != nil {
			return &Error{Code: ErrInput, cause: fmt.Errorf("opt-out register: %w", err)}
		}
		if out {
			in.sum.OptedOut++
			ids = nil
		}
	}
	for i, id := range ids {
		switch {
		case id.IsZero():
			return &Error{Code: ErrInput, cause: fmt.Errorf("account %d: a zero identifier", owner)}
		case !in.admitted[id.Kind()]:
			in.sum.Skipped[id.Kind()]++
		default:
			in.ids = append(in.ids, id)
			in.pending = append(in.pending, holding{owner: uint32(owner), place: uint32(i)})
			if len(in.pending) == intakeRun {
				if err := in.flush(); err != nil {
					return err
				}
			}
		}
	}
	if len(in.fresh) >= intakeRun {
		return in.flush()
	}
	return nil
}

// flush brings what has been gathered into the names and the book.
func (in *intake) flush() error {
	spread(in.cfg.Workers, len(in.pending), 256, func(from, to int) {
		hashing.Digests(in.items[from:to], in.ids[from:to], in.digest)
		for i := from; i < to; i++ {
			in.hashes[i] = in.book.hash(&in.items[i])
		}
	})
	in.names.prepare(in.fresh)
	in.book.prepare(in.hashes[:len(in.pending)])
	name := int(in.names.n) - len(in.fresh)
	for i := range in.pending {
		p := &in.pending[i]
		for ; name <= int(p.owner); name++ {
			if err := in.name(name); err != nil {
				return err
			}
		}
		h, added, err := in.book.add(&in.items[i], in.hashes[i], in.ids[i].Kind(), p.owner, p.place)
		if err == nil && added {
			err = in.added(h)
		}
		if err != nil {
			return err
		}
	}
	for ; name < int(in.names.n); name++ {
		if err := in.name(name); err != nil {
			return err
		}
	}
	in.ids, in.pending, in.fresh = in.ids[:0], in.pending[:0], in.fresh[:0]
	return nil
}

// name looks at the n-th name, one of the last.
func (in *intake) name(n int) error {
	if !in.names.isNew(uint32(n), in.fresh[len(in.fresh)-int(in.names.n)+n]) {
		return in.repeated(n)
	}
	return nil
}

// names are texts that are, in whole or as far as a fixed length, each there once.
// They are added first and looked at later.
type names struct {
	texts
	size  int // how much of a text is its name; 0 for all
	found table
	seed  maphash.Seed
}

func newNames(stride uint32, size int) *names {
	return &names{texts: texts{stride: stride}, size: size, seed: maphash.MakeSeed()}
}

// name gives the part of a text that is the name.
func (n *names) name(text []byte) []byte {
	if n.size > 0 {
		return text[:n.size]
	}
	return text
}

// prepare gets ready for names with the given hashes, to be looked at next.
func (n *names) prepare(hashes []uint64) { n.found.prepare(hashes) }

// isNew reports whether the i-th name is none of those before it, each of which it
// must have been asked about.
func (n *names) isNew(i uint32, hash uint64) bool {
	_, isNew := n.found.number(hash, func(j uint32) bool { return string(n.name(n.at(i))) == string(n.name(n.at(j))) })
	return isNew
}

// close gives back what was needed to tell whether names are new.
func (n *names) close() { n.found = table{} }
