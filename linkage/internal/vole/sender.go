package vole

import (
	"io"

	"github.com/hueandcry/hueandcry/linkage/internal/gf128"
)

// Sender is the party that ends with Delta and B. Make it with [NewSender]. It is for one
// session and one goroutine at a time.
type Sender struct {
	// Workers is the number of goroutines for the long steps; none outlives its step.
	// Zero counts as one. The results do not depend on it.
	Workers int
	// Space, if not nil, is where the vector comes to lie.
	Space *Space

	*session
	rand  io.Reader
	next  func(in []byte) (out []byte, err error)
	ended error
	done  bool

	delta choices
	keys  *[kappa]key
	coin  [coinSize]byte
	check gf128.Element // K of the check

	b []gf128.Element
}

// NewSender begins a session. The id must be new for every session, and the same on
// both sides; rand is a source of secret random bytes.
func NewSender(p Params, id [32]byte, rand io.Reader) *Sender {
	s := &Sender{session: newSession(p, id), rand: rand}
	s.next = s.choose
	return s
}

// Step takes the message that came from the receiver and gives the one to send to it; done
// says that it is the last. It is called three times, and panics after that. An
// error ends the session: it is one of this package's, or that of the source of randomness.
func (s *Sender) Step(in []byte) (out []byte, done bool, err error) {
	return advance(&s.next, &s.ended, &s.done, in)
}

// Vectors gives Delta, and B of the session's length. With a Space B is the caller's until
// its next use, otherwise for good. It panics before the session
// is done. The receiver may have failed after that and then has nothing; the sender's
// vector is of no use to anyone then.
func (s *Sender) Vectors() (delta gf128.Element, b []gf128.Element) {
	if !s.done {
		panic("vole: vectors of an unfinished session")
	}
	s.Ahead()
	return gf128.Element(s.delta), s.b
}

// Ahead does what is left to do when the last message has been made: while that is under way, or
// Vectors does it.
func (s *Sender) Ahead() {
	if p := s.params; s.done && len(s.b) > p.length {
		newCode(s.seed, p.noise()-p.inner).encode(s.b[:p.length], s.b[p.inner:], s.Workers)
		s.b = s.b[:p.length:p.length]
	}
}

// advance runs the next step of a party. An error is final.
func advance(next *func([]byte) ([]byte, error), ended *error, done *bool, in []byte) ([]byte, bool, error) {
	if *ended != nil {
		return nil, false, *ended
	}
	if *done {
		panic("vole: a step after the last")
	}
	out, err := (*next)(in)
	if err != nil {
		*ended, *next = err, nil
		return nil, false, err
	}
	return out, *done, nil
}

func (s *Sender) choose(in []byte) ([]byte, error) {
	body, err := s.open(in, kindPoint)
	if err != nil {
		return nil, err
	}
	delta, err := newElement(s.rand)
	if err != nil {
		return nil, err
	}
	s.delta = choices(delta)
	if _, err := io.ReadFull(s.rand, s.coin[:]); err != nil {
		return nil, err
	}
	pairs, keys, err := choose(s.session, s.rand, body, s.delta, s.Workers)
	if err != nil {
		return nil, err
	}
	s.keys = keys
	m := append(s.begin(kindChoices), pairs...)
	m = append(m, s.commitment(s.coin[:])...)
	s.next = s.plant
	return s.end(m, kindChoices), nil
}

func (s *Sender) plant(in []byte) ([]byte, error) {
	p := s.params
	before := s.seen()
	body, err := s.open(in, kindExtend)
	if err != nil {
		return nil, err
	}
	corrections := take(&body, kappa*p.blocks()*gf128.Size)
	q := extendSender(corrections, s.keys, s.delta, p.blocks())
	// Nothing that depends on q may leave before this.
	if err := checkColumns(take(&body, checkSize), s.columnHasher(before, corrections), q, s.delta); err != nil {
		return nil, err
	}
	s.seed = s.codeSeed(s.seen(), s.coin[:], body)
	values, rows := p.fold(q), p.rows(q)
	s.check = values[p.trees]

	m := append(s.begin(kindTrees), s.coin[:]...)
	s.b = s.Space.vector(0, p.noise())
	roots := make([]gf128.Element, p.trees)
	for j := range roots {
		if roots[j], err = newElement(s.rand); err != nil {
			return nil, err
		}
	}
	sums := m[len(m):cap(m)]
	inParallel(s.Workers, p.trees, func(from, to int) {
		scratch := make([]gf128.Element, p.width(p.depth-1))
		for j := from; j < to; j++ {
			s.growTree(sums[j*p.treeSize():][:0], s.b[j*p.leaves:][:p.leaves], scratch,
				j, roots[j], values[j], gf128.Element(s.delta), rows[j*p.depth:][:p.depth])
		}
	})
	m = m[:cap(m)]
	s.next = s.finish
	return s.end(m, kindTrees), nil
}

func (s *Sender) finish(in []byte) ([]byte, error) {
	p := s.params
	body, err := s.open(in, kindChallenge)
	if err != nil {
		return nil, err
	}
	side := p.evaluate(s.b, takeElement(&body)).Add(s.check)
	m := s.begin(kindAnswer)
	m = append(m, s.answer(side)...)
	s.keys, s.next, s.done = nil, nil, true
	return s.end(m, kindAnswer), nil
}
