package cases

import (
	"encoding/json"
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
