package linkage

import (
	"fmt"

	"github.com/hueandcry/hueandcry/hashing"
)

// Code says what ended a session. Codes are errors, to be used with errors.Is:
//
//	if errors.Is(err, linkage.ErrProof) { … }
//
// The numbers travel in the message with which a party takes its leave, so they
// never change.
type Code uint8

// What can end a session.
const (
	ErrInput         Code = 1  // the caller's own input or configuration is wrong
	ErrTransport     Code = 2  // the connection is not TLS 1.3 with both certificates
	ErrConn          Code = 3  // the connection broke
	ErrTimeout       Code = 4  // the peer was silent for too long
	ErrCanceled      Code = 5  // the caller's context ended
	ErrFrame         Code = 6  // a message that is malformed, too long or of the wrong type
	ErrVersion       Code = 7  // the peer speaks another version of the protocol
	ErrRole          Code = 8  // the peer has the same role
	ErrProtocol      Code = 9  // the peer wants another way to enrol
	ErrAgreement     Code = 10 // the peer holds another agreement
	ErrNormalisation Code = 11 // the peer normalises identifiers by other rules
	ErrEpoch         Code = 12 // the peer is in another epoch, or the agreement is not in force
	ErrPeer          Code = 13 // the peer did not prove that it is the party of the agreement
	ErrLimit         Code = 14 // a cap of the agreement would be passed
	ErrOrder         Code = 15 // a message out of its turn, repeated or missing
	ErrElement       Code = 16 // not a group element, or the identity
	ErrProof         Code = 17 // the proof does not hold: another key or another purpose was used
	ErrRecord        Code = 18 // records out of order, or repeated
	ErrInternal      Code = 19 // a fault of this library
	ErrLeft          Code = 20 // the peer has ended the session for reasons of its own
	ErrCheck         Code = 21 // a consistency check of bulk enrolment fails: the peer deviates from the protocol
	ErrResume        Code = 22 // the peer has nothing to go on with; a new session must begin
	ErrState         Code = 23 // a state file is damaged, unfinished, or of another key, agreement or epoch

	codeEnd Code = 24
)

var codeTexts = [codeEnd]string{
	"unknown error", "bad input", "not TLS 1.3 with both certificates", "connection broken", "peer silent", "cancelled",
	"bad frame", "other version", "same role", "other protocol", "other agreement", "other normalisation rules",
	"other epoch or agreement not in force", "peer not authenticated", "limit of the agreement passed",
	"message out of order", "bad group element", "proof does not hold", "bad record", "internal error",
	"the peer has left", "consistency check fails", "no session to resume", "damaged, unfinished or foreign state",
}

// Error gives a short description that names nothing of what was sent.
func (c Code) Error() string {
	if c < codeEnd {
		return "linkage: " + codeTexts[c]
	}
	return "linkage: " + codeTexts[0]
}

// public is the code that the peer is told, and the only ones it may tell: what
// is wrong on this side alone is none of its business.
func (c Code) public() Code {
	switch c {
	case ErrTimeout, ErrFrame, ErrVersion, ErrRole, ErrProtocol, ErrAgreement, ErrNormalisation, ErrEpoch,
		ErrPeer, ErrLimit, ErrOrder, ErrElement, ErrProof, ErrRecord, ErrCheck, ErrResume:
		return c
	}
	return ErrLeft
}

// Error is why a session ended without a result. It holds nothing that the peer
// sent but the code of its leave-taking, and nothing of any identifier.
type Error struct {
	Code   Code   // what went wrong; errors.Is finds it
	Round  string // in which part of the session: "setup", "opening", "records", "enrolment", "closing"
	Remote bool   // the peer says so; perhaps a peer that has proved nothing
	cause  error  // of this side: the network, the context, the caller's source
}

// Error describes the failure in one line.
func (e *Error) Error() string {
	text := e.Code.Error()
	if e.Remote {
		text += ", says the peer"
	}
	if e.Round != "" {
		text += ", in the " + e.Round
	}
	if e.cause != nil {
		text += ": " + e.cause.Error()
	}
	return text
}

// Unwrap gives the code and, where there is one, the cause on this side.
func (e *Error) Unwrap() []error {
	if e.cause == nil {
		return []error{e.Code}
	}
	return []error{e.Code, e.cause}
}

// LimitError is the cause where a cap of the agreement would be passed.
type LimitError struct {
	Limit string // the name of the field of [Limits], such as "Identifiers", or "LabelBytes"; under "vole" with a word on [Encodable]
	Max   int64  // what the agreement allows
	Got   int64  // what was asked for
}

// Error gives the cap's name and both figures.
func (e *LimitError) Error() string {
	return fmt.Sprintf("%s: %d asked for, %d allowed", e.Limit, e.Got, e.Max)
}

// KindError says why identifiers of a kind are not matched under an agreement.
type KindError struct {
	Kind hashing.Kind
	Why  string
}

// Error names the kind and why it is left out.
func (e *KindError) Error() string {
	return "linkage: " + e.Kind.String() + " is not matched: " + e.Why
}
