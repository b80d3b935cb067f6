package report

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
)

// Subject is whom an export is about, and what the service adds to it. Account is required.
type Subject struct {
	Account string // the service's own reference, of 1 to 256 bytes
	Service string // how the service calls itself; may be empty
	// Purposes are those of the agreements, by partner. Of a partner that is not in it the export
	// says that the purpose is that of the agreement.
	Purposes map[string]linkage.Purpose
	// Kept says how long decisions are kept, and Rights where the person can object or complain, each
	// in a sentence. May be empty; Article 15(1) asks for both.
	Kept, Rights string
	At           time.Time // when the export is made
}

// Export is what a person is told who asks what is held about him (Article 15 of the GDPR): which
// signals, from whom, for what, and which decision. It is made for that person alone. The zero
// Export says that nothing is held.
//
// It holds nothing about anybody else: no reviewer, not how many have reported or at what hour, not how
// many accounts share an identifier, no text that was written by hand.
type Export struct {
	Account   string           `json:"account"`
	Service   string           `json:"service,omitempty"`
	At        time.Time        `json:"at"`
	Signals   []SubjectSignal  `json:"signals"`   // by the time of the first decision about them
	Decisions []SubjectDecided `json:"decisions"` // the first one first
	// Undecided says that what partners have sent about the account has changed, and no decision has weighed
	// that yet: ask again. Only [ReadExport] can tell.
	Undecided bool   `json:"undecided,omitempty"`
	Kept      string `json:"kept,omitempty"`
	Rights    string `json:"rights,omitempty"`
}

// SubjectSignal is what a partner has said, as its last revision that was decided on has it. A signal that
// several partners have sent is there once for each, under the same name.
type SubjectSignal struct {
	Signal     uuid.UUID        `json:"signal"`
	From       string           `json:"from"`           // the partner who sent it
	Origin     string           `json:"origin"`         // the service that found the abuse
	Through    []string         `json:"path,omitempty"` // those who passed it on
	Purpose    string           `json:"purpose"`        // what it was shared for
	Category   abuse.Category   `json:"category"`
	Class      abuse.Class      `json:"class"`
	Confidence int              `json:"confidence"` // 0 to 100
	Severity   abuse.Severity   `json:"severity"`
	Review     abuse.Review     `json:"review"` // who looked at it there
	Reports    string           `json:"reports"`
	First      Date             `json:"first_observed,omitzero"`
	Last       Date             `json:"last_observed,omitzero"`
	ValidUntil Date             `json:"valid_until"`
	Permitted  abuse.Permission `json:"permitted"`
	Matched    []hashing.Kind   `json:"matched_by"`
	Used       Date             `json:"first_used"` // day of the first decision that weighed it
	// Counts says whether it still counts: the last decision weighed it, it has not expired when the
	// export is made, and no person has decided since in its place, as after an appeal that was won.
	Counts bool `json:"counts"`
}

// SubjectDecided is one decision.
type SubjectDecided struct {
	Decision  uuid.UUID    `json:"decision"`
	At        time.Time    `json:"at"`
	Action    abuse.Action `json:"action"`
	Scope     abuse.Scope  `json:"scope"`
	Until     Date         `json:"until,omitzero"`
	Mode      abuse.Mode   `json:"mode"` // only what is live was carried out
	Automated bool         `json:"automated"`
	Person    bool         `json:"person"` // whether a person had a part in it
	Rule      string       `json:"rule"`
	Policy    abuse.Digest `json:"policy"`
	Signals   []uuid.UUID  `json:"signals"` // on which it rests
	Own       bool         `json:"own_reports"`
	Guards    []string     `json:"guards,omitempty"`  // that spoke for the person
	Unknown   []string     `json:"unknown,omitempty"` // what was not known
	Unread    int          `json:"unreadable,omitempty"`
	Bounded   bool         `json:"bounded"` // a limit of the service made it milder
	Undoes    uuid.UUID    `json:"undoes,omitzero"`
}

var errDecision = &abuse.Error{Field: "export decision", Problem: "must be a decision as it was stored"}

