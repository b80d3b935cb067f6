// Package sqlstore keeps an [abuse.Store] in SQLite or in PostgreSQL.
//
// Most callers need one name, [Open], with "sqlite:FILE" for one process or a few on one machine,
// or "postgres://…" for many. Tables and rows are the same in both; the statements are those that
// CockroachDB and YugabyteDB also take: no sequences, advisory locks, foreign keys, triggers or
// secondary indexes. What is in the rows is not looked at, and not encrypted here.
//
//	         sqlite:FILE                                postgres://…
//	Update   functions that wait run one after the      SERIALIZABLE, run again after a serialization
//	         other in one transaction, with one         failure; what was written goes out at the end,
//	         commit for all of them                     in one round trip with the commit
//	View     a connection of its own, on a snapshot     REPEATABLE READ, read only
//	Get      sorted lists of up to 200 keys             one array of keys
//	Load     32,000 rows a transaction                  COPY, 32,000 rows a transaction
//
// # SQLite
//
// The driver is SQLite in Go, without cgo. The file is in WAL mode with synchronous=FULL: what is
// acknowledged is in the WAL and synced. A background task moves it into the file proper, so that
// commits do not stall on that, and the WAL has some 200 MB at most, unless a View is held open for
// long; Close moves what is left. secure_delete=FAST overwrites rows that
// are taken out. The file, "-wal" and "-shm" are readable by their owner alone, and none of them
// may be copied while the store is open.
//
// # PostgreSQL
//
// From version 15. The settings fsync, full_page_writes and synchronous_commit must be on, as they
// are by default. An Update that reads more than some thousand rows needs more
// max_pred_locks_per_transaction than the default of 64, or it takes whole tables for read, and
// is run again more often. The pool is as the address says (pool_max_conns and its like).
//
// # Versions
//
// Open brings the tables of an older version forward, in transactions. A store of a newer version
// is refused with [abuse.ErrStoreVersion] and not touched.
package sqlstore
