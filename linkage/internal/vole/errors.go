package vole

import "errors"

// Errors of [NewParams] and of the two Step methods. All but the first are the doing of the
// peer or of the line; none repeats a byte of what came. A party that has returned
// one is of no more use, and what it sent must not be continued under the same
// session id.
var (
	// ErrParams says that a length or a security level is out of bounds.
	ErrParams = errors.New("vole: parameters out of bounds")
	// ErrFormat says that a message has another version, kind or length than is due.
	ErrFormat = errors.New("vole: malformed message")
	// ErrSession says that a message was made for another session or other parameters.
	ErrSession = errors.New("vole: message of another session")
	// ErrPoint says that a point is not canonical, or is the identity.
	ErrPoint = errors.New("vole: invalid point")
	// ErrExtension says that the receiver's choices differ from column to column, the
	// way to learn the sender's Delta bit by bit.
	ErrExtension = errors.New("vole: inconsistent extension")
	// ErrCommitment says that the sender opened another coin than it had committed to.
	ErrCommitment = errors.New("vole: coin does not open its commitment")
	// ErrConsistency says that the sender's trees do not fit its other values, the way to
	// learn where the receiver's noise lies.
	ErrConsistency = errors.New("vole: inconsistent trees")
)