// NewExport makes an export of decisions in any order, as JSON, such as Decider.Decisions of package
// watch gives them. A field that is not known here is left out. What is no decision, or one about
// another account, is an [*abuse.Error], and then there is no export: half of one would be a wrong answer,
// and another's a breach.
func NewExport(s Subject, decisions []json.RawMessage) (*Export, error) {
	if len(s.Account) < 1 || len(s.Account) > 256 {
		return nil, &abuse.Error{Field: "export account", Problem: "must have 1 to 256 bytes"}
	}
	all := make([]abuse.Decision, len(decisions))
	for i, raw := range decisions {
		d, err := parseDecision(raw)
		if err != nil {
			return nil, err
		}
		if d.Account != s.Account {
			return nil, &abuse.Error{Field: "export decision", Problem: "is about another account"}
		}
		all[i] = d
	}
	slices.SortStableFunc(all, func(a, b abuse.Decision) int { return a.At.Compare(b.At) })
	e := &Export{Account: s.Account, Service: s.Service, At: s.At.UTC(), Kept: s.Kept, Rights: s.Rights,
		Signals: []SubjectSignal{}, Decisions: []SubjectDecided{}}
	places, set := map[sender]int{}, aside(nil)
	for i := range all {
		d := &all[i]
		e.Decisions = append(e.Decisions, decided(d))
		set.take(d, all[:i])
		for n := range e.Signals {
			e.Signals[n].Counts = false
		}
		for n := range d.Explanation.Signals {
			w := &d.Explanation.Signals[n]
			one, of := heard(&s, w), sender{w.From, w.Signal.ID}
			one.Used = DateOf(d.At)
			one.Counts = !set.has(&w.Sighting, d.At) && (s.At.IsZero() || s.At.Before(w.Signal.ValidUntil))
			if at, known := places[of]; known {
				one.Used = e.Signals[at].Used
				e.Signals[at] = one
				continue
			}
			places[of] = len(e.Signals)
			e.Signals = append(e.Signals, one)
		}
	}
	return e, nil
}

// sender is a signal as one partner has sent it.
type sender struct {
	from   string
	signal uuid.UUID
}

// ruled is the bound of a step that is a person's earlier word, as package cases names it.
const ruled = "ruling"

// aside are the signals that a person has set aside, each with when that ends; zero: it does not.
type aside []setAside

type setAside struct {
	abuse.Sighting
	until time.Time
}

// take sets aside what lay before a person who took a step back or changed it: from then on the person's
// word stands in the place of these signals. His decision, and later ones beneath it, still explain them.
func (a *aside) take(d *abuse.Decision, before []abuse.Decision) {
	if d.Reviewer == "" || d.Automated || slices.ContainsFunc(d.Bounds, func(b abuse.Bound) bool { return b.Name == ruled }) {
		return
	}
	// One who upholds a step leaves it to the signals that carry it, with the end that it had. Without an
	// end it is the person's own.
	upheld := d.Action > abuse.None && !d.Until.IsZero() && slices.ContainsFunc(before, func(b abuse.Decision) bool {
		return b.Mode == d.Mode && b.Action == d.Action && b.Until.Equal(d.Until)
	})
	if upheld {
		return
	}
	for i := range d.Explanation.Signals {
		*a = append(*a, setAside{d.Explanation.Signals[i].Sighting, d.Until})
	}
}

// has says whether a signal is set aside at a time: as package cases has it, by the finding, which is a
// signal or its cause as the same partner sends it or the same origin has found it.
func (a aside) has(x *abuse.Sighting, at time.Time) bool {
	s := &x.Signal
	is := func(id uuid.UUID) bool {
		return id != uuid.Nil && (id == s.ID || id == s.Cause)
	}
	return slices.ContainsFunc(a, func(o setAside) bool {
		return (o.until.IsZero() || at.Before(o.until)) && (is(o.Signal.ID) && (o.From == x.From || o.Signal.Origin == s.Origin) ||
			is(o.Signal.Cause) && o.Signal.Origin == s.Origin)
	})
}

