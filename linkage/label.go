package linkage

import (
	"crypto/cipher"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/linkage/internal/pairs"
)

// operation is what a record does; single sessions only add.
type operation byte

const opAdd operation = 1

// header is the public head of a sealed label. Everything in it is bound by the
// label's commitment.
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
//	header (25) ‖ commitment (32) ‖ text XOR stream
//	text = signal id (16) ‖ length (2) ‖ label ‖ zeros, to the size class
//
// in which, with the second half of F for secret,
//
//	commitment = SHA-256(SHA-256("HC/c2" ‖ secret ‖ header ‖ id ‖ length) ‖ SHA-256(label ‖ zeros))
//	stream     = SHA-256("HC/k2" ‖ salt ‖ i ‖ secret ‖ commitment) for i = 0, 1, 2, …
//	salt       = the first ten bytes of SHA-256("H&C/s2" ‖ scope)
//
// What is hashed has 64 bytes, but for the scope and longer labels: so it is done for
// many at a time, in a quarter of the time.
//
// This is SIV, the synthetic initial value of Rogaway and Shrimpton
// ("Deterministic Authenticated-Encryption", Eurocrypt 2006): a pseudorandom function
// of all that is sealed, from which the key stream starts. It needs no nonce: another
// text has another stream, even if the transmitter forgets to count the revision up.
// And it needs no other authenticator: who opens computes the function anew of what
// came out, and one bit that differs gives another value. Theirs is a proof for a
// pseudorandom function and a cipher under two keys. Here
//
//   - SHA-256 with the secret in front is a pseudorandom function where all inputs have
//     one length, as these have; its weakness is that who knows a value can compute that
//     of a longer input. Its labels make one such function into two, which stand for
//     two keys.
//   - The commitment is a cascade of two such functions, the value of the first being
//     the secret of the second (Bellare, Canetti and Krawczyk, "Pseudorandom Functions
//     Revisited", FOCS 1996), and takes the hash of a label for the label.
//   - The stream is that function in counter mode. Its inputs are different for
//     different commitments, and of these no two meet by chance, at 32 bytes.
//
// The scope is in the stream: in another scope something else comes out, and has
// another commitment. It is a second bolt, for F is of one scope already.
//
// The commitment also ties the record to one identifier, which an authenticator alone
// does not (RFC 9771): who finds two values of F that open one record has found
// a collision of SHA-256.
const (
	commitmentSize = sha256.Size
	textHead       = 16 + 2
	atSealedText   = headerSize + commitmentSize // in a sealed label
	saltSize       = 10
	hashedSize     = 64 // of what pairs.Hash takes
)

// sealedSize is the length of a sealed label in bytes.
func sealedSize(class int) int { return atSealedText + textHead + class }

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

// labels seals and opens the labels of one agreement and epoch, some at a time: put
// takes each, commit computes all their commitments; point takes a commitment, run
// computes all streams, mask lays them over the texts. It has the room that this needs,
// so that each goroutine has its own.
type labels struct {
	class  int
	salt   [saltSize]byte
	blocks int // of the stream of one label
	text   []byte

	// What is hashed for each, in halves of 64 bytes, and what comes out.
	parts       [][32]byte // secret, header, id and length; the label, if it is of 64 bytes
	hashes      [][32]byte // of both
	commitments [][commitmentSize]byte
	counters    [][32]byte
	stream      [][32]byte

	touched byte // keeps the compiler from leaving out what is read for nothing
}

func newLabels(s *scope, class int) *labels {
	salt := sha256.Sum256(append([]byte(saltLabel), s[:]...))
	return &labels{class: class, salt: [saltSize]byte(salt[:]), text: make([]byte, textHead+class),
		blocks: (textHead + class + sha256.Size - 1) / sha256.Size}
}

// reserve makes room for n labels at a time.
func (l *labels) reserve(n int) {
	if n <= len(l.commitments) {
		return
	}
	l.close()
	l.parts, l.hashes, l.commitments = make([][32]byte, n*l.halves()), make([][32]byte, 2*n), make([][32]byte, n)
	for i := 0; i < len(l.parts); i += l.halves() {
		copy(l.parts[i][:], commitmentLabel)
	}
	l.counters, l.stream = make([][32]byte, 2*n*l.blocks), make([][32]byte, n*l.blocks)
	for i := range l.stream {
		in := &l.counters[2*i]
		copy(in[copy(in[:], streamLabel):], l.salt[:])
		in[len(streamLabel)+saltSize] = byte(i % l.blocks)
	}
}

// close forgets all secrets and texts.
func (l *labels) close() {
	clear(l.text)
	for _, some := range [][][32]byte{l.parts, l.hashes, l.commitments, l.counters, l.stream} {
		clear(some)
	}
	l.commitments = nil // the room is without its constants now
}

