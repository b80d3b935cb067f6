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
	Upheld   uuid.UUID    `json:"upheld,omitzero"` // the decision by which a person has upheld a step last
}

// standing is what an account is under now.
func (h *Hearings) standing(r abuse.Reader, account string, now time.Time) (s Standing, err error) {
	step, _, err := h.cfg.Desk.InForce(r, account, now)
	if err != nil {
		return s, err
	}
	ruling, _, err := h.cfg.Desk.Ruling(r, account, now)
	if err != nil {
		return s, err
	}
	upheld, err := lastUpheld(r, account)
	return Standing{step.Decision, step.Action, ruling.Decision, upheld}, err
}

// lastUpheld is the decision by which a person has upheld a step of the account's last; zero: nobody has.
func lastUpheld(r abuse.Reader, account string) (uuid.UUID, error) {
	got, err := r.Get(abuse.Cases, text([]byte{upheldRow}, account))
	switch {
	case err != nil || got[0] == nil:
		return uuid.Nil, err
	case len(got[0]) != 16:
		return uuid.Nil, damaged("case")
	}
	return uuid.UUID(got[0]), nil
}

// moved says whether an answer is about something that is not so any more, and has to be given anew.
// Last is the last decision, step what is in force, ruling what a person's has above it, and upheld what
// a person has upheld last.
func (c *Case) moved(r *Resolution, last *abuse.Decision, step *Step, ruling *Ruling, upheld uuid.UUID) bool {
	ruled := ruling.Decision != c.Standing.Ruling
	carries := func(s *abuse.Weighed) bool {
		return slices.Contains(last.Signals, s.Signal.ID) || slices.Contains(c.Decision.Signals, s.Signal.ID) ||
			slices.Contains(c.Current.Signals, s.Signal.ID)
	}
	all := func(*abuse.Weighed) bool { return true }
	switch {
	case r.Outcome == Overturned: // what has come in since counts anew; a person's word is taken back by who knows it
		return ruled && ruling.Action > abuse.None || upheld != c.Standing.Upheld
	case r.ForEver || r.Outcome == Changed && !r.softens(step):
		return ruled || step.Decision != c.Standing.Decision || step.Action != c.Standing.Action || c.lost(last, all) || len(c.unseen(last, all)) > 0
	case r.Outcome == Changed: // to something milder
		return ruled || upheld != c.Standing.Upheld || step.Action < c.Standing.Action || c.lost(last, carries)
	}
	return ruled || step.Action != c.Standing.Action || c.lost(last, carries) || len(c.unseen(last, carries)) > 0
}

// unseen are those of the signals which the last decision has weighed that are of no finding which
// the case shows.
func (c *Case) unseen(last *abuse.Decision, of func(*abuse.Weighed) bool) (all []abuse.Sighting) {
	seen := findings(findings(nil, c.Decision.Explanation.Signals), c.Current.Explanation.Signals)
	for i := range last.Explanation.Signals {
		if s := &last.Explanation.Signals[i]; of(s) && !covered(seen, &s.Sighting) {
			all = append(all, s.Sighting)
		}
	}
	return all
}

// seen is the decision with all signals that the case has shown, and those of the last decision that
// are of the same findings: the person's word is about them too.
func (c *Case) seen(last *abuse.Decision) abuse.Decision {
	d := c.Decision
	d.Explanation.Signals = slices.Clone(d.Explanation.Signals)
	add := func(s *abuse.Weighed) {
		if !explains(&d, &Carrier{From: s.From, Signal: s.Signal.ID}) {
			d.Explanation.Signals = append(d.Explanation.Signals, *s)
		}
	}
	for i := range c.Current.Explanation.Signals {
		add(&c.Current.Explanation.Signals[i])
	}
	seen := findings(nil, d.Explanation.Signals)
	for i := range last.Explanation.Signals {
		if s := &last.Explanation.Signals[i]; covered(seen, &s.Sighting) {
			add(s)
		}
	}
	return d
}

