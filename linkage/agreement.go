package linkage

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"filippo.io/edwards25519"
	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/hashing"
)

// Role is the part that a service plays under an agreement. The zero Role is
// invalid.
type Role uint8

// The two roles. Two services that help each other hold two agreements.
const (
	Transmitter Role = 1 // found the abuse, holds the key, publishes signals
	Receiver    Role = 2 // enrols its accounts and learns which of them are meant
)

// String gives "transmitter", "receiver" or "invalid".
func (r Role) String() string {
	switch r {
	case Transmitter:
		return "transmitter"
	case Receiver:
		return "receiver"
	}
	return "invalid"
}

func (r Role) peer() Role { return Transmitter + Receiver - r }

// Party is one of the two services of an agreement.
type Party struct {
	// Key is the party's Ed25519 public key, 32 bytes. It signs the agreement and
	// the opening of every session.
	Key []byte `json:"key"`
	// Name is 1 to 64 characters of a-z, 0-9, '-' and '.'; it appears in signals
	// and explanations.
	Name string `json:"name"`
}

// Limits are the caps of an agreement. Cryptography does not stop a partner who
// enrols all numbers there are as its users: these do. Every cap is at least 1 and
// at most 2^40, but for the last.
//
// Both sides enforce Identifiers, Records and SignalsPerIdentifier, in each
// session and in each feed by itself: what is said of an identifier beyond is not
// heard. AdditionsPerDay and SignalsPerDay, and the sum of Identifiers over the
// sessions of an epoch, need counters that last, and whoever keeps these is asked:
// see [Config.Admit] and [Evaluator.Count].
//
// SignalsPerDay counts the Adds and Revises of each feed by the UTC day of their batch's Time,
// padding included, from the first batch on that is Complete. Retracts are free, as long as there are no
// more of them than Adds in the batches before, and so is the opening snapshot: what comes before that
// batch is bounded by Records, in all. The Time is the transmitter's word, so that a receiver takes in
// no batch that is dated far ahead of its own clock.
type Limits struct {
	AdditionsPerDay      int64 `json:"additions_per_day"`      // identifiers enrolled a day after the base
	Identifiers          int64 `json:"identifiers"`            // distinct identifiers the receiver enrols; under "vole" see [Encodable]
	Records              int64 `json:"records"`                // records the transmitter publishes at once
	SignalsPerDay        int64 `json:"signals_per_day"`        // records of a feed a UTC day, see below
	SignalsPerIdentifier int64 `json:"signals_per_identifier"` // signals about one identifier, at most 256
}

// maxSignals bounds what one identifier that very many accounts share can make
// of the receiver's memory: every account gets every signal.
const maxSignals = 256

// The ways to enrol. Both give the same kind of tags and labels, and a caller changes
// nothing but this word and the cap on identifiers, see [Encodable].
const (
	// ProtocolEC is the oblivious pseudorandom function of RFC 9497 on ristretto255: some
	// 150 microseconds and 64 bytes an identifier.
	ProtocolEC = "ec"
	// ProtocolVOLE is that of Rindal and Raghuraman (ePrint 2022/320) from vector oblivious
	// linear evaluation: about a microsecond and 21 bytes an identifier, and 50 milliseconds and
	// 0.9 megabytes for each million. It is for bases from some thousands on.
	ProtocolVOLE = "vole"
)

