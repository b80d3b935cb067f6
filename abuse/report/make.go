package report

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/hashing"
)

// ErrNoStatement says that a decision restricts nobody: it is not live, or its step is none or one
// that the service's settings do not count as a restriction.
var ErrNoStatement = errors.New("report: the decision restricts nobody, and there is nothing to state")

// Restriction is what a step of the ladder is to the person under it, in the words of the
// Transparency Database. The zero Restriction is none. It ends when the step does.
type Restriction struct {
	Visibility []string // of DECISION_VISIBILITY_*, without the one for others
	Monetary   string   // DECISION_MONETARY_SUSPENSION or _TERMINATION
	Provision  string   // of DECISION_PROVISION_*
	Account    string   // of DECISION_ACCOUNT_*
}

func (r Restriction) none() bool {
	return len(r.Visibility) == 0 && r.Monetary == "" && r.Provision == "" && r.Account == ""
}

// Settings is what a statement needs and a decision does not know. Key, Territory, ContentTypes and
// Ground are required. Copy it for a decision of which more is known.
type Settings struct {
	// Key makes the statement's name in the database from the decision's: without it nobody can tell
	// that two belong together, or try out to which account a statement belongs.
	Key          hashing.Key
	Territory    []string // ISO 3166 codes of the EEA, each once
	AccountType  string   // ACCOUNT_TYPE_BUSINESS or ACCOUNT_TYPE_PRIVATE; empty: not said
	ContentTypes []string // what an account of the service holds, of CONTENT_TYPE_*
	ContentOther string   // what CONTENT_TYPE_OTHER is, at most MaxShort characters
	Language     string   // of the content, two capital letters; empty: not said
	// ContentDate is when the content came, as the service knows it. Zero: the day of its own first report
	// where the step rests on these, or else of the decision. When a partner has seen it is not said.
	ContentDate time.Time
	// Illegal says that the ground is a law, and not the service's terms. AlsoIllegal says of content
	// against the terms that it is illegal too; Unknown, the zero value, says nothing.
	Illegal     bool
	AlsoIllegal abuse.Truth
	Ground      string // the law or the part of the terms, at most MaxShort characters
	GroundURL   string // where it can be read; may be empty
	// Explanation says why the content is against the ground, at most MaxExplanation characters. It
	// must hold nothing about the person. Empty: a sentence that names the category.
	Explanation string
	// Restrictions says what a step is. Of a step that is not in it: Label and Friction are no
	// restriction, for the one is not seen and the other can be taken at once; Limit suspends part of
	// the service, Suspend and Disable suspend the account, and Disable without an end terminates it.
	// For the scope of all services the service is suspended or terminated with the account.
	Restrictions map[abuse.Action]Restriction
	Mappings     map[abuse.Category]Mapping // in the place of MappingOf's
	Flaggers     []string                   // partners who are trusted flaggers (Article 22)
	HidePartners bool                       // do not name partners, as an agreement may ask
	// OwnNotices says that the service's own reports are notices under Article 16. Otherwise what it
	// does on its own reports is its own initiative.
	OwnNotices bool
}

// NewStatement makes the statement of reasons about a decision. It holds what Article 17(3) asks
// for: the restriction, its territory and end; the facts, and whether they came from a notice; the
// use of automated means; the ground; but redress, which is the service's page and no field of the
// database. It holds neither account nor identifier, and none of the decision's own texts. The same
// decision and settings give the same statement.
//
// A partner can read it too, and must not find in it which of his signals has hit, for then he would know
// that the number he sent has an account here. So of a signal it says the category, the class and by
// what kind of identifier it came, and not what could mark one among many: name, confidence, reports and times.
// What remains is the day and the category, and the end where that is the signal's own: who has few
// decisions a day hands statements in by the week, and sets HidePartners.
//
// A decision that restricts nobody gives [ErrNoStatement]; settings that are missing or out of
// bounds, or a decision without ID, outside of the years 2020 to 9999 or with an end before it, an [*abuse.Error] or several joined.
func NewStatement(d abuse.Decision, s Settings) (*Statement, error) {
	if s.Key.IsZero() {
		return nil, &abuse.Error{Field: "statement key", Problem: "must be there"}
	}
	if d.ID == (uuid.UUID{}) {
		return nil, &abuse.Error{Field: "decision id", Problem: "must be there"}
	}
	if d.Mode != abuse.Live {
		return nil, ErrNoStatement
	}
	r, end := s.restriction(&d), DateOf(d.Until)
	if r.none() {
		return nil, ErrNoStatement
	}
	carried := carriers(&d)
	out := &Statement{
		Visibility: slices.Clone(r.Visibility), Monetary: r.Monetary, Provision: r.Provision, Account: r.Account,
		AccountType: s.AccountType, GroundURL: s.GroundURL,
		ContentType: slices.Clone(s.ContentTypes), ContentTypeOther: s.ContentOther, TerritorialScope: slices.Clone(s.Territory),
		ContentLanguage: s.Language, ContentDate: s.contentDate(&d, carried), ApplicationDate: DateOf(d.At),
		Facts: facts(&d, carried, s.HidePartners), AutomatedDetected: "No", AutomatedDecision: automation(&d), PUID: puid(s.Key, d.ID),
	}
	if len(r.Visibility) > 0 {
		out.VisibilityEnd = end
	}
	if r.Monetary != "" {
		out.MonetaryEnd = end
	}
	if r.Provision != "" {
		out.ProvisionEnd = end
	}
	if r.Account != "" {
		out.AccountEnd = end
	}
	if len(carried) > 0 {
		out.AutomatedDetected = "Yes" // whatever found the abuse, a program found the account
	}
	s.source(out, &d, carried)
	s.categorize(out, carried)
	s.ground(out, carried)
	if err := out.Validate(); err != nil {
		return nil, err
	}
	return out, nil
}

