package cases_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/cases"
)

// model is the slow and obvious account of what should be: plain maps, nothing written down but
// what was decided, everything else counted anew each time. What a bound left out of a decision it
// does not foresee: it takes the carriers as they are and asks whether they may be so.
type model struct {
	t       testing.TB
	limits  cases.Limits
	signals map[ref]*told
	all     []*told
	about   map[string][]*told
	since   map[string]time.Time // when the account got its number
	rulings map[string]ruled
	cleared map[string]map[uuid.UUID]bool // signals that a person has cleared an account of, for good
	last    map[string]abuse.Decision     // the last on each account
	auto    map[string]step               // what automation came to last, in force or beneath a ruling
	back    map[string]bool               // a bound kept it from more
	log     []entry
}

// ref is a signal as a partner sent it.
type ref struct {
	from   string
	signal uuid.UUID
}

// told is a signal as it stands.
type told struct {
	signal   abuse.Signal
	from     string
	accounts []string
	gone     bool
}

func (s *told) ref() ref { return ref{s.from, s.signal.ID} }

func (s *told) number() int { return int(s.signal.ID[15]) | int(s.signal.ID[14])<<8 }

type ruled struct {
	action   abuse.Action
	until    time.Time
	seen     map[uuid.UUID]bool // by ID: a copy that comes another way is the same finding
	decision uuid.UUID
	carriers []ref
}

// forEver says whether an automatic step will never come to light under the ruling.
func (r ruled) forEver(action abuse.Action) bool { return r.until.IsZero() && action <= r.action }

type step struct {
	decision uuid.UUID
	action   abuse.Action
	until    time.Time
	carriers []ref
	charged  []ref // of the carriers, those that bounds were asked about
}

// continues says whether a step with these carriers goes on with this one.
func (s step) continues(carriers []ref) bool { return len(both(carriers, s.charged)) > 0 }

func both(a, b []ref) []ref {
	return slices.DeleteFunc(slices.Clone(a), func(r ref) bool { return !slices.Contains(b, r) })
}

func refs(carriers []cases.Carrier) (all []ref) {
	for _, c := range carriers {
		all = append(all, ref{c.From, c.Signal})
	}
	return all
}

// entry is one thing that was decided.
type entry struct {
	day        time.Time
	fresh      bool // a new step, harsher than a label, in force or for when a ruling ends
	carriers   []ref
	partners   []string
	rule       string
	categories []abuse.Category
	undone     []string // origins that are owed a receipt
	what       int      // undone, softened, overturned
}

func (e *entry) by(partner string) bool { return slices.Contains(e.partners, partner) }

func newModel(t testing.TB, limits cases.Limits) *model {
	return &model{t: t, limits: limits, signals: map[ref]*told{}, about: map[string][]*told{}, since: map[string]time.Time{},
		rulings: map[string]ruled{}, cleared: map[string]map[uuid.UUID]bool{}, last: map[string]abuse.Decision{},
		auto: map[string]step{}, back: map[string]bool{}}
}

func (m *model) tell(s *told) {
	m.signals[s.ref()] = s
	m.all = append(m.all, s)
	for _, a := range s.accounts {
		m.about[a] = append(m.about[a], s)
	}
}

// evidence is all that is live about an account.
func (m *model) evidence(account string, now time.Time) abuse.Evidence {
	var live []abuse.Signal
	for _, s := range m.about[account] {
		if !s.gone && s.signal.ValidUntil.After(now) {
			live = append(live, s.signal)
		}
	}
	e := evidence(account, live...)
	if since, ok := m.since[account]; ok {
		e.Holdings[0].Since = since
	}
	return e
}

// unseen leaves out what lay before a person whose ruling stands, or who cleared the account of it.
func (m *model) unseen(account string, now time.Time) abuse.Evidence {
	r, ok := m.ruling(account, now)
	return only(m.evidence(account, now), func(s ref) bool { return !m.cleared[account][s.signal] && !(ok && r.seen[s.signal]) })
}

