package bulk

import (
	"crypto/sha256"
	"encoding/binary"
	"sync"

	"github.com/hueandcry/hueandcry/linkage/internal/gf128"
)

// Output is the value of the function for an item.
type Output [32]byte

const outputLabel = "H&C/F1\x00"

// output is F: the SHA-256 of a label, of the field element with w added, and of
// the item, which together are one block. The session is in w, which is a hash of it.
func output(v, w gf128.Element, x *Item) Output {
	var block [len(outputLabel) + gf128.Size + len(Item{})]byte
	copy(block[:], outputLabel)
	binary.LittleEndian.PutUint64(block[len(outputLabel):], v.Lo^w.Lo)
	binary.LittleEndian.PutUint64(block[len(outputLabel)+8:], v.Hi^w.Hi)
	copy(block[len(outputLabel)+gf128.Size:], x[:])
	return sha256.Sum256(block[:])
}

// session is what every hash of a chunk carries.
type session [32]byte

func (s *session) hash(use string, parts ...[]byte) [32]byte {
	h := sha256.New()
	h.Write([]byte("hueandcry/bulk/v1 " + use + "\x00"))
	h.Write(s[:])
	for _, p := range parts { // of fixed lengths each
		h.Write(p)
	}
	return [32]byte(h.Sum(nil))
}

// commitment hides w1 until the sender opens it.
func (s *session) commitment(w1 []byte) [32]byte { return s.hash("commitment", w1) }

// toss gives w.
func (s *session) toss(w1, w2 []byte) gf128.Element {
	w := s.hash("toss", w1, w2)
	return gf128.FromBytes(w[:])
}

// confirmation tells the receiver that its offer and its vector have arrived as it sent them.
func (s *session) confirmation(offer []byte, value gf128.Element) [32]byte {
	return s.hash("confirmation", offer, value.Append(nil))
}

// polynomial evaluates a vector that comes in pieces: the sum of point^(i+1)·v[i].
type polynomial struct {
	powers []gf128.Element // point, point^2, ... for one piece
	start  gf128.Element   // point to the number of places before the piece
	sum    gf128.Element
}

func newPolynomial(point gf128.Element, size int) *polynomial {
	p := &polynomial{powers: make([]gf128.Element, min(size, PieceElements)), start: gf128.Element{Lo: 1}}
	for i, x := 0, point; i < len(p.powers); i, x = i+1, x.Mul(point) {
		p.powers[i] = x
	}
	return p
}

// add takes the next piece, which is of PieceElements or the last.
func (p *polynomial) add(piece []gf128.Element) {
	p.sum = p.sum.Add(p.start.Mul(gf128.InnerProduct(piece, p.powers[:len(piece)])))
	p.start = p.start.Mul(p.powers[len(p.powers)-1])
}

// inRuns calls f for runs of at most run of 0, ..., n-1, on so many workers, and waits. What
// make gives belongs to one worker.
func inRuns[T any](workers, n, run int, fresh func() T, f func(own T, from, to int)) {
	runs := (n + run - 1) / run
	workers = max(1, min(workers, runs))
	var wait sync.WaitGroup
	work := func(w int) {
		own := fresh()
		for i := runs * w / workers; i < runs*(w+1)/workers; i++ {
			f(own, i*run, min((i+1)*run, n))
		}
	}
	for w := 1; w < workers; w++ {
		wait.Go(func() { work(w) })
	}
	work(0)
	wait.Wait()
}
