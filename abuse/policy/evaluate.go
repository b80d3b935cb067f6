package policy

import (
	"time"

	"github.com/hueandcry/hueandcry/abuse"
)

// Outcome is what a decision comes to, without a text. The zero Outcome is none.
type Outcome struct {
	Action  abuse.Action
	Scope   abuse.Scope
	Rule    string // its id, or "none"
	Version int    // of the rule; zero: no rule was met
	Until   time.Time
	Mode    abuse.Mode
}

// scratch is the room of one evaluation.
type scratch struct {
	weighing abuse.Weighing
	facts    facts
	carriers []abuse.Carrier
	rows     []row
}

// keep is the most signals whose room is kept for the next evaluation.
const keep = 256

// Evaluate says what [Set.Decide] comes to, in the same words: action, scope,
// rule, end and mode, and makes no text and no explanation. Rules in the
// background are not tried.
func (s *Set) Evaluate(e abuse.Evidence, now time.Time) Outcome {
	now = now.UTC().Round(0)
	x := s.room.Get().(*scratch)
	g := &x.weighing
	g.Weigh(&e, s.book.Policy, now)
	out := Outcome{Action: abuse.None, Scope: abuse.ScopeAccount, Rule: "none", Mode: s.guards.Mode}
	signals := g.Signals()
	if len(signals) > 0 {
		x.facts.known = 0
		x.facts.common(s, g, &e, now)
		best := len(s.live)
		for i := range signals {
			w := &signals[i]
			if w.Cap <= abuse.None {
				continue
			}
			x.facts.about(s, &e, w, now)
			best = s.index.first(s, x, i, w, best, now)
		}
		if best < len(s.live) {
			r := s.live[best]
			x.carriers = x.carriers[:0]
			for i := range signals {
				w := &signals[i]
				if len(signals) > 1 {
					x.facts.about(s, &e, w, now)
				}
				if by, met := r.met(x, i, w); met {
					x.carriers = append(x.carriers, abuse.Carrier{Signal: i, By: by})
				}
			}
			out.Action, out.Scope, out.Rule, out.Version = r.Action, r.Scope, r.ID, r.Version
			out.Until = g.Until(r.For, x.carriers)
		}
	}
	if len(signals) <= keep {
		g.Clear()
		s.room.Put(x)
	}
	return out
}

// met says whether signal i, whom the facts are about, meets the rule, and which
// other it leans on; -1: none.
func (r *rule) met(x *scratch, i int, w *abuse.Weighed) (by int, met bool) {
	if w.Cap < r.Action || !r.covers(w) {
		return -1, false
	}
	return r.holds(x, i)
}

func (r *rule) covers(w *abuse.Weighed) bool {
	for _, c := range r.categories {
		if c == w.Signal.Category {
			return true
		}
	}
	return len(r.categories) == 0
}

// holds asks the condition alone: first without corroboration, which is dear.
func (r *rule) holds(x *scratch, i int) (by int, met bool) {
	f := &x.facts
	if len(r.core.When) == 0 {
		return -1, r.when.truth(f) == abuse.Yes
	}
	f.truth(matchCorroborated, abuse.Unknown)
	switch r.when.truth(f) {
	case abuse.Yes:
		return -1, true
	case abuse.No:
		return -1, false
	}
	truth, by := x.weighing.Corroborated(&r.core, i)
	f.truth(matchCorroborated, truth)
	met = r.when.truth(f) == abuse.Yes
	f.truth(matchCorroborated, abuse.Unknown)
	return by, met
}
