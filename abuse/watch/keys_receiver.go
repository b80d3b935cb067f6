package watch

import (
	"encoding/binary"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/abuse"
)

// The receiver's rows. Numbers are big-endian; account is BE16 length ‖ reference; every value
// begins with a version, 1. A link is the ID of an agreement. An era is one base with all that was
// enrolled after it, and the feed that goes with them; its number is used once in a store. Its
// first generation has the era's number, its second, if it has one, the next.
//
//	generations  link ‖ 0 ‖ BE64 number -> era (era.go)
//	             link ‖ 1 ‖ BE64 number ‖ BE64 batch ‖ BE32 record ‖ BE32 mark ‖ slot ‖ keyed tag -> nothing: the log
//	             zeros ‖ 2 -> BE64 the next number
//	             link ‖ 4 ‖ BE32 epoch -> digest of the partner's live key (pin.go)
//	             zeros ‖ 3 ‖ BE64 generation ‖ BE32 n -> version ‖ heads of the base's keyed tags (heads.go)
//	enrolments   BE64 generation ‖ keyed tag ‖ BE32 page -> list (pages.go) of account, kind, place, nth, value
//	holdings     account ‖ BE64 generation ‖ keyed tag -> token, kind, place, nth; in version 2 BE64 batch, BE32 record, BE32 mark: where it is in the log
//	cursors      BE64 era -> cursor (era.go)
//	kept         BE64 era ‖ BE64 batch ‖ BE32 record -> the records of a stretch, sealed (kept.go)
//	aliases      BE64 era ‖ keyed alias ‖ BE32 page -> list of account, signal
//	matches      account ‖ link ‖ signal -> match (match.go)
//	undecided    account -> a stamp, new with every change, first found gone, not before (ledger.go)
//	             account ‖ 1 -> the same, of an account that the caller wants reconsidered
//	expiries     BE64 seconds since 1970 ‖ account ‖ link ‖ signal -> nothing
//	decisions    account ‖ BE64 (2^64-1 - nanoseconds since 1970) ‖ id -> JSON: the last one comes first
//	outbox       account ‖ BE64 nanoseconds ‖ id -> event (change.go)
//	rechecks     link ‖ account -> attempts, not before, stamp, since, gone (recheck.go)
//
// The log has each tag that was enrolled after the base and is still held, with the cursor's place and mark
// when the first enrolled it of those who have had it since, without a time at which nobody had. An intake that has read it up to a mark, and reads it from there in the Update that moves
// the cursor on, has missed none: a sign-up reads the cursor in the Update that writes.

const (
	eraRow        = 0
	logRow        = 1
	nextNumberRow = 2
	headsRow      = 3
	liveKeyRow    = 4

	againRow = 1 // behind the account, in undecided
)

func accountKey(account string) []byte {
	return append(binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(account)+64), uint16(len(account))), account...)
}

// againKey is a row of its own, so that a change of a match need not read whether there is one.
func againKey(account string) []byte { return append(accountKey(account), againRow) }

// splitAccount takes an account off the front of a key.
func splitAccount(key []byte) (account string, rest []byte, ok bool) {
	if len(key) < 2 {
		return "", nil, false
	}
	n := 2 + int(binary.BigEndian.Uint16(key))
	if len(key) < n {
		return "", nil, false
	}
	return string(key[2:n]), key[n:], true
}

func eraKey(link uuid.UUID, number uint64) []byte {
	return binary.BigEndian.AppendUint64(append(append(make([]byte, 0, 25), link[:]...), eraRow), number)
}

// logEntry is the length of a key of the log.
const logEntry = 16 + 1 + 8 + 12 + 4 + 1 + 16

// logKey gives what log entries of an era begin with that were made at a place and mark.
func logKey(link uuid.UUID, number uint64, at position, mark uint32) []byte {
	b := append(append(make([]byte, 0, 58), link[:]...), logRow)
	b = binary.BigEndian.AppendUint64(b, number)
	return binary.BigEndian.AppendUint32(at.append(b), mark)
}

func liveKeyKey(link uuid.UUID, epoch uint32) []byte {
	return binary.BigEndian.AppendUint32(append(append(make([]byte, 0, 21), link[:]...), liveKeyRow), epoch)
}

// nextNumberKey is one for all links: generations of all of them lie in one table.
func nextNumberKey() []byte { return append(make([]byte, 16), nextNumberRow) }

// headsKey gives what the rows of a generation's heads begin with.
func headsKey(generation uint64) []byte {
	return binary.BigEndian.AppendUint64(append(make([]byte, 16, 29), headsRow), generation)
}

func tagKey(number uint64, tag [16]byte) []byte {
	return append(binary.BigEndian.AppendUint64(make([]byte, 0, 28), number), tag[:]...)
}

func holdingKey(account string, number uint64, tag [16]byte) []byte {
	return append(binary.BigEndian.AppendUint64(accountKey(account), number), tag[:]...)
}

func cursorKey(era uint64) []byte { return be64(era) }

func keptKey(era uint64, at position) []byte {
	return at.append(binary.BigEndian.AppendUint64(make([]byte, 0, keptKeySize), era))
}

const keptKeySize = 8 + 12

func aliasKey(era uint64, alias [16]byte) []byte { return tagKey(era, alias) }

func matchKey(account string, link, signal uuid.UUID) []byte {
	return append(append(accountKey(account), link[:]...), signal[:]...)
}

func expiryKey(until int64, account string, link, signal uuid.UUID) []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(until)), matchKey(account, link, signal)...)
}

func recheckKey(link uuid.UUID, account string) []byte {
	return append(append(make([]byte, 0, 18+len(account)), link[:]...), accountKey(account)...)
}

// position is a place in a feed: so many whole batches, and so many records of the next.
type position struct {
	batch  uint64
	record uint32
}

func (p position) append(b []byte) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint64(b, p.batch), p.record)
}

func (p position) before(q position) bool {
	return p.batch < q.batch || p.batch == q.batch && p.record < q.record
}

// scanAll gives every row with the prefix to f, in slices of a bounded size.
func scanAll(r abuse.Reader, t abuse.Table, prefix []byte, f func(abuse.Row) error) error {
	from, to := prefix, after(prefix)
	for {
		rows, err := r.Scan(t, from, to, scanSlice)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if err := f(row); err != nil {
				return err
			}
		}
		if len(rows) < scanSlice {
			return nil
		}
		from = append(rows[len(rows)-1].Key, 0)
	}
}

const scanSlice = 1000

// get gives one row's value, nil if there is none.
func get(r abuse.Reader, t abuse.Table, key []byte) ([]byte, error) {
	values, err := r.Get(t, key)
	if err != nil {
		return nil, err
	}
	return values[0], nil
}
