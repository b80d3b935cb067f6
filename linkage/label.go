package linkage

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/linkage/internal/pairs"
)

// content is what a sealed label says.
type content struct {
	id       uuid.UUID
	sequence uint64
	op       Operation
	label    []byte
}

// textMiddle gives what stands between ID and label in a text.
func textMiddle(sequence uint64, op Operation, size int) (b [textHead - 16]byte) {
	binary.BigEndian.PutUint64(b[:], sequence)
	b[8] = byte(op)
	binary.BigEndian.PutUint16(b[9:], uint16(size))
	return b
}

// text gives the text, but for the zeros.
func (c *content) text() []byte {
	middle := textMiddle(c.sequence, c.op, len(c.label))
	return slices.Concat(c.id[:], middle[:], c.label)
}

// A sealed label is
//
//	commitment (32) ‖ text XOR stream
//	text = signal id (16) ‖ sequence (8) ‖ operation (1) ‖ length (2) ‖ label ‖ zeros, to the size class
//
// in which, with the second half of F for secret,
//
//	commitment   = SHA-256(SHA-256("HC/c2" ‖ secret ‖ scope digest ‖ text[0:27]) ‖ SHA-256(label ‖ zeros))
//	stream       = SHA-256("H&C/k2" ‖ 0 ‖ 0 ‖ i ‖ secret ‖ commitment) for i = 0, 1, 2, … of eight bytes
//	scope digest = the first 16 bytes of SHA-256("H&C/s2" ‖ 0 ‖ scope)
//
// What is hashed has 64 bytes, but for the scope and longer labels: so it is done for
// many at a time, in a quarter of the time. Nothing stands in the open, for nobody has a
// use for it who cannot open the label: to all others a record is noise, which tells
// neither its signal nor the revision.
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
// The scope is what SIV calls a header: under the commitment, and not sent. In another
// scope the same text has another commitment, and so another stream, which needs no scope
// of its own; and what is brought there from here does not open. It is a second bolt,
// for F is of one scope already: hence 16 bytes of it are enough.
//
// The commitment also ties the record to one identifier, which an authenticator alone
// does not (RFC 9771): who finds two secrets that open one record has found a collision
// of SHA-256.
const (
	commitmentSize  = sha256.Size
	textHead        = 16 + 8 + 1 + 2
	scopeDigestSize = 16
	hashedSize      = 64 // of what pairs.Hash takes
)

// sealedSize is the length of a sealed label in bytes.
func sealedSize(class int) int { return commitmentSize + textHead + class }

// recordSize is the length of a record in bytes: tag ‖ sealed label, and the tag
// alone in the class of no bytes.
func recordSize(class int) int {
	if class == 0 {
		return tagSize
	}
	return tagSize + sealedSize(class)
}

// scope is where a label belongs, which is sealed into it: agreement digest and epoch.
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
	scope  [scopeDigestSize]byte
	blocks int // of the stream of one label
	text   []byte

	// What is hashed for each, in halves of 64 bytes, and what comes out.
	parts       [][32]byte // secret, scope and head of the text; the label, if it is of 64 bytes
	hashes      [][32]byte // of both
	commitments [][commitmentSize]byte
	counters    [][32]byte
	stream      [][32]byte

	touched byte // keeps the compiler from leaving out what is read for nothing
}

func newLabels(s *scope, class int) *labels {
	sum := sha256.Sum256(append([]byte(scopeLabel), s[:]...))
	return &labels{class: class, scope: [scopeDigestSize]byte(sum[:]), text: make([]byte, textHead+class),
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
		split := copy(l.parts[i][atScope:], l.scope[:])
		copy(l.parts[i+1][:], l.scope[split:])
	}
	l.counters, l.stream = make([][32]byte, 2*n*l.blocks), make([][32]byte, n*l.blocks)
	for i := range l.stream {
		in := &l.counters[2*i]
		binary.BigEndian.PutUint64(in[copy(in[:], streamLabel):], uint64(i%l.blocks))
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

// Where things lie in the first part of what is hashed, and in its other half.
const (
	atSecret = len(commitmentLabel)
	atScope  = atSecret + secretSize
	atHead   = hashedSize - textHead - sha256.Size
)

// put takes the n-th label, by its text.
func (l *labels) put(n int, f *prf, text []byte) {
	parts := l.parts[n*l.halves():][:l.halves()]
	copy(parts[0][atSecret:], f.secret()[:])
	copy(parts[1][atHead:], text[:textHead])
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

// finish seals what has been put, a label under each of fs, in sealed, where the labels
// are so far apart and hold their texts.
func (l *labels) finish(fs []prf, sealed []byte, apart int) {
	l.commit(len(fs))
	for i := range fs {
		copy(sealed[i*apart:], l.commitments[i][:])
		l.point(i, &fs[i], &l.commitments[i])
	}
	l.run(len(fs))
	for i := range fs {
		l.mask(i, sealed[i*apart+commitmentSize:][:textHead+l.class])
	}
}

// seal appends a sealed label to dst. The label must be at most of the size class.
func (l *labels) seal(dst []byte, f *prf, c *content) []byte {
	dst = append(dst, make([]byte, sealedSize(l.class))...)
	sealed := dst[len(dst)-sealedSize(l.class):]
	text := sealed[commitmentSize:]
	copy(text, c.text())
	l.reserve(1)
	l.put(0, f, text)
	l.finish([]prf{*f}, sealed, 0)
	return dst
}

var errLabel = errors.New("linkage: label does not open")

// open opens a sealed label. What it returns is a copy.
func (l *labels) open(f *prf, sealed []byte) (content, error) {
	if len(sealed) != sealedSize(l.class) {
		return content{}, errLabel
	}
	commitment := [commitmentSize]byte(sealed)
	l.reserve(1)
	l.point(0, f, &commitment)
	l.run(1)
	text := l.text
	copy(text, sealed[commitmentSize:])
	l.mask(0, text)
	// Nothing looks at the text until this is its commitment.
	l.put(0, f, text)
	l.commit(1)
	if subtle.ConstantTimeCompare(commitment[:], l.commitments[0][:]) != 1 {
		return content{}, errLabel
	}
	n := int(binary.BigEndian.Uint16(text[25:]))
	if n > l.class || !zero(text[textHead+n:]) {
		return content{}, errLabel
	}
	return content{uuid.UUID(text[:16]), binary.BigEndian.Uint64(text[16:]), Operation(text[24]),
		append(make([]byte, 0, n), text[textHead:][:n]...)}, nil
}

func zero(b []byte) bool {
	var all byte
	for _, c := range b {
		all |= c
	}
	return all == 0
}
