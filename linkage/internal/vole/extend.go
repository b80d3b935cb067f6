package vole

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"

	"github.com/hueandcry/hueandcry/linkage/internal/gf128"
)

// The extension is that of Ishai, Kilian, Nissim and Petrank (2003) in the form of Roy's
// SoftSpokenOT with k = 1 (Crypto 2022, ePrint 2022/192), whose consistency check is
// proven where that of Keller, Orsini and Scholl (2015) is not. It is the extension
// of a correlation: with a bit x for every row the receiver has t, the sender q, both
// in GF(2^128), such that
//
//	q = t + x·Delta
//
// where the bits of Delta are the sender's choices in the base OTs. Column i, the i-th
// bits of all rows, is stretched from the keys of base OT i: t from key 0, and
// the receiver sends both streams and x added up, with which the sender corrects its own.
//
// A receiver that uses another x in some column learns, from what later depends on q, the
// bit of Delta that belongs to it. Against it, all columns are hashed by one linear
// function, and the receiver shows the hash of x and of every column of t; to pass with
// a differing column it must guess that bit of Delta now, and a wrong guess ends
// the session. The function takes a column as coefficients of a polynomial over GF(2^128)
// and evaluates it in two points; two different columns agree in both with a chance
// below 2^-220. So the points may come from a hash of the message itself: no amount of
// trying finds columns that collide. Two blocks of random rows, which enter the hashes
// with the coefficient 1 and nothing else, hide x behind its hash.
//
// The relation is used twice, with one Delta, as in Ferret (ePrint 2020/924). For OTs a row is
// hashed with its index (see pad): of the message that is not its own, the hash of t + Delta,
// the receiver knows nothing unless it asks the random oracle at its guess of Delta. For
// the noise see noisy.go. So one extension serves both, and no second one in the other
// direction is needed.

const (
	maskBlocks = 2
	checkSize  = (1 + kappa) * maskBlocks * gf128.Size
)

// choices are the bits of Delta, bit i the choice in base OT i.
type choices gf128.Element

func (c choices) bit(i int) int {
	if i < 64 {
		return int(c.Lo >> i & 1)
	}
	return int(c.Hi >> (i - 64) & 1)
}

// mask gives e if bit i is set, and otherwise 0, in the same time.
func (c choices) mask(i int, e gf128.Element) gf128.Element {
	m := -uint64(c.bit(i))
	return gf128.Element{Lo: e.Lo & m, Hi: e.Hi & m}
}

// A column holds bit r of the rows of block k in bit r of element k.
type column []gf128.Element

// newColumns gives the columns, in one piece of memory.
func newColumns(blocks int) *[kappa]column {
	var out [kappa]column
	all := make(column, kappa*blocks)
	for i := range out {
		out[i] = all[i*blocks:][:blocks:blocks]
	}
	return &out
}

// stretch fills stream, which has the size of a column, from a base OT key.
func stretch(stream []byte, k key) {
	b, err := aes.NewCipher(k[:])
	if err != nil {
		panic("vole: " + err.Error()) // only a wrong length can fail
	}
	clear(stream)
	// The key is that of one session and column, so the counter begins at zero.
	cipher.NewCTR(b, make([]byte, aes.BlockSize)).XORKeyStream(stream, stream)
}

// extendReceiver stretches the pairs of keys, appends the corrections for the rows' bits x
// to m, and gives the columns of t.
func extendReceiver(m []byte, keys *[kappa][2]key, x column) ([]byte, *[kappa]column) {
	t := newColumns(len(x))
	var wanted []byte
	for _, e := range x {
		wanted = e.Append(wanted)
	}
	stream, other := make([]byte, len(wanted)), make([]byte, len(wanted))
	for i := range keys {
		stretch(stream, keys[i][0])
		stretch(other, keys[i][1])
		subtle.XORBytes(other, other, stream)
		subtle.XORBytes(other, other, wanted)
		m = append(m, other...)
		for k, rest := 0, stream; k < len(x); k++ {
			t[i][k] = takeElement(&rest)
		}
	}
	return m, t
}

