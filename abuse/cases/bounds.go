package cases

import (
	"math"
	"slices"

	"github.com/hueandcry/hueandcry/abuse"
)

// Kind says what a counter, a mode or an alarm is about. The zero Kind is none.
type Kind byte

// The kinds.
const (
	KindAll         Kind = 'a' // the whole service
	KindPartner     Kind = 'p' // a partner, by name
	KindRule        Kind = 'r' // a rule, by id
	KindCategory    Kind = 'c' // a category, by name
	KindSignal      Kind = 's' // a partner's signal, by "partner/uuid"
	rulePartner     Kind = 'R'
	categoryPartner Kind = 'C'
)

// String gives the kind's name: "partner".
func (k Kind) String() string {
	switch k {
	case KindAll:
		return "all"
	case KindPartner:
		return "partner"
	case KindRule, rulePartner:
		return "rule"
	case KindCategory, categoryPartner:
		return "category"
	case KindSignal:
		return "signal"
	}
	return "invalid"
}

// Names of bounds, as in Decision.Bounds and [Alarm.Bound].
const (
	CapPartner         = "cap_partner_day"
	CapRule            = "cap_rule_day"
	CapRulePartner     = "cap_rule_partner_day"
	CapCategory        = "cap_category_day"
	CapCategoryPartner = "cap_category_partner_day"
	CapDay             = "cap_day"
	CapBase            = "cap_base_day"
	TrippedPartner     = "background_partner"
	TrippedRule        = "background_rule"
	Quarantine         = "quarantine_signal"
	// BackgroundPolicy: the rule or the policy is in background by itself, and a step in force is
	// taken back for that reason.
	BackgroundPolicy = "background_policy"
	// NoEnd: the step had no end, or one beyond [abuse.MaxDuration], and no person with a name.
	NoEnd = "no_end"
	// Ruled: what a person has ruled stands.
	Ruled = "ruling"
)

// hit is a bound that is met. What it is of can be left out of the evidence, but for a rule and all.
type hit struct {
	bound string
	of    subject
	limit int64
	used  int64
}

func (h *hit) cap() bool {
	return h.bound != TrippedPartner && h.bound != TrippedRule && h.bound != Quarantine
}

// leaves says whether the hit keeps a sighting from having a part.
func (h *hit) leaves(s *abuse.Sighting) bool {
	switch h.of.kind {
	case KindPartner:
		return s.From == h.of.name
	case rulePartner, categoryPartner:
		return s.From == h.of.by && (h.of.kind == rulePartner || s.Signal.Category.String() == h.of.name)
	case KindCategory:
		return s.Signal.Category.String() == h.of.name
	case KindSignal:
		return signalSubject(Carrier{s.From, "", s.Signal.ID}) == h.of
	}
	return false
}

// share is the part of a shared cap that one partner may use.
func (l *Limits) share(limit int64) int64 {
	if l.PartnerShare < 0 || limit < 0 {
		return -1
	}
	return max(1, int64(l.PartnerShare*float64(limit)))
}

// base is the share of all accounts, or -1.
func (d *Desk) base() int64 {
	if d.cfg.Accounts == nil || d.cfg.Limits.BaseShare < 0 {
		return -1
	}
	n := d.cfg.Accounts()
	if n <= 0 {
		return -1
	}
	return max(1, int64(d.cfg.Limits.BaseShare*float64(n)))
}

// least gives the lower of two limits, of which -1 is none.
func least(a, b int64) int64 {
	if a < 0 || b >= 0 && b < a {
		return b
	}
	return a
}

// claims are the counters that a new step of this decision is charged to.
type claims struct {
	partners   []string
	rule       string
	categories []string
	carriers   []Carrier
}

func claimsOf(carriers []Carrier, rule string, categories []string) claims {
	c := claims{rule: rule, categories: categories, carriers: carriers}
	for _, s := range carriers {
		if !slices.Contains(c.partners, s.From) {
			c.partners = append(c.partners, s.From)
		}
	}
	return c
}

func (c *claims) subjects() []subject {
	all := []subject{{KindAll, "", ""}, {KindRule, c.rule, ""}}
	for _, p := range c.partners {
		all = append(all, subject{KindPartner, p, ""}, subject{rulePartner, c.rule, p})
		for _, k := range c.categories {
			all = append(all, subject{categoryPartner, k, p})
		}
	}
	for _, k := range c.categories {
		all = append(all, subject{KindCategory, k, ""})
	}
	for _, s := range c.carriers {
		all = append(all, signalSubject(s))
	}
	return all
}

