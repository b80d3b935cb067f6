package cases

import (
	"bytes"
	"context"
	"encoding/binary"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/abuse"
)

// Resolution is what a person answers. The zero Resolution is invalid.
type Resolution struct {
	// Version is that of the case when it was claimed: who lost the claim meanwhile has no say.
	Version  uint64
	Reviewer string // the person's name: required, and the holder of the claim
	Outcome  Outcome
	Ground   Ground       // with Overturned: required
	Step     abuse.Action // with Changed: another step than the decision's, and harsher than None
	// Until, with Changed: when the step ends, within a year.
	Until time.Time
	// ForEver, with Changed to Disable, or with Upheld for a decision to disable: without end. It is
	// a word of its own, so that nobody closes an account for good by leaving a date out.
	ForEver bool
}

func (r *Resolution) check(c *Case, now time.Time) error {
	bad := func(field, problem string) error { return &abuse.Error{Field: field, Problem: problem} }
	if err := CheckReviewer(r.Reviewer); err != nil {
		return err
	}
	switch {
	case !known(r.Outcome, outcomeWords):
		return bad("outcome", "must be upheld, overturned or changed")
	case r.Outcome == Overturned && !known(r.Ground, groundWords):
		return bad("ground", "must be given where a decision is overturned")
	case r.Outcome != Overturned && r.Ground != 0:
		return bad("ground", "goes with overturned alone")
	case r.Outcome != Changed && (r.Step != 0 || !r.Until.IsZero()):
		return bad("step", "goes with changed alone")
	case c.Kind == Contested && (r.Outcome == Changed || r.ForEver):
		return bad("outcome", "must be upheld or overturned for a signal")
	}
	step := r.Step
	if r.Outcome == Upheld {
		step = c.Decision.Action
	}
	if r.ForEver {
		if step != abuse.Disable || r.Outcome == Overturned || !r.Until.IsZero() {
			return bad("for ever", "goes with disable alone, and without an end")
		}
		return nil
	}
	if r.Outcome == Changed {
		switch {
		case step <= abuse.None || step > abuse.Disable:
			return bad("step", "must be harsher than none: overturn it instead")
		case step == c.Decision.Action && r.Until.Equal(c.Decision.Until):
			return bad("step", "is as it was: uphold it instead")
		case !r.Until.After(now) || r.Until.Sub(now) > abuse.MaxDuration:
			return bad("until", "must be within a year from now")
		}
	}
	return nil
}

