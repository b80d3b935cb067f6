package abuse

import (
	"bytes"
	"context"
	"iter"
	"sync"

	"github.com/hueandcry/hueandcry/abuse/internal/ordered"
)

// Memory is a [Store] that lasts as long as its process: for tests, and for services that
// can enrol again. A row takes some 150 bytes beside its key and value. Functions of Update
// run once, one after the other; those of View beside them, on the state before.
type Memory struct {
	writer chan struct{} // has the one token, that of the writer
	mu     sync.Mutex    // of what follows
	tables [tableEnd]ordered.Map
	closed bool
	views  sync.WaitGroup
}

// NewMemory gives an empty store.
func NewMemory() *Memory {
	m := &Memory{writer: make(chan struct{}, 1)}
	m.writer <- struct{}{}
	return m
}

var _ Store = (*Memory)(nil)

// View is [Store.View].
func (m *Memory) View(ctx context.Context, f func(Reader) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	tx, err := m.begin()
	if err != nil {
		return err
	}
	defer m.views.Done()
	defer tx.end()
	if err := f(tx); err != nil {
		return err
	}
	return tx.err
}

// Update is [Store.Update].
func (m *Memory) Update(ctx context.Context, f func(Writer) error) error {
	if err := m.take(ctx); err != nil {
		return err
	}
	defer m.give()
	tx, err := m.begin()
	if err != nil {
		return err
	}
	defer m.views.Done()
	defer tx.end()
	if err := f(memoryWriter{tx}); err != nil {
		return err
	}
	if tx.err != nil {
		return tx.err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tables = tx.tables
	return nil
}

// loadRows is how many rows Load makes known at once.
const loadRows = 10_000

// Load is [Store.Load]. Readers see the rows appear in portions of ten thousand.
func (m *Memory) Load(ctx context.Context, t Table, rows iter.Seq[Row]) error {
	if !t.Valid() {
		return CheckRow(t, nil, nil)
	}
	next, stop := iter.Pull(rows)
	defer stop()
	var last []byte
	for more := true; more; {
		err := m.Update(ctx, func(w Writer) error {
			for range loadRows {
				var r Row
				if r, more = next(); !more {
					return nil
				}
				if last != nil && bytes.Compare(last, r.Key) >= 0 {
					return &Error{"row key", "must be above the one before"}
				}
				if err := w.Put(t, r.Key, r.Value); err != nil {
					return err
				}
				last = append(last[:0], r.Key...)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Close is [Store.Close].
func (m *Memory) Close() error {
	<-m.writer
	defer m.give()
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	m.views.Wait()
	clear(m.tables[:]) // nobody reads them any more
	return nil
}

func (m *Memory) take(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case <-m.writer:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (m *Memory) give() { m.writer <- struct{}{} }

func (m *Memory) begin() (*memoryTx, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, &StoreError{Op: "begin", Kind: ErrStoreClosed}
	}
	m.views.Add(1)
	tx := new(memoryTx)
	for i := range m.tables {
		tx.tables[i] = m.tables[i].Snapshot()
	}
	return tx, nil
}

// memoryTx is one state of the tables.
type memoryTx struct {
	tables [tableEnd]ordered.Map
	err    error // the first that a method gave: the transaction has failed, even if f does not look
	ended  bool
}

func (tx *memoryTx) end() { tx.ended = true }

func (tx *memoryTx) check(t Table, key, value []byte) error {
	if tx.ended {
		return &Error{"reader", "is used after its function has returned"}
	}
	if err := CheckRow(t, key, value); err != nil && tx.err == nil {
		tx.err = err
	}
	return tx.err
}

// Some key and some value that are in order, where there is nothing else to check.
var fine = []byte{0}

func (tx *memoryTx) Get(t Table, keys ...[]byte) ([][]byte, error) {
	if err := tx.check(t, fine, fine); err != nil {
		return nil, err
	}
	values := make([][]byte, len(keys))
	for i, key := range keys {
		if err := tx.check(t, key, fine); err != nil {
			return nil, err
		}
		if v, found := tx.tables[t].Get(key); found {
			values[i] = append(make([]byte, 0, len(v)), v...)
		}
	}
	return values, nil
}

func (tx *memoryTx) Scan(t Table, from, to []byte, limit int) ([]Row, error) {
	if err := tx.check(t, fine, fine); err != nil {
		return nil, err
	}
	var rows []Row
	if limit < 1 {
		return nil, nil
	}
	for k, v := range tx.tables[t].Range(from, to) {
		k, v = copyRow(k, v)
		if rows = append(rows, Row{k, v}); len(rows) == limit {
			break
		}
	}
	return rows, nil
}

// memoryWriter has the methods that a Reader must not have.
type memoryWriter struct{ *memoryTx }

func (w memoryWriter) Put(t Table, key, value []byte) error {
	if err := w.check(t, key, value); err != nil {
		return err
	}
	key, value = copyRow(key, value)
	w.tables[t].Put(key, value)
	return nil
}

func (w memoryWriter) Delete(t Table, key []byte) error {
	if err := w.check(t, key, fine); err != nil {
		return err
	}
	w.tables[t].Delete(key)
	return nil
}

// copyRow gives copies in one piece of memory, that cannot grow into each other.
func copyRow(key, value []byte) ([]byte, []byte) {
	b := make([]byte, 0, len(key)+len(value))
	b = append(append(b, key...), value...)
	n := len(key)
	return b[:n:n], b[n:]
}
