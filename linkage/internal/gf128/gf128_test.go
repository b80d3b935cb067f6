package gf128_test

import (
	"encoding/hex"
	"math/bits"
	"slices"
	"testing"

	"github.com/hueandcry/hueandcry/linkage/internal/gf128"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMul(t *testing.T) {
	each(t, func(t *testing.T) {
		for _, a := range edges() {
			for _, b := range edges() {
				require.Equal(t, product(a, b), a.Mul(b), "%x * %x", a, b)
			}
		}
		s := newSource(t)
		for range 20_000 {
			a, b := s.element(), s.element()
			require.Equal(t, product(a, b), a.Mul(b), "%x * %x", a, b)
		}
	})
}

// Every length that meets a new combination of whole vectors and tail, starting
// at places that are aligned to an element and no more, with sentinels about.
func TestVectors(t *testing.T) {
	each(t, func(t *testing.T) {
		s := newSource(t)
		lengths := []int{257, 1000, 1023}
		for n := range 68 {
			lengths = append(lengths, n)
		}
		for _, n := range lengths {
			for offset := range 4 {
				buffers := [3][]element{s.elements(n + 8), s.elements(n + 8), s.elements(n + 8)}
				dst, a, b := buffers[0][offset:offset+n], buffers[1][offset:offset+n], buffers[2][4-offset:4-offset+n]
				by := s.element()

				var sum element
				want := slices.Clone(buffers[0])
				for i := range n {
					want[offset+i] = product(a[i], b[i])
					sum = sum.Add(want[offset+i])
				}
				before := [2][]element{slices.Clone(buffers[1]), slices.Clone(buffers[2])}
				require.Equal(t, sum, gf128.InnerProduct(a, b), "n = %d", n)
				gf128.MulEach(dst, a, b)
				require.Equal(t, want, buffers[0], "MulEach, n = %d", n)

				for i := range n {
					want[offset+i] = want[offset+i].Add(product(a[i], by))
				}
				gf128.MulAdd(dst, a, by)
				require.Equal(t, want, buffers[0], "MulAdd, n = %d", n)
				require.Equal(t, before[0], buffers[1], "MulAdd wrote to its source")
				require.Equal(t, before[1], buffers[2], "MulEach wrote to its source")
			}
		}
	})
}

func TestVectorsInPlace(t *testing.T) {
	each(t, func(t *testing.T) {
		s := newSource(t)
		for n := range 20 {
			a, b, by := s.elements(n), s.elements(n), s.element()
			want := make([]element, n)
			gf128.MulEach(want, a, b)

			c := slices.Clone(a)
			gf128.MulEach(c, c, b)
			require.Equal(t, want, c, "dst is a")
			c = slices.Clone(b)
			gf128.MulEach(c, a, c)
			require.Equal(t, want, c, "dst is b")
			c = slices.Clone(a)
			gf128.MulEach(c, c, c)
			for i := range a {
				require.Equal(t, product(a[i], a[i]), c[i], "dst is a and b")
			}
			c = slices.Clone(a)
			gf128.MulAdd(c, c, by)
			for i := range a {
				require.Equal(t, a[i].Add(product(a[i], by)), c[i], "dst is src")
			}
		}
	})
}

func TestField(t *testing.T) {
	each(t, func(t *testing.T) {
		s := newSource(t)
		assert.Equal(t, element{Lo: 0x87}, power(127).Mul(x), "x^128 = x^7 + x^2 + x + 1")
		for range 5_000 {
			a, b, c := s.element(), s.element(), s.element()
			require.Equal(t, a.Mul(b), b.Mul(a))
			require.Equal(t, a.Mul(b).Mul(c), a.Mul(b.Mul(c)))
			require.Equal(t, a.Mul(b).Add(a.Mul(c)), a.Mul(b.Add(c)))
			require.Equal(t, a, a.Mul(one))
			require.Equal(t, zero, a.Mul(zero))
			require.Equal(t, zero, a.Add(a))
			require.Equal(t, a.Mul(a).Add(b.Mul(b)), a.Add(b).Mul(a.Add(b)), "squaring is linear")
			if a.Mul(b) == zero {
				require.True(t, a == zero || b == zero, "zero divisors")
			}
		}
		a := s.element()
		squared := a
		for range 128 {
			squared = squared.Mul(squared)
		}
		assert.Equal(t, a, squared, "a^(2^128) = a")
	})
}

func TestInverse(t *testing.T) {
	each(t, func(t *testing.T) {
		s := newSource(t)
		assert.Equal(t, zero, zero.Inverse())
		for _, a := range append(edges(), s.elements(500)...) {
			if a != zero {
				require.Equal(t, one, product(a, a.Inverse()), "1 / %x", a)
				require.Equal(t, a, a.Inverse().Inverse())
			}
		}
	})
}

// The first two steps of GHASH in test case 2 of "The Galois/Counter Mode of
// Operation" (McGrew and Viega, 2005): the same field with the bits of each
// byte in the opposite order.
func TestGHASH(t *testing.T) {
	read := func(s string) element {
		b, err := hex.DecodeString(s)
		require.NoError(t, err)
		require.Len(t, b, gf128.Size)
		for i := range b {
			b[i] = bits.Reverse8(b[i])
		}
		return gf128.FromBytes(b)
	}
	h := read("66e94bd4ef8a2c3b884cfa59ca342b2e")
	text := read("0388dace60b6a392f328c2b971b2fe78")
	lengths := read("00000000000000000000000000000080")
	each(t, func(t *testing.T) {
		x1 := text.Mul(h)
		assert.Equal(t, read("5e2ec746917062882c85b0685353deb7"), x1)
		ghash := read("f38cbb1ad69223dcc3457ae5b6b0f885")
		assert.Equal(t, ghash, x1.Add(lengths).Mul(h))
		assert.Equal(t, ghash, gf128.InnerProduct([]element{text, lengths}, []element{h.Mul(h), h}))
	})
}

func TestBytes(t *testing.T) {
	b := []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17}
	a := gf128.FromBytes(b)
	assert.Equal(t, element{Lo: 0x0807060504030201, Hi: 0x100f0e0d0c0b0a09}, a)
	assert.Equal(t, b[:16], a.Append(nil))
	assert.Equal(t, append([]byte("before"), b[:16]...), a.Append([]byte("before")))
	for n := range 16 {
		assert.Panics(t, func() { gf128.FromBytes(b[:n]) }, "%d bytes", n)
	}
}

