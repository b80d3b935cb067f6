package abuse

import "time"

// Tester tests the conditions of rules that this package knows no more of than
// what a [Book] holds.
type Tester interface {
	// Begin is called once, before the others, with the evidence as the guards have
	// weighed it.
	Begin(g *Weighing)
	// Test says whether a signal meets the conditions of a rule beside its
	// categories and what the guards leave, and how many of their leaves it meets.
	// The rule is given by its index: of the policy's rules, and of the background
	// ones after them. Corroborated is what [LeafCorroborated] is for the rule.
	Test(rule int, w *Weighed, corroborated Truth) (truth Truth, met int)
	// Explain appends the leaves of the conditions with their values for a signal,
	// and may fill in of the outcome, whose other fields are there, what it knows:
	// version, and what was missing.
	Explain(rule int, w *Weighed, corroborated Truth, to []LeafValue, o *RuleOutcome) []LeafValue
}

// Book is a policy whose conditions are tested elsewhere. The zero Book is
// invalid.
type Book struct {
	// Policy must be valid. When of its rules is not asked, but for whether it
	// lists [LeafCorroborated]: a rule whose conditions ask for corroboration must
	// list it, and no other may.
	Policy *Policy
	// Background are rules that are tried and reported and do not act.
	Background []Rule
	// Hash stands for [Policy.Hash] and must digest the conditions too.
	Hash   Digest
	Tester Tester // nil: the rules' own conditions are asked
}

// DecideBook is [Decide] with the rules of a book. The book is not validated.
func DecideBook(evidence Evidence, book *Book, now time.Time) Decision {
	return decide(&evidence, book, now)
}

// try says whether a signal meets a rule, and how many leaves it meets.
func (b *Book) try(i int, r *Rule, w *Weighed) (truth Truth, met int) {
	if b.Tester == nil {
		return r.try(w)
	}
	covers, step := r.covers(w), w.step(r.Action)
	truth, met = b.Tester.Test(i, w, w.corroborated)
	for _, t := range [...]Truth{covers, step} {
		if t == Yes {
			met++
		}
	}
	return truth.And(covers).And(step), met
}

// leans says whether a rule that is met would not be without corroboration.
func (b *Book) leans(i int, r *Rule, w *Weighed) bool {
	if b.Tester == nil {
		return true
	}
	truth, _ := b.Tester.Test(i, w, Unknown)
	return truth != Yes && w.corroborated == Yes
}

// leaves appends the value of every leaf of a rule for a signal.
func (b *Book) leaves(i int, r *Rule, w *Weighed, to []LeafValue, o *RuleOutcome) []LeafValue {
	if b.Tester == nil {
		return r.leaves(w, to)
	}
	to = append(to, LeafValue{Leaf: LeafCategory, Value: r.covers(w)},
		LeafValue{Leaf: LeafStep, AtLeast: int(r.Action), Have: int(w.Cap), Value: w.step(r.Action)})
	return b.Tester.Explain(i, w, w.corroborated, to, o)
}
