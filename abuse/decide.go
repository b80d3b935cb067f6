package abuse

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"

	"github.com/google/uuid"
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
	now = now.UTC().Round(0)
	weighed, unreadable := gather(evidence.Sightings)
	unreadable += max(evidence.Unreadable, 0)
	j := judge{policy: &policy, now: now, holdings: tidyHoldings(evidence.Holdings)}
	for i := range weighed {
		j.weigh(&weighed[i])
	}

	d := Decision{
		Account: evidence.Account, Action: None, Scope: ScopeAccount, Mode: policy.Mode, Automated: true,
		At: now, Rule: ruleNone, PolicyHash: policy.Hash(),
		Explanation: Explanation{Signals: weighed, Holdings: j.holdings, Unreadable: unreadable, Own: tidyOwn(evidence.Own)},
	}
	d.ID = decisionID(&d)

	t := trial{judge: &j, weighed: weighed}
	rule := t.run(&policy)
	d.Explanation.Rules = t.outcomes
	var matched kindSet
	for i := range weighed {
		matched |= weighed[i].kinds
	}
	d.Matched = matched.list()
	if rule == nil {
		d.Signals = make([]uuid.UUID, len(weighed))
		for i := range weighed {
			d.Signals[i] = weighed[i].Signal.ID
		}
	} else {
		d.Action, d.Scope, d.Rule = rule.Action, rule.Scope, rule.ID
		d.Until = t.end(rule, now)
		d.Signals = t.carried(rule)
	}
	slices.SortFunc(d.Signals, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	d.Signals = slices.Compact(d.Signals)
	d.Explanation.Unknown = unknowns(&d.Explanation)

	w := writer{judge: &j, decision: &d, rule: rule, carriers: t.carriers, text: make([]byte, 0, 512)}
	w.lead = w.strongest()
	d.Reason, d.Undo = w.reason(), w.undo()
	return d
}

// gather copies the sightings into one order, each once, and leaves out what is
// not in order (it is counted) and what a higher revision replaces.
func gather(sightings []Sighting) (weighed []Weighed, unreadable int) {
	if len(sightings) == 0 {
		return nil, 0
	}
	weighed = make([]Weighed, 0, len(sightings))
	forms := make([]byte, 0, 128*len(sightings))
	for _, s := range sightings {
		kinds := kindsOf(s.Kinds)
		if s.Signal.Validate() != nil || s.Signal.sender() != s.From || kinds == 0 {
			unreadable++
			continue
		}
		start := len(forms)
		forms = s.Signal.append(forms)
		s.Kinds = kinds.list()
		s.Places = tidyPlaces(s.Places)
		weighed = append(weighed, Weighed{Sighting: s, kinds: kinds, form: forms[start:len(forms):len(forms)]})
	}
	slices.SortFunc(weighed, func(a, b Weighed) int {
		return cmp.Or(cmp.Compare(a.From, b.From), bytes.Compare(a.Signal.ID[:], b.Signal.ID[:]),
			cmp.Compare(b.Signal.Revision, a.Signal.Revision), bytes.Compare(a.form, b.form), cmp.Compare(a.kinds, b.kinds),
			slices.Compare(a.Places, b.Places))
	})
	kept := weighed[:0]
	for _, w := range weighed {
		if n := len(kept); n > 0 {
			last := &kept[n-1]
			if last.From == w.From && last.Signal.ID == w.Signal.ID &&
				(last.Signal.Revision > w.Signal.Revision || last.kinds == w.kinds && bytes.Equal(last.form, w.form) && slices.Equal(last.Places, w.Places)) {
				continue
			}
		}
		kept = append(kept, w)
	}
	return kept, unreadable
}

// tidyHoldings copies the holdings. What makes no sense is unknown.
func tidyHoldings(holdings []Holding) []Holding {
	if len(holdings) == 0 {
		return nil
	}
	tidy := make([]Holding, len(holdings))
	for i, h := range holdings {
		if !h.Kind.Valid() {
			continue // the zero Holding: its place is not another's
		}
		h.Since = h.Since.UTC().Round(0)
		if y := h.Since.Year(); y < 1 || y > 9999 {
			h.Since = time.Time{}
		}
		if h.Verified > No {
			h.Verified = Unknown
		}
		h.Accounts = max(h.Accounts, 0)
		tidy[i] = h
	}
	return tidy
}

// tidyOwn takes the word of the service itself, but for what makes no sense.
func tidyOwn(o Own) Own {
	o.Reports, o.Days, o.Groups = max(o.Reports, 0), max(o.Days, 0), max(o.Groups, 0)
	for _, t := range []*time.Time{&o.First, &o.Last} {
		*t = t.UTC().Round(0)
		if y := t.Year(); y < 1 || y > 9999 {
			*t = time.Time{}
		}
	}
	return o
}

