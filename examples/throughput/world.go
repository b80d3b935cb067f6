package main

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/bits"
	"runtime"
	"strconv"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
)

// world is what both parties bring: accounts with one install id each, made from
// their number. Of the flagged accounts the first of the overlap are accounts of the
// receiver's as well, spread evenly over them; the rest are nobody's there.
//
// Accounts and signals are streamed and never held here. Identifiers are held, if
// there are not too many: see prepare.
type world struct {
	accounts, flagged, overlap int64
	label                      int

	heldAccounts, heldFlagged []hashing.Identifier // by number; nil: made on the fly
}

// mostHeld is up to how many identifiers a party holds ready. At 17 bytes each they
// are 285 MB; with more, the memory that is measured would be more and more the input.
const mostHeld = 1 << 24

func (o *options) world() *world {
	return &world{accounts: o.accounts, flagged: o.flagged, overlap: o.overlap, label: o.label}
}

// prepare makes the identifiers, on all processors, if they are few enough to hold.
func (w *world) prepare(ctx context.Context, most int64) error {
	if w.accounts > most || w.flagged > most {
		return nil
	}
	var err error
	if w.heldAccounts, err = makeAll(ctx, w.accounts, func(i int64) int64 { return i }); err != nil {
		return err
	}
	w.heldFlagged, err = makeAll(ctx, w.flagged, w.whose)
	return err
}

// prepared reports whether the identifiers are in memory.
func (w *world) prepared() bool { return w.heldAccounts != nil }

// whose gives the number of the account that flagged account j is: one of the
// receiver's, or one after all of those.
func (w *world) whose(j int64) int64 {
	if j < w.overlap {
		return w.at(j)
	}
	return w.accounts + j - w.overlap
}

// at spreads the overlap over the receiver's accounts. Neither factor is over 2^30.
func (w *world) at(j int64) int64 { return j * w.accounts / w.overlap }

// pair gives the flagged account that account i of the receiver is, the inverse of at.
func (w *world) pair(i int64) (j int64, ok bool) {
	if i < 0 || i >= w.accounts || w.overlap == 0 {
		return 0, false
	}
	j = (i*w.overlap + w.accounts - 1) / w.accounts
	return j, j < w.overlap && w.at(j) == i
}

// tries is how many texts there are for one number. Package hashing refuses one in
// 100,000 as patterns, so that eight in a row do not happen.
const tries = 8

// identifier makes the install id of a number: 64 bits of a counter, stirred. Other
// numbers have other identifiers, for stirring can be undone.
func identifier(n int64) (id hashing.Identifier, err error) {
	var value [8]byte
	var text [16]byte
	for try := range uint64(tries) {
		binary.BigEndian.PutUint64(value[:], stir(uint64(n)*tries+try))
		hex.Encode(text[:], value[:])
		if id, err = hashing.ParseDevice(hashing.InstallID, string(text[:])); err == nil {
			break
		}
	}
	return id, err
}

