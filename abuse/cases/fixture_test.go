package cases_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/cases"
	"github.com/hueandcry/hueandcry/hashing"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func signalID(n int) uuid.UUID {
	return uuid.MustParse(fmt.Sprintf("019a0000-0000-7000-8000-%012x", n))
}

// strong is a signal that suspends for seven days under the default policy.
func strong(n int, origin string) abuse.Signal {
	observed := noon.AddDate(0, 0, -3)
	return abuse.Signal{
		ID: signalID(n), Origin: origin, Category: abuse.Phishing, Class: abuse.Confirmed, Confidence: 85, Severity: abuse.High,
		Review: abuse.ReviewAutomatic, Reports: 14, FirstObserved: observed, LastObserved: observed,
		ValidUntil: observed.AddDate(0, 0, 90), Permitted: abuse.PermitDirect, ActionTaken: abuse.Suspend, Revision: 1,
	}
}

// weak is one that asks for friction.
func weak(n int, origin string) abuse.Signal {
	s := strong(n, origin)
	s.Confidence, s.Severity, s.Reports = 55, abuse.Low, 1
	return s
}

func holding() abuse.Holding {
	return abuse.Holding{Kind: hashing.Phone, Since: time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC), Verified: abuse.Yes, Accounts: 1}
}

func evidence(account string, signals ...abuse.Signal) abuse.Evidence {
	e := abuse.Evidence{Account: account, Holdings: []abuse.Holding{holding()}}
	for _, s := range signals {
		from := s.Origin
		if len(s.Path) > 0 { // it was passed on
			from = s.Path[len(s.Path)-1]
		}
		e.Sightings = append(e.Sightings, abuse.Sighting{From: from, Signal: s, Kinds: []hashing.Kind{hashing.Phone}, Places: []int{0}})
	}
	return e
}

var policy = abuse.DefaultPolicy("network.example", abuse.Live)

func decide(e abuse.Evidence, now time.Time) abuse.Decision { return abuse.Decide(e, policy, now) }

// bench is a desk on a store, with a clock that the test sets.
type bench struct {
	*cases.Desk
	t     testing.TB
	cfg   cases.Config
	store abuse.Store
	now   time.Time
}

func newBench(t testing.TB, edit ...func(*cases.Config)) *bench {
	b := &bench{t: t, store: abuse.NewMemory(), now: noon}
	b.cfg = cases.Config{Decide: decide, Store: b.store, Clock: func() time.Time { return b.now }}
	for _, e := range edit {
		e(&b.cfg)
	}
	b.store = b.cfg.Store
	b.restart()
	return b
}

// restart makes a new desk on the same store.
func (b *bench) restart() {
	d, err := cases.New(b.cfg)
	require.NoError(b.t, err)
	b.Desk = d
}

func (b *bench) settle(e abuse.Evidence) (dec abuse.Decision) {
	b.t.Helper()
	b.now = b.now.Add(time.Second)
	require.NoError(b.t, b.store.Update(b.t.Context(), func(w abuse.Writer) (err error) {
		dec, err = b.Settle(w, e, b.now, true)
		return err
	}))
	return dec
}

func (b *bench) rule(was abuse.Decision, r cases.Ruling) (dec abuse.Decision) {
	b.t.Helper()
	b.now = b.now.Add(time.Second)
	require.NoError(b.t, b.store.Update(b.t.Context(), func(w abuse.Writer) (err error) {
		dec, err = b.Rule(w, was, r, b.now)
		return err
	}))
	return dec
}

// under gives the step that an account is under.
func (b *bench) under(account string) cases.Step { return b.underAt(account, b.now) }

func (b *bench) underAt(account string, at time.Time) (step cases.Step) {
	b.t.Helper()
	require.NoError(b.t, b.store.View(b.t.Context(), func(r abuse.Reader) (err error) {
		var found bool
		step, found, err = b.InForce(r, account, at)
		if !found {
			step = cases.Step{Action: abuse.None}
		}
		return err
	}))
	return step
}

func (b *bench) carried(from string, n int) (accounts []string) {
	b.t.Helper()
	require.NoError(b.t, b.store.View(b.t.Context(), func(r abuse.Reader) (err error) {
		accounts, err = b.Carried(r, from, signalID(n), "", 1000)
		return err
	}))
	return accounts
}

func (b *bench) heldBack() (accounts []string) {
	b.t.Helper()
	require.NoError(b.t, b.store.View(b.t.Context(), func(r abuse.Reader) (err error) {
		accounts, err = b.HeldBack(r, "", 1000)
		return err
	}))
	return accounts
}

func (b *bench) alarms() (all []cases.Alarm) {
	b.t.Helper()
	require.NoError(b.t, b.Alarms(b.t.Context(), func(_ context.Context, a cases.Alarm) error {
		all = append(all, a)
		return nil
	}))
	return all
}

// met gives the names of the bounds of a decision.
func met(d abuse.Decision) []string {
	var names []string
	for _, b := range d.Bounds {
		if !slices.Contains(names, b.Name) {
			names = append(names, b.Name)
		}
	}
	return names
}

// seed prints the seed, so that a failure can be had again with HUEANDCRY_SEED set to it.
func seed(t testing.TB) uint64 {
	s := rand.Uint64()
	if text := os.Getenv("HUEANDCRY_SEED"); text != "" {
		var err error
		s, err = strconv.ParseUint(text, 10, 64)
		require.NoError(t, err)
	}
	t.Logf("HUEANDCRY_SEED=%d", s)
	return s
}

func random(t testing.TB) *rand.Rand { return rand.New(rand.NewPCG(seed(t), 1)) }
