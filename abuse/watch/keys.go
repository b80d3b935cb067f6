package watch

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
)

// The rows of the transmitter and of both sides. All numbers are big-endian, link is the ID of
// the agreement, and each value begins with a version byte, 1; whoever reads another refuses the row.
//
//	table           key                                value
//	Signals         link ‖ 0 ‖ id                      sequence 8 ‖ flags 1 (1 retracted) ‖ until 8 ‖ BE16 n ‖ account ‖ label
//	                link ‖ 1 ‖ BE16 n ‖ account ‖ id   nothing: the signals of an account
//	About           feed ‖ id                          flags 1 (1 published) ‖ the identifiers' values, sealed by the feed's keeper
//	Ordinals        feed ‖ token                       how many signals the identifier has had in the feed, 2, and reported, 2, without a version
//	Unpublished     feed ‖ 0 or 1 ‖ id                 withdrawals (0) and what is said (1): the sequence that is to be published, 8, without a version
//	Heads           link ‖ feed                        see head
//	Batches         feed ‖ number 8                    digest 32 ‖ the batch, sealed by the feed's keeper
//	Budgets         link ‖ name                        period 8 ‖ used 8 ‖ total 8
//	SessionRecords  link ‖ sequence 8                  the record
//
// The names of budgets: "additions" (of a UTC day); "base/" and the four bytes of an epoch;
// "records/" and the 16 bytes of a feed (of its opening), "signals/" and those (of a UTC day); and,
// as counts without a cap, "batches", "evaluated", "requests", "refused" and "records", whose
// total is the number of the last session record.
const rowVersion = 1

// errRow says that a row is damaged, errNewer that a newer version has written it.
var (
	errRow   = damaged("row")
	errNewer = error(&abuse.StoreError{Op: "row", Kind: abuse.ErrStoreVersion})
)

func joined(parts ...[]byte) []byte {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	out := make([]byte, 0, n)
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

func be64(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// sized puts the length of a reference before it, so that no two can be taken for each other.
func sized(account string) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(account))), account...)
}

// after gives the end of the range of keys that begin with prefix, which is not all of ones.
func after(prefix []byte) []byte {
	end := append([]byte(nil), prefix...)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i]++; end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}

func unixOf(t time.Time) uint64 { return uint64(t.Unix()) }

func timeOf(n uint64) time.Time { return time.Unix(int64(n), 0).UTC() }

// row reads a value from its front. What is missing makes it bad.
type row struct {
	b   []byte
	bad bool
	// newer: it is bad because a later version has written it.
	newer bool
}

func newRow(value []byte) *row {
	r := &row{b: value}
	if v := r.take(1); r.bad || v[0] != rowVersion {
		r.bad, r.newer = true, v[0] > rowVersion
	}
	return r
}

// fault is what is wrong with a bad row.
func (r *row) fault() error {
	if r.newer {
		return errNewer
	}
	return errRow
}

func (r *row) take(n int) []byte {
	if r.bad || len(r.b) < n {
		r.bad = true
		return make([]byte, n)
	}
	p := r.b[:n:n]
	r.b = r.b[n:]
	return p
}

func (r *row) u8() byte    { return r.take(1)[0] }
func (r *row) u16() uint16 { return binary.BigEndian.Uint16(r.take(2)) }
func (r *row) u32() uint32 { return binary.BigEndian.Uint32(r.take(4)) }
func (r *row) u64() uint64 { return binary.BigEndian.Uint64(r.take(8)) }

// rest takes all that is left.
func (r *row) rest() []byte { return r.take(len(r.b)) }

// end gives an error if the value was too short or too long.
func (r *row) end() error {
	if r.bad || len(r.b) > 0 {
		return r.fault()
	}
	return nil
}

// signalRow is what is reported about an account here. A retracted one has neither account nor label.
type signalRow struct {
	sequence  uint64
	retracted bool
	until     time.Time
	account   string
	label     []byte
}

func signalKey(link, id uuid.UUID) []byte { return joined(link[:], []byte{0}, id[:]) }

func signalOfKey(link uuid.UUID, account string, id []byte) []byte {
	return joined(link[:], []byte{1}, sized(account), id)
}

