package cases

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/abuse"
)

// Case is a question to a person. It holds no identifier, but for the reference to the account that
// the service itself gave. The zero Case is none.
type Case struct {
	ID     uuid.UUID `json:"case"` // of version 8: the same question is the same case
	Kind   CaseKind  `json:"kind"`
	Why    string    `json:"why"` // "step", "rule", "sample", "appeal" or "partner"
	Opened time.Time `json:"opened"`
	Due    time.Time `json:"due"` // by which it is to have its outcome

	// Decision is what a review or an appeal is about; zero for a contested signal.
	Decision abuse.Decision `json:"decision,omitzero"`
	// Current is the last decision about the account as of the last claim, if it is another.
	Current abuse.Decision `json:"current,omitzero"`
	// Standing is what was in force as of the last claim, which is what an answer is about.
	Standing Standing `json:"standing,omitzero"`

	// Of a contested signal: the partner that carries the appeal, its reference and our signal.
	From      string    `json:"from,omitempty"`
	Reference Reference `json:"reference,omitzero"`
	Signal    uuid.UUID `json:"signal,omitzero"`

	// Holder has the case in hand since Held, and Version grows with every change of hands.
	Holder  string    `json:"holder,omitempty"`
	Held    time.Time `json:"held,omitzero"`
	Version uint64    `json:"version,omitempty"`

	// How it ended; all zero while it is open.
	Outcome  Outcome   `json:"outcome,omitzero"`
	Ground   Ground    `json:"ground,omitzero"`
	Reviewer string    `json:"reviewer,omitempty"`
	Closed   time.Time `json:"closed,omitzero"`
	Result   uuid.UUID `json:"result,omitzero"` // the person's decision
	With     uuid.UUID `json:"with,omitzero"`   // the case about the same decision whose answer this is; zero: its own
}

// Late says whether the case is open and has passed its time.
func (c *Case) Late(now time.Time) bool { return c.Outcome == 0 && !now.Before(c.Due) }

// consider puts a decision that wants a person into the queue. One case a time and account is
// enough: what the account is under by then is shown to who claims it.
func (h *Hearings) consider(w abuse.Writer, d *abuse.Decision, now time.Time) error {
	why := ""
	switch {
	case !d.Automated || d.Action <= abuse.None || d.Mode != abuse.Live:
		return nil
	case len(d.Bounds) > 0 && d.Action == abuse.Label:
		return nil // a cap was met: what floods the rules does not flood people instead
	case d.Action >= h.cfg.ReviewFrom:
		why = "step"
	case h.cfg.ReviewRule != nil && h.cfg.ReviewRule(d.Rule):
		why = "rule"
	case sampled(d.ID, h.cfg.Sample):
		why = "sample"
	default:
		return nil
	}
	lastKey := text([]byte{lastRow}, d.Account)
	got, err := w.Get(abuse.Cases, lastKey)
	if err != nil {
		return err
	}
	if got[0] != nil {
		last, err := caseOf(w, append([]byte{lastRow}, got[0]...))
		switch {
		case errors.Is(err, abuse.ErrStoreDamaged): // it keeps nobody from deciding on the account: a new one is opened
		case err != nil || last.Outcome == 0 || last.answers(d):
			return err
		}
	}
	id := reviewID(d.ID)
	if err := w.Put(abuse.Cases, lastKey, id[:]); err != nil {
		return err
	}
	_, err = openCase(w, Case{ID: id, Kind: Review, Why: why,
		Opened: now.UTC(), Due: now.UTC().Add(h.cfg.ReviewWithin), Decision: *d})
	if errors.Is(err, abuse.ErrStoreDamaged) {
		return nil // it is this one that is damaged, and in the queue as such
	}
	return err
}

// answers says whether a closed review has answered a later decision too: a step no harsher, by
// signals that its person has seen and upheld.
func (c *Case) answers(d *abuse.Decision) bool {
	if c.Outcome != Upheld || d.Action > c.Decision.Action {
		return false
	}
	for i := range d.Explanation.Signals {
		s := &d.Explanation.Signals[i]
		if !slices.Contains(d.Signals, s.Signal.ID) {
			continue
		}
		seen := Carrier{s.From, s.Signal.Origin, s.Signal.ID}
		if !explains(&c.Decision, &seen) && !explains(&c.Current, &seen) {
			return false
		}
	}
	return true
}

func reviewID(decision uuid.UUID) uuid.UUID { return digestID("review", decision[:]) }

// sampled takes a share of all decisions. The ID is a digest that nobody but the service can
// foresee, so no partner knows which of its signals will be looked at.
func sampled(id uuid.UUID, share float64) bool {
	b := digestID("sample", id[:]) // the ID's own bytes may be wanted elsewhere for the same
	return float64(binary.BigEndian.Uint32(b[:]))/(1<<32) < share
}

