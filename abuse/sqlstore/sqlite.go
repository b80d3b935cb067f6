package sqlstore

import (
	"context"
	"database/sql/driver"
	"errors"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hueandcry/hueandcry/abuse"
)

// sqliteStore is a file. Its writer is one connection, handed from turn to turn by write.
type sqliteStore struct {
	file      string
	writer    *sqliteConn
	turns     chan *turn
	readers   chan *sqliteConn // as many places as there may be connections; nil is one not open yet
	committed atomic.Bool      // something that is in the WAL alone, perhaps
	stop      chan struct{}
	stopped   chan struct{} // write has ended
	checked   chan struct{} // checkpoint has ended

	mu     sync.Mutex // of closed
	closed bool
	active sync.WaitGroup
}

// sqliteReaders is how many Views run at a time.
const sqliteReaders = 8

// openSQLiteStore opens or makes a file.
func openSQLiteStore(ctx context.Context, name string, version int, pragmas ...string) (*sqliteStore, error) {
	if name == "" || name == ":memory:" {
		return nil, &abuse.Error{Field: "store address", Problem: "must name a file"}
	}
	file, err := filepath.Abs(name)
	if err != nil {
		return nil, &abuse.StoreError{Op: "open: find the working directory"}
	}
	if info, err := os.Stat(file); err == nil && !info.Mode().IsRegular() { // SQLite would call it an error of the disk
		return nil, &abuse.Error{Field: "store address", Problem: "must name a file, and no folder"}
	}
	if err := refuse(ctx, file); err != nil {
		return nil, err
	}
	// The owner's alone; SQLite makes its other files with the same permissions. A file that is
	// there is not opened beside SQLite: closing it would give up locks that the process has.
	if f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600); err == nil {
		f.Close()
	} else if !errors.Is(err, fs.ErrExist) {
		e := &abuse.StoreError{Op: "open: the file cannot be made"}
		switch {
		case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
			e.Kind = abuse.ErrStoreReadOnly
		case errors.Is(err, fs.ErrNotExist):
			e.Op = "open: the file's folder is not there"
		}
		return nil, e
	}
	w, err := openSQLite(file, "rw", slices.Concat(pragmas, []string{"journal_mode(WAL)", "synchronous(FULL)", "cache_size(-16384)",
		"secure_delete(ON)", "wal_autocheckpoint(0)"})...)
	if err != nil {
		return nil, err
	}
	if err = w.writable(); err == nil {
		err = migrate(ctx, sqliteMigrator{w}, version)
	}
	if err != nil {
		w.close()
		return nil, err
	}
	c, err := openSQLite(file, "rw", "synchronous(FULL)", "wal_autocheckpoint(0)")
	if err != nil {
		w.close()
		return nil, err
	}
	if _, err := c.number("PRAGMA busy_timeout = 0"); err != nil { // see restart
		w.close()
		c.close()
		return nil, sqliteError("open", err)
	}
	s := &sqliteStore{file: file, writer: w, turns: make(chan *turn), readers: make(chan *sqliteConn, sqliteReaders),
		stop: make(chan struct{}), stopped: make(chan struct{}), checked: make(chan struct{})}
	for range sqliteReaders {
		s.readers <- nil
	}
	go s.write()
	go s.checkpoint(c)
	return s, nil
}

// writable says whether the file can be written: without it a store would open, and fail at its
// first Update.
func (c *sqliteConn) writable() error {
	err := c.exec("BEGIN IMMEDIATE") // which alone is no proof: of a file that cannot be written it takes a read lock
	if err == nil {
		err = c.exec("CREATE TABLE hc_never (x INT)")
		_ = c.exec("ROLLBACK")
	}
	return sqliteError("open", err)
}

// refuse looks at a file without writing a byte of it.
func refuse(ctx context.Context, file string) error {
	if info, err := os.Stat(file); err != nil || info.Size() == 0 {
		return nil // a new one, or one that cannot be opened, which is found next
	}
	c, err := openSQLite(file, "ro")
	if err != nil {
		return err
	}
	defer c.close()
	v, err := sqliteMigrator{c}.version(ctx)
	if err != nil {
		return err
	}
	all, err := steps()
	if err != nil {
		return err
	}
	if v > len(all) {
		return &abuse.StoreError{Op: "open", Kind: abuse.ErrStoreVersion}
	}
	if v == 0 {
		if n, err := c.number("SELECT count(*) FROM sqlite_schema"); err != nil || n > 0 {
			return &abuse.StoreError{Op: "open: the file is another program's"}
		}
	}
	return nil
}

type sqliteMigrator struct{ c *sqliteConn }

func (m sqliteMigrator) version(context.Context) (int, error) {
	n, err := m.c.number("SELECT count(*) FROM sqlite_schema WHERE name = 'hc_schema'")
	if err == nil && n == 1 {
		n, err = m.c.number("SELECT version FROM hc_schema WHERE one = 1")
	}
	return n, sqliteError("read the version", err)
}

func (m sqliteMigrator) apply(ctx context.Context, version int, statements []string) (err error) {
	if err := m.c.exec("BEGIN IMMEDIATE"); err != nil {
		return sqliteError("migrate", err)
	}
	defer func() {
		if err != nil {
			_ = m.c.exec("ROLLBACK")
		}
	}()
	if before, err := m.version(ctx); err != nil || before != version-1 {
		return errors.Join(err, sqliteError("migrate", m.c.exec("COMMIT")))
	}
	for _, s := range statements {
		if err := m.c.exec(s); err != nil {
			return sqliteError("migrate", err)
		}
	}
	if err := m.c.exec("UPDATE hc_schema SET version = ? WHERE one = 1", int64(version)); err != nil {
		return sqliteError("migrate", err)
	}
	return sqliteError("migrate", m.c.exec("COMMIT"))
}

