package cases

import (
	"cmp"
	"encoding/binary"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/abuse"
)

// Carrier is a signal that has a part in a step, as the partner sent it. The zero Carrier is none.
type Carrier struct {
	From   string    `json:"from"` // the partner that sent it
	Origin string    `json:"origin"`
	Signal uuid.UUID `json:"signal"`
}

// Step is what an account is under. The zero Step is none; its Action is not a step.
type Step struct {
	Account  string         `json:"-"`
	Decision uuid.UUID      `json:"decision"`    // the last one that said so
	At       time.Time      `json:"at,omitzero"` // when that was made; zero in rows of before there was this
	Action   abuse.Action   `json:"action"`      // label or harsher
	Scope    abuse.Scope    `json:"scope"`
	Until    time.Time      `json:"until,omitzero"` // zero: without end, which only a person can order
	Rule     string         `json:"rule"`
	Category abuse.Category `json:"category,omitempty"` // of the first of the carriers; zero: it has none
	Carriers []Carrier      `json:"carriers,omitempty"` // by partner and signal, without what a bound has left out; empty: the service's own reports
	Along    []Carrier      `json:"along,omitempty"`    // of the carriers, those that no bound was asked about: alone they do not keep the step
	Since    time.Time      `json:"since"`              // when it began to be as harsh as this
	Reviewer string         `json:"reviewer,omitempty"` // the person who ordered it; empty: none did
}

// over says whether the step has run out.
func (s *Step) over(now time.Time) bool {
	return s.Action <= abuse.None || !s.Until.IsZero() && !now.Before(s.Until)
}

// held is the row of an account: what automation has put in force, and what a person has ruled.
type held struct {
	Step   Step   `json:"step,omitzero"`
	Ruling Ruling `json:"ruling,omitzero"`
	Back   bool   `json:"back,omitempty"` // a bound keeps automation from a harsher step
}

// IsZero says whether there is no step.
func (s Step) IsZero() bool { return s.Action == 0 }

// current gives what is in force now: the automatic step, or the person's where that is as harsh.
func (h *held) current(now time.Time) Step {
	step := h.Step
	if step.over(now) {
		step = Step{}
	}
	if r := &h.Ruling; r.stands(now) && r.Action > abuse.None && r.Action >= step.Action {
		return r.step()
	}
	return step
}

// end is when something in the row runs out next; zero: never.
func (h *held) end() (end time.Time) {
	for _, t := range []time.Time{h.Step.Until, h.Ruling.Until} {
		if !t.IsZero() && (end.IsZero() || t.Before(end)) {
			end = t
		}
	}
	return end
}

func stepKey(account string) []byte {
	return text(append(make([]byte, 0, 3+len(account)), stepRow), account)
}

func endKey(at time.Time, account string) []byte {
	key := append(make([]byte, 0, 11+len(account)), endRow)
	return text(binary.BigEndian.AppendUint64(key, uint64(max(at.Unix(), 0))), account)
}

func backKey(account string) []byte {
	return text(append(make([]byte, 0, 3+len(account)), backRow), account)
}

func loadHeld(r abuse.Reader, account string) (held, error) {
	if len(account) > maxAccount || account == "" {
		return held{}, &abuse.Error{Field: "account", Problem: "must have 1 to 256 bytes"}
	}
	h, _, err := load[held](r, abuse.InForce, stepKey(account))
	h.Step.Account = account
	return h, err
}

