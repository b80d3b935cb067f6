package ristretto

import (
	"testing"

	"filippo.io/edwards25519"
	"github.com/stretchr/testify/require"
)

// runner is a test or a benchmark.
type runner[T any] interface {
	testing.TB
	Run(name string, f func(T)) bool
}

// scalarsOfDigits are those with the same digit in all places but the highest, for digits
// from 0 to 15 and for the odd ones of MulAll from -15 to 15.
func scalarsOfDigits() (out []edwards25519.Scalar) {
	var all [64]byte
	for i := range 32 {
		all[i] = 0xff
	}
	for v := range byte(16) {
		var wide [64]byte
		for i := range 31 {
			wide[i] = v | v<<4
		}
		wide[31] = v // below 2^252, and so below the order
		k := Reduce(&wide)
		odd := new(edwards25519.Scalar).Add(k, k)
		out = append(out, *k, *odd.Subtract(odd, Reduce(&all)))
	}
	return out
}

// TestMulAll compares with edwards25519, in all ways that this processor has.
func TestMulAll(t *testing.T) {
	each(t, func(t *testing.T) {
		r := source(t)
		four := torsion(t)
		scalars := append(edges(), scalarsOfDigits()...)
		for range 50 {
			scalars = append(scalars, *Reduce(wide(r)))
		}
		for i := range scalars {
			points := make([]edwards25519.Point, i%18)
			torsion := make([]bool, len(points))
			for k := range points {
				Derive(&points[k], wide(r))
				points[k].MultByCofactor(&points[k]) // of prime order
				switch (i + k) % 11 {
				case 0:
					points[k].Set(edwards25519.NewIdentityPoint())
				case 1:
					points[k].Set(edwards25519.NewGeneratorPoint())
				case 2:
					points[k].Set(four[i%4])
					torsion[k] = true
				case 3:
					points[k].Add(&points[k], four[i%4])
					torsion[k] = true
				}
			}
			got := append([]edwards25519.Point(nil), points...)
			MulAll(&scalars[i], got)
			for k := range points {
				want := new(edwards25519.Point).ScalarMult(&scalars[i], &points[k])
				require.Equal(t, encodeOf(want), encodeOf(&got[k]), "scalar %x, point %d", scalars[i].Bytes(), k)
				if !torsion[k] {
					require.Equal(t, 1, want.Equal(&got[k]), "scalar %x, point %d", scalars[i].Bytes(), k)
				}
			}
		}
	})
}

func BenchmarkMulAll(b *testing.B) {
	r := source(b)
	points := make([]edwards25519.Point, 256)
	for i := range points {
		Derive(&points[i], wide(r))
	}
	s := Reduce(wide(r))
	each(b, func(b *testing.B) {
		for b.Loop() {
			MulAll(s, points)
		}
		b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*len(points)), "us/elem")
	})
}
