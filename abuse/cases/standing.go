package cases

import (
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/abuse"
)

// Standing is what an account was under when its case was claimed. The zero Standing is nothing.
type Standing struct {
	Decision uuid.UUID    `json:"decision,omitzero"` // that the step in force comes from
	Action   abuse.Action `json:"action,omitzero"`
	Ruling   uuid.UUID    `json:"ruling,omitzero"` // the decision of the person's ruling that stands
}

// standing is what an account is under now.
func (h *Hearings) standing(r abuse.Reader, account string, now time.Time) (s Standing, err error) {
	step, _, err := h.cfg.Desk.InForce(r, account, now)
	if err != nil {
		return s, err
	}
	ruling, _, err := h.cfg.Desk.Ruling(r, account, now)
	return Standing{step.Decision, step.Action, ruling.Decision}, err
}

// shows says whether the case shows each signal that the last decision has weighed, so that a person
// who rules on the account has seen it.
func (c *Case) shows(last *abuse.Decision) bool {
	return !slices.ContainsFunc(last.Explanation.Signals, func(s abuse.Weighed) bool {
		carrier := Carrier{From: s.From, Signal: s.Signal.ID}
		return !explains(&c.Decision, &carrier) && !explains(&c.Current, &carrier)
	})
}

// lost says whether a signal of the last decision that was shown is not in the last one of now: the
// person has seen evidence that is withdrawn by now.
func (c *Case) lost(last *abuse.Decision) bool {
	shown := &c.Current
	if shown.ID == uuid.Nil {
		shown = &c.Decision
	}
	return slices.ContainsFunc(shown.Explanation.Signals, func(s abuse.Weighed) bool {
		return !explains(last, &Carrier{From: s.From, Signal: s.Signal.ID})
	})
}

func explains(d *abuse.Decision, c *Carrier) bool {
	return slices.ContainsFunc(d.Explanation.Signals, func(s abuse.Weighed) bool {
		return s.From == c.From && s.Signal.ID == c.Signal
	})
}

// lastDecision is the last one about an account; the zero Decision where there is none.
func lastDecision(r abuse.Reader, account string) (d abuse.Decision, err error) {
	prefix := text(nil, account)
	rows, err := r.Scan(abuse.Decisions, prefix, after(prefix), 1)
	if err != nil || len(rows) == 0 {
		return d, err
	}
	if json.Unmarshal(rows[0].Value, &d) != nil || d.Account != account || d.ID == uuid.Nil {
		return abuse.Decision{}, damaged("decision")
	}
	return d, nil
}

// lastLive is the last decision about an account that says what is in force; one in background does
// not, and takes the place of none. The zero Decision where there is none.
func lastLive(r abuse.Reader, account string) (abuse.Decision, error) {
	prefix := text(nil, account)
	for from, to := prefix, after(prefix); ; {
		rows, err := r.Scan(abuse.Decisions, from, to, runRows)
		if err != nil {
			return abuse.Decision{}, err
		}
		for _, row := range rows {
			var d abuse.Decision
			if json.Unmarshal(row.Value, &d) != nil || d.Account != account || d.ID == uuid.Nil {
				return abuse.Decision{}, damaged("decision")
			}
			if acts(d.Mode) {
				return d, nil
			}
		}
		if len(rows) < runRows {
			return abuse.Decision{}, nil
		}
		from = append(rows[len(rows)-1].Key, 0)
	}
}

// rests says whether a step comes from a decision or has a carrier in common with it.
func (s *Step) rests(d *abuse.Decision) bool {
	carriers, _ := carriersOf(d)
	if s.Decision == d.ID || len(s.Carriers) == 0 && len(carriers) == 0 {
		return true
	}
	return slices.ContainsFunc(s.Carriers, func(c Carrier) bool { return slices.Contains(carriers, c) })
}

// rests says so of what a person has ruled; where nothing was in force then, of what was looked at. A
// later decision that only repeats the ruling is about it too, whatever has come in beneath.
func (r *Ruling) rests(d *abuse.Decision) bool {
	if d.Reviewer == r.Reviewer && d.Action == r.Action && d.Until.Equal(r.Until) {
		return true
	}
	step := r.step()
	if len(step.Carriers) == 0 {
		step.Carriers = r.Seen
	}
	return step.rests(d)
}

// softens says whether an answer would make the step in force milder or shorter.
func (r *Resolution) softens(s *Step) bool {
	switch r.Outcome {
	case Overturned:
		return true
	case Changed:
		sooner := !r.ForEver && (s.Until.IsZero() || r.Until.Before(s.Until))
		return r.Step < s.Action || r.Step == s.Action && sooner
	}
	return false
}

// leave leaves the step in force where it does not rest on the decision that the case is about: who
// takes an old warning back does not lift the suspension of today. The decision's own signals carry
// nothing any more, nor does what lies beneath the step and rests on them.
func (h *Hearings) leave(w abuse.Writer, c *Case, r *Resolution, step *Step, now time.Time) (bool, error) {
	was, err := loadHeld(w, step.Account)
	if err != nil {
		return false, err
	}
	base, stands := c.withSuccessors(), was.Ruling.stands(now)
	if step.rests(base) || step.Reviewer != "" && was.Ruling.rests(base) {
		return false, nil
	}
	is := was
	if is.Step.Action > abuse.None && is.Step.rests(base) {
		is.Step = Step{}
	}
	if stands && is.Ruling.Action > abuse.None && is.Ruling.rests(base) {
		// What the person of then has seen stays seen; what he ordered is taken back.
		is.Ruling.Action, is.Ruling.Until, is.Ruling.Carriers = abuse.None, time.Time{}, nil
		is.Ruling.Reviewer, is.Ruling.At, is.Ruling.Decision = r.Reviewer, now, c.ID
	}
	if err := is.replace(w, step.Account, was); err != nil {
		return false, err
	}
	cleared := *base
	cleared.Explanation.Signals = slices.DeleteFunc(slices.Clone(base.Explanation.Signals), func(s abuse.Weighed) bool {
		return !slices.Contains(base.Signals, s.Signal.ID)
	})
	return true, clearSeen(w, &cleared, now)
}

// withSuccessors is the case's decision with the shown signals that took the place of its own: a
// partner that says the same again under another ID does not outlive an appeal by it.
func (c *Case) withSuccessors() *abuse.Decision {
	d := c.seen()
	d.Signals = slices.Clone(d.Signals)
	for i := range d.Explanation.Signals {
		s := &d.Explanation.Signals[i].Signal
		if slices.Contains(c.Decision.Signals, s.Cause) && !slices.Contains(d.Signals, s.ID) {
			d.Signals = append(d.Signals, s.ID)
		}
	}
	return &d
}

// considerLeft asks for a review of the step that a closed case has left in force: its own was not
// opened while the case was open.
func (h *Hearings) considerLeft(w abuse.Writer, c *Case, now time.Time) error {
	if c.Kind == Contested || c.Outcome == Upheld || c.Result != uuid.Nil {
		return nil
	}
	step, under, err := h.cfg.Desk.InForce(w, c.Decision.Account, now)
	if err != nil || !under {
		return err
	}
	d, err := findDecision(w, c.Decision.Account, step.Decision)
	if errors.Is(err, ErrNoDecision) {
		return nil // who settles has not recorded it
	}
	if err != nil {
		return err
	}
	return h.consider(w, &d, now)
}