// Agreement is what two services have agreed on: who, what for, which kinds of
// identifier, how much, until when. Both sign it. Its digest is part of every
// session and every tag: under another agreement nothing matches and nothing
// opens.
//
// The zero Agreement is invalid; [Agreement.Validate] tells all that is missing.
type Agreement struct {
	// EpochDays is how many days of 24 hours one key lives, 1 to 366, counted from
	// ValidFrom.
	EpochDays int `json:"epoch_days"`
	// ID names the agreement.
	ID uuid.UUID `json:"id"`
	// Kinds are the kinds of identifier matched, ascending, each once. Scoped kinds
	// need SameVendor.
	Kinds []hashing.Kind `json:"kinds"`
	// LabelBytes is the size class of labels: 64, 256 or 1024 bytes, to which every
	// label is padded before it is sealed. With 0 there are tags alone: the receiver
	// learns which of its accounts are meant, and nothing is said about them.
	LabelBytes int `json:"label_bytes"`
	// Limits are the caps.
	Limits Limits `json:"limits"`
	// Normalisation is the version of the rules that bring an identifier to its
	// match form: [hashing.RulesVersion]. Other rules, other tags.
	Normalisation string `json:"normalisation"`
	// Protocol is the way to enrol: "ec" or "vole".
	Protocol string `json:"protocol"`
	// Purpose is the one use that is allowed.
	Purpose Purpose `json:"purpose"`
	// Receiver is the party that learns which of its accounts match.
	Receiver Party `json:"receiver"`
	// SameVendor says that both services are of one family, which shares app
	// vendor, signing key and install ids: only then can scoped kinds match.
	SameVendor bool `json:"same_vendor"`
	// Transmitter is the party that publishes signals.
	Transmitter Party `json:"transmitter"`
	// ValidFrom and ValidUntil bound the agreement, in whole seconds UTC, from
	// inclusive, until exclusive.
	ValidFrom  time.Time `json:"valid_from"`
	ValidUntil time.Time `json:"valid_until"`
	// Version is the version of this form: 1.
	Version int `json:"version"`

	// Signatures are Ed25519 over the digest, made by [Agreement.Sign]. They are not
	// part of the digest.
	Signatures Signatures `json:"signatures"`
}

// Signatures holds what each party signed with, 64 bytes or none yet.
type Signatures struct {
	Receiver    []byte `json:"receiver,omitempty"`
	Transmitter []byte `json:"transmitter,omitempty"`
}

// FieldError is one fault of an agreement.
type FieldError struct {
	Field   string // as in the JSON form, such as "limits.records"
	Problem string
}

// Error gives the field and what is wrong with it.
func (e *FieldError) Error() string { return "linkage: agreement: " + e.Field + ": " + e.Problem }

const maxLimit = 1 << 40

// Validate returns every fault of the agreement at once, joined, each a
// [*FieldError]. It does not look at the signatures; Verify does.
func (a *Agreement) Validate() error {
	var all []error
	check := func(ok bool, field, problem string) {
		if !ok {
			all = append(all, &FieldError{field, problem})
		}
	}
	check(a.Version == 1, "version", "must be 1")
	check(a.ID != uuid.Nil, "id", "is missing")
	for _, p := range []struct {
		role Role
		Party
	}{{Transmitter, a.Transmitter}, {Receiver, a.Receiver}} {
		check(validName(p.Name), p.role.String()+".name", "must be 1 to 64 characters of a-z, 0-9, '-' and '.'")
		check(validKey(p.Key), p.role.String()+".key", "must be an Ed25519 public key of 32 bytes, canonical and not of small order")
	}
	check(a.Transmitter.Name != a.Receiver.Name, "receiver.name", "must differ from the transmitter's")
	check(!bytes.Equal(a.Transmitter.Key, a.Receiver.Key), "receiver.key", "must differ from the transmitter's")
	check(a.Purpose.Valid(), "purpose", "is not one of the purposes")
	check(len(a.Kinds) > 0, "kinds", "must name at least one kind")
	for i, k := range a.Kinds {
		field := fmt.Sprintf("kinds[%d]", i)
		check(k.Valid(), field, "is not a kind")
		check(i == 0 || k > a.Kinds[i-1], field, "must be ascending, each kind once")
		check(!k.Valid() || k.Scope() == hashing.ScopeGlobal || a.SameVendor, field,
			"is the same at both services only within one vendor, and same_vendor is false")
	}
	check(a.Normalisation != "" && len(a.Normalisation) <= 32 && validName(a.Normalisation), "normalisation", "must be the version of the normalisation rules")
	check(a.Protocol == ProtocolEC || a.Protocol == ProtocolVOLE, "protocol", "must be \"ec\" or \"vole\"")
	check(slices.Contains([]int{0, 64, 256, 1024}, a.LabelBytes), "label_bytes", "must be 0, 64, 256 or 1024")
	check(a.EpochDays >= 1 && a.EpochDays <= 366, "epoch_days", "must be 1 to 366")
	for _, l := range []struct {
		field    string
		got, max int64
	}{
		{"additions_per_day", a.Limits.AdditionsPerDay, maxLimit},
		{"identifiers", a.Limits.Identifiers, maxLimit},
		{"records", a.Limits.Records, maxLimit},
		{"signals_per_day", a.Limits.SignalsPerDay, maxLimit},
		{"signals_per_identifier", a.Limits.SignalsPerIdentifier, maxSignals},
	} {
		check(l.got >= 1 && l.got <= l.max, "limits."+l.field, fmt.Sprintf("must be 1 to %d", l.max))
	}
	check(wholeSecond(a.ValidFrom), "valid_from", "must be a whole second of the years 2000 to 9999, UTC")
	check(wholeSecond(a.ValidUntil), "valid_until", "must be a whole second of the years 2000 to 9999, UTC")
	check(a.ValidFrom.Before(a.ValidUntil), "valid_until", "must be after valid_from")
	return errors.Join(all...)
}

