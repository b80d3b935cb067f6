package strength

import (
	"math"

	"github.com/hueandcry/hueandcry/abuse"
)

// column is one question about one kind that some pair answers.
type column struct {
	field, question int  // index of Base.Fields; askAgree and so on
	at              int  // index of the answer in a key, and of the rate in a state
	base            Rate // what Base says
	// The pairs that Base imagines: right ones and wrong ones, and those of each of which the
	// answer is yes.
	right, rightYes, wrong, wrongYes float64
	// Those of them that stand for agreements of which it is known whether they are right.
	labelledRight, labelledWrong float64
}

// state is all that one run of EM changes.
type state struct {
	prior float64
	rates [kindsEnd * questions]Rate // by column.at; of columns only
	right []float64                  // by cell: the probability that its pairs are right
}

// em is what is known of the pairs.
type em struct {
	cells     []cell
	columns   []column
	pseudo    float64
	total     float64 // pairs
	anyAgrees float64 // pairs of which something agrees
	least     float64 // the least rate: half a pair in all
	// The agreements that Base imagines with their truth: they count for the prior too.
	right, wrong float64
}

func newEM(cells []cell, o *Options, fit *Fit) *em {
	e := &em{cells: cells, pseudo: o.Pseudo}
	for i, f := range o.Base.Fields {
		for q, base := range [questions]Rate{f.Agree, f.Held, f.Verified} {
			c := column{field: i, question: q, at: int(f.Kind)*questions + q, base: base}
			c.imagine(o.Pseudo, o.Base.Prior)
			answered := false
			for j := range cells {
				answered = answered || cells[j].answers[c.at] != abuse.Unknown
			}
			if answered {
				e.columns = append(e.columns, c)
				e.right, e.wrong = e.right+c.labelledRight, e.wrong+c.labelledWrong
			} else if q == askAgree {
				fit.Kept = append(fit.Kept, f.Kind)
			}
		}
	}
	for j := range cells {
		e.total += cells[j].pairs
		for _, c := range e.columns {
			if c.question == askAgree && cells[j].answers[c.at] == abuse.Yes {
				e.anyAgrees += cells[j].pairs
				break
			}
		}
	}
	e.least = max(.5/max(e.total, 1), MinRate)
	fit.Free = 1 + 2*len(e.columns)
	fit.Identified = fit.Patterns-1 >= fit.Free && e.kinds() >= 3
	return e
}

// imagine makes pairs that say what Base says of m and, of what is asked of agreements, of u. For u
// of the agreement itself, which belongs to accounts as numerous as those of Base, stands which
// part of agreements is right: so many agreements are imagined with their truth.
func (c *column) imagine(pairs, prior float64) {
	c.right, c.rightYes = pairs, pairs*c.base.M
	if c.question != askAgree {
		c.wrong, c.wrongYes = pairs, pairs*c.base.U
		return
	}
	right, wrong := prior*c.base.M, (1-prior)*c.base.U
	c.labelledRight, c.labelledWrong = pairs*right/(right+wrong), pairs*wrong/(right+wrong)
	c.right, c.rightYes = c.right+c.labelledRight, c.rightYes+c.labelledRight
	c.wrong, c.wrongYes = c.labelledWrong, c.labelledWrong
}

// kinds counts the kinds that some pair has. Two classes of two independent answers each are five
// rates over three free counts; from three kinds on there are enough.
func (e *em) kinds() (n int) {
	for _, c := range e.columns {
		if c.question == askAgree {
			n++
		}
	}
	return n
}

