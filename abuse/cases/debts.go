package cases

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/abuse"
)

const (
	carryWithin = 30 * time.Second // that one reference may take, so that a partner that hangs is not waited for
	mostSaid    = 8                // decisions about one account that one pass delivers before it goes on to others
)

// pass is one time through what is owed.
type pass struct {
	said map[string]uuid.UUID // by account: the decision that was delivered last
	slow map[string]bool      // partners that did not answer in time: their references wait for the next pass
}

func newPass() *pass { return &pass{map[string]uuid.UUID{}, map[string]bool{}} }

// settleDebts goes once through what is owed to others. What this process has no function for is
// left to another that has; what fails keeps nothing else from being paid.
func (h *Hearings) settleDebts(ctx context.Context) error {
	var failed []error
	p := newPass()
	for _, debt := range debts {
		if h.payer(debt) == nil {
			continue
		}
		for from, to := []byte{owedRow, debt}, []byte{owedRow, debt + 1}; ; {
			var rows []abuse.Row
			err := h.store.View(ctx, func(r abuse.Reader) (err error) {
				rows, err = r.Scan(abuse.Cases, from, to, runRows)
				return err
			})
			if err != nil {
				failed = append(failed, err)
				break
			}
			for _, row := range rows {
				if ctx.Err() != nil {
					break
				}
				if err := h.payRow(ctx, p, debt, row.Key); err != nil {
					failed = append(failed, err)
				}
			}
			if len(rows) < runRows {
				break
			}
			from = append(slices.Clone(rows[len(rows)-1].Key), 0)
		}
	}
	if ctx.Err() != nil {
		failed = append(failed, context.Cause(ctx))
	}
	return errors.Join(failed...)
}

func (h *Hearings) payRow(ctx context.Context, p *pass, debt byte, key []byte) error {
	if len(key) != 18 {
		return damaged("case")
	}
	var c Case
	err := h.store.View(ctx, func(r abuse.Reader) (err error) {
		c, err = caseOf(r, key)
		return err
	})
	if err != nil {
		return err
	}
	return h.pay(ctx, p, debt, &c)
}

// payer is what pays debts of a kind; nil: this process has nothing for it.
func (h *Hearings) payer(debt byte) func(context.Context, *pass, *Case) error {
	switch {
	case debt == debtLeft && !h.cfg.Console:
		return h.payLeft
	case debt == debtCarry && h.cfg.Carry != nil:
		return h.carry
	case debt == debtRetract && h.cfg.Retract != nil:
		return h.retract
	case debt == debtDeliver && h.cfg.Deliver != nil:
		return h.deliver
	}
	return nil
}

// pay does what one case owes, as far as this process can, and puts down what is done.
func (h *Hearings) pay(ctx context.Context, p *pass, debt byte, c *Case) error {
	if pays := h.payer(debt); pays != nil {
		return pays(ctx, p, c)
	}
	return nil
}

func (h *Hearings) paid(ctx context.Context, debt byte, c *Case) error {
	return h.store.Update(ctx, func(w abuse.Writer) error { return w.Delete(abuse.Cases, owedKey(debt, c.ID)) })
}

func (h *Hearings) retract(ctx context.Context, _ *pass, c *Case) error {
	if err := h.cfg.Retract(ctx, c.Signal); err != nil {
		return fmt.Errorf("cases: a signal could not be withdrawn: %w", err)
	}
	return h.paid(ctx, debtRetract, c)
}

// payLeft does what a console has left to be done here.
func (h *Hearings) payLeft(ctx context.Context, _ *pass, c *Case) error {
	key := owedKey(debtLeft, c.ID)
	return h.store.Update(ctx, func(w abuse.Writer) error {
		got, err := w.Get(abuse.Cases, key)
		if err != nil || got[0] == nil {
			return err
		}
		if len(got[0]) != 17 || got[0][0] != mark[0] {
			return damaged("case")
		}
		id, account := uuid.UUID(got[0][1:]), c.Decision.Account
		since, err := decidedSince(w, account, id)
		if err != nil {
			return err
		}
		var weighed abuse.Decision
		if !since {
			weighed, err = findDecision(w, account, id)
			if err != nil && !errors.Is(err, ErrNoDecision) {
				return err
			}
		}
		if _, err := h.left(w, c, &weighed, h.now()); err != nil {
			return err
		}
		return w.Delete(abuse.Cases, key)
	})
}