// Queue gives at most limit open cases, those that are due first in front. Cases that somebody has
// in hand are among them. One whose decision is not in force any more stays until it is answered, for it
// says something of partners, or an answer about the same decision closes it: see [Hearings.Resolve]. In
// every list of cases one that is damaged is left out: the first such is the error, and the others are
// given with it.
func (h *Hearings) Queue(ctx context.Context, limit int) (all []Case, err error) {
	return h.list(ctx, []byte{queueRow}, []byte{queueRow + 1}, limit)
}

// Late gives at most limit open cases that have passed their time, the oldest first.
func (h *Hearings) Late(ctx context.Context, limit int) (all []Case, err error) {
	return h.list(ctx, []byte{queueRow}, dueKey(queueRow, h.now().Add(time.Second), uuid.Nil), limit)
}

// Of gives at most limit cases about an account, open and closed, in no order that says anything:
// for its holder who asks what there is about it.
func (h *Hearings) Of(ctx context.Context, account string, limit int) (all []Case, err error) {
	if len(account) > maxAccount {
		return nil, nil
	}
	prefix := text([]byte{ofRow}, account)
	return h.list(ctx, prefix, after(prefix), limit)
}

// Forget takes out all cases about an account that has been deleted, within the caller's Update, and
// what is owed for them. Feedback stays: no account is in it.
func (h *Hearings) Forget(w abuse.Writer, account string) error {
	if len(account) > maxAccount {
		return nil
	}
	prefix := text([]byte{ofRow}, account)
	for {
		rows, err := w.Scan(abuse.Cases, prefix, after(prefix), runRows)
		if err != nil {
			return err
		}
		for _, row := range rows {
			c, err := caseOf(w, row.Key)
			if odd(err) && len(row.Key) == len(prefix)+16 {
				c, err = Case{ID: uuid.UUID(row.Key[len(prefix):])}, nil // what there is of it goes, too
			}
			if err != nil {
				return err
			}
			if err := dropCase(w, account, &c); err != nil {
				return err
			}
		}
		if len(rows) < runRows {
			for _, row := range []byte{clearRow, upheldRow, lastRow} {
				if err := w.Delete(abuse.Cases, text([]byte{row}, account)); err != nil {
					return err
				}
			}
			return nil
		}
	}
}

// Closed gives at most limit cases that were closed at since or later, the oldest first.
func (h *Hearings) Closed(ctx context.Context, since time.Time, limit int) (all []Case, err error) {
	return h.list(ctx, dueKey(doneRow, since, uuid.Nil), []byte{doneRow + 1}, limit)
}