// stir is the finalizer of SplitMix64 (Steele, Lea and Flood, "Fast splittable
// pseudorandom number generators", 2014): a bijection of 64 bits that looks random.
func stir(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// makeAll makes n identifiers, of which number gives the numbers.
func makeAll(ctx context.Context, n int64, number func(int64) int64) ([]hashing.Identifier, error) {
	const run = 1 << 14
	all := make([]hashing.Identifier, n)
	workers, working := errgroup.WithContext(ctx)
	workers.SetLimit(runtime.GOMAXPROCS(0))
	for from := int64(0); from < n && working.Err() == nil; from += run {
		workers.Go(func() error {
			for i := from; i < min(from+run, n); i++ {
				id, err := identifier(number(i))
				if err != nil {
					return err
				}
				all[i] = id
			}
			return nil
		})
	}
	if err := workers.Wait(); err != nil {
		return nil, err
	}
	return all, context.Cause(ctx)
}

// atOnce is how many things are made together, so that not every one is an allocation.
const atOnce = 512

// shelf gives the identifiers of one side, each as a slice of one.
type shelf struct {
	held   []hashing.Identifier
	number func(int64) int64

	fresh []hashing.Identifier // cut up
}

func (s *shelf) take(i int64) ([]hashing.Identifier, error) {
	if s.held != nil {
		return s.held[i : i+1 : i+1], nil
	}
	id, err := identifier(s.number(i))
	if err != nil {
		return nil, err
	}
	if len(s.fresh) == 0 {
		s.fresh = make([]hashing.Identifier, atOnce)
	}
	one := s.fresh[:1:1]
	s.fresh = s.fresh[1:]
	one[0] = id
	return one, nil
}

// told is after how many accounts the progress is told of.
const told = 1 << 14

// tell says how far a source is, to whoever wants to know.
func tell(progress func(linkage.Progress), done, total int64) {
	if progress != nil && (done%told == 0 || done == total) {
		progress(linkage.Progress{Round: "collect", Done: int(done), Total: int(total)})
	}
}

// receiverAccounts streams the receiver's accounts. The session itself tells of
// progress from when they have all been read.
func (w *world) receiverAccounts(progress func(linkage.Progress)) linkage.Source[linkage.Account] {
	return func(yield func(linkage.Account, error) bool) {
		s := &shelf{held: w.heldAccounts, number: func(i int64) int64 { return i }}
		var names refs
		for i := range w.accounts {
			ids, err := s.take(i)
			if !yield(linkage.Account{Ref: names.take(i), Identifiers: ids}, err) || err != nil {
				return
			}
			tell(progress, i+1, w.accounts)
		}
	}
}

// signals streams one signal about each flagged account.
func (w *world) signals(progress func(linkage.Progress)) linkage.Source[linkage.Flagged] {
	return func(yield func(linkage.Flagged, error) bool) {
		s := &shelf{held: w.heldFlagged, number: w.whose}
		var labels []byte // cut up like identifiers
		for j := range w.flagged {
			ids, err := s.take(j)
			if len(labels) < w.label {
				labels = make([]byte, atOnce*w.label)
			}
			label := labels[:w.label:w.label]
			labels = labels[w.label:]
			f := linkage.Flagged{Identifiers: ids, ID: signalID(j), Sequence: 1, Label: w.putLabel(label, j)}
			if !yield(f, err) || err != nil {
				return
			}
			tell(progress, j+1, w.flagged)
		}
	}
}

// ref names an account in as few bytes as do, for the receiver holds them all.
func ref(i int64) string { return strconv.FormatInt(i, 36) }

// refs gives the names of accounts that come in turn. Like identifiers they are made some
// hundred at a time: what is measured is the library and not this.
type refs struct {
	from, to int64  // which are made
	text     string // of all of them
	ends     [atOnce]int
}

func (r *refs) take(i int64) string {
	if i < r.from || i >= r.to {
		r.from, r.to = i, i+atOnce
		text := make([]byte, 0, 8*atOnce)
		for k := range r.ends {
			text = strconv.AppendInt(text, i+int64(k), 36)
			r.ends[k] = len(text)
		}
		r.text = string(text)
	}
	start := 0
	if k := i - r.from; k > 0 {
		start = r.ends[k-1]
	}
	return r.text[start:r.ends[i-r.from]]
}

// signalID names a signal, as a UUID of version 8, which is anybody's to make.
func signalID(j int64) (id uuid.UUID) {
	id[6], id[8] = 0x80, 0x80
	binary.BigEndian.PutUint32(id[12:], uint32(j)) // under 2^30
	return id
}

// labelOf is what is said about a flagged account: as long as the size class allows,
// and other than of any other.
func (w *world) labelOf(j int64) []byte {
	if w.label == 0 {
		return nil
	}
	return w.putLabel(make([]byte, w.label), j)
}

func (w *world) putLabel(label []byte, j int64) []byte {
	if w.label > 0 {
		binary.BigEndian.PutUint64(label, bits.Reverse64(uint64(j)))
	}
	return label
}

// verify sees that matches are such as there should be, and none is there twice.
func (w *world) verify(matches []linkage.Match) error {
	for k := range matches {
		if err := w.verifyOne(&matches[k]); err != nil {
			return err
		}
		if k > 0 && matches[k-1].Account >= matches[k].Account { // they come in this order
			return fmt.Errorf("account %s matches twice, or out of its turn", matches[k].Account)
		}
	}
	return nil
}

func (w *world) verifyOne(m *linkage.Match) error {
	i, err := strconv.ParseInt(m.Account, 36, 64)
	if err != nil {
		return fmt.Errorf("a match has a reference that was not given")
	}
	j, ok := w.pair(i)
	id, sequence := signalID(j), uint64(1)
	if w.label == 0 {
		id, sequence = uuid.Nil, 0 // a tag says that, and not what
	}
	switch {
	case !ok || ref(i) != m.Account:
		return fmt.Errorf("account %s is not flagged, and matches", m.Account)
	case len(m.Signals) != 1 || m.Signals[0].ID != id || m.Signals[0].Sequence != sequence:
		return fmt.Errorf("account %s matches with another signal than its own", m.Account)
	case string(m.Signals[0].Label) != string(w.labelOf(j)):
		return fmt.Errorf("account %s matches with another label than its own", m.Account)
	}
	return nil
}