// replace writes the row of an account in the place of the one before, and what points to it.
func (h *held) replace(w abuse.Writer, account string, was held) error {
	before, now := was.end(), h.end()
	if !before.Equal(now) {
		if !before.IsZero() {
			if err := w.Delete(abuse.InForce, endKey(before, account)); err != nil {
				return err
			}
		}
		if !now.IsZero() {
			if err := w.Put(abuse.InForce, endKey(now, account), []byte{rowVersion}); err != nil {
				return err
			}
		}
	}
	for _, c := range was.Step.Carriers {
		if !slices.Contains(h.Step.Carriers, c) {
			if err := w.Delete(abuse.Carried, carriedKey(c.From, c.Signal, account)); err != nil {
				return err
			}
		}
	}
	for _, c := range h.Step.Carriers {
		if !slices.Contains(was.Step.Carriers, c) {
			if err := w.Put(abuse.Carried, carriedKey(c.From, c.Signal, account), []byte{rowVersion}); err != nil {
				return err
			}
		}
	}
	switch {
	case h.Back && !was.Back:
		if err := w.Put(abuse.InForce, backKey(account), []byte{rowVersion}); err != nil {
			return err
		}
	case was.Back && !h.Back:
		if err := w.Delete(abuse.InForce, backKey(account)); err != nil {
			return err
		}
	}
	if h.Step.IsZero() && h.Ruling.IsZero() && !h.Back {
		return w.Delete(abuse.InForce, stepKey(account))
	}
	return save(w, abuse.InForce, stepKey(account), *h)
}

// InForce gives the step that an account is under as of now, and false where it is under none. A
// step whose end has passed is none.
func (d *Desk) InForce(r abuse.Reader, account string, now time.Time) (Step, bool, error) {
	h, err := loadHeld(r, account)
	if err != nil {
		return Step{}, false, err
	}
	step := h.current(now)
	step.Account = account
	return step, step.Action > abuse.None, nil
}

// Steps gives at most limit steps in force as of now, of accounts behind the given one; begin with
// "". Where more is true, go on after the last account of the page, which is next. A row that is damaged
// is left out: the first such is the error, and the others are given with it.
func (d *Desk) Steps(r abuse.Reader, behind string, limit int, now time.Time) (steps []Step, next string, more bool, err error) {
	if len(behind) > maxAccount {
		return nil, "", false, &abuse.Error{Field: "account", Problem: "must have at most 256 bytes"}
	}
	from := []byte{stepRow}
	if behind != "" {
		from = append(stepKey(behind), 0)
	}
	rows, err := r.Scan(abuse.InForce, from, []byte{stepRow + 1}, limit)
	if err != nil {
		return nil, "", false, err
	}
	var damage error
	for _, row := range rows {
		account, rest, ok := cut(row.Key[1:])
		if !ok || len(rest) > 0 {
			return nil, "", false, damaged("in_force")
		}
		next = account
		h, err := parse[held](abuse.InForce, row.Value)
		if err != nil {
			damage = cmp.Or(damage, err)
			continue
		}
		if step := h.current(now); step.Action > abuse.None {
			step.Account = account
			steps = append(steps, step)
		}
	}
	return steps, next, len(rows) == limit && limit > 0, damage
}

// HeldBack gives at most limit accounts whose last decision was milder than the rules came to,
// because of a cap, a band or a quarantine; those behind the given one, and "" to begin with. Where a
// person's ruling stands it is about what will be in force when that ends. They
// stay so until their evidence changes. Who wants it sooner, when there is room again or after a
// Reset, hands them to Decider.Reconsider of package watch, which settles and records it.
func (d *Desk) HeldBack(r abuse.Reader, behind string, limit int) ([]string, error) {
	from := []byte{backRow}
	if behind != "" {
		if len(behind) > maxAccount {
			return nil, &abuse.Error{Field: "account", Problem: "must have at most 256 bytes"}
		}
		from = append(backKey(behind), 0)
	}
	rows, err := r.Scan(abuse.InForce, from, []byte{backRow + 1}, limit)
	if err != nil {
		return nil, err
	}
	var accounts []string
	for _, row := range rows {
		account, rest, ok := cut(row.Key[1:])
		if !ok || len(rest) > 0 {
			return nil, damaged("in_force")
		}
		accounts = append(accounts, account)
	}
	return accounts, nil
}

// Forget takes out all that is in force about an account that has been deleted, without an undo:
// there is nobody left to undo anything for. Counts stay. Call it where Remove of package watch is called.
func (d *Desk) Forget(w abuse.Writer, account string) error {
	was, err := loadHeld(w, account)
	if err != nil {
		return err
	}
	return (&held{}).replace(w, account, was)
}
