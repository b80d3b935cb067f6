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
// what was decided, everything else counted anew each time.
type model struct {
	t       testing.TB
	limits  cases.Limits
	signals map[uuid.UUID]*told
	since   map[string]time.Time // when the account got its number
	rulings map[string]ruled
	last    map[string]abuse.Decision // the last on each account
	under   map[string]step           // what was put in force last
	log     []entry
}

// told is a signal as it stands.
type told struct {
	signal   abuse.Signal
	accounts []string
	gone     bool
}

type ruled struct {
	action   abuse.Action
	until    time.Time
	seen     map[uuid.UUID]bool
	decision uuid.UUID
	carriers []uuid.UUID
}

type step struct {
	decision uuid.UUID
	action   abuse.Action
	until    time.Time
	carriers []uuid.UUID
	charged  []uuid.UUID // of the carriers, those that bounds were asked about
}

// continues says whether a step with these carriers goes on with this one.
func (s step) continues(carriers []uuid.UUID) bool {
	return len(both(carriers, s.charged)) > 0
}

func both(a, b []uuid.UUID) []uuid.UUID {
	return slices.DeleteFunc(slices.Clone(a), func(id uuid.UUID) bool { return !slices.Contains(b, id) })
}

// entry is one thing that was decided.
type entry struct {
	day        time.Time
	fresh      bool // a new step, harsher than a label
	partners   []string
	rule       string
	categories []abuse.Category
	undone     []string // origins that are owed a receipt
	what       int      // undone, softened, overturned
}

func newModel(t testing.TB, limits cases.Limits) *model {
	return &model{t: t, limits: limits, signals: map[uuid.UUID]*told{}, since: map[string]time.Time{}, rulings: map[string]ruled{},
		last: map[string]abuse.Decision{}, under: map[string]step{}}
}

// evidence is all that is live about an account.
func (m *model) evidence(account string, now time.Time) abuse.Evidence {
	e := evidence(account)
	if since, ok := m.since[account]; ok {
		e.Holdings[0].Since = since
	}
	for _, id := range slices.SortedFunc(maps.Keys(m.signals), func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) }) {
		s := m.signals[id]
		if !s.gone && s.signal.ValidUntil.After(now) && slices.Contains(s.accounts, account) {
			e.Sightings = append(e.Sightings, evidence(account, s.signal).Sightings...)
		}
	}
	return e
}

// unseen leaves out what lay before a person whose ruling stands.
func (m *model) unseen(account string, now time.Time) abuse.Evidence {
	e := m.evidence(account, now)
	if r, ok := m.ruling(account, now); ok {
		e.Sightings = slices.DeleteFunc(e.Sightings, func(s abuse.Sighting) bool { return r.seen[s.Signal.ID] })
	}
	return e
}

func (m *model) ruling(account string, now time.Time) (ruled, bool) {
	r, ok := m.rulings[account]
	return r, ok && (r.until.IsZero() || r.until.After(now))
}

// now gives what an account is under: the harsher of what evidence carries and a person has ruled.
func (m *model) now(account string, now time.Time) step {
	s := m.under[account]
	if s.action == 0 || !s.until.IsZero() && !s.until.After(now) {
		s = step{action: abuse.None}
	}
	if r, ok := m.ruling(account, now); ok && r.action > abuse.None && r.action >= s.action {
		s = step{r.decision, r.action, r.until, r.carriers, r.carriers}
	}
	return s
}

