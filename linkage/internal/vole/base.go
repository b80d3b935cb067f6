package vole

import (
	"crypto/sha512"
	"crypto/subtle"
	"io"
	"sync/atomic"

	"filippo.io/edwards25519"

	"github.com/hueandcry/hueandcry/linkage/internal/ristretto"
)

// The base OTs are the one-round endemic OT of Masny and Rindal (CCS 2019, ePrint
// 2019/706) from the Diffie-Hellman agreement over ristretto255:
//
//	OT sender                                OT receiver, choice c
//	y random, Y = y·G                        x random, other = a random point
//	                 Y -->                   r[1-c] = other
//	                 <-- r[0], r[1]          r[c] = x·G - H(c, r[1-c])
//	key[b] = H(y·(r[b] + H(b, r[1-b])))      key[c] = H(x·Y)
//
// Whoever makes r[0] and r[1] must hash one of them before the other is fixed, so he
// knows the discrete logarithm of at most one of the two sums: that is what stops
// a receiver from taking both keys. The pair is evenly distributed whatever c is, so
// a sender of any power learns nothing of c. Either party can choose the keys it
// learns ("endemic"), which the extension of Roy allows for. One Y serves all
// instances: the session, the index and all points go into every hash.

// key is the outcome of a base OT: the key of one column's stream.
type key [16]byte

// baseOffer is the OT sender's half, held by the receiver of the vectors.
type baseOffer struct {
	secret edwards25519.Scalar
	public [pointSize]byte
}

func newBaseOffer(rand io.Reader) (*baseOffer, error) {
	var wide [64]byte
	if _, err := io.ReadFull(rand, wide[:]); err != nil {
		return nil, err
	}
	o := &baseOffer{secret: *ristretto.Reduce(&wide)}
	ristretto.Encode(&o.public, new(edwards25519.Point).ScalarBaseMult(&o.secret))
	return o, nil
}

// point hashes one point of a pair to another, for instance i and the place b of the sum.
func (s *session) point(p *edwards25519.Point, i, b int, other []byte) {
	seed := s.hash("base point", number(i, b), other)
	wide := sha512.Sum512(append([]byte("hueandcry/vole point"), seed[:]...))
	ristretto.Derive(p, &wide)
}

func (s *session) baseKey(i, b int, offer, pair, shared []byte) (k key) {
	h := s.hash("base key", number(i, b), offer, pair, shared)
	copy(k[:], h[:])
	return k
}

// keys gives both keys of every OT from the peer's kappa pairs of points. It takes the
// same time for all secrets.
func (o *baseOffer) keys(s *session, pairs []byte, workers int) (*[kappa][2]key, error) {
	var keys [kappa][2]key
	var refused atomic.Bool
	half := ristretto.Halve(&o.secret)
	inParallel(workers, kappa, func(from, to int) {
		points := make([]edwards25519.Point, 2*(to-from))
		for i := range points {
			if !s.sum(&points[i], from+i/2, i%2, pairs[(from+i/2)*2*pointSize:][:2*pointSize]) {
				refused.Store(true)
				return
			}
		}
		ristretto.MulAll(half, points)
		shared := make([]byte, len(points)*pointSize)
		ristretto.EncodeDoubled(shared, points)
		for i := range points {
			pair := pairs[(from+i/2)*2*pointSize:][:2*pointSize]
			keys[from+i/2][i%2] = s.baseKey(from+i/2, i%2, o.public[:], pair, shared[i*pointSize:][:pointSize])
		}
	})
	if refused.Load() {
		return nil, ErrPoint
	}
	return &keys, nil
}

// sum sets p to point b of the pair of instance i plus the hash of the other, and says
// whether both can be used. A non-canonical point would give one point two hashes; a point
// or sum that is the identity makes every key with it known to all.
func (s *session) sum(p *edwards25519.Point, i, b int, pair []byte) bool {
	var a ristretto.Affine
	if !ristretto.Decode(&a, pair[b*pointSize:][:pointSize]) {
		return false
	}
	var hashed edwards25519.Point
	a.Point(p)
	s.point(&hashed, i, b, pair[(1-b)*pointSize:][:pointSize])
	return !ristretto.IsIdentity(p.Add(p, &hashed))
}

// choose makes the OT receiver's pairs of points and its keys, for the choices in the
// bits of delta and the peer's point. It takes the same time for all choices.
func choose(s *session, rand io.Reader, offer []byte, delta choices, workers int) (pairs []byte, keys *[kappa]key, err error) {
	var theirs ristretto.Affine
	if !ristretto.Decode(&theirs, offer) { // the identity too: see sum
		return nil, nil, ErrPoint
	}
	var drawn [kappa][2][64]byte // for x, and for the other point
	for i := range drawn {
		for j := range drawn[i] {
			if _, err := io.ReadFull(rand, drawn[i][j][:]); err != nil {
				return nil, nil, err
			}
		}
	}
	pairs, keys = make([]byte, kappa*2*pointSize), new([kappa]key)
	multiples := ristretto.NewTable(&theirs)
	inParallel(workers, kappa, func(from, to int) {
		points := make([]edwards25519.Point, to-from) // half of what is shared
		for i := from; i < to; i++ {
			c, pair := delta.bit(i), pairs[i*2*pointSize:][:2*pointSize]
			x := ristretto.Reduce(&drawn[i][0])
			var p, hashed edwards25519.Point
			var own, other [pointSize]byte
			ristretto.Derive(&p, &drawn[i][1])
			ristretto.Encode(&other, &p)
			s.point(&hashed, i, c, other[:])
			p.ScalarBaseMult(x)
			ristretto.Encode(&own, p.Subtract(&p, &hashed))
			first, second := pair[:pointSize], pair[pointSize:]
			copy(first, own[:])
			copy(second, other[:])
			subtle.ConstantTimeCopy(c, first, other[:])
			subtle.ConstantTimeCopy(c, second, own[:])
			multiples.Mul(&points[i-from], ristretto.Halve(x))
		}
		shared := make([]byte, len(points)*pointSize)
		ristretto.EncodeDoubled(shared, points)
		for i := from; i < to; i++ {
			keys[i] = s.baseKey(i, delta.bit(i), offer, pairs[i*2*pointSize:][:2*pointSize], shared[(i-from)*pointSize:][:pointSize])
		}
	})
	return pairs, keys, nil
}
