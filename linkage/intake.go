package linkage

import (
	"context"
	"fmt"
	"hash/maphash"
	"math/bits"

	"github.com/hueandcry/hueandcry/hashing"
)

// intake brings what a caller gives into a book, some thousand identifiers at a time:
// all workers compute their digests, and the table asks for memory once. Nothing but
// the digests is kept. What is wrong with an identifier is found when its
// thousand is full, and a name that came before when all names are looked at together. Whoever
// ends the intake, for whatever reason, asks end what to say, so that the caller is told of
// what came first.
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
	look     int                   // at so many names they are looked at next
	failed   bool                  // in flush
	at       int                   // by which account
}

// intakeRun is how many identifiers are gathered: enough for all workers, and little
// enough for the nearer caches.
const intakeRun = 1024

// firstLook is at how many names they are looked at for the first time; then whenever there
// are eight times as many, lest a source that goes round in circles be read for ever.
const firstLook = 1 << 16

func (s *session) newIntake(b *book, n *names, added func(holding) error, repeated func(int) error) *intake {
	in := &intake{session: s, book: b, names: n, added: added, repeated: repeated,
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
	if max(owner, len(ids)) >= in.book.most {
		return &Error{Code: ErrInput, cause: fmt.Errorf("more than %d accounts, or identifiers of one", in.book.most)}
	}
	if in.sum.Accounts == in.look {
		in.look *= 8
		if err := in.flush(); err != nil {
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
			in.pending = append(in.pending, holding{owner: uint32(owner), place: uint32(i)})
			if len(in.pending) == intakeRun {
				if err := in.flush(); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// end ends the intake, which came to an error or to its end. It gives the error that came
// first.
func (in *intake) end(err error) error {
	if before := in.flush(); before != nil {
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

// flush brings what has been gathered into the book. After an error it is of no more use.
func (in *intake) flush() error {
	if in.failed {
		return nil
	}
	spread(in.cfg.Workers, len(in.pending), 256, func(from, to int) {
		hashing.Digests(in.items[from:to], in.ids[from:to], in.digest)
		for i := from; i < to; i++ {
			in.hashes[i] = in.book.hash(&in.items[i])
		}
	})
	in.book.prepare(in.hashes[:len(in.pending)])
	for i, p := range in.pending {
		h, added, err := in.book.add(&in.items[i], in.hashes[i], in.ids[i].Kind(), p.owner, p.place)
		if err == nil && added {
			err = in.added(h)
		}
		if err != nil {
			in.failed, in.at = true, int(p.owner)
			return err
		}
	}
	in.ids, in.pending = in.ids[:0], in.pending[:0]
	return nil
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
	twice := repeats(&n.hashes, among)
	if len(twice) == 0 {
		return 0, false
	}
	before := map[uint64][]uint32{}
	for i := range uint32(among) {
		h := *n.hashes.at(i)
		if !twice[h] {
			continue
		}
		for _, j := range before[h] {
			if string(n.name(n.at(i))) == string(n.name(n.at(j))) {
				return int(i), true
			}
		}
		before[h] = append(before[h], i)
	}
	return 0, false
}

// repeats gives the values that are more than once among the first n of the hashes. They are
// spread over buckets by their highest bits, as many as fit into the nearest cache, and
// compared there.
func repeats(hashes *list[uint64], n int) map[uint64]bool {
	const inCache = 1 << 11
	high := min(11, bits.Len(uint(n/inCache)))
	starts := make([]int, 2+1<<high)
	each := func(f func(h uint64)) {
		left := n
		for _, chunk := range hashes.chunks {
			chunk = chunk[:min(left, len(chunk))]
			left -= len(chunk)
			for _, h := range chunk {
				f(h)
			}
		}
	}
	each(func(h uint64) { starts[2+h>>(64-high)]++ })
	most := 0
	for b := 2; b < len(starts); b++ {
		most = max(most, starts[b])
		starts[b] += starts[b-1]
	}
	spread := make([]uint64, n)
	each(func(h uint64) {
		at := &starts[1+h>>(64-high)]
		spread[*at] = h
		*at++
	})
	twice := map[uint64]bool{}
	slots := make([]uint64, 1<<bits.Len(uint(2*most)))
	for b := range len(starts) - 2 {
		clear(slots)
		zero := false // which the slots cannot hold
		for _, h := range spread[starts[b]:starts[b+1]] {
			if h == 0 {
				if zero {
					twice[0] = true
				}
				zero = true
				continue
			}
			at := int(h) & (len(slots) - 1)
			for slots[at] != 0 && slots[at] != h {
				at = (at + 1) & (len(slots) - 1)
			}
			if slots[at] == h {
				twice[h] = true
			}
			slots[at] = h
		}
	}
	return twice
}

// close gives back what was needed to tell whether names are new.
func (n *names) close() { n.hashes = list[uint64]{} }
