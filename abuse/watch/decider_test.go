package watch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/hashing"
)

var testNow = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// clock is a clock that tests set.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func testSignal(n int, revision uint64) abuse.Signal {
	return abuse.Signal{
		ID: uuid.MustParse(fmt.Sprintf("019a0000-0000-7000-8000-%012x", n)), Origin: "messenger.example",
		Category: abuse.Phishing, Class: abuse.Confirmed, Confidence: 85, Severity: abuse.High, Review: abuse.ReviewAutomatic,
		Reports: 14, FirstObserved: testNow.AddDate(0, 0, -3), LastObserved: testNow.AddDate(0, 0, -3),
		ValidUntil: testNow.AddDate(0, 0, 20+n%40), Permitted: abuse.PermitDirect, ActionTaken: abuse.Suspend, Revision: revision,
	}
}

func testLabel(t testing.TB, s abuse.Signal) []byte {
	label, err := s.MarshalBinary()
	require.NoError(t, err)
	return label
}

// holdings is what every test account is known to hold: a telephone number and a device.
type holdings struct{ fail func(account string) error }

func (h holdings) Holdings(_ context.Context, account string) ([]abuse.Holding, error) {
	if h.fail != nil {
		if err := h.fail(account); err != nil {
			return nil, err
		}
	}
	long := time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC)
	return []abuse.Holding{
		{Kind: hashing.Phone, Since: long, Verified: abuse.Yes, Accounts: 1},
		{Kind: hashing.IMEI, Since: long, Verified: abuse.Yes, Accounts: 1},
	}, nil
}

func (holdings) Identifiers(context.Context, string) ([]hashing.Identifier, error) { return nil, nil }

// handedOn collects events: by ID, so that one that came twice is one, and in order for each account.
type handedOn struct {
	all   map[uuid.UUID]Event
	order []uuid.UUID
}

func (h *handedOn) deliver(_ context.Context, e Event) error {
	if h.all == nil {
		h.all = map[uuid.UUID]Event{}
	}
	if _, ok := h.all[e.ID]; !ok {
		h.order = append(h.order, e.ID)
	}
	h.all[e.ID] = e
	return nil
}

func (h *handedOn) byAccount() map[string][]uuid.UUID {
	m := map[string][]uuid.UUID{}
	for _, id := range h.order {
		m[h.all[id].Account] = append(m[h.all[id].Account], id)
	}
	return m
}

func testDecider(t testing.TB, store abuse.Store, c *clock, h *handedOn, edit ...func(*DeciderConfig)) *Decider {
	policy := abuse.DefaultPolicy("network.example", abuse.Live)
	cfg := DeciderConfig{
		Store: store, Accounts: holdings{}, Deliver: h.deliver, Clock: c.now,
		Decide: func(e abuse.Evidence, now time.Time) abuse.Decision { return abuse.Decide(e, policy, now) },
	}
	for _, e := range edit {
		e(&cfg)
	}
	d, err := NewDecider(cfg)
	require.NoError(t, err)
	return d
}

var testLink = uuid.MustParse("11111111-2222-4333-8444-555555555555")

func hear(t testing.TB, s abuse.Store, account string, signal abuse.Signal, places ...int) {
	t.Helper()
	require.NoError(t, s.Update(t.Context(), func(w abuse.Writer) error {
		l := newLedger(w)
		m, err := l.match(account, testLink, signal.ID)
		if err != nil {
			return err
		}
		for _, p := range places {
			kind := []hashing.Kind{hashing.Phone, hashing.IMEI}[p]
			m.hear("messenger.example", word{signal: signal.ID, sequence: signal.Revision, label: testLabel(t, signal)},
				ground{generation: 1, token: [16]byte{byte(p)}, kind: kind, place: uint32(p)})
		}
		return l.write()
	}))
}

func retract(t testing.TB, s abuse.Store, account string, signal uuid.UUID, sequence uint64) {
	t.Helper()
	require.NoError(t, s.Update(t.Context(), func(w abuse.Writer) error {
		l := newLedger(w)
		m, err := l.match(account, testLink, signal)
		if err != nil {
			return err
		}
		m.retract(sequence)
		return l.write()
	}))
}

