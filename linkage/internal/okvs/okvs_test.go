package okvs_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	random "math/rand/v2"
	"slices"
	"testing"

	"github.com/hueandcry/hueandcry/linkage/internal/gf128"
	"github.com/hueandcry/hueandcry/linkage/internal/okvs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRoundTrip(t *testing.T) {
	s := newSource(t)
	sizes := []int{}
	for n := range 301 {
		sizes = append(sizes, n)
	}
	for range 10 {
		sizes = append(sizes, 1+s.intN(1<<12), 1+s.intN(1<<15))
	}
	sizes = append(sizes, 1<<15, 1<<15+1, 1<<16+1, 1+s.intN(1<<18), 1+s.intN(1<<18))
	for _, n := range sizes {
		p := params(t, n)
		m, keys, values, vector := okvs.NewMatrix(p, s.seed()), s.keys(n), s.elements(n), make([]gf128.Element, p.Size())
		require.NoError(t, encode(m, vector, keys, values, 2), "n = %d", n)
		require.Equal(t, values, decode(m, vector, keys), "n = %d", n)
		if n > 0 {
			n -= s.intN(n) // fewer than the store is for
			require.NoError(t, encode(m, vector, keys[:n], values[:n], 1))
			require.Equal(t, values[:n], decode(m, vector, keys[:n]))
		}
	}
}

func TestWorkers(t *testing.T) {
	s := newSource(t)
	const n = 100_000
	p := params(t, n)
	m, keys, values, fill := okvs.NewMatrix(p, s.seed()), s.keys(n), s.elements(n), s.elements(p.Size())
	vector := slices.Clone(fill)
	require.NoError(t, encode(m, vector, keys, values, 1))
	before := slices.Clone(values)
	for _, workers := range []int{-1, 0, 2, 3, 7, 1000} {
		other, out := slices.Clone(fill), make([]gf128.Element, n)
		require.NoError(t, encode(m, other, keys, values, workers))
		require.Equal(t, vector, other, "%d workers", workers)
		m.Decode(out, vector, keys, workers)
		require.Equal(t, values, out, "%d workers", workers)
	}
	require.Equal(t, before, values, "the values are the caller's")
}

// The free columns keep what they held, and with random ones in them the columns
// look random as a whole: no element is zero, and ones are half of the bits.
func TestFill(t *testing.T) {
	s := newSource(t)
	const n = 5000
	p := params(t, n)
	m, keys, values, fill := okvs.NewMatrix(p, s.seed()), s.keys(n), s.elements(n), s.elements(p.Size())
	vector := slices.Clone(fill)
	require.NoError(t, encode(m, vector, keys, values, 1))
	require.Equal(t, values, decode(m, vector, keys))
	same := 0
	for i := range vector {
		if vector[i] == fill[i] {
			same++
		}
	}
	require.Equal(t, p.Size()-n, same)
	require.NotContains(t, vector, gf128.Element{})
	requireRandom(t, vector)
}

func TestLinear(t *testing.T) {
	s := newSource(t)
	for _, n := range []int{1, 7, 1000, 70_000} {
		p := params(t, n)
		m, keys := okvs.NewMatrix(p, s.seed()), s.keys(300)
		a, b, by := s.elements(p.Size()), s.elements(p.Size()), s.elements(1)[0]
		sum := slices.Clone(a)
		gf128.MulAdd(sum, b, by)
		want := decode(m, a, keys)
		gf128.MulAdd(want, decode(m, b, keys), by)
		require.Equal(t, want, decode(m, sum, keys))
	}
}

// What is under a key that was not encoded is like random, also if all values are
// the same.
func TestUnknownKeys(t *testing.T) {
	s := newSource(t)
	const n = 5000
	p := params(t, n)
	m, vector := okvs.NewMatrix(p, s.seed()), s.elements(p.Size())
	value := s.elements(1)[0]
	require.NoError(t, encode(m, vector, s.keys(n), slices.Repeat([]gf128.Element{value}, n), 1))
	out := decode(m, vector, s.keys(n))
	require.NotContains(t, out, value)
	requireRandom(t, out)
}

