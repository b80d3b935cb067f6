package cases

import (
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/abuse"
)

// Unchanged is the name of the bound of a decision that Settle only shows: the evidence would come to
// a step, but nothing is in force, and nothing has changed that would be decided on.
const Unchanged = "unchanged"

// shown is what the account is under, for who asks without a change: nothing is decided, so nothing
// can be harsher than what was bounded, charged and recorded when it was.
func (d *Desk) shown(r abuse.Reader, e abuse.Evidence, was *held, now time.Time) (abuse.Decision, error) {
	step := was.current(now)
	if ruling := &was.Ruling; step.Action <= abuse.None && ruling.stands(now) {
		step = ruling.step() // a person has lifted what there was
	}
	if step.Decision != (uuid.UUID{}) {
		made, err := step.made(r, e.Account)
		if errors.Is(err, ErrNoDecision) { // who settles has not recorded it
			return step.bare(e.Account), nil
		}
		if err != nil {
			return made, err
		}
		return step.onto(made), nil
	}
	dec := d.cfg.Decide(e, now)
	if acts(dec.Mode) && dec.Action <= abuse.None {
		return dec, nil
	}
	dec.Bounds = []abuse.Bound{{Name: Unchanged, Proposed: dec.Action}}
	dec.Reason = "Nothing is in force, and nothing has changed since that was so. Decided anew: " + dec.Reason
	dec.Action, dec.Scope, dec.Until = abuse.None, abuse.ScopeAccount, time.Time{}
	if !acts(dec.Mode) {
		dec.Mode = abuse.Live
	}
	return dec, nil
}

// made gives the decision that a step comes from, at its key, for behind a ruling there may be many later
// ones; [ErrNoDecision] where it was not recorded.
func (s *Step) made(r abuse.Reader, account string) (d abuse.Decision, err error) {
	if s.At.IsZero() {
		return findDecision(r, account, s.Decision)
	}
	got, err := r.Get(abuse.Decisions, decisionKey(account, s.At, s.Decision))
	switch {
	case err != nil:
		return d, err
	case got[0] == nil:
		return d, ErrNoDecision
	case json.Unmarshal(got[0], &d) != nil || d.ID != s.Decision || d.Account != account:
		return abuse.Decision{}, damaged("decision")
	}
	return d, nil
}

// onto gives the decision that a step comes from, with the step: one that lay beneath a person's
// ruling comes from a decision that was about the ruling.
func (s *Step) onto(dec abuse.Decision) abuse.Decision {
	if acts(dec.Mode) && dec.Action == s.Action && dec.Until.Equal(s.Until) && dec.Reviewer == s.Reviewer {
		return dec
	}
	dec.Mode, dec.Action, dec.Scope, dec.Until, dec.Rule = abuse.Live, s.Action, s.Scope, s.Until, s.Rule
	dec.Automated, dec.Reviewer = s.Reviewer == "", s.Reviewer
	dec.Undoes, dec.UndoneSince, dec.Bounds = uuid.UUID{}, time.Time{}, nil
	dec.Reason = "In force since this was decided, and then beneath what a person had ruled: " + s.Action.String() + "."
	return dec
}

// bare is what is known of the decision that a step comes from, where that was not recorded.
func (s *Step) bare(account string) abuse.Decision {
	dec := abuse.Decision{ID: s.Decision, Account: account, Action: s.Action, Scope: s.Scope, Until: s.Until, Mode: abuse.Live,
		Automated: s.Reviewer == "", Reviewer: s.Reviewer, At: s.Since, Rule: s.Rule, Reason: "In force: " + s.Action.String() + "."}
	for _, c := range s.Carriers {
		dec.Signals = append(dec.Signals, c.Signal)
	}
	slices.SortFunc(dec.Signals, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	dec.Signals = slices.Compact(dec.Signals)
	return dec
}
