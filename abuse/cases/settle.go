package cases

import (
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/abuse"
)

// Settle decides on an account and brings what is in force up to date, within the transaction that
// records the decision: DeciderConfig.Settle of package watch. A live decision says what the
// account is under from now on, and Undoes names the decision that it takes back in whole or in
// part. One in background says what would have been done; nothing is in force by it. One of a
// backtest is treated as live: give it a store of its own.
//
// With record false nothing has changed, so nothing is decided and nothing written. The answer is
// then what is in force: of the step, or of the person's word that lifted it, the decision that made
// it, as it was recorded; and where nothing is in force one to None that is not recorded, with the
// bound [Unchanged] if the evidence would come to more. Evidence with an account of no or of more
// than 256 bytes is an [*abuse.Error]; other errors are the store's.
func (d *Desk) Settle(w abuse.Writer, e abuse.Evidence, now time.Time, record bool) (abuse.Decision, error) {
	now = now.UTC().Round(0)
	was, err := loadHeld(w, e.Account)
	if err != nil {
		return abuse.Decision{}, err
	}
	if !record {
		return d.shown(w, e, &was, now)
	}
	s := settling{desk: d, tally: d.tally(w, now), was: was, current: was.current(now), now: now}
	if !was.Step.over(now) {
		s.auto = was.Step
	}
	dec, err := s.decide(e)
	if err != nil {
		return dec, err
	}
	is := held{Ruling: was.Ruling, Back: s.back()}
	if !is.Ruling.stands(now) {
		is.Ruling = Ruling{}
	}
	if beneath := &s.beneath; acts(beneath.Mode) && beneath.Action > abuse.None {
		is.Step = s.step(beneath)
	}
	if err := is.replace(w, e.Account, was); err != nil {
		return abuse.Decision{}, err
	}
	if dec.Undoes != (uuid.UUID{}) {
		if err := s.receipt(w, &is); err != nil {
			return abuse.Decision{}, err
		}
	}
	return dec, s.tally.write(w)
}

// back says whether a bound has kept automation from being harsher, also beneath a ruling.
func (s *settling) back() bool {
	live := s.beneath.Action
	if !acts(s.beneath.Mode) {
		live = abuse.None
	}
	return slices.ContainsFunc(s.bounds, func(b abuse.Bound) bool {
		return b.Name != Ruled && b.Name != NoEnd && b.Name != BackgroundPolicy && b.Proposed > live
	})
}

func acts(m abuse.Mode) bool { return m == abuse.Live || m == abuse.Backtest }

// settling is the work on one account.
type settling struct {
	desk    *Desk
	tally   *tally
	was     held
	current Step // in force
	auto    Step // what automation has put in force, or what lies beneath a ruling and will be when that ends
	now     time.Time
	bounds  []abuse.Bound
	beneath abuse.Decision // what automation comes to; a ruling may lie above it and end before it
	granted bool           // it was charged as a new step
	// What beneath rests on: its explanation has more, namely what a bound has left out.
	carriers   []Carrier
	categories []abuse.Category
}

// decide comes to the decision.
func (s *settling) decide(e abuse.Evidence) (abuse.Decision, error) {
	ruling := s.was.Ruling
	if !ruling.stands(s.now) {
		ruling = Ruling{}
	}
	unseen := e
	if len(ruling.Seen) > 0 {
		unseen = without(e, ruling.saw)
	}
	dec, err := s.bounded(unseen)
	if err != nil {
		return dec, err
	}
	s.beneath = dec
	if ruling.Reviewer != "" {
		proposed := dec.Action
		if len(unseen.Sightings) < len(e.Sightings) {
			all := s.desk.cfg.Decide(e, s.now)
			proposed = max(proposed, all.Action)
			dec.Explanation.Signals = all.Explanation.Signals
		}
		if acts(dec.Mode) && dec.Action > ruling.Action && dec.Action > abuse.None {
			// New evidence goes further than what the person has seen.
		} else if ruling.Action > abuse.None {
			s.bounds = append(s.bounds, abuse.Bound{Name: Ruled, Proposed: proposed})
			ruling.onto(&dec)
		} else if proposed > dec.Action {
			s.bounds = append(s.bounds, abuse.Bound{Name: Ruled, Proposed: proposed})
		}
	}
	s.undo(&dec)
	dec.Bounds = s.bounds
	return dec, nil
}