func parseDecision(raw json.RawMessage) (d abuse.Decision, err error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	if dec.Decode(&d) != nil {
		return d, errDecision
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) || d.ID == (uuid.UUID{}) {
		return d, errDecision
	}
	return d, nil
}

// exportRun is how many rows are read at a time.
const exportRun = 256

// ReadExport makes an export of all decisions about an account in a store: the rows of table Decisions
// whose key begins with the length of the reference in two bytes and the reference, as package watch
// writes them; and of whether table Undecided has that key. Errors are those of [NewExport] and of the reader.
func ReadExport(r abuse.Reader, s Subject) (*Export, error) {
	if len(s.Account) < 1 || len(s.Account) > 256 {
		return nil, &abuse.Error{Field: "export account", Problem: "must have 1 to 256 bytes"}
	}
	prefix := append(binary.BigEndian.AppendUint16(nil, uint16(len(s.Account))), s.Account...)
	end := append(slices.Clone(prefix), bytes.Repeat([]byte{0xff}, 25)...) // above time and ID, 24 bytes
	var all []json.RawMessage
	for from := prefix; ; {
		rows, err := r.Scan(abuse.Decisions, from, end, exportRun)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			all = append(all, row.Value)
		}
		if len(rows) < exportRun {
			break
		}
		from = append(rows[len(rows)-1].Key, 0)
	}
	waiting, err := r.Get(abuse.Undecided, prefix)
	if err != nil {
		return nil, err
	}
	e, err := NewExport(s, all)
	if err == nil {
		e.Undecided = waiting[0] != nil
	}
	return e, err
}

// reportsBand says roughly how many have reported: the number could tell who it was.
func reportsBand(n uint32) string {
	switch {
	case n == 0:
		return "not known"
	case n < DefaultThreshold:
		return "fewer than 10"
	}
	return "10 or more"
}

func heard(s *Subject, w *abuse.Weighed) SubjectSignal {
	purpose := "that of the agreement with the partner"
	if p, ok := s.Purposes[w.From]; ok && p.Valid() {
		purpose = p.String()
	}
	g := &w.Signal
	return SubjectSignal{Signal: g.ID, From: w.From, Origin: g.Origin, Through: slices.Clone(g.Path), Purpose: purpose,
		Category: g.Category, Class: g.Class, Confidence: g.Confidence, Severity: g.Severity, Review: g.Review,
		Reports: reportsBand(g.Reports), First: DateOf(g.FirstObserved), Last: DateOf(g.LastObserved), ValidUntil: DateOf(g.ValidUntil),
		Permitted: g.Permitted, Matched: slices.Clone(w.Kinds)}
}

func decided(d *abuse.Decision) SubjectDecided {
	out := SubjectDecided{Decision: d.ID, At: d.At.UTC(), Action: d.Action, Scope: d.Scope, Until: DateOf(d.Until), Mode: d.Mode,
		Automated: d.Automated, Person: d.Reviewer != "" || !d.Automated, Rule: d.Rule, Policy: d.PolicyHash,
		Signals: slices.Clone(d.Signals), Own: d.Explanation.Own.Reports > 0, Unknown: slices.Clone(d.Explanation.Unknown),
		Unread: d.Explanation.Unreadable, Bounded: len(d.Bounds) > 0, Undoes: d.Undoes}
	for i := range d.Explanation.Signals {
		for _, f := range d.Explanation.Signals[i].Findings {
			// That an identifier is shared is about those who share it.
			if f.Guard != abuse.GuardOverShared && f.Spoke == abuse.Yes && !slices.Contains(out.Guards, f.Guard.String()) {
				out.Guards = append(out.Guards, f.Guard.String())
			}
		}
	}
	out.Unknown = slices.DeleteFunc(out.Unknown, func(s string) bool { return strings.Contains(s, "accounts") || !plainFact(s) })
	slices.Sort(out.Guards)
	return out
}

// plainFact says whether a text is the name of a fact, as "phone since" or "signal.reports", and no more.
func plainFact(s string) bool {
	return len(s) <= 64 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz_. ") == ""
}

