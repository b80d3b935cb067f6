package watch

import (
	"bytes"
	"maps"
	"slices"

	"github.com/hueandcry/hueandcry/abuse"
)

// draft is a Writer whose rows are kept back until it is known whether they are wanted. Who writes to
// it sees what he has written.
type draft struct {
	w    abuse.Writer
	rows map[abuse.Table]map[string][]byte // nil: taken out
}

func newDraft(w abuse.Writer) *draft {
	return &draft{w, map[abuse.Table]map[string][]byte{}}
}

func (d *draft) put(t abuse.Table, key, value []byte) {
	if d.rows[t] == nil {
		d.rows[t] = map[string][]byte{}
	}
	d.rows[t][string(key)] = value
}

// Put keeps a row back.
func (d *draft) Put(t abuse.Table, key, value []byte) error {
	if err := abuse.CheckRow(t, key, value); err != nil {
		return err
	}
	d.put(t, key, append([]byte{}, value...))
	return nil
}

// Delete keeps back that a row is taken out.
func (d *draft) Delete(t abuse.Table, key []byte) error {
	if err := abuse.CheckRow(t, key, []byte{}); err != nil {
		return err
	}
	d.put(t, key, nil)
	return nil
}

// Get gives rows as they would be.
func (d *draft) Get(t abuse.Table, keys ...[]byte) ([][]byte, error) {
	values, err := d.w.Get(t, keys...)
	if err != nil {
		return nil, err
	}
	for i, key := range keys {
		if value, ok := d.rows[t][string(key)]; ok {
			values[i] = bytes.Clone(value)
		}
	}
	return values, nil
}

// Scan gives rows as they would be.
func (d *draft) Scan(t abuse.Table, from, to []byte, limit int) ([]abuse.Row, error) {
	if limit < 1 {
		return nil, nil
	}
	var own []abuse.Row
	taken := 0 // of what is stored, so many may not be there any more
	for key, value := range d.rows[t] {
		if key < string(from) || to != nil && key >= string(to) {
			continue
		}
		if taken++; value != nil {
			own = append(own, abuse.Row{Key: []byte(key), Value: bytes.Clone(value)})
		}
	}
	rows, err := d.w.Scan(t, from, to, limit+taken)
	if err != nil {
		return nil, err
	}
	rows = slices.DeleteFunc(rows, func(row abuse.Row) bool {
		_, ok := d.rows[t][string(row.Key)]
		return ok
	})
	rows = append(rows, own...)
	slices.SortFunc(rows, func(a, b abuse.Row) int { return bytes.Compare(a.Key, b.Key) })
	return rows[:min(limit, len(rows))], nil
}

// apply writes what was kept back.
func (d *draft) apply() error {
	for _, t := range slices.Sorted(maps.Keys(d.rows)) {
		for _, key := range slices.Sorted(maps.Keys(d.rows[t])) {
			var err error
			if value := d.rows[t][key]; value != nil {
				err = d.w.Put(t, []byte(key), value)
			} else {
				err = d.w.Delete(t, []byte(key))
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}
