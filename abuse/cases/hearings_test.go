package cases_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/cases"
	"github.com/hueandcry/hueandcry/hashing"
)

const self = "social"

var session = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// hands is a clock that is set by hand.
type hands struct {
	mu sync.Mutex
	at time.Time
}

func (c *hands) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *hands) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// court is a desk with hearings on a store of their own.
type court struct {
	*cases.Hearings
	desk  *cases.Desk
	store abuse.Store
	clock *hands
	name  string
}

func newCourt(t testing.TB, name string, change func(*cases.HearingsConfig)) *court {
	return newCourtWithin(t, name, cases.Limits{}, change)
}

func newCourtWithin(t testing.TB, name string, limits cases.Limits, change func(*cases.HearingsConfig)) *court {
	return newCourtOn(t, abuse.NewMemory(), name, limits, change)
}

func newCourtOn(t testing.TB, store abuse.Store, name string, limits cases.Limits, change func(*cases.HearingsConfig)) *court {
	b := &court{store: store, clock: &hands{at: session}, name: name}
	policy := abuse.DefaultPolicy(name, abuse.Live)
	var err error
	b.desk, err = cases.New(cases.Config{Store: b.store, Clock: b.clock.now, Limits: limits,
		Decide: func(e abuse.Evidence, now time.Time) abuse.Decision { return abuse.Decide(e, policy, now) }})
	require.NoError(t, err)
	cfg := cases.HearingsConfig{Desk: b.desk, Self: name, Key: make([]byte, 32), Clock: b.clock.now}
	if change != nil {
		change(&cfg)
	}
	b.Hearings, err = cases.NewHearings(cfg)
	require.NoError(t, err)
	return b
}

func hearings(t testing.TB, change func(*cases.HearingsConfig)) (*cases.Hearings, *hands) {
	b := newCourt(t, self, change)
	return b.Hearings, b.clock
}

func allegedID(n int) uuid.UUID {
	return uuid.MustParse(fmt.Sprintf("019a0000-0000-7000-8000-%012x", n))
}

// alleged is a signal that suspends under the default policy.
func alleged(n int, origin string) abuse.Signal {
	seen := session.AddDate(0, 0, -3)
	return abuse.Signal{ID: allegedID(n), Origin: origin, Category: abuse.Phishing, Class: abuse.Confirmed, Confidence: 85,
		Severity: abuse.High, Review: abuse.ReviewHuman, Reports: 14, FirstObserved: seen, LastObserved: seen,
		ValidUntil: seen.AddDate(0, 0, 90), Permitted: abuse.PermitDirect, ActionTaken: abuse.Suspend, Revision: 1}
}

// brought are signals about the one phone number of an account.
func brought(account string, signals ...abuse.Signal) abuse.Evidence {
	e := abuse.Evidence{Account: account, Holdings: []abuse.Holding{{Kind: hashing.Phone, Since: session.AddDate(-2, 0, 0), Verified: abuse.Yes, Accounts: 1}}}
	for _, s := range signals {
		from := s.Origin
		if len(s.Path) > 0 {
			from = s.Path[len(s.Path)-1]
		}
		e.Sightings = append(e.Sightings, abuse.Sighting{From: from, Signal: s, Kinds: []hashing.Kind{hashing.Phone}, Places: []int{0}})
	}
	return e
}

// decide settles and puts the decision where package watch does.
func (b *court) decide(t testing.TB, e abuse.Evidence) (d abuse.Decision) {
	settle := b.Around(b.desk.Settle)
	require.NoError(t, b.store.Update(context.Background(), func(w abuse.Writer) (err error) {
		if d, err = settle(w, e, b.clock.now(), true); err != nil {
			return err
		}
		return cases.Record(w, d)
	}))
	b.clock.add(time.Second)
	return d
}

// action is what an account is under.
func (b *court) action(t testing.TB, account string) (a abuse.Action) {
	require.NoError(t, b.store.View(context.Background(), func(r abuse.Reader) error {
		step, under, err := b.desk.InForce(r, account, b.clock.now())
		if a = abuse.None; under {
			a = step.Action
		}
		return err
	}))
	return a
}

// decisions are those that are recorded about an account, the latest first.
func (b *court) decisions(t testing.TB, account string) (all []abuse.Decision) {
	require.NoError(t, b.store.View(context.Background(), func(r abuse.Reader) error {
		prefix := append(binary.BigEndian.AppendUint16(nil, uint16(len(account))), account...)
		rows, err := r.Scan(abuse.Decisions, prefix, append(prefix, 0xff), 1000)
		for _, row := range rows {
			var d abuse.Decision
			require.NoError(t, json.Unmarshal(row.Value, &d))
			all = append(all, d)
		}
		return err
	}))
	return all
}

// resolve claims the case and answers it.
func (b *court) resolve(t testing.TB, id uuid.UUID, r cases.Resolution) abuse.Decision {
	d, err := b.tryResolve(t, id, r)
	require.NoError(t, err)
	return d
}

func (b *court) tryResolve(t testing.TB, id uuid.UUID, r cases.Resolution) (abuse.Decision, error) {
	if r.Reviewer == "" {
		r.Reviewer = "Agatha"
	}
	c, err := b.Claim(context.Background(), id, r.Reviewer)
	require.NoError(t, err)
	r.Version = c.Version
	return b.Resolve(context.Background(), id, r)
}

// only gives the one open case.
func (b *court) only(t testing.TB) cases.Case {
	all, err := b.Queue(context.Background(), 10)
	require.NoError(t, err)
	require.Len(t, all, 1)
	return all[0]
}