// decidedSince says whether after a decision the evidence was decided on again. What people answer
// is not that: of two answers the second keeps nothing from being decided on that the first has left.
func decidedSince(r abuse.Reader, account string, id uuid.UUID) (bool, error) {
	prefix := text(nil, account)
	for from, to := prefix, after(prefix); ; {
		rows, err := r.Scan(abuse.Decisions, from, to, runRows)
		if err != nil {
			return false, err
		}
		for _, row := range rows { // the last one first
			var d abuse.Decision
			if json.Unmarshal(row.Value, &d) != nil || d.Account != account || d.ID == uuid.Nil {
				return false, damaged("decision")
			}
			switch {
			case d.ID == id:
				return false, nil
			case d.Automated || slices.ContainsFunc(d.Bounds, func(b abuse.Bound) bool { return b.Name == Ruled }):
				return true, nil
			}
		}
		if len(rows) < runRows {
			return false, nil
		}
		from = append(rows[len(rows)-1].Key, 0)
	}
}

// deliver hands on the last decision about the account, the person's or a later one. While the debt is
// there somebody may have begun to hand the person's on and have failed since: it may be what the
// service was told last, behind a later one that came by another way. So the last word is said in any case.
func (h *Hearings) deliver(ctx context.Context, p *pass, c *Case) error {
	account := c.Decision.Account
	for range mostSaid {
		var d abuse.Decision
		// The look and the debt's end are one: what is decided in between, and owed, stays owed.
		err := h.store.Update(ctx, func(w abuse.Writer) (err error) {
			if d, err = lastLive(w, account); err != nil || d.ID == uuid.Nil || d.ID != p.said[account] {
				return err
			}
			return w.Delete(abuse.Cases, owedKey(debtDeliver, c.ID))
		})
		switch {
		case err != nil:
			return err
		case d.ID == uuid.Nil:
			return ErrNoDecision
		case d.ID == p.said[account]:
			return nil
		}
		// Looked at again afterwards: where another has delivered a later one meanwhile, ours came
		// behind it, and the later one is said once more.
		if err := h.cfg.Deliver(ctx, d); err != nil {
			return fmt.Errorf("cases: a decision could not be delivered: %w", err)
		}
		p.said[account] = d.ID
	}
	return errors.New("cases: decisions about an account come faster than they are delivered")
}

// carry tells the partners that have not been told yet. One that cannot be reached keeps nobody else
// from hearing of it.
func (h *Hearings) carry(ctx context.Context, p *pass, c *Case) error {
	key := owedKey(debtCarry, c.ID)
	var told []Reference
	err := h.store.View(ctx, func(r abuse.Reader) (err error) {
		told, _, err = toldOf(r, key)
		return err
	})
	if err != nil {
		return err
	}
	var failed []error
	refs := h.references(c)
	if len(refs) == 0 {
		return h.paid(ctx, debtCarry, c)
	}
	for _, ref := range refs {
		if p.slow[ref.To] || slices.Contains(told, ref.Reference) || ctx.Err() != nil {
			continue
		}
		within, cancel := context.WithTimeout(ctx, carryWithin)
		err := h.cfg.Carry(within, ref)
		p.slow[ref.To] = err != nil && within.Err() != nil
		cancel()
		if err != nil {
			failed = append(failed, fmt.Errorf("cases: a reference could not be carried: %w", err))
			continue
		}
		if err := h.toldOne(ctx, key, refs, ref.Reference); err != nil {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

// toldOne puts down that a reference was carried; when all were nothing is owed.
func (h *Hearings) toldOne(ctx context.Context, key []byte, refs []AppealReference, ref Reference) error {
	return h.store.Update(ctx, func(w abuse.Writer) error {
		all, owed, err := toldOf(w, key) // another process may have carried some meanwhile
		if err != nil || !owed {
			return err
		}
		if !slices.Contains(all, ref) {
			all = append(all, ref)
		}
		if !slices.ContainsFunc(refs, func(ref AppealReference) bool { return !slices.Contains(all, ref.Reference) }) {
			return w.Delete(abuse.Cases, key)
		}
		value := bytes.Clone(mark)
		for _, ref := range all {
			value = append(value, ref[:]...)
		}
		return w.Put(abuse.Cases, key, value)
	})
}

// toldOf reads which references of an appeal were carried; false: nothing is owed any more.
func toldOf(r abuse.Reader, key []byte) (told []Reference, owed bool, err error) {
	got, err := r.Get(abuse.Cases, key)
	if err != nil || got[0] == nil {
		return nil, false, err
	}
	b := got[0]
	if len(b)%len(Reference{}) != 1 || b[0] != mark[0] {
		return nil, false, damaged("case")
	}
	for b = b[1:]; len(b) > 0; b = b[len(Reference{}):] {
		told = append(told, Reference(b[:len(Reference{})]))
	}
	return told, true, nil
}