// requireRandom looks at each of the 128 bits, over some thousand elements: six
// deviations, which is one failure in some millions.
func requireRandom(t *testing.T, es []gf128.Element) {
	seen := map[gf128.Element]bool{}
	var ones [128]int
	for _, e := range es {
		seen[e] = true
		for i := range 64 {
			ones[i] += int(e.Lo >> i & 1)
			ones[64+i] += int(e.Hi >> i & 1)
		}
	}
	require.Len(t, seen, len(es))
	for i, count := range ones {
		deviation := 2*count - len(es)
		require.Less(t, deviation*deviation, 36*len(es), "bit %d: %d ones of %d", i, count, len(es))
	}
}

func TestDuplicates(t *testing.T) {
	s := newSource(t)
	for _, n := range []int{2, 3, 4, 10, 300, 5000, 70_000} {
		p := params(t, n)
		m, vector := okvs.NewMatrix(p, s.seed()), make([]gf128.Element, p.Size())
		for name, keys := range map[string][]okvs.Key{
			"one twice": append(s.keys(n-1), okvs.Key{}),
			"all twice": slices.Repeat(s.keys(n/2), 2),
			"all equal": make([]okvs.Key, n),
		} {
			if name == "one twice" {
				keys[n-1] = keys[s.intN(n-1)]
			}
			// Equal values too: which of the two was meant is the caller's to say.
			for _, values := range [][]gf128.Element{s.elements(len(keys)), make([]gf128.Element, len(keys))} {
				err := encode(m, vector, keys, values, 2)
				if len(keys) == 1 {
					require.NoError(t, err)
				} else {
					require.ErrorIs(t, err, okvs.ErrDuplicate, "%s of %d", name, n)
				}
			}
		}
	}
}

// Keys chosen after the seed, all for one bin.
func TestOverflow(t *testing.T) {
	s := newSource(t)
	const n = 1000
	p := okvs.Sized(n, 4, 400, 3)
	m := okvs.NewMatrix(p, s.seed())
	var keys []okvs.Key
	for len(keys) < n {
		if key := s.keys(1)[0]; m.Row(key).Dense == 400 {
			keys = append(keys, key)
		}
	}
	vector, values := make([]gf128.Element, p.Size()), s.elements(n)
	for _, fits := range []int{0, 1, 200, 320} {
		require.NoError(t, encode(m, vector, keys[:fits], values[:fits], 2))
		require.Equal(t, values[:fits], decode(m, vector, keys[:fits]))
	}
	for _, over := range []int{404, 500, n} {
		require.ErrorIs(t, encode(m, vector, keys[:over], values[:over], 2), okvs.ErrEncode)
	}
}

// A bin that overflows and another with a key twice: the duplicate is what is said, whichever
// worker finds it.
func TestDuplicateBesideOverflow(t *testing.T) {
	s := newSource(t)
	const n = 1000
	p := okvs.Sized(n, 2, 400, 3)
	m := okvs.NewMatrix(p, s.seed())
	var bins [2][]okvs.Key
	for len(bins[0]) < n || len(bins[1]) < n {
		key := s.keys(1)[0]
		b := m.Row(key).Dense / 403
		bins[b] = append(bins[b], key)
	}
	vector := make([]gf128.Element, p.Size())
	for b := range bins {
		keys := append(bins[b][:n-2:n-2], bins[1-b][0], bins[1-b][0])
		require.ErrorIs(t, encode(m, vector, keys, s.elements(n), 2), okvs.ErrDuplicate)
	}
}

// Near the threshold of solvability nearly every row is in the core, and free
// columns are solved for by the hundred.
func TestLargeCore(t *testing.T) {
	s := newSource(t)
	for _, n := range []int{2000, 12_000, 32_000} {
		p := okvs.Sized(n, 1, n*23/20, 3)
		m, keys, values := okvs.NewMatrix(p, s.seed()), s.keys(n), s.elements(n)
		core, gap := m.Peel(keys)
		t.Logf("n = %d: core of %d, %d aside", n, core, gap)
		require.Greater(t, core, n/2)
		require.Greater(t, gap, n/100)
		vector := s.elements(p.Size())
		require.NoError(t, encode(m, vector, keys, values, 1))
		require.Equal(t, values, decode(m, vector, keys))
	}
}

