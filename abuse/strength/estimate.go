package strength

import (
	"cmp"
	"slices"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/hashing"
)

// Pattern is a comparison and how many pairs of accounts gave it. Pairs of which nothing agrees
// count too: they are most, and are found by subtraction and not by comparing.
type Pattern struct {
	Comparison Comparison // at most one entry a kind
	Pairs      int64      // 1 to MaxPairs
}

// Limits of an estimate.
const (
	// MaxPairs is the most pairs that all patterns may have together: beyond it float64 does not
	// count them one by one.
	MaxPairs = 1 << 53
	// MaxSteps is the most steps that an estimate may be given.
	MaxSteps = 1_000_000
)

// Options of an estimate. The zero Options are valid.
type Options struct {
	// Base is where the search begins, and what holds where the patterns cannot tell. Its kinds are
	// those that are fitted; of others nothing is taken. Dependence and HalfLife are taken over as
	// they are. Zero: [Default].
	Base Model
	// Pseudo is with how many pairs, imagined, Base speaks for each rate: what keeps one that rests
	// on few pairs from 0 and 1, and decides where patterns do not. Of Base's Prior and u of Agree
	// nothing enters but the part of agreements that is right, for these two are as numbers of
	// accounts are. Zero: 4. Else above 0, up to 1e9.
	Pseudo float64
	// Steps is how many steps to take at most from each beginning. Zero: 20,000. At most MaxSteps.
	Steps int
}

// Fit says how an estimate went. The zero Fit is that of none.
type Fit struct {
	Pairs     int64 // that were counted
	Patterns  int   // distinct, as far as the fitted questions tell them apart
	Free      int   // rates that were fitted, and the prior
	Steps     int   // that were taken from the beginning that won
	Converged bool  // no rate changed by a millionth of itself in the last step
	// Identified says whether there are enough distinct patterns for as many free rates. Where not,
	// Base has decided what patterns could not: with fewer than three kinds it is always so.
	Identified bool
	// Matches is the expected number of pairs that are one person's.
	Matches float64
	// Objective at the beginning that won and after each step from it: the natural logarithm of the
	// likelihood, and of what Base says for the rates. It never falls (Dempster, Laird and Rubin,
	// theorem 1).
	Objective []float64
	// Kept are the kinds of Base of which no pair said anything.
	Kept []hashing.Kind
}

// The questions of one kind, in the order of columns.
const (
	askAgree = iota
	askHeld
	askVerified
	questions
)

const kindsEnd = 16

// key is the answers of a pattern, by kind and question.
type key [kindsEnd * questions]abuse.Truth

// cell is all pairs with the same answers.
type cell struct {
	answers key
	pairs   float64
	// By the number of accounts that hold what agrees: the pairs, where it is known.
	shared [kindsEnd]map[int]float64
}

// Estimate fits a model to patterns of pairs of which nobody needs to know which are right: by EM,
// under the assumption that the answers of a pair are independent given whether it is right, and
// that what is unknown is so by chance. So pairs of which nothing agrees must say which kinds both
// accounts have: a partner tells how many of his have which. An estimate is the same whatever the
// order of the patterns.
//
// Three guards keep it from what EM is known for. Two classes could swap names: m is held at or
// above u for each question, in the M-step itself, so that the objective still never falls. A class
// could die out, or all rates of the two could fall together: that is an error. It could stop at a
// poor peak: it begins at several places, and the best end wins.
//
// Errors are an [*abuse.Error]: of patterns, of options, of a fit that tells nothing or does not
// converge; the Fit is given all the same, where there is one, and the Model is zero.
func Estimate(patterns []Pattern, o Options) (Model, Fit, error) {
	if len(o.Base.Fields) == 0 && o.Base.Prior == 0 {
		o.Base = Default()
	}
	o.Pseudo, o.Steps = cmp.Or(o.Pseudo, 4), cmp.Or(o.Steps, 20_000)
	if err := o.Base.Validate(); err != nil {
		return Model{}, Fit{}, err
	}
	if !(o.Pseudo > 0 && o.Pseudo <= 1e9) {
		return fail(Fit{}, "options", "must have pseudo above 0 and up to 1e9")
	}
	if o.Steps < 1 || o.Steps > MaxSteps {
		return fail(Fit{}, "options", "must have 1 to 1000000 steps")
	}
	cells, fit, err := tally(patterns, &o.Base)
	if err != nil {
		return Model{}, fit, err
	}
	e := newEM(cells, &o, &fit)
	if e.anyAgrees == 0 {
		return fail(fit, "patterns", "hold no agreement")
	}
	if e.anyAgrees == e.total {
		return fail(fit, "patterns", "hold no pair of which nothing agrees")
	}
	best, won := state{}, []float64(nil)
	for _, part := range []float64{.5, .9, .1} {
		s := e.begin(part)
		objective, converged := e.run(&s, o.Steps)
		if won == nil || objective[len(objective)-1] > won[len(won)-1] {
			best, won, fit.Converged = s, objective, converged
		}
	}
	fit.Objective, fit.Steps, fit.Matches = won, len(won)-1, best.prior*e.total
	if !fit.Converged {
		return fail(fit, "estimate", "has not converged in the steps given")
	}
	if best.prior <= e.least*2 || best.prior >= 1-e.least*2 {
		return fail(fit, "estimate", "finds pairs of one class only")
	}
	apart := false
	for _, c := range e.columns {
		apart = apart || c.question == askAgree && best.rates[c.at].M > 2*best.rates[c.at].U
	}
	if !apart {
		return fail(fit, "estimate", "finds no two classes that differ")
	}
	m := e.model(&best, &o.Base)
	if err := m.Validate(); err != nil {
		return Model{}, fit, err
	}
	return m, fit, nil
}

