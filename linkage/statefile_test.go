package linkage

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage/internal/bulk"
	"github.com/hueandcry/hueandcry/linkage/internal/gf128"
)

// A head that is sealed as it should be, and says something else than the chunks or than this
// version computes.
func TestForeignHead(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "state"))
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	key, s := hashing.NewKey(), scope{1}
	p, err := bulk.NewParams(10, 1)
	require.NoError(t, err)
	w, err := newStateWriter(f, key, &s, p, rand.Reader)
	require.NoError(t, err)
	require.Error(t, w.finish(&s, [32]byte{2}), "a chunk is missing")
	require.NoError(t, w.chunk(0, [32]byte{3}, &bulk.Chunk{Key: make([]gf128.Element, p.Size())}))
	require.NoError(t, w.finish(&s, [32]byte{2}))
	_, err = newStateReader(f, key, &s)
	require.NoError(t, err)

	head := make([]byte, stateHeader)
	require.NoError(t, readAt(f, head, 0))
	seal := newStateKey(key, &s, head[6:38]).aead("head", head[38:statePrefix])
	text, err := seal.Open(nil, headNonce, head[statePrefix:], head[:statePrefix])
	require.NoError(t, err)
	for name, at := range map[string]int{
		"scope": 0, "items": len(s), "chunks": len(s) + 11, "size": len(s) + 19, "dense": len(s) + 23, "session ids": len(text) - 1,
	} {
		text[at] ^= 1
		_, err = f.WriteAt(seal.Seal(head[:statePrefix:statePrefix], headNonce, text, head[:statePrefix]), 0)
		require.NoError(t, err)
		_, err = newStateReader(f, key, &s)
		require.ErrorIs(t, err, ErrState, name)
		text[at] ^= 1
	}
}