// check says which bounds a new step would meet, and rings for each.
func (t *tally) check(c claims) (hits []hit, err error) {
	if err := t.fetch(c.subjects()...); err != nil {
		return nil, err
	}
	l := &t.desk.cfg.Limits
	cap := func(bound string, of subject, limit int64) {
		if used := t.counters[of].Used; limit >= 0 && used >= limit {
			hits = append(hits, hit{bound, of, limit, used})
		}
	}
	ruleCap, base := l.RuleDay, t.desk.base()
	if t.desk.cfg.RuleCap != nil {
		if own := t.desk.cfg.RuleCap(c.rule); own != 0 {
			ruleCap = own
		}
	}
	partnerCap := least(l.PartnerDay, least(l.share(l.Day), l.share(base)))
	for _, p := range c.partners {
		of := subject{KindPartner, p, ""}
		if t.modes[of] || t.leavesBand(of) {
			hits = append(hits, hit{TrippedPartner, of, t.end(of), t.counters[of].Used})
			continue
		}
		cap(CapPartner, of, partnerCap)
		cap(CapRulePartner, subject{rulePartner, c.rule, p}, l.share(ruleCap))
		for _, k := range c.categories {
			cap(CapCategoryPartner, subject{categoryPartner, k, p}, l.share(l.CategoryDay))
		}
	}
	for _, s := range c.carriers {
		cap(Quarantine, signalSubject(s), l.SignalAccounts)
	}
	if len(hits) == 0 { // what is one partner's fault is not a rule's
		for _, k := range c.categories {
			cap(CapCategory, subject{KindCategory, k, ""}, l.CategoryDay)
		}
		of := subject{KindRule, c.rule, ""}
		cap(CapRule, of, ruleCap)
		cap(CapDay, subject{KindAll, "", ""}, l.Day)
		cap(CapBase, subject{KindAll, "", ""}, base)
		if t.modes[of] {
			hits = append(hits, hit{TrippedRule, of, t.end(of), t.counters[of].Used})
		} else if len(hits) == 0 {
			blamed, err := t.ruleLeavesBand(of, c.partners)
			if err != nil {
				return nil, err
			}
			if blamed != (subject{}) {
				bound := TrippedRule
				if blamed.kind == KindPartner {
					bound = TrippedPartner
				}
				hits = append(hits, hit{bound, blamed, t.end(blamed), t.counters[blamed].Used})
			}
		}
	}
	for _, h := range hits {
		t.ring(h)
	}
	return hits, nil
}

// grant charges a new step.
func (t *tally) grant(c claims) {
	for _, s := range c.subjects() {
		t.counters[s].Used++
		t.touched[s] = true
	}
}

func (t *tally) end(of subject) int64 {
	end, _ := t.counters[of].band(&t.desk.cfg.Limits)
	return end
}

// trip puts a partner or a rule into background.
func (t *tally) trip(of subject) {
	t.modes[of] = true
	t.tripped = append(t.tripped, of)
}

// leavesBand says whether one step more leaves the band of a partner, who then is in background.
func (t *tally) leavesBand(of subject) bool {
	c := t.counters[of]
	end, ok := c.band(&t.desk.cfg.Limits)
	if !ok || c.Used-c.Forgiven+1 <= end {
		return false
	}
	t.trip(of)
	return true
}

// ruleLeavesBand likewise of a rule. Of the day's count what partners in background have done is
// left out; a partner who makes up half of it, and is one of these, is blamed in the rule's place.
// It gives who is in background now and has a part in the step.
func (t *tally) ruleLeavesBand(of subject, partners []string) (blamed subject, err error) {
	c := t.counters[of]
	end, ok := c.band(&t.desk.cfg.Limits)
	if !ok || c.Used-c.Forgiven+1 <= end {
		return subject{}, nil
	}
	prefix := text([]byte{counterRow, byte(rulePartner)}, of.name)
	rows, err := t.r.Scan(abuse.Bounds, prefix, after(prefix), math.MaxInt32)
	if err != nil {
		return subject{}, err
	}
	count := c.Used - c.Forgiven
	parts := map[string]int64{}
	var names []string
	for _, row := range rows {
		by, rest, ok := cut(row.Key[len(prefix):])
		if !ok || len(rest) > 0 {
			return subject{}, damaged("bounds")
		}
		part, p := subject{rulePartner, of.name, by}, subject{KindPartner, by, ""}
		if err := t.fetch(part, p); err != nil {
			return subject{}, err
		}
		used := t.counters[part].Used - t.counters[part].Forgiven
		if t.modes[p] {
			count -= used
		} else if used > 0 {
			parts[by], names = used, append(names, by)
		}
	}
	for count+1 > end {
		most := ""
		for _, by := range names {
			if parts[by] > parts[most] {
				most = by
			}
		}
		if parts[most] == 0 || 2*parts[most] < count {
			t.trip(of)
			return of, nil
		}
		p := subject{KindPartner, most, ""}
		t.trip(p)
		t.ring(hit{TrippedPartner, p, end, parts[most]})
		count -= parts[most]
		parts[most] = 0
		if slices.Contains(partners, most) {
			return p, nil
		}
	}
	return subject{}, nil
}

// carriersOf finds the signals that carry a decision, and their categories, in its explanation. In one
// that has met a bound and is settled, the explanation has more: copies too that a bound left out.
func carriersOf(dec *abuse.Decision) (carriers []Carrier, categories []abuse.Category) {
	for i := range dec.Explanation.Signals {
		s := &dec.Explanation.Signals[i]
		if !slices.Contains(dec.Signals, s.Signal.ID) {
			continue
		}
		c := Carrier{s.From, s.Signal.Origin, s.Signal.ID}
		if !slices.Contains(carriers, c) {
			carriers = append(carriers, c)
		}
		if !slices.Contains(categories, s.Signal.Category) {
			categories = append(categories, s.Signal.Category)
		}
	}
	return carriers, categories
}
