package cases

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/abuse"
)

// MaxReviewer is the length of the longest name of a person, in bytes.
const MaxReviewer = 128

// Ruling is what a person has decided about an account. It stands beside what automation comes to:
// signals that lay before the person carry nothing there any more, and what new ones carry counts
// only where it is harsher. The zero Ruling is none.
type Ruling struct {
	Action abuse.Action `json:"action"` // None: lifted. Harsher: stands, whatever becomes of the evidence
	Scope  abuse.Scope  `json:"scope"`  // zero: as of the decision that was ruled on
	// Until is when the ruling ends, and with it what it says of signals that were seen: they count
	// again from the next decision on. Zero: without end, for None and Disable alone.
	Until    time.Time `json:"until,omitzero"`
	Reviewer string    `json:"reviewer"` // 1 to 128 bytes, as the service calls the person

	// These are set by Rule.
	Decision uuid.UUID `json:"decision"`
	At       time.Time `json:"at"`
	Since    time.Time `json:"since,omitzero"`     // when the account came under a step as harsh as this
	Rule     string    `json:"rule"`               // of the decision that was ruled on
	Seen     []Carrier `json:"seen,omitempty"`     // the signals, their causes, and what those say that were passed on
	Carriers []Carrier `json:"carriers,omitempty"` // of the step that was in force then: whose origins hear of it if it is overturned
}

// IsZero says whether there is no ruling.
func (r Ruling) IsZero() bool { return r.Reviewer == "" }

// stands says whether the ruling has been made and has not run out.
func (r *Ruling) stands(now time.Time) bool {
	return r.Reviewer != "" && (r.Until.IsZero() || now.Before(r.Until))
}

func (r *Ruling) saw(x *abuse.Sighting) bool { return covered(r.Seen, x) }

func (r *Ruling) step() Step {
	return Step{Decision: r.Decision, At: r.At, Action: r.Action, Scope: r.Scope, Until: r.Until, Rule: r.Rule, Since: r.since(), Reviewer: r.Reviewer, Carriers: r.Carriers}
}

func (r *Ruling) since() time.Time {
	if r.Since.IsZero() { // of a row that was written before there was this
		return r.At
	}
	return r.Since
}

// onto puts the ruling in the place of what automation came to.
func (r *Ruling) onto(dec *abuse.Decision) {
	dec.Mode, dec.Action, dec.Scope, dec.Until, dec.Rule = abuse.Live, r.Action, r.Scope, r.Until, r.Rule
	dec.Automated, dec.Reviewer = false, r.Reviewer
	dec.Reason = "A person has ruled on this account: " + r.Action.String() + ". Without that: " + dec.Reason
}

// Rule puts a person's decision in force, within the caller's transaction. It is about the account
// of the decision was, that the person has looked at: all signals of its explanation, and those
// that carry the step in force, have been seen, and so has what is one finding with them: what the
// same partner, or the origin that was heard itself, makes of one that was seen or of its cause, and a
// copy that comes another way. A signal that was passed on stands for the origin's own only where that
// says the same. It gives the person's own decision, which has Automated false, and Undoes where it is
// milder than what is in force; the caller records it and carries it out. Bounds do not hold a person.
//
// A ruling takes the place of the one before. An [*abuse.Error] says what is out of bounds: a
// ruling has a name, a step with an end later than now, or none for ever and Disable for ever.
func (d *Desk) Rule(w abuse.Writer, was abuse.Decision, r Ruling, now time.Time) (abuse.Decision, error) {
	now = now.UTC().Round(0)
	switch {
	case r.Reviewer == "" || len(r.Reviewer) > MaxReviewer:
		return abuse.Decision{}, &abuse.Error{Field: "reviewer", Problem: "must have 1 to 128 bytes"}
	case r.Action < abuse.None || r.Action > abuse.Disable:
		return abuse.Decision{}, &abuse.Error{Field: "ruling action", Problem: "must be a step of the ladder"}
	case r.Until.IsZero() && r.Action != abuse.None && r.Action != abuse.Disable:
		return abuse.Decision{}, &abuse.Error{Field: "ruling until", Problem: "may be without end for none and disable alone"}
	case !r.Until.IsZero() && (!r.Until.After(now) || r.Until.Year() > 9999):
		return abuse.Decision{}, &abuse.Error{Field: "ruling until", Problem: "must be later than now"}
	}
	before, err := loadHeld(w, was.Account)
	if err != nil {
		return abuse.Decision{}, err
	}
	current := before.current(now)
	if r.Scope == 0 {
		r.Scope = max(was.Scope, abuse.ScopeAccount)
	}
	r.Until = r.Until.UTC().Round(0)
	r.At, r.Rule, r.Seen = now, was.Rule, slices.Clone(before.Step.Carriers)
	r.Carriers, r.Since = current.Carriers, now
	if current.Action == r.Action { // a person who upholds a step does not begin it
		r.Since = current.Since
	}
	if before.Ruling.stands(now) {
		r.Seen = append(r.Seen, before.Ruling.Seen...)
	}
	r.Seen = tidy(findings(r.Seen, was.Explanation.Signals))
	r.Decision = ruledID(&was, &r)

	dec := was
	dec.ID, dec.At, dec.Undoes, dec.UndoneSince, dec.Bounds = r.Decision, now, uuid.UUID{}, time.Time{}, nil
	r.onto(&dec)
	sooner := !r.Until.IsZero() && (current.Until.IsZero() || r.Until.Before(current.Until))
	if current.Action > abuse.None && (r.Action < current.Action || r.Action == current.Action && sooner) {
		dec.Undoes, dec.UndoneSince = current.Decision, current.Since
	}
	is := held{Ruling: r}
	if err := is.replace(w, was.Account, before); err != nil {
		return abuse.Decision{}, err
	}
	if dec.Undoes == (uuid.UUID{}) {
		return dec, nil
	}
	return dec, count(w, current.Carriers, now, func(c *receipt) { c.Overturned++ })
}

// Ruling gives what a person has ruled on an account and still stands; false: nothing does.
func (d *Desk) Ruling(r abuse.Reader, account string, now time.Time) (Ruling, bool, error) {
	h, err := loadHeld(r, account)
	if err != nil || !h.Ruling.stands(now) {
		return Ruling{}, false, err
	}
	return h.Ruling, true, nil
}

// ruledID makes a UUID of version 8 from the decision that was ruled on and the ruling.
func ruledID(was *abuse.Decision, r *Ruling) (id uuid.UUID) {
	b := append([]byte("hueandcry/abuse/cases/ruling/1"), was.ID[:]...)
	b = append(b, byte(r.Action), byte(r.Scope))
	for _, t := range []time.Time{r.Until, r.At} {
		b = binary.BigEndian.AppendUint64(b, uint64(t.Unix()))
		b = binary.BigEndian.AppendUint32(b, uint32(t.Nanosecond()))
	}
	b = text(text(b, was.Account), r.Reviewer)
	sum := sha256.Sum256(b)
	copy(id[:], sum[:])
	id[6] = id[6]&0x0f | 0x80
	id[8] = id[8]&0x3f | 0x80
	return id
}