func fail(fit Fit, field, problem string) (Model, Fit, error) {
	return Model{}, fit, &abuse.Error{Field: "strength " + field, Problem: problem}
}

// tally puts pairs with the same answers together.
func tally(patterns []Pattern, base *Model) ([]cell, Fit, error) {
	var fit Fit
	cells := map[key]*cell{}
	for _, p := range patterns {
		if p.Pairs < 1 || p.Pairs > MaxPairs-fit.Pairs {
			_, fit, err := fail(Fit{}, "patterns", "must have 1 pair each at least, and 2^53 together at most")
			return nil, fit, err
		}
		fit.Pairs += p.Pairs
		var k key
		var seen [kindsEnd]bool
		for _, c := range p.Comparison {
			f, ok := base.field(c.Kind)
			if !ok {
				continue
			}
			if seen[c.Kind] {
				_, fit, err := fail(Fit{}, "patterns", "must hold each kind once")
				return nil, fit, err
			}
			seen[c.Kind] = true
			ask := func(question int, answer abuse.Truth, rate Rate) {
				if rate != (Rate{}) && answer <= abuse.No {
					k[int(c.Kind)*questions+question] = answer
				}
			}
			ask(askAgree, c.Agree, f.Agree)
			if c.Agree == abuse.Yes {
				ask(askHeld, c.Held, f.Held)
				ask(askVerified, c.Verified, f.Verified)
			}
		}
		to := cells[k]
		if to == nil {
			to = &cell{answers: k}
			cells[k] = to
		}
		to.pairs += float64(p.Pairs)
		for _, c := range p.Comparison {
			if n := c.accounts(); c.Kind.Valid() && c.Agree == abuse.Yes && n > 0 {
				if to.shared[c.Kind] == nil {
					to.shared[c.Kind] = map[int]float64{}
				}
				to.shared[c.Kind][n] += float64(p.Pairs)
			}
		}
	}
	all := make([]cell, 0, len(cells))
	for _, c := range cells {
		all = append(all, *c)
	}
	slices.SortFunc(all, func(a, b cell) int { return slices.Compare(a.answers[:], b.answers[:]) })
	fit.Patterns = len(all)
	return all, fit, nil
}

// model puts what was found in place of what Base says.
func (e *em) model(s *state, base *Model) Model {
	m := Model{Prior: s.prior, Dependence: base.Dependence, Fields: slices.Clone(base.Fields)}
	for i := range m.Fields {
		f := &m.Fields[i]
		// Of a kind that no pair has, u keeps its proportion to the prior, and so an agreement its
		// probability.
		f.Agree.U = min(max(f.Agree.U*m.Prior/base.Prior, MinRate), f.Agree.M)
	}
	for _, c := range e.columns {
		f := &m.Fields[c.field]
		*[]*Rate{&f.Agree, &f.Held, &f.Verified}[c.question] = s.rates[c.at]
	}
	for i := range m.Fields {
		f := &m.Fields[i]
		e.shared(s, f)
	}
	return m
}
