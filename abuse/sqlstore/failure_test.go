package sqlstore_test

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"modernc.org/sqlite"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/abusetest"
	"github.com/hueandcry/hueandcry/abuse/sqlstore"
)

// quiet wants an error of a store in which there is nothing of its rows or its address.
func quiet(t testing.TB, err, kind error) {
	t.Helper()
	var e *abuse.StoreError
	require.ErrorAs(t, err, &e)
	if kind != nil {
		require.ErrorIs(t, err, kind)
	}
	for _, word := range []string{"secret", "127.0.0.1", "alice", filepath.Base(filepath.Dir(t.TempDir()))} {
		require.NotContains(t, err.Error(), word)
	}
}

// untilError puts rows of a kilobyte till there is an error; it gives how many were acknowledged.
func untilError(t testing.TB, s abuse.Store, most int) (n int, err error) {
	value := []byte(strings.Repeat("secret! ", 128))
	for n < most {
		if err := s.Update(t.Context(), func(w abuse.Writer) error { return w.Put(abuse.Kept, fmt.Appendf(nil, "secret %06d", n), value) }); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// holds wants the rows that untilError put, and perhaps one that failed.
func holds(t testing.TB, s abuse.Store, n int) {
	t.Helper()
	require.NoError(t, s.View(t.Context(), func(r abuse.Reader) error {
		rows, err := r.Scan(abuse.Kept, nil, nil, n+2)
		require.NoError(t, err)
		require.GreaterOrEqual(t, len(rows), n)
		require.LessOrEqual(t, len(rows), n+1)
		for i, row := range rows {
			require.Equal(t, fmt.Sprintf("secret %06d", i), string(row.Key))
		}
		return nil
	}))
}

func TestFullSQLite(t *testing.T) {
	address := "sqlite:" + filepath.Join(t.TempDir(), "db")
	s, err := sqlstore.OpenAt(t.Context(), address, sqlstore.Versions(), "max_page_count(100)")
	require.NoError(t, err)
	n, err := untilError(t, s, 1000)
	quiet(t, err, abuse.ErrStoreFull)
	require.Greater(t, n, 100)
	holds(t, s, n)
	for range 3 { // it is as full the next time
		quiet(t, s.Update(t.Context(), func(w abuse.Writer) error { return w.Put(abuse.Batches, []byte("secret"), make([]byte, 10_000)) }), abuse.ErrStoreFull)
	}
	require.NoError(t, s.Update(t.Context(), func(w abuse.Writer) error { return w.Delete(abuse.Kept, fmt.Appendf(nil, "secret %06d", n-1)) }))
	require.NoError(t, s.Close())
	s, err = sqlstore.Open(t.Context(), address)
	require.NoError(t, err)
	holds(t, s, n-1)
	_, err = untilError(t, s, 300)
	require.NoError(t, err)
	require.NoError(t, s.Close())
}

func TestDamagedSQLite(t *testing.T) {
	file := filepath.Join(t.TempDir(), "db")
	require.NoError(t, os.WriteFile(file, []byte(strings.Repeat("this is no database ", 1000)), 0o600))
	before := hashes(t, file)
	_, err := sqlstore.Open(t.Context(), "sqlite:"+file)
	quiet(t, err, abuse.ErrStoreDamaged)
	require.Equal(t, before, hashes(t, file))

	file = filepath.Join(t.TempDir(), "db")
	s, err := sqlstore.Open(t.Context(), "sqlite:"+file)
	require.NoError(t, err)
	n, err := untilError(t, s, 500)
	require.NoError(t, err)
	require.NoError(t, s.Close())
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	for i := 40 * 4096; i < len(data); i++ { // the catalogue is before that
		data[i] = 0xaa
	}
	require.NoError(t, os.WriteFile(file, data, 0o600))
	s, err = sqlstore.Open(t.Context(), "sqlite:"+file)
	require.NoError(t, err)
	scan := func(r abuse.Reader) error { _, err := r.Scan(abuse.Kept, nil, nil, n); return err }
	quiet(t, s.View(t.Context(), scan), abuse.ErrStoreDamaged)
	quiet(t, s.Update(t.Context(), func(w abuse.Writer) error { return scan(w) }), abuse.ErrStoreDamaged)
	quiet(t, s.Update(t.Context(), func(w abuse.Writer) error {
		if scan(w) == nil {
			return errors.New("not damaged")
		}
		return nil // whoever does not look has failed all the same
	}), abuse.ErrStoreDamaged)
	require.NoError(t, s.Close())

	require.NoError(t, os.WriteFile(file, data[:len(data)/3], 0o600)) // cut off
	s, err = sqlstore.Open(t.Context(), "sqlite:"+file)
	if err == nil {
		err = s.View(t.Context(), scan)
		require.NoError(t, s.Close())
	}
	quiet(t, err, abuse.ErrStoreDamaged)
}

func TestAnotherProgramsFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "db")
	c, err := new(sqlite.Driver).Open(file)
	require.NoError(t, err)
	s, err := c.Prepare("CREATE TABLE secret (x)")
	require.NoError(t, err)
	_, err = s.Exec(nil) //lint:ignore SA1019 as in setVersion
	require.NoError(t, err)
	require.NoError(t, errors.Join(s.Close(), c.Close()))
	before := hashes(t, file)
	_, err = sqlstore.Open(t.Context(), "sqlite:"+file)
	quiet(t, err, nil)
	require.Equal(t, before, hashes(t, file))
}