// bounded decides under the bounds. The explanation has all signals, also those that were left
// out: a person who looks at it shall see everything.
func (s *settling) bounded(e abuse.Evidence) (abuse.Decision, error) {
	dec, first, err := s.within(e)
	s.carriers, s.categories = carriersOf(&dec)
	if first != nil {
		dec.Explanation.Signals = first.Explanation.Signals
	}
	return dec, err
}

// within decides, and where a bound is met decides again without what met it. It gives the first
// decision that met one, too, or nil.
func (s *settling) within(e abuse.Evidence) (_ abuse.Decision, first *abuse.Decision, _ error) {
	capped := false // one of the bounds was a cap
	all, left := e, e
	var met []hit // so far
	for {
		dec := s.desk.cfg.Decide(e, s.now)
		s.endless(&dec)
		if !acts(dec.Mode) {
			return dec, first, nil
		}
		carriers, categories := carriersOf(&dec)
		if dec.Action <= abuse.Label || s.forEver(dec.Action) || dec.Action <= s.auto.Action && s.continues(carriers) {
			if first == nil || dec.Action >= abuse.Label {
				return dec, first, nil
			}
			return s.soft(first, &dec, capped), first, nil
		}
		var names []string
		for _, c := range categories {
			names = append(names, c.String())
		}
		c := claimsOf(carriers, dec.Rule, names)
		hits, err := s.tally.check(c)
		if err != nil {
			return dec, nil, err
		}
		if len(hits) == 0 {
			s.tally.grant(claimsOf(s.fresh(carriers), dec.Rule, names))
			s.granted = true
			return dec, first, nil
		}
		for i := range hits {
			s.bound(&hits[i], dec.Action)
			capped = capped || hits[i].cap()
		}
		if first == nil {
			first = &dec
		}
		met = append(met, hits...)
		rest := without(all, func(x *abuse.Sighting) bool { return leaves(met, x) })
		if len(rest.Sightings) == len(left.Sightings) { // nothing more can be left out
			still := s.desk.cfg.Decide(without(all, func(x *abuse.Sighting) bool { return !s.carries(x) }), s.now)
			s.endless(&still)
			if s.auto.Action >= abuse.Label && acts(still.Mode) && still.Action >= abuse.Label {
				return s.kept(still, dec.Reason), first, nil
			}
			return s.soft(first, &still, capped), first, nil
		}
		left, e = rest, s.rest(all, rest, met)
	}
}

// rest is the evidence without what met a bound. New steps are bounded and not the one that there is:
// what carries that is left out only where others carry as much.
func (s *settling) rest(all, rest abuse.Evidence, met []hit) abuse.Evidence {
	if s.auto.Action <= abuse.None {
		return rest
	}
	if dec := s.desk.cfg.Decide(rest, s.now); acts(dec.Mode) && dec.Action >= s.auto.Action {
		return rest
	}
	return without(all, func(x *abuse.Sighting) bool { return leaves(met, x) && !s.carries(x) })
}

func leaves(met []hit, x *abuse.Sighting) bool {
	return slices.ContainsFunc(met, func(h hit) bool { return h.leaves(x) })
}

// carries says whether a sighting is of a signal that carries the automatic step.
func (s *settling) carries(x *abuse.Sighting) bool {
	return s.charged(Carrier{x.From, x.Signal.Origin, x.Signal.ID})
}

// charged says whether the automatic step was bounded and charged with this signal.
func (s *settling) charged(c Carrier) bool {
	same := func(o Carrier) bool { return c.From == o.From && c.Signal == o.Signal }
	return slices.ContainsFunc(s.auto.Carriers, same) && !slices.ContainsFunc(s.auto.Along, same)
}

// fresh are those of the carriers that a new step is charged to: where others join what carries the
// step that there is, and was charged for it, it is their step. So nobody uses up another's caps, nor has
// his signal quarantined, by saying something and taking it back again and again.
func (s *settling) fresh(carriers []Carrier) []Carrier {
	if s.auto.Action <= abuse.Label { // nothing was charged
		return carriers
	}
	if joined := slices.DeleteFunc(slices.Clone(carriers), s.charged); len(joined) > 0 {
		return joined
	}
	return carriers
}

// continues says whether a step with these carriers goes on with the automatic one that there is.
// One that has none of them would take it over, past all bounds. That a person has ruled something
// as harsh is no reason: when the ruling ends, the step beneath it is in force.
func (s *settling) continues(carriers []Carrier) bool {
	return len(carriers) == 0 && len(s.auto.Carriers) == 0 || slices.ContainsFunc(carriers, s.charged)
}

