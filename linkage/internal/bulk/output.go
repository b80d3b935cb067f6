package bulk

import (
	"crypto/sha256"
	"encoding/binary"
	"sync"

	"github.com/hueandcry/hueandcry/linkage/internal/gf128"
	"github.com/hueandcry/hueandcry/linkage/internal/pairs"
)

// Output is the value of the function for an item.
type Output = [32]byte

const outputLabel = "hueandcry/F/v1\x00\x00" // 16 bytes

// F is the SHA-256 of a label, of the field element with w added, and of the item: 64 bytes in
// two halves. The session is in w, which is a hash of it. hasher computes some at a time.
type hasher struct {
	in  [2 * run][32]byte
	out [run]Output
}

func newHasher() *hasher {
	h := new(hasher)
	for i := range run {
		copy(h.in[2*i][:], outputLabel)
	}
	return h
}

// outputs gives F for at most run items, until it is called again.
func (h *hasher) outputs(v []gf128.Element, w gf128.Element, items []Item) []Output {
	for i := range items {
		half := h.in[2*i][len(outputLabel):]
		binary.LittleEndian.PutUint64(half, v[i].Lo^w.Lo)
		binary.LittleEndian.PutUint64(half[8:], v[i].Hi^w.Hi)
		h.in[2*i+1] = items[i]
	}
	out := h.out[:len(items)]
	if len(out) > 0 {
		pairs.Hash(out, h.in[:2*len(items)])
	}
	return out
}

// output is F for one item.
func output(v, w gf128.Element, x *Item) Output {
	var whole [64]byte
	copy(whole[:], outputLabel)
	binary.LittleEndian.PutUint64(whole[len(outputLabel):], v.Lo^w.Lo)
	binary.LittleEndian.PutUint64(whole[len(outputLabel)+8:], v.Hi^w.Hi)
	copy(whole[32:], x[:])
	return sha256.Sum256(whole[:])
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

// eachRun calls f with runs of the items, at most run of them at a time, and with the number of
// items before them, on so many workers, and waits. What fresh gives belongs to one worker.
func eachRun[T any](workers int, items Segments, fresh func() T, f func(own T, from int, some []Item)) {
	type job struct {
		from int
		some []Item
	}
	var jobs []job
	from := 0
	for _, rest := range items {
		for len(rest) > 0 {
			n := min(run, len(rest))
			jobs = append(jobs, job{from, rest[:n]})
			rest, from = rest[n:], from+n
		}
	}
	workers = max(1, min(workers, len(jobs)))
	var wait sync.WaitGroup
	work := func(w int) {
		own := fresh()
		for _, j := range jobs[len(jobs)*w/workers : len(jobs)*(w+1)/workers] {
			f(own, j.from, j.some)
		}
	}
	for w := 1; w < workers; w++ {
		wait.Go(func() { work(w) })
	}
	work(0)
	wait.Wait()
}