// Text gives the export in lines that the person can read; the same export gives the same lines.
func (e *Export) Text() string {
	var b strings.Builder
	line := func(parts ...string) { b.WriteString(strings.Join(parts, "") + "\n") }
	by := ""
	if e.Service != "" {
		by = " at " + plainWord(e.Service)
	}
	line("What is held about the account ", strconv.Quote(e.Account), by, ", as of ", e.At.Format(time.DateOnly))
	line()
	line("Signals that other services have sent: ", strconv.Itoa(len(e.Signals)))
	for i := range e.Signals {
		s := &e.Signals[i]
		line("  ", strconv.Itoa(i+1), ". From ", plainWord(s.From), origin(s), ", shared for: ", words(s.Purpose))
		line("     It says: ", words(s.Category.String()), ", ", s.Class.String(), "; confidence ", strconv.Itoa(s.Confidence), " of 100, severity ",
			s.Severity.String(), ", looked at there: ", s.Review.String(), "; reports: ", s.Reports)
		observed := "when it was seen is not known"
		if !s.Last.IsZero() {
			observed = "seen from " + s.First.Format(time.DateOnly) + " to " + s.Last.Format(time.DateOnly)
		}
		counts := "it does not count any more"
		if s.Counts {
			counts = "it counts until " + s.ValidUntil.Format(time.DateOnly) + " at most"
		}
		line("     It reached this account by the same ", kinds(s.Matched), "; ", observed, "; first used on ", s.Used.Format(time.DateOnly), "; ", counts)
		same := ""
		if n := slices.IndexFunc(e.Signals[:i], func(o SubjectSignal) bool { return o.Signal == s.Signal }); n >= 0 {
			same = ", the same as number " + strconv.Itoa(n+1) + ", which came from another service too"
		}
		line("     Name of the signal: ", s.Signal.String(), same)
	}
	line()
	line("Decisions: ", strconv.Itoa(len(e.Decisions)))
	for i := range e.Decisions {
		e.Decisions[i].text(line, i+1)
	}
	if e.Undecided {
		line()
		line("Something that other services have sent about the account has changed, and is not decided on yet: ask again")
	}
	for _, s := range []string{e.Kept, e.Rights} {
		if s != "" {
			line()
			line(s)
		}
	}
	return b.String()
}

func origin(s *SubjectSignal) string {
	if s.Origin == s.From {
		return ""
	}
	return ", found by " + plainWord(s.Origin)
}

func (d *SubjectDecided) text(line func(...string), n int) {
	step := d.Action.String()
	if !d.Until.IsZero() {
		step += " until " + d.Until.Format(time.DateOnly)
	}
	done := "carried out"
	if d.Mode != abuse.Live {
		done = "recorded and not carried out"
	}
	line("  ", strconv.Itoa(n), ". ", d.At.Format("2006-01-02 15:04 UTC"), ": ", step, " (", d.Scope.String(), "), ", done)
	how := "by rules alone"
	if d.Person {
		how = "with a person"
	}
	line("     Decided ", how, ", rule ", strconv.Quote(d.Rule), ", on ", strconv.Itoa(len(d.Signals)), " of the signals above",
		map[bool]string{true: " and this service's own reports"}[d.Own])
	if len(d.Guards) > 0 {
		line("     In favour of the account: ", words(strings.Join(d.Guards, ", ")))
	}
	if len(d.Unknown) > 0 {
		line("     Not known: ", words(strings.Join(d.Unknown, ", ")))
	}
	if d.Bounded {
		line("     A limit of this service made the step milder")
	}
	if d.Undoes != (uuid.UUID{}) {
		line("     It takes back or makes milder the decision ", d.Undoes.String())
	}
	line("     Name of the decision: ", d.Decision.String())
}

// plainWord shows a name that could be anything: quoted, if it is not of the letters of a service's.
func plainWord(s string) string {
	if validPartner(s) {
		return s
	}
	return strconv.Quote(s)
}
