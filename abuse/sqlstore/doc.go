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
//	         commit for all of them, which those        in one round trip with the commit
//	         who read what it brings wait for too
//	View     a connection of its own, on a snapshot     REPEATABLE READ, read only; one round trip
//	                                                    takes the snapshot
//	Get      sorted lists of up to 200 keys             one array of keys
//	Load     32,000 rows a transaction                  COPY, 32,000 rows a transaction
//
// # SQLite
//
// The driver is SQLite in Go, without cgo. The file is in WAL mode with synchronous=FULL: what is
// acknowledged is in the WAL and synced. A background task moves it into the file proper four times
// a second, most of it beside the commits and the rest between two of them, so that the WAL begins
// anew and stays short. It cuts the WAL to nothing some ten seconds after a commit, or when it has
// some 130 MB, unless a View is held open for long; Close does so at the end. The file,
// "-wal" and "-shm" are readable by their owner alone. They lie on a disk of the machine: over a
// network WAL mode does not work.
//
// None of them may be copied as a file while the store is open. SQLite itself makes a copy beside it,
// of one moment, in which nothing is that was taken out (with umask 077, for it holds all the rest):
//
//	sqlite3 FILE "VACUUM INTO 'COPY'"
//
// What a copy is good for, package watch says: a store is never to go back.
//
// secure_delete=ON overwrites rows that are taken out, and pages that are given up; with the WAL
// cut, older copies go too. One kind of copy stays: where SQLite has moved a row to another page,
// the unused part of the first may keep the bytes till that part is written again (up to one row in
// seventy was seen to, where rows came in no order). Who must be sure of those runs VACUUM on the
// closed file. No store can say what the file system or the disk keeps.
//
// # PostgreSQL
//
// From version 15. The settings fsync and full_page_writes must be on, as they are by default.
// synchronous_commit is set to on for each connection, if it is not remote_apply. What is deleted
// stays in the database's files till it vacuums, and in its WAL and backups for longer. An Update
// that reads more than some thousand rows needs more max_pred_locks_per_transaction than the default
// of 64, or it takes whole tables for read, and is run again more often.
//
// The address may leave the password to PGPASSWORD or a password file, where no list of processes
// shows it. pgx takes a connection without TLS where the server offers none, and believes any
// certificate, unless the address has sslmode=verify-full. The pool is as the address says
// (pool_max_conns and its like), or has two connections a processor and eight at least.
//
// A pooler that gives each transaction another connection, as PgBouncer does in its mode
// "transaction", does not keep prepared statements, or only from 1.21 on: the address then has
// default_query_exec_mode=exec. Nor does it keep settings: there the server's own
// synchronous_commit must be on, and enable_seqscan off for this role (ALTER ROLE .. SET).
//
// # Versions
//
// Open brings the tables of an older version forward, in transactions. A store of a newer version
// is refused with [abuse.ErrStoreVersion] and not touched.
package sqlstore