func only(e abuse.Evidence, which func(ref) bool) abuse.Evidence {
	e.Sightings = slices.DeleteFunc(slices.Clone(e.Sightings), func(s abuse.Sighting) bool { return !which(ref{s.From, s.Signal.ID}) })
	return e
}

func (m *model) ruling(account string, now time.Time) (ruled, bool) {
	r, ok := m.rulings[account]
	return r, ok && (r.until.IsZero() || r.until.After(now))
}

// automatic gives what automation has put in force, or will have when a ruling ends.
func (m *model) automatic(account string, now time.Time) step {
	if s := m.auto[account]; s.action > abuse.None && s.until.After(now) {
		return s
	}
	return step{action: abuse.None}
}

// now gives what an account is under: the harsher of what evidence carries and a person has ruled.
func (m *model) now(account string, now time.Time) step {
	s := m.automatic(account, now)
	if r, ok := m.ruling(account, now); ok && r.action > abuse.None && r.action >= s.action {
		s = step{r.decision, r.action, r.until, r.carriers, r.carriers}
	}
	return s
}

// count counts new steps of a day that match.
func (m *model) count(day time.Time, match func(*entry) bool) (n int64) {
	for i := range m.log {
		if e := &m.log[i]; e.fresh && e.day.Equal(day) && match(e) {
			n++
		}
	}
	return n
}

func dayOf(t time.Time) time.Time { return t.Truncate(24 * time.Hour) }

// bounded says whether a cap or quarantine had a part in a decision.
func bounded(d abuse.Decision) bool {
	return slices.ContainsFunc(d.Bounds, func(b abuse.Bound) bool { return b.Name != cases.Ruled })
}

// heldBack gives the accounts on which automation came short of the rules.
func (m *model) heldBack() (accounts []string) {
	for account, back := range m.back {
		if back {
			accounts = append(accounts, account)
		}
	}
	slices.SortFunc(accounts, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) })
	return accounts
}

// stored is what the desk knows of an account, and who was in background before it decided.
type stored struct {
	step       cases.Step // the automatic one
	background map[string]bool
}

