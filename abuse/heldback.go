package abuse

import "slices"

// heldBack gives the guards that kept the signal that is spoken of from meeting a
// harsher rule: the fewest without which one would be met. None, if it is for
// another reason that it goes no further.
func (w *writer) heldBack() []Finding {
	var causes []Finding
	for _, f := range w.lead.Findings {
		// Facts that are known are no obstacle that may go away, but what is
		// unknown about an identifier is, and what the signal itself says.
		if (f.Spoke == Yes) != (f.Kind == 0) {
			continue
		}
		// Once for all identifiers of a kind, so that their number costs nothing.
		if !slices.ContainsFunc(causes, func(c Finding) bool { return c.Guard == f.Guard && c.Kind == f.Kind }) {
			causes = append(causes, f)
		}
	}
	if len(causes) == 0 || !w.harsherWithout(causes) {
		return nil
	}
	for i := len(causes) - 1; i >= 0; i-- {
		if rest := slices.Concat(causes[:i], causes[i+1:]); w.harsherWithout(rest) {
			causes = rest
		}
	}
	return causes
}

// harsherWithout says whether the signal that is spoken of would meet a harsher
// rule if these guards let it pass.
func (w *writer) harsherWithout(causes []Finding) bool {
	j := *w.judge
	all := w.decision.Explanation.Signals
	c := Weighed{Sighting: w.lead.Sighting, kinds: w.lead.kinds}
	for _, f := range causes {
		j.lifted[f.Guard] |= 1 << f.Kind
		if f.Guard == GuardPredictive {
			c.Signal.Class = Confirmed // which rules ask for beside the guard
		}
	}
	j.weigh(&c)
	same := func(s Weighed) bool { return s.From == c.From }
	for i := range j.policy.Rules {
		r := &j.policy.Rules[i]
		if r.Action <= w.decision.Action {
			break // none after it is harsher
		}
		if r.asks(LeafCorroborated) {
			start := slices.IndexFunc(all, same)
			end := start
			for end < len(all) && same(all[end]) {
				end++
			}
			j.seek(r, &c, all, start, end)
		}
		if met, _ := w.book.try(i, r, &c); met == Yes {
			return true
		}
	}
	return false
}

// holdsBack says what kept the decision from going further, if guards did.
func (w *writer) holdsBack() {
	doubts := 0
	for _, f := range w.heldBack() {
		switch f.Guard {
		case GuardPermitted:
			w.add("; ", w.lead.Signal.Sender(), " permits no more than ", w.lead.Signal.Permitted.String())
		case GuardPredictive:
			w.add("; a prediction carries no more")
		case GuardDeviceOnly:
			w.add("; a device alone carries no more")
		default:
			if doubts++; doubts == 1 {
				w.add("; it goes no further because ")
			} else {
				w.add(", and ")
			}
			w.doubt(f)
		}
	}
}

// doubt says what a guard would have to know.
func (w *writer) doubt(f Finding) {
	what := thing(f.Kind)
	switch f.Guard {
	case GuardOverShared:
		w.add("it is not known how many accounts here share the ", what)
	case GuardUnverified:
		w.add("this account has not been shown to hold the ", what)
	default:
		if w.lead.Signal.LastObserved.IsZero() {
			w.add("it is not known when the abuse was seen")
			return
		}
		w.add("it is not known whether this account held the ", what, " before the reports")
	}
}
