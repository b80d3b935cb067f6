package linkage

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"time"
)

// SessionRecord is a statement of what has been spent of the caps of an agreement, which
// both parties sign. Each holds the hash of the one before. It holds nothing of any identifier.
//
// What a third person has in them is the joint word of both: neither can change, take out or deny
// what it signed, nor say alone that a cap was kept, and a party with whom the other has never agreed
// has no record. But two who collude can sign anything. Records at the end can be withheld,
// and nothing says that there are none after the last: ask each party for its last one. The
// counters are those of the transmitter, which the receiver compares with what it asked for. What is spent of
// Identifiers after the last record of an epoch is in none, nor are signals of a day after its last.
//
// Its form has 298 bytes; numbers are big-endian:
//
//	"H&C-R" ‖ version (1) ‖ agreement (32) ‖ sequence (8) ‖ previous (32) ‖ epoch (4) ‖ day (8) ‖ from (8) ‖ until (8)
//	‖ evaluated, requests, refused, evaluated of the day, spent of the day, base spent, signals of the day, batches (8 each)
//	‖ signature of the transmitter (64) ‖ of the receiver (64); zeros if there is none yet
//	hash = SHA-256("hueandcry/sessionrecord/v1" ‖ 0 ‖ all before the signatures)
//
// Each party signs "hueandcry/sessionrecord/v1/signature/" ‖ its role ‖ 0 ‖ hash with Ed25519.
type SessionRecord struct {
	Agreement   [32]byte // its digest
	Sequence    uint64   // from 1
	Previous    [32]byte // hash of the record before; zeros in the first
	Epoch       uint32   // of BaseSpent; never lower than before
	Day         int64    // days since 1970, UTC, of the counters of a day: never lower than before, nor after Until
	From, Until time.Time

	Evaluated uint64 // identifiers since the beginning of the agreement
	Requests  uint64 // requests since then, also those refused
	Refused   uint64 // of these

	EvaluatedDay uint64 // in Day
	SpentDay     uint64 // of AdditionsPerDay in Day: at least EvaluatedDay, for a crash may lose what was set aside
	BaseSpent    uint64 // of Identifiers in Epoch
	SignalsDay   uint64 // of SignalsPerDay in Day, in the feed that had most: see Limits
	Batches      uint64 // since the beginning of the agreement

	Transmitter, Receiver []byte // signatures, or nil
}

const (
	sessionRecordVersion = 1
	sessionRecordText    = 5 + 1 + 32 + 8 + 32 + 4 + 3*8 + 8*8
	sessionRecordSize    = sessionRecordText + 2*signatureSize

	sessionRecordHashLabel      = "hueandcry/sessionrecord/v1\x00"
	sessionRecordSignatureLabel = "hueandcry/sessionrecord/v1/signature/"
)

var sessionRecordMagic = []byte("H&C-R")

// counters are those of a record in the order of its form.
func (r *SessionRecord) counters() [8]*uint64 {
	return [8]*uint64{&r.Evaluated, &r.Requests, &r.Refused, &r.EvaluatedDay, &r.SpentDay, &r.BaseSpent, &r.SignalsDay, &r.Batches}
}

