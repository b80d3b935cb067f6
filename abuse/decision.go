package abuse

import (
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/hashing"
)

// ruleNone is the Rule of a decision that no rule made.
const ruleNone = "none"

// Decision is what to do about an account, and why. It holds no identifier, but
// for the account reference that the caller gave. All times are in UTC. The zero
// Decision is no decision.
type Decision struct {
	// ID is a UUID of version 8, a digest of evidence, policy and time: deciding
	// the same again gives the same id.
	ID      uuid.UUID `json:"decision"`
	Account string    `json:"account"`
	Action  Action    `json:"action"`
	Scope   Scope     `json:"scope"`
	// Until is when the step ends by itself: as the rule says, and never after the
	// signals that carry it expire. Zero if Action is [None], and only then: a step
	// for ever needs a person with a name, and is not taken here.
	Until time.Time `json:"until"` // in JSON null if zero
	Mode  Mode      `json:"mode"`
	// Automated is true: no person had a part in it. A caller who has one confirm
	// the decision records it as false.
	Automated  bool      `json:"automated"`
	At         time.Time `json:"at"`     // when it was made
	Rule       string    `json:"rule"`   // the id of the rule, or "none"
	PolicyHash Digest    `json:"policy"` // as of [Policy.Hash]
	// Matched are the kinds of identifier by which signals matched, ascending.
	Matched []hashing.Kind `json:"matched"`
	// Signals carried the step, ascending; where Action is None, all that were
	// weighed. If one is withdrawn, decide again.
	Signals []uuid.UUID `json:"signals"`
	Reason  string      `json:"reason"` // one sentence: why
	Undo    string      `json:"undo"`   // one sentence: what ends or changes it
	// Undoes is the decision whose step this one takes back or makes milder, because the
	// evidence for it has gone. Zero: none. Package cases sets it, and the three after it.
	Undoes uuid.UUID `json:"undoes,omitzero"`
	// UndoneSince is when the step that Undoes is about began to be as harsh as it was: earlier than
	// the decision named there, if that has only gone on with it. It means nothing without Undoes.
	UndoneSince time.Time   `json:"undone_since,omitzero"`
	Reviewer    string      `json:"reviewer,omitempty"` // the person who had a part in it, as the service calls him
	Bounds      []Bound     `json:"bounds,omitempty"`   // that made the step milder, or kept it from acting
	Explanation Explanation `json:"explanation"`
}

// Bound is a limit of this service's that a decision has met. The zero Bound is none.
type Bound struct {
	Name     string `json:"name"`            // such as "cap_partner_day"
	Limit    int64  `json:"limit,omitempty"` // what it is
	Used     int64  `json:"used,omitempty"`  // what there was of it before
	Proposed Action `json:"proposed"`        // the step that the rules came to
}

// Explanation is how a decision came about, in full.
type Explanation struct {
	Signals    []Weighed     `json:"signals"`              // by partner and id
	Holdings   []Holding     `json:"holdings"`             // as used, each at its place
	Rules      []RuleOutcome `json:"rules"`                // those that were tried, in order
	Background []RuleOutcome `json:"background,omitempty"` // those that were tried and do not act
	Unknown    []string      `json:"unknown,omitempty"`    // what was not known, such as "phone since"
	Unreadable int           `json:"unreadable,omitempty"` // signals that could not be read
	Own        Own           `json:"own,omitzero"`         // reports that the service has had itself
}

// RuleOutcome is one rule that was tried.
type RuleOutcome struct {
	Rule   string      `json:"rule"`
	Action Action      `json:"action"`
	Met    Truth       `json:"met"`         // of those that act, Yes for the last at most
	Signal uuid.UUID   `json:"signal"`      // the one that came nearest; of those that meet it, that which could go furthest
	By     uuid.UUID   `json:"by,omitzero"` // the one that corroborates it, if the rule asks for one
	Leaves []LeafValue `json:"leaves"`      // for that signal
	// Version is that of the rule, and Missing what the conditions of a rule whose Met
	// is Unknown asked for and nobody knows, such as "signal.reports", for that
	// signal. Rules of a [Policy] have neither.
	Version int      `json:"version,omitempty"`
	Missing []string `json:"missing,omitempty"`
}

// LeafValue is one condition of a rule and what it came to.
type LeafValue struct {
	Leaf    Leaf  `json:"leaf"`
	Have    int   `json:"have,omitempty"`     // of a measured leaf; for a step, the cap
	AtLeast int   `json:"at_least,omitempty"` // what the rule asks; for a step, its own
	Value   Truth `json:"value"`
	// Of a [LeafExpression]: what is asked, as the rule has it, and the facts in it.
	Text string `json:"text,omitempty"`
	Fact string `json:"fact,omitempty"` // such as "signal.confidence = 92"
}

// Text explains the decision to a person, in lines of plain text that depend on
// nothing but the decision.
func (d Decision) Text() string {
	b := make(lines, 0, 2048)
	b.line("decision ", d.ID.String(), " at ", instant(d.At))
	b.line("  account ", strconv.Quote(d.Account))
	step := "  action " + d.Action.String() + " (" + d.Scope.String() + "), " + d.Mode.String()
	if !d.Until.IsZero() {
		step += ", until " + instant(d.Until)
	}
	b.line(step)
	b.line("  rule ", d.Rule, " of policy ", d.PolicyHash.String()[:16])
	b.line("  why: ", d.Reason)
	b.line("  undo: ", d.Undo)
	if d.Undoes != (uuid.UUID{}) {
		b.line("  undoes decision ", d.Undoes.String())
	}
	if d.Reviewer != "" {
		b.line("  with a person: ", strconv.Quote(d.Reviewer))
	}
	for _, x := range d.Bounds {
		limit := ""
		if x.Limit != 0 {
			limit = " (" + strconv.FormatInt(x.Used, 10) + " of " + strconv.FormatInt(x.Limit, 10) + ")"
		}
		b.line("  bound ", x.Name, limit, ": the rules had come to ", x.Proposed.String())
	}
	b.explanation(&d.Explanation)
	return string(b)
}

