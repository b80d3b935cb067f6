package watch

import (
	"encoding/binary"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/linkage"
)

// The receiver's rows. Numbers are big-endian; account is BE16 length ‖ reference; every value
// begins with a version, 1. A link is the ID of an agreement. A generation has, beside its public
// identity, a number that is used once in a store: its key in the vault has the same.
//
//	generations  link ‖ 0 ‖ BE64 number -> generation (generation.go)
//	             link ‖ 1 ‖ BE64 number ‖ BE64 batch ‖ BE32 record ‖ keyed tag -> nothing: the log
//	             link ‖ 2 -> BE64 the last number that was given out
//	enrolments   BE64 generation ‖ keyed tag ‖ BE32 page -> account, kind, place, nth, value (pages.go)
//	holdings     account ‖ BE64 generation ‖ keyed tag -> token, kind, place, nth
//	cursors      feed -> cursor (generation.go)
//	kept         feed ‖ BE64 batch ‖ BE32 record -> the records of a stretch, sealed (kept.go)
//	aliases      feed ‖ alias ‖ BE32 page -> account, signal (pages.go)
//	matches      account ‖ link ‖ signal -> match (match.go)
//	undecided    account -> a stamp, new with every change
//	expiries     BE64 seconds since 1970 ‖ account ‖ link ‖ signal -> nothing
//	decisions    account ‖ BE64 (2^64-1 - nanoseconds since 1970) ‖ id -> JSON: the last one comes first
//	outbox       account ‖ BE64 nanoseconds ‖ id -> event (change.go)
//	rechecks     link ‖ account -> attempts, not before, stamp (recheck.go)
//
// The log has each tag that was enrolled after the base, at the place where the cursor stood then.
// Whoever has read it up to some place, and reads it from there in the Update that moves the
// cursor on, has missed none: a sign-up reads the cursor in the Update that writes.

const (
	generationRow = 0
	logRow        = 1
	lastNumberRow = 2
)

func accountKey(account string) []byte {
	return append(binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(account)+64), uint16(len(account))), account...)
}

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

func generationKey(link uuid.UUID, number uint64) []byte {
	return binary.BigEndian.AppendUint64(append(link[:], generationRow), number)
}

func logKey(link uuid.UUID, number uint64, at position) []byte {
	return at.append(binary.BigEndian.AppendUint64(append(link[:], logRow), number))
}

func lastNumberKey(link uuid.UUID) []byte { return append(link[:], lastNumberRow) }

func tagKey(number uint64, tag [16]byte) []byte {
	return append(binary.BigEndian.AppendUint64(make([]byte, 0, 28), number), tag[:]...)
}

func holdingKey(account string, number uint64, tag [16]byte) []byte {
	return append(binary.BigEndian.AppendUint64(accountKey(account), number), tag[:]...)
}

func keptKey(feed linkage.FeedID, at position) []byte {
	return at.append(append(make([]byte, 0, 28), feed[:]...))
}

func aliasKey(feed linkage.FeedID, alias [16]byte) []byte {
	return append(append(make([]byte, 0, 36), feed[:]...), alias[:]...)
}

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

const positionSize = 12

func (p position) append(b []byte) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint64(b, p.batch), p.record)
}

func (p position) before(q position) bool {
	return p.batch < q.batch || p.batch == q.batch && p.record < q.record
}

func parsePosition(b []byte) position {
	return position{binary.BigEndian.Uint64(b), binary.BigEndian.Uint32(b[8:])}
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
