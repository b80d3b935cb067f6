package policy

import (
	"time"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/hashing"
)

// Decision is what to do about an account: all of [abuse.Decision] but its texts
// and its explanation, under the same names, in JSON too. [Set.Explain] gives those,
// at once or later. It holds no identifier, but for the account reference that the
// caller gave. All times are in UTC. The zero Decision is no decision.
type Decision struct {
	ID      uuid.UUID    `json:"decision"` // of the explained decision as well
	Account string       `json:"account"`
	Action  abuse.Action `json:"action"`
	Scope   abuse.Scope  `json:"scope"`
	// Until is when the step ends by itself. Zero if Action is [abuse.None], and only
	// then.
	Until      time.Time    `json:"until,omitzero"`
	Mode       abuse.Mode   `json:"mode"`
	At         time.Time    `json:"at"`                // when it was made
	Rule       string       `json:"rule"`              // the id of the rule, or "none"
	Version    int          `json:"version,omitempty"` // of the rule, from 1; zero if no rule was met
	PolicyHash abuse.Digest `json:"policy"`            // as of [Set.Hash]
	// Matched are the kinds of identifier by which signals matched, ascending.
	Matched []hashing.Kind `json:"matched"`
	// Signals carried the step, ascending; where Action is None, all that were
	// weighed. If one is withdrawn, decide again.
	Signals []uuid.UUID `json:"signals"`
}

// scratch is the room of one decision.
type scratch struct {
	evidence abuse.Evidence
	weighing abuse.Weighing
	facts    facts
	carriers []abuse.Carrier
	rows     []row

	tester tester // of Explain, which has weighing, facts and carriers of its own
	book   abuse.Book
}

// keep is the most signals whose room is kept for the next decision.
const keep = 256

// Decide comes to the decision that [Set.Explain] explains, with the same id, and
// makes no text and no explanation: it takes some microseconds, and two
// allocations. Rules in the background are not tried. It is a pure function, as
// Explain is; nothing of the evidence is changed or kept.
func (s *Set) Decide(e abuse.Evidence, now time.Time) Decision {
	now = now.UTC().Round(0)
	x := s.room.Get().(*scratch)
	x.evidence = e // here, because a function in Options may see it: it would be allocated
	g := &x.weighing
	g.Weigh(&x.evidence, s.book.Policy, now)
	d := Decision{ID: g.DecisionID(e.Account, s.book.Hash), Account: e.Account, Action: abuse.None, Scope: abuse.ScopeAccount,
		Mode: s.guards.Mode, At: now, Rule: "none", PolicyHash: s.book.Hash, Matched: g.Matched()}
	x.carriers = x.carriers[:0]
	if r := s.winner(x, now); r != nil {
		d.Action, d.Scope, d.Rule, d.Version = r.Action, r.Scope, r.ID, r.Version
		d.Until = g.Until(r.For, x.carriers)
	}
	d.Signals = g.Carried(x.carriers)
	if len(g.Signals()) <= keep {
		x.evidence = abuse.Evidence{}
		g.Clear()
		s.room.Put(x)
	}
	return d
}

// winner gives the rule that is met, with its carriers in the scratch, or nil.
func (s *Set) winner(x *scratch, now time.Time) *rule {
	g, e := &x.weighing, &x.evidence
	signals := g.Signals()
	if len(signals) == 0 {
		return nil
	}
	x.facts.known = 0
	x.facts.common(s, g, e, now)
	best := len(s.live)
	for i := range signals {
		w := &signals[i]
		if w.Cap <= abuse.None {
			continue
		}
		x.facts.about(s, e, w, now)
		best = s.index.first(s, x, i, w, best, now)
	}
	if best == len(s.live) {
		return nil
	}
	r := s.live[best]
	for i := range signals {
		w := &signals[i]
		if len(signals) > 1 {
			x.facts.about(s, e, w, now)
		}
		if by, met := r.met(x, i, w); met {
			x.carriers = append(x.carriers, abuse.Carrier{Signal: i, By: by})
		}
	}
	return r
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
