package abuse

import (
	"slices"
	"time"
)

// Decide weighs the evidence under the policy as of now. It is a pure function:
// the same evidence (sightings in any order), policy and time give the same
// Decision, byte for byte, with the same id. No evidence is an error; what is odd or unknown in
// it carries nothing harsh. Nothing of the evidence is changed or kept, but for
// the Path of its signals.
//
// An invalid policy is a bug of the caller's, and Decide panics: call
// [Policy.Validate] once, where the policy is made.
//
// The time is linear in the signals of one partner. Where several partners send
// many signals on one account it can grow with the square; the agreement's limit
// of signals per identifier bounds it.
func Decide(evidence Evidence, policy Policy, now time.Time) Decision {
	if err := policy.Validate(); err != nil {
		panic("abuse: Decide with an invalid policy: " + err.Error())
	}
	return decide(&evidence, &Book{Policy: &policy, Hash: policy.Hash()}, now)
}

func decide(evidence *Evidence, book *Book, now time.Time) Decision {
	var g Weighing
	g.Weigh(evidence, book.Policy, now)
	now, weighed, j := g.judge.now, g.weighed, &g.judge

	d := Decision{
		Account: evidence.Account, Action: None, Scope: ScopeAccount, Mode: book.Policy.Mode, Automated: true,
		At: now, Rule: ruleNone, PolicyHash: book.Hash,
		Explanation: Explanation{Signals: weighed, Holdings: j.holdings, Unreadable: g.unreadable, Own: g.own},
	}
	d.ID = g.DecisionID(d.Account, d.PolicyHash)

	t := trial{judge: j, weighed: weighed, book: book}
	if book.Tester != nil {
		book.Tester.Begin(&g)
	}
	t.background()
	rule := t.run(book.Policy)
	d.Explanation.Rules = t.outcomes
	d.Explanation.Background = t.silent
	d.Matched = g.Matched()
	if rule == nil {
		d.Signals = g.Carried(nil)
	} else {
		d.Action, d.Scope, d.Rule = rule.Action, rule.Scope, rule.ID
		d.Until = g.Until(rule.For, t.carriers)
		d.Signals = g.Carried(t.carriers)
	}
	d.Explanation.Unknown = unknowns(&d.Explanation)

	w := writer{judge: j, book: book, decision: &d, rule: rule, carriers: t.carriers, text: make([]byte, 0, 512)}
	w.lead = w.strongest()
	d.Reason, d.Undo = w.reason(), w.undo()
	return d
}

// trial tries rules on the weighed signals.
type trial struct {
	judge    *judge
	weighed  []Weighed
	book     *Book
	outcomes []RuleOutcome
	silent   []RuleOutcome
	carriers []Carrier   // the signals that met the winning rule
	room     []LeafValue // for the leaves of all rules
}

// run gives the first rule that a signal meets, or nil.
func (t *trial) run(p *Policy) *Rule {
	if len(t.weighed) == 0 {
		return nil
	}
	leaves := 0
	for i := range p.Rules {
		leaves += 2 + len(p.Rules[i].When)
	}
	if t.book.Tester != nil {
		leaves += 4 * min(len(p.Rules), 16) // as many as most conditions have
	}
	t.room = make([]LeafValue, 0, leaves)
	t.outcomes = make([]RuleOutcome, 0, len(p.Rules))
	for i := range p.Rules {
		t.outcomes = append(t.outcomes, RuleOutcome{})
		if t.try(i, &p.Rules[i], &t.outcomes[i]) == Yes {
			return &p.Rules[i]
		}
	}
	return nil
}

// background tries the rules that do not act.
func (t *trial) background() {
	if len(t.weighed) == 0 || len(t.book.Background) == 0 {
		return
	}
	t.silent = make([]RuleOutcome, len(t.book.Background))
	for i := range t.silent {
		t.try(len(t.book.Policy.Rules)+i, &t.book.Background[i], &t.silent[i])
	}
}