func TestAddresses(t *testing.T) {
	for _, address := range []string{"", "secret", "sqlite:", "sqlite::memory:", "mysql://secret", "file:secret",
		"postgres://alice:secret@127.0.0.1:port/x", "postgres://alice:secret@127.0.0.1/x?sslmode=secret", "postgres://alice:%secret@127.0.0.1/"} {
		_, err := sqlstore.Open(t.Context(), address)
		var e *abuse.Error
		require.ErrorAs(t, err, &e, address)
		require.NotContains(t, err.Error(), "secret")
		require.NotContains(t, err.Error(), "alice")
	}
	_, err := sqlstore.Open(t.Context(), "postgres://alice:secret@127.0.0.1:1/secret?sslmode=disable&connect_timeout=2")
	quiet(t, err, nil)
	_, err = sqlstore.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "no folder", "secret"))
	quiet(t, err, nil)
	require.Contains(t, err.Error(), "folder is not there")
	_, err = sqlstore.Open(t.Context(), "sqlite:"+t.TempDir())
	require.EqualError(t, err, "abuse: store address must name a file, and no folder")
}

func TestFilesAreTheOwnersAlone(t *testing.T) {
	dir := t.TempDir()
	s, err := sqlstore.Open(t.Context(), "sqlite:"+filepath.Join(dir, "db"))
	require.NoError(t, err)
	fill(t, s, abuse.Tables())
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	require.Len(t, files, 3)
	for _, f := range files {
		info, err := os.Stat(f)
		require.NoError(t, err)
		require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
	}
	require.NoError(t, s.Close())
	files, err = filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	require.Len(t, files, 1, "a store that is closed is one file")
}

