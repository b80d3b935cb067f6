package vole

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParamsPinned(t *testing.T) {
	for _, row := range []struct{ length, inner, trees, leaves, depth int }{
		{0, 4096, 256, 32, 5},
		{1, 4096, 256, 32, 5},
		{4096, 4096, 256, 32, 5},
		{4097, 4097, 256, 33, 6},
		{88032, 88032, 256, 688, 10},
		{354944, 354944, 256, 2773, 12},
		{1423616, 1423616, 256, 11122, 14},
		{MaxLength, MaxLength, 256, 1 << 18, 18},
	} {
		p := newParams(t, row.length)
		require.Equal(t, Params{row.length, row.inner, row.trees, row.leaves, row.depth}, p)
		require.Equal(t, row.length, p.Length())
	}
}

func TestParamsHold(t *testing.T) {
	r := newSeed(t)
	for range 2000 {
		length, security := r.IntN(MaxLength+1)>>r.IntN(25), minSecurity+r.IntN(maxSecurity-minSecurity+1)
		p, err := NewParams(length, security)
		require.NoError(t, err)
		require.GreaterOrEqual(t, p.noise(), 2*max(length, minLength), "rate")
		require.LessOrEqual(t, math.Pow(0.7, float64(p.trees)), math.Exp2(float64(-security)), "linear tests")
		require.GreaterOrEqual(t, p.trees, security, "information sets")
		require.GreaterOrEqual(t, p.trees, 128, "algebraic attacks")
		require.GreaterOrEqual(t, 1<<p.depth, p.leaves)
		require.Less(t, 1<<(p.depth-1), p.leaves)
		require.Equal(t, 1, p.width(0))
		require.Equal(t, p.leaves, p.width(p.depth))
		for level := range p.depth {
			require.Equal(t, (p.width(level+1)+1)/2, p.width(level))
		}
		for kind := byte(kindPoint); kind <= kindAnswer; kind++ {
			require.Less(t, p.size(kind), 1<<20)
		}
	}
	p := newParams(t, 1<<20)
	require.GreaterOrEqual(t, p.trees, 248, "the weight of the reference")
	fromReceiver, _ := p.Sent()
	require.Less(t, fromReceiver, 600_000)
}

func TestParamsRefused(t *testing.T) {
	for _, bad := range [][2]int{
		{-1, 128}, {MaxLength + 1, 128}, {math.MaxInt, 128}, {math.MinInt, 128},
		{1, minSecurity - 1}, {1, maxSecurity + 1}, {1, 0}, {1, -128},
	} {
		p, err := NewParams(bad[0], bad[1])
		require.ErrorIs(t, err, ErrParams)
		require.Zero(t, p)
	}
	require.Panics(t, func() { newParams(t, 1).size(kindAnswer + 1) })
}