func wholeSecond(t time.Time) bool {
	return t.Nanosecond() == 0 && t.Location() == time.UTC && t.Year() >= 2000 && t.Year() <= 9999
}

// validKey refuses, besides what is no key, those under which a signature can be
// made that verifies for everything: whoever holds one could deny all that he has
// signed, and anybody could sign in his name.
func validKey(key []byte) bool {
	if len(key) != ed25519.PublicKeySize {
		return false
	}
	p, err := new(edwards25519.Point).SetBytes(key)
	if err != nil || !bytes.Equal(p.Bytes(), key) {
		return false
	}
	return p.MultByCofactor(p).Equal(edwards25519.NewIdentityPoint()) == 0
}

func validName(s string) bool {
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '.' {
			return false
		}
	}
	return len(s) >= 1 && len(s) <= 64
}

// Admits says whether identifiers of a kind are matched under this agreement:
// nil, or a [*KindError] that says why not.
func (a *Agreement) Admits(kind hashing.Kind) error {
	switch {
	case slices.Contains(a.Kinds, kind):
		return nil
	case kind.Valid() && kind.Scope() != hashing.ScopeGlobal && !a.SameVendor:
		return &KindError{kind, "its values are the same only within one " + kind.Scope().String() + ", which the services do not share"}
	}
	return &KindError{kind, "the agreement does not name it"}
}

// Epoch gives the number of the epoch at a time, from 0, and false when the
// agreement is not in force then.
func (a *Agreement) Epoch(now time.Time) (uint32, bool) {
	if now.Before(a.ValidFrom) || !now.Before(a.ValidUntil) || a.EpochDays < 1 {
		return 0, false
	}
	// In seconds: a time.Duration would overflow after 292 years.
	return uint32((now.Unix() - a.ValidFrom.Unix()) / (int64(a.EpochDays) * 24 * 60 * 60)), true
}

// Domain separation of what is hashed and signed.
const (
	agreementDigestLabel    = "hueandcry/agreement/v1\x00"
	agreementSignatureLabel = "hueandcry/agreement/v1/signature/"
)

// Digest is the SHA-256 of a label and the JSON form without the signatures, in
// the canonical form of RFC 8785: members sorted, no white space. The fields
// above are declared in that order, and none can hold a character that JSON
// writes in two ways. It panics on an agreement that Validate refuses.
func (a *Agreement) Digest() [32]byte {
	terms := *a
	terms.Signatures = Signatures{}
	form, err := json.Marshal(struct {
		Agreement
		Signatures *Signatures `json:"signatures,omitempty"` // hides the embedded one
	}{Agreement: terms})
	if err != nil {
		panic("linkage: digest of an invalid agreement: " + err.Error())
	}
	return sha256.Sum256(append([]byte(agreementDigestLabel), form...))
}

// Sign validates the agreement and adds the signature of one party. The signer
// must hold the Ed25519 key that the agreement names for the role.
func (a *Agreement) Sign(role Role, signer crypto.Signer) error {
	if err := a.Validate(); err != nil {
		return err
	}
	if role != Transmitter && role != Receiver {
		return &FieldError{"signatures", "are of the transmitter and the receiver"}
	}
	if !holdsKey(signer, a.party(role).Key) {
		return &FieldError{role.String() + ".key", "is not the signer's"}
	}
	sig, err := signer.Sign(nil, a.signed(role), crypto.Hash(0))
	if err != nil {
		return fmt.Errorf("linkage: signing the agreement: %w", err)
	}
	if role == Transmitter {
		a.Signatures.Transmitter = sig
	} else {
		a.Signatures.Receiver = sig
	}
	return nil
}