// Resolve closes a case that the reviewer has claimed, and gives the person's decision, with its
// Reviewer and with Automated false; it is recorded beside the automatic ones, and owed to Deliver.
// Partners' scorecards learn of it.
//
// A decision that is upheld stays what it was: it ends with the signals that carry it. One that is
// overturned or changed, or that is upheld for ever, is the person's own from then on, as [Desk.Rule]
// says. The zero Decision is given where nothing changes for an account: for a contested signal, and
// where a step is upheld that is not in force any more, and where a decision is overturned or made milder
// while the account is under a step by other signals, which stays; it has a review of its own if it wants
// one. Where that step needs what was cleared, because a rule counts more than it names, it is decided on
// again at once, and the automatic decision that takes it back is recorded and owed to Deliver.
//
// An answer that leaves a step on the account holds for what the case showed when it was claimed.
// It is [ErrMoved] where by now the step, the person's ruling above it or what carries them is
// another; and, if it would make the step harsher or let it last longer, where anything else has
// changed. An answer that takes the step back may come late, unless another person has put a step
// on the account meanwhile, or upheld the one that there was. So may one that makes it milder, as
// long as the step is as harsh as it was and nothing that carried it was withdrawn.
//
// What has come in since the claim is not covered by such a late answer. It is decided on at once,
// without the signals that were shown; if that comes to a step, the automatic decision follows the
// person's and has a review of its own. So nobody holds up relief by sending more. A step that had run
// out before the answer does not begin anew by it.
//
// The answer to an appeal also closes the open review of the very same decision, and a review that
// overturns it closes the open appeal, whoever has that in hand: with the same outcome and reviewer, and
// Case.With, and with nothing more for scorecards. References of the appeal are carried all the same. A
// review that upholds or changes leaves the appeal open: who appeals is heard. Cases about other decisions
// on the account, and of partners, are answered by themselves.
//
// It gives [ErrClaimed] where the claim was lost, [ErrMoved], [ErrClosed], [ErrNoCase], and an
// [*abuse.Error] for what a Resolution may not say.
func (h *Hearings) Resolve(ctx context.Context, id uuid.UUID, r Resolution) (d abuse.Decision, err error) {
	var c Case
	debt := byte(0)
	err = h.store.Update(ctx, func(w abuse.Writer) (err error) {
		var weighed abuse.Decision // the last one before the answer
		d, debt = abuse.Decision{}, 0
		if c, err = readCase(w, id); err != nil {
			return err
		}
		now := h.now()
		switch {
		case c.Outcome != 0:
			return ErrClosed
		case c.Version != r.Version || c.Holder != r.Reviewer || c.Holder == "":
			return ErrClaimed
		}
		if err := r.check(&c, now); err != nil {
			return err
		}
		switch {
		case c.Kind != Contested:
			was, err := loadHeld(w, c.Decision.Account)
			if err != nil {
				return err
			}
			if d, weighed, err = h.answer(w, &c, &r, now); err != nil {
				return err
			}
			swept := !weighed.Until.IsZero() && !now.Before(weighed.Until)
			if was.Step.over(now) && (!was.Step.IsZero() || swept) {
				weighed = abuse.Decision{} // relief does not begin anew what had run out
			}
			if err := h.learn(w, &c, &r, now); err != nil {
				return err
			}
			if c.Result = d.ID; d.ID != uuid.Nil {
				debt = debtDeliver
			}
		case r.Outcome == Overturned:
			debt = debtRetract
		}
		if debt != 0 {
			if err := w.Put(abuse.Cases, owedKey(debt, c.ID), mark); err != nil {
				return err
			}
		}
		c.Outcome, c.Ground, c.Reviewer, c.Closed = r.Outcome, r.Ground, r.Reviewer, now
		c.Holder, c.Held = "", time.Time{}
		if err := closeCase(w, &c); err != nil {
			return err
		}
		if err := closeOther(w, &c); err != nil {
			return err
		}
		if h.cfg.Console && c.Kind != Contested {
			return w.Put(abuse.Cases, owedKey(debtLeft, c.ID), append(bytes.Clone(mark), weighed.ID[:]...))
		}
		decided, err := h.left(w, &c, &weighed, now)
		if decided {
			debt = debtDeliver
		}
		return err
	})
	if err != nil {
		return abuse.Decision{}, err
	}
	if debt != 0 {
		_ = h.pay(ctx, newPass(), debt, &c) // if it fails it is still owed, and Work tries again
	}
	return d, nil
}

// closeOther closes the other open case about the decision of a case that has just been answered, where
// that answers it too. One that is damaged keeps nobody from the answer.
func closeOther(w abuse.Writer, c *Case) error {
	id := reviewID(c.Decision.ID)
	switch {
	case c.Kind == Contested || c.Kind == Review && c.Outcome != Overturned:
		return nil
	case c.Kind == Review:
		id = appealID(c.Decision.ID)
	}
	other, err := readCase(w, id)
	if err != nil || other.Outcome != 0 || other.Decision.Account != c.Decision.Account {
		if err == ErrNoCase || odd(err) {
			err = nil
		}
		return err
	}
	// What the person has seen is what was claimed last.
	other.Current, other.Standing = c.Current, c.Standing
	other.Outcome, other.Ground, other.Reviewer, other.Closed = c.Outcome, c.Ground, c.Reviewer, c.Closed
	other.Result, other.With, other.Holder, other.Held = c.Result, c.ID, "", time.Time{}
	return closeCase(w, &other)
}