// begin is a state in which a part of the pairs with an agreement is right. What Base says of m
// holds, and u is what is left of the agreements.
func (e *em) begin(part float64) state {
	s := state{prior: e.bound(part * e.anyAgrees / e.total), right: make([]float64, len(e.cells))}
	for _, c := range e.columns {
		r := Rate{M: e.bound(c.base.M), U: e.bound(c.base.U)}
		if c.question == askAgree {
			yes, asked := 0.0, 0.0
			for j := range e.cells {
				switch a := e.cells[j].answers[c.at]; a {
				case abuse.Yes:
					yes += e.cells[j].pairs
					asked += e.cells[j].pairs
				case abuse.No:
					asked += e.cells[j].pairs
				}
			}
			r.U = min(e.bound((1-part)*yes/asked), r.M)
		}
		s.rates[c.at] = r
	}
	return s
}

func (e *em) bound(p float64) float64 { return min(max(p, e.least), min(1-e.least, MaxRate)) }

// run takes steps until no rate moves, and gives the objective before the first and after each.
func (e *em) run(s *state, steps int) (objective []float64, converged bool) {
	objective = []float64{e.expect(s)}
	for range steps {
		moved := e.maximise(s)
		objective = append(objective, e.expect(s))
		if moved < 1e-6 {
			return objective, true
		}
	}
	return objective, false
}

// expect is the E-step: how probably the pairs of each cell are right. It gives the objective at
// the state.
func (e *em) expect(s *state) float64 {
	objective := 0.0
	for _, c := range e.columns {
		r := s.rates[c.at]
		objective += c.rightYes*math.Log(r.M) + (c.right-c.rightYes)*math.Log1p(-r.M)
		objective += c.wrongYes*math.Log(r.U) + (c.wrong-c.wrongYes)*math.Log1p(-r.U)
	}
	objective += e.right*math.Log(s.prior) + e.wrong*math.Log1p(-s.prior)
	for j := range e.cells {
		right, wrong := math.Log(s.prior), math.Log1p(-s.prior)
		for _, c := range e.columns {
			r := s.rates[c.at]
			switch e.cells[j].answers[c.at] {
			case abuse.Yes:
				right += math.Log(r.M)
				wrong += math.Log(r.U)
			case abuse.No:
				right += math.Log1p(-r.M)
				wrong += math.Log1p(-r.U)
			}
		}
		// A sum of logarithms times 10^9 pairs: what is beside 1 must not be lost.
		s.right[j] = 1 / (1 + math.Exp(wrong-right))
		objective += e.cells[j].pairs * (max(right, wrong) + math.Log1p(math.Exp(-math.Abs(right-wrong))))
	}
	return objective
}

// maximise is the M-step: the rates under which the expected counts, and what Base says, are most
// probable. It gives by how much of itself, at most, a rate has moved.
//
// The objective of one question is concave in m and in u, and a sum of the two. So its maximum with
// m not below u is the free one, or where that has m below u, lies at m = u with both counts in
// one; and bounds on both may be applied after that.
func (e *em) maximise(s *state) (moved float64) {
	matches := e.right
	for j := range e.cells {
		matches += e.cells[j].pairs * s.right[j]
	}
	prior := e.bound(matches / (e.total + e.right + e.wrong))
	moved = math.Abs(prior-s.prior) / s.prior
	s.prior = prior
	for _, c := range e.columns {
		yesM, allM, yesU, allU := c.rightYes, c.right, c.wrongYes, c.wrong
		for j := range e.cells {
			a := e.cells[j].answers[c.at]
			if a == abuse.Unknown {
				continue
			}
			m := e.cells[j].pairs * s.right[j]
			u := e.cells[j].pairs * (1 - s.right[j])
			allM += m
			allU += u
			if a == abuse.Yes {
				yesM += m
				yesU += u
			}
		}
		r := Rate{M: yesM / allM, U: yesU / allU}
		if r.M < r.U {
			r.M = (yesM + yesU) / (allM + allU)
			r.U = r.M
		}
		r.M, r.U = e.bound(r.M), e.bound(r.U)
		old := s.rates[c.at]
		moved = max(moved, math.Abs(r.M-old.M)/old.M, math.Abs(r.U-old.U)/old.U)
		s.rates[c.at] = r
	}
	return moved
}
