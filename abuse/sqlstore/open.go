package sqlstore

import (
	"bytes"
	"context"
	"iter"
	"math"
	"strings"

	"github.com/hueandcry/hueandcry/abuse"
)

// Open opens a store, makes it if there is none, and brings its tables forward. The address is
//
//	sqlite:FILE                          a file; relative names are from the working directory
//	postgres://USER:PASSWORD@HOST/NAME   a database, with the parameters that pgx knows
//
// It gives [abuse.ErrStoreVersion] for a store of a newer version, [abuse.ErrStoreReadOnly] where
// it cannot be written, [abuse.ErrStoreDamaged] where it cannot be read, another [abuse.StoreError]
// where it cannot be reached or is not a store, and an [abuse.Error] for another address.
func Open(ctx context.Context, address string) (abuse.Store, error) {
	return open(ctx, address, math.MaxInt)
}

func open(ctx context.Context, address string, version int, pragmas ...string) (abuse.Store, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if file, ok := strings.CutPrefix(address, "sqlite:"); ok {
		s, err := openSQLiteStore(ctx, file, version, pragmas...)
		if err != nil {
			return nil, err
		}
		return s, nil
	}
	if strings.HasPrefix(address, "postgres://") || strings.HasPrefix(address, "postgresql://") {
		s, err := openPostgres(ctx, address, version)
		if err != nil {
			return nil, err
		}
		return s, nil
	}
	return nil, &abuse.Error{Field: "store address", Problem: "must begin with sqlite: or postgres://"}
}

// A portion of Load ends at so many rows or bytes.
const (
	portionRows  = 32_000
	portionBytes = 16 << 20
)

// portions cuts rows into portions that are checked and copied, so that no transaction is open
// and nobody waits while the caller makes rows.
func portions(ctx context.Context, t abuse.Table, rows iter.Seq[abuse.Row], put func([]abuse.Row) error) error {
	if err := abuse.CheckRow(t, some, some); err != nil {
		return err
	}
	var portion []abuse.Row
	var last []byte
	size := 0
	flush := func() error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if len(portion) == 0 {
			return nil
		}
		err := put(portion)
		clear(portion)
		portion, size = portion[:0], 0
		return err
	}
	for r := range rows {
		if err := abuse.CheckRow(t, r.Key, r.Value); err != nil {
			return err
		}
		if last != nil && bytes.Compare(last, r.Key) >= 0 {
			return &abuse.Error{Field: "row key", Problem: "must be above the one before"}
		}
		c := copyRow(r.Key, r.Value)
		last = c.Key
		portion, size = append(portion, c), size+len(c.Key)+len(c.Value)
		if len(portion) == portionRows || size >= portionBytes {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// replace gives a migration's statement in the words of a database, or "" if it is for others.
func replace(statement, bytes, small string) string {
	if rest, ok := strings.CutPrefix(statement, "{where small} "); ok {
		if small == "" {
			return ""
		}
		statement = rest
	}
	return strings.NewReplacer("{bytes}", bytes, "{small}", small).Replace(statement)
}
