package linkage

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"iter"
	"net"
	"slices"
	"time"

	"github.com/hueandcry/hueandcry/hashing"
)

// Enrol is [Receive] for a receiver that goes on by the feed: the session is the same, and
// what it has taught about every identifier is kept till Close, for the receiver to store
// under a [Keeper]. An empty source of accounts is enrolled too. A session that broke off
// goes on (see [Resume]) with the function that it began with.
func Enrol(ctx context.Context, conn net.Conn, cfg Config, accounts Source[Account]) (*Enrolment, Summary, error) {
	r, err := receiveFrom(ctx, conn, cfg, accounts, true)
	if err != nil {
		return nil, Summary{}, err
	}
	e := &enrolled{refs: r.refs, book: r.book, generation: liveGeneration(&r.scope), matches: r.matches}
	if r.inBulk() {
		e.generation = baseGeneration(&r.scope, &r.bulk.coin)
	}
	return &Enrolment{of: func() *enrolled { return e }}, r.sum, nil
}

// Enrolment is what [Enrol] has learnt, in memory and in clear: store it and close it. It
// prints none of it. It is not for use by several goroutines at once; the zero Enrolment
// cannot be used.
type Enrolment struct {
	of func() *enrolled // behind a function, so that no dump of the value shows what it holds
}

type enrolled struct {
	refs       *names
	book       *book
	generation GenerationID
	matches    []Match
}

// Generation is what the identifiers were enrolled under: the live generation of the epoch
// under "ec", and under "vole" the session's own.
func (e *Enrolment) Generation() GenerationID { return e.of().generation }

// Matches are what Receive would have given: none where the transmitter published nothing in
// the session and says all in the feed.
func (e *Enrolment) Matches() []Match { return e.of().matches }

// Len is how many All gives.
func (e *Enrolment) Len() int { return e.of().book.held }

// Enrolled is one identifier of one account.
type Enrolled struct {
	Ref   string       // of the account
	Place int          // which of the account's Identifiers it is
	Kind  hashing.Kind // of the identifier
	Kept  Kept
}

// All gives every identifier of every account, opted-out ones left out, ascending by
// Kept.Tag and for each by Ref: the order in which a table takes them fastest. It needs 16
// bytes of memory an identifier while it runs.
func (e *Enrolment) All(k *Keeper) iter.Seq[Enrolled] {
	o, keep := e.of(), k.of()
	return func(yield func(Enrolled) bool) {
		var kept Kept
		var holders []holding
		for _, at := range o.sorted(keep) {
			keep.keep(&kept, o.book.value(at.item))
			kept.Token = keep.itemToken(o.book.original.at(at.item))
			holders = o.holders(holders, at.item)
			for _, h := range holders {
				if !yield(Enrolled{string(o.refs.at(h.owner)), int(h.place), *o.book.kinds.at(at.item), kept}) {
					return
				}
			}
		}
	}
}

// keyedItem is an item and how its keyed tag begins.
type keyedItem struct {
	head uint64
	item uint32
}

func (e *enrolled) sorted(k *keeping) []keyedItem {
	all := make([]keyedItem, e.book.len())
	var t, other tag
	for i := range all {
		k.keyed(&t, e.book.value(uint32(i)), 0)
		all[i] = keyedItem{t.head(), uint32(i)}
	}
	slices.SortFunc(all, func(a, b keyedItem) int {
		if c := cmp.Compare(a.head, b.head); c != 0 {
			return c
		}
		k.keyed(&t, e.book.value(a.item), 0)
		k.keyed(&other, e.book.value(b.item), 0)
		return bytes.Compare(t[:], other[:])
	})
	return all
}

// holders gives the holdings of an item, ordered by account, in all if there is room.
func (e *enrolled) holders(all []holding, i uint32) []holding {
	all = append(all[:0], *e.book.holding(i, 0))
	for next := all[0].next; next != 0; next = all[len(all)-1].next {
		all = append(all, *e.book.holding(i, next))
	}
	if len(all) > 1 {
		slices.SortFunc(all, func(a, b holding) int { return bytes.Compare(e.refs.at(a.owner), e.refs.at(b.owner)) })
	}
	return all
}

// Close overwrites every value. The enrolment is of no use then; a second Close does nothing.
func (e *Enrolment) Close() {
	o := e.of()
	o.book.erase()
	o.book.held, o.book.items, o.book.original = 0, list[item]{}, list[item]{}
}

var errOtherCall = errors.New("the session that goes on was begun by Receive, which keeps less than Enrol needs: drop it")

// receiveFrom is Receive and Enrol but for what each makes of it.
func receiveFrom(ctx context.Context, conn net.Conn, cfg Config, accounts Source[Account], keep bool) (*receiver, error) {
	defer func() { _ = conn.Close() }()
	start := time.Now()
	cfg, epoch, err := cfg.prepare(Receiver)
	if err != nil {
		return nil, err
	}
	r := &receiver{session: newSession(cfg, Receiver, epoch), keep: keep}
	collect, run := r.collect, r.run
	if r.inBulk() {
		collect, run = r.collectBulk, r.runBulk
	}
	if err := collect(ctx, accounts); err != nil {
		return nil, failure(ctx, roundSetup, err)
	}
	if err := r.over(ctx, conn, run); err != nil {
		cfg.Resume.keep(err, r.bulk, nil)
		return nil, err
	}
	r.matches = r.lookUp()
	if !keep {
		r.book.erase()
	}
	r.lap(stageLookup)
	r.sum.Elapsed = time.Since(start)
	return r, nil
}
