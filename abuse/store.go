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
//
// An error is that of f as it is, an *[Error] for arguments out of bounds, the error of the
// context, or a *[StoreError]. Only after the last may what was written be there or not.
type Store interface {
	// View runs f once on one state of the store: all that Update and Load had committed when
	// View was called, and nothing that is committed while f runs.
	View(ctx context.Context, f func(Reader) error) error
	// Update runs f and commits what it has written, all of it or nothing; what is committed is
	// durable when Update returns nil. Updates are serializable: they have the effect of running
	// one after the other, each after those that had returned when it was called. For that f may
	// run several times, so that it does nothing but read and write rows, keeps nothing of an
	// earlier run, and takes no long time: with some stores others wait for it. It must not call
	// the store itself.
	//
	// If f gives an error, or one of the Writer's methods has given one, nothing is written and
	// Update returns it. A context that has ended is an error like these.
	Update(ctx context.Context, f func(Writer) error) error
	// Load puts very many rows into a table, with keys that ascend strictly, in transactions of
	// the store's choice: after an error or a crash the first so many are there. It is many times
	// as fast as Update. What rows gives is used only till it gives the next.
	Load(ctx context.Context, t Table, rows iter.Seq[Row]) error
	// Close waits for what is under way and gives back what the store holds. After it all methods
	// but Close give [ErrStoreClosed].
	Close() error
}

// Reader reads rows. It is for the goroutine that was handed it and ends with the function
// that was. What it gives is the caller's.
type Reader interface {
	// Get gives the values of rows in the order of the keys, nil where there is no row and not
	// nil where there is one. Keys may come in any order, and again and again; many in one
	// call cost much less than one by one.
	Get(t Table, keys ...[]byte) ([][]byte, error)
	// Scan gives at most limit rows with from <= key < to, ascending by key as bytes compare.
	// A from of nil is the beginning of the table, a to of nil its end. A limit below 1 gives none.
	Scan(t Table, from, to []byte, limit int) ([]Row, error)
}

// Writer reads and writes rows; it sees what it has written.
type Writer interface {
	Reader
	// Put puts a row in the place of the one with its key, if there is one. Keys have 1 to
	// [MaxKey] bytes, values are not nil and have at most [MaxValue]. What is given is copied.
	Put(t Table, key, value []byte) error
	// Delete takes out the row with the key, if there is one.
	Delete(t Table, key []byte) error
}

// Row is one row of a table. The zero Row is none.
type Row struct{ Key, Value []byte }

// The greatest lengths of a row's parts, in bytes.
const (
	MaxKey   = 512
	MaxValue = 64 << 20
)

// CheckRow says whether a store may be given the row, by an *[Error] that holds nothing of it.
func CheckRow(t Table, key, value []byte) error {
	switch {
	case !t.Valid():
		return &Error{"table", "must be one of Tables"}
	case len(key) < 1 || len(key) > MaxKey:
		return &Error{"row key", "must have 1 to 512 bytes"}
	case value == nil:
		return &Error{"row value", "must not be nil"}
	case len(value) > MaxValue:
		return &Error{"row value", "must have at most 64 MiB"}
	}
	return nil
}

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
	// ErrStoreClosed says that Close was called.
	ErrStoreClosed = errors.New("abuse: store is closed")
)

// StoreError is a failure of the disk or the database. Its text has no row in it, and neither
// the address nor the password of a database.
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
