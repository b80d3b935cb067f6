package sqlstore_test

import (
	"crypto/sha256"
	"fmt"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"modernc.org/sqlite"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/abusetest"
	"github.com/hueandcry/hueandcry/abuse/sqlstore"
)

// addresses gives makers of new, empty stores of each kind.
func addresses() map[string]func(testing.TB) string {
	return map[string]func(testing.TB) string{
		"sqlite":   func(t testing.TB) string { return "sqlite:" + filepath.Join(t.TempDir(), "db") },
		"postgres": abusetest.Postgres,
	}
}

// tablesAt gives the tables that a version had.
func tablesAt(version int) []abuse.Table {
	last := map[int]abuse.Table{1: abuse.SessionRecords, 2: abuse.OptOuts, 3: abuse.Audit, 4: abuse.Audit}[version]
	return abuse.Tables()[:last]
}

func fill(t testing.TB, s abuse.Store, tables []abuse.Table) {
	require.NoError(t, s.Update(t.Context(), func(w abuse.Writer) error {
		for _, table := range tables {
			for i := range 3 {
				if err := w.Put(table, []byte{byte(i), 0xff}, []byte(table.String())); err != nil {
					return err
				}
			}
		}
		return nil
	}))
}

func filled(t testing.TB, s abuse.Store, tables []abuse.Table) {
	require.NoError(t, s.View(t.Context(), func(r abuse.Reader) error {
		for _, table := range tables {
			rows, err := r.Scan(table, nil, nil, 10)
			require.NoError(t, err)
			require.Len(t, rows, 3, table.String())
			for i, row := range rows {
				require.Equal(t, []byte{byte(i), 0xff}, row.Key)
				require.Equal(t, table.String(), string(row.Value))
			}
		}
		return nil
	}))
}

func TestMigrationFromEveryVersion(t *testing.T) {
	require.Equal(t, 4, sqlstore.Versions(), "tablesAt and the golden files know these")
	for name, make := range addresses() {
		for version := 1; version <= sqlstore.Versions(); version++ {
			t.Run(fmt.Sprint(name, version), func(t *testing.T) {
				address := make(t)
				old, err := sqlstore.OpenAt(t.Context(), address, version)
				require.NoError(t, err)
				fill(t, old, tablesAt(version))
				require.NoError(t, old.Close())
				for range 2 {
					s, err := sqlstore.Open(t.Context(), address)
					require.NoError(t, err)
					filled(t, s, tablesAt(version))
					require.NoError(t, s.Close())
				}
				s, err := sqlstore.Open(t.Context(), address)
				require.NoError(t, err)
				fill(t, s, abuse.Tables())
				filled(t, s, abuse.Tables())
				require.NoError(t, s.Close())
			})
		}
	}
}

// Files as earlier versions wrote them open for ever. HUEANDCRY_GOLDEN=1 makes the one that is
// missing, of a version that is being added; the others are never made again.
func TestGoldenFiles(t *testing.T) {
	for version := 1; version <= sqlstore.Versions(); version++ {
		golden := filepath.Join("testdata", fmt.Sprintf("v%d.sqlite", version))
		data, err := os.ReadFile(golden)
		if os.IsNotExist(err) && os.Getenv("HUEANDCRY_GOLDEN") != "" {
			s, err := sqlstore.OpenAt(t.Context(), "sqlite:"+golden, version)
			require.NoError(t, err)
			fill(t, s, tablesAt(version))
			require.NoError(t, s.Close())
			data, err = os.ReadFile(golden)
			require.NoError(t, err)
		} else {
			require.NoError(t, err)
		}
		file := filepath.Join(t.TempDir(), "db")
		require.NoError(t, os.WriteFile(file, data, 0o600))
		s, err := sqlstore.Open(t.Context(), "sqlite:"+file)
		require.NoError(t, err)
		filled(t, s, tablesAt(version))
		fill(t, s, abuse.Tables())
		filled(t, s, abuse.Tables())
		require.NoError(t, s.Close())
	}
}

// setVersion does what a newer version of this package would, and leaves it in the WAL.
func setVersion(t testing.TB, file string) (closes func()) {
	c, err := new(sqlite.Driver).Open("file:" + file + "?_pragma=wal_autocheckpoint(0)")
	require.NoError(t, err)
	s, err := c.Prepare("UPDATE hc_schema SET version = 99")
	require.NoError(t, err)
	_, err = s.Exec(nil) //lint:ignore SA1019 there are no arguments, and nothing to wait for
	require.NoError(t, err)
	require.NoError(t, s.Close())
	return func() { require.NoError(t, c.Close()) }
}

