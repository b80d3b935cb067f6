package sqlstore_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/sqlstore"
)

// needles puts and takes out rows whose keys and values can be searched for, among rows that stay.
const needles = 5000

func needle(i int) []byte { return fmt.Appendf(nil, "NEEDLE-%07d", i) }

func putNeedles(t testing.TB, s abuse.Store) {
	require.NoError(t, s.Update(t.Context(), func(w abuse.Writer) error {
		for i := range needles {
			require.NoError(t, w.Put(abuse.Signals, needle(i), bytes.Repeat([]byte("VALUE!"), 20)))
			require.NoError(t, w.Put(abuse.Signals, fmt.Appendf(nil, "other-%07d", i), make([]byte, 150)))
		}
		return nil
	}))
}

func deleteNeedles(t testing.TB, s abuse.Store) {
	order := rand.New(rand.NewPCG(1, 2)).Perm(needles)
	for len(order) > 0 {
		require.NoError(t, s.Update(t.Context(), func(w abuse.Writer) error {
			for _, i := range order[:100] {
				require.NoError(t, w.Delete(abuse.Signals, needle(i)))
			}
			return nil
		}))
		order = order[100:]
	}
}

// left counts the needles in a store's files.
func left(t testing.TB, file string) (n int) {
	for _, f := range []string{file, file + "-wal"} {
		b, err := os.ReadFile(f)
		if !os.IsNotExist(err) {
			require.NoError(t, err)
		}
		n += bytes.Count(b, []byte("NEEDLE-")) + bytes.Count(b, []byte("VALUE!VALUE!"))
	}
	return n
}

func TestDeletedRowsAreGoneAfterClose(t *testing.T) {
	file := filepath.Join(t.TempDir(), "db")
	s, err := sqlstore.Open(t.Context(), "sqlite:"+file)
	require.NoError(t, err)
	putNeedles(t, s)
	require.NoError(t, s.Close())
	require.Greater(t, left(t, file), needles)
	s, err = sqlstore.Open(t.Context(), "sqlite:"+file)
	require.NoError(t, err)
	deleteNeedles(t, s)
	require.NoError(t, s.Close())
	require.Zero(t, left(t, file))
}

// A store that stays open, and never pauses, does not keep them either.
func TestDeletedRowsAreGoneWhileOpen(t *testing.T) {
	file := filepath.Join(t.TempDir(), "db")
	s, err := sqlstore.Open(t.Context(), "sqlite:"+file)
	require.NoError(t, err)
	putNeedles(t, s)
	deleteNeedles(t, s)
	busy := func(work func() error) func() {
		stop, done := make(chan struct{}), make(chan error, 1)
		go func() {
			for {
				select {
				case <-stop:
					done <- nil
					return
				default:
				}
				if err := work(); err != nil {
					done <- err
					return
				}
			}
		}()
		return func() {
			close(stop)
			require.NoError(t, <-done)
		}
	}
	writer := busy(func() error {
		return s.Update(t.Context(), func(w abuse.Writer) error { return w.Put(abuse.Kept, []byte("k"), []byte("v")) })
	})
	reader := busy(func() error {
		return s.View(t.Context(), func(r abuse.Reader) error {
			_, err := r.Scan(abuse.Signals, nil, nil, 10)
			return err
		})
	})
	require.Eventually(t, func() bool { return left(t, file) == 0 }, time.Minute, 50*time.Millisecond)
	writer()
	reader()
	require.NoError(t, s.Close())
}