// count counts new steps of a day that match.
func (m *model) count(day time.Time, match func(entry) bool) (n int64) {
	for _, e := range m.log {
		if e.fresh && e.day.Equal(day) && match(e) {
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

// heldBack gives the accounts whose last decision came short of the rules.
func (m *model) heldBack() (accounts []string) {
	for account, d := range m.last {
		for _, b := range d.Bounds {
			if b.Name != cases.Ruled && (d.Mode != abuse.Live || b.Proposed > d.Action) {
				accounts = append(accounts, account)
				break
			}
		}
	}
	slices.SortFunc(accounts, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) })
	return accounts
}

// settled compares a decision with what should be, and puts it down.
func (m *model) settled(account string, now time.Time, d abuse.Decision, beneath func() cases.Step) {
	t := m.t
	before := m.now(account, now)
	want := decide(m.unseen(account, now), now)
	ruling, stands := m.ruling(account, now)
	action := want.Action
	if stands && ruling.action > action {
		action = ruling.action
	}
	live := d.Action
	if d.Mode != abuse.Live {
		live = abuse.None
		require.Zero(t, d.Undoes, "what undoes is live")
	}
	if bounded(d) {
		require.LessOrEqual(t, live, action)
		if before.continues(want.Signals) || stands && want.Action <= ruling.action {
			require.Greater(t, want.Action, before.action, "only what is new is bounded")
		}
		m.used(now, d)
		own := m.unseen(account, now) // what the step in force rests on is not bounded again
		own.Sightings = slices.DeleteFunc(own.Sightings, func(s abuse.Sighting) bool { return !slices.Contains(before.charged, s.Signal.ID) })
		if still := decide(own, now).Action; still >= before.action {
			require.GreaterOrEqual(t, live, before.action)
		}
	} else {
		require.Equal(t, action, live, "%s under %s", account, before.action)
	}
	sooner := !d.Until.IsZero() && (before.until.IsZero() || d.Until.Before(before.until))
	undoes := before.action > abuse.None && (live < before.action || live == before.action && sooner)
	require.Equal(t, undoes, d.Undoes != uuid.Nil, "%s until %s, and then %s until %s", before.action, before.until, live, d.Until)
	e := entry{day: dayOf(now), rule: d.Rule}
	e.fresh = d.Reviewer == "" && live > abuse.Label && (live > before.action || !before.continues(d.Signals))
	is := step{action: abuse.None}
	charged := func(action abuse.Action, carriers []uuid.UUID) []uuid.UUID {
		if e.fresh || action == abuse.Label {
			return carriers
		}
		if s := m.under[account]; s.until.After(now) {
			return both(carriers, s.charged)
		}
		return nil
	}
	if live > abuse.None && d.Reviewer == "" {
		is = step{d.ID, live, d.Until, d.Signals, charged(live, d.Signals)}
	}
	if d.Reviewer != "" { // automation goes on beneath the ruling, for when that ends
		switch {
		case !bounded(d) && want.Action > abuse.None:
			is = step{d.ID, want.Action, want.Until, want.Signals, charged(want.Action, want.Signals)}
		case bounded(d) && !ruling.until.IsZero():
			if s := beneath(); s.Action > abuse.None {
				is = step{decision: s.Decision, action: s.Action, until: s.Until}
				for _, c := range s.Carriers {
					is.carriers = append(is.carriers, c.Signal)
					if !slices.Contains(s.Along, c) {
						is.charged = append(is.charged, c.Signal)
					}
				}
				require.LessOrEqual(t, s.Action, want.Action)
			}
		}
	}
	if e.fresh {
		for _, id := range d.Signals {
			s := m.signals[id].signal
			if !slices.Contains(e.partners, s.Origin) {
				e.partners = append(e.partners, s.Origin)
			}
			if !slices.Contains(e.categories, s.Category) {
				e.categories = append(e.categories, s.Category)
			}
		}
	}
	if undoes {
		require.Equal(t, before.decision, d.Undoes)
		e.undone = m.origins(before.carriers, is.carriers)
		if live > abuse.None {
			e.what = 1
		}
	}
	m.log = append(m.log, e)
	m.under[account], m.last[account] = is, d
}

// origins gives those of carriers that are no carriers any more, or of all if all still are.
func (m *model) origins(were, are []uuid.UUID) (origins []string) {
	gone := slices.DeleteFunc(slices.Clone(were), func(id uuid.UUID) bool { return slices.Contains(are, id) })
	if len(gone) == 0 {
		gone = were
	}
	for _, id := range gone {
		if o := m.signals[id].signal.Origin; !slices.Contains(origins, o) {
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
			require.Equal(m.t, m.count(day, func(entry) bool { return true }), b.Used)
		case cases.CapPartner:
			require.True(m.t, slices.ContainsFunc(partners, func(p string) bool {
				return m.count(day, func(e entry) bool { return slices.Contains(e.partners, p) }) == b.Used
			}), "%s used %d", b.Name, b.Used)
		}
	}
}

// overturned puts down what a person has decided.
func (m *model) overturned(account string, now time.Time, was, d abuse.Decision) {
	before := m.now(account, now)
	r := ruled{action: d.Action, until: d.Until, seen: map[uuid.UUID]bool{}, decision: d.ID, carriers: before.carriers}
	if old, ok := m.ruling(account, now); ok {
		maps.Copy(r.seen, old.seen)
	}
	for _, s := range was.Explanation.Signals {
		r.seen[s.Signal.ID] = true
	}
	for _, id := range m.under[account].carriers {
		r.seen[id] = true
	}
	if d.Undoes != uuid.Nil {
		require.Equal(m.t, before.decision, d.Undoes)
		m.log = append(m.log, entry{day: dayOf(now), undone: m.origins(before.carriers, nil), what: 2})
	}
	m.rulings[account], m.under[account], m.last[account] = r, step{action: abuse.None}, d
}

// caps says that no cap was exceeded on any day.
func (m *model) caps() {
	least := func(n, limit int64) {
		m.t.Helper()
		if limit >= 0 {
			require.LessOrEqual(m.t, n, limit)
		}
	}
	days := map[time.Time]bool{}
	for _, e := range m.log {
		days[e.day] = true
	}
	for day := range days {
		least(m.count(day, func(entry) bool { return true }), m.limits.Day)
		for _, p := range partners {
			least(m.count(day, func(e entry) bool { return slices.Contains(e.partners, p) }), m.limits.PartnerDay)
		}
		for _, r := range policy.Rules {
			least(m.count(day, func(e entry) bool { return e.rule == r.ID }), m.limits.RuleDay)
		}
		for c := abuse.Spam; c <= abuse.Other; c++ {
			least(m.count(day, func(e entry) bool { return slices.Contains(e.categories, c) }), m.limits.CategoryDay)
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
