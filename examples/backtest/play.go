package main

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/cases"
	"github.com/hueandcry/hueandcry/abuse/policy"
	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
)

// level is how harsh a step must be to count.
type level int

const (
	soft   level = iota // limit or harsher
	hard                // suspend or harsher
	levels = 2
)

var leastOf = [levels]abuse.Action{abuse.Limit, abuse.Suspend}

// action is that an account came under a level.
type action struct {
	number number
	day    day
}

// sent is A's signal about a number, as it is in force.
type sent struct {
	id       uuid.UUID
	revision uint64
	valid    day // until its beginning
	said     int // its confidence
	label    []byte
	matched  bool
}

// partnerShare is how much of the caps one partner may use, and partnerDay how many new steps he
// may carry in a day: the defaults of package cases.
const (
	partnerShare = 0.5
	partnerDay   = 100
)

// step is what an account is under.
type step struct {
	action abuse.Action
	until  time.Time
}

func (s step) at(now time.Time) abuse.Action {
	if !now.Before(s.until) {
		return abuse.None
	}
	return s.action
}

// player plays a history.
type player struct {
	h     *history
	rules *policy.Set
	store abuse.Store
	desk  *cases.Desk
	now   time.Time

	a, b    book
	account []bool          // whether B has an account with the number
	signals map[number]sent // of A
	serial  uint64
	held    map[number]step
	sweep   *sweep

	played
}

// played is what was counted.
type played struct {
	sentSignals, revisions, withdrawn, matched, decisions int

	actions   [levels][]action
	inForce   [levels]int // complaints at B while a step was in force
	undone    [levels]int // steps that were taken back before their end
	shortened int         // steps that came to end sooner
	prevented map[string]int
	alarms    map[string]int
	resets    int
}

// play plays a history through the rules.
func play(ctx context.Context, h *history, rules *policy.Set) (*player, error) {
	if len(h.complaints) == 0 {
		return nil, errors.New("there is no complaint to play")
	}
	p := &player{h: h, rules: rules, store: abuse.NewMemory(), a: make(book, h.numbers), b: make(book, h.numbers),
		account: make([]bool, h.numbers), signals: map[number]sent{}, held: map[number]step{}, sweep: newSweep()}
	p.prevented, p.alarms = map[string]int{}, map[string]int{}
	accounts := int64(0)
	for i := range h.complaints {
		if c := &h.complaints[i]; c.own && !p.account[c.number] {
			p.account[c.number] = true
			accounts++
		}
	}
	var err error
	p.desk, err = cases.New(cases.Config{
		Decide: rules.Explain, RuleCap: rules.RuleCap, // what the file says, and its daily caps
		Store: p.store, Clock: func() time.Time { return p.now },
		Limits:   cases.Limits{PartnerShare: partnerShare, PartnerDay: partnerDay},
		Accounts: func() int64 { return accounts },
	})
	if err != nil {
		return nil, err
	}
	next := 0
	for today := h.first; today < h.end; today++ {
		if err := ctx.Err(); err != nil {
			return nil, context.Cause(ctx)
		}
		from := next
		for next < len(h.complaints) && h.complaints[next].day == today {
			next++
		}
		if err := p.day(ctx, today, h.complaints[from:next]); err != nil {
			return nil, err
		}
	}
	return p, p.store.Close()
}

// day plays one day: complaints come in, A sends its signals, B decides in the evening.
func (p *player) day(ctx context.Context, today day, complaints []complaint) error {
	if err := p.morning(ctx, today); err != nil {
		return err
	}
	var heardA, heardB []number
	for _, c := range complaints {
		if !c.own {
			p.a.hear(c.number, entry{c.day, c.area})
			heardA = append(heardA, c.number)
			continue
		}
		for l := range levels {
			if s := p.held[c.number]; s.at(today.midnight()) >= leastOf[l] {
				p.inForce[l]++
			}
		}
		p.b.hear(c.number, entry{c.day, c.area})
		heardB = append(heardB, c.number)
	}
	p.now = today.evening()
	heardA, heardB = tidy(heardA), tidy(heardB)
	changed := make([]number, 0, len(heardA))
	for _, n := range p.h.withdrawn[today] {
		if s, ok := p.signals[n]; ok && today < s.valid {
			p.withdrawn++
			delete(p.signals, n)
			changed = append(changed, n)
		}
	}
	for _, n := range heardA {
		ok, err := p.report(n, today)
		if err != nil {
			return err
		}
		if ok {
			changed = append(changed, n)
		}
	}
	for _, n := range heardB {
		p.sweep.alone(p, n, today)
	}
	changed = tidy(append(changed, heardB...))
	for _, n := range changed {
		p.sweep.note(p, n, today)
	}
	return p.decide(ctx, today, changed)
}

func tidy(list []number) []number {
	slices.Sort(list)
	return slices.Compact(list)
}

