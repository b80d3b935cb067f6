package cases

import (
	"context"
	"encoding/binary"
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
	if err := checkPerson(r.Reviewer); err != nil {
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

// Resolve closes a case that the reviewer has claimed, and gives the person's decision, as it was put
// into force; the zero Decision for a contested signal. Partners' scorecards learn of it.
//
// It gives [ErrClaimed] where the claim was lost, [ErrClosed], [ErrNoCase], and an [*abuse.Error]
// for what a Resolution may not say.
func (h *Hearings) Resolve(ctx context.Context, id uuid.UUID, r Resolution) (d abuse.Decision, err error) {
	var c Case
	err = h.cfg.Store.Update(ctx, func(w abuse.Writer) (err error) {
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
		d = abuse.Decision{}
		if c.Kind != Contested {
			if d, err = h.enforce(w, &c, &r, now); err != nil {
				return err
			}
			c.Result = d.ID
		} else if r.Outcome == Overturned {
			if err := w.Put(abuse.Cases, idKey(owedRow, c.ID), mark); err != nil {
				return err
			}
		}
		c.Outcome, c.Ground, c.Reviewer, c.Closed = r.Outcome, r.Ground, r.Reviewer, now
		c.Holder, c.Held = "", time.Time{}
		return closeCase(w, &c)
	})
	if err != nil {
		return abuse.Decision{}, err
	}
	if c.Kind == Contested && c.Outcome == Overturned {
		// A failure is no error: it is owed, and Work tries again.
		_ = h.pay(ctx, c)
	}
	return d, nil
}

// enforce makes the person's decision, and does what follows from it here.
func (h *Hearings) enforce(w abuse.Writer, c *Case, r *Resolution, now time.Time) (abuse.Decision, error) {
	last, err := newest(w, c.Decision.Account)
	if err != nil {
		return abuse.Decision{}, err
	}
	if now.After(last) {
		last = now
	} else {
		last = last.Add(1) // decisions of one account have one order, whatever the clock says
	}
	d := answer(c, r, last)
	if err := h.learn(w, c, r, now); err != nil {
		return d, err
	}
	if h.cfg.Force == nil {
		return d, nil
	}
	return h.cfg.Force(w, d, last)
}

// answer is the decision that a person made about another.
func answer(c *Case, r *Resolution, at time.Time) abuse.Decision {
	base := &c.Decision
	d := *base
	d.Automated, d.Reviewer, d.At, d.Undoes, d.Bounds = false, r.Reviewer, at, uuid.Nil, nil
	what := "A person looked at it"
	if c.Kind == Appeal {
		what = "After an appeal a person looked at it"
	}
	end := func() string {
		if d.Until.IsZero() {
			return " without end"
		}
		return " until " + d.Until.UTC().Format(time.DateOnly)
	}
	switch r.Outcome {
	case Overturned:
		d.Action, d.Until, d.Undoes = abuse.None, time.Time{}, base.ID
		d.Reason = what + " and took the step back: " + groundReason(r.Ground) + "."
		d.Undo = "Nothing is in force; other signals may be decided on again."
	case Changed:
		d.Action, d.Until = r.Step, r.Until.UTC().Truncate(time.Second)
		if r.ForEver {
			d.Until = time.Time{}
		}
		if r.Step < base.Action || r.Step == base.Action && !d.Until.IsZero() && d.Until.Before(base.Until) {
			d.Undoes = base.ID
		}
		d.Reason = what + " and changed the step from " + base.Action.String() + " to " + d.Action.String() + end() + ". It had been: " + base.Reason
		d.Undo = "An appeal, or the end of the step."
	default:
		if r.ForEver {
			d.Until = time.Time{}
		}
		d.Reason = what + " and upheld the step to " + d.Action.String() + end() + ". It had been: " + base.Reason
	}
	until := uint64(0)
	if !d.Until.IsZero() {
		until = uint64(d.Until.Unix())
	}
	numbers := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, uint64(at.UnixNano())), until)
	d.ID = digestID("answer", base.ID[:], []byte{byte(r.Outcome), byte(r.Ground), byte(d.Action)}, []byte(r.Reviewer), numbers)
	return d
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

// newest is when the last decision about an account was made; zero: never.
func newest(r abuse.Reader, account string) (time.Time, error) {
	prefix := accountKey(nil, account)
	rows, err := r.Scan(abuse.Decisions, prefix, after(prefix), 1)
	if err != nil || len(rows) == 0 {
		return time.Time{}, err
	}
	rest := rows[0].Key[len(prefix):]
	if len(rest) != 24 {
		return time.Time{}, damaged("decision")
	}
	return time.Unix(0, int64(^binary.BigEndian.Uint64(rest))).UTC(), nil
}