// answer makes the person's decision, puts it into force and records it. It gives the last decision
// before it, too.
func (h *Hearings) answer(w abuse.Writer, c *Case, r *Resolution, now time.Time) (d, last abuse.Decision, err error) {
	base := &c.Decision
	if last, err = lastDecision(w, base.Account); err != nil {
		return d, last, err
	}
	at := now
	if !at.After(last.At) {
		at = last.At.Add(1) // later than the last one's, also where the clock was set back
	}
	step, under, err := h.cfg.Desk.InForce(w, base.Account, now)
	if err != nil {
		return d, last, err
	}
	ruling, _, err := h.cfg.Desk.Ruling(w, base.Account, now)
	if err != nil {
		return d, last, err
	}
	upheld, err := lastUpheld(w, base.Account)
	if err != nil {
		return d, last, err
	}
	if c.moved(r, &last, &step, &ruling, upheld) {
		return d, last, ErrMoved
	}
	if under && r.softens(&step) {
		if left, err := h.leave(w, c, r, &last, &step, now); left || err != nil {
			return d, last, err
		}
	}
	was := c.seen(&last)
	if r.Outcome == Upheld && (!under || step.Action != base.Action) {
		return d, last, nil // it is gone, or something else has taken its place: there is nothing to uphold
	}
	if r.Outcome == Upheld && !r.ForEver {
		d = was
		d.ID = digestID("upheld", base.ID[:], []byte(r.Reviewer), binary.BigEndian.AppendUint64(nil, uint64(at.UnixNano())))
		d.At, d.Until, d.Undoes, d.UndoneSince, d.Bounds = at, step.Until, uuid.Nil, time.Time{}, nil
		d.Automated, d.Reviewer = false, r.Reviewer
		if x := &last.Explanation; last.ID != uuid.Nil {
			// The evidence of now and not of then: another answer may have it decided on anew.
			d.Explanation.Signals, d.Explanation.Holdings, d.Explanation.Unreadable, d.Explanation.Own = x.Signals, x.Holdings, x.Unreadable, x.Own
		}
		carriedBy(&d, step.Carriers)
		if err := w.Put(abuse.Cases, text([]byte{upheldRow}, base.Account), d.ID[:]); err != nil {
			return d, last, err
		}
	} else {
		ruling := Ruling{Action: abuse.None, Until: r.Until.UTC().Truncate(time.Second), Reviewer: r.Reviewer}
		if r.Outcome == Changed {
			ruling.Action = r.Step
		} else if r.Outcome == Upheld {
			ruling.Action = base.Action
		}
		if r.Until.IsZero() {
			ruling.Until = time.Time{}
		}
		if err := clearSeen(w, &was, now); err != nil {
			return d, last, err
		}
		if err := onlySeen(w, &was); err != nil {
			return d, last, err
		}
		if d, err = h.cfg.Desk.Rule(w, was, ruling, at); err != nil {
			return d, last, err
		}
		if d.Action > abuse.None {
			carriedBy(&d, slices.DeleteFunc(slices.Clone(step.Carriers), func(c Carrier) bool { return !explains(&was, &c) }))
		}
	}
	d.Reason, d.Undo = c.reasons(r, &d)
	return d, last, Record(w, d)
}

// carriedBy adds what carries the step by now to the signals of a person's decision about it: an appeal
// against that is about them too, and those who sent them hear of it.
func carriedBy(d *abuse.Decision, carriers []Carrier) {
	d.Signals = slices.Clone(d.Signals)
	for _, c := range carriers {
		d.Signals = append(d.Signals, c.Signal)
	}
	slices.SortFunc(d.Signals, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	d.Signals = slices.Compact(d.Signals)
}

// reasons are the sentences of the person's decision d.
func (c *Case) reasons(r *Resolution, d *abuse.Decision) (reason, undo string) {
	who := "A person looked at it and "
	if c.Kind == Appeal {
		who = "After an appeal a person looked at it and "
	}
	end := " without end"
	if !d.Until.IsZero() {
		end = " until " + d.Until.UTC().Format(time.DateOnly)
	}
	before := c.Decision.Action.String()
	switch {
	case r.Outcome == Overturned:
		return who + "took the step (" + before + ") back: " + groundReason(r.Ground) + ".",
			"What was looked at carries nothing on this account any more; new signals may."
	case r.Outcome == Changed:
		return who + "changed the step from " + before + " to " + d.Action.String() + end + ".",
			"It ends by an appeal, by a person, or by its end."
	case r.ForEver:
		return who + "upheld the step (" + before + ")" + end + ". " + c.Decision.Reason,
			"It ends by an appeal or by a person alone."
	}
	return who + "upheld the step (" + before + ")" + end + ". " + c.Decision.Reason, c.Decision.Undo
}

func groundReason(g Ground) string {
	switch g {
	case WrongSignal:
		return "what was said of the account is not true"
	case WrongPerson:
		return "what was said is about somebody else"
	}
	return "it was more than what was said calls for"
}