// extendSender gives the columns of q from the corrections.
func extendSender(body []byte, keys *[kappa]key, delta choices, blocks int) *[kappa]column {
	q := newColumns(blocks)
	stream := make([]byte, blocks*gf128.Size)
	for i := range keys {
		stretch(stream, keys[i])
		for k, rest := 0, stream; k < blocks; k++ {
			q[i][k] = takeElement(&rest).Add(delta.mask(i, takeElement(&body)))
		}
	}
	return q
}

// A columnHash is the universal hash of a column.
type columnHash [maskBlocks]gf128.Element

// columnHasher gives the hash that the corrections and all that came before them fix.
func (s *session) columnHasher(before, corrections []byte) func(column) columnHash {
	seed := s.hash("extension check", before, corrections)
	data := s.params.blocks() - maskBlocks
	var weights [maskBlocks][]gf128.Element
	for h := range weights {
		weights[h] = powers(gf128.FromBytes(seed[h*gf128.Size:]), data)
	}
	return func(c column) (out columnHash) {
		for h := range out {
			out[h] = gf128.InnerProduct(c[:data], weights[h]).Add(c[data+h])
		}
		return out
	}
}

// powers gives x, x², ..., x^n.
func powers(x gf128.Element, n int) []gf128.Element {
	out := make([]gf128.Element, n)
	p := gf128.Element{Lo: 1}
	for i := range out {
		p = p.Mul(x)
		out[i] = p
	}
	return out
}

func (h columnHash) append(m []byte) []byte {
	for _, e := range h {
		m = e.Append(m)
	}
	return m
}

// proveColumns appends the hashes of x and of the columns of t.
func proveColumns(m []byte, hash func(column) columnHash, x column, t *[kappa]column) []byte {
	m = hash(x).append(m)
	for _, c := range t {
		m = hash(c).append(m)
	}
	return m
}

// checkColumns says whether the receiver used one x in all columns.
func checkColumns(body []byte, hash func(column) columnHash, q *[kappa]column, delta choices) error {
	var x columnHash
	for h := range x {
		x[h] = takeElement(&body)
	}
	want := make([]byte, 0, len(body))
	for i, c := range q {
		sum := hash(c)
		for h := range sum {
			sum[h] = sum[h].Add(delta.mask(i, x[h]))
		}
		want = sum.append(want)
	}
	if subtle.ConstantTimeCompare(want, body) != 1 {
		return ErrExtension
	}
	return nil
}

// rows gives the rows of the blocks of OTs from the columns, bit i of a row being the
// one in column i.
func (p Params) rows(columns *[kappa]column) []gf128.Element {
	out := make([]gf128.Element, 0, p.otBlocks()*kappa)
	for k := range p.otBlocks() {
		var square [kappa]gf128.Element
		for i, c := range columns {
			square[i] = c[p.voleBlocks()+k]
		}
		transpose(&square)
		out = append(out, square[:]...)
	}
	return out[:p.trees*p.depth]
}

// transpose turns rows into columns, by exchanging ever smaller squares across the
// diagonal.
func transpose(m *[kappa]gf128.Element) {
	for i := range kappa / 2 {
		a, b := &m[i], &m[i+kappa/2]
		a.Hi, b.Lo = b.Lo, a.Hi
	}
	mask := uint64(1)<<32 - 1
	for width := 32; width > 0; width /= 2 {
		for i := range m {
			if i&width != 0 {
				continue
			}
			a, b := &m[i], &m[i+width]
			swap := (a.Lo>>width ^ b.Lo) & mask
			a.Lo, b.Lo = a.Lo^swap<<width, b.Lo^swap
			swap = (a.Hi>>width ^ b.Hi) & mask
			a.Hi, b.Hi = a.Hi^swap<<width, b.Hi^swap
		}
		mask ^= mask << (width / 2)
	}
}

// pad is the OT message of a row: the session, its index, and nothing of the row can
// be seen in it.
func (s *session) pad(index int, row gf128.Element) gf128.Element {
	var b [4 + gf128.Size]byte
	binary.BigEndian.PutUint32(b[:], uint32(index))
	h := s.hash("pad", row.Append(b[:4]))
	return gf128.FromBytes(h[:])
}