// list gives the cases of an index's rows that are whole, and the first that is not as an error.
func (h *Hearings) list(ctx context.Context, from, to []byte, limit int) (all []Case, err error) {
	var damage error
	err = h.store.View(ctx, func(r abuse.Reader) error {
		all, damage = nil, nil
		for from := from; len(all) < limit; {
			rows, err := r.Scan(abuse.Cases, from, to, min(limit, runRows))
			if err != nil {
				return err
			}
			for _, row := range rows {
				if len(all) == limit {
					return nil
				}
				if err := addCase(r, row.Key, &all, &damage); err != nil {
					return err
				}
			}
			if len(rows) < min(limit, runRows) {
				return nil
			}
			from = append(rows[len(rows)-1].Key, 0)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return all, damage
}

// addCase adds the case that an index row points to, or notes that it is damaged.
func addCase(r abuse.Reader, key []byte, all *[]Case, damage *error) error {
	c, err := caseOf(r, key)
	switch {
	case odd(err):
		*damage = cmp.Or(*damage, err)
	case err != nil:
		return err
	default:
		*all = append(*all, c)
	}
	return nil
}

// Figures are what there is in the queue and what came of it. The zero Figures is nothing at all.
type Figures struct {
	Open      int `json:"open"`      // of all kinds; mostFigures at most are counted
	Reviews   int `json:"reviews"`   // of them
	Appeals   int `json:"appeals"`   // of them
	Contested int `json:"contested"` // of them
	Late      int `json:"late"`      // of them: they have passed their time
	// The outcomes since the time that was asked for, of reviews and appeals, also of those that were closed
	// with another case.
	Upheld     int `json:"upheld"`
	Overturned int `json:"overturned"`
	Changed    int `json:"changed"`
}

const mostFigures = 100_000

// Figures counts open cases, and outcomes since a time, of cases that are kept still. Each is counted up to
// 100,000.
func (h *Hearings) Figures(ctx context.Context, since time.Time) (f Figures, err error) {
	late := dueKey(queueRow, h.now().Add(time.Second), uuid.Nil)
	err = h.store.View(ctx, func(r abuse.Reader) error {
		f = Figures{}
		err := each(r, []byte{queueRow}, []byte{queueRow + 1}, func(row abuse.Row) bool {
			f.Open++
			if bytes.Compare(row.Key, late) < 0 {
				f.Late++
			}
			switch {
			case len(row.Value) != 1:
				return false
			case CaseKind(row.Value[0]) == Review:
				f.Reviews++
			case CaseKind(row.Value[0]) == Appeal:
				f.Appeals++
			case CaseKind(row.Value[0]) == Contested:
				f.Contested++
			}
			return true
		})
		if err != nil {
			return err
		}
		return each(r, dueKey(doneRow, since, uuid.Nil), []byte{doneRow + 1}, func(row abuse.Row) bool {
			if len(row.Value) != 2 {
				return false
			}
			if CaseKind(row.Value[1]) == Contested {
				return true
			}
			switch Outcome(row.Value[0]) {
			case Upheld:
				f.Upheld++
			case Overturned:
				f.Overturned++
			case Changed:
				f.Changed++
			}
			return true
		})
	})
	return f, err
}

// each goes through the rows of an index, up to mostFigures; a row of which see says false is damaged.
func each(r abuse.Reader, from, to []byte, see func(abuse.Row) bool) error {
	for n := 0; n < mostFigures; n += runRows {
		rows, err := r.Scan(abuse.Cases, from, to, runRows)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if !see(row) {
				return damaged("case")
			}
		}
		if len(rows) < runRows {
			return nil
		}
		from = append(rows[len(rows)-1].Key, 0)
	}
	return nil
}

// Case gives one case, or [ErrNoCase].
func (h *Hearings) Case(ctx context.Context, id uuid.UUID) (c Case, err error) {
	err = h.store.View(ctx, func(r abuse.Reader) (err error) {
		c, err = readCase(r, id)
		return err
	})
	return c, err
}

// Claim takes a case in hand, so that no two people work on it. It stands for ClaimFor, and may be
// claimed again by the same person. It gives [ErrClaimed] where another has it, [ErrClosed],
// [ErrNoCase], and an [*abuse.Error] for a name that is none.
func (h *Hearings) Claim(ctx context.Context, id uuid.UUID, person string) (c Case, err error) {
	if err := CheckReviewer(person); err != nil {
		return Case{}, err
	}
	now := h.now()
	err = h.store.Update(ctx, func(w abuse.Writer) (err error) {
		if c, err = readCase(w, id); err != nil {
			return err
		}
		switch {
		case c.Outcome != 0:
			return ErrClosed
		case c.Holder != "" && c.Holder != person && now.Sub(c.Held).Abs() < h.cfg.ClaimFor:
			return ErrClaimed // one of a clock that ran far ahead does not stand until then
		}
		c.Holder, c.Held, c.Version = person, now, c.Version+1
		if c.Kind != Contested {
			if err := h.refresh(w, &c, now); err != nil {
				return err
			}
		}
		return writeCase(w, &c)
	})
	if err != nil {
		return Case{}, err
	}
	return c, nil
}

// refresh puts the last decision about the account into the case, if it is another than the one the
// case is about, so that the person sees all that the answer will be about: also what lies beneath a
// ruling and would come to light.
func (h *Hearings) refresh(r abuse.Reader, c *Case, now time.Time) error {
	last, err := lastDecision(r, c.Decision.Account)
	if err != nil {
		return err
	}
	if c.Current = last; last.ID == c.Decision.ID {
		c.Current = abuse.Decision{}
	}
	c.Standing, err = h.standing(r, c.Decision.Account, now)
	return err
}

// Release gives a case back that was claimed at the version. Errors are as of [Hearings.Claim].
func (h *Hearings) Release(ctx context.Context, id uuid.UUID, version uint64) error {
	return h.store.Update(ctx, func(w abuse.Writer) error {
		c, err := readCase(w, id)
		switch {
		case err != nil:
			return err
		case c.Outcome != 0:
			return ErrClosed
		case c.Version != version:
			return ErrClaimed
		}
		c.Holder, c.Held, c.Version = "", time.Time{}, c.Version+1
		return writeCase(w, &c)
	})
}

// CheckReviewer says whether a person's name may be recorded, by an [*abuse.Error]: a name as
// services write them, of 1 to [MaxReviewer] bytes, and nothing that might be a telephone number.
func CheckReviewer(name string) error {
	digits, letters := 0, 0
	for _, r := range name {
		switch {
		case unicode.IsDigit(r):
			digits++
		case unicode.IsLetter(r):
			letters++
		case !unicode.IsPrint(r):
			letters = -MaxReviewer
		}
	}
	if len(name) > MaxReviewer || !utf8.ValidString(name) || letters < 1 || digits > 6 {
		return &abuse.Error{Field: "reviewer", Problem: "must be a name of 1 to 128 bytes with a letter and at most 6 digits"}
	}
	return nil
}
