package oprf

import "github.com/hueandcry/hueandcry/linkage/internal/ristretto"

// Scalar gives the bytes of a key, which the vectors have and the package never shows.
func (k *PrivateKey) Scalar() []byte { return k.scalar().Bytes() }

// KeyOf gives a key by its scalar, for the refusal of a key that undoes the info.
func KeyOf(mode Mode, scalar [64]byte) *PrivateKey {
	return newPrivateKey(mode, ristretto.Reduce(&scalar))
}

// InfoScalar gives what an info adds to a key.
func InfoScalar(info []byte) []byte {
	s := newSuite(ModePOPRF)
	return s.infoScalar(info).Bytes()
}

// Expand is expand.
func Expand(out []byte, name string, parts ...[]byte) { expand(out, name, parts...) }
