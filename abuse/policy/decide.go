package policy

import (
	"slices"
	"time"

	"github.com/hueandcry/hueandcry/abuse"
)

// Decide makes the whole decision, with the explanation: the rules that were
// tried with each leaf of their conditions, those in the background, the signals
// and the guards. It is a pure function, as [abuse.Decide] is: the same evidence,
// set and time give the same bytes. Where only the step is asked for, many times,
// [Set.Evaluate] comes to the same and costs a fraction.
//
// The reason is the rule's own in the first of Options.Languages that it has; a
// rule without reasons has the sentence of [abuse.Decide].
func (s *Set) Decide(e abuse.Evidence, now time.Time) abuse.Decision {
	now = now.UTC().Round(0)
	t := &tester{set: s, evidence: &e, now: now}
	book := s.book
	book.Tester = t
	live, background := s.live, s.background
	if s.timed {
		live, background = acting(live, now), acting(background, now)
		book.Policy, book.Background = s.policy(live), cores(background)
	}
	t.rules = slices.Concat(live, background)
	d := abuse.DecideBook(e, &book, now)
	if r := s.byID[d.Rule]; r != nil && len(r.reasons) > 0 {
		d.Reason = r.reason(&d, d.Reason, s.languages)
	}
	return d
}

// acting leaves out what has expired and what is superseded.
func acting(rules []*rule, now time.Time) (list []*rule) {
	for _, r := range rules {
		if r.acts(now) {
			list = append(list, r)
		}
	}
	return list
}

func (r *rule) acts(now time.Time) bool {
	if r.expired(now) {
		return false
	}
	for _, o := range r.over {
		if !o.expired(now) {
			return false
		}
	}
	return true
}

func (r *rule) expired(now time.Time) bool { return !r.Expires.IsZero() && !now.Before(r.Expires) }

// tester tests the conditions of one decision.
type tester struct {
	set      *Set
	evidence *abuse.Evidence
	now      time.Time
	rules    []*rule
	facts    facts
	last     *abuse.Weighed // that the facts are about
}

// Begin notes what does not depend on the signal.
func (t *tester) Begin(g *abuse.Weighing) { t.facts.common(t.set, g, t.evidence, t.now) }

func (t *tester) about(w *abuse.Weighed, corroborated abuse.Truth) *facts {
	if t.last != w {
		t.facts.about(t.set, t.evidence, w, t.now)
		t.last = w
	}
	t.facts.truth(matchCorroborated, corroborated)
	return &t.facts
}

// Test evaluates a condition.
func (t *tester) Test(i int, w *abuse.Weighed, corroborated abuse.Truth) (truth abuse.Truth, met int) {
	f, r := t.about(w, corroborated), t.rules[i]
	for _, l := range r.leafs {
		if l.truth(f) == abuse.Yes {
			met++
		}
	}
	return r.when.truth(f), met
}

// Explain gives the leaves of a condition with what they came to.
func (t *tester) Explain(i int, w *abuse.Weighed, corroborated abuse.Truth, to []abuse.LeafValue, o *abuse.RuleOutcome) []abuse.LeafValue {
	f, r := t.about(w, corroborated), t.rules[i]
	o.Version = r.Version
	for n, l := range r.leafs {
		if slices.Contains(r.leafs[:n], l) {
			continue
		}
		v := abuse.LeafValue{Leaf: abuse.LeafExpression, Text: l.source, Value: l.truth(f)}
		for x := range fact(factCount) {
			if l.uses>>x&1 == 0 {
				continue
			}
			if v.Fact != "" {
				v.Fact += ", "
			}
			v.Fact += f.factText(x)
			if o.Met == abuse.Unknown && v.Value == abuse.Unknown && !f.has(x) && !slices.Contains(o.Missing, variables[x].name) {
				o.Missing = append(o.Missing, variables[x].name)
			}
		}
		to = append(to, v)
	}
	slices.Sort(o.Missing)
	return to
}