// text gives the form without the signatures.
func (r *SessionRecord) text() []byte {
	b := append(append(make([]byte, 0, sessionRecordSize), sessionRecordMagic...), sessionRecordVersion)
	b = binary.BigEndian.AppendUint64(append(b, r.Agreement[:]...), r.Sequence)
	b = binary.BigEndian.AppendUint32(append(b, r.Previous[:]...), r.Epoch)
	for _, n := range []int64{r.Day, r.From.Unix(), r.Until.Unix()} {
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	for _, c := range r.counters() {
		b = binary.BigEndian.AppendUint64(b, *c)
	}
	return b
}

// Hash is what the next record names as Previous, and what is signed. It does not depend on
// the signatures.
func (r *SessionRecord) Hash() [32]byte { return labelled(sessionRecordHashLabel, r.text()) }

// signed is what a party signs.
func (r *SessionRecord) signed(role Role) []byte {
	hash := r.Hash()
	return append([]byte(sessionRecordSignatureLabel+role.String()+"\x00"), hash[:]...)
}

// Sign adds the signature of one party, of whose key the signer must be. It checks nothing
// of what the record says. An error is an [*Error] with [ErrInput].
func (r *SessionRecord) Sign(a *Agreement, role Role, signer crypto.Signer) error {
	if role != Transmitter && role != Receiver || !holdsKey(signer, a.party(role).Key) {
		return &Error{Code: ErrInput, cause: errors.New("the signer does not hold the key of the role")}
	}
	sig, err := signer.Sign(nil, r.signed(role), crypto.Hash(0))
	if err == nil && len(sig) != signatureSize {
		err = fmt.Errorf("a signature of %d bytes", len(sig))
	}
	if err != nil {
		return &Error{Code: ErrInput, cause: err}
	}
	*r.signature(role) = sig
	return nil
}

func (r *SessionRecord) signature(role Role) *[]byte {
	if role == Transmitter {
		return &r.Transmitter
	}
	return &r.Receiver
}

// MarshalBinary gives the fixed form. Times that are not whole seconds of the years 1970 to
// 9999, a Day that cannot be and signatures of a wrong length are [ErrInput].
func (r SessionRecord) MarshalBinary() ([]byte, error) {
	for _, t := range []time.Time{r.From, r.Until} {
		if t.Nanosecond() != 0 || t.Unix() < 0 || t.Unix() > maxTime {
			return nil, &Error{Code: ErrInput, cause: errors.New("a time that is no whole second of the years 1970 to 9999")}
		}
	}
	if r.Day < 0 || r.Day > maxTime {
		return nil, &Error{Code: ErrInput, cause: errors.New("a day that cannot be")}
	}
	b := r.text()
	for _, sig := range [][]byte{r.Transmitter, r.Receiver} {
		if len(sig) != 0 && len(sig) != signatureSize {
			return nil, &Error{Code: ErrInput, cause: errors.New("a signature of a wrong length")}
		}
		b = append(b, append(append([]byte(nil), sig...), make([]byte, signatureSize-len(sig))...)...)
	}
	return b, nil
}

// ParseSessionRecord reads the fixed form and checks nothing of what it says. Errors are
// [*Error]: [ErrFrame], and [ErrVersion] for a later version.
func ParseSessionRecord(b []byte) (SessionRecord, error) {
	if len(b) < 6 || !bytes.Equal(b[:5], sessionRecordMagic) {
		return SessionRecord{}, &Error{Code: ErrFrame}
	}
	if b[5] != sessionRecordVersion {
		return SessionRecord{}, &Error{Code: ErrVersion}
	}
	if len(b) != sessionRecordSize {
		return SessionRecord{}, &Error{Code: ErrFrame}
	}
	r := SessionRecord{Agreement: [32]byte(b[6:]), Sequence: binary.BigEndian.Uint64(b[38:]),
		Previous: [32]byte(b[46:]), Epoch: binary.BigEndian.Uint32(b[78:])}
	var numbers [3]int64
	for i := range numbers {
		n := binary.BigEndian.Uint64(b[82+8*i:])
		if n > maxTime {
			return SessionRecord{}, &Error{Code: ErrFrame}
		}
		numbers[i] = int64(n)
	}
	r.Day, r.From, r.Until = numbers[0], time.Unix(numbers[1], 0).UTC(), time.Unix(numbers[2], 0).UTC()
	for i, c := range r.counters() {
		*c = binary.BigEndian.Uint64(b[106+8*i:])
	}
	for i, role := range []Role{Transmitter, Receiver} {
		if sig := b[sessionRecordText+i*signatureSize:][:signatureSize]; !zero(sig) {
			*r.signature(role) = bytes.Clone(sig)
		}
	}
	return r, nil
}

// sessionRecordJSON is the form for people and for other tools.
type sessionRecordJSON struct {
	Version              int       `json:"version"`
	Agreement            []byte    `json:"agreement"`
	Sequence             uint64    `json:"sequence"`
	Previous             []byte    `json:"previous"`
	Epoch                uint32    `json:"epoch"`
	Day                  int64     `json:"day"`
	From                 time.Time `json:"from"`
	Until                time.Time `json:"until"`
	Evaluated            uint64    `json:"evaluated"`
	Requests             uint64    `json:"requests"`
	Refused              uint64    `json:"refused"`
	EvaluatedDay         uint64    `json:"evaluated_day"`
	SpentDay             uint64    `json:"spent_day"`
	BaseSpent            uint64    `json:"base_spent"`
	SignalsDay           uint64    `json:"signals_day"`
	Batches              uint64    `json:"batches"`
	TransmitterSignature []byte    `json:"transmitter_signature"`
	ReceiverSignature    []byte    `json:"receiver_signature"`
}

// MarshalJSON gives an object with the counters by name, times in RFC 3339, and hashes and
// signatures in base64: a line of an export. Errors as MarshalBinary.
func (r SessionRecord) MarshalJSON() ([]byte, error) {
	if _, err := r.MarshalBinary(); err != nil {
		return nil, err
	}
	return json.Marshal(sessionRecordJSON{sessionRecordVersion, r.Agreement[:], r.Sequence, r.Previous[:], r.Epoch, r.Day,
		r.From.UTC(), r.Until.UTC(), r.Evaluated, r.Requests, r.Refused, r.EvaluatedDay, r.SpentDay, r.BaseSpent, r.SignalsDay, r.Batches,
		r.Transmitter, r.Receiver})
}

// UnmarshalJSON reads what MarshalJSON gives: all members, each once and spelt so, and no others; null only
// for a signature. Errors are [*Error]: [ErrFrame], and [ErrVersion] for a later version.
func (r *SessionRecord) UnmarshalJSON(b []byte) error {
	members, ok := membersOf(b)
	if !ok {
		return &Error{Code: ErrFrame}
	}
	version := 0
	if json.Unmarshal(members["version"], &version) == nil && version > sessionRecordVersion {
		return &Error{Code: ErrVersion}
	}
	form := reflect.TypeFor[sessionRecordJSON]()
	for i := range form.NumField() {
		name := form.Field(i).Tag.Get("json")
		value, ok := members[name]
		if !ok || string(value) == "null" && !strings.HasSuffix(name, "_signature") {
			return &Error{Code: ErrFrame}
		}
	}
	var j sessionRecordJSON
	if len(members) != form.NumField() || json.Unmarshal(b, &j) != nil ||
		j.Version != sessionRecordVersion || len(j.Agreement) != 32 || len(j.Previous) != 32 {
		return &Error{Code: ErrFrame}
	}
	out := SessionRecord{[32]byte(j.Agreement), j.Sequence, [32]byte(j.Previous), j.Epoch, j.Day, j.From.UTC(), j.Until.UTC(),
		j.Evaluated, j.Requests, j.Refused, j.EvaluatedDay, j.SpentDay, j.BaseSpent, j.SignalsDay, j.Batches,
		j.TransmitterSignature, j.ReceiverSignature}
	if _, err := out.MarshalBinary(); err != nil {
		return &Error{Code: ErrFrame}
	}
	*r = out
	return nil
}

// membersOf cuts an object into its members, and says whether it is one and has none twice: the
// decoder of a struct takes the last of two, and other spellings.
func membersOf(b []byte) (map[string]json.RawMessage, bool) {
	dec := json.NewDecoder(bytes.NewReader(b))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, false
	}
	all := map[string]json.RawMessage{}
	for dec.More() {
		t, err := dec.Token()
		name, ok := t.(string)
		if err != nil || !ok || all[name] != nil {
			return nil, false
		}
		var value json.RawMessage
		if dec.Decode(&value) != nil {
			return nil, false
		}
		all[name] = value
	}
	if _, err := dec.Token(); err != nil {
		return nil, false
	}
	_, err := dec.Token()
	return all, err == io.EOF
}

