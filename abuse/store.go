package abuse

import (
	"context"
	"errors"
	"iter"
)

// Store is where a service keeps what must outlive its process: rows in tables, ordered by
// key. It knows nothing of what the rows mean; that is written once, for all stores, by package
// watch. [NewMemory] is a store, and package sqlstore has SQLite and PostgreSQL; package
// abusetest says what any other must do.
//
// A Store is safe for concurrent use, also by several processes where its kind allows it.
type Store interface {
	// View runs f on one state of the store.
	View(ctx context.Context, f func(Reader) error) error
	// Update runs f and commits what it has written, all of it or nothing; what is committed is
	// durable when Update returns nil. Updates are serializable: they have the effect of running
	// one after the other. For that f may run several times, so that it does nothing but read and
	// write rows, and keeps nothing of an earlier run. If f gives an error nothing is written and
	// Update returns it. After a [*StoreError] what f wrote may be there or not.
	Update(ctx context.Context, f func(Writer) error) error
	// Load puts very many rows into a table, with ascending keys, in transactions of the
	// store's choice: a crash leaves the first so many. It is many times as fast as Update.
	Load(ctx context.Context, t Table, rows iter.Seq[Row]) error
	// Close waits for what is under way and gives back what the store holds.
	Close() error
}

// Reader reads rows. What it gives is the caller's.
type Reader interface {
	// Get gives the values of rows, nil where there is no row.
	Get(t Table, keys ...[]byte) ([][]byte, error)
	// Scan gives at most limit rows with from <= key < to, ascending by key as bytes compare.
	// A to of nil is the end of the table.
	Scan(t Table, from, to []byte, limit int) ([]Row, error)
}

// Writer reads and writes rows; it sees what it has written.
type Writer interface {
	Reader
	// Put puts a row in the place of the one with its key, if there is one. Values are not nil;
	// keys have 1 to [MaxKey] bytes. What is given is not kept or changed.
	Put(t Table, key, value []byte) error
	// Delete takes out the row with the key, if there is one.
	Delete(t Table, key []byte) error
}

// Row is one row of a table.
type Row struct{ Key, Value []byte }

// MaxKey is the greatest length of a key, in bytes.
const MaxKey = 512

// Errors of stores, found by errors.Is in a [*StoreError].
var (
	// ErrStoreVersion says that the store was written by a newer version; it is untouched.
	ErrStoreVersion = errors.New("abuse: store of a newer version")
	// ErrStoreDamaged says that the store is not as it was written.
	ErrStoreDamaged = errors.New("abuse: store is damaged")
	// ErrStoreFull says that there is no room.
	ErrStoreFull = errors.New("abuse: store is full")
	// ErrStoreReadOnly says that the store cannot be written.
	ErrStoreReadOnly = errors.New("abuse: store is read-only")
)

// StoreError is a failure of the disk or the database. Its text has no row in it.
type StoreError struct {
	Op   string // what failed
	Kind error  // one of the errors above, or nil
}

// Error says what failed and never with which row.
func (e *StoreError) Error() string {
	if e.Kind != nil {
		return e.Kind.Error() + ": " + e.Op
	}
	return "abuse: store failed: " + e.Op
}

// Unwrap gives the kind.
func (e *StoreError) Unwrap() error { return e.Kind }