// halves is how many of labels.parts are of one label.
func (l *labels) halves() int {
	if l.class == hashedSize {
		return 4
	}
	return 2
}

// put takes the n-th label, by its header and text.
func (l *labels) put(n int, f *prf, head, text []byte) {
	parts := l.parts[n*l.halves():][:l.halves()]
	a, b := &parts[0], &parts[1]
	at := len(commitmentLabel) + copy(a[len(commitmentLabel):], f.secret()[:])
	split := copy(a[at:], head[:headerSize])
	copy(b[copy(b[:], head[split:headerSize]):], text[:textHead])
	label := text[textHead:]
	if len(parts) == 2 {
		l.hashes[2*n+1] = sha256.Sum256(label)
		return
	}
	parts[2], parts[3] = [32]byte(label), [32]byte(label[32:])
}

// commit computes the commitments of the first n labels.
func (l *labels) commit(n int) {
	if l.halves() == 4 {
		pairs.Hash(l.hashes[:2*n], l.parts[:4*n])
	} else {
		firsts := l.commitments[:n] // for a moment
		pairs.Hash(firsts, l.parts[:2*n])
		for i := range firsts {
			l.hashes[2*i] = firsts[i]
		}
	}
	pairs.Hash(l.commitments[:n], l.hashes[:2*n])
}

// point puts in where the n-th stream starts.
func (l *labels) point(n int, f *prf, commitment *[commitmentSize]byte) {
	some := l.counters[2*n*l.blocks:][:2*l.blocks]
	for i := 0; i < len(some); i += 2 {
		copy(some[i][len(some[i])-secretSize:], f.secret()[:])
		some[i+1] = *commitment
	}
}

// run computes the first n streams.
func (l *labels) run(n int) { pairs.Hash(l.stream[:n*l.blocks], l.counters[:2*n*l.blocks]) }

// mask lays the n-th stream over a text.
func (l *labels) mask(n int, text []byte) {
	some := l.stream[n*l.blocks:][:l.blocks]
	for i := range some {
		text = text[subtle.XORBytes(text, text, some[i][:]):]
	}
}

// finish seals what has been put, a label under each of fs, in sealed, where headers and
// texts are so far apart.
func (l *labels) finish(fs []prf, sealed []byte, apart int) {
	l.commit(len(fs))
	for i := range fs {
		copy(sealed[i*apart+headerSize:], l.commitments[i][:])
		l.point(i, &fs[i], &l.commitments[i])
	}
	l.run(len(fs))
	for i := range fs {
		l.mask(i, sealed[i*apart+atSealedText:][:textHead+l.class])
	}
}

// putText makes a text. The label must be at most of the size class.
func putText(text, id, label []byte) {
	copy(text, id[:])
	binary.BigEndian.PutUint16(text[16:], uint16(len(label)))
	clear(text[textHead+copy(text[textHead:], label):])
}

// seal appends a sealed label to dst. The label must be at most of the size class.
func (l *labels) seal(dst []byte, f *prf, h header, id uuid.UUID, label []byte) []byte {
	dst = append(dst, make([]byte, sealedSize(l.class))...)
	sealed := dst[len(dst)-sealedSize(l.class):]
	h.put(sealed)
	putText(sealed[atSealedText:], id[:], label)
	l.reserve(1)
	l.put(0, f, sealed, sealed[atSealedText:])
	l.finish([]prf{*f}, sealed, 0)
	return dst
}

var errLabel = errors.New("linkage: label does not open")

// open opens a sealed label. What it returns is a copy.
func (l *labels) open(f *prf, sealed []byte) (opened, error) {
	if len(sealed) != sealedSize(l.class) {
		return opened{}, errLabel
	}
	commitment := [commitmentSize]byte(sealed[headerSize:])
	l.reserve(1)
	l.point(0, f, &commitment)
	l.run(1)
	text := l.text
	copy(text, sealed[atSealedText:])
	l.mask(0, text)
	// Nothing looks at the text until this is its commitment.
	l.put(0, f, sealed, text)
	l.commit(1)
	if subtle.ConstantTimeCompare(commitment[:], l.commitments[0][:]) != 1 {
		return opened{}, errLabel
	}
	n := int(binary.BigEndian.Uint16(text[16:]))
	if n > l.class || !zero(text[textHead+n:]) {
		return opened{}, errLabel
	}
	return opened{parseHeader(sealed), uuid.UUID(text[:16]), append(make([]byte, 0, n), text[textHead:][:n]...)}, nil
}

// alias gives the public name of a signal by a permutation that the epoch's key
// chooses: to others a random one, and different for different signals.
func alias(aliases cipher.Block, id uuid.UUID) [16]byte {
	aliases.Encrypt(id[:], id[:])
	return id
}

func zero(b []byte) bool {
	var all byte
	for _, c := range b {
		all |= c
	}
	return all == 0
}
