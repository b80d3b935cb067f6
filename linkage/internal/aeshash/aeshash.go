// Package aeshash hashes blocks of 16 bytes with AES under a fixed, public key,
// many at a time: H(x) = AES(x) + x, the construction of Matyas, Meyer and Oseas.
//
// It is for seeds that are random to whoever must not know them, as in the trees
// of Goldreich, Goldwasser and Micali, with AES taken for a random permutation
// (Guo, Katz, Wang and Yu, "Efficient and Secure Multiparty Computation from
// Fixed-Key Block Ciphers", 2020). It is no hash for inputs that a stranger can
// choose: those need a salt or a tweak, or SHA-256.
//
// There are up to three implementations of the same results: crypto/aes, and on
// amd64 assembly for AES-NI with AVX and for VAES with AVX-512, the best one that
// the processor has being taken. The build tag purego leaves only the first, and
// makes crypto/aes itself use tables: its time then depends on the blocks
// through the cache, which a stranger on the same processor may see.
package aeshash

import (
	"crypto/aes"
	"crypto/cipher"

	"github.com/hueandcry/hueandcry/linkage/internal/gf128"
)

//go:generate go run -C _asm . -out ../aeshash_amd64.s

// Block is what is hashed: 16 bytes, as the field element that they encode, so
// that the leaves of a tree are elements without being copied.
type Block = gf128.Element

// Key is an expanded AES-128 key. It does not change and can be used by many
// goroutines at once; the zero value is not usable, see [New].
type Key struct {
	schedule [11]Block // for the assembly only
	block    cipher.Block
}

// New expands a key.
func New(key [16]byte) *Key {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic("aeshash: " + err.Error()) // the length is right
	}
	return &Key{schedule: expandKey(gf128.FromBytes(key[:])), block: block}
}

// Hash sets dst[i] = AES(src[i]) + src[i] for every i. The slices must have the
// same length, else it panics, and be the same memory or not overlap at all.
func (k *Key) Hash(dst, src []Block) {
	if len(dst) != len(src) {
		panic("aeshash: slices of different lengths")
	}
	hash(k, dst, src)
}

// Expand makes one level of a binary tree from the level above. The children of
// src[i] are dst[2i] = left.Hash(src[i]) and dst[2i+1] = right.Hash(src[i]). It
// returns the sum of all left children and that of all right ones.
//
// dst must be twice as long as src, else it panics, and not overlap it.
func Expand(left, right *Key, dst, src []Block) (leftSum, rightSum Block) {
	if len(dst) != 2*len(src) {
		panic("aeshash: a level has twice the length of the one above")
	}
	return expand(left, right, dst, src)
}