func TestDecider(t *testing.T) {
	store, c, h := abuse.NewMemory(), &clock{testNow}, &handedOn{}
	d := testDecider(t, store, c, h)
	step := func(want ...Change) []Event {
		t.Helper()
		before := len(h.order)
		n, err := d.Step(t.Context())
		require.NoError(t, err)
		require.Equal(t, len(want), n)
		var got []Change
		var events []Event
		for _, id := range h.order[before:] {
			got, events = append(got, h.all[id].Change), append(events, h.all[id])
		}
		require.ElementsMatch(t, want, got)
		again, err := d.Step(t.Context())
		require.NoError(t, err)
		require.Zero(t, again, "a change is handed on once")
		return events
	}
	decision := func(e Event) (d abuse.Decision) {
		require.NoError(t, json.Unmarshal(e.Body, &d))
		require.Equal(t, e.Decision, d.ID)
		return d
	}

	step()
	hear(t, store, "a-1", testSignal(1, 1), 0)
	events := step(Matched)
	require.Equal(t, abuse.Suspend, decision(events[0]).Action)
	require.Equal(t, "messenger.example", events[0].Partner)

	hear(t, store, "a-1", testSignal(1, 1), 0)
	step() // nothing new
	hear(t, store, "a-1", testSignal(1, 1), 0, 1)
	require.Equal(t, []hashing.Kind{hashing.Phone, hashing.IMEI}, decision(step(Revised)[0]).Matched)

	weaker := testSignal(1, 2)
	weaker.Confidence = 40
	hear(t, store, "a-1", weaker, 0)
	require.Equal(t, abuse.Label, decision(step(Revised)[0]).Action)

	retract(t, store, "a-1", weaker.ID, 1)
	step() // an old one says nothing
	c.at = c.at.Add(-time.Hour)
	retract(t, store, "a-1", weaker.ID, 3)
	hear(t, store, "a-1", testSignal(2, 1), 0)
	events = step(Withdrawn, Matched)
	require.Equal(t, events[0].Decision, events[1].Decision, "one decision for both")
	require.True(t, events[0].At.After(testNow), "also when the clock is back")

	retract(t, store, "a-1", testSignal(3, 0).ID, 5)
	step() // nobody has ever heard of it
	hear(t, store, "a-2", testSignal(4, 1), 1)
	retract(t, store, "a-2", testSignal(4, 1).ID, 2)
	step() // over before it was told

	c.at = testSignal(2, 1).ValidUntil
	events = step(Expired)
	require.Equal(t, abuse.None, decision(events[0]).Action)
	longer := testSignal(2, 2)
	longer.ValidUntil = longer.ValidUntil.AddDate(0, 0, 10)
	hear(t, store, "a-1", longer, 0)
	step(Matched)

	all, err := d.Decisions(t.Context(), "a-1", 100)
	require.NoError(t, err)
	require.Len(t, all, 6, "one decision for each time")
	var last abuse.Decision
	require.NoError(t, json.Unmarshal(all[0], &last))
	require.Equal(t, []uuid.UUID{longer.ID}, last.Signals)
}

// One account that cannot be decided on, or whose change is not taken, does not keep others.
func TestDeciderGoesOn(t *testing.T) {
	store, c, h := abuse.NewMemory(), &clock{testNow}, &handedOn{}
	broken, refused := true, true
	d := testDecider(t, store, c, h, func(cfg *DeciderConfig) {
		cfg.Accounts = holdings{fail: func(account string) error {
			switch {
			case account == "gone":
				return fmt.Errorf("asked for: %w", ErrGone)
			case account == "b" && broken:
				return errors.New("no database")
			}
			return nil
		}}
		cfg.Deliver = func(ctx context.Context, e Event) error {
			if e.Account == "c" && refused {
				return errors.New("no queue")
			}
			return h.deliver(ctx, e)
		}
	})
	for _, a := range []string{"a", "b", "c", "d", "gone"} {
		hear(t, store, a, testSignal(1, 1), 0)
		hear(t, store, a, testSignal(2, 1), 0)
	}
	n, err := d.Step(t.Context())
	require.ErrorContains(t, err, "no database")
	require.ErrorContains(t, err, "no queue")
	require.Equal(t, 4, n)
	broken, refused = false, false
	n, err = d.Step(t.Context())
	require.NoError(t, err)
	require.Equal(t, 4, n)
}