func puid(key hashing.Key, id uuid.UUID) string {
	mac := hmac.New(sha256.New, key.Secret("abuse/report/puid/v1", 32))
	mac.Write(id[:])
	return "hc-" + hex.EncodeToString(mac.Sum(nil)[:20])
}

func (s *Settings) restriction(d *abuse.Decision) Restriction {
	if d.Action == abuse.None {
		return Restriction{}
	}
	if r, ok := s.Restrictions[d.Action]; ok {
		return r
	}
	forever := d.Until.IsZero()
	whole := func(r Restriction, provision string) Restriction {
		if d.Scope == abuse.ScopeServices {
			r.Provision = provision
		}
		return r
	}
	switch {
	case d.Action == abuse.Limit && forever:
		return Restriction{Provision: "DECISION_PROVISION_PARTIAL_TERMINATION"}
	case d.Action == abuse.Limit:
		return Restriction{Provision: "DECISION_PROVISION_PARTIAL_SUSPENSION"}
	case d.Action == abuse.Disable && forever:
		return whole(Restriction{Account: "DECISION_ACCOUNT_TERMINATED"}, "DECISION_PROVISION_TOTAL_TERMINATION")
	case d.Action == abuse.Suspend, d.Action == abuse.Disable:
		return whole(Restriction{Account: "DECISION_ACCOUNT_SUSPENDED"}, "DECISION_PROVISION_TOTAL_SUSPENSION")
	}
	return Restriction{}
}

// carriers are the signals that the step rests on, each once for every partner who sent it.
func carriers(d *abuse.Decision) (all []*abuse.Weighed) {
	seen := map[sender]bool{}
	for i := range d.Explanation.Signals {
		w := &d.Explanation.Signals[i]
		if of := (sender{w.From, w.Signal.ID}); slices.Contains(d.Signals, of.signal) && !seen[of] {
			seen[of] = true
			all = append(all, w)
		}
	}
	return all
}

func automation(d *abuse.Decision) string {
	switch {
	case d.Automated && d.Reviewer == "":
		return decidedFully
	case d.Rule == "" || d.Rule == "none":
		return decidedByHand
	}
	return decidedPartially
}

func (s *Settings) contentDate(d *abuse.Decision, carried []*abuse.Weighed) Date {
	if !s.ContentDate.IsZero() {
		return DateOf(s.ContentDate)
	}
	day := d.At
	if own := d.Explanation.Own; len(carried) == 0 && !own.First.IsZero() && own.First.Before(day) && !own.First.Before(firstContent) {
		day = own.First
	}
	return DateOf(day)
}

func (s *Settings) source(out *Statement, d *abuse.Decision, carried []*abuse.Weighed) {
	if len(carried) == 0 {
		out.SourceType = sourceVoluntary
		if s.OwnNotices && d.Explanation.Own.Reports > 0 {
			out.SourceType = sourceArticle16
		}
		return
	}
	out.SourceType = sourceFlagger
	for _, w := range carried {
		if !slices.Contains(s.Flaggers, w.From) {
			out.SourceType = sourceOther
		}
	}
	if !s.HidePartners {
		names := partners(carried)
		for len(strings.Join(names, ", ")) > MaxShort {
			names = names[:len(names)-1] // whole ones: what is left of a name could be another's
		}
		out.SourceIdentity = strings.Join(names, ", ")
	}
}

