package cases

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/abuse"
)

// Appeals gives at most limit open cases that are no reviews, those that are due first in front,
// however many reviews there are before them.
func (h *Hearings) Appeals(ctx context.Context, limit int) (all []Case, err error) {
	err = h.store.View(ctx, func(r abuse.Reader) error {
		var keys [][]byte
		from, to := []byte{queueRow}, []byte{queueRow + 1}
		for len(keys) < limit {
			rows, err := r.Scan(abuse.Cases, from, to, runRows)
			if err != nil {
				return err
			}
			for _, row := range rows {
				if len(row.Value) != 1 {
					return damaged("case")
				}
				if CaseKind(row.Value[0]) != Review && len(keys) < limit {
					keys = append(keys, row.Key)
				}
			}
			if len(rows) < runRows {
				break
			}
			from = append(slices.Clone(rows[len(rows)-1].Key), 0)
		}
		all, err = casesOf(r, keys)
		return err
	})
	return all, err
}

// Answered gives at most limit cases that are no reviews and were closed at since or later, the newest
// first.
func (h *Hearings) Answered(ctx context.Context, since time.Time, limit int) (all []Case, err error) {
	now := h.now()
	err = h.store.View(ctx, func(r abuse.Reader) error {
		var keys [][]byte
		// A store is read forwards alone: the last day first, and then twice as much until it is enough.
		for span := 24 * time.Hour; ; span *= 2 {
			begin := now.Add(-span)
			if begin.Before(since) {
				begin = since
			}
			keys = keys[:0]
			err := each(r, dueKey(doneRow, begin, uuid.Nil), []byte{doneRow + 1}, func(row abuse.Row) bool {
				if len(row.Value) == 2 && CaseKind(row.Value[1]) != Review {
					keys = append(keys, row.Key)
				}
				return len(row.Value) == 2
			})
			if err != nil {
				return err
			}
			if len(keys) >= limit || !begin.After(since) || span > 100*366*24*time.Hour {
				break
			}
		}
		slices.Reverse(keys)
		var err error
		all, err = casesOf(r, keys[:min(limit, len(keys))])
		return err
	})
	return all, err
}

// casesOf gives the cases of an index's rows.
func casesOf(r abuse.Reader, keys [][]byte) ([]Case, error) {
	all := make([]Case, 0, len(keys))
	for _, key := range keys {
		c, err := caseOf(r, key)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}
