package hashing

import (
	"crypto/sha256"
	"sync"
)

// digestLabel separates Digest from every other use of SHA-256.
const digestLabel = "hueandcry/d/v3\x00"

// digestRun is how many are hashed at a time: enough for the widest instructions, and all of
// it in the nearest cache.
const digestRun = 64

// digestInput is label ‖ kind ‖ form in the even halves, the salt in the odd ones. All parts
// have fixed sizes: no two (kind, form, salt) give the same bytes.
type digestInput [2 * digestRun][32]byte

func (in *digestInput) put(i int, id Identifier, salt *[32]byte) {
	if id.IsZero() {
		panic("hashing: use of a zero Identifier")
	}
	head := &in[2*i]
	head[len(digestLabel)] = byte(id.kind)
	f := head[len(digestLabel)+1:]
	copy(f, id.box[:])
	processCiphers()[id.kind].Decrypt(f, f)
	in[2*i+1] = *salt
}

// free gives back what was put, of which nothing stays.
func (in *digestInput) free(n int) {
	for i := range n {
		clear(in[2*i][len(digestLabel):])
	}
	digestInputs.Put(in)
}

// digestInputs have the labels in their places. They lie on the heap for the reason that
// blocks do.
var digestInputs = sync.Pool{New: func() any {
	in := new(digestInput)
	for i := range digestRun {
		copy(in[2*i][:], digestLabel)
	}
	return in
}}

// Digest is the SHA-256 of the identifier under a salt: package linkage gives the
// digest of the agreement. It exists to be the input of an oblivious pseudorandom
// function.
//
// It is NOT private: whoever knows the salt can try all phone numbers in minutes.
// Never store it, log it or send it.
func (id Identifier) Digest(salt [32]byte) [32]byte {
	in := digestInputs.Get().(*digestInput)
	in.put(0, id, &salt)
	var whole [64]byte
	copy(whole[:], in[0][:])
	copy(whole[32:], salt[:])
	in.free(1)
	sum := sha256.Sum256(whole[:])
	clear(whole[:])
	return sum
}

// Digests sets out[i] to the Digest of ids[i], in half the time where the processor can
// hash several at once. It panics if the slices have different lengths, or on a zero Identifier.
func Digests(out [][32]byte, ids []Identifier, salt [32]byte) {
	if len(out) != len(ids) {
		panic("hashing: slices of different lengths")
	}
	in := digestInputs.Get().(*digestInput)
	most := min(digestRun, len(ids))
	for len(ids) > 0 {
		n := min(digestRun, len(ids))
		for i, id := range ids[:n] {
			in.put(i, id, &salt)
		}
		hashPairs(out[:n], in[:2*n])
		ids, out = ids[n:], out[n:]
	}
	in.free(most)
}
