package bulk

import (
	"errors"
	"io"

	"github.com/hueandcry/hueandcry/linkage/internal/gf128"
	"github.com/hueandcry/hueandcry/linkage/internal/okvs"
	"github.com/hueandcry/hueandcry/linkage/internal/vole"
)

// Errors of the two Step methods, beside those of package vole and of the source of
// randomness. None repeats a byte of what came.
var (
	// ErrFormat says that a message has another length than is due, or an impossible value.
	ErrFormat = errors.New("bulk: malformed message")
	// ErrCommitment says that the sender opened another w1 than it had committed to.
	ErrCommitment = errors.New("bulk: opening does not fit its commitment")
	// ErrVector says that the sender does not hold the vector that the receiver sent.
	ErrVector = errors.New("bulk: vector arrived changed")
	// ErrEncode says that no matrix could be solved, which happens once in 2^160 chunks, or
	// that an item was given twice.
	ErrEncode = errors.New("bulk: items cannot be encoded")
)

// Memory is what one chunk after another uses for its vectors. It belongs to one party, and
// to one chunk at a time. The zero value is ready and empty; it holds secrets as long as
// it lives.
type Memory struct {
	space  vole.Space
	store  okvs.Space
	vector []gf128.Element
}

// Clear overwrites what the memory holds.
func (m *Memory) Clear() {
	m.space.Clear()
	m.store.Clear()
	clear(m.vector[:cap(m.vector)])
}

// Sender is the party that can evaluate the function anywhere. Make it with [NewSender]. It
// is for one chunk and one goroutine at a time.
type Sender struct {
	// Workers is the number of goroutines for the long steps; zero counts as one.
	Workers int

	p     Params
	sid   session
	rand  io.Reader
	vole  *vole.Sender
	step  int
	ended error

	w1    [tossSize]byte
	offer [offerSize]byte
	point gf128.Element
	value *polynomial
	chunk Chunk
	piece []gf128.Element
	at    int // elements of the vector that have come
}

// NewSender begins a chunk. The session id must be new for every try at every chunk, and the
// same on both sides; rand is a source of secret random bytes; memory may be nil.
func NewSender(p Params, sid [32]byte, rand io.Reader, memory *Memory) *Sender {
	s := &Sender{p: p, sid: sid, rand: rand, vole: vole.NewSender(p.vector, sid, rand)}
	if memory != nil {
		s.vole.Space = &memory.space
	}
	return s
}

// Step takes a message from the receiver and gives the answer, which is nil after the offer:
// then come the pieces, to Absorb, and a last step with nil gives the opening. An
// error is final.
func (s *Sender) Step(in []byte) (out []byte, err error) {
	if s.ended != nil {
		return nil, s.ended
	}
	if out, err = s.next(in); err != nil {
		s.ended = err
		return nil, err
	}
	return out, nil
}

// Ahead does what is to be done before the receiver's next message can be read: while that is
// under way, or the next Step does it.
func (s *Sender) Ahead() {
	if s.ended == nil && s.step == 3 {
		s.vole.Ahead()
	}
}

func (s *Sender) next(in []byte) ([]byte, error) {
	s.vole.Workers = s.Workers
	s.step++
	switch s.step {
	case 1:
		out, _, err := s.vole.Step(in)
		if err != nil {
			return nil, err
		}
		if _, err := io.ReadFull(s.rand, s.w1[:]); err != nil {
			return nil, err
		}
		commitment := s.sid.commitment(s.w1[:])
		return append(out, commitment[:]...), nil
	case 2, 3:
		out, _, err := s.vole.Step(in)
		return out, err
	case 4:
		return nil, s.take(in)
	case 5:
		if s.at != s.p.Size() {
			panic("bulk: opening before the vector") // a fault of the caller
		}
		s.chunk.Toss = s.sid.toss(s.w1[:], s.offer[1:])
		out := s.point.Append(append(make([]byte, 0, openingSize), s.w1[:]...))
		confirmation := s.sid.confirmation(s.offer[:], s.value.sum)
		return append(out, confirmation[:]...), nil
	}
	panic("bulk: a step after the last")
}

// take reads the offer and readies the chunk for the vector.
func (s *Sender) take(in []byte) error {
	if len(in) != offerSize || in[0] >= attempts {
		return ErrFormat
	}
	copy(s.offer[:], in)
	s.chunk.Seed = matrixSeed(s.vole.Coin, in[0])
	s.chunk.Delta, s.chunk.Key = s.vole.Vectors()
	var b [gf128.Size]byte
	if _, err := io.ReadFull(s.rand, b[:]); err != nil {
		return err
	}
	s.point = gf128.FromBytes(b[:])
	s.value = newPolynomial(s.point, s.p.Size())
	s.piece = make([]gf128.Element, PieceElements)
	return nil
}

// Absorb takes the next piece of the vector, of the length that [Params.PieceSize] gives.
func (s *Sender) Absorb(piece []byte) error {
	if s.ended != nil {
		return s.ended
	}
	if s.step != 4 || s.at == s.p.Size() {
		panic("bulk: a piece out of turn") // a fault of the caller
	}
	if len(piece) != s.p.PieceSize(s.at/PieceElements) {
		s.ended = ErrFormat
		return s.ended
	}
	v := s.piece[:len(piece)/gf128.Size]
	for i := range v {
		v[i] = gf128.FromBytes(piece[i*gf128.Size:])
	}
	s.value.add(v)
	gf128.MulAdd(s.chunk.Key[s.at:][:len(v)], v, s.chunk.Delta)
	s.at += len(v)
	return nil
}

// Chunk gives the key, after the last step. Its Key lies in the memory, if one was given,
// until that is used again.
func (s *Sender) Chunk() *Chunk {
	if s.step != 5 || s.ended != nil {
		panic("bulk: the key of an unfinished chunk")
	}
	return &s.chunk
}

// matrixSeed gives one of the few seeds for the matrix that follow from the joint coin.
func matrixSeed(coin func(use string) [32]byte, attempt byte) [32]byte {
	return coin("matrix " + string('0'+rune(attempt)))
}
