package linkage

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"io"
)

// Operation is what a record of a feed does. The numbers are on the wire. The zero
// Operation is invalid.
type Operation uint8

// The operations.
const (
	Add     Operation = 1 // says something of a signal that was not in the feed
	Revise  Operation = 2 // says something else of a signal, under the tags it was added with
	Retract Operation = 3 // takes a signal back; it names the signal and no identifier
)

// Bounds of a record.
const (
	MaxIdentifiers = 32        // that one record is about
	maxSequence    = 1<<63 - 1 // that a signed number of 64 bits still holds
)

// lastSequence is the highest one that a record may have: above an Add and a Revise there is
// room for the Retract, or nothing could take them back.
func (op Operation) lastSequence() uint64 {
	if op == Retract {
		return maxSequence
	}
	return maxSequence - 1
}

// A record of a feed is, with a pair of tag and wrap for each of n identifiers and, of each,
// for each slot of the feed,
//
//	alias (16) ‖ sequence (8) ‖ operation (1) ‖ n (1) ‖ pairs (32 each) ‖ sealed label
//
// and of a Retract, which has n = 0, no more than that. The label is sealed as in label.go,
// once for all identifiers, under a key of 16 bytes in the place of the second half
// of F. Each wrap holds that key for whoever has the F of its tag:
//
//	wrap = key ⊕ the first 16 bytes of SHA-256("H&C/w1" ‖ 0 ‖ F[16:32] ‖ nth (4) ‖ first 25 bytes of the record)
//
// where nth is the number of the tag. So the head is bound into the key, besides that
// sequence and operation are in the label's text too: a label that is moved to
// another head does not open. Two identifiers that open one record have opened the same
// text, for a commitment to it goes with it (see label.go).
const (
	recordHead  = 16 + 8 + 1 + 1
	pairSize    = tagSize + secretSize
	wrapLabel   = "H&C/w1\x00"
	wrappedHead = recordHead - 1
)

// Record is a view of a record in a [Batch], or of one that was shelved. It is valid while
// the bytes that it was read from are. The zero Record cannot be used.
type Record struct {
	data         []byte
	slots, class int
	shelved      bool
}

// Format prints the type and nothing of the content, whatever the verb: what a peer sends is
// not for logs.
func (r Record) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "linkage.Record") }

// feedRecordSize is the length of a record in bytes.
func feedRecordSize(n, slots, class int) int {
	if n == 0 {
		return recordHead
	}
	return recordHead + n*slots*pairSize + sealedSize(class)
}

// cutRecord reads the record at the start of b and gives what follows it.
func cutRecord(b []byte, slots, class int) (r Record, rest []byte, ok bool) {
	if len(b) < recordHead {
		return Record{}, nil, false
	}
	n := int(b[recordHead-1])
	switch op := Operation(b[recordHead-2]); {
	case op == Retract && n == 0:
	case (op == Add || op == Revise) && n >= 1 && n <= MaxIdentifiers:
	default:
		return Record{}, nil, false
	}
	size := feedRecordSize(n, slots, class)
	if len(b) < size {
		return Record{}, nil, false
	}
	r = Record{data: b[:size:size], slots: slots, class: class}
	return r, b[size:], r.Sequence() <= r.Operation().lastSequence()
}

// ascends says whether the identifiers stand in the order of their first tags, each once.
func (r Record) ascends() bool {
	for i := 1; i < r.Identifiers(); i++ {
		if bytes.Compare(r.pair(i-1, 0)[:tagSize], r.pair(i, 0)[:tagSize]) >= 0 {
			return false
		}
	}
	return true
}

// Alias stands for the signal in this feed: its records have the same, and it says nothing
// of the signal's ID.
func (r Record) Alias() [16]byte { return [16]byte(r.data) }

// Sequence is the revision of the signal. A Retract has a higher one than what it takes back.
func (r Record) Sequence() uint64 { return binary.BigEndian.Uint64(r.data[16:]) }

// Operation is what the record does.
func (r Record) Operation() Operation { return Operation(r.data[recordHead-2]) }

// Identifiers is how many identifiers the record is about: 0 for Retract, and else 1
// to [MaxIdentifiers].
func (r Record) Identifiers() int { return int(r.data[recordHead-1]) }

// Slots is how many generations the record has tags of: those of the batch, in order,
// and one in a record that was shelved.
func (r Record) Slots() int { return r.slots }

// Tag gives the tag of an identifier under the generation of a slot, both from 0.
func (r Record) Tag(identifier, slot int) [16]byte { return [16]byte(r.pair(identifier, slot)) }

func (r Record) pair(identifier, slot int) []byte {
	if identifier < 0 || identifier >= r.Identifiers() || slot < 0 || slot >= r.slots {
		panic("linkage: the record has no such identifier or slot")
	}
	return r.data[recordHead+(identifier*r.slots+slot)*pairSize:][:pairSize]
}

// sealed is the sealed label, empty for Retract.
func (r Record) sealed() []byte { return r.data[recordHead+r.Identifiers()*r.slots*pairSize:] }

// unwrap gives the key of the label, if f is the value of the pair's identifier.
func (r Record) unwrap(f *prf, nth uint32, identifier, slot int) (key [secretSize]byte) {
	wrap := wrapping(f, nth, r.data)
	subtle.XORBytes(key[:], wrap[:], r.pair(identifier, slot)[tagSize:])
	return key
}

// wrapping is what a key is hidden under, in a record that begins with head.
func wrapping(f *prf, nth uint32, head []byte) [secretSize]byte {
	var in [len(wrapLabel) + secretSize + 4 + wrappedHead]byte // with its padding one block
	at := copy(in[:], wrapLabel)
	at += copy(in[at:], f.secret()[:])
	binary.BigEndian.PutUint32(in[at:], nth)
	copy(in[at+4:], head[:wrappedHead])
	sum := sha256.Sum256(in[:])
	return [secretSize]byte(sum[:])
}

// Shelve appends to dst what is kept of a record for accounts that come later: the record
// with its first slot alone, the live generation, and the tags of that keyed. Of a base
// nobody comes later. It still has the alias and the label as they were published, so that
// it is sealed before it is stored: see [Keeper.SealBytes]. It panics on a record that was shelved: its
// tags are keyed already.
func (r Record) Shelve(dst []byte, k *Keeper) []byte {
	if r.shelved {
		panic("linkage: a record is shelved once")
	}
	dst = append(dst, r.data[:recordHead]...)
	for i := range r.Identifiers() {
		t := k.Tag(r.Tag(i, 0))
		dst = append(append(dst, t[:]...), r.pair(i, 0)[tagSize:]...)
	}
	return append(dst, r.sealed()...)
}

// ParseShelved reads the record at the start of b, which Shelve made under the same
// agreement, and gives what follows it. Anything else is [ErrState].
func ParseShelved(a *Agreement, b []byte) (r Record, rest []byte, err error) {
	r, rest, ok := cutRecord(b, 1, a.LabelBytes)
	if !ok {
		return Record{}, nil, &Error{Code: ErrState}
	}
	r.shelved = true
	return r, rest, nil
}
