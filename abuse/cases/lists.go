package cases

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/abuse"
)

// Appeals gives at most limit open cases that are no reviews, those that are due first in front,
// however many reviews there are before them.
func (h *Hearings) Appeals(ctx context.Context, limit int) (all []Case, err error) {
	var damage error
	err = h.store.View(ctx, func(r abuse.Reader) error {
		all, damage = nil, nil
		for from, to := []byte{queueRow}, []byte{queueRow + 1}; len(all) < limit; {
			rows, err := r.Scan(abuse.Cases, from, to, runRows)
			if err != nil {
				return err
			}
			for _, row := range rows {
				switch {
				case len(row.Value) != 1:
					damage = cmp.Or(damage, damaged("case"))
				case CaseKind(row.Value[0]) != Review && len(all) < limit:
					if err := addCase(r, row.Key, &all, &damage); err != nil {
						return err
					}
				}
			}
			if len(rows) < runRows {
				return nil
			}
			from = append(slices.Clone(rows[len(rows)-1].Key), 0)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return all, damage
}

// Answered gives at most limit cases that are no reviews and were closed at since or later, the newest
// first.
func (h *Hearings) Answered(ctx context.Context, since time.Time, limit int) (all []Case, err error) {
	var damage error
	err = h.store.View(ctx, func(r abuse.Reader) error {
		all, damage = nil, nil
		end := []byte{doneRow + 1}
		// A store is read forwards alone: the last day first, and then as much again before it.
		for span := 24 * time.Hour; len(all) < limit; span *= 2 {
			begin := h.now().Add(-span)
			if begin.Before(since) {
				begin = since
			}
			var keys [][]byte
			from := dueKey(doneRow, begin, uuid.Nil)
			err := each(r, from, end, func(row abuse.Row) bool {
				if len(row.Value) == 2 && CaseKind(row.Value[1]) != Review {
					keys = append(keys, row.Key)
				}
				return len(row.Value) == 2
			})
			if err != nil {
				return err
			}
			for _, key := range slices.Backward(keys) {
				if len(all) < limit {
					if err := addCase(r, key, &all, &damage); err != nil {
						return err
					}
				}
			}
			if end = from; !begin.After(since) || span > 100*366*24*time.Hour {
				return nil
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return all, damage
}
