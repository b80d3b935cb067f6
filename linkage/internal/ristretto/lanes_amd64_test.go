//go:build !purego

package ristretto

import (
	"math/big"
	"math/rand/v2"
	"testing"

	"filippo.io/edwards25519"
	"filippo.io/edwards25519/field"
	"github.com/stretchr/testify/require"
)

// each runs f in every way that this processor has.
func each[T runner[T]](t T, f func(T)) {
	defer func() { hasLanes = detectLanes() }()
	hasLanes = false
	t.Run("portable", f)
	if hasLanes = detectLanes(); hasLanes {
		t.Run("lanes", f)
	}
}

// tightLimit is what every stored limb lies below.
const tightLimit = 1<<51 + 1<<11

// edgeLanes have limbs at random and at the edges.
func edgeLanes(r *rand.Rand) (l lanes) {
	for k := range l {
		for i := range l[k] {
			switch r.IntN(6) {
			case 0:
				l[k][i] = 0
			case 1:
				l[k][i] = tightLimit - 1
			case 2:
				l[k][i] = 1<<51 - 1
			case 3:
				l[k][i] = 1<<51 - 20 + r.Uint64N(40)
			default:
				l[k][i] = r.Uint64N(tightLimit)
			}
		}
	}
	return l
}

func edgePoint(r *rand.Rand) (p pointLanes) {
	for k := range p {
		p[k] = edgeLanes(r)
	}
	return p
}

// value is a lane as a number, by another way than get.
func (l *lanes) value(t *testing.T, i int) *field.Element {
	n := new(big.Int)
	for k := len(l) - 1; k >= 0; k-- {
		n.Lsh(n, 51).Add(n, new(big.Int).SetUint64(l[k][i]))
	}
	p := new(big.Int).Lsh(big.NewInt(1), 255)
	n.Mod(n, p.Sub(p, big.NewInt(19)))
	var b [32]byte
	n.FillBytes(b[:])
	for i := range 16 {
		b[i], b[31-i] = b[31-i], b[i]
	}
	e, err := new(field.Element).SetBytes(b[:])
	require.NoError(t, err)
	return e
}

func (p *pointLanes) extended(t *testing.T, i int) *extended {
	return &extended{*p[0].value(t, i), *p[1].value(t, i), *p[2].value(t, i), *p[3].value(t, i)}
}

func requireTight(t *testing.T, all [4]lanes) {
	t.Helper()
	for _, l := range all {
		for k := range l {
			for _, v := range l[k] {
				require.Less(t, v, uint64(tightLimit))
			}
		}
	}
}

func same(t *testing.T, want *field.Element, got *lanes, i int) {
	t.Helper()
	require.Equal(t, 1, want.Equal(got.value(t, i)))
	var e field.Element
	got.get(&e, i)
	require.Equal(t, 1, want.Equal(&e))
}

// TestLanes compares each step with the formula over package field, for limbs at the edges
// of what they may be. Few of the coordinates are of points: the formulas do not care.
func TestLanes(t *testing.T) {
	if !detectLanes() {
		t.Skip("no AVX-512 IFMA")
	}
	seed := rand.Uint64()
	t.Logf("seed %#x", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	s := new(laneSpace)
	mul := func(a, b *field.Element) *field.Element { return new(field.Element).Multiply(a, b) }
	add := func(a, b *field.Element) *field.Element { return new(field.Element).Add(a, b) }
	sub := func(a, b *field.Element) *field.Element { return new(field.Element).Subtract(a, b) }
	for range 300 {
		p, n := edgePoint(r), edgePoint(r)
		var ready readyLanes
		s.prepare(&ready, &n)
		requireTight(t, ready)
		sum, twice := p, p
		s.add(&sum, &ready)
		requireTight(t, sum)
		times := 1 + r.IntN(4)
		s.double(&twice, times)
		requireTight(t, twice)
		for i := range laneCount {
			a, b := p.extended(t, i), n.extended(t, i)
			same(t, add(&b.y, &b.x), &ready[0], i)
			same(t, sub(&b.y, &b.x), &ready[1], i)
			same(t, add(&b.z, &b.z), &ready[2], i)
			same(t, mul(&b.t, twoD), &ready[3], i)

			a.add(b)
			for k, want := range []*field.Element{&a.x, &a.y, &a.z, &a.t} {
				same(t, want, &sum[k], i)
			}

			a = p.extended(t, i)
			for range times {
				x2, y2, z2 := mul(&a.x, &a.x), mul(&a.y, &a.y), mul(&a.z, &a.z)
				e := mul(&a.x, &a.y)
				e.Add(e, e)
				g, h := sub(y2, x2), add(y2, x2)
				f := sub(add(z2, z2), g)
				a = &extended{*mul(e, f), *mul(g, h), *mul(f, g), *mul(e, h)}
			}
			for k, want := range []*field.Element{&a.x, &a.y, &a.z, &a.t} {
				same(t, want, &twice[k], i)
			}
		}
	}
}

func TestPickLanes(t *testing.T) {
	if !detectLanes() {
		t.Skip("no AVX-512 IFMA")
	}
	r := rand.New(rand.NewPCG(1, 2))
	var table [oddSize]readyLanes
	for k := range table {
		table[k] = readyLanes(edgePoint(r))
	}
	for v := range byte(1 << oddWidth) {
		negative, place := oddDigit(v)
		require.Equal(t, 2*int(v)-15, (1-2*negative)*(2*place+1))
		var got readyLanes
		var masks [oddSize]uint64
		masks[place] = ^uint64(0)
		pickLanes(&got[0][0][0], &table[0][0][0][0], &masks, -uint64(negative))
		want := table[place]
		if negative == 1 {
			want[0], want[1] = want[1], want[0]
			for i := range laneCount {
				minus := new(field.Element).Negate(want[3].value(t, i))
				require.Equal(t, 1, minus.Equal(got[3].value(t, i)))
			}
			for k := range got[3] {
				for _, limb := range got[3][k] {
					require.Less(t, limb, uint64(1<<52))
				}
			}
			want[3] = got[3]
		}
		require.Equal(t, want, got)
	}
}

func TestOddDigits(t *testing.T) {
	for _, s := range append(edges(), scalarsOfDigits()...) {
		sum := new(edwards25519.Scalar)
		sixteen := Reduce(&[64]byte{16})
		digits := oddDigits(&s)
		for i := oddPlaces - 1; i >= 0; i-- {
			sum.Multiply(sum, sixteen)
			negative, place := oddDigit(digits[i])
			d := Reduce(&[64]byte{byte(2*place + 1)})
			if negative == 1 {
				d.Negate(d)
			}
			sum.Add(sum, d)
		}
		require.Equal(t, 1, sum.Equal(&s), "%x", s.Bytes())
	}
}
