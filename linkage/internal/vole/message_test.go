package vole

import (
	"crypto/sha256"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestHashFramesAllParts compares with the framing written out, for parts of every kind of
// length and place.
func TestHashFramesAllParts(t *testing.T) {
	s := newSession(newParams(t, 1), [32]byte{9})
	for _, sizes := range [][]int{{}, {0}, {3, 0, 5}, {longPart}, {longPart + 1}, {7, longPart + 1}, {5000, 0, 9}, {2, 5000, 6000, 1}} {
		want := append([]byte("hueandcry/vole \x01"), s.id[:]...)
		want = append(want, "\x04name"...)
		var parts [][]byte
		for i, n := range sizes {
			p := make([]byte, n)
			for k := range p {
				p[k] = byte(k + i)
			}
			parts = append(parts, p)
			want = binary.BigEndian.AppendUint32(want, uint32(n))
			want = append(want, p...)
		}
		require.Equal(t, sha256.Sum256(want), s.hash("name", parts...), sizes)
	}
}