func TestContract(t *testing.T) {
	s := newSource(t)
	p := params(t, 10)
	m := okvs.NewMatrix(p, s.seed())
	require.Equal(t, p, m.Params())
	vector := s.elements(p.Size())
	assert.Panics(t, func() { okvs.NewMatrix(okvs.Params{}, s.seed()) })
	for _, size := range []int{0, 1, p.Size() - 1, p.Size() + 1} {
		assert.Panics(t, func() { m.Decode(nil, s.elements(size), nil, 1) })
		assert.Panics(t, func() { _ = encode(m, s.elements(size), nil, nil, 1) })
	}
	assert.Panics(t, func() { m.Decode(s.elements(2), vector, s.keys(3), 1) })
	assert.Panics(t, func() { _ = encode(m, vector, s.keys(11), s.elements(11), 1) })
}

// A space changes nothing, whatever was in it.
func TestSpace(t *testing.T) {
	s := newSource(t)
	var space okvs.Space
	for _, n := range []int{3000, 100, 5000, 3000} {
		p := params(t, n)
		m, keys, values, fill := okvs.NewMatrix(p, s.seed()), s.keys(n), s.elements(n), s.elements(p.Size())
		want := append([]gf128.Element(nil), fill...)
		require.NoError(t, encode(m, want, keys, values, 1))
		require.NoError(t, encodeIn(&space, m, fill, keys, values, 2))
		require.Equal(t, want, fill)
	}
	require.False(t, space.IsZero())
	space.Clear()
	require.True(t, space.IsZero())
}

// None for each key: some for each call, and with purego some for each batch.
func TestAllocations(t *testing.T) {
	s := newSource(t)
	const n = 10_000
	p := params(t, n)
	m, keys, values, vector := okvs.NewMatrix(p, s.seed()), s.keys(n), s.elements(n), s.elements(p.Size())
	assert.Less(t, testing.AllocsPerRun(10, func() { m.Decode(values, vector, keys, 1) }), n/50.)
	assert.Less(t, testing.AllocsPerRun(10, func() {
		if err := encode(m, vector, keys, values, 1); err != nil {
			panic(err)
		}
	}), n/50.)
}

// Both parties compute the same rows, and other versions of this package too: a
// change here is another protocol.
func TestKnown(t *testing.T) {
	all := sha256.New()
	rng := source{random.NewChaCha8([32]byte{1, 2, 3})}
	for _, n := range []int{0, 1, 2, 3, 10, 100, 1000, 10_000, 40_000, 100_000} {
		for _, chunks := range []int{1, 1000} {
			p, err := okvs.NewParams(n, chunks)
			require.NoError(t, err)
			fmt.Fprintln(all, n, chunks, p.Bins(), p.Size(), p.Dense())
			m := okvs.NewMatrix(p, rng.seed())
			for _, e := range decode(m, rng.elements(p.Size()), rng.keys(500)) {
				all.Write(e.Append(nil))
			}
		}
	}
	assert.Equal(t, "256253337d6ddd8f58ec15f96c9591e329d0294b7feb729b1e88b805a34adbc2", hex.EncodeToString(all.Sum(nil)))
}

func FuzzEncode(f *testing.F) {
	f.Add([]byte{}, uint8(1), uint8(3), uint8(3))
	f.Add([]byte("a few keys of one letter"), uint8(1), uint8(30), uint8(3))
	f.Add([]byte("unequalkys"), uint8(2), uint8(12), uint8(1))
	f.Add([]byte("abcdefghijklmnopqrstuvwxyz0123456789"), uint8(3), uint8(14), uint8(4))
	f.Fuzz(func(t *testing.T, letters []byte, bins, sparse, dense uint8) {
		p := okvs.Sized(len(letters), 1+int(bins)%8, 3+int(sparse), int(dense)%8)
		m := okvs.NewMatrix(p, [32]byte{bins, sparse, dense})
		keys, distinct := make([]okvs.Key, len(letters)), map[byte]bool{}
		values, vector := make([]gf128.Element, len(letters)), make([]gf128.Element, p.Size())
		for i, c := range letters {
			keys[i][7], distinct[c] = c, true
			values[i] = gf128.Element{Lo: uint64(i), Hi: uint64(c)}
		}
		switch err := encode(m, vector, keys, values, 2); err {
		case nil:
			require.Len(t, distinct, len(letters))
			require.Equal(t, values, decode(m, vector, keys))
		case okvs.ErrDuplicate:
			require.Less(t, len(distinct), len(letters))
		default:
			require.ErrorIs(t, err, okvs.ErrEncode)
		}
	})
}
