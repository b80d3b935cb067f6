package sqlstore

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/hueandcry/hueandcry/abuse"
)

// sqliteConn is one connection, for one goroutine at a time. database/sql would put a pool and
// a goroutine hand-over between us and the rows; here there is one writer and a few readers.
type sqliteConn struct {
	c     driver.Conn
	stmts map[string]driver.Stmt // by their text; there are few
	args  []driver.NamedValue    // of the call under way
}

// sqliteURI makes a file name into what SQLite opens.
func sqliteURI(file string, params url.Values) string {
	u := url.URL{Scheme: "file", Path: filepath.ToSlash(file), RawQuery: params.Encode()}
	return u.String()
}

// openAtMost is how long a connection is tried to be opened while others are in the way.
const openAtMost = 10 * time.Second

func isBusy(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && e.Code()&0xff == sqlite3.SQLITE_BUSY
}

// openSQLite opens a connection with pragmas; more of them than are given here hold for all.
func openSQLite(file string, mode string, pragmas ...string) (*sqliteConn, error) {
	all := append([]string{"busy_timeout(10000)", "temp_store(MEMORY)", "cell_size_check(ON)", "trusted_schema(OFF)"}, pragmas...)
	uri := sqliteURI(file, url.Values{"mode": {mode}, "_pragma": all})
	c, err := new(sqlite.Driver).Open(uri)
	// Where two begin the WAL at once SQLite does not wait, for each may be in the other's way.
	for until := time.Now().Add(openAtMost); isBusy(err) && time.Now().Before(until); {
		time.Sleep(5 * time.Millisecond)
		c, err = new(sqlite.Driver).Open(uri)
	}
	if err != nil {
		return nil, sqliteError("open", err)
	}
	return &sqliteConn{c: c, stmts: make(map[string]driver.Stmt)}, nil
}

func (c *sqliteConn) close() error {
	for _, s := range c.stmts {
		s.Close() // fails only if a run of the statement has, which was said then
	}
	return c.c.Close()
}

// stmt prepares a statement once.
func (c *sqliteConn) stmt(text string) (driver.Stmt, error) {
	if s := c.stmts[text]; s != nil {
		return s, nil
	}
	s, err := c.c.Prepare(text)
	if err == nil {
		c.stmts[text] = s
	}
	return s, err
}

func (c *sqliteConn) named(args []driver.Value) []driver.NamedValue {
	c.args = c.args[:0]
	for i, a := range args {
		c.args = append(c.args, driver.NamedValue{Ordinal: i + 1, Value: a})
	}
	return c.args
}

func (c *sqliteConn) exec(text string, args ...driver.Value) error {
	s, err := c.stmt(text)
	if err != nil {
		return err
	}
	_, err = s.(driver.StmtExecContext).ExecContext(context.Background(), c.named(args))
	return err
}

