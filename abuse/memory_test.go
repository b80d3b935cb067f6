package abuse_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
)

func TestMemoryKeepsRows(t *testing.T) {
	m := abuse.NewMemory()
	require.NoError(t, m.Update(t.Context(), func(w abuse.Writer) error { return w.Put(abuse.Kept, []byte("k"), []byte("v")) }))
	require.NoError(t, m.View(t.Context(), func(r abuse.Reader) error {
		got, err := r.Get(abuse.Kept, []byte("k"), []byte("l"))
		require.Equal(t, [][]byte{[]byte("v"), nil}, got)
		return err
	}))
	require.NoError(t, m.Close())
	require.ErrorIs(t, m.View(t.Context(), nil), abuse.ErrStoreClosed)
}