// forEver says whether a step lies within a ruling without end: it will never be in force, and is
// not charged.
func (s *settling) forEver(action abuse.Action) bool {
	r := &s.was.Ruling
	return r.stands(s.now) && r.Until.IsZero() && action <= r.Action
}

// bound puts a bound down that was met, once.
func (s *settling) bound(h *hit, proposed abuse.Action) {
	b := abuse.Bound{Name: h.bound, Limit: h.limit, Used: h.used, Proposed: proposed}
	if !slices.Contains(s.bounds, b) {
		s.bounds = append(s.bounds, b)
	}
}

// endless gives an end to an automatic step that has none, or one too far away.
func (s *settling) endless(dec *abuse.Decision) {
	if dec.Action <= abuse.None {
		return
	}
	if last := s.now.Add(abuse.MaxDuration); dec.Until.IsZero() || dec.Until.After(last) {
		s.bound(&hit{bound: NoEnd, limit: int64(abuse.MaxDuration / time.Second)}, dec.Action)
		dec.Until = last
	}
}

// kept is a decision that leaves the account under the step that it is under, as far as what
// carries that still does.
func (s *settling) kept(dec abuse.Decision, otherwise string) abuse.Decision {
	c := &s.auto
	dec.Reason = "No harsher than " + min(c.Action, dec.Action).String() + ", which is in force, because of " + s.names() + ". Without that: " + otherwise
	if dec.Action <= c.Action {
		return dec
	}
	dec.Action, dec.Scope = c.Action, c.Scope
	if !c.Until.IsZero() && c.Until.Before(dec.Until) {
		dec.Until = c.Until
	}
	return dec
}

// soft is what remains to be seen of a step that met a bound. What is left of the evidence, if it
// was decided on, came to none.
func (s *settling) soft(first, rest *abuse.Decision, capped bool) abuse.Decision {
	switch {
	case capped:
		dec := *first
		dec.Reason = "A label and nothing harsher, because of " + s.names() + ". Without that: " + dec.Reason
		dec.Action, dec.Scope = abuse.Label, abuse.ScopeAccount
		return dec
	case s.auto.Action <= abuse.None:
		dec := *first
		dec.Mode = abuse.Background
		dec.Reason = "Not carried out, because of " + s.names() + ". Without that: " + dec.Reason
		return dec
	}
	return *rest
}

func (s *settling) names() string {
	var names []string
	for _, b := range s.bounds {
		if !slices.Contains(names, b.Name) {
			names = append(names, b.Name)
		}
	}
	return strings.Join(names, ", ")
}

// undo says what a decision takes back. One that takes back is live.
func (s *settling) undo(dec *abuse.Decision) {
	c := &s.current
	if c.Action <= abuse.None {
		return
	}
	if !acts(dec.Mode) {
		s.bounds = append(s.bounds, abuse.Bound{Name: BackgroundPolicy, Proposed: dec.Action})
		dec.Mode, dec.Action, dec.Scope, dec.Until = abuse.Live, abuse.None, abuse.ScopeAccount, time.Time{}
	}
	sooner := !dec.Until.IsZero() && (c.Until.IsZero() || dec.Until.Before(c.Until))
	if dec.Action < c.Action || dec.Action == c.Action && sooner {
		dec.Undoes, dec.UndoneSince = c.Decision, c.Since
	}
}

// step is what a decision puts in force.
func (s *settling) step(dec *abuse.Decision) Step {
	step := Step{Account: dec.Account, Decision: dec.ID, At: dec.At, Action: dec.Action, Scope: dec.Scope, Until: dec.Until,
		Rule: dec.Rule, Carriers: s.carriers, Since: s.now}
	if len(s.categories) > 0 {
		step.Category = s.categories[0]
	}
	if !s.granted && dec.Action > abuse.Label {
		step.Along = slices.DeleteFunc(slices.Clone(s.carriers), s.charged)
		if len(step.Along) == 0 {
			step.Along = nil
		}
	}
	if s.current.Action == dec.Action {
		step.Since = s.current.Since
	}
	return step
}

// without gives the evidence without some of its sightings.
func without(e abuse.Evidence, gone func(*abuse.Sighting) bool) abuse.Evidence {
	kept := make([]abuse.Sighting, 0, len(e.Sightings))
	for i := range e.Sightings {
		if !gone(&e.Sightings[i]) {
			kept = append(kept, e.Sightings[i])
		}
	}
	e.Sightings = kept
	return e
}
