package sqlstore_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/abusetest"
	"github.com/hueandcry/hueandcry/abuse/sqlstore"
)

func TestSQLite(t *testing.T) {
	abusetest.Run(t, func(t testing.TB) (func() abuse.Store, bool) {
		address := "sqlite:" + filepath.Join(t.TempDir(), "a store with % and ?.db")
		return func() abuse.Store {
			s, err := sqlstore.Open(t.Context(), address)
			require.NoError(t, err)
			return s
		}, true
	})
}

func TestPostgres(t *testing.T) {
	abusetest.Run(t, func(t testing.TB) (func() abuse.Store, bool) {
		address := abusetest.Postgres(t)
		return func() abuse.Store {
			s, err := sqlstore.Open(t.Context(), address)
			require.NoError(t, err)
			return s
		}, true
	})
}