// Verify says whether the record follows before, nil for the first, and is within the caps of
// the agreement: it must begin when the last one ended, no total and no day may go back, and
// the counters of a day must be what the totals grew by. Until is in Day, or the midnight that
// ends it. Of what was evaluated since the last record only so much may be of other days as one day has
// room for, and nothing if the record began in Day: a record is to be closed at least once
// a day. What is enrolled ahead of the agreement is in records from and until ValidFrom, or in the first. The first begins on the day of ValidFrom or later, none ends more than a day after
// ValidUntil, and Epoch is one of the agreement. It verifies both signatures. before must have been verified.
//
// Errors are [*Error]: [ErrAgreement], [ErrPeer] for a signature, [ErrOrder] for what does not
// follow, [ErrRecord] for counters that cannot be, [ErrLimit] for a cap.
func (r *SessionRecord) Verify(a *Agreement, before *SessionRecord) error {
	if r.Agreement != a.Digest() {
		return &Error{Code: ErrAgreement}
	}
	if _, err := r.MarshalBinary(); err != nil {
		return &Error{Code: ErrRecord}
	}
	for _, role := range []Role{Transmitter, Receiver} {
		if !ed25519.Verify(a.party(role).Key, r.signed(role), *r.signature(role)) {
			return &Error{Code: ErrPeer, cause: fmt.Errorf("the signature of the %s", role)}
		}
	}
	firstDay := a.ValidFrom.Unix() / secondsOfDay
	if r.From.Unix()/secondsOfDay < firstDay || r.Until.After(a.ValidUntil.Add(secondsOfDay*time.Second)) ||
		!a.EpochStart(r.Epoch).Before(a.ValidUntil) {
		return &Error{Code: ErrRecord, cause: errors.New("it is not of the time of the agreement")}
	}
	// A base, and accounts, may be enrolled ahead of the agreement.
	first := SessionRecord{Until: r.From, Day: min(firstDay, r.Day) - 1}
	if before == nil {
		before = &first
	} else if r.Previous != before.Hash() {
		return &Error{Code: ErrOrder}
	}
	if r.Sequence != before.Sequence+1 || r.Sequence == 1 && r.Previous != ([32]byte{}) || !r.From.Equal(before.Until) {
		return &Error{Code: ErrOrder}
	}
	if !r.grows(a, before) {
		return &Error{Code: ErrRecord}
	}
	return r.within(a, before)
}

