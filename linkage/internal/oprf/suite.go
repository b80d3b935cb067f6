package oprf

import (
	"crypto/sha512"
	"crypto/subtle"

	"filippo.io/edwards25519"

	"github.com/hueandcry/hueandcry/linkage/internal/ristretto"
)

// A suite is the four names under which a mode hashes, so that no hash of one use
// or mode is ever one of another; RFC 9497, sections 3.1 and 4.1.
type suite struct {
	toGroup, toScalar, deriveKey, seed string
}

func newSuite(mode Mode) suite {
	if mode > ModePOPRF {
		panic("oprf: unknown mode")
	}
	context := "OPRFV1-" + string([]byte{byte(mode)}) + "-ristretto255-SHA512"
	return suite{
		toGroup:   "HashToGroup-" + context,
		toScalar:  "HashToScalar-" + context,
		deriveKey: "DeriveKeyPair" + context, // without a dash: so the RFC
		seed:      "Seed-" + context,
	}
}

// expand fills out with expand_message_xmd over SHA-512 of the parts joined
// together; RFC 9380, section 5.3.1. It takes at most 255 bytes of name and 255
// blocks of output; ours are constants far below.
func expand(out []byte, name string, parts ...[]byte) {
	// The capacity keeps the inputs of this package off the heap.
	buf := make([]byte, sha512.BlockSize, 512)
	for _, p := range parts {
		buf = append(buf, p...)
	}
	buf = append(buf, byte(len(out)>>8), byte(len(out)), 0)
	buf = append(append(buf, name...), byte(len(name)))
	first := sha512.Sum512(buf)
	var block [sha512.Size]byte // zero, so that the first round hashes first itself
	for i := byte(1); len(out) > 0; i++ {
		subtle.XORBytes(block[:], block[:], first[:])
		buf = append(append(buf[:0], block[:]...), i)
		buf = append(append(buf, name...), byte(len(name)))
		block = sha512.Sum512(buf)
		out = out[copy(out, block[:]):]
	}
}

// scalarFromHash is the RFC's HashToScalar under the given name.
func scalarFromHash(name string, parts ...[]byte) *edwards25519.Scalar {
	var wide [64]byte
	expand(wide[:], name, parts...)
	return ristretto.Reduce(&wide)
}

// elementFromHash is the RFC's HashToGroup, with the refusal of the identity that
// every use of it demands.
func (s *suite) elementFromHash(p *edwards25519.Point, input []byte) error {
	if len(input) > maxString {
		return ErrLength
	}
	var wide [64]byte
	expand(wide[:], s.toGroup, input)
	ristretto.Derive(p, &wide)
	if ristretto.IsIdentity(p) {
		return ErrInput
	}
	return nil
}

// infoScalar is what the info adds to the key in ModePOPRF; RFC 9497, section 3.3.3.
func (s *suite) infoScalar(info []byte) *edwards25519.Scalar {
	return scalarFromHash(s.toScalar, appendFramed([]byte("Info"), info))
}

// output is the last hash of all modes.
func output(mode Mode, input, info, element []byte) [OutputSize]byte {
	buf := appendFramed(make([]byte, 0, 512), input)
	if mode == ModePOPRF {
		buf = appendFramed(buf, info)
	}
	buf = append(appendFramed(buf, element), "Finalize"...)
	return sha512.Sum512(buf)
}

// appendFramed appends the length of b in two bytes, and b.
func appendFramed(to, b []byte) []byte {
	return append(append(to, byte(len(b)>>8), byte(len(b))), b...)
}

// checkInfo says whether info is short enough; only ModePOPRF has any.
func checkInfo(mode Mode, info []byte) error {
	if mode != ModePOPRF && len(info) != 0 {
		panic("oprf: info is for ModePOPRF only")
	}
	if len(info) > maxString {
		return ErrLength
	}
	return nil
}

// count gives the number of elements in a flat batch.
func count(flat []byte) (int, error) {
	if len(flat)%ElementSize != 0 {
		return 0, ErrLength
	}
	n := len(flat) / ElementSize
	if n < 1 || n > MaxBatch {
		return 0, ErrBatch
	}
	return n, nil
}
