package sqlstore

import (
	"bytes"
	"math"
	"slices"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/internal/ordered"
)

// base is what the database holds, beneath what a transaction has written.
type base interface {
	// get calls found for each key that has a row. The keys ascend strictly.
	get(t abuse.Table, keys [][]byte, found func(i int, value []byte)) error
	scan(t abuse.Table, from, to []byte, limit int) ([]abuse.Row, error)
}

// tx is one run of a caller's function. What it writes stays here till the function has
// returned without an error, so that a run that failed has left no trace in the database.
type tx struct {
	base    base
	written [tables]ordered.Map // a value of nil stands for a row that is taken out
	size    int                 // bytes written
	err     error               // the first that a method gave: the run has failed, even if nobody looks
	ended   bool
}

// tables is above each Table.
const tables = int(abuse.Audit) + 1

// some is a key or a value that is in order, where there is nothing else to check.
var some = []byte{0}

func (x *tx) check(t abuse.Table, key, value []byte) error {
	if x.ended {
		return &abuse.Error{Field: "reader", Problem: "is used after its function has returned"}
	}
	if x.err == nil {
		x.err = abuse.CheckRow(t, key, value)
	}
	return x.err
}

func (x *tx) Get(t abuse.Table, keys ...[]byte) ([][]byte, error) {
	if err := x.check(t, some, some); err != nil {
		return nil, err
	}
	values := make([][]byte, len(keys))
	var ask []int // places of the keys that the database is asked for
	for i, key := range keys {
		if err := x.check(t, key, some); err != nil {
			return nil, err
		}
		if v, found := x.written[t].Get(key); !found {
			ask = append(ask, i)
		} else if v != nil {
			values[i] = append(make([]byte, 0, len(v)), v...)
		}
	}
	if len(ask) == 0 {
		return values, nil
	}
	slices.SortFunc(ask, func(i, j int) int { return bytes.Compare(keys[i], keys[j]) })
	distinct := make([][]byte, 0, len(ask))
	first := make([]int, 0, len(ask)) // where in ask the places of a distinct key begin
	for i, place := range ask {
		if i == 0 || !bytes.Equal(keys[place], distinct[len(distinct)-1]) {
			distinct, first = append(distinct, keys[place]), append(first, i)
		}
	}
	x.err = x.base.get(t, distinct, func(i int, value []byte) {
		if value == nil {
			value = []byte{} // as drivers give the empty one
		}
		values[ask[first[i]]] = value
		for j := first[i] + 1; j < len(ask) && bytes.Equal(keys[ask[j]], distinct[i]); j++ {
			values[ask[j]] = append(make([]byte, 0, len(value)), value...)
		}
	})
	if x.err != nil {
		return nil, x.err
	}
	return values, nil
}

func (x *tx) Scan(t abuse.Table, from, to []byte, limit int) ([]abuse.Row, error) {
	if err := x.check(t, some, some); err != nil {
		return nil, err
	}
	if limit < 1 || to != nil && bytes.Compare(from, to) >= 0 {
		return nil, nil
	}
	if from == nil {
		from = []byte{}
	}
	// Rows that were taken out or replaced here may be among those that the database gives.
	more := 0
	for range x.written[t].Range(from, to) {
		more++
	}
	rows, err := x.base.scan(t, from, to, min(limit, math.MaxInt32-more)+more)
	if err != nil {
		x.err = err
		return nil, err
	}
	for i := range rows {
		if rows[i].Value == nil {
			rows[i].Value = []byte{}
		}
	}
	if more > 0 {
		rows = x.merge(t, rows, from, to, limit)
	}
	return rows[:min(limit, len(rows))], nil
}

// merge puts what was written between rows of the database.
func (x *tx) merge(t abuse.Table, rows []abuse.Row, from, to []byte, limit int) []abuse.Row {
	merged := make([]abuse.Row, 0, min(limit, len(rows)+8))
	for key, value := range x.written[t].Range(from, to) {
		if len(merged) >= limit {
			return merged
		}
		for len(rows) > 0 && bytes.Compare(rows[0].Key, key) < 0 {
			merged, rows = append(merged, rows[0]), rows[1:]
		}
		if len(rows) > 0 && bytes.Equal(rows[0].Key, key) {
			rows = rows[1:]
		}
		if value != nil {
			merged = append(merged, copyRow(key, value))
		}
	}
	return append(merged, rows...)
}

// writer has the methods that a Reader must not have.
type writer struct{ *tx }

func (w writer) Put(t abuse.Table, key, value []byte) error {
	if err := w.check(t, key, value); err != nil {
		return err
	}
	r := copyRow(key, value)
	w.written[t].Put(r.Key, r.Value)
	w.size += len(key) + len(value)
	return nil
}

func (w writer) Delete(t abuse.Table, key []byte) error {
	if err := w.check(t, key, some); err != nil {
		return err
	}
	w.written[t].Put(bytes.Clone(key), nil)
	w.size += len(key)
	return nil
}

// changed says whether there is anything to commit.
func (x *tx) changed() bool { return x.size > 0 }

// copyRow copies a row into one piece of memory, in which its parts cannot grow into each other.
func copyRow(key, value []byte) abuse.Row {
	b := make([]byte, 0, len(key)+len(value))
	b = append(append(b, key...), value...)
	n := len(key)
	return abuse.Row{Key: b[:n:n], Value: b[n:]}
}