func (c *sqliteConn) query(text string, args []driver.Value, row func([]driver.Value)) (err error) {
	s, err := c.stmt(text)
	if err != nil {
		return err
	}
	rows, err := s.(driver.StmtQueryContext).QueryContext(context.Background(), c.named(args))
	if err != nil {
		return err
	}
	values := make([]driver.Value, len(rows.Columns()))
	for {
		if err = rows.Next(values); err != nil {
			break
		}
		row(values)
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return errors.Join(err, rows.Close())
}

// number gives the one integer that a statement gives, or 0.
func (c *sqliteConn) number(text string) (n int, err error) {
	err = c.query(text, nil, func(v []driver.Value) {
		if i, ok := v[0].(int64); ok {
			n = int(i)
		}
	})
	return n, err
}

// Lists of keys have one of these lengths, so that few statements are needed; one list costs
// much less than its keys one by one.
var lists = [...]int{200, 20, 1}

func (c *sqliteConn) get(t abuse.Table, keys [][]byte, found func(int, []byte)) error {
	args := make([]driver.Value, 0, lists[0])
	for at := 0; at < len(keys); at += len(args) {
		args = args[:0]
		n := list(len(keys) - at)
		for _, k := range keys[at : at+n] {
			args = append(args, k)
		}
		next := at // rows come in the order of the keys, mostly; that is not promised
		err := c.query("SELECT key, value FROM "+table(t)+" WHERE key IN ("+marks("?", n)+")", args, func(v []driver.Value) {
			key, _ := v[0].([]byte)
			value, _ := v[1].([]byte)
			for range n {
				i := next
				if next++; next == at+n {
					next = at
				}
				if string(keys[i]) == string(key) {
					found(i, value)
					return
				}
			}
		})
		if err != nil {
			return sqliteError("get", err)
		}
	}
	return nil
}

func (c *sqliteConn) scan(t abuse.Table, from, to []byte, limit int) ([]abuse.Row, error) {
	text, args := "SELECT key, value FROM "+table(t)+" WHERE key >= ? ORDER BY key LIMIT ?", []driver.Value{from, int64(limit)}
	if to != nil {
		text, args = "SELECT key, value FROM "+table(t)+" WHERE key >= ? AND key < ? ORDER BY key LIMIT ?", []driver.Value{from, to, int64(limit)}
	}
	var rows []abuse.Row
	err := c.query(text, args, func(v []driver.Value) {
		key, _ := v[0].([]byte)
		value, _ := v[1].([]byte)
		rows = append(rows, abuse.Row{Key: key, Value: value})
	})
	return rows, sqliteError("scan", err)
}

// flush writes what a transaction has written, table by table in the order of the keys.
func (c *sqliteConn) flush(x *tx) error {
	for _, t := range abuse.Tables() {
		var puts []abuse.Row
		var deletes []driver.Value
		for k, v := range x.written[t].Range(nil, nil) {
			if v == nil {
				deletes = append(deletes, k)
			} else {
				puts = append(puts, abuse.Row{Key: k, Value: v})
			}
		}
		for len(deletes) > 0 {
			n := list(len(deletes))
			if err := c.exec("DELETE FROM "+table(t)+" WHERE key IN ("+marks("?", n)+")", deletes[:n]...); err != nil {
				return err
			}
			deletes = deletes[n:]
		}
		if err := c.put(t, puts); err != nil {
			return err
		}
	}
	return nil
}

func (c *sqliteConn) put(t abuse.Table, rows []abuse.Row) error {
	args := make([]driver.Value, 0, 40)
	for len(rows) > 0 {
		n := min(list(len(rows)), 20)
		args = args[:0]
		for _, r := range rows[:n] {
			args = append(args, r.Key, r.Value)
		}
		err := c.exec("INSERT INTO "+table(t)+" (key, value) VALUES "+marks("(?, ?)", n)+" ON CONFLICT (key) DO UPDATE SET value = excluded.value", args...)
		if err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

// list gives the length of the longest list that is full.
func list(n int) int {
	for _, l := range lists {
		if n >= l {
			return l
		}
	}
	return 1
}

func marks(mark string, n int) string {
	return strings.Repeat(mark+", ", n-1) + mark
}

// sqliteError makes a driver's error into ours: its code, and none of its words.
func sqliteError(op string, err error) error {
	if err == nil {
		return nil
	}
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return &abuse.StoreError{Op: op}
	}
	s := &abuse.StoreError{Op: fmt.Sprintf("%s (SQLite code %d)", op, e.Code())}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_FULL:
		s.Kind = abuse.ErrStoreFull
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN: // of a file that is there
		s.Kind = abuse.ErrStoreReadOnly
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		s.Kind = abuse.ErrStoreDamaged
	}
	switch e.Code() {
	case sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE: // a quota or a limit of the process
		s.Kind = abuse.ErrStoreFull
	case sqlite3.SQLITE_IOERR_SHORT_READ, sqlite3.SQLITE_IOERR_DATA:
		s.Kind = abuse.ErrStoreDamaged
	}
	return s
}