// try tries one rule on all signals, and tells the outcome. Those that meet it become the carriers.
func (t *trial) try(i int, r *Rule, outcome *RuleOutcome) Truth {
	asks := r.asks(LeafCorroborated)
	if asks {
		t.judge.corroborate(r, t.weighed)
	}
	t.carriers = t.carriers[:0]
	best, bestTruth, bestMet := 0, No, -1
	for n := range t.weighed {
		w := &t.weighed[n]
		truth, met := t.book.try(i, r, w)
		if truth == Yes {
			by := -1
			if asks && t.book.leans(i, r, w) {
				by = w.by
			}
			t.carriers = append(t.carriers, Carrier{Signal: n, By: by})
		}
		nearer := met > bestMet
		if truth == Yes && bestTruth == Yes {
			nearer = w.further(&t.weighed[best]) // of those that meet it the one that the reason speaks of
		}
		if truth.rank() > bestTruth.rank() || truth == bestTruth && nearer {
			best, bestTruth, bestMet = n, truth, met
		}
	}
	w := &t.weighed[best]
	*outcome = RuleOutcome{Rule: r.ID, Action: r.Action, Met: bestTruth, Signal: w.Signal.ID}
	if asks && w.corroborated == Yes {
		outcome.By = t.weighed[w.by].Signal.ID
	}
	start := len(t.room)
	t.room = t.book.leaves(i, r, w, t.room, outcome)
	outcome.Leaves = t.room[start:len(t.room):len(t.room)]
	return bestTruth
}

// try says whether a signal meets the rule, and how many leaves it meets.
func (r *Rule) try(w *Weighed) (truth Truth, met int) {
	count := func(v Truth) Truth {
		if v == Yes {
			met++
		}
		return v
	}
	truth = count(r.covers(w)).And(count(w.step(r.Action)))
	for _, c := range r.When {
		truth = truth.And(count(w.leaf(c).Value))
	}
	return truth, met
}

// leaves appends the value of every leaf of the rule for a signal.
func (r *Rule) leaves(w *Weighed, to []LeafValue) []LeafValue {
	to = append(to, LeafValue{Leaf: LeafCategory, Value: r.covers(w)},
		LeafValue{Leaf: LeafStep, AtLeast: int(r.Action), Have: int(w.Cap), Value: w.step(r.Action)})
	for _, c := range r.When {
		to = append(to, w.leaf(c))
	}
	return to
}

func (r *Rule) covers(w *Weighed) Truth {
	return truthOf(len(r.Categories) == 0 || slices.Contains(r.Categories, w.Signal.Category))
}

// step says whether the guards leave a step to the signal.
func (w *Weighed) step(a Action) Truth {
	switch {
	case w.Cap >= a:
		return Yes
	case w.Reach >= a:
		return Unknown
	}
	return No
}

func (w *Weighed) leaf(c Condition) LeafValue {
	v := LeafValue{Leaf: c.Leaf, AtLeast: c.AtLeast}
	switch c.Leaf {
	case LeafConfirmed:
		v.Value = truthOf(w.Signal.Class == Confirmed)
	case LeafConfidence:
		v.Have = w.Signal.Confidence
	case LeafSeverity:
		v.Have = int(w.Signal.Severity)
	case LeafReports:
		v.Have = int(w.Signal.Reports)
	case LeafReviewed:
		v.Value = truthOf(w.Signal.Review == ReviewHuman)
	case LeafPhone:
		v.Value = w.Phone
	case LeafDevice:
		v.Value = w.Device
	case LeafCorroborated:
		v.Value = w.corroborated
	case LeafPhoneAlone:
		v.Value = w.PhoneAlone
	case LeafDeviceAlone:
		v.Value = w.DeviceAlone
	}
	if c.Leaf.measured() && (c.Leaf != LeafReports || v.Have > 0) {
		v.Value = truthOf(v.Have >= v.AtLeast)
	}
	return v
}

func (r *Rule) asks(l Leaf) bool {
	return slices.ContainsFunc(r.When, func(c Condition) bool { return c.Leaf == l })
}

// unknowns lists what was not known and might have mattered, each once, as
// "phone since" or "reports".
func unknowns(e *Explanation) []string {
	var list []string
	add := func(s string) {
		if !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	for i := range e.Signals {
		w := &e.Signals[i]
		if w.Reach == None {
			continue // nothing known later would make it act
		}
		if w.Signal.LastObserved.IsZero() {
			add("observed")
		}
		if w.Signal.Reports == 0 {
			add("reports")
		}
		for _, f := range w.Findings {
			if f.Spoke != Unknown || f.Kind == 0 {
				continue
			}
			add(f.Kind.String() + " " + f.Guard.missing())
		}
	}
	slices.Sort(list)
	return list
}

func (g Guard) missing() string {
	switch g {
	case GuardRecycled:
		return "since"
	case GuardOverShared:
		return "accounts"
	}
	return "verified"
}
