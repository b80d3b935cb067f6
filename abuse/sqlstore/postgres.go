package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/semaphore"

	"github.com/hueandcry/hueandcry/abuse"
)

// postgresStore is a database.
type postgresStore struct {
	pool *pgxpool.Pool
	// line has a place for each Update that runs; one that has failed again and again takes all of
	// them, so that nothing in this process can make it fail once more.
	line *semaphore.Weighted

	mu     sync.Mutex // of closed
	closed bool
	active sync.WaitGroup
}

// How often and how long an Update is tried beside others (a long one will meet others each time),
// how often in all, and how long its commit may take: it is not given up when the caller's context
// ends, for then nobody would know what came of it.
const (
	triesBeside  = 4
	timeBeside   = 10 * time.Millisecond
	triesAtMost  = 100
	linePlaces   = 1 << 20
	commitAtMost = 30 * time.Second
)

// openPostgres connects to a database.
func openPostgres(ctx context.Context, address string, version int) (*postgresStore, error) {
	config, err := pgxpool.ParseConfig(address)
	if err != nil { // its text may hold parts of the address
		return nil, &abuse.Error{Field: "store address", Problem: "cannot be parsed"}
	}
	if !strings.Contains(address, "pool_max_conns") {
		config.MaxConns = int32(max(8, 2*runtime.GOMAXPROCS(0)))
	}
	config.AfterConnect = func(ctx context.Context, c *pgx.Conn) error {
		// Reading a whole small table is quick and would make all who write to it wait or fail.
		// A database that does not know the setting has another planner.
		if _, err := c.Exec(ctx, "SET enable_seqscan = off"); err != nil && sqlState(err) == "" {
			return err
		}
		// With "off" a commit is seen, and acknowledged, before it is durable. What waits for more
		// than "on" stays. A database that does not know the setting gives NULL: no row.
		_, err := c.Exec(ctx, "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit', true) <> 'remote_apply'")
		return err
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, postgresError("open", err)
	}
	s := &postgresStore{pool: pool, line: semaphore.NewWeighted(linePlaces)}
	err = migrate(ctx, postgresMigrator{pool}, version)
	if err == nil {
		err = writable(ctx, pool)
	}
	if err != nil {
		pool.Close()
		return nil, err
	}
	return s, nil
}

// writable says whether the database can be written: without it a store on a standby, or on one that
// was made read-only, would open, and fail at its first Update.
func writable(ctx context.Context, pool *pgxpool.Pool) error {
	var readOnly bool
	err := pool.QueryRow(ctx, "SELECT coalesce(current_setting('transaction_read_only', true), 'off') = 'on'").Scan(&readOnly)
	if err != nil {
		return orContext(ctx, postgresError("open", err))
	}
	if readOnly {
		return &abuse.StoreError{Op: "open", Kind: abuse.ErrStoreReadOnly}
	}
	return nil
}

type postgresMigrator struct{ pool *pgxpool.Pool }

func (m postgresMigrator) version(ctx context.Context) (n int, err error) {
	err = m.pool.QueryRow(ctx, "SELECT version FROM hc_schema WHERE one = 1").Scan(&n)
	if sqlState(err) == undefinedTable {
		return 0, nil
	}
	return n, orContext(ctx, postgresError("read the version", err))
}

func (m postgresMigrator) apply(ctx context.Context, version int, statements []string) error {
	for try := 0; ; try++ {
		err := pgx.BeginTxFunc(ctx, m.pool, pgx.TxOptions{IsoLevel: pgx.Serializable}, func(t pgx.Tx) error {
			if version > 1 {
				var before int
				if err := t.QueryRow(ctx, "SELECT version FROM hc_schema WHERE one = 1").Scan(&before); err != nil || before != version-1 {
					return err
				}
			}
			for _, s := range statements {
				if _, err := t.Exec(ctx, s); err != nil {
					return err
				}
			}
			_, err := t.Exec(ctx, "UPDATE hc_schema SET version = $1 WHERE one = 1", version)
			return err
		})
		if err == nil {
			return nil
		}
		// Another process may be doing the same.
		if v, e := m.version(ctx); e == nil && v >= version {
			return nil
		}
		if try == 10 || ctx.Err() != nil || sqlState(err) == "" {
			return orContext(ctx, postgresError("migrate", err))
		}
		pause(ctx, try)
	}
}

func (postgresMigrator) word(statement string) string { return replace(statement, "BYTEA", "") }

// pause waits before another try: the longer the more tries there were, and not as long as others.
func pause(ctx context.Context, try int) {
	select {
	case <-ctx.Done():
	case <-time.After(time.Duration(rand.Int64N(int64(time.Millisecond) << min(try, 6)))):
	}
}

// States of SQL that are more than a failure.
const (
	undefinedTable       = "42P01"
	uniqueViolation      = "23505"
	serializationFailure = "40001"
	deadlock             = "40P01"
	readOnly             = "25006"
)

