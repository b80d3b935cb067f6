package oprf

import (
	"errors"
	"io"

	"filippo.io/edwards25519"

	"github.com/hueandcry/hueandcry/linkage/internal/ristretto"
)

// Sizes in bytes.
const (
	ElementSize = 32 // an encoded group element: a public key, a blinded or evaluated input
	OutputSize  = 64 // an output
	ProofSize   = 64 // a proof, whatever the size of the batch
)

// MaxBatch is the most inputs of one batch; the least is one. The RFC numbers the
// elements of a batch in two bytes.
const MaxBatch = 1<<16 - 1

const maxString = 1<<16 - 1 // the RFC gives the length of inputs and info in two bytes

// Mode is one of the RFC's three protocols. Any other value is a bug of the caller,
// and panics.
type Mode byte

// The modes, by their numbers in the RFC.
const (
	ModeOPRF  Mode = 0 // no proof
	ModeVOPRF Mode = 1 // with proof
	ModePOPRF Mode = 2 // with proof, and with info bound into every output
)

// Errors, to be used with errors.Is. None holds anything of what it is about. Errors
// of the caller's source of randomness are passed on as they are.
var (
	ErrElement = errors.New("oprf: not the canonical encoding of a group element, or the identity")
	ErrProof   = errors.New("oprf: the proof does not hold")
	ErrLength  = errors.New("oprf: wrong length")
	ErrBatch   = errors.New("oprf: a batch holds from 1 to 65535 elements")
	ErrInput   = errors.New("oprf: the input maps to the identity")         // nobody can find such an input
	ErrInverse = errors.New("oprf: the key has no inverse under this info") // whoever chose the info knows the key
	ErrRandom  = errors.New("oprf: the source of randomness gave zero")     // a broken source
)

// PrivateKey is a server's key for one mode. The zero value is invalid, and its use
// panics. A key never prints: its scalar lies behind a function.
type PrivateKey struct {
	mode   Mode
	scalar func() *edwards25519.Scalar
	public [ElementSize]byte
}

// DeriveKey gives the key that belongs to a mode, a uniformly random seed and a text
// for what the key is meant, of at most 65535 bytes (ErrLength); RFC 9497, section
// 3.2.1.
func DeriveKey(mode Mode, seed [32]byte, info []byte) (*PrivateKey, error) {
	s := newSuite(mode)
	if len(info) > maxString {
		return nil, ErrLength
	}
	input := appendFramed(seed[:], info)
	for counter := range 256 {
		k := scalarFromHash(s.deriveKey, input, []byte{byte(counter)})
		if !isZero(k) {
			return newPrivateKey(mode, k), nil
		}
	}
	return nil, ErrInverse // not before the end of time
}

func newPrivateKey(mode Mode, k *edwards25519.Scalar) *PrivateKey {
	key := &PrivateKey{mode: mode, scalar: func() *edwards25519.Scalar { return k }}
	ristretto.Encode(&key.public, new(edwards25519.Point).ScalarBaseMult(k))
	return key
}

// Public gives the encoded public key, of ElementSize bytes.
func (k *PrivateKey) Public() []byte {
	if k.scalar == nil {
		panic("oprf: the zero PrivateKey was used")
	}
	return append([]byte(nil), k.public[:]...)
}

// randomScalar reads 64 bytes and reduces them. Zero is refused and not tried
// again, for a source that gives it twice would give it for ever.
func randomScalar(rand io.Reader) (*edwards25519.Scalar, error) {
	var wide [64]byte
	if _, err := io.ReadFull(rand, wide[:]); err != nil {
		return nil, err
	}
	s := ristretto.Reduce(&wide)
	if isZero(s) {
		return nil, ErrRandom
	}
	return s, nil
}