// settled compares a decision with what should be, and puts it down.
func (m *model) settled(account string, now time.Time, d abuse.Decision, has stored) {
	t := m.t
	before, auto := m.now(account, now), m.automatic(account, now)
	unseen := m.unseen(account, now)
	want := decide(unseen, now)
	ruling, stands := m.ruling(account, now)
	is := step{decision: has.step.Decision, action: max(has.step.Action, abuse.None), until: has.step.Until, carriers: refs(has.step.Carriers)}
	var could []ref // carry what the rules want
	for _, s := range unseen.Sightings {
		if want.Action > abuse.None && slices.Contains(want.Signals, s.Signal.ID) {
			could = append(could, ref{s.From, s.Signal.ID})
		}
	}

	if bounded(d) {
		require.LessOrEqual(t, is.action, want.Action)
		require.False(t, stands && ruling.forEver(want.Action), "what never comes to light is not bounded")
		if auto.continues(could) {
			require.Greater(t, want.Action, auto.action, "only what is new is bounded")
		}
		m.used(now, d)
		own := decide(only(unseen, func(s ref) bool { return slices.Contains(auto.charged, s) }), now)
		if own.Action >= auto.action { // what the step rests on is not bounded again
			require.GreaterOrEqual(t, is.action, auto.action)
		}
		alone := decide(only(unseen, func(s ref) bool { return slices.Contains(is.carriers, s) }), now)
		require.GreaterOrEqual(t, alone.Action, is.action, "the carriers do not carry it")
	} else {
		require.Equal(t, want.Action, is.action, "%s under %s", account, before.action)
		require.ElementsMatch(t, could, is.carriers)
	}
	m.back[account] = slices.ContainsFunc(d.Bounds, func(b abuse.Bound) bool { return b.Name != cases.Ruled && b.Proposed > is.action })

	live, action, until := d.Action, is.action, is.until
	if d.Mode != abuse.Live {
		live = abuse.None
		require.Zero(t, d.Undoes, "what undoes is live")
	}
	person := stands && ruling.action > abuse.None && ruling.action >= is.action
	if person {
		action, until = ruling.action, ruling.until
	}
	require.Equal(t, action, live, account)
	require.Equal(t, person, d.Reviewer != "")
	if live > abuse.None {
		require.True(t, until.Equal(d.Until))
	}
	sooner := !until.IsZero() && (before.until.IsZero() || until.Before(before.until))
	undoes := before.action > abuse.None && (live < before.action || live == before.action && sooner)
	require.Equal(t, undoes, d.Undoes != uuid.Nil, "%s until %s, and then %s until %s", before.action, before.until, live, until)

	e := entry{day: dayOf(now), rule: has.step.Rule, carriers: is.carriers}
	if auto.action > abuse.Label { // those who join what was charged already are charged, or all where nobody does
		e.carriers = slices.DeleteFunc(slices.Clone(is.carriers), func(r ref) bool { return slices.Contains(auto.charged, r) })
		if len(e.carriers) == 0 {
			e.carriers = is.carriers
		}
	}
	e.fresh = is.action > abuse.Label && (is.action > auto.action || !auto.continues(is.carriers)) && !(stands && ruling.forEver(is.action))
	if is.charged = both(is.carriers, auto.charged); e.fresh || is.action <= abuse.Label {
		is.charged = is.carriers
	}
	along := refs(has.step.Along)
	require.ElementsMatch(t, is.charged, slices.DeleteFunc(slices.Clone(is.carriers), func(r ref) bool { return slices.Contains(along, r) }))
	for _, r := range e.carriers {
		if !e.by(r.from) {
			e.partners = append(e.partners, r.from)
		}
	}
	for _, r := range is.carriers {
		if c := m.signals[r].signal.Category; !slices.Contains(e.categories, c) {
			e.categories = append(e.categories, c)
		}
		require.False(t, e.fresh && has.background[r.from], "%s is in background", r.from)
	}
	require.False(t, e.fresh && has.background[e.rule], "%s is in background", e.rule)
	if undoes {
		require.Equal(t, before.decision, d.Undoes)
		e.undone = m.origins(before.carriers, is.carriers)
		if live > abuse.None {
			e.what = 1
		}
	}
	m.log = append(m.log, e)
	m.auto[account], m.last[account] = is, d
}

// origins gives those of carriers that are no carriers any more, or of all if all still are.
func (m *model) origins(were, are []ref) (origins []string) {
	gone := slices.DeleteFunc(slices.Clone(were), func(r ref) bool { return slices.Contains(are, r) })
	if len(gone) == 0 {
		gone = were
	}
	for _, r := range gone {
		if o := m.signals[r].signal.Origin; !slices.Contains(origins, o) {
			origins = append(origins, o)
		}
	}
	return origins
}

// used says whether the caps that a decision names had been used up.
func (m *model) used(now time.Time, d abuse.Decision) {
	day := dayOf(now)
	for _, b := range d.Bounds {
		if b.Name == cases.Ruled {
			continue
		}
		if b.Name != cases.TrippedPartner && b.Name != cases.TrippedRule {
			require.GreaterOrEqual(m.t, b.Used, b.Limit, b.Name)
		}
		require.Greater(m.t, b.Proposed, abuse.Label)
		switch b.Name {
		case cases.CapDay:
			require.Equal(m.t, m.count(day, func(*entry) bool { return true }), b.Used)
		case cases.CapPartner:
			require.True(m.t, slices.ContainsFunc(partners, func(p string) bool {
				return m.count(day, func(e *entry) bool { return e.by(p) }) == b.Used
			}), "%s used %d", b.Name, b.Used)
		}
	}
}