// categorize names the category of the worst signal, and those of the others beside it.
func (s *Settings) categorize(out *Statement, carried []*abuse.Weighed) {
	sorted := slices.Clone(carried)
	slices.SortStableFunc(sorted, func(a, b *abuse.Weighed) int { return int(b.Signal.Severity) - int(a.Signal.Severity) })
	var others []string
	for i, w := range sorted {
		m := s.mapping(w.Signal.Category)
		if i == 0 {
			out.Category = m.Category
		} else if m.Category != out.Category && !slices.Contains(out.CategoryAddition, m.Category) {
			out.CategoryAddition = append(out.CategoryAddition, m.Category)
		}
		for _, k := range m.Keywords {
			if !slices.Contains(out.Keywords, k) {
				out.Keywords = append(out.Keywords, k)
			}
		}
		if m.Other != "" && !slices.Contains(others, m.Other) {
			others = append(others, m.Other)
		}
	}
	if len(sorted) == 0 {
		m := s.mapping(abuse.Other)
		out.Category, out.Keywords, others = m.Category, slices.Clone(m.Keywords), []string{m.Other}
	}
	out.KeywordOther = cut(strings.Join(others, ", "), MaxShort)
}

func (s *Settings) mapping(c abuse.Category) Mapping {
	if m, ok := s.Mappings[c]; ok {
		return m
	}
	if m, ok := MappingOf(c); ok {
		return m
	}
	return mappings[abuse.Other]
}

func (s *Settings) ground(out *Statement, carried []*abuse.Weighed) {
	why := s.Explanation
	if why == "" {
		names := kindsOfAbuse(carried)
		if len(names) == 0 {
			names = []string{"abuse"}
		}
		why = "The ground forbids what was found about the account: " + strings.Join(names, ", ") + "."
	}
	if s.Illegal {
		out.Ground, out.IllegalGround, out.IllegalExplanation = groundIllegal, s.Ground, why
		return
	}
	out.Ground, out.IncompatibleGround, out.IncompatibleExplanation = groundIncompatible, s.Ground, why
	switch s.AlsoIllegal {
	case abuse.Yes:
		out.IncompatibleIllegal = "Yes"
	case abuse.No:
		out.IncompatibleIllegal = "No"
	}
}

// partners names those who sent the signals, each once, where the name is one of a service.
func partners(carried []*abuse.Weighed) (names []string) {
	for _, w := range carried {
		if validPartner(w.From) && !slices.Contains(names, w.From) {
			names = append(names, w.From)
		}
	}
	slices.Sort(names)
	return names
}

// validPartner says whether a name is one that an agreement may have: letters with a dot, digits
// and hyphens. One of digits alone could be a number.
func validPartner(s string) bool {
	letters := false
	for _, c := range []byte(s) {
		letters = letters || c >= 'a' && c <= 'z'
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '.' {
			return false
		}
	}
	return letters && len(s) <= abuse.MaxName
}

func kindsOfAbuse(carried []*abuse.Weighed) (names []string) {
	for _, w := range carried {
		if n := words(w.Signal.Category.String()); !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	return names
}

func words(s string) string { return strings.ReplaceAll(s, "_", " ") }

// facts says what the decision rests on, in sentences of this package, each once.
func facts(d *abuse.Decision, carried []*abuse.Weighed, hide bool) string {
	var b strings.Builder
	said := map[string]bool{}
	for _, w := range carried {
		who := "A partner service"
		if !hide && validPartner(w.From) {
			who = "The service " + w.From
		}
		sentence := who + " gave notice of " + words(w.Signal.Category.String()) + " (" + w.Signal.Class.String() +
			") by an account with the same " + kinds(w.Kinds) + ". "
		if said[sentence] {
			continue
		}
		said[sentence] = true
		if b.Len()+len(sentence) > MaxFacts-800 {
			b.WriteString("More notices said the like. ")
			break
		}
		b.WriteString(sentence)
	}
	if own := d.Explanation.Own; own.Reports > 0 {
		b.WriteString("Users of this service have reported the account themselves. ")
	}
	if b.Len() == 0 {
		b.WriteString("The service found abuse by the account itself. ")
	}
	switch automation(d) {
	case decidedFully:
		b.WriteString("The step was chosen by rules, without a person.")
	case decidedPartially:
		b.WriteString("The step was proposed by rules, and a person had a part in the decision.")
	default:
		b.WriteString("A person took the decision.")
	}
	if len(d.Bounds) > 0 {
		b.WriteString(" Limits of this service kept it from going further.")
	}
	if !d.Until.IsZero() {
		b.WriteString(" It ends by itself on " + d.Until.UTC().Format(time.DateOnly) + ".")
	}
	return cut(b.String(), MaxFacts)
}

// kinds names kinds of identifier without any of them.
func kinds(all []hashing.Kind) string {
	phone, device := false, false
	for _, k := range all {
		phone, device = phone || k == hashing.Phone, device || k.Valid() && k.Device()
	}
	switch {
	case phone && device:
		return "phone number and device"
	case device:
		return "device"
	case phone:
		return "phone number"
	}
	return "identifier"
}

// cut keeps so many characters of a text.
func cut(s string, most int) string {
	n := 0
	for i := range s {
		if n == most {
			return s[:i]
		}
		n++
	}
	return s
}
