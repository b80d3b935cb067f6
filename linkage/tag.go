package linkage

import (
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"

	"github.com/google/uuid"
	"golang.org/x/crypto/chacha20poly1305"
)

// prf is the output F of the oblivious pseudorandom function for one identifier
// under one agreement and epoch: 32 bytes that the transmitter can compute for
// any identifier, and the receiver only for those it has enrolled. It is a
// secret: whoever has it opens the labels about that identifier.
type prf [32]byte

// tagSize is the length of a tag in bytes. Two of n enrolled and m published
// identifiers collide with probability n·m/2^128: 2^-74 at 2^30 and 2^24.
const tagSize = 16

// tag is the public name of the j-th signal about an identifier: the first bytes
// of HKDF-Expand(F, "tag" ‖ j). Tags of one identifier cannot be told from tags
// of many, so that repeats are not visible to whoever does not hold it.
type tag [tagSize]byte

const (
	tagInfo   = "hueandcry/tag/v1\x00"
	labelInfo = "hueandcry/label/v1\x00"
)

func (f *prf) tag(j uint32) tag {
	info := binary.BigEndian.AppendUint32([]byte(tagInfo), j)
	return tag(f.expand(info, tagSize))
}

// expand is HKDF-Expand of RFC 5869 with SHA-256; F is uniform, so that it is
// the pseudorandom key as it stands.
func (f *prf) expand(info []byte, n int) []byte {
	out, err := hkdf.Expand(sha256.New, f[:], string(info), n)
	if err != nil {
		panic("linkage: " + err.Error()) // only for n > 8160
	}
	return out
}

// operation is what a record does; single sessions only add.
type operation byte

const opAdd operation = 1

// header is the public head of a sealed label. Everything in it is bound by the
// label's key or as associated data.
type header struct {
	id       uuid.UUID
	sequence uint64
	op       operation
}

const headerSize = 16 + 8 + 1

func (h *header) append(b []byte) []byte {
	b = append(b, h.id[:]...)
	b = binary.BigEndian.AppendUint64(b, h.sequence)
	return append(b, byte(h.op))
}

func parseHeader(b []byte) header {
	return header{uuid.UUID(b[:16]), binary.BigEndian.Uint64(b[16:24]), operation(b[24])}
}

// A sealed label is
//
//	header (25) ‖ commitment (32) ‖ ChaCha20-Poly1305 of length (2) ‖ label ‖ zeros ‖ tag (16)
//
// padded to the size class of the agreement. The key and the commitment are the
// halves of HKDF-Expand(F, "label" ‖ header ‖ scope): each key seals one label,
// so that the nonce is zero, and the commitment makes opening under any other
// key fail even for a ciphertext made to open under two (ChaCha20-Poly1305 alone
// does not commit to its key; RFC 9771). Someone who finds two
// keys for one record has found a collision of SHA-256.
const (
	commitmentSize = 32
	lengthSize     = 2
)

func sealedSize(class int) int {
	return headerSize + commitmentSize + lengthSize + class + chacha20poly1305.Overhead
}

// recordSize is the length of a record in bytes: tag ‖ sealed label.
func recordSize(class int) int { return tagSize + sealedSize(class) }

// scope is what a label is bound to besides its header: agreement digest and epoch.
type scope [32 + 4]byte

func newScope(digest [32]byte, epoch uint32) (s scope) {
	copy(s[:], digest[:])
	binary.BigEndian.PutUint32(s[32:], epoch)
	return s
}

func (f *prf) labelKeys(head []byte, s *scope) (key, commitment []byte) {
	info := append(append([]byte(labelInfo), head...), s[:]...)
	both := f.expand(info, chacha20poly1305.KeySize+commitmentSize)
	return both[:chacha20poly1305.KeySize], both[chacha20poly1305.KeySize:]
}

// seal appends the sealed label to dst. The label must be at most class bytes.
func (f *prf) seal(dst []byte, h header, s *scope, label []byte, class int) []byte {
	plain := make([]byte, lengthSize+class)
	binary.BigEndian.PutUint16(plain, uint16(len(label)))
	copy(plain[lengthSize:], label)
	defer clear(plain)
	return f.sealPadded(dst, h, s, plain)
}

func (f *prf) sealPadded(dst []byte, h header, s *scope, plain []byte) []byte {
	head := h.append(make([]byte, 0, headerSize))
	key, commitment := f.labelKeys(head, s)
	dst = append(append(dst, head...), commitment...)
	aead, err := chacha20poly1305.New(key)
	if err != nil {
		panic("linkage: " + err.Error()) // only for a key of another length
	}
	var nonce [chacha20poly1305.NonceSize]byte
	return aead.Seal(dst, nonce[:], plain, s[:])
}

var errLabel = errors.New("linkage: label does not open")

// open opens a sealed label, which must have the length of its class.
func (f *prf) open(sealed []byte, s *scope, class int) (header, []byte, error) {
	if len(sealed) != sealedSize(class) {
		return header{}, nil, errLabel
	}
	head, rest := sealed[:headerSize], sealed[headerSize:]
	key, commitment := f.labelKeys(head, s)
	if subtle.ConstantTimeCompare(commitment, rest[:commitmentSize]) != 1 {
		return header{}, nil, errLabel
	}
	aead, err := chacha20poly1305.New(key)
	if err != nil {
		panic("linkage: " + err.Error())
	}
	var nonce [chacha20poly1305.NonceSize]byte
	plain, err := aead.Open(nil, nonce[:], rest[commitmentSize:], s[:])
	if err != nil {
		return header{}, nil, errLabel
	}
	n := int(binary.BigEndian.Uint16(plain))
	if n > class || !zero(plain[lengthSize+n:]) {
		return header{}, nil, errLabel
	}
	return parseHeader(head), plain[lengthSize : lengthSize+n : lengthSize+n], nil
}

func zero(b []byte) bool {
	var all byte
	for _, c := range b {
		all |= c
	}
	return all == 0
}