// ruled puts down what a person has decided who has looked at these decisions: with all that carries
// the step, or without what they do not show of it.
func (m *model) ruled(account string, now time.Time, d abuse.Decision, all bool, looked ...abuse.Decision) {
	before := m.now(account, now)
	r := ruled{action: d.Action, until: d.Until, seen: map[uuid.UUID]bool{}, decision: d.ID}
	if all {
		for _, s := range m.auto[account].carriers {
			r.seen[s.signal] = true
		}
	}
	for _, d := range looked {
		for _, s := range d.Explanation.Signals {
			r.seen[s.Signal.ID] = true
		}
	}
	ruling, stands := m.ruling(account, now)
	if !stands || ruling.decision != before.decision { // automation's
		before.carriers = slices.DeleteFunc(slices.Clone(before.carriers), func(s ref) bool { return !r.seen[s.signal] })
	}
	if stands {
		maps.Copy(r.seen, ruling.seen)
	}
	r.carriers = before.carriers
	sooner := !r.until.IsZero() && (before.until.IsZero() || r.until.Before(before.until))
	undoes := before.action > abuse.None && (r.action < before.action || r.action == before.action && sooner)
	require.Equal(m.t, undoes, d.Undoes != uuid.Nil)
	if undoes {
		require.Equal(m.t, before.decision, d.Undoes)
		m.log = append(m.log, entry{day: dayOf(now), undone: m.origins(before.carriers, nil), what: 2})
	}
	m.rulings[account], m.auto[account], m.back[account] = r, step{action: abuse.None}, false
}

// clear puts down that a person has cleared an account of signals.
func (m *model) clear(account string, signals ...uuid.UUID) {
	if m.cleared[account] == nil {
		m.cleared[account] = map[uuid.UUID]bool{}
	}
	for _, id := range signals {
		m.cleared[account][id] = true
	}
}

// caps says that no cap was exceeded on any day, nor one partner's share of it, and no quarantine.
func (m *model) caps() {
	least := func(day time.Time, limit int64, match func(*entry) bool) {
		m.t.Helper()
		if limit < 0 {
			return
		}
		require.LessOrEqual(m.t, m.count(day, match), limit)
		for _, p := range partners {
			require.LessOrEqual(m.t, m.count(day, func(e *entry) bool { return match(e) && e.by(p) }), max(1, limit/2))
		}
	}
	days, counts := map[time.Time]bool{}, map[ref]int64{}
	for _, e := range m.log {
		if e.fresh {
			days[e.day] = true
			for _, r := range e.carriers {
				counts[r]++
			}
		}
	}
	for r, n := range counts {
		require.True(m.t, m.limits.SignalAccounts < 0 || n <= m.limits.SignalAccounts, "%s on %d", r, n)
	}
	for day := range days {
		least(day, m.limits.Day, func(*entry) bool { return true })
		for _, p := range partners {
			n := m.count(day, func(e *entry) bool { return e.by(p) })
			require.True(m.t, m.limits.PartnerDay < 0 || n <= m.limits.PartnerDay, p)
		}
		for _, r := range policy.Rules {
			least(day, m.limits.RuleDay, func(e *entry) bool { return e.rule == r.ID })
		}
		for c := abuse.Spam; c <= abuse.Other; c++ {
			least(day, m.limits.CategoryDay, func(e *entry) bool { return slices.Contains(e.categories, c) })
		}
	}
}

// owed gives the receipts that should be there.
func (m *model) owed() map[string][3]int64 {
	all := map[string][3]int64{}
	for _, e := range m.log {
		for _, o := range e.undone {
			key := fmt.Sprint(o, " ", e.day.Format(time.DateOnly))
			c := all[key]
			c[e.what]++
			all[key] = c
		}
	}
	return all
}
