package bulk

import (
	"bytes"
	"crypto/subtle"
	"errors"
	"io"

	"github.com/hueandcry/hueandcry/linkage/internal/gf128"
	"github.com/hueandcry/hueandcry/linkage/internal/okvs"
	"github.com/hueandcry/hueandcry/linkage/internal/vole"
)

// Receiver is the party that learns the function's values for its items. Make it with
// [NewReceiver]. It is for one chunk and one goroutine at a time.
type Receiver struct {
	// Workers is the number of goroutines for the long steps; zero counts as one. The
	// results do not depend on it.
	Workers int

	p     Params
	salt  *Salt
	sid   session
	items Segments
	rand  io.Reader
	mem   *Memory
	vole  *vole.Receiver
	step  int
	ended error

	theirs  [tossSize]byte  // commitment to w1
	offered [offerSize]byte // which seed of the matrix, and w2
	matrix  *okvs.Matrix
	vector  []gf128.Element // P + C
	a       []gf128.Element
	put     func(from int, out []Output)
	encode  func(*okvs.Matrix, []gf128.Element, int, okvs.Source, *okvs.Space, int) error // tests make it fail
}

// NewReceiver begins a chunk with the items that belong there, all different: at most
// [Params.Capacity], else it panics. Put is called in the last step with the function's
// values, as by [Chunk.Evaluate]; it may overwrite the items that they are of. The session id
// must be new for every try at every chunk, and the same on both sides; rand is a source of
// secret random bytes; memory may be nil.
func NewReceiver(p Params, salt *Salt, sid [32]byte, items Segments, put func(from int, out []Output), rand io.Reader, memory *Memory) *Receiver {
	if items.len() > p.capacity {
		panic("bulk: more items than the chunk takes")
	}
	if memory == nil {
		memory = new(Memory)
	}
	r := &Receiver{p: p, salt: salt, sid: sid, items: items, put: put, rand: rand, mem: memory, vole: vole.NewReceiver(p.vector, sid, rand)}
	r.vole.Space = &memory.space
	r.encode = (*okvs.Matrix).Encode
	return r
}

// Step takes the message that came from the sender, nil at first, and gives the one to send;
// after the fourth the vector must be sent too, piece by piece. The fifth takes the
// opening and gives nothing but the values to put. An error is final.
func (r *Receiver) Step(in []byte) (out []byte, err error) {
	if r.ended != nil {
		return nil, r.ended
	}
	if out, err = r.next(in); err != nil {
		r.ended = err
		return nil, err
	}
	return out, nil
}

func (r *Receiver) next(in []byte) ([]byte, error) {
	r.vole.Workers = r.Workers
	r.step++
	switch r.step {
	case 1, 3:
		out, _, err := r.vole.Step(in)
		return out, err
	case 2:
		if len(in) < tossSize {
			return nil, ErrFormat
		}
		cut := len(in) - tossSize
		copy(r.theirs[:], in[cut:])
		out, _, err := r.vole.Step(in[:cut])
		return out, err
	case 4:
		r.Ahead()
		// Only a sender whose trees were in order is sent anything that rests on the noise.
		if _, _, err := r.vole.Step(in); err != nil {
			return nil, err
		}
		return r.offer()
	case 5:
		return nil, r.finish(in)
	}
	panic("bulk: a step after the last")
}

// Ahead does what is to be done before the sender's next message can be read: while that is
// under way, or the next Step does it.
func (r *Receiver) Ahead() {
	if r.ended != nil || r.step < 3 || r.vector != nil {
		return
	}
	r.vole.Ahead()
	r.encodeItems()
}

// encodeItems makes the vector P, and the matrix, or leaves that nil if none serves.
func (r *Receiver) encodeItems() {
	if n := r.p.Size(); cap(r.mem.vector) < n {
		r.mem.vector = make([]gf128.Element, n)
	}
	r.vector = r.mem.vector[:r.p.Size()]
	source := r.items.source(r.salt)
	for attempt := byte(0); attempt < attempts; attempt++ {
		matrix := okvs.NewMatrix(r.p.store, matrixSeed(r.vole.Coin, attempt))
		clear(r.vector) // free places may be zero, for C hides which they are
		err := r.encode(matrix, r.vector, r.items.len(), source, &r.mem.store, r.Workers)
		if err == nil {
			r.offered[0], r.matrix = attempt, matrix
			return
		}
		if errors.Is(err, okvs.ErrDuplicate) {
			return
		}
	}
}

// offer hides the vector behind C.
func (r *Receiver) offer() ([]byte, error) {
	out := r.offered[:]
	if _, err := io.ReadFull(r.rand, out[1:]); err != nil {
		return nil, err
	}
	if r.matrix == nil {
		return nil, ErrEncode
	}
	r.a = r.vole.Finish(r.vector)
	return bytes.Clone(out), nil
}

// Piece appends piece i of the vector, of [Params.PieceSize] bytes, to b.
func (r *Receiver) Piece(b []byte, i int) []byte {
	if r.step != 4 || r.ended != nil {
		panic("bulk: a vector out of turn")
	}
	from := i * PieceElements
	for _, e := range r.vector[from:min(from+PieceElements, len(r.vector))] {
		b = e.Append(b)
	}
	return b
}

// finish checks the opening and evaluates.
func (r *Receiver) finish(in []byte) error {
	if len(in) != openingSize {
		return ErrFormat
	}
	w1 := in[:tossSize]
	want := r.sid.commitment(w1)
	if subtle.ConstantTimeCompare(want[:], r.theirs[:]) != 1 {
		return ErrCommitment
	}
	value := newPolynomial(gf128.FromBytes(in[tossSize:]), len(r.vector))
	for v := r.vector; len(v) > 0; {
		n := min(PieceElements, len(v))
		value.add(v[:n])
		v = v[n:]
	}
	confirmation := r.sid.confirmation(r.offered[:], value.sum)
	if subtle.ConstantTimeCompare(confirmation[:], in[tossSize+gf128.Size:]) != 1 {
		return ErrVector
	}
	w := r.sid.toss(w1, r.offered[1:])
	eachRun(r.Workers, r.items, newScratch, func(s *scratch, from int, some []Item) {
		s.decode(r.matrix, r.a, some)
		r.put(from, s.outputs(s.v[:len(some)], w, some))
	})
	return nil
}