func (sqliteMigrator) word(statement string) string {
	return replace(statement, "BLOB", " WITHOUT ROWID")
}

// enter keeps Close waiting till active.Done.
func (s *sqliteStore) enter() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return &abuse.StoreError{Op: "begin", Kind: abuse.ErrStoreClosed}
	}
	s.active.Add(1)
	return nil
}

// View is [abuse.Store.View].
func (s *sqliteStore) View(ctx context.Context, f func(abuse.Reader) error) (err error) {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.active.Done()
	if err := ctx.Err(); err != nil {
		return err
	}
	var c *sqliteConn
	select {
	case c = <-s.readers:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { s.readers <- c }()
	if c == nil {
		if c, err = openSQLite(s.file, "ro", "cache_size(-16384)"); err != nil {
			return err
		}
	}
	if err := c.exec("BEGIN"); err != nil {
		return sqliteError("begin", err)
	}
	x := &tx{base: c}
	defer func() {
		x.ended = true
		_ = c.exec("ROLLBACK") // nothing was written
	}()
	// BEGIN alone takes no snapshot: the first row that is read does.
	if _, err := c.number("SELECT version FROM hc_schema WHERE one = 1"); err != nil {
		return sqliteError("begin", err)
	}
	if err := f(x); err != nil {
		return err
	}
	return x.err
}

// Load is [abuse.Store.Load].
func (s *sqliteStore) Load(ctx context.Context, t abuse.Table, rows iter.Seq[abuse.Row]) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.active.Done()
	return portions(ctx, t, rows, func(portion []abuse.Row) error {
		turn, err := s.take(ctx, true)
		if err != nil {
			return err
		}
		defer func() { turn.ran <- ran{} }()
		if err := turn.conn.exec("BEGIN IMMEDIATE"); err != nil {
			return sqliteError("begin", err)
		}
		if err = turn.conn.put(t, portion); err == nil {
			err = turn.conn.exec("COMMIT")
			s.committed.Store(true)
		}
		if err != nil {
			s.rollback()
		}
		return sqliteError("load", err)
	})
}

// The WAL is moved into the file four times a second, and begun anew: most of it beside the commits,
// and what has come meanwhile between two of them. So it stays short, what was taken out is soon
// written over, and commits write where there is room already, which takes the disk half the time.
// It is cut to nothing some seconds after a commit, and earlier at so many bytes, for beyond where it
// is begun anew it has rows that were taken out since.
const (
	checkpointEach = time.Second / 4
	truncateTries  = 5
	walBytes       = 128 << 20
)

// truncateEach is how often the WAL is cut at most. Commits wait for it some ten milliseconds, so
// that at 10 s one in a thousand does; tests have less patience.
var truncateEach = 10 * time.Second

// checkpoint moves what is committed from the WAL into the file. What it cannot move stays in the
// WAL, where it is safe, and is tried again.
func (s *sqliteStore) checkpoint(c *sqliteConn) {
	defer close(s.checked)
	defer c.close()
	tick := time.NewTicker(checkpointEach)
	defer tick.Stop()
	tried, dirty := time.Now(), true // what another process has left, or a crash
	for {
		select {
		case <-s.stop:
			return
		case <-tick.C:
		}
		if s.committed.Swap(false) {
			dirty = true
		}
		if !dirty {
			continue
		}
		_, moved, _ := c.checkpoint("PASSIVE")
		if time.Since(tried) >= truncateEach || moved*4096 > walBytes {
			dirty = !s.restart(c, "TRUNCATE", truncateTries)
			tried = time.Now()
		} else {
			s.restart(c, "PASSIVE", 1)
		}
	}
}

// restart lets the WAL begin anew between two groups, if no View that began before is in its way
// for longer than Updates may wait. PASSIVE is enough for the next group to begin at its head, and
// leaves the writer what it has in memory, which RESTART would not.
func (s *sqliteStore) restart(c *sqliteConn, mode string, tries int) bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	turn, err := s.take(ctx, true)
	if err != nil {
		return false
	}
	defer func() { turn.ran <- ran{} }()
	for try := range tries {
		if try > 0 {
			time.Sleep(time.Millisecond)
		}
		// A wait of SQLite's own, beside which nobody commits, would be as long as the longest View.
		if busy, _, err := c.checkpoint(mode); err == nil && !busy {
			return true
		}
	}
	return false
}

// checkpoint says whether others were in its way, and gives the pages of the WAL that are in the file.
func (c *sqliteConn) checkpoint(mode string) (busy bool, moved int64, err error) {
	err = c.query("PRAGMA wal_checkpoint("+mode+")", nil, func(v []driver.Value) {
		busy = v[0] != int64(0)
		moved, _ = v[2].(int64)
	})
	return busy, moved, err
}

// Close is [abuse.Store.Close].
func (s *sqliteStore) Close() error {
	s.mu.Lock()
	again := s.closed
	s.closed = true
	s.mu.Unlock()
	if again {
		return nil
	}
	s.active.Wait()
	close(s.stop)
	<-s.checked
	<-s.stopped
	for range sqliteReaders {
		if c := <-s.readers; c != nil {
			c.close()
		}
	}
	_, _, err := s.writer.checkpoint("TRUNCATE")
	return sqliteError("close", errors.Join(err, s.writer.close()))
}
