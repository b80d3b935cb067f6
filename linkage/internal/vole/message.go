package vole

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"hash"

	"github.com/hueandcry/hueandcry/linkage/internal/gf128"
)

// version is the first byte of every message, and is hashed with everything.
const version = 1

// The kinds of messages, in their order.
const (
	kindPoint     = 1 + iota // receiver: the point of the base OTs
	kindChoices              // sender: its choices in the base OTs, commitment to its coin
	kindExtend               // receiver: extension, its check, its coin
	kindTrees                // sender: its coin, the sums of the trees
	kindChallenge            // receiver: the point at which the vectors are compared
	kindAnswer               // sender: the hash of its value there
)

const (
	tagSize    = 16
	headerSize = 2 + tagSize
	coinSize   = 32
	pointSize  = 32
)

// size is the length of a message of the kind, header included.
func (p Params) size(kind byte) int {
	switch kind {
	case kindPoint:
		return headerSize + pointSize
	case kindChoices:
		return headerSize + kappa*2*pointSize + coinSize
	case kindExtend:
		return headerSize + kappa*p.blocks()*gf128.Size + checkSize + coinSize
	case kindTrees:
		return headerSize + coinSize + p.trees*p.treeSize()
	case kindChallenge:
		return headerSize + gf128.Size
	case kindAnswer:
		return headerSize + sha256.Size
	}
	panic("vole: unknown kind of message")
}

// session is what every hash and message of a session carries, and the hash of all
// messages up to now.
type session struct {
	params     Params
	id         [32]byte
	tag        [tagSize]byte
	transcript hash.Hash
	seed       [32]byte // of the code, once both coins are known
}

func newSession(p Params, id [32]byte) *session {
	if p.trees == 0 {
		panic("vole: the zero Params")
	}
	s := &session{params: p, id: id, transcript: sha256.New()}
	var sizes []byte
	for _, v := range []int{p.length, p.inner, p.trees, p.leaves, p.depth} {
		sizes = binary.BigEndian.AppendUint64(sizes, uint64(v))
	}
	tag := s.hash("session", sizes)
	copy(s.tag[:], tag[:])
	return s
}

// hash is the random oracle of the session: no two uses of it, in this session or two, hash
// the same bytes, for the name and every part are framed by their lengths.
func (s *session) hash(name string, parts ...[]byte) [sha256.Size]byte {
	buf := make([]byte, 0, 256)
	buf = append(buf, "hueandcry/vole "...)
	buf = append(buf, version)
	buf = append(buf, s.id[:]...)
	buf = append(buf, byte(len(name)))
	buf = append(buf, name...)
	for i, p := range parts {
		buf = binary.BigEndian.AppendUint32(buf, uint32(len(p)))
		if len(p) > longPart {
			return hashLong(buf, p, parts[i+1:])
		}
		buf = append(buf, p...)
	}
	return sha256.Sum256(buf)
}

const longPart = 1024

// hashLong ends a hash with a part that would be slow to copy.
func hashLong(before, part []byte, after [][]byte) (out [sha256.Size]byte) {
	h := sha256.New()
	h.Write(before)
	h.Write(part)
	for _, p := range after {
		h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(p))))
		h.Write(p)
	}
	h.Sum(out[:0])
	return out
}

// seen gives the hash of all messages up to now.
func (s *session) seen() []byte { return s.transcript.Sum(nil) }

// commitment hides the sender's coin until the receiver has told its own.
func (s *session) commitment(coin []byte) []byte {
	h := s.hash("coin", coin)
	return h[:]
}

// codeSeed is the joint coin: neither party could choose its half after the other's.
func (s *session) codeSeed(before, sender, receiver []byte) [32]byte {
	return s.hash("code", before, sender, receiver)
}

// Coin gives a joint coin for one use beside the code. Neither party could choose its
// half after the other's. It panics before this party has both halves: the receiver after
// its third step, the sender after its second.
func (s *session) Coin(use string) [32]byte {
	if s.seed == ([32]byte{}) {
		panic("vole: no coin yet")
	}
	return s.hash("coin for", s.seed[:], []byte(use))
}

// begin starts a message of the kind, with the room for all of it.
func (s *session) begin(kind byte) []byte {
	m := make([]byte, 0, s.params.size(kind))
	return append(append(m, version, kind), s.tag[:]...)
}

// end closes a message of ours.
func (s *session) end(m []byte, kind byte) []byte {
	if len(m) != s.params.size(kind) {
		panic("vole: a message of the wrong length") // a fault of this package
	}
	s.transcript.Write(m)
	return m
}

// open checks the header and the length of a message of the peer and gives its body. The
// whole message enters the transcript.
func (s *session) open(m []byte, kind byte) ([]byte, error) {
	if len(m) < headerSize || m[0] != version || m[1] != kind {
		return nil, ErrFormat
	}
	if subtle.ConstantTimeCompare(m[2:headerSize], s.tag[:]) != 1 {
		return nil, ErrSession
	}
	if len(m) != s.params.size(kind) {
		return nil, ErrFormat
	}
	s.transcript.Write(m)
	return m[headerSize:], nil
}

// take cuts the first n bytes off b.
func take(b *[]byte, n int) []byte {
	head := (*b)[:n]
	*b = (*b)[n:]
	return head
}

func takeElement(b *[]byte) gf128.Element { return gf128.FromBytes(take(b, gf128.Size)) }

// number is an index as bytes of a hash.
func number(v ...int) []byte {
	var b []byte
	for _, v := range v {
		b = binary.BigEndian.AppendUint32(b, uint32(v))
	}
	return b
}