type lines []byte

func (b *lines) line(parts ...string) {
	for _, p := range parts {
		*b = append(*b, p...)
	}
	*b = append(*b, '\n')
}

func (b *lines) explanation(e *Explanation) {
	for i := range e.Signals {
		b.signal(&e.Signals[i])
	}
	for place, h := range e.Holdings {
		if h.Kind == 0 {
			b.line("holding ", strconv.Itoa(place), ": unknown")
			continue
		}
		since, accounts := "unknown", "unknown"
		if !h.Since.IsZero() {
			since = instant(h.Since)
		}
		if h.Accounts > 0 {
			accounts = strconv.Itoa(h.Accounts)
		}
		b.line("holding ", strconv.Itoa(place), " ", h.Kind.String(), ": since ", since, ", verified ", h.Verified.String(), ", accounts ", accounts)
	}
	if o := &e.Own; *o != (Own{}) {
		span := ""
		if !o.First.IsZero() && !o.Last.IsZero() {
			span = ", " + instant(o.First) + " to " + instant(o.Last)
		}
		b.line("own reports ", known(o.Reports), ", days ", known(o.Days), ", groups ", known(o.Groups), span)
	}
	for i := range e.Rules {
		b.rule("rule ", &e.Rules[i])
	}
	for i := range e.Background {
		b.rule("background rule ", &e.Background[i])
	}
	for _, u := range e.Unknown {
		b.line("unknown: ", u)
	}
	if e.Unreadable > 0 {
		b.line("unreadable signals: ", strconv.Itoa(e.Unreadable))
	}
}

func (b *lines) rule(what string, r *RuleOutcome) {
	version, by := "", ""
	if r.Version > 0 {
		version = " version " + strconv.Itoa(r.Version)
	}
	if r.By != (uuid.UUID{}) {
		by = ", corroborated by " + r.By.String()
	}
	b.line(what, r.Rule, version, " (", r.Action.String(), "): ", r.Met.String(), ", nearest signal ", r.Signal.String(), by)
	for _, l := range r.Leaves {
		b.line("  ", l.String())
	}
	for _, m := range r.Missing {
		b.line("  missing: ", m)
	}
}

func (b *lines) signal(w *Weighed) {
	s := &w.Signal
	b.line("signal ", s.ID.String(), " revision ", strconv.FormatUint(s.Revision, 10), " from ", w.From, ", origin ", s.Origin)
	b.line("  ", s.Class.String(), " ", s.Category.String(), ", confidence ", strconv.Itoa(s.Confidence),
		", severity ", s.Severity.String(), ", review ", s.Review.String(), ", ", countReports(s.Reports))
	observed := "unknown"
	if !s.LastObserved.IsZero() {
		observed = instant(s.FirstObserved) + " to " + instant(s.LastObserved)
	}
	b.line("  observed ", observed, ", valid until ", instant(s.ValidUntil), ", permits ", s.Permitted.String())
	matched := make([]string, len(w.Kinds))
	for i, k := range w.Kinds {
		matched[i] = k.String()
	}
	b.line("  matched by ", strings.Join(matched, ", "), at(w.Places))
	b.line("  phone ", w.Phone.String(), " (alone ", w.PhoneAlone.String(), "), device ", w.Device.String(),
		" (alone ", w.DeviceAlone.String(), "), at most ", w.Cap.String())
	for _, f := range w.Findings {
		about := ""
		if f.Kind != 0 {
			about = " (" + f.Kind.String() + at(f.Places) + ")"
		}
		b.line("  guard ", f.Guard.String(), about, ": ", f.Spoke.String(), ", leaves ", f.Cap.String())
	}
}

// at gives places as in " at 0, 2".
func at(places []int) string {
	s := ""
	for i, p := range places {
		if i == 0 {
			s = " at " + strconv.Itoa(p)
		} else {
			s += ", " + strconv.Itoa(p)
		}
	}
	return s
}

// String gives the leaf as in "confidence 92, asked 80: yes".
func (l LeafValue) String() string {
	number := strconv.Itoa
	switch l.Leaf {
	case LeafExpression:
		fact := ""
		if l.Fact != "" {
			fact = " (" + l.Fact + ")"
		}
		return l.Text + fact + ": " + l.Value.String()
	case LeafStep:
		number = func(n int) string { return Action(n).String() }
	case LeafSeverity:
		number = func(n int) string { return Severity(n).String() }
	}
	s := l.Leaf.String()
	if l.Leaf == LeafStep || l.Leaf.measured() {
		have := number(l.Have)
		if l.Leaf == LeafReports && l.Have == 0 {
			have = "unknown"
		}
		s += " " + have + ", asked " + number(l.AtLeast)
	}
	return s + ": " + l.Value.String()
}

// known is a number of which 0 says that nobody knows it.
func known(n int) string {
	if n == 0 {
		return "unknown"
	}
	return strconv.Itoa(n)
}

func instant(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

func date(t time.Time) string { return t.UTC().Format("2006-01-02") }

func countReports(n uint32) string {
	switch n {
	case 0:
		return "reports unknown"
	case 1:
		return "1 report"
	}
	return strconv.FormatUint(uint64(n), 10) + " reports"
}
