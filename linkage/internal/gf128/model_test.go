package gf128_test

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/hueandcry/hueandcry/linkage/internal/gf128"
)

type element = gf128.Element

var (
	zero = element{}
	one  = element{Lo: 1}
	x    = element{Lo: 2}
	full = element{Lo: ^uint64(0), Hi: ^uint64(0)}
)

// product is the definition: for each coefficient of a, from the highest, the
// sum so far times x, reduced by hand, and b if the coefficient is one.
func product(a, b element) (sum element) {
	for i := 127; i >= 0; i-- {
		carry := sum.Hi >> 63
		sum = element{Lo: sum.Lo << 1, Hi: sum.Hi<<1 | sum.Lo>>63}
		if carry == 1 {
			sum.Lo ^= 1<<7 | 1<<2 | 1<<1 | 1
		}
		if coefficient(a, i) {
			sum = element{Lo: sum.Lo ^ b.Lo, Hi: sum.Hi ^ b.Hi}
		}
	}
	return sum
}

func coefficient(a element, i int) bool {
	if i < 64 {
		return a.Lo>>i&1 == 1
	}
	return a.Hi>>(i-64)&1 == 1
}

// power is x^i for i < 128.
func power(i int) element {
	if i < 64 {
		return element{Lo: 1 << i}
	}
	return element{Hi: 1 << (i - 64)}
}

// edges are what random elements never hit: single bits, all ones, both halves
// alone, the bits about the middle and the polynomial's own.
func edges() []element {
	all := []element{zero, full, {Lo: 0x87}, {Hi: 0x87}, {Lo: ^uint64(0)}, {Hi: ^uint64(0)},
		{Lo: 0x1111111111111111, Hi: 0x1111111111111111}, {Lo: 0x8888888888888888, Hi: 0x8888888888888888},
		{Lo: 0x5555555555555555, Hi: 0xaaaaaaaaaaaaaaaa}, {Lo: 1 << 63, Hi: 1}, {Lo: 1, Hi: 1 << 63}, {Lo: ^uint64(1), Hi: ^uint64(0)}}
	for i := range 128 {
		all = append(all, power(i))
	}
	return all
}

// source gives elements, one in eight of them an edge. Its seed is printed when
// the test fails.
type source struct {
	*rand.Rand
	edges []element
}

func newSource(t testing.TB) *source {
	seed := uint64(time.Now().UnixNano())
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	})
	return &source{rand.New(rand.NewPCG(seed, 0)), edges()}
}

func (s *source) element() element {
	if s.IntN(8) == 0 {
		return s.edges[s.IntN(len(s.edges))]
	}
	return element{Lo: s.Uint64(), Hi: s.Uint64()}
}

func (s *source) elements(n int) []element {
	all := make([]element, n)
	for i := range all {
		all[i] = s.element()
	}
	return all
}

// each runs the test once for every implementation.
func each(t *testing.T, test func(t *testing.T)) {
	t.Cleanup(gf128.Restore)
	all := gf128.Implementations()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		t.Run(name, func(t *testing.T) {
			all[name]()
			test(t)
		})
	}
}