// What the suite cannot see: a message of the database that quotes a row does not get out.
func TestPostgresErrorsAreQuiet(t *testing.T) {
	address := abusetest.Postgres(t)
	s, err := sqlstore.Open(t.Context(), address)
	require.NoError(t, err)
	statement(t, address, "ALTER TABLE hc_kept ADD CONSTRAINT c CHECK (length(value) < 10)")
	err = s.Update(t.Context(), func(w abuse.Writer) error { return w.Put(abuse.Kept, []byte("secret key"), []byte("secret value")) })
	quiet(t, err, nil)
	require.Contains(t, err.Error(), "23514")
	require.NoError(t, s.Close())
	u, err := url.Parse(address)
	require.NoError(t, err)
	with := func(parameter, value string) string {
		q := u.Query()
		q.Set(parameter, value)
		return (&url.URL{Scheme: u.Scheme, User: u.User, Host: u.Host, Path: u.Path, RawQuery: q.Encode()}).String()
	}
	_, err = sqlstore.Open(t.Context(), with("default_transaction_read_only", "on"))
	quiet(t, err, abuse.ErrStoreReadOnly)
	s, err = sqlstore.Open(t.Context(), with("pool_max_conns", "1"))
	require.NoError(t, err)
	// It may become so while it is open, as where a server that was the first is made a standby.
	writer, err := pgx.Connect(t.Context(), with("default_transaction_read_only", "off"))
	require.NoError(t, err)
	do := func(statements ...string) {
		for _, statement := range statements {
			_, err := writer.Exec(t.Context(), statement)
			require.NoError(t, err)
		}
	}
	for _, write := range []func() error{
		func() error {
			return s.Update(t.Context(), func(w abuse.Writer) error { return w.Put(abuse.Kept, []byte("secret"), []byte("v")) })
		},
		func() error {
			return s.Load(t.Context(), abuse.Kept, slices.Values([]abuse.Row{{Key: []byte("secret row"), Value: []byte("v")}}))
		},
	} {
		do("ALTER DATABASE "+database(address)+" SET default_transaction_read_only = on",
			"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
		quiet(t, write(), nil) // the connection that has gone
		quiet(t, write(), abuse.ErrStoreReadOnly)
		do("ALTER DATABASE " + database(address) + " RESET default_transaction_read_only")
		require.NoError(t, write(), "a session that was read-only is not kept")
	}
	require.NoError(t, writer.Close(t.Context()))
	require.NoError(t, s.Close())
}

// What the server has for its default does not hold here: a commit is durable when it is seen.
func TestPostgresCommitsAreDurable(t *testing.T) {
	for had, wants := range map[string]string{"off": "on", "local": "on", "on": "on", "remote_apply": "remote_apply"} {
		address := abusetest.Postgres(t)
		statement(t, address, "ALTER DATABASE "+database(address)+" SET synchronous_commit = "+had)
		s, err := sqlstore.Open(t.Context(), address)
		require.NoError(t, err)
		statement(t, address, "ALTER TABLE hc_kept ADD CONSTRAINT c CHECK (current_setting('synchronous_commit') = '"+wants+"')")
		require.NoError(t, s.Update(t.Context(), func(w abuse.Writer) error { return w.Put(abuse.Kept, []byte("k"), []byte("v")) }), had)
		require.NoError(t, s.Close())
	}
}

// Behind a pooler that keeps no prepared statements an address says so.
func TestPostgresWithoutPreparedStatements(t *testing.T) {
	u, err := url.Parse(abusetest.Postgres(t))
	require.NoError(t, err)
	for _, mode := range []string{"exec", "simple_protocol"} {
		q := u.Query()
		q.Set("default_query_exec_mode", mode)
		u.RawQuery = q.Encode()
		s, err := sqlstore.Open(t.Context(), u.String())
		require.NoError(t, err, mode)
		fill(t, s, abuse.Tables())
		row := func(i int) abuse.Row {
			return abuse.Row{Key: fmt.Appendf(nil, "%s %03d", mode, i), Value: []byte{0, byte(i), 0xff}}
		}
		require.NoError(t, s.Load(t.Context(), abuse.Kept, func(yield func(abuse.Row) bool) {
			for i := range 300 {
				if !yield(row(i)) {
					return
				}
			}
		}), mode)
		require.NoError(t, s.Update(t.Context(), func(w abuse.Writer) error {
			got, err := w.Get(abuse.Kept, row(7).Key, []byte("none"), row(255).Key)
			require.Equal(t, [][]byte{row(7).Value, nil, row(255).Value}, got)
			return errors.Join(err, w.Delete(abuse.Kept, row(0).Key), w.Put(abuse.Kept, row(1).Key, []byte{}))
		}), mode)
		require.NoError(t, s.View(t.Context(), func(r abuse.Reader) error {
			rows, err := r.Scan(abuse.Kept, row(0).Key, row(3).Key, 10)
			require.Equal(t, []abuse.Row{{Key: row(1).Key, Value: []byte{}}, row(2)}, rows)
			return err
		}), mode)
		require.NoError(t, s.Close())
	}
}