func TestLengthsMustMatch(t *testing.T) {
	each(t, func(t *testing.T) {
		two, three := make([]element, 2), make([]element, 3)
		for name, call := range map[string]func(){
			"MulAdd":           func() { gf128.MulAdd(three, two, one) },
			"MulAdd, empty":    func() { gf128.MulAdd(nil, two, one) },
			"MulEach, a":       func() { gf128.MulEach(three, two, three) },
			"MulEach, b":       func() { gf128.MulEach(three, three, two) },
			"MulEach, dst":     func() { gf128.MulEach(two, three, three) },
			"InnerProduct":     func() { gf128.InnerProduct(three, two) },
			"InnerProduct, 0":  func() { gf128.InnerProduct(nil, two) },
			"InnerProduct, 00": func() { gf128.InnerProduct(two, nil) },
		} {
			assert.Panics(t, call, name)
		}
	})
}

func TestNoAllocation(t *testing.T) {
	each(t, func(t *testing.T) {
		a, b := newSource(t).elements(33), make([]element, 33)
		by := a[0]
		assert.Zero(t, testing.AllocsPerRun(10, func() {
			gf128.MulEach(b, a, a)
			gf128.MulAdd(b, a, by)
			by = gf128.InnerProduct(a, b).Mul(by).Inverse()
		}))
	})
}

func FuzzMul(f *testing.F) {
	for _, e := range edges() {
		f.Add(e.Lo, e.Hi, full.Lo, full.Hi)
	}
	f.Fuzz(func(t *testing.T, aLo, aHi, bLo, bHi uint64) {
		a, b := element{Lo: aLo, Hi: aHi}, element{Lo: bLo, Hi: bHi}
		want := product(a, b)
		each(t, func(t *testing.T) {
			require.Equal(t, want, a.Mul(b))
			require.Equal(t, want, gf128.InnerProduct([]element{a}, []element{b}))
			sum := []element{b}
			gf128.MulAdd(sum, []element{a}, b)
			require.Equal(t, want.Add(b), sum[0])
		})
	})
}
