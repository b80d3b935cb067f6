package cases

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"github.com/hueandcry/hueandcry/abuse"
)

// Ended is a step whose end has passed. The zero Ended is none.
type Ended struct {
	Step Step
	// Remains is what the account is under now: none, or what a person has ruled.
	Remains abuse.Action
}

const sweepSlice = 200

// ended gives what has run out of an account: the automatic step, a person's above it, or both where
// nobody has swept in between.
func (h *held) ended(account string, now time.Time) (all []Ended) {
	remains := h.current(now)
	if !h.Step.IsZero() && h.Step.over(now) {
		all = append(all, Ended{h.Step, max(remains.Action, abuse.None)})
	}
	if r := &h.Ruling; !r.IsZero() && !r.stands(now) && r.Action > abuse.None {
		step := r.step()
		step.Account = account
		all = append(all, Ended{step, max(remains.Action, abuse.None)})
	}
	return all
}

func endedAccount(key []byte) (string, error) {
	if len(key) < 9 {
		return "", damaged("in_force")
	}
	account, rest, ok := cut(key[9:])
	if !ok || len(rest) > 0 || account == "" || len(account) > maxAccount {
		return "", damaged("in_force")
	}
	return account, nil
}

// endedOf gives what has run out of the account that an end belongs to.
func endedOf(r abuse.Reader, key []byte, now time.Time) ([]Ended, error) {
	account, err := endedAccount(key)
	if err != nil {
		return nil, err
	}
	h, err := loadHeld(r, account)
	if err != nil {
		return nil, err
	}
	return h.ended(account, now), nil
}

// Sweep tells which steps have run out, and forgets them: f is called for each before it is
// forgotten, so that it hears of each at least once, and twice if the process or the store fails in
// between. Of an account where an automatic step and a person's above it have both run out it hears
// of both, the automatic one first. A step whose place a later decision has taken is not told any
// more: the decision says what the account is under. Sweep works in slices, each a transaction of its
// own, until nothing is left or f gives an error. A row that is damaged keeps no other from being told
// of; it stays, and is in the error. A step that has run out is over also where Sweep was not called; no undo is issued and no
// receipt counted for what has reached its own end.
func (d *Desk) Sweep(ctx context.Context, f func(context.Context, Ended) error) error {
	store, err := d.store()
	if err != nil {
		return err
	}
	var damage []error
	for from := []byte{endRow}; ; {
		now := d.now()
		to := binary.BigEndian.AppendUint64([]byte{endRow}, uint64(max(now.Unix(), 0))) // its second is over
		var rows, whole []abuse.Row
		var ended [][]Ended // of each row that is whole
		var bad []error
		err := store.View(ctx, func(r abuse.Reader) (err error) {
			whole, ended, bad = nil, nil, nil
			if rows, err = r.Scan(abuse.InForce, from, to, sweepSlice); err != nil {
				return err
			}
			for _, row := range rows {
				all, err := endedOf(r, row.Key, now)
				switch {
				case odd(err):
					bad = append(bad, err)
				case err != nil:
					return err
				default:
					whole, ended = append(whole, row), append(ended, all)
				}
			}
			return nil
		})
		if damage = append(damage, bad...); err != nil || len(rows) == 0 {
			return errors.Join(append(damage, err)...)
		}
		told := 0
		var refused error
		for _, all := range ended {
			for _, e := range all {
				if refused = f(ctx, e); refused != nil {
					break
				}
			}
			if refused != nil {
				break
			}
			told++
		}
		err = store.Update(ctx, func(w abuse.Writer) error {
			for _, row := range whole[:told] {
				account, err := endedAccount(row.Key)
				if err != nil {
					return err
				}
				was, err := loadHeld(w, account)
				if err != nil {
					return err
				}
				if end := was.end(); end.IsZero() || !bytes.Equal(endKey(end, account), row.Key) {
					// Another step by now, and this was not taken out with the one before.
					if err := w.Delete(abuse.InForce, row.Key); err != nil {
						return err
					}
					continue
				}
				is := was
				if is.Step.over(now) {
					is.Step = Step{}
				}
				if !is.Ruling.stands(now) {
					is.Ruling = Ruling{}
				}
				if err := is.replace(w, account, was); err != nil {
					return err
				}
			}
			return nil
		})
		if refused != nil {
			err = refused
		}
		if err != nil {
			return errors.Join(append(damage, err)...)
		}
		from = append(slices.Clone(rows[len(rows)-1].Key), 0)
	}
}
