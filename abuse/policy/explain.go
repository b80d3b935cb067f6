package policy

import (
	"math/bits"
	"slices"
	"strings"
	"time"

	"github.com/hueandcry/hueandcry/abuse"
)

// Explain makes the whole decision: what [Set.Decide] comes to, with the reason,
// what undoes it, and the explanation: the rules that were tried with each leaf of
// their conditions, those in the background, the signals and the guards. It is a
// pure function, as [abuse.Decide] is: the same evidence, set and time give the same
// bytes. So a decision of Decide can be explained later, whenever somebody asks,
// from the same evidence as of its At, under the same id. It takes some ten times
// as long.
//
// The reason is the rule's own in the first of Options.Languages that it has; a
// rule without reasons has the sentence of [abuse.Decide].
func (s *Set) Explain(e abuse.Evidence, now time.Time) abuse.Decision {
	now = now.UTC().Round(0)
	x := s.room.Get().(*scratch)
	x.evidence, x.book = e, s.book
	t, book := &x.tester, &x.book
	*t = tester{set: s, evidence: &x.evidence, now: now, live: s.live, background: s.background}
	book.Tester = t
	if s.timed {
		t.live, t.background = acting(s.live, now), acting(s.background, now)
		book.Policy, book.Background = s.policy(t.live), cores(t.background)
	}
	d := abuse.DecideBook(e, book, now)
	x.evidence, x.book, x.tester = abuse.Evidence{}, abuse.Book{}, tester{}
	s.room.Put(x)
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
	set              *Set
	evidence         *abuse.Evidence
	now              time.Time
	live, background []*rule
	facts            facts
	last             *abuse.Weighed    // that the facts are about
	said             [factCount]string // the facts as text, as far as they were wanted; else empty
	texts            strings.Builder   // all of them, because one for each would be an allocation for each
}

func (t *tester) rule(i int) *rule {
	if i < len(t.live) {
		return t.live[i]
	}
	return t.background[i-len(t.live)]
}

// Begin notes what does not depend on the signal.
func (t *tester) Begin(g *abuse.Weighing) { t.facts.common(t.set, g, t.evidence, t.now) }

func (t *tester) about(w *abuse.Weighed, corroborated abuse.Truth) *facts {
	if t.last != w {
		t.facts.about(t.set, t.evidence, w, t.now)
		t.last, t.said = w, [factCount]string{}
	}
	t.facts.truth(matchCorroborated, corroborated)
	t.said[matchCorroborated] = ""
	return &t.facts
}

// Test evaluates a condition.
func (t *tester) Test(i int, w *abuse.Weighed, corroborated abuse.Truth) (truth abuse.Truth, met int) {
	f, r := t.about(w, corroborated), t.rule(i)
	for _, l := range r.leafs {
		if l.truth(f) == abuse.Yes {
			met++
		}
	}
	return r.when.truth(f), met
}

// Explain gives the leaves of a condition with what they came to.
func (t *tester) Explain(i int, w *abuse.Weighed, corroborated abuse.Truth, to []abuse.LeafValue, o *abuse.RuleOutcome) []abuse.LeafValue {
	f, r := t.about(w, corroborated), t.rule(i)
	o.Version = r.Version
	for n, l := range r.leafs {
		if slices.Contains(r.leafs[:n], l) {
			continue
		}
		v := abuse.LeafValue{Leaf: abuse.LeafExpression, Text: l.source, Value: l.truth(f), Fact: t.say(l.uses)}
		if o.Met == abuse.Unknown && v.Value == abuse.Unknown {
			for uses := l.uses &^ f.known; uses != 0; uses &= uses - 1 {
				if name := variables[bits.TrailingZeros64(uses)].name; !slices.Contains(o.Missing, name) {
					o.Missing = append(o.Missing, name)
				}
			}
		}
		to = append(to, v)
	}
	slices.Sort(o.Missing)
	return to
}

// say gives facts as text. Most leaves have one, and many leaves the same.
func (t *tester) say(uses uint64) string {
	if uses == 0 {
		return ""
	}
	for left := uses; left != 0; left &= left - 1 {
		if x := fact(bits.TrailingZeros64(left)); t.said[x] == "" {
			start := t.start()
			t.facts.write(&t.texts, x)
			t.said[x] = t.texts.String()[start:]
		}
	}
	if uses&(uses-1) == 0 {
		return t.said[bits.TrailingZeros64(uses)]
	}
	start := t.start()
	for left := uses; left != 0; left &= left - 1 {
		if left != uses {
			t.texts.WriteString(", ")
		}
		t.texts.WriteString(t.said[bits.TrailingZeros64(left)])
	}
	return t.texts.String()[start:]
}

// start makes room for a text, and says where it begins.
func (t *tester) start() int {
	if t.texts.Cap()-t.texts.Len() < 64 {
		t.texts.Grow(256)
	}
	return t.texts.Len()
}
