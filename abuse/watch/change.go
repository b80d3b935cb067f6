package watch

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/abuse"
)

// Change is what has happened, but for one to a signal about an account. The zero Change is invalid.
type Change uint8

// The changes.
const (
	Matched   Change = 1 // a signal is about the account, for the first time or again
	Revised   Change = 2 // the signal says something else, or matches by other identifiers
	Withdrawn Change = 3 // it was retracted, or the account no longer holds what it matched by
	Expired   Change = 4 // its time is over
	// Reconsidered is a change of no signal: the account was decided on anew because the caller asked,
	// and it came to something else. See [Decider.Reconsider].
	Reconsidered Change = 5
)

var changeNames = [...]string{"invalid", "matched", "revised", "withdrawn", "expired", "reconsidered"}

// String gives "matched", "revised", "withdrawn", "expired", "reconsidered" or "invalid".
func (c Change) String() string {
	if int(c) < len(changeNames) {
		return changeNames[c]
	}
	return changeNames[0]
}

// Event is one change, handed on with the decision that it led to. It holds no identifier but the
// account's reference.
type Event struct {
	// ID is a UUID of version 8 made of the account, the signal, its sequence, the change and the
	// decision: a change that is handed on twice, as after a crash, has the same ID, and no other has.
	// Body is not part of it, and may be another the second time.
	ID       uuid.UUID
	Account  string
	Link     uuid.UUID // the agreement under which the signal came; zero, as the next three are, with Reconsidered
	Partner  string    // who sent it
	Signal   uuid.UUID
	Sequence uint64
	Change   Change
	At       time.Time // when it was decided on
	// Decision is the ID of what was decided on the account after the change. Several changes that
	// were decided on together have the same.
	Decision uuid.UUID
	// Body is the decision to carry out, an [abuse.Decision] as JSON: that of Decision, or, where a
	// later one that is live has been recorded on the account meanwhile, the last of those: also where
	// the change was handed on before, with an earlier one. Carry out the one with the latest At.
	Body json.RawMessage
}

// name gives the event its ID.
func (e *Event) name() (id uuid.UUID) {
	b := append([]byte("hueandcry/watch/event/1\x00"), e.Link[:]...)
	b = append(b, e.Signal[:]...)
	b = append(binary.BigEndian.AppendUint64(b, e.Sequence), byte(e.Change))
	b = append(b, e.Decision[:]...)
	sum := sha256.Sum256(append(b, e.Account...))
	copy(id[:], sum[:])
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80
	return id
}

func outboxKey(e *Event) []byte {
	return append(binary.BigEndian.AppendUint64(accountKey(e.Account), uint64(e.At.UnixNano())), e.ID[:]...)
}

// row gives the stored form, without Body: that is in the decision's own row.
func (e *Event) row() abuse.Row {
	f := newFields(128)
	f.raw(e.Link[:])
	f.bytes([]byte(e.Partner))
	f.raw(e.Signal[:])
	f.uint64(e.Sequence)
	f.byte(byte(e.Change))
	f.raw(e.Decision[:])
	return abuse.Row{Key: outboxKey(e), Value: f}
}

func parseEvent(row abuse.Row) (e Event, err error) {
	account, rest, ok := splitAccount(row.Key)
	if !ok || len(rest) != 24 {
		return Event{}, damaged("event")
	}
	e.Account, e.At = account, time.Unix(0, int64(binary.BigEndian.Uint64(rest))).UTC()
	copy(e.ID[:], rest[8:])
	p := newRow(row.Value)
	e.Link, e.Partner, e.Signal = p.id(), string(p.bytes()), p.id()
	e.Sequence, e.Change, e.Decision = p.u64(), Change(p.u8()), p.id()
	return e, p.end()
}
