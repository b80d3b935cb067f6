package linkage

import (
	"crypto/cipher"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"

	"github.com/google/uuid"
	"golang.org/x/crypto/chacha20poly1305"
)

// operation is what a record does; single sessions only add.
type operation byte

const opAdd operation = 1

// header is the public head of a sealed label. Everything in it is bound by the
// label's key.
type header struct {
	// alias stands for the signal's ID under one agreement and epoch, so that
	// receivers who compare what they have got cannot tell that they have been sent
	// the same signal, and nobody reads the time that a UUID may hold.
	alias    [16]byte
	sequence uint64
	op       operation
}

const headerSize = 16 + 8 + 1

func (h *header) put(b []byte) {
	copy(b, h.alias[:])
	binary.BigEndian.PutUint64(b[16:], h.sequence)
	b[24] = byte(h.op)
}

func parseHeader(b []byte) header {
	return header{[16]byte(b[:16]), binary.BigEndian.Uint64(b[16:24]), operation(b[24])}
}

// opened is a sealed label that has been opened.
type opened struct {
	header
	id    uuid.UUID
	label []byte
}

// A sealed label is
//
//	header (25) ‖ commitment (32) ‖ ChaCha20-Poly1305 of text ‖ tag (16)
//	text = signal id (16) ‖ length (2) ‖ label ‖ zeros, to the size class
//
// in which, with the second half of F for secret,
//
//	commitment = SHA-256("H&C/c2" ‖ secret ‖ scope ‖ header ‖ text)
//	key        = SHA-256("H&C/k2" ‖ secret ‖ commitment)
//
// The commitment does two things. It makes the key depend on all that is sealed,
// so that the nonce can be zero: another text is sealed with another key, even if
// the transmitter forgets to count the revision up (the synthetic nonce of
// Rogaway and Shrimpton, "Deterministic Authenticated-Encryption", 2006). And it
// ties the record to one identifier: ChaCha20-Poly1305 alone does not commit to
// its key (RFC 9771), but who finds two values of F that open one record has found
// a collision of SHA-256.
//
// SHA-256 with the key in front is a pseudorandom function where all inputs have
// one length, for its one weakness is that who knows a value can compute that of a
// longer input. Here they have: the size class is a term of the agreement, whose
// digest is in the scope, and no longer input is ever taken. HMAC would cost three
// blocks more for each of the two.
const (
	commitmentSize = sha256.Size
	textHead       = 16 + 2
	atHeader       = len(commitmentLabel) + secretSize + len(scope{}) // in labels.space
	atText         = atHeader + headerSize
)

// sealedSize is the length of a sealed label in bytes.
func sealedSize(class int) int {
	return headerSize + commitmentSize + textHead + class + chacha20poly1305.Overhead
}

// recordSize is the length of a record in bytes: tag ‖ sealed label, and the tag
// alone in the class of no bytes.
func recordSize(class int) int {
	if class == 0 {
		return tagSize
	}
	return tagSize + sealedSize(class)
}

// scope is what a label is bound to besides its header: agreement digest and epoch.
type scope [32 + 4]byte

func newScope(digest [32]byte, epoch uint32) (s scope) {
	copy(s[:], digest[:])
	binary.BigEndian.PutUint32(s[32:], epoch)
	return s
}

// labels seals and opens the labels of one agreement and epoch. It has the room that
// this needs, so that each goroutine has its own.
type labels struct {
	class int
	space []byte // what the commitment is the hash of
	key   [len(sealLabel) + secretSize + commitmentSize]byte

	touched byte // keeps the compiler from leaving out what is read for nothing
}

func newLabels(s *scope, class int) *labels {
	l := &labels{class: class, space: make([]byte, atText+textHead+class)}
	copy(l.space, commitmentLabel)
	copy(l.space[len(commitmentLabel)+secretSize:], s[:])
	copy(l.key[:], sealLabel)
	return l
}

// close forgets the last secret and text.
func (l *labels) close() { clear(l.space); clear(l.key[:]) }

// alias gives the public name of a signal by a permutation that the epoch's key
// chooses: to others a random one, and different for different signals.
func (l *labels) alias(aliases cipher.Block, id uuid.UUID) [16]byte {
	b := l.space[atText : atText+len(id)]
	copy(b, id[:])
	aliases.Encrypt(b, b)
	return [16]byte(b)
}

// commitment hashes what is in l.space, under a secret.
func (l *labels) commitment(f *prf) [commitmentSize]byte {
	copy(l.space[len(commitmentLabel):], f.secret()[:])
	return sha256.Sum256(l.space)
}

func (l *labels) cipher(f *prf, commitment []byte) cipher.AEAD {
	copy(l.key[len(sealLabel):], f.secret()[:])
	copy(l.key[len(sealLabel)+secretSize:], commitment)
	key := sha256.Sum256(l.key[:])
	aead, err := chacha20poly1305.New(key[:])
	if err != nil {
		panic("linkage: " + err.Error()) // only for a key of another length
	}
	return aead
}

var zeroNonce [chacha20poly1305.NonceSize]byte

// seal appends a sealed label to dst. The label must be at most of the size class.
func (l *labels) seal(dst []byte, f *prf, h header, id uuid.UUID, label []byte) []byte {
	text := l.space[atText:]
	copy(text, id[:])
	binary.BigEndian.PutUint16(text[16:], uint16(len(label)))
	clear(text[textHead+copy(text[textHead:], label):])
	return l.sealText(dst, f, h)
}

// sealText seals the text that is in l.space.
func (l *labels) sealText(dst []byte, f *prf, h header) []byte {
	h.put(l.space[atHeader:])
	commitment := l.commitment(f)
	dst = append(append(dst, l.space[atHeader:atText]...), commitment[:]...)
	return l.cipher(f, commitment[:]).Seal(dst, zeroNonce[:], l.space[atText:], nil)
}

var errLabel = errors.New("linkage: label does not open")

// open opens a sealed label. What it returns is a copy.
func (l *labels) open(f *prf, sealed []byte) (opened, error) {
	if len(sealed) != sealedSize(l.class) {
		return opened{}, errLabel
	}
	head, commitment, rest := sealed[:headerSize], sealed[headerSize:][:commitmentSize], sealed[headerSize+commitmentSize:]
	text := l.space[atText:]
	_, err := l.cipher(f, commitment).Open(text[:0], zeroNonce[:], rest, nil)
	if err != nil {
		return opened{}, errLabel
	}
	copy(l.space[atHeader:], head)
	if want := l.commitment(f); subtle.ConstantTimeCompare(commitment, want[:]) != 1 {
		return opened{}, errLabel
	}
	n := int(binary.BigEndian.Uint16(text[16:]))
	if n > l.class || !zero(text[textHead+n:]) {
		return opened{}, errLabel
	}
	return opened{parseHeader(head), uuid.UUID(text[:16]), append(make([]byte, 0, n), text[textHead:][:n]...)}, nil
}

func zero(b []byte) bool {
	var all byte
	for _, c := range b {
		all |= c
	}
	return all == 0
}
