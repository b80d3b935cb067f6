package cases

import (
	"encoding/binary"
	"encoding/json"
	"errors"

	"github.com/hueandcry/hueandcry/abuse"
)

// The first bytes of keys.
const (
	stepRow    = 'a' // InForce
	endRow     = 'e'
	backRow    = 'h'
	counterRow = 'c' // Bounds
	modeRow    = 'm'
	alarmRow   = 'z'
)

// rowVersion is that of the values' form.
const rowVersion = 1

// maxAccount is the greatest length of a reference to an account, as package watch has it.
const maxAccount = 256

// versioned is a value as it is stored.
type versioned[T any] struct {
	Version int `json:"v"`
	Row     T   `json:"row"`
}

func damaged(what string) error {
	return &abuse.StoreError{Op: "read " + what, Kind: abuse.ErrStoreDamaged}
}

// odd says whether an error is of one row that cannot be read here: no other suffers from that.
func odd(err error) bool {
	return errors.Is(err, abuse.ErrStoreDamaged) || errors.Is(err, abuse.ErrStoreVersion)
}

// load reads one row; found is false where there is none.
func load[T any](r abuse.Reader, t abuse.Table, key []byte) (row T, found bool, err error) {
	values, err := r.Get(t, key)
	if err != nil || values[0] == nil {
		return row, false, err
	}
	row, err = parse[T](t, values[0])
	return row, err == nil, err
}

func parse[T any](t abuse.Table, value []byte) (T, error) {
	var v versioned[T]
	var none T
	if json.Unmarshal(value, &v) != nil {
		return none, damaged(t.String())
	}
	if v.Version > rowVersion {
		return none, &abuse.StoreError{Op: "read " + t.String(), Kind: abuse.ErrStoreVersion}
	}
	if v.Version != rowVersion {
		return none, damaged(t.String())
	}
	return v.Row, nil
}

func save[T any](w abuse.Writer, t abuse.Table, key []byte, row T) error {
	value, err := json.Marshal(versioned[T]{rowVersion, row})
	if err != nil {
		return &abuse.Error{Field: t.String(), Problem: "cannot be written"}
	}
	return w.Put(t, key, value)
}

// text appends a word after its length, 2.
func text(key []byte, word string) []byte {
	return append(binary.BigEndian.AppendUint16(key, uint16(len(word))), word...)
}

// cut takes a word off the front of a key.
func cut(key []byte) (word string, rest []byte, ok bool) {
	if len(key) < 2 {
		return "", nil, false
	}
	n := 2 + int(binary.BigEndian.Uint16(key))
	if len(key) < n {
		return "", nil, false
	}
	return string(key[2:n]), key[n:], true
}

// after gives the first key behind all that begin with the prefix.
func after(prefix []byte) []byte {
	end := append([]byte(nil), prefix...)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i]++; end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}
