package linkage

import (
	"crypto/cipher"
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
	tagInfo        = "hueandcry/tag/v1\x00"
	labelInfo      = "hueandcry/label/v1\x00"
	commitmentInfo = "hueandcry/commitment/v1\x00"
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

func (h *header) append(b []byte) []byte {
	b = append(b, h.alias[:]...)
	b = binary.BigEndian.AppendUint64(b, h.sequence)
	return append(b, byte(h.op))
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
// in which
//
//	commitment = HKDF-Expand(F, "commitment" ‖ header ‖ scope ‖ text)
//	key        = HKDF-Expand(F, "label" ‖ header ‖ scope ‖ commitment)
//
// The commitment does two things. It makes the key depend on all that is sealed,
// so that the nonce can be zero: another text is sealed with another key, even if
// the transmitter forgets to count the revision up (the synthetic nonce of
// Rogaway and Shrimpton, "Deterministic Authenticated-Encryption", 2006). And it
// ties the record to one identifier: ChaCha20-Poly1305 alone does not commit to
// its key (RFC 9771), but who finds two values of F that open one record has found
// a collision of HMAC-SHA256.
const (
	commitmentSize = 32
	textHead       = 16 + 2
)

func sealedSize(class int) int {
	return headerSize + commitmentSize + textHead + class + chacha20poly1305.Overhead
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

// bind derives 32 bytes for one use from F and what the label is bound to. All
// parts but the last have fixed lengths.
func (f *prf) bind(use string, head []byte, s *scope, last []byte) []byte {
	info := make([]byte, 0, len(use)+len(head)+len(s)+len(last))
	info = append(append(append(append(info, use...), head...), s[:]...), last...)
	return f.expand(info, 32)
}

func (f *prf) cipher(head []byte, s *scope, commitment []byte) cipher.AEAD {
	aead, err := chacha20poly1305.New(f.bind(labelInfo, head, s, commitment))
	if err != nil {
		panic("linkage: " + err.Error()) // only for a key of another length
	}
	return aead
}

var zeroNonce [chacha20poly1305.NonceSize]byte

// seal appends the sealed label to dst. The label must be at most class bytes.
func (f *prf) seal(dst []byte, h header, s *scope, id uuid.UUID, label []byte, class int) []byte {
	text := make([]byte, textHead+class)
	copy(text, id[:])
	binary.BigEndian.PutUint16(text[16:], uint16(len(label)))
	copy(text[textHead:], label)
	defer clear(text)
	return f.sealText(dst, h, s, text)
}

func (f *prf) sealText(dst []byte, h header, s *scope, text []byte) []byte {
	head := h.append(make([]byte, 0, headerSize))
	commitment := f.bind(commitmentInfo, head, s, text)
	dst = append(append(dst, head...), commitment...)
	return f.cipher(head, s, commitment).Seal(dst, zeroNonce[:], text, nil)
}

var errLabel = errors.New("linkage: label does not open")

// open opens a sealed label, which must have the length of its class.
func (f *prf) open(sealed []byte, s *scope, class int) (opened, error) {
	if len(sealed) != sealedSize(class) {
		return opened{}, errLabel
	}
	head, commitment, rest := sealed[:headerSize], sealed[headerSize:][:commitmentSize], sealed[headerSize+commitmentSize:]
	text, err := f.cipher(head, s, commitment).Open(nil, zeroNonce[:], rest, nil)
	if err != nil || subtle.ConstantTimeCompare(commitment, f.bind(commitmentInfo, head, s, text)) != 1 {
		return opened{}, errLabel
	}
	label, n := text[textHead:], int(binary.BigEndian.Uint16(text[16:]))
	if n > class || !zero(label[n:]) {
		return opened{}, errLabel
	}
	return opened{parseHeader(head), uuid.UUID(text[:16]), label[:n:n]}, nil
}

func zero(b []byte) bool {
	var all byte
	for _, c := range b {
		all |= c
	}
	return all == 0
}
