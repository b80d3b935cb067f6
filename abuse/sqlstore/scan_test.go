package sqlstore_test

import (
	"crypto/rand"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/abusetest"
	"github.com/hueandcry/hueandcry/abuse/sqlstore"
)

// What is in the rows is in the files as it is, so that a search of the files proves something:
// in the WAL, in SQLite's file, and in those of a server.
func TestScanSeesRows(t *testing.T) {
	phone, tag, absent := []byte("+4915123456789"), make([]byte, 16), make([]byte, 16)
	_, _ = rand.Read(tag)
	_, _ = rand.Read(absent)
	put := func(s abuse.Store) {
		require.NoError(t, s.Update(t.Context(), func(w abuse.Writer) error {
			return w.Put(abuse.Kept, append([]byte("key of "), tag...), append([]byte("row of "), phone...))
		}))
	}
	find := func(dir string) {
		t.Helper()
		found, err := abusetest.Find(dir, phone, tag, absent)
		require.NoError(t, err)
		require.GreaterOrEqual(t, len(found), 2)
		for _, f := range found {
			require.NotContains(t, f, "secret 2")
		}
	}
	t.Run("sqlite", func(t *testing.T) {
		dir := t.TempDir()
		s, err := sqlstore.Open(t.Context(), "sqlite:"+filepath.Join(dir, "db"))
		require.NoError(t, err)
		put(s)
		find(filepath.Join(dir, "db-wal"))
		require.NoError(t, s.Close())
		find(filepath.Join(dir, "db"))
		s, err = sqlstore.Open(t.Context(), "sqlite:"+filepath.Join(dir, "db"))
		require.NoError(t, err)
		require.NoError(t, s.Update(t.Context(), func(w abuse.Writer) error {
			return w.Delete(abuse.Kept, append([]byte("key of "), tag...))
		}))
		require.NoError(t, s.Close())
		abusetest.Scan(t, dir, phone, tag) // a row that is taken out is overwritten
	})
	t.Run("postgres", func(t *testing.T) {
		server := abusetest.NewPostgres(t)
		s, err := sqlstore.Open(t.Context(), server.DSN)
		require.NoError(t, err)
		put(s)
		find(filepath.Join(server.Dir, "pg_wal"))
		statement(t, server.DSN, "CHECKPOINT")
		find(filepath.Join(server.Dir, "base"))
		require.NoError(t, s.Close())

		t.Setenv("HUEANDCRY_POSTGRES", server.DSN) // one that is there already will do
		address := abusetest.Postgres(t)
		require.NotEqual(t, server.DSN, address)
		s, err = sqlstore.Open(t.Context(), address)
		require.NoError(t, err)
		put(s)
		require.NoError(t, s.Close())
	})
}