// tidyPlaces copies places into one order, each once.
func tidyPlaces(places []int) []int {
	if len(places) == 0 {
		return nil
	}
	tidy := slices.Clone(places)
	slices.Sort(tidy)
	return slices.Compact(tidy)
}

// decisionID makes a UUID of version 8 from all that the decision depends on.
func decisionID(d *Decision) (id uuid.UUID) {
	var room [1024]byte
	b := append(room[:0], "hueandcry/abuse/decision/1"...)
	number := func(n int64) { b = binary.BigEndian.AppendUint64(b, uint64(n)) }
	instant := func(t time.Time) { number(t.Unix()); number(int64(t.Nanosecond())) }
	text := func(s string) { number(int64(len(s))); b = append(b, s...) }

	b = append(b, d.PolicyHash[:]...)
	text(d.Account)
	instant(d.At)
	number(int64(d.Explanation.Unreadable))
	number(int64(len(d.Explanation.Holdings)))
	for _, h := range d.Explanation.Holdings {
		b = append(b, byte(h.Kind), byte(h.Verified))
		instant(h.Since)
		number(int64(h.Accounts))
	}
	for i := range d.Explanation.Signals {
		w := &d.Explanation.Signals[i]
		text(w.From)
		number(int64(w.kinds))
		number(int64(len(w.Places)))
		for _, p := range w.Places {
			number(int64(p))
		}
		number(int64(len(w.form)))
		b = append(b, w.form...)
	}
	if o := &d.Explanation.Own; *o != (Own{}) {
		b = append(b, "own"...)
		number(int64(o.Reports))
		number(int64(o.Days))
		number(int64(o.Groups))
		instant(o.First)
		instant(o.Last)
	}
	sum := sha256.Sum256(b)
	copy(id[:], sum[:])
	id[6] = id[6]&0x0f | 0x80
	id[8] = id[8]&0x3f | 0x80
	return id
}

// trial tries rules on the weighed signals.
type trial struct {
	judge    *judge
	weighed  []Weighed
	outcomes []RuleOutcome
	carriers []int // the signals that met the winning rule
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
	room := make([]LeafValue, 0, leaves)
	t.outcomes = make([]RuleOutcome, 0, len(p.Rules))
	for i := range p.Rules {
		r := &p.Rules[i]
		if r.asks(LeafCorroborated) {
			t.judge.corroborate(r, t.weighed)
		}
		best, bestTruth, bestMet := 0, No, -1
		for n := range t.weighed {
			truth, met := r.try(&t.weighed[n])
			if truth == Yes {
				t.carriers = append(t.carriers, n)
			}
			if truth.rank() > bestTruth.rank() || truth == bestTruth && met > bestMet {
				best, bestTruth, bestMet = n, truth, met
			}
		}
		start := len(room)
		room = r.leaves(&t.weighed[best], room)
		outcome := RuleOutcome{Rule: r.ID, Action: r.Action, Met: bestTruth,
			Signal: t.weighed[best].Signal.ID, Leaves: room[start:len(room):len(room)]}
		if w := &t.weighed[best]; r.asks(LeafCorroborated) && w.corroborated == Yes {
			outcome.By = t.weighed[w.by].Signal.ID
		}
		t.outcomes = append(t.outcomes, outcome)
		if bestTruth == Yes {
			return r
		}
	}
	return nil
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

// end is when the step ends: after the rule's time, and not later than the signals
// that carry it say anything.
func (t *trial) end(r *Rule, now time.Time) time.Time {
	var last time.Time
	for _, n := range t.carriers {
		w := &t.weighed[n]
		until := w.Signal.ValidUntil
		if r.asks(LeafCorroborated) {
			if by := t.weighed[w.by].Signal.ValidUntil; by.Before(until) {
				until = by
			}
		}
		if until.After(last) {
			last = until
		}
	}
	if until := now.Add(r.For); until.Before(last) {
		return until
	}
	return last.UTC()
}

// carried lists the signals that the rule rests on.
func (t *trial) carried(r *Rule) []uuid.UUID {
	ids := make([]uuid.UUID, 0, 2*len(t.carriers))
	for _, n := range t.carriers {
		ids = append(ids, t.weighed[n].Signal.ID)
		if r.asks(LeafCorroborated) {
			ids = append(ids, t.weighed[t.weighed[n].by].Signal.ID)
		}
	}
	return ids
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