// What the caller said before a change is not used after it.
func TestDeciderAsksAgain(t *testing.T) {
	store, c, h := abuse.NewMemory(), &clock{testNow}, &handedOn{}
	asked := 0
	d := testDecider(t, store, c, h, func(cfg *DeciderConfig) {
		cfg.Accounts = holdings{fail: func(string) error {
			if asked++; asked == 1 {
				hear(t, store, "a", testSignal(2, 1), 1)
			}
			return nil
		}}
	})
	hear(t, store, "a", testSignal(1, 1), 0)
	_, err := d.Step(t.Context())
	require.NoError(t, err)
	require.Empty(t, h.order)
	n, err := d.Step(t.Context())
	require.NoError(t, err)
	require.Equal(t, 2, n)
	require.Equal(t, 2, asked)
}

// story is what happens to some accounts, the same for one seed.
type story struct {
	account  string
	signal   int
	sequence uint64
	retract  bool
	places   []int
	wait     time.Duration
}

func stories(r *rand.Rand, n int) (all []story) {
	sequence := map[int]uint64{}
	for range n {
		s := story{account: fmt.Sprint("a-", r.IntN(4)), signal: r.IntN(5), retract: r.IntN(4) == 0}
		sequence[s.signal] += uint64(r.IntN(2))
		s.sequence = sequence[s.signal]
		if !s.retract {
			s.places = [][]int{{0}, {1}, {0, 1}}[r.IntN(3)]
		}
		if r.IntN(5) == 0 {
			s.wait = time.Duration(r.IntN(15*24)) * time.Hour
		}
		all = append(all, s)
	}
	all[0].retract, all[0].places, all[0].wait = false, []int{0}, 0 // so that there is something to tell
	return all
}

// A decider that fails at any point, and one that never does, hand on the same changes, decide as
// often, and what was told of every match is what is known of it.
func TestDeciderFaults(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	tell := stories(rand.New(rand.NewPCG(seed, 1)), 40)
	run := func(at int64, before bool) (*handedOn, map[string]int, bool) {
		store := &flaky{Store: abuse.NewMemory(), before: before}
		c, h := &clock{testNow}, &handedOn{}
		d := testDecider(t, store, c, h)
		store.n.Store(0)
		plain := store.Store // what is heard does not fail here
		store.n.Store(at)
		for _, s := range tell {
			c.at = c.at.Add(s.wait)
			if s.retract {
				retract(t, plain, s.account, testSignal(s.signal, 0).ID, s.sequence)
			} else {
				hear(t, plain, s.account, testSignal(s.signal, s.sequence), s.places...)
			}
			for {
				if _, err := d.Step(t.Context()); err == nil {
					break
				}
				d = testDecider(t, store, c, h) // the process is another
			}
		}
		decisions := map[string]int{}
		for i := range 4 {
			all, err := d.Decisions(t.Context(), fmt.Sprint("a-", i), 1000)
			require.NoError(t, err)
			decisions[fmt.Sprint("a-", i)] = len(all)
		}
		require.NoError(t, store.View(t.Context(), func(r abuse.Reader) error {
			return scanAll(r, abuse.Matches, nil, func(row abuse.Row) error {
				m, err := parseMatch(row.Key, row.Value)
				require.NoError(t, err)
				require.Zero(t, m.change())
				return nil
			})
		}))
		return h, decisions, store.n.Load() > 0
	}
	want, decisions, _ := run(0, false)
	require.NotEmpty(t, want.order)
	for _, before := range []bool{true, false} {
		for at := int64(1); ; at++ {
			got, d, passed := run(at, before)
			require.Equal(t, decisions, d, "fault %d", at)
			require.Equal(t, want.byAccount(), got.byAccount(), "fault %d", at)
			for id, e := range want.all {
				e2 := got.all[id]
				require.Equal(t, string(e.Body), string(e2.Body))
			}
			if passed {
				break
			}
		}
	}
	consistent(t, want)
}

// consistent checks that the changes of each signal about an account follow each other as they can.
func consistent(t testing.TB, h *handedOn) {
	live := map[string]bool{}
	for _, id := range h.order {
		e := h.all[id]
		k := e.Account + e.Signal.String() + e.Link.String()
		require.Equal(t, slices.Contains([]Change{Revised, Withdrawn, Expired}, e.Change), live[k], "%s", e.Change)
		live[k] = e.Change == Matched || e.Change == Revised
	}
}