// morning forgets what has run out and lifts what has put A or a rule in background.
func (p *player) morning(ctx context.Context, today day) error {
	p.now = today.midnight()
	for n, s := range p.held {
		if !p.now.Before(s.until) {
			delete(p.held, n)
		}
	}
	if err := p.desk.Sweep(ctx, func(context.Context, cases.Ended) error { return nil }); err != nil {
		return err
	}
	type subject struct {
		kind cases.Kind
		name string
	}
	all := []subject{{cases.KindPartner, serviceA}}
	for _, r := range p.rules.Rules() {
		all = append(all, subject{cases.KindRule, r.ID})
	}
	for _, s := range all {
		var mode cases.Mode
		err := p.store.View(ctx, func(r abuse.Reader) (err error) {
			mode, err = p.desk.Mode(r, s.kind, s.name)
			return err
		})
		if err != nil {
			return err
		}
		if mode.Background() {
			p.resets++
			if err := p.desk.Reset(ctx, s.kind, s.name, "backtest"); err != nil {
				return err
			}
		}
	}
	return nil
}

// report lets A say what it makes of a number on which it had a complaint today; false: nothing.
func (p *player) report(n number, today day) (bool, error) {
	a := p.a.assess(n, today)
	if a.reports < leastReports {
		return false, nil
	}
	s, ok := p.signals[n]
	if !ok || today >= s.valid {
		p.serial++
		p.sentSignals++
		s = sent{id: signalID(p.now, p.serial)}
	} else {
		p.revisions++
	}
	s.revision++
	s.valid, s.said = a.last+validDays, a.confidence
	signal := a.signal(serviceA, s.id, s.revision)
	label, err := signal.AppendBinary(s.label[:0])
	if err != nil {
		return false, err
	}
	s.label = label
	if p.account[n] && !s.matched {
		s.matched = true
		p.matched++
	}
	p.signals[n] = s
	return true, nil
}

// evidence is what B has about an account today, by the way of a match.
func (p *player) evidence(n number, today day) (abuse.Evidence, error) {
	e := abuse.Evidence{Account: account(n), Holdings: []abuse.Holding{p.h.holding(n)}}
	if s, ok := p.signals[n]; ok && today < s.valid {
		m := linkage.Match{Account: e.Account, Signals: []linkage.MatchedSignal{
			{ID: s.id, Sequence: s.revision, Kinds: []hashing.Kind{hashing.Phone}, Places: []int{0}, Label: s.label}}}
		if err := e.Add(serviceA, m); err != nil {
			return e, err
		}
	}
	e.Own = p.b.own(n, today)
	return e, nil
}

// account is the reference of an account: the order in which its number was met.
func account(n number) string { return "account-" + strconv.Itoa(int(n)) }

// decide lets B decide on what has changed, in one transaction.
func (p *player) decide(ctx context.Context, today day, changed []number) error {
	type made struct {
		number   number
		evidence abuse.Evidence
		decision abuse.Decision
	}
	var all []made
	err := p.store.Update(ctx, func(w abuse.Writer) error {
		all = all[:0]
		for _, n := range changed {
			_, under := p.held[n]
			s, signalled := p.signals[n]
			if !p.account[n] || !under && !(signalled && today < s.valid) {
				continue // nothing that could be decided on: a rule needs a signal
			}
			e, err := p.evidence(n, today)
			if err != nil {
				return err
			}
			d, err := p.desk.Settle(w, e, p.now, true)
			if err != nil {
				return err
			}
			all = append(all, made{n, e, d})
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i := range all {
		p.count(all[i].number, &all[i].evidence, &all[i].decision, today)
	}
	return p.desk.Alarms(ctx, func(_ context.Context, a cases.Alarm) error {
		p.alarms[a.Bound]++
		return nil
	})
}

// count puts a decision down.
func (p *player) count(n number, e *abuse.Evidence, d *abuse.Decision, today day) {
	p.decisions++
	before, after := p.held[n].at(p.now), abuse.None
	if d.Mode == abuse.Backtest {
		after = d.Action
	}
	for l := range levels {
		switch least := leastOf[l]; {
		case before < least && after >= least:
			p.actions[l] = append(p.actions[l], action{n, today})
		case before >= least && after < least:
			p.undone[l]++
		}
	}
	if d.Undoes != (uuid.UUID{}) && after == before {
		p.shortened++
	}
	p.held[n] = step{after, d.Until}
	if after <= abuse.None {
		delete(p.held, n)
	}
	p.prevent(e, d)
}

// prevent counts what bounds and guards have kept a decision from.
func (p *player) prevent(e *abuse.Evidence, d *abuse.Decision) {
	proposed := d.Action
	var names []string
	for _, b := range d.Bounds {
		proposed = max(proposed, b.Proposed)
		if b.Proposed > d.Action || d.Mode == abuse.Background {
			names = append(names, b.Name)
		}
	}
	for i := range d.Explanation.Signals {
		for _, f := range d.Explanation.Signals[i].Findings {
			if g := f.Guard.String(); !slices.Contains(names, g) && p.rules.Decide(lift(*e, f.Guard), p.now).Action > proposed {
				names = append(names, g)
			}
		}
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		p.prevented[name]++
	}
}

// lift gives the evidence as it would be if a guard about the account had nothing to say.
func lift(e abuse.Evidence, g abuse.Guard) abuse.Evidence {
	e.Holdings = slices.Clone(e.Holdings)
	for i := range e.Holdings {
		switch h := &e.Holdings[i]; g {
		case abuse.GuardRecycled:
			h.Since = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
		case abuse.GuardOverShared:
			h.Accounts = 1
		case abuse.GuardUnverified:
			h.Verified = abuse.Yes
		}
	}
	return e
}
