package aeshash_test

import (
	"crypto/aes"
	"encoding/hex"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hueandcry/hueandcry/linkage/internal/aeshash"
	"github.com/hueandcry/hueandcry/linkage/internal/gf128"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type block = aeshash.Block

// each runs the test once for every implementation.
func each(t *testing.T, test func(t *testing.T)) {
	t.Cleanup(aeshash.Restore)
	all := aeshash.Implementations()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		t.Run(name, func(t *testing.T) {
			all[name]()
			test(t)
		})
	}
}

// source gives keys and blocks. Its seed is printed when the test fails.
type source struct{ *rand.Rand }

func newSource(t testing.TB) source {
	seed := uint64(time.Now().UnixNano())
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	})
	return source{rand.New(rand.NewPCG(seed, 0))}
}

func (s source) blocks(n int) []block {
	all := make([]block, n)
	for i := range all {
		all[i] = block{Lo: s.Uint64(), Hi: s.Uint64()}
	}
	return all
}

func (s source) key() [16]byte { return [16]byte(s.blocks(1)[0].Append(nil)) }

// model is the definition, by crypto/aes.
func model(t *testing.T, key [16]byte, x block) block {
	c, err := aes.NewCipher(key[:])
	require.NoError(t, err)
	b := x.Append(nil)
	c.Encrypt(b, b)
	for i, v := range x.Append(nil) {
		b[i] ^= v
	}
	return gf128.FromBytes(b)
}

// The examples of FIPS 197, appendices B and C.1.
func TestFIPS197(t *testing.T) {
	for _, v := range []struct{ key, plain, cipher string }{
		{"2b7e151628aed2a6abf7158809cf4f3c", "3243f6a8885a308d313198a2e0370734", "3925841d02dc09fbdc118597196a0b32"},
		{"000102030405060708090a0b0c0d0e0f", "00112233445566778899aabbccddeeff", "69c4e0d86a7b0430d8cdb78070b4c55a"},
	} {
		key, plain, cipher := read(t, v.key), read(t, v.plain), read(t, v.cipher)
		each(t, func(t *testing.T) {
			k := aeshash.New([16]byte(key.Append(nil)))
			for _, n := range []int{1, 4, 8, 16} { // each step that is unrolled
				src, dst := slices.Repeat([]block{plain}, n), make([]block, n)
				k.Hash(dst, src)
				for _, y := range dst {
					assert.Equal(t, cipher, y.Add(plain))
				}
			}
		})
	}
}

func read(t *testing.T, s string) block {
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	require.Len(t, b, 16)
	return gf128.FromBytes(b)
}

// Every combination of whole steps and a tail, at places that are aligned to a
// block and no more; what lies about the result stays as it was.
func TestHash(t *testing.T) {
	each(t, func(t *testing.T) {
		s := newSource(t)
		for _, n := range lengths() {
			key := s.key()
			k := aeshash.New(key)
			buf, srcBuf := s.blocks(n+8), s.blocks(n+8)
			offset := n % 5
			dst, src := buf[offset:offset+n], srcBuf[3:3+n]
			want, before := slices.Clone(buf), slices.Clone(srcBuf)
			for i, x := range src {
				want[offset+i] = model(t, key, x)
			}
			k.Hash(dst, src)
			require.Equal(t, want, buf, "n = %d", n)
			require.Equal(t, before, srcBuf, "n = %d: the source was written to", n)
			k.Hash(src, src)
			require.Equal(t, dst, src, "n = %d: in place", n)
		}
	})
}

func TestExpand(t *testing.T) {
	each(t, func(t *testing.T) {
		s := newSource(t)
		for _, n := range lengths() {
			leftKey, rightKey := s.key(), s.key()
			left, right := aeshash.New(leftKey), aeshash.New(rightKey)
			buf, src := s.blocks(2*n+8), s.blocks(n)
			offset := n % 5
			want, before := slices.Clone(buf), slices.Clone(src)
			var leftWant, rightWant block
			for i, x := range src {
				l, r := model(t, leftKey, x), model(t, rightKey, x)
				want[offset+2*i], want[offset+2*i+1] = l, r
				leftWant, rightWant = leftWant.Add(l), rightWant.Add(r)
			}
			leftSum, rightSum := aeshash.Expand(left, right, buf[offset:offset+2*n], src)
			require.Equal(t, want, buf, "n = %d", n)
			require.Equal(t, before, src, "n = %d: the source was written to", n)
			require.Equal(t, leftWant, leftSum, "n = %d", n)
			require.Equal(t, rightWant, rightSum, "n = %d", n)
		}
	})
}

func lengths() []int {
	all := []int{100, 255, 1021}
	for n := range 68 {
		all = append(all, n)
	}
	return all
}

func TestLengthsMustMatch(t *testing.T) {
	each(t, func(t *testing.T) {
		k, two, three, four := aeshash.New([16]byte{}), make([]block, 2), make([]block, 3), make([]block, 4)
		for name, call := range map[string]func(){
			"Hash, short":   func() { k.Hash(two, three) },
			"Hash, long":    func() { k.Hash(three, two) },
			"Hash, empty":   func() { k.Hash(nil, two) },
			"Expand, short": func() { aeshash.Expand(k, k, three, two) },
			"Expand, long":  func() { aeshash.Expand(k, k, four, three[:1]) },
			"Expand, empty": func() { aeshash.Expand(k, k, two, nil) },
		} {
			assert.Panics(t, call, name)
		}
	})
}

// One key serves many goroutines; the race detector looks on.
func TestConcurrent(t *testing.T) {
	each(t, func(t *testing.T) {
		s := newSource(t)
		key := s.key()
		k, src := aeshash.New(key), s.blocks(50)
		want := make([]block, len(src))
		k.Hash(want, src)
		got := make([][]block, 4)
		var wg sync.WaitGroup
		for i := range got {
			wg.Go(func() {
				got[i] = make([]block, len(src))
				for range 20 {
					k.Hash(got[i], src)
				}
			})
		}
		wg.Wait()
		for _, g := range got {
			assert.Equal(t, want, g)
		}
	})
}

// No memory is taken but for the portable one's buffer of a call.
func TestAllocation(t *testing.T) {
	each(t, func(t *testing.T) {
		k, src, dst := aeshash.New([16]byte{}), newSource(t).blocks(40), make([]block, 80)
		assert.LessOrEqual(t, testing.AllocsPerRun(10, func() { k.Hash(dst[:40], src) }), 1.0)
		assert.LessOrEqual(t, testing.AllocsPerRun(10, func() { aeshash.Expand(k, k, dst, src) }), 1.0)
	})
}

func FuzzHash(f *testing.F) {
	f.Add(make([]byte, 16), uint64(0), uint64(0), uint8(0))
	f.Add([]byte("sixteen bytes ok"), ^uint64(0), uint64(1), uint8(33))
	f.Fuzz(func(t *testing.T, key []byte, lo, hi uint64, n uint8) {
		if len(key) != 16 {
			return
		}
		src := make([]block, n)
		for i := range src {
			src[i] = block{Lo: lo + uint64(i), Hi: hi}
		}
		each(t, func(t *testing.T) {
			k, dst, children := aeshash.New([16]byte(key)), make([]block, n), make([]block, 2*int(n))
			k.Hash(dst, src)
			aeshash.Expand(k, k, children, src)
			for i, x := range src {
				want := model(t, [16]byte(key), x)
				require.Equal(t, want, dst[i])
				require.Equal(t, []block{want, want}, children[2*i:2*i+2])
			}
		})
	})
}