func (s *signalRow) value() []byte {
	flags := byte(0)
	if s.retracted {
		flags = 1
	}
	out := append([]byte{rowVersion}, be64(s.sequence)...)
	out = append(out, flags)
	out = append(out, be64(unixOf(s.until))...)
	return append(append(out, sized(s.account)...), s.label...)
}

func parseSignalRow(value []byte) (s signalRow, err error) {
	r := newRow(value)
	s.sequence, s.retracted, s.until = r.u64(), r.u8()&1 != 0, timeOf(r.u64())
	s.account, s.label = string(r.take(int(r.u16()))), r.rest()
	return s, r.end()
}

// aboutRow says whom a signal is about, in one feed.
type aboutRow struct {
	published bool
	sealed    []byte // of a retracted signal nothing
}

func feedKey(feed linkage.FeedID, id []byte) []byte { return joined(feed[:], id) }

// newsKey is that of a row of Unpublished. Withdrawals come first.
func newsKey(feed linkage.FeedID, retracted bool, id uuid.UUID) []byte {
	if retracted {
		return joined(feed[:], []byte{0}, id[:])
	}
	return joined(feed[:], []byte{1}, id[:])
}

func (a *aboutRow) value() []byte {
	flags := byte(0)
	if a.published {
		flags = 1
	}
	return append([]byte{rowVersion, flags}, a.sealed...)
}

func parseAboutRow(value []byte) (a aboutRow, err error) {
	r := newRow(value)
	a.published, a.sealed = r.u8()&1 != 0, r.rest()
	return a, r.end()
}

// head is the end of a feed, and how far its opening is.
type head struct {
	epoch  uint32
	base   linkage.GenerationID // none under "ec"
	state  [8]byte              // names the state file of the base
	number uint64
	digest [32]byte
	time   time.Time
	// snapshot is the last signal that has been looked at for the opening; all before the feed
	// was opened is in it when opened is set. complete: that has been published too.
	snapshot         uuid.UUID
	opened, complete bool
	// ending: another base has taken its place, and one batch more, the final one, goes out.
	ending, final bool
}

func headKey(link uuid.UUID, feed linkage.FeedID) []byte { return joined(link[:], feed[:]) }

func (h *head) value() []byte {
	flags := byte(0)
	for i, set := range []bool{h.opened, h.complete, h.final, h.ending} {
		if set {
			flags |= 1 << i
		}
	}
	out := binary.BigEndian.AppendUint32([]byte{rowVersion}, h.epoch)
	return joined(out, h.base[:], h.state[:], be64(h.number), h.digest[:], be64(unixOf(h.time)), h.snapshot[:], []byte{flags})
}

func parseHead(value []byte) (h head, err error) {
	r := newRow(value)
	h.epoch, h.base, h.state = r.u32(), linkage.GenerationID(r.take(16)), [8]byte(r.take(8))
	h.number, h.digest, h.time = r.u64(), [32]byte(r.take(32)), timeOf(r.u64())
	h.snapshot = uuid.UUID(r.take(16))
	flags := r.u8()
	h.opened, h.complete, h.final, h.ending = flags&1 != 0, flags&2 != 0, flags&4 != 0, flags&8 != 0
	return h, r.end()
}

func batchKey(feed linkage.FeedID, number uint64) []byte { return joined(feed[:], be64(number)) }

// aboutForm is the form of a list of identifiers before it is sealed.
func aboutForm(all []linkage.About) []byte {
	out := []byte{rowVersion, byte(len(all))}
	for _, a := range all {
		out = append(out, byte(a.Kind))
		out = append(out, a.Token[:]...)
		out = binary.BigEndian.AppendUint16(out, a.Nth)
		out = append(binary.BigEndian.AppendUint16(out, uint16(len(a.Values))), a.Values...)
	}
	return out
}

func parseAboutForm(form []byte) ([]linkage.About, error) {
	r := newRow(form)
	all := make([]linkage.About, r.u8())
	for i := range all {
		a := &all[i]
		a.Kind, a.Token, a.Nth = hashing.Kind(r.u8()), [16]byte(r.take(16)), r.u16()
		a.Values = r.take(int(r.u16()))
	}
	return all, r.end()
}

// maxSequence leaves room for the retraction of the last revision.
const maxSequence = math.MaxInt64 - 1
