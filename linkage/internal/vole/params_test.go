package vole

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParamsPinned(t *testing.T) {
	for _, row := range []struct{ length, inner, trees, leaves, depth, extend, sums int }{
		{0, 4096, 256, 32, 5, 555090, 45106},
		{1, 4096, 256, 32, 5, 555090, 45106},
		{4096, 4096, 256, 32, 5, 555090, 45106},
		{4097, 4097, 256, 33, 6, 559186, 53298},
		{88032, 88032, 256, 688, 10, 575570, 86066},
		{159000, 159000, 256, 1243, 11, 579666, 94258},
		{164000, 164000, 264, 1243, 11, 598098, 97202},
		{354944, 354944, 296, 2399, 12, 673874, 118450},
		{655360, 655360, 328, 3997, 12, 745554, 131250},
		{chunkLength, chunkLength, 360, 7254, 13, 823378, 155570},
		{1317195, 1317195, 368, 7159, 13, 841810, 159026}, // the greatest chunk
		{1 << 21, 1 << 21, 392, 10700, 14, 901202, 181938},
		{MaxLength, MaxLength, 440, 19066, 15, 1017938, 218290},
	} {
		p := newParams(t, row.length)
		require.Equal(t, Params{row.length, row.inner, row.trees, row.leaves, row.depth}, p)
		require.Equal(t, row.length, p.Length())
		require.Equal(t, row.extend, p.size(kindExtend), "length %d", row.length)
		require.Equal(t, row.sums, p.size(kindTrees), "length %d", row.length)
	}
	for security, trees := range map[int][2]int{100: {200, 304}, 101: {208, 312}, 127: {256, 360}} {
		for i, length := range []int{1, chunkLength} {
			p, err := NewParams(length, security)
			require.NoError(t, err)
			require.Equal(t, trees[i], p.trees, "security %d", security)
		}
	}
}

// The greatest lengths for 256, 264, … trees, at 128 bits. They are far enough from where the
// formula steps to be the same on every machine.
func TestParamsSteps(t *testing.T) {
	for i, length := range []int{
		159737, 193224, 232191, 277399, 329691, 390000, 459363, 538924, 629944, 733815, 852065,
		986372, 1138575, 1310686, 1504904, 1723625, 1969463, 2245256, 2554092, 2899318, 3284559,
		3713741, 4191103,
	} {
		require.Equal(t, 256+8*i, newParams(t, length).trees, "length %d", length)
		require.Equal(t, 256+8*i+8, newParams(t, length+1).trees, "length %d", length+1)
		for _, next := range []int{length, length + 1} {
			require.Greater(t, math.Abs(missed(next, 256+8*i)-128-margin), 1e-9)
		}
	}
}

// The number of trees steps up with the length, and every message stays below a mebibyte.
func TestParamsExtremes(t *testing.T) {
	last, most := 0, 0
	check := func(length int) {
		t.Helper()
		p := newParams(t, length)
		require.GreaterOrEqual(t, p.trees, last, "length %d", length)
		last = p.trees
		for _, n := range p.Sizes() {
			most = max(most, n)
		}
	}
	// The sizes follow from the trees and the levels, which keep for more than so many lengths.
	for length := 0; length < MaxLength; length += 1 + length/200 {
		check(length)
	}
	check(MaxLength)
	require.Less(t, most, 1<<20)
	require.Equal(t, newParams(t, MaxLength).size(kindExtend), most)
}

func TestParamsHold(t *testing.T) {
	r := newSeed(t)
	for range 2000 {
		length, security := r.IntN(MaxLength+1)>>r.IntN(22), minSecurity+r.IntN(maxSecurity-minSecurity+1)
		p, err := NewParams(length, security)
		require.NoError(t, err)
		require.GreaterOrEqual(t, p.noise(), 2*max(length, minLength), "rate")
		require.Zero(t, p.trees%8)
		require.GreaterOrEqual(t, missed(p.inner, p.trees), float64(security+margin), "linear tests")
		require.GreaterOrEqual(t, p.trees, 2*security, "information sets")
		if less := p.trees - 8; less >= 2*security {
			require.Less(t, missed(p.inner, less), float64(security+margin))
		}
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
	require.Less(t, fromReceiver, 810_000)
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
