package policy

import (
	"slices"
	"strconv"
	"strings"

	"golang.org/x/text/language"

	"github.com/hueandcry/hueandcry/abuse"
)

// template is a reason in one language.
type template struct {
	tag   language.Tag
	text  string
	parts []string // text, placeholder, text, ...
}

// placeholders are the words that a reason may have in braces.
var placeholders = []string{"sentence", "account", "action", "scope", "until", "days", "rule", "version", "origin", "category",
	"confidence", "severity", "reports", "signals"}

func parseTemplate(tag language.Tag, text string) (template, string) {
	t := template{tag: tag, text: text}
	if len(text) > MaxReason || strings.TrimSpace(text) == "" {
		return t, "a reason must have 1 to " + strconv.Itoa(MaxReason) + " bytes"
	}
	for rest := text; ; {
		before, after, found := strings.Cut(rest, "{")
		if strings.Contains(before, "}") {
			return t, "a reason has a } without a {"
		}
		t.parts = append(t.parts, before)
		if !found {
			return t, ""
		}
		name, after, found := strings.Cut(after, "}")
		if !found || strings.Contains(name, "{") {
			return t, "a reason has a { without a }"
		}
		if !slices.Contains(placeholders, name) {
			return t, "a reason has no {" + clip(name) + "}; there are " + strings.Join(placeholders, ", ")
		}
		t.parts = append(t.parts, name)
		rest = after
	}
}

// Reason gives why a decision of this set was made, in the first of the languages
// (BCP 47 tags, the most wanted first) that its rule has a reason in, by the best
// match, else in the rule's first. Tags that are none are passed over.
//
// It is the decision's own reason where no rule was met, or the rule has none; where it was
// another version of the rule; and where a bound or a person has come to another step than
// the rule did, for then a reason of the rule would tell of a step that was not taken.
func (s *Set) Reason(d abuse.Decision, languages ...string) string {
	r := s.byID[d.Rule]
	if r == nil || len(r.reasons) == 0 || !r.made(&d) {
		return d.Reason
	}
	return r.reason(&d, d.Reason, languages)
}

// made says whether a decision is as this version of the rule came to it.
func (r *rule) made(d *abuse.Decision) bool {
	met := slices.ContainsFunc(d.Explanation.Rules, func(o abuse.RuleOutcome) bool {
		return o.Rule == r.ID && o.Version == r.Version && o.Met == abuse.Yes
	})
	return met && d.Action == r.Action && d.Reviewer == "" && len(d.Bounds) == 0
}

func (r *rule) reason(d *abuse.Decision, sentence string, languages []string) string {
	if len(languages) == 0 {
		return r.reasons[0].fill(r, d, sentence)
	}
	var wanted, have []language.Tag
	for _, l := range languages {
		if tag, err := language.Parse(l); err == nil {
			wanted = append(wanted, tag)
		}
	}
	for i := range r.reasons {
		have = append(have, r.reasons[i].tag)
	}
	at := 0
	if len(wanted) > 0 {
		if _, i, sure := language.NewMatcher(have).Match(wanted...); sure > language.No {
			at = i
		}
	}
	return r.reasons[at].fill(r, d, sentence)
}

func (t *template) fill(r *rule, d *abuse.Decision, sentence string) string {
	var lead *abuse.Signal
	for i := range d.Explanation.Signals {
		x := &d.Explanation.Signals[i].Signal
		for _, o := range d.Explanation.Rules {
			if o.Rule == d.Rule && o.Signal == x.ID {
				lead = x
			}
		}
	}
	if lead == nil {
		lead = &abuse.Signal{}
	}
	var b strings.Builder
	for i, p := range t.parts {
		if i%2 == 0 {
			b.WriteString(p)
			continue
		}
		switch p {
		case "sentence":
			p = sentence
		case "account":
			p = d.Account
		case "action":
			p = d.Action.String()
		case "scope":
			p = d.Scope.String()
		case "until":
			p = d.Until.UTC().Format("2006-01-02 15:04 UTC")
		case "days":
			p = strconv.Itoa(int((d.Until.Sub(d.At) + day - 1) / day))
		case "rule":
			p = r.ID
		case "version":
			p = strconv.Itoa(r.Version)
		case "origin":
			p = lead.Origin
		case "category":
			p = lead.Category.String()
		case "confidence":
			p = strconv.Itoa(lead.Confidence)
		case "severity":
			p = lead.Severity.String()
		case "reports":
			p = "?"
			if lead.Reports > 0 {
				p = strconv.FormatUint(uint64(lead.Reports), 10)
			}
		case "signals":
			p = strconv.Itoa(len(d.Signals))
		}
		b.WriteString(p)
	}
	return b.String()
}
