package linkage

import (
	"crypto/sha256"
	"encoding/binary"
)

// prf is the output F of the oblivious pseudorandom function for one identifier
// under one agreement and epoch: 32 bytes that the transmitter can compute for
// any identifier, and the receiver only for those it has enrolled. Its first half is
// public where the identifier is published, its other half is a secret: whoever
// has that opens the labels about the identifier.
type prf [tagSize + secretSize]byte

// tagSize is the length of a tag in bytes. Two of n enrolled and m published
// identifiers collide with probability n·m/2^128: 2^-74 at 2^30 and 2^24.
const tagSize = 16

// secretSize is the length of what labels are sealed under, in bytes: 128 bits, and
// what a guess is tried on is different for every record, so that nobody can try it on
// many at once.
const secretSize = 16

// tag is the public name of the j-th signal about an identifier: the first half of F
// for j = 0, and for the others the first half of SHA-256(label ‖ F ‖ j). All of F is
// hashed, so that a guess at the secret can be tried on one identifier only. Tags of
// one identifier cannot be told from tags of many, so that repeats are not visible
// to whoever does not hold it.
type tag [tagSize]byte

// The labels of what is hashed with a secret. They differ from each other and from
// that of an identifier's digest, and with each of them go inputs of one length.
const (
	tagLabel        = "H&C/t2\x00"
	commitmentLabel = "HC/c2" // with all else 64 bytes, as for the stream
	streamLabel     = "H&C/k2\x00\x00"
	scopeLabel      = "H&C/s2\x00" // goes with the scope, and no secret
)

func (f *prf) secret() *[secretSize]byte { return (*[secretSize]byte)(f[tagSize:]) }

func (f *prf) tag(j uint32) tag {
	if j == 0 {
		return tag(f[:tagSize])
	}
	var in [len(tagLabel) + len(prf{}) + 4]byte // with its padding one block
	copy(in[:], tagLabel)
	copy(in[len(tagLabel):], f[:])
	binary.BigEndian.PutUint32(in[len(tagLabel)+len(f):], j)
	sum := sha256.Sum256(in[:])
	return tag(sum[:tagSize])
}

// head is the first eight bytes, by which tags are sorted and found.
func (t *tag) head() uint64 { return binary.BigEndian.Uint64(t[:]) }