func hashes(t testing.TB, files ...string) (all [][32]byte) {
	for _, f := range files {
		data, err := os.ReadFile(f)
		require.NoError(t, err)
		all = append(all, sha256.Sum256(data))
	}
	return all
}

func TestNewerSQLiteIsRefusedUntouched(t *testing.T) {
	file := filepath.Join(t.TempDir(), "db")
	s, err := sqlstore.Open(t.Context(), "sqlite:"+file)
	require.NoError(t, err)
	fill(t, s, abuse.Tables())
	require.NoError(t, s.Close())
	closes := setVersion(t, file)

	// As after a crash: the version is in the WAL alone.
	crashed := filepath.Join(t.TempDir(), "db")
	for _, end := range []string{"", "-wal"} {
		data, err := os.ReadFile(file + end)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(crashed+end, data, 0o600))
	}
	before := hashes(t, crashed, crashed+"-wal")
	_, err = sqlstore.Open(t.Context(), "sqlite:"+crashed)
	require.ErrorIs(t, err, abuse.ErrStoreVersion)
	require.Equal(t, before, hashes(t, crashed, crashed+"-wal"))

	closes() // moves it into the file
	before = hashes(t, file)
	_, err = sqlstore.Open(t.Context(), "sqlite:"+file)
	require.ErrorIs(t, err, abuse.ErrStoreVersion)
	require.Equal(t, before, hashes(t, file))
	if info, err := os.Stat(file + "-wal"); err == nil { // SQLite makes one to look
		require.Zero(t, info.Size())
	}
}

func TestNewerPostgresIsRefused(t *testing.T) {
	address := abusetest.Postgres(t)
	s, err := sqlstore.Open(t.Context(), address)
	require.NoError(t, err)
	require.NoError(t, s.Close())
	c, err := pgx.Connect(t.Context(), address)
	require.NoError(t, err)
	defer c.Close(t.Context())
	_, err = c.Exec(t.Context(), "UPDATE hc_schema SET version = 99")
	require.NoError(t, err)
	_, err = sqlstore.Open(t.Context(), address)
	require.ErrorIs(t, err, abuse.ErrStoreVersion)
	var version int
	require.NoError(t, c.QueryRow(t.Context(), "SELECT version FROM hc_schema").Scan(&version))
	require.Equal(t, 99, version)
}

// Several processes may start at once on a store that is not there yet, or that is old.
func TestOpenTogether(t *testing.T) {
	for name, make := range addresses() {
		t.Run(name, func(t *testing.T) {
			address := make(t)
			for _, version := range []int{1, math.MaxInt} {
				var group sync.WaitGroup
				for range 6 {
					group.Go(func() {
						s, err := sqlstore.OpenAt(t.Context(), address, version)
						if err == nil {
							err = s.Close()
						}
						if err != nil {
							t.Error(err)
						}
					})
				}
				group.Wait()
			}
			s, err := sqlstore.Open(t.Context(), address)
			require.NoError(t, err)
			fill(t, s, abuse.Tables())
			require.NoError(t, s.Close())
		})
	}
}

func TestTwoStoresOnOneFile(t *testing.T) {
	for name, make := range addresses() {
		t.Run(name, func(t *testing.T) {
			address := make(t)
			var group sync.WaitGroup
			const stores, each = 3, 30
			for range stores {
				s, err := sqlstore.Open(t.Context(), address)
				require.NoError(t, err)
				defer func() { require.NoError(t, s.Close()) }()
				group.Go(func() {
					for range each {
						if err := s.Update(t.Context(), func(w abuse.Writer) error {
							v, err := w.Get(abuse.Budgets, []byte("n"))
							if err != nil {
								return err
							}
							return w.Put(abuse.Budgets, []byte("n"), append(v[0], 'x'))
						}); err != nil {
							t.Error(err)
						}
					}
				})
			}
			group.Wait()
			s, err := sqlstore.Open(t.Context(), address)
			require.NoError(t, err)
			require.NoError(t, s.View(t.Context(), func(r abuse.Reader) error {
				v, err := r.Get(abuse.Budgets, []byte("n"))
				require.Len(t, v[0], stores*each)
				return err
			}))
			require.NoError(t, s.Close())
		})
	}
}

// statement runs one statement on a database.
func statement(t testing.TB, address, text string) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), address)
	require.NoError(t, err)
	defer c.Close(t.Context())
	_, err = c.Exec(t.Context(), text)
	require.NoError(t, err)
}

// database gives the name of an address's database.
func database(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		panic("no address")
	}
	return strings.TrimPrefix(u.Path, "/")
}
