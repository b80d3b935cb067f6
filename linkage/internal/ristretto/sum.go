package ristretto

import (
	"encoding/binary"

	"filippo.io/edwards25519"
)

// smallSum is the number of terms from which on buckets beat the interleaved sums
// of edwards25519, as measured by BenchmarkSum. At a thousand they take half the
// time, which is a tenth of all the work of a server or client.
const smallSum = 120

// Sum gives Σ scalars[i]·points[i], in variable time: for public values only.
func Sum(scalars []edwards25519.Scalar, points []Affine) *edwards25519.Point {
	if len(points) < smallSum {
		return sumSmall(scalars, points)
	}
	return sumBuckets(scalars, points)
}

func sumSmall(scalars []edwards25519.Scalar, points []Affine) *edwards25519.Point {
	flat := make([]edwards25519.Point, len(points))
	s, p := make([]*edwards25519.Scalar, len(points)), make([]*edwards25519.Point, len(points))
	for i := range points {
		points[i].Point(&flat[i])
		s[i], p[i] = &scalars[i], &flat[i]
	}
	return new(edwards25519.Point).VarTimeMultiScalarMult(s, p)
}

const scalarBits = 253 // the order of the group is just above 2^252

// sumBuckets is Pippenger's method. The scalars are cut into signed digits of a
// few bits. For each place, from the top, the points are thrown into a bucket by
// the size of their digit, and the buckets are weighed by a running sum.
func sumBuckets(scalars []edwards25519.Scalar, points []Affine) *edwards25519.Point {
	width := digitWidth(len(points))
	places := scalarBits/width + 1
	digits := make([]int16, places*len(points)) // by place and then by point
	for i := range scalars {
		cutDigits(digits[i:], len(points), places, width, scalars[i].Bytes())
	}
	ready := make([]niels, len(points))
	for i := range points {
		ready[i].set(&points[i])
	}
	buckets := make([]extended, 1<<(width-1)) // number b holds the digits of size b+1
	full := make([]bool, len(buckets))
	total := edwards25519.NewIdentityPoint()
	for place := places - 1; place >= 0; place-- {
		for range width {
			total.Double(total)
		}
		clear(full)
		for i, d := range digits[place*len(points):][:len(points)] {
			if d == 0 {
				continue
			}
			b := max(d, -d) - 1
			if full[b] {
				buckets[b].addNiels(&ready[i], d < 0)
			} else {
				buckets[b].setNiels(&ready[i], d < 0)
				full[b] = true
			}
		}
		weighed := weigh(buckets, full)
		var w edwards25519.Point
		setPoint(&w, &weighed.x, &weighed.y, &weighed.z, &weighed.t)
		total.Add(total, &w)
	}
	return total
}

// weigh gives Σ (b+1)·buckets[b] over the full buckets: the sum of all sums from
// the top.
func weigh(buckets []extended, full []bool) *extended {
	var running, total extended
	running.setIdentity()
	total.setIdentity()
	for b := len(buckets) - 1; b >= 0; b-- {
		if full[b] {
			running.add(&buckets[b])
		}
		total.add(&running)
	}
	return &total
}

// digitWidth gives the number of bits a digit with the least work for n points:
// 7 multiplications in the field for a point in a bucket, twice 9 for a bucket.
func digitWidth(n int) int {
	best, least := 0, 0
	for width := 4; width <= 14; width++ {
		work := (scalarBits/width + 1) * (7*n + 18<<(width-1))
		if best == 0 || work < least {
			best, least = width, work
		}
	}
	return best
}

// cutDigits cuts a scalar into signed digits of the width, from 1-2^(width-1) to
// 2^(width-1), and writes the one of each place to every step-th of out.
func cutDigits(out []int16, step, places, width int, scalar []byte) {
	var padded [40]byte // so that eight bytes can be read from any place
	copy(padded[:], scalar)
	carry := 0
	for place := range places {
		at := place * width
		word := binary.LittleEndian.Uint64(padded[at/8:]) >> (at % 8)
		d := int(word&(1<<width-1)) + carry
		carry = 0
		if d > 1<<(width-1) {
			d -= 1 << width
			carry = 1
		}
		out[place*step] = int16(d)
	}
}
