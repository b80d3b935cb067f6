package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
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

// decisionsFile is a decisions file to be. It is made before the session, so that a
// path that cannot be written to is known at once, and appears under its name whole
// or not at all. Only its owner can read it.
type decisionsFile struct {
	path string
	temp *os.File
}

func newDecisionsFile(path string) (*decisionsFile, error) {
	temp, err := os.CreateTemp(filepath.Dir(path), ".decisions-*") // mode 0600
	if err != nil {
		return nil, fmt.Errorf("-decisions: %w", err)
	}
	return &decisionsFile{path, temp}, nil
}

// write writes one decision a line, in the order of the accounts.
func (d *decisionsFile) write(decisions []abuse.Decision) error {
	err := errors.Join(encodeDecisions(d.temp, decisions), d.temp.Sync(), d.temp.Close())
	if err == nil {
		err = os.Rename(d.temp.Name(), d.path)
	}
	if err != nil {
		return fmt.Errorf("-decisions: %w", err)
	}
	return nil
}

// discard removes what write has not put in its place.
func (d *decisionsFile) discard() {
	_ = d.temp.Close()
	_ = os.Remove(d.temp.Name())
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