func sqlState(err error) string {
	if e := (*pgconn.PgError)(nil); errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// postgresError makes a driver's error into ours: its state, and none of its words, in which
// there may be keys, addresses and names.
func postgresError(op string, err error) error {
	if err == nil {
		return nil
	}
	state := sqlState(err)
	if state == "" {
		return &abuse.StoreError{Op: op + " (no answer from the database)"}
	}
	e := &abuse.StoreError{Op: fmt.Sprintf("%s (SQLSTATE %s)", op, state)}
	switch {
	case state == "53100", state == "54000" && op == "load":
		e.Kind = abuse.ErrStoreFull
	case state == readOnly:
		e.Kind = abuse.ErrStoreReadOnly
	case strings.HasPrefix(state, "XX00") && state != "XX000":
		e.Kind = abuse.ErrStoreDamaged
	}
	return e
}

// orContext gives the error of a context that has ended in the place of what that has led to.
func orContext(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// enter keeps Close waiting till active.Done.
func (s *postgresStore) enter(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return &abuse.StoreError{Op: "begin", Kind: abuse.ErrStoreClosed}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	s.active.Add(1)
	return nil
}

// Close is [abuse.Store.Close].
func (s *postgresStore) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.active.Wait()
	s.pool.Close()
	return nil
}

// View is [abuse.Store.View].
func (s *postgresStore) View(ctx context.Context, f func(abuse.Reader) error) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.active.Done()
	// Only a database that knows nothing below SERIALIZABLE ever says that this must run again.
	for try := range triesAtMost {
		err := s.run(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", func(x *tx) error {
			// BEGIN alone takes no snapshot: the next statement does.
			if err := x.base.(*postgresTx).snapshot(); err != nil {
				return err
			}
			return f(x)
		})
		if !errors.Is(err, errAgain) {
			return err
		}
		pause(ctx, try)
	}
	return orContext(ctx, &abuse.StoreError{Op: "read: others were always first"})
}

// Update is [abuse.Store.Update].
func (s *postgresStore) Update(ctx context.Context, f func(abuse.Writer) error) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.active.Done()
	return s.again(ctx, func() error {
		return s.run(ctx, "BEGIN ISOLATION LEVEL SERIALIZABLE", func(x *tx) error { return f(writer{x}) })
	})
}

// errAgain says that a transaction is to be run again.
var errAgain = errors.New("sqlstore: serialization failure")

// again runs a transaction till it has not failed for others' sake.
func (s *postgresStore) again(ctx context.Context, once func() error) error {
	var spent time.Duration
	for try := range triesAtMost {
		places := int64(1)
		if try >= triesBeside || spent > timeBeside {
			places = linePlaces
		}
		if err := s.line.Acquire(ctx, places); err != nil {
			return ctx.Err()
		}
		err := func() error {
			defer s.line.Release(places)
			began := time.Now()
			defer func() { spent += time.Since(began) }()
			return once()
		}()
		if !errors.Is(err, errAgain) {
			return err
		}
		pause(ctx, try)
	}
	return orContext(ctx, &abuse.StoreError{Op: "commit: others were always first"})
}

// Load is [abuse.Store.Load].
func (s *postgresStore) Load(ctx context.Context, t abuse.Table, rows iter.Seq[abuse.Row]) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.active.Done()
	fresh := true // till a key was there already, which COPY does not take
	return portions(ctx, t, rows, func(portion []abuse.Row) error {
		if fresh {
			err := s.again(ctx, func() error { return s.copy(ctx, t, portion) })
			if !errors.Is(err, errThere) {
				return err
			}
			fresh = false
		}
		return s.again(ctx, func() error {
			return s.run(ctx, "BEGIN ISOLATION LEVEL SERIALIZABLE", func(x *tx) error {
				for _, r := range portion {
					x.written[t].Put(r.Key, r.Value)
					x.size += len(r.Key)
				}
				return nil
			})
		})
	})
}

// errThere says that a row to be copied is there already.
var errThere = errors.New("sqlstore: row is there")

func (s *postgresStore) copy(ctx context.Context, t abuse.Table, rows []abuse.Row) error {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return orContext(ctx, postgresError("connect", err))
	}
	defer conn.Release()
	err = pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{IsoLevel: pgx.Serializable}, func(p pgx.Tx) error {
		_, err := p.CopyFrom(ctx, pgx.Identifier{table(t)}, []string{"key", "value"}, pgx.CopyFromSlice(len(rows), func(i int) ([]any, error) {
			return []any{rows[i].Key, rows[i].Value}, nil
		}))
		return err
	})
	switch sqlState(err) {
	case uniqueViolation:
		return errThere
	case serializationFailure, deadlock:
		return errAgain
	case readOnly: // as in postgresTx.end
		_ = conn.Conn().Close(context.WithoutCancel(ctx))
	}
	return orContext(ctx, postgresError("load", err))
}
