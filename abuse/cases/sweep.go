package cases

import (
	"bytes"
	"context"
	"encoding/binary"

	"github.com/hueandcry/hueandcry/abuse"
)

// Ended is a step whose end has passed. The zero Ended is none.
type Ended struct {
	Step Step
	// Remains is what the account is under now: none, or what a person has ruled.
	Remains abuse.Action
}

const sweepSlice = 200

// Sweep tells which steps have run out, and forgets them: f is called for each before it is
// forgotten, so that it hears of each at least once, and twice if the process or the store fails in
// between. It works in slices, each a transaction of its own, until nothing is left or f gives an
// error. A step that has run out is over also where Sweep was not called; no undo is issued and no
// receipt counted for what has reached its own end.
func (d *Desk) Sweep(ctx context.Context, f func(context.Context, Ended) error) error {
	store, err := d.store()
	if err != nil {
		return err
	}
	for {
		now := d.now()
		to := binary.BigEndian.AppendUint64([]byte{endRow}, uint64(max(now.Unix(), 0))) // its second is over
		var rows []abuse.Row
		var ended []Ended
		err := store.View(ctx, func(r abuse.Reader) (err error) {
			if rows, err = r.Scan(abuse.InForce, []byte{endRow}, to, sweepSlice); err != nil {
				return err
			}
			ended = make([]Ended, len(rows))
			for i, row := range rows {
				account, _, ok := cut(row.Key[9:])
				if !ok {
					return damaged("in_force")
				}
				h, err := loadHeld(r, account)
				if err != nil {
					return err
				}
				remains := h.current(now)
				switch {
				case !h.Step.IsZero() && h.Step.over(now):
					ended[i] = Ended{h.Step, max(remains.Action, abuse.None)}
				case !h.Ruling.IsZero() && !h.Ruling.stands(now) && h.Ruling.Action > abuse.None:
					step := h.Ruling.step()
					step.Account = account
					ended[i] = Ended{step, max(remains.Action, abuse.None)}
				}
			}
			return nil
		})
		if err != nil || len(rows) == 0 {
			return err
		}
		told := 0
		var refused error
		for _, e := range ended {
			if !e.Step.IsZero() {
				if refused = f(ctx, e); refused != nil {
					break
				}
			}
			told++
		}
		err = store.Update(ctx, func(w abuse.Writer) error {
			for _, row := range rows[:told] {
				account, _, _ := cut(row.Key[9:])
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
			return refused
		}
		if err != nil {
			return err
		}
	}
}