// Verify validates the agreement and both signatures, and returns every fault at
// once.
func (a *Agreement) Verify() error {
	if err := a.Validate(); err != nil {
		return err
	}
	var all []error
	for _, role := range []Role{Transmitter, Receiver} {
		sig := a.Signatures.Transmitter
		if role == Receiver {
			sig = a.Signatures.Receiver
		}
		if !ed25519.Verify(a.party(role).Key, a.signed(role), sig) {
			all = append(all, &FieldError{"signatures." + role.String(), "does not verify"})
		}
	}
	return errors.Join(all...)
}

func (a *Agreement) signed(role Role) []byte {
	digest := a.Digest()
	return append([]byte(agreementSignatureLabel+role.String()+"\x00"), digest[:]...)
}

func (a *Agreement) party(role Role) *Party {
	if role == Transmitter {
		return &a.Transmitter
	}
	return &a.Receiver
}

func holdsKey(signer crypto.Signer, key []byte) bool {
	if signer == nil {
		return false
	}
	public, ok := signer.Public().(ed25519.PublicKey)
	return ok && bytes.Equal(public, key)
}

// maxAgreement bounds the JSON form that ParseAgreement reads, in bytes.
const maxAgreement = 16 << 10

// ParseAgreement reads the JSON form strictly: at most 16 KiB, no member that is
// unknown, in other letters or there twice, and nothing after it. It validates but
// does not verify the signatures, so that an agreement can be read to be signed.
func ParseAgreement(data []byte) (*Agreement, error) {
	if len(data) > maxAgreement {
		return nil, &FieldError{"", "is longer than 16 KiB"}
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	a := new(Agreement)
	if err := dec.Decode(a); err != nil {
		return nil, fmt.Errorf("linkage: agreement: %w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, &FieldError{"", "is followed by something else"}
	}
	if err := checkMembers(json.NewDecoder(bytes.NewReader(data))); err != nil {
		return nil, err
	}
	a.ValidFrom, a.ValidUntil = a.ValidFrom.UTC(), a.ValidUntil.UTC()
	if err := a.Validate(); err != nil {
		return nil, err
	}
	if err := a.checkComplete(data); err != nil {
		return nil, err
	}
	return a, nil
}

// checkComplete refuses a form in which a member is missing whose zero value is a term: no
// labels, no vendor in common. The signatures may be missing.
func (a *Agreement) checkComplete(data []byte) error {
	form, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("linkage: agreement: %w", err)
	}
	var given, full map[string]any
	if err := errors.Join(json.Unmarshal(data, &given), json.Unmarshal(form, &full)); err != nil {
		return fmt.Errorf("linkage: agreement: %w", err)
	}
	delete(full, "signatures")
	for member := range full {
		if _, ok := given[member]; !ok {
			return &FieldError{member, "is missing"}
		}
	}
	return nil
}

// checkMembers refuses what package json takes and a reader of a contract would
// overlook: a member given twice, of which the last counts, and one whose name is
// written in other letters. The input is valid JSON with known members only.
func checkMembers(dec *json.Decoder) error {
	token, err := dec.Token()
	if err != nil {
		return fmt.Errorf("linkage: agreement: %w", err)
	}
	opening, ok := token.(json.Delim)
	if !ok {
		return nil
	}
	seen := map[string]bool{}
	for dec.More() {
		if opening == '{' {
			name, err := dec.Token()
			if err != nil {
				return fmt.Errorf("linkage: agreement: %w", err)
			}
			member, _ := name.(string)
			if seen[member] || member != strings.ToLower(member) {
				return &FieldError{member, "is there twice, or not in small letters"}
			}
			seen[member] = true
		}
		if err := checkMembers(dec); err != nil {
			return err
		}
	}
	_, err = dec.Token()
	return err
}
