package linkage

import (
	"context"
	"fmt"
	"hash/maphash"

	"github.com/hueandcry/hueandcry/hashing"
)

// intake brings what a caller gives into a book, some thousand identifiers at a time, of
// which all workers compute the digests. Nothing but the digests is kept. Whether there is too
// much, or a name came before, is found when very many are looked at together. Whoever ends
// the intake, for whatever reason, asks end what to say, so that the caller is told of what
// came first.
type intake struct {
	*session
	book     *book
	names    *names
	repeated func(n int) error    // gives the error for the n-th account, whose name came before
	admitted [1 << 8]bool         // by kind
	ids      []hashing.Identifier // that are not in the book yet
	kinds    []hashing.Kind       // of these
	pending  []holding            // of these
	items    []item               // their digests
	hashes   []uint64             // and the book's hashes of these
	look     int                  // at so many names they are looked at next
	failed   bool                 // in settle
	at       int                  // by which account
}

// intakeRun is how many identifiers are gathered: enough for all workers, and little
// enough for the nearer caches.
const intakeRun = 1024

func (s *session) newIntake(b *book, n *names, repeated func(int) error) *intake {
	in := &intake{session: s, book: b, names: n, repeated: repeated,
		items: make([]item, intakeRun), hashes: make([]uint64, intakeRun), look: firstLook}
	for _, k := range s.cfg.Agreement.Kinds {
		in.admitted[k] = true
	}
	return in
}

// admit takes in an account whose name was added last: of
// its identifiers, those that the agreement lets be used, and none if its user has
// opted out of the purpose.
func (in *intake) admit(ctx context.Context, ref string, ids []hashing.Identifier) error {
	owner := in.sum.Accounts
	in.sum.Accounts++
	if max(owner, len(ids)) >= most {
		return &Error{Code: ErrInput, cause: fmt.Errorf("more than %d accounts, or identifiers of one", most)}
	}
	if in.sum.Accounts == in.look {
		in.look *= 8
		if err := in.settle(); err != nil {
			return err
		}
		if n, found := in.names.repeated(in.sum.Accounts); found {
			return in.repeated(n)
		}
	}
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
			in.kinds = append(in.kinds, id.Kind())
			in.pending = append(in.pending, holding{owner: uint32(owner), place: uint32(i)})
			if len(in.pending) == intakeRun {
				if in.flush(); in.book.len() >= in.book.look() {
					if err := in.settle(); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

// end ends the intake, which came to an error or to its end. It gives the error that came
// first.
func (in *intake) end(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx) // and nobody is to be told of anything else
	}
	if before := in.settle(); before != nil {
		err = before
	}
	names := in.sum.Accounts
	if in.failed {
		names = in.at + 1
	}
	if n, found := in.names.repeated(names); found {
		return in.repeated(n)
	}
	return err
}

// flush brings what has been gathered into the book.
func (in *intake) flush() {
	n := len(in.pending)
	spread(in.cfg.Workers, n, 256, func(from, to int) {
		hashing.Digests(in.items[from:to], in.ids[from:to], in.digest)
		for i := from; i < to; i++ {
			in.hashes[i] = in.book.hash(&in.items[i])
		}
	})
	in.book.put(in.items[:n], in.hashes[:n], in.kinds, in.pending)
	in.ids, in.kinds, in.pending = in.ids[:0], in.kinds[:0], in.pending[:0]
}

// settle brings the book in order. After an error the intake is of no more use.
func (in *intake) settle() error {
	if in.failed {
		return nil
	}
	in.flush()
	owner, err := in.book.settle()
	if err != nil {
		in.failed, in.at = true, int(owner)
	}
	return err
}

// names are texts that are, in whole or as far as a fixed length, each there once. They are
// added first and looked at later.
type names struct {
	texts
	size   int // how much of a text is its name; 0 for all
	hashes list[uint64]
	seed   maphash.Seed
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

// repeated gives the first of so many names, all or fewer, that came before. Names that are
// all different are told apart by their hashes alone, without a look at any of them.
func (n *names) repeated(among int) (first int, found bool) {
	first = among
	repeats(&n.hashes, among, func(same []uint32) {
		for x, i := range same {
			for _, j := range same[:x] {
				if int(i) < first && string(n.name(n.at(i))) == string(n.name(n.at(j))) {
					first = int(i)
				}
			}
			if int(i) >= first {
				break
			}
		}
	})
	return first, first < among
}

// close gives back what was needed to tell whether names are new.
func (n *names) close() { n.hashes = list[uint64]{} }
