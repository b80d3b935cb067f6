package vole

import (
	"encoding/binary"
	"io"
	"math/bits"

	"github.com/hueandcry/hueandcry/linkage/internal/gf128"
)

// The noisy VOLE gives, for each value c that the receiver chose, M to the receiver and K
// to the sender with
//
//	K = M + c·Delta
//
// by Gilboa's multiplication (Crypto 1999): bit r of c is the x of one row of the
// extension, q = t + x·Delta, and the 128 rows of a block weighted with X^r add up
// to K, M and c. No message is sent for it beside the extension's. The product that is
// usually done so can be spoilt by a receiver that uses another c for some bit of Delta, and
// K then betrays that bit; here this is the one deviation that the check of the
// extension excludes.

// fold adds up the rows of each value's block. Adding by rows or by columns is the same: the
// element in block j of column i has the weight X^i.
func (p Params) fold(columns *[kappa]column) []gf128.Element {
	out := make([]gf128.Element, p.voleBlocks())
	for j := range out {
		var sum gf128.Element
		for i := kappa - 1; i >= 0; i-- {
			sum = timesX(sum).Add(columns[i][j])
		}
		out[j] = sum
	}
	return out
}

// timesX gives X·a: a shift, and the field's modulus where a bit falls off the end.
func timesX(a gf128.Element) gf128.Element {
	return gf128.Element{
		Lo: a.Lo<<1 ^ 0x87&-(a.Hi>>63),
		Hi: a.Hi<<1 | a.Lo>>63,
	}
}

// noise is the receiver's secret sparse vector: in the stretch of tree j the value
// values[j], never zero, at the place places[j], and zero everywhere else.
type noise struct {
	values []gf128.Element
	places []int
}

func newNoise(p Params, rand io.Reader) (*noise, error) {
	n := &noise{make([]gf128.Element, p.trees), make([]int, p.trees)}
	for j := range n.places {
		for n.values[j] == (gf128.Element{}) {
			v, err := newElement(rand)
			if err != nil {
				return nil, err
			}
			n.values[j] = v
		}
		place, err := below(rand, p.leaves)
		if err != nil {
			return nil, err
		}
		n.places[j] = place
	}
	return n, nil
}

func newElement(rand io.Reader) (gf128.Element, error) {
	var b [gf128.Size]byte
	_, err := io.ReadFull(rand, b[:])
	return gf128.FromBytes(b[:]), err
}

// below draws an evenly distributed number below n by refusing the others.
func below(rand io.Reader, n int) (int, error) {
	mask := uint32(1)<<bits.Len(uint(n-1)) - 1
	for {
		var b [4]byte
		if _, err := io.ReadFull(rand, b[:]); err != nil {
			return 0, err
		}
		if v := int(binary.LittleEndian.Uint32(b[:]) & mask); v < n {
			return v, nil
		}
	}
}
