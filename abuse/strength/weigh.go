package strength

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/hueandcry/hueandcry/abuse"
)

// Part is what one field adds to a [Strength]. All weights are bits, log2 of a ratio of
// likelihoods.
type Part struct {
	Compared
	Agreement float64 // what Agree weighs
	Holding   float64 // what Held and Gap weigh
	Proof     float64 // what Verified weighs
	Sharing   float64 // what Here and There weigh
	// Weight is the sum of these, no less than 0 where Agree is Yes.
	Weight float64
	// Share is the part of Weight that counts: 1, or Model.Dependence where another device, or
	// another number, says more.
	Share float64
}

// Strength is how strongly a comparison speaks for one person. The zero Strength is that of no
// comparison.
type Strength struct {
	Weight      float64 // in bits, without the prior: the sum of Share*Weight of the parts
	Probability float64 // that both accounts are one person's, 0 to 1, given the prior
	Parts       []Part  // by kind, the heaviest first; of fields with an answer only
}

// Score gives the probability as a whole number from 0 to 100, rounded down: 100 is certain to the
// last bit that a float64 has.
func (s Strength) Score() int { return int(100 * s.Probability) }

// String explains the strength to a person, field by field; no identifier is in it.
func (s Strength) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "probability %.4f, weight %+.1f bits", s.Probability, s.Weight)
	for _, p := range s.Parts {
		answer := "disagrees"
		if p.Agree == abuse.Yes {
			answer = "agrees"
		}
		fmt.Fprintf(&b, "\n  %s %s %+.1f", p.Kind, answer, p.Agreement)
		switch p.Held {
		case abuse.Yes:
			fmt.Fprintf(&b, ", held before the reports %+.1f", p.Holding)
		case abuse.No:
			fmt.Fprintf(&b, ", held since %.0f days after the reports %+.1f", p.Gap.Hours()/24, p.Holding)
		}
		switch p.Verified {
		case abuse.Yes:
			fmt.Fprintf(&b, ", proved %+.1f", p.Proof)
		case abuse.No:
			fmt.Fprintf(&b, ", not proved %+.1f", p.Proof)
		}
		if n := p.accounts(); n > 0 {
			fmt.Fprintf(&b, ", held by %d %+.1f", n, p.Sharing)
		}
		fmt.Fprintf(&b, " = %+.1f", p.Weight)
		if p.Share != 1 {
			fmt.Fprintf(&b, ", of which counts %.2f", p.Share)
		}
	}
	return b.String()
}

// Weigh says how strongly a comparison speaks for one person. It does not depend on the order of
// the comparison's fields. The model must be valid.
func (m Model) Weigh(c Comparison) Strength {
	return m.weighInto(make([]Part, 0, len(c)), c)
}

// weighInto puts the parts behind those given, which are none.
func (m *Model) weighInto(parts []Part, c Comparison) Strength {
	s := Strength{Parts: parts}
	for _, compared := range c {
		if f, ok := m.field(compared.Kind); ok && (compared.Agree == abuse.Yes || compared.Agree == abuse.No) {
			s.Parts = append(s.Parts, f.part(compared))
		}
	}
	// A full order, so that sums are the same to the last bit whatever the order given.
	slices.SortFunc(s.Parts, func(a, b Part) int {
		return cmp.Or(cmp.Compare(b.Weight, a.Weight), cmp.Compare(a.Kind, b.Kind), compareAnswers(a, b))
	})
	// Of the numbers, and of the devices, the heaviest agreement and the heaviest disagreement
	// count in full.
	var agreed, differed [2]bool
	for i := range s.Parts {
		p := &s.Parts[i]
		p.Share = m.count(p, &agreed, abuse.Yes)
	}
	for i := len(s.Parts) - 1; i >= 0; i-- {
		if p := &s.Parts[i]; p.Agree == abuse.No {
			p.Share = m.count(p, &differed, abuse.No)
		}
	}
	for i := range s.Parts {
		s.Weight += s.Parts[i].Share * s.Parts[i].Weight
	}
	slices.SortStableFunc(s.Parts, func(a, b Part) int { return cmp.Compare(a.Kind, b.Kind) })
	s.Probability = m.probability(s.Weight)
	return s
}

// compareAnswers makes an order of parts that weigh the same.
func compareAnswers(a, b Part) int {
	return cmp.Or(cmp.Compare(a.Agree, b.Agree), cmp.Compare(a.Held, b.Held),
		cmp.Compare(a.Gap, b.Gap), cmp.Compare(a.Verified, b.Verified), cmp.Compare(a.Here, b.Here), cmp.Compare(a.There, b.There))
}

// count gives the share that a part has, the first of its side having all.
func (m *Model) count(p *Part, first *[2]bool, answer abuse.Truth) float64 {
	if p.Agree != answer {
		return 0
	}
	side := 0
	if p.Kind.Device() {
		side = 1
	}
	if first[side] {
		return m.Dependence
	}
	first[side] = true
	return 1
}

// part weighs one field.
func (f *Field) part(c Compared) Part {
	p := Part{Compared: c, Agreement: f.Agree.bits(c.Agree)}
	if c.Agree != abuse.Yes {
		// Nothing agrees of which the rest could be told.
		p.Compared = Compared{Kind: c.Kind, Agree: c.Agree}
		p.Weight = p.Agreement
		return p
	}
	p.Holding, p.Proof = f.Held.bits(c.Held), f.Verified.bits(c.Verified)
	if f.Typical > 0 {
		n := f.Typical
		if c.accounts() > 0 {
			n = float64(c.accounts())
		}
		if c.Here < 1 { // what the partner says is the least, for here there may be more
			n = max(n, f.Typical)
		}
		strays := f.Stray / (n - 1 + f.Stray)
		p.Holding, p.Proof = p.Holding*strays, p.Proof*strays
		p.Sharing = math.Log2((f.Typical - 1 + f.Stray) / (n - 1 + f.Stray))
	}
	if c.Held == abuse.No { // in full: whoever was given it is one holder more
		p.Holding = f.Held.bits(abuse.No)
		if f.HalfLife > 0 {
			p.Holding -= max(c.Gap, 0).Hours() / 24 / f.HalfLife
		}
	}
	if c.Verified == abuse.No {
		p.Proof = f.Verified.bits(abuse.No)
	}
	p.Weight = max(p.Agreement+p.Holding+p.Proof+p.Sharing, 0)
	return p
}

// probability adds a weight to the prior.
func (m *Model) probability(bits float64) float64 {
	if m.Prior <= 0 || m.Prior >= 1 {
		return 0
	}
	return 1 / (1 + math.Exp2(-bits-math.Log2(m.Prior/(1-m.Prior))))
}

// Score compares and weighs in one go: the strength of a sighting of the account with these
// holdings, from 0 to 100. It allocates nothing for up to eight identifiers.
func (m Model) Score(s abuse.Sighting, here []abuse.Holding) int {
	var fields [8]Compared
	var parts [8]Part
	return m.weighInto(parts[:0], compareInto(fields[:0], &s, here, nil)).Score()
}

// Match is the strength of one signal of an evidence, as the probability that its account there and
// the account here are one person's, 0 to 1; false if nothing agrees of which the model knows. The
// time is not asked. It has the form in which package policy takes its match.strength; the name
// that it asks for beside may be that of [Model.Hash].
func (m Model) Match(e *abuse.Evidence, w *abuse.Weighed, _ time.Time) (float64, bool) {
	var fields [8]Compared
	var parts [8]Part
	s := m.weighInto(parts[:0], compareInto(fields[:0], &w.Sighting, e.Holdings, nil))
	return s.Probability, len(s.Parts) > 0
}
