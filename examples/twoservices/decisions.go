package main

import (
	"bufio"
	"encoding/json"
	"io"
	"time"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/hashing"
)

// decisionLine is a line of the decisions file. Whoever wants the explanation as
// well encodes the abuse.Decision itself.
type decisionLine struct {
	Decision uuid.UUID      `json:"decision"`
	Account  string         `json:"account"`
	Action   abuse.Action   `json:"action"`
	Scope    abuse.Scope    `json:"scope"`
	Until    *time.Time     `json:"until"` // null for action none
	Mode     abuse.Mode     `json:"mode"`
	Rule     string         `json:"rule"`
	Matched  []hashing.Kind `json:"matched"`
	Signals  []uuid.UUID    `json:"signals"`
	Reason   string         `json:"reason"`
}

func lineOf(d *abuse.Decision) decisionLine {
	l := decisionLine{
		Decision: d.ID, Account: d.Account, Action: d.Action, Scope: d.Scope, Mode: d.Mode, Rule: d.Rule,
		Matched: append([]hashing.Kind{}, d.Matched...), Signals: append([]uuid.UUID{}, d.Signals...), // never null
		Reason: d.Reason,
	}
	if !d.Until.IsZero() {
		l.Until = &d.Until
	}
	return l
}

func encodeDecisions(w io.Writer, decisions []abuse.Decision) error {
	b := bufio.NewWriter(w)
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	for i := range decisions {
		if err := enc.Encode(lineOf(&decisions[i])); err != nil {
			return err
		}
	}
	return b.Flush()
}