const secondsOfDay = 24 * 60 * 60

// grows says whether nothing goes back and what is said twice agrees.
func (r *SessionRecord) grows(a *Agreement, before *SessionRecord) bool {
	ok := r.Epoch >= before.Epoch && r.Day >= before.Day && !r.Until.Before(r.From) &&
		r.Until.Unix() >= r.Day*secondsOfDay && r.Until.Unix() <= max((r.Day+1)*secondsOfDay, a.ValidFrom.Unix()) &&
		// A base is enrolled in the epoch before at the earliest.
		(r.Epoch == 0 || !a.EpochStart(r.Epoch-1).After(r.Until)) &&
		r.Evaluated >= before.Evaluated && r.Requests >= before.Requests && r.Refused >= before.Refused && r.Batches >= before.Batches &&
		r.Refused <= r.Requests && r.EvaluatedDay <= r.SpentDay
	if r.Epoch == before.Epoch {
		ok = ok && r.BaseSpent >= before.BaseSpent
	}
	if !ok {
		return false
	}
	if r.Day > before.Day {
		grown := r.Evaluated - before.Evaluated
		return grown == r.EvaluatedDay || grown > r.EvaluatedDay && (r.From.Unix() < r.Day*secondsOfDay || !r.From.After(a.ValidFrom))
	}
	return r.SpentDay >= before.SpentDay && r.SignalsDay >= before.SignalsDay && r.EvaluatedDay >= before.EvaluatedDay &&
		r.Evaluated-before.Evaluated == r.EvaluatedDay-before.EvaluatedDay
}

// within says whether the caps were kept, also on days that no record ended in.
func (r *SessionRecord) within(a *Agreement, before *SessionRecord) error {
	caps := a.Limits
	for _, c := range []struct {
		name string
		got  uint64
		most int64
	}{
		{"AdditionsPerDay", r.SpentDay, caps.AdditionsPerDay},
		{"Identifiers", r.BaseSpent, caps.Identifiers},
		{"SignalsPerDay", r.SignalsDay, caps.SignalsPerDay},
	} {
		if c.got > uint64(c.most) {
			return limit(c.name, int64(min(c.got, maxLimit+1)), c.most)
		}
	}
	if r.Day > before.Day {
		// In what was left of the last record's day. Of whole days between no record tells how
		// much was of which: all of them together have the room of one, as if but one was in use.
		elsewhere := r.Evaluated - before.Evaluated - r.EvaluatedDay
		room := caps.AdditionsPerDay
		if r.Day == before.Day+1 {
			room = max(room-int64(before.EvaluatedDay), 0)
		}
		if elsewhere > uint64(room) {
			return limit("AdditionsPerDay", int64(min(elsewhere, maxLimit+1)), min(room, maxLimit))
		}
	}
	return nil
}
