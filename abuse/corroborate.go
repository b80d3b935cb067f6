package abuse

// corroborate looks, for every signal, for another that says so independently, as
// the rule r has it, and takes the one that lasts longest. all is sorted by
// partner: signals of one partner never corroborate each other, and are skipped
// together, so that a flood from one partner costs no more than its length.
func (j *judge) corroborate(r *Rule, all []Weighed) {
	for start := 0; start < len(all); {
		end := start + 1
		for end < len(all) && all[end].From == all[start].From {
			end++
		}
		for i := start; i < end; i++ {
			j.seek(r, &all[i], all, start, end)
		}
		start = end
	}
}

// seek tries all but all[start:end], which are of the same partner, as
// corroboration of w.
func (j *judge) seek(r *Rule, w *Weighed, all []Weighed, start, end int) {
	w.corroborated, w.by = No, 0
	for n := 0; n < len(all); n++ {
		if n == start {
			n = end
			if n == len(all) {
				return
			}
		}
		t := &all[n]
		if w.corroborated == Yes && !all[w.by].Signal.ValidUntil.Before(w.Signal.ValidUntil) {
			return // a longer one would change nothing
		}
		able := j.corroborates(r, t)
		if able == No || !w.Signal.independent(&t.Signal) {
			continue
		}
		if able == Yes && (w.corroborated != Yes || t.Signal.ValidUntil.After(all[w.by].Signal.ValidUntil)) {
			w.by = n
		}
		w.corroborated = w.corroborated.Or(able)
	}
}

// corroborates says whether a signal has weight enough to be the second one. It
// must itself be of a category that the rule is for, and permit and bear its step,
// for it will share in it: what would never carry the step cannot help to.
func (j *judge) corroborates(r *Rule, t *Weighed) Truth {
	s := &t.Signal
	switch {
	case r.covers(t) == No || s.Class != Confirmed || !j.sure(t) ||
		s.Severity < j.policy.CorroborationSeverity || t.reachBeside < r.Action:
		return No
	case t.capBeside < r.Action:
		return Unknown
	}
	return Yes
}

// sure says whether a signal's confidence is enough, by what its partner's word weighs.
func (j *judge) sure(t *Weighed) bool {
	weight, weighed := j.policy.Weights[t.From]
	if !weighed {
		weight = 1
	}
	return float64(t.Signal.Confidence)*weight+1e-9 >= float64(j.policy.Corroboration) // the product of 0.29 and 100 is a little below 29
}
