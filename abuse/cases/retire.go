package cases

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/abuse"
)

const retireSlice = 200

// retire takes out the oldest closed cases that were kept for as long as the configuration says, and owe
// nothing: one slice, in one transaction. What still owes something stays, and the next call goes on
// behind it, so that what can never be paid keeps nothing else here; so does what is damaged, which is in
// the error. A process that begins anew begins in front.
func (h *Hearings) retire(ctx context.Context) error {
	if h.cfg.KeepClosed < 0 || h.cfg.Console {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	from := []byte{doneRow}
	if h.keptTo != nil {
		from = h.keptTo
	}
	to := dueKey(doneRow, h.now().Add(-h.cfg.KeepClosed), uuid.Nil)
	var next []byte
	var damage error
	err := h.store.Update(ctx, func(w abuse.Writer) error {
		next, damage = nil, nil
		if bytes.Compare(from, to) >= 0 {
			return nil
		}
		rows, err := w.Scan(abuse.Cases, from, to, retireSlice)
		if err != nil {
			return err
		}
		for _, row := range rows {
			c, err := caseOf(w, row.Key)
			if err == nil {
				err = retireCase(w, &c)
			}
			if odd(err) {
				damage = errors.Join(damage, err)
			} else if err != nil {
				return err
			}
		}
		if len(rows) == retireSlice {
			next = append(slices.Clone(rows[len(rows)-1].Key), 0)
		}
		return nil
	})
	if err == nil {
		h.keptTo = next
	}
	return errors.Join(err, damage)
}

func retireCase(w abuse.Writer, c *Case) error {
	account := c.Decision.Account // none of a contested one
	lastKey := text([]byte{lastRow}, account)
	keys := [][]byte{lastKey}
	for _, debt := range debts {
		keys = append(keys, owedKey(debt, c.ID))
	}
	got, err := w.Get(abuse.Cases, keys...)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(got[1:], func(debt []byte) bool { return debt != nil }) {
		return nil
	}
	if bytes.Equal(got[0], c.ID[:]) {
		if err := w.Delete(abuse.Cases, lastKey); err != nil {
			return err
		}
	}
	return dropCase(w, account, c)
}
