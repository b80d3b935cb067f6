package vole

import (
	"crypto/subtle"
	"io"
	"sync"

	"github.com/hueandcry/hueandcry/linkage/internal/gf128"
)

// Receiver is the party that ends with A and C, once [Receiver.Finish] is called. Make it with
// [NewReceiver]. It is for one session and one goroutine at a time.
type Receiver struct {
	// Workers is the number of goroutines for the long steps; none outlives its step.
	// Zero counts as one. The results do not depend on it.
	Workers int
	// Space, if not nil, is where the vectors come to lie.
	Space *Space

	*session
	rand  io.Reader
	next  func(in []byte) (out []byte, err error)
	ended error
	done  bool

	offer  *baseOffer
	noise  *noise
	check  *challenge
	values []gf128.Element // M
	rows   []gf128.Element // t of the trees' OTs
	theirs []byte          // the commitment of the sender to its coin
	coin   [coinSize]byte
	want   []byte

	a []gf128.Element
}

// NewReceiver begins a session. The id must be new for every session, and the same on
// both sides; rand is a source of secret random bytes.
func NewReceiver(p Params, id [32]byte, rand io.Reader) *Receiver {
	r := &Receiver{session: newSession(p, id), rand: rand}
	r.next = r.start
	return r
}

// Step takes the message that came from the sender, nil at first, and gives the one to
// send to it; done says that there are no more. It is called four times, and
// panics after that. An error ends the session: it is one of this package's, or that of the
// source of randomness.
func (r *Receiver) Step(in []byte) (out []byte, done bool, err error) {
	return advance(&r.next, &r.ended, &r.done, in)
}

// Finish adds C to v, of the session's length, and gives A. With a Space A is the caller's
// until its next use, otherwise for good. It can be called once, and panics before the session
// is done.
func (r *Receiver) Finish(v []gf128.Element) (a []gf128.Element) {
	p := r.params
	switch {
	case !r.done || r.noise == nil:
		panic("vole: vectors of an unfinished session, or taken again")
	case len(v) != p.length:
		panic("vole: a vector of another length")
	}
	code, workers := newCode(r.seed, p.noise()-p.inner), max(1, r.Workers/2)
	half := r.a[p.inner:] // the second, of no use when A is there
	var wait sync.WaitGroup
	if r.Workers > 1 {
		// Much of the work is one step after the other.
		second := half
		wait.Go(func() { code.encode(r.a[:p.length], second, workers) })
		half = r.Space.vector(1, len(half))
	} else {
		code.encode(r.a[:p.length], half, workers)
	}
	clear(half)
	for j, value := range r.noise.values {
		if at := j*p.leaves + r.noise.places[j]; at >= p.inner {
			half[at-p.inner] = value
		} else if at < p.length {
			v[at] = v[at].Add(value)
		}
	}
	code.encode(v, half, workers)
	wait.Wait()
	r.noise = nil
	return r.a[:p.length:p.length]
}

func (r *Receiver) start(in []byte) ([]byte, error) {
	if in != nil {
		panic("vole: the receiver speaks first")
	}
	var err error
	if r.offer, err = newBaseOffer(r.rand); err != nil {
		return nil, err
	}
	r.next = r.extend
	return r.end(append(r.begin(kindPoint), r.offer.public[:]...), kindPoint), nil
}

func (r *Receiver) extend(in []byte) ([]byte, error) {
	p := r.params
	body, err := r.open(in, kindChoices)
	if err != nil {
		return nil, err
	}
	keys, err := r.offer.keys(r.session, take(&body, kappa*2*pointSize), r.Workers)
	if err != nil {
		return nil, err
	}
	r.theirs = append(r.theirs, body...)
	if r.noise, err = newNoise(p, r.rand); err != nil {
		return nil, err
	}
	if r.check, err = newChallenge(p, r.rand, r.noise); err != nil {
		return nil, err
	}
	if _, err := io.ReadFull(r.rand, r.coin[:]); err != nil {
		return nil, err
	}

	// The bits of all rows: the values, then the sums wanted of the trees, then the masks.
	x := make(column, p.blocks())
	copy(x, r.noise.values)
	x[p.trees] = r.check.value
	bit := p.voleBlocks() * kappa
	for _, place := range r.noise.places {
		for _, side := range p.path(place) {
			e := &x[bit/kappa]
			if wanted := uint64(1 - side); bit%kappa < 64 {
				e.Lo |= wanted << (bit % 64)
			} else {
				e.Hi |= wanted << (bit % 64)
			}
			bit++
		}
	}
	for h := range maskBlocks {
		if x[len(x)-1-h], err = newElement(r.rand); err != nil {
			return nil, err
		}
	}

	m, t := extendReceiver(r.begin(kindExtend), keys, x)
	m = proveColumns(m, r.columnHasher(r.seen(), m[headerSize:]), x, t)
	m = append(m, r.coin[:]...)
	r.values, r.rows = p.fold(t), p.rows(t)
	r.offer = nil
	r.next = r.puncture
	return r.end(m, kindExtend), nil
}

func (r *Receiver) puncture(in []byte) ([]byte, error) {
	p := r.params
	before := r.seen()
	body, err := r.open(in, kindTrees)
	if err != nil {
		return nil, err
	}
	coin := take(&body, coinSize)
	if subtle.ConstantTimeCompare(r.commitment(coin), r.theirs) != 1 {
		return nil, ErrCommitment
	}
	r.seed = r.codeSeed(before, coin, r.coin[:])
	r.a = r.Space.vector(0, p.noise())
	inParallel(r.Workers, p.trees, func(from, to int) {
		scratch := make([]gf128.Element, p.width(p.depth-1))
		for j := from; j < to; j++ {
			r.growPunctured(body[j*p.treeSize():][:p.treeSize()], r.a[j*p.leaves:][:p.leaves], scratch,
				j, r.noise.places[j], r.values[j], r.rows[j*p.depth:][:p.depth])
		}
	})
	m := r.end(r.check.point.Append(r.begin(kindChallenge)), kindChallenge)
	r.next = r.finish
	return m, nil
}

// Ahead does what is to be done before the sender's next message can be read: while that is under
// way, or the next Step does it.
func (r *Receiver) Ahead() {
	if p := r.params; r.rows != nil && r.a != nil && r.want == nil {
		side := p.evaluate(r.a, r.check.point).Add(r.values[p.trees])
		r.want = r.answer(side)
	}
}

func (r *Receiver) finish(in []byte) ([]byte, error) {
	r.Ahead()
	body, err := r.open(in, kindAnswer)
	if err != nil {
		return nil, err
	}
	if err := checkAnswer(body, r.want); err != nil {
		return nil, err
	}
	r.check, r.values, r.rows = nil, nil, nil
	r.next, r.done = nil, true
	return nil, nil
}
