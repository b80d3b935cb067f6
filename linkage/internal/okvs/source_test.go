package okvs_test

import (
	"crypto/rand"
	"encoding/binary"
	random "math/rand/v2"
	"testing"

	"github.com/hueandcry/hueandcry/linkage/internal/gf128"
	"github.com/hueandcry/hueandcry/linkage/internal/okvs"
	"github.com/stretchr/testify/require"
)

// source makes what a test needs from a seed that it prints.
type source struct{ *random.ChaCha8 }

func newSource(tb testing.TB) source {
	var seed [32]byte
	_, _ = rand.Read(seed[:])
	tb.Logf("seed %x", seed)
	return source{random.NewChaCha8(seed)}
}

func (s source) intN(n int) int { return int(s.Uint64() % uint64(n)) }

func (s source) seed() (seed [32]byte) {
	_, _ = s.Read(seed[:])
	return seed
}

func (s source) elements(n int) []gf128.Element {
	es := make([]gf128.Element, n)
	for i := range es {
		es[i] = gf128.Element{Lo: s.Uint64(), Hi: s.Uint64()}
	}
	return es
}

// keys differ from each other, being random and of 128 bits.
func (s source) keys(n int) []okvs.Key {
	keys := make([]okvs.Key, n)
	for i := range keys {
		binary.LittleEndian.PutUint64(keys[i][:], s.Uint64())
		binary.LittleEndian.PutUint64(keys[i][8:], s.Uint64())
	}
	return keys
}

func params(tb testing.TB, n int) okvs.Params {
	p, err := okvs.NewParams(n, 1)
	require.NoError(tb, err)
	return p
}

func decode(m *okvs.Matrix, vector []gf128.Element, keys []okvs.Key) []gf128.Element {
	out := make([]gf128.Element, len(keys))
	m.Decode(out, vector, keys, 1)
	return out
}

// encode is Encode of slices.
func encode(m *okvs.Matrix, vector []gf128.Element, keys []okvs.Key, values []gf128.Element, workers int) error {
	return encodeIn(nil, m, vector, keys, values, workers)
}

func encodeIn(space *okvs.Space, m *okvs.Matrix, vector []gf128.Element, keys []okvs.Key, values []gf128.Element, workers int) error {
	return m.Encode(vector, len(keys), func(from int, some []okvs.Key, theirs []gf128.Element) {
		copy(some, keys[from:])
		copy(theirs, values[from:])
	}, space, workers)
}
