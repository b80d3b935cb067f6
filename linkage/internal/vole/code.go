package vole

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"

	"github.com/hueandcry/hueandcry/linkage/internal/gf128"
)

// The code is the systematic expand-convolute code of Raghuraman, Rindal and Tanguy
// (Crypto 2023, ePrint 2023/882), weight 7 and memory 24, with the accumulation done
// twice as its authors corrected it in January 2024. A noise vector of a first part
// x1 as long as the result, and a second x2, becomes
//
//	y = x1 + Expand(Accumulate(Accumulate(x2)))
//
// An accumulation goes once round the ring of x2, and a little further: for step k = 0,
// 1, ..., n+24 in turn, with all places taken modulo n,
//
//	x[k] = X·(x[k] + x[k-25]) + Σ b[k,d]·x[k-d]   over d = 1, ..., 24
//
// where the b are random bits, and what would lie before step 0 counts as zero. The last
// 25 steps carry the end over to the start, so that the second round carries every
// place to every other. The factor X is for the field: it lies in no subfield, so that no
// linear map of the field to bits commutes with the code. With such a map the code
// would fall apart into binary ones, in which half of the noise values vanish.
//
// Expand adds to each place of the result one place from each of seven nearly equal parts of
// x2, chosen at random. (The reference takes four from four quarters and three from
// anywhere.) So no row lies in a small region of x2, the flaw that the correction of 2024
// was about; and each part fits a cache. A choice below s is the upper half of the product
// of s and 32 random bits, which favours no place by more than s/2^32.
//
// The seed is tossed jointly once the noise is fixed, so that neither party can look for a
// seed with a bad code, nor prepare an attack on one. All of it is public, and so may be
// the time that it takes.

const (
	weight = 7
	memory = 24
	rounds = 2
	// lag is the distance of the one term that every step adds, just past the memory.
	lag = memory + 1
	// state is the number of elements that both rounds carry from step to step.
	state = rounds * lag
)

// code is the code for one seed: y is as long as x1, and x2 has span places.
type code struct {
	block cipher.Block
	span  int
}

func newCode(seed [32]byte, span int) *code {
	if span <= 2*lag {
		panic("vole: a code too small") // a fault of this package
	}
	// AES-128 in counter mode, the number of the stream being the counter's first byte:
	// first those of the rounds, then those of the parts.
	b, err := aes.NewCipher(seed[:16])
	if err != nil {
		panic("vole: " + err.Error()) // only a wrong length can fail
	}
	return &code{b, span}
}

// encode adds Expand(Accumulate(Accumulate(x2))) to y, of which x2 is of no meaning then. y may
// be a part of the code word, from the start. Two vectors are encoded one after the other: side by
// side, with the choices shared, was measured to be half as fast, for then twice as much must
// stay in the cache.
func (c *code) encode(y, x2 []gf128.Element, workers int) {
	for round := range rounds {
		accumulate(x2, c.words(round, 0), accumulateGroups)
	}
	m := len(y)
	for part := range weight {
		inParallel(workers, (m+wordsAtOnce-1)/wordsAtOnce, func(from, to int) {
			c.expand(y, x2, part, from*wordsAtOnce, min(to*wordsAtOnce, m))
		})
	}
}

// part gives the place and the number of places of one of the seven parts of x2.
func (c *code) part(k int) (from, size int) {
	from = k * c.span / weight
	return from, (k+1)*c.span/weight - from
}

// expand adds the places of a part to those of y from one on, a multiple of wordsAtOnce, up
// to another. Part by part, for then the random accesses stay in the cache; the
// orderly ones to y cost less.
func (c *code) expand(y, x2 []gf128.Element, part, from, to int) {
	start, size := c.part(part)
	x := x2[start:][:size]
	w := c.words(rounds+part, from)
	for ; from < to; from += wordsAtOnce {
		now := y[from:min(from+wordsAtOnce, to)]
		gather(now, x, w.take(len(now)))
	}
}

// gatherPortable adds to each place of y the place of x that its four bytes choose.
func gatherPortable(y, x []gf128.Element, bits []byte) {
	for i := range y {
		e := &x[uint64(binary.LittleEndian.Uint32(bits[4*i:]))*uint64(len(x))>>32]
		y[i].Lo ^= e.Lo
		y[i].Hi ^= e.Hi
	}
}

// words is one of the code's streams of random 32-bit words, little-endian.
type words struct {
	stream cipher.Stream
	left   []byte
	buf    [4 * wordsAtOnce]byte
}

const wordsAtOnce = 1 << 11 // 8 KiB, so that they stay in the first cache

// words gives a stream without its first words, a multiple of the four that a block has.
func (c *code) words(stream, skip int) *words {
	var counter [aes.BlockSize]byte
	counter[0] = byte(stream)
	binary.BigEndian.PutUint64(counter[8:], uint64(skip/4))
	return &words{stream: cipher.NewCTR(c.block, counter[:])}
}

// ready gives the number of words that can be taken at once, at least one.
func (w *words) ready() int {
	if len(w.left) == 0 {
		clear(w.buf[:])
		w.stream.XORKeyStream(w.buf[:], w.buf[:])
		w.left = w.buf[:]
	}
	return len(w.left) / 4
}

// take gives the bytes of the next n words, of those that are ready.
func (w *words) take(n int) []byte {
	w.ready()
	return take(&w.left, 4*n)
}