// lost says whether of one of some signals that were shown nothing is in the last decision of now: the
// person has seen evidence that is withdrawn by now. What a partner withdraws to say it again under
// another ID is not: it would hold up every answer.
func (c *Case) lost(last *abuse.Decision, of func(*abuse.Weighed) bool) bool {
	shown := &c.Current
	if shown.ID == uuid.Nil {
		shown = &c.Decision
	}
	for i := range shown.Explanation.Signals {
		s := shown.Explanation.Signals[i : i+1]
		same := findings(nil, s)
		still := func(o abuse.Weighed) bool { return covered(same, &o.Sighting) }
		if of(&s[0]) && !slices.ContainsFunc(last.Explanation.Signals, still) {
			return true
		}
	}
	return false
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
func (h *Hearings) leave(w abuse.Writer, c *Case, r *Resolution, last *abuse.Decision, step *Step, now time.Time) (bool, error) {
	was, err := loadHeld(w, step.Account)
	if err != nil {
		return false, err
	}
	base, stands := c.withSuccessors(last), was.Ruling.stands(now)
	if step.rests(base) || step.Reviewer != "" && was.Ruling.rests(base) {
		return false, nil
	}
	is := was
	if !is.Step.over(now) && is.Step.rests(base) {
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

// withSuccessors is the case's decision with the seen signals that took the place of its own, or say
// the same another way: a partner does not outlive an appeal by them.
func (c *Case) withSuccessors(last *abuse.Decision) *abuse.Decision {
	d := c.seen(last)
	var own []abuse.Weighed
	for i := range c.Decision.Explanation.Signals {
		if s := &c.Decision.Explanation.Signals[i]; slices.Contains(c.Decision.Signals, s.Signal.ID) {
			own = append(own, *s)
		}
	}
	seen := findings(nil, own)
	d.Signals = slices.Clone(d.Signals)
	for i := range d.Explanation.Signals {
		s := &d.Explanation.Signals[i].Sighting
		if covered(seen, s) && !slices.Contains(d.Signals, s.Signal.ID) {
			d.Signals = append(d.Signals, s.Signal.ID)
		}
	}
	return &d
}

// onlySeen leaves to a person's ruling those carriers of the automatic step that the decision shows:
// for the desk's rule all that carries the step has been seen.
func onlySeen(w abuse.Writer, d *abuse.Decision) error {
	was, err := loadHeld(w, d.Account)
	if err != nil {
		return err
	}
	unseen := func(c Carrier) bool { return !explains(d, &c) }
	is := was
	is.Step.Carriers = slices.DeleteFunc(slices.Clone(was.Step.Carriers), unseen)
	is.Step.Along = slices.DeleteFunc(slices.Clone(was.Step.Along), unseen)
	if len(is.Step.Carriers) == len(was.Step.Carriers) {
		return nil
	}
	return is.replace(w, d.Account, was)
}

// left sees to what a closed case has left: what has come in since it was claimed is decided on
// without what was shown, and the step in force has a review if it wants one, for its own was not
// opened while the case was open. Weighed is the last decision before the answer; zero: nothing is to
// be decided on. It says whether a decision was recorded, which is then owed to Deliver.
func (h *Hearings) left(w abuse.Writer, c *Case, weighed *abuse.Decision, now time.Time) (decided bool, err error) {
	if c.Kind == Contested || c.Result != uuid.Nil && c.Outcome == Upheld {
		return false, nil
	}
	if c.Result != uuid.Nil {
		all := func(*abuse.Weighed) bool { return true }
		if len(c.unseen(weighed, all)) == 0 {
			return false, nil
		}
		return h.anew(w, c, weighed, now)
	}
	if c.Outcome != Upheld && weighed.ID != uuid.Nil {
		needed, err := h.needed(w, weighed, now)
		if err != nil {
			return false, err
		}
		if needed {
			if decided, err = h.anew(w, c, weighed, now); err != nil {
				return false, err
			}
		}
	}
	step, under, err := h.cfg.Desk.InForce(w, c.Decision.Account, now)
	if err != nil || !under {
		return decided, err
	}
	d, err := step.made(w, c.Decision.Account)
	if errors.Is(err, ErrNoDecision) {
		return decided, nil // who settles has not recorded it
	}
	if err != nil {
		return false, err
	}
	return decided, h.consider(w, &d, now)
}

// needed says whether the automatic step needs what was cleared by the answer that left it: a rule may
// count signals, partners or origins that carry nothing; and where the step has gone with the answer,
// whether what is left comes to one. The same step by the same carriers is not decided on again, and nor is
// one that had run out: relief does not begin it anew.
func (h *Hearings) needed(r abuse.Reader, weighed *abuse.Decision, now time.Time) (bool, error) {
	is, err := loadHeld(r, weighed.Account)
	if err != nil || !is.Step.IsZero() && is.Step.over(now) {
		return false, err
	}
	all := evidenceOf(weighed)
	e, err := h.withoutCleared(r, all, now)
	if err != nil || len(e.Sightings) == len(all.Sightings) {
		return false, err
	}
	if is.Ruling.stands(now) {
		e = without(e, is.Ruling.saw)
	}
	d := h.cfg.Desk.cfg.Decide(e, now)
	if is.Step.IsZero() {
		return acts(d.Mode) && d.Action > abuse.None, nil
	}
	sooner := !d.Until.IsZero() && (is.Step.Until.IsZero() || d.Until.Before(is.Step.Until))
	return !acts(d.Mode) || d.Action < is.Step.Action || d.Action == is.Step.Action && sooner, nil
}

// evidenceOf is the evidence that a decision has weighed.
func evidenceOf(d *abuse.Decision) abuse.Evidence {
	x := &d.Explanation
	e := abuse.Evidence{Account: d.Account, Holdings: x.Holdings, Unreadable: x.Unreadable, Own: x.Own}
	for i := range x.Signals {
		e.Sightings = append(e.Sightings, x.Signals[i].Sighting)
	}
	return e
}

// anew decides again on the evidence of a decision, after a person's answer. It says whether that is
// recorded; if so it is owed to Deliver.
func (h *Hearings) anew(w abuse.Writer, c *Case, weighed *abuse.Decision, now time.Time) (bool, error) {
	last, err := lastDecision(w, weighed.Account)
	if err != nil {
		return false, err
	}
	if !now.After(last.At) {
		now = last.At.Add(1)
	}
	d, err := h.Around(h.cfg.Desk.Settle)(w, evidenceOf(weighed), now, true)
	if err != nil {
		return false, err
	}
	if d.Undoes == uuid.Nil && (d.Action <= abuse.None || !acts(d.Mode)) {
		return false, nil // nothing comes of it: the person's word is the last
	}
	if err := Record(w, d); err != nil {
		return false, err
	}
	return true, w.Put(abuse.Cases, owedKey(debtDeliver, c.ID), mark)
}
