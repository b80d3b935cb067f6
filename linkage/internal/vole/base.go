package vole

import (
	"crypto/sha512"
	"crypto/subtle"
	"io"

	"github.com/gtank/ristretto255"
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
	secret ristretto255.Scalar
	public [pointSize]byte
}

// scalar and element map 64 uniform bytes to evenly distributed ones.
func scalar(wide *[64]byte) *ristretto255.Scalar {
	x, err := ristretto255.NewScalar().SetUniformBytes(wide[:])
	if err != nil {
		panic("vole: " + err.Error()) // only a wrong length can fail
	}
	return x
}

func element(wide []byte) *ristretto255.Element {
	p, err := ristretto255.NewIdentityElement().SetUniformBytes(wide)
	if err != nil {
		panic("vole: " + err.Error()) // only a wrong length can fail
	}
	return p
}

func newBaseOffer(rand io.Reader) (*baseOffer, error) {
	var wide [64]byte
	if _, err := io.ReadFull(rand, wide[:]); err != nil {
		return nil, err
	}
	o := &baseOffer{secret: *scalar(&wide)}
	copy(o.public[:], ristretto255.NewIdentityElement().ScalarBaseMult(&o.secret).Bytes())
	return o, nil
}

// readPoint reads a point of the peer. A non-canonical one would give one point two
// hashes; the identity makes every key with it known to all.
func readPoint(b []byte) (*ristretto255.Element, error) {
	p, err := ristretto255.NewIdentityElement().SetCanonicalBytes(b)
	if err != nil || p.Equal(ristretto255.NewIdentityElement()) == 1 {
		return nil, ErrPoint
	}
	return p, nil
}

// point hashes one point of a pair to another, for instance i and the place b of the sum.
func (s *session) point(i, b int, other []byte) *ristretto255.Element {
	seed := s.hash("base point", number(i, b), other)
	wide := sha512.Sum512(append([]byte("hueandcry/vole point"), seed[:]...))
	return element(wide[:])
}

func (s *session) baseKey(i, b int, offer, pair, shared []byte) (k key) {
	h := s.hash("base key", number(i, b), offer, pair, shared)
	copy(k[:], h[:])
	return k
}

// keys gives both keys of every OT from the peer's kappa pairs of points.
func (o *baseOffer) keys(s *session, pairs []byte, workers int) (*[kappa][2]key, error) {
	var keys [kappa][2]key
	var errs [kappa]error
	inParallel(workers, kappa, func(from, to int) {
		for i := from; i < to; i++ {
			keys[i], errs[i] = o.bothKeys(s, i, pairs[i*2*pointSize:][:2*pointSize])
		}
	})
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return &keys, nil
}

func (o *baseOffer) bothKeys(s *session, i int, pair []byte) (keys [2]key, err error) {
	for b := range keys {
		sum, err := readPoint(pair[b*pointSize:][:pointSize])
		if err != nil {
			return keys, err
		}
		sum.Add(sum, s.point(i, b, pair[(1-b)*pointSize:][:pointSize]))
		if sum.Equal(ristretto255.NewIdentityElement()) == 1 {
			return keys, ErrPoint
		}
		sum.ScalarMult(&o.secret, sum)
		keys[b] = s.baseKey(i, b, o.public[:], pair, sum.Bytes())
	}
	return keys, nil
}

// choose makes the OT receiver's pairs of points and its keys, for the choices in the
// bits of delta and the peer's point. It takes the same time for all choices.
func choose(s *session, rand io.Reader, offer []byte, delta choices, workers int) (pairs []byte, keys *[kappa]key, err error) {
	theirs, err := readPoint(offer)
	if err != nil {
		return nil, nil, err
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
	inParallel(workers, kappa, func(from, to int) {
		for i := from; i < to; i++ {
			c, pair := delta.bit(i), pairs[i*2*pointSize:][:2*pointSize]
			x := scalar(&drawn[i][0])
			other := element(drawn[i][1][:]).Bytes()
			own := ristretto255.NewIdentityElement().ScalarBaseMult(x)
			own.Subtract(own, s.point(i, c, other))
			first, second := pair[:pointSize], pair[pointSize:]
			copy(first, own.Bytes())
			copy(second, other)
			subtle.ConstantTimeCopy(c, first, other)
			subtle.ConstantTimeCopy(c, second, own.Bytes())
			shared := ristretto255.NewIdentityElement().ScalarMult(x, theirs)
			keys[i] = s.baseKey(i, c, offer, pair, shared.Bytes())
		}
	})
	return pairs, keys, nil
}
