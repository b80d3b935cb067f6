package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/cases"
	"github.com/hueandcry/hueandcry/hashing"
)

// The world without a store is made up: three partners, of whom one is often wrong, and a week of
// decisions about two dozen accounts. It is the same at every start, but for the time.

const worldAccounts = 24

// worldClock can be set while the past is made, and then goes on from there.
type worldClock struct {
	mu  sync.Mutex
	set time.Time
}

func (c *worldClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.set.IsZero() {
		return time.Now()
	}
	return c.set
}

func (c *worldClock) put(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.set = t
}

type world struct {
	*office
	clock *worldClock
	r     *rand.Rand
	now   time.Time
	made  int
}

func newWorld(ctx context.Context, self string, now time.Time) (*office, error) {
	clock := &worldClock{}
	office, err := newOffice(abuse.NewMemory(), self, clock.now, false)
	if err != nil {
		return nil, err
	}
	w := &world{office: office, clock: clock, r: rand.New(rand.NewPCG(7, 5)), now: now.UTC().Truncate(time.Second)}
	// Between the two a service asks for the scorecards, every hour say: who was often wrong goes less far.
	if err := errors.Join(w.past(ctx), office.rules.Weigh(ctx, office.hearings.Weights), w.week(ctx), w.appeals(ctx, self)); err != nil {
		return nil, err
	}
	clock.put(time.Time{})
	return office, nil
}

// id makes an ID of version 7 that is the world's own.
func (w *world) id() uuid.UUID {
	w.made++
	id := uuid.UUID{0x01, 0x9a, 0x57, 0, 0, 0, 0x70, 0, 0x80}
	binary.BigEndian.PutUint32(id[12:], uint32(w.made))
	return id
}

func (w *world) signal(origin string) abuse.Signal {
	seen := w.clock.now().Add(-time.Duration(1+w.r.IntN(6)) * 24 * time.Hour).Truncate(24 * time.Hour)
	categories := []abuse.Category{abuse.Phishing, abuse.Spam, abuse.ScamFraud, abuse.Malware}
	return abuse.Signal{ID: w.id(), Origin: origin, Category: categories[w.r.IntN(len(categories))], Class: abuse.Confirmed,
		Confidence: 80 + w.r.IntN(20), Severity: abuse.High, Review: abuse.Review(2 + w.r.IntN(2)), Reports: uint32(5 + w.r.IntN(40)),
		FirstObserved: seen.Add(-24 * time.Hour), LastObserved: seen, ValidUntil: seen.Add(90 * 24 * time.Hour),
		Permitted: abuse.PermitDirect, ActionTaken: abuse.Suspend, Revision: 1}
}

// decide settles on an account as a service does, in one transaction.
func (w *world) decide(ctx context.Context, account string, signals ...abuse.Signal) (d abuse.Decision, err error) {
	e := abuse.Evidence{Account: account, Holdings: []abuse.Holding{
		{Kind: hashing.Phone, Since: w.now.AddDate(-1, -w.r.IntN(12), 0).Truncate(24 * time.Hour), Verified: abuse.Yes, Accounts: 1},
		{Kind: hashing.InstallID, Since: w.now.AddDate(0, -2, 0).Truncate(24 * time.Hour), Verified: abuse.Unknown, Accounts: 1 + w.r.IntN(3)},
	}}
	for _, s := range signals {
		seen := abuse.Sighting{From: s.Origin, Signal: s, Kinds: []hashing.Kind{hashing.Phone}, Places: []int{0}}
		if w.r.IntN(2) == 0 {
			seen.Kinds, seen.Places = append(seen.Kinds, hashing.InstallID), []int{0, 1}
		}
		e.Sightings = append(e.Sightings, seen)
	}
	settle := w.hearings.Around(w.desk.Settle)
	err = w.store.Update(ctx, func(tx abuse.Writer) (err error) {
		if d, err = settle(tx, e, w.clock.now(), true); err != nil {
			return err
		}
		return cases.Record(tx, d)
	})
	return d, err
}

// past is what is known of the partners from before.
func (w *world) past(ctx context.Context) error {
	w.clock.put(w.now.AddDate(0, 0, -20))
	for _, p := range []struct {
		name         string
		right, wrong int
	}{{"bank.example", 31, 0}, {"market.example", 14, 19}, {"messenger.example", 96, 5}} {
		for n := range p.right + p.wrong {
			f := cases.Feedback{From: p.name, Signal: w.signal(p.name), Verdict: cases.Right, Source: cases.Source(1 + n%3)}
			if n < p.wrong {
				f.Verdict = cases.Wrong
			}
			if err := w.hearings.Give(ctx, f); err != nil {
				return err
			}
		}
	}
	return nil
}

// week is the last days: decisions, some of them answered already.
func (w *world) week(ctx context.Context) error {
	origins := []string{"messenger.example", "messenger.example", "market.example", "bank.example"}
	for n := range worldAccounts {
		w.clock.put(w.now.Add(-time.Duration(worldAccounts-n) * 4 * time.Hour))
		signals := []abuse.Signal{w.signal(origins[n%len(origins)])}
		if n%5 == 0 {
			signals = append(signals, w.signal(origins[(n+2)%len(origins)]))
		}
		if _, err := w.decide(ctx, fmt.Sprintf("member-%c%c", 'a'+n%26, 'k'+n%13), signals...); err != nil {
			return err
		}
	}
	w.clock.put(w.now.Add(-2 * time.Hour))
	queue, err := w.hearings.Queue(ctx, worldAccounts)
	if err != nil {
		return err
	}
	people := []string{"Agatha", "Ben", "Chidi"}
	for n, c := range queue {
		person := people[n%len(people)]
		if n%4 == 0 || n > 11 {
			continue
		}
		if c, err = w.hearings.Claim(ctx, c.ID, person); err != nil {
			return err
		}
		if n == 11 {
			continue // still in hand
		}
		answer := cases.Resolution{Version: c.Version, Reviewer: person, Outcome: cases.Upheld}
		switch n {
		case 3:
			answer.Outcome, answer.Ground = cases.Overturned, cases.WrongPerson
		case 6:
			answer.Outcome, answer.Ground = cases.Overturned, cases.WrongSignal
		case 7:
			answer.Outcome, answer.Step, answer.Until = cases.Changed, abuse.Limit, w.now.AddDate(0, 0, 3)
		}
		if _, err := w.hearings.Resolve(ctx, c.ID, answer); err != nil {
			return err
		}
	}
	return nil
}

// appeals are two of our own and one at a partner's.
func (w *world) appeals(ctx context.Context, self string) error {
	w.clock.put(w.now.Add(-time.Hour))
	queue, err := w.hearings.Queue(ctx, 2)
	if err != nil {
		return err
	}
	for _, c := range queue {
		if _, err := w.hearings.Open(ctx, c.Decision.Account, c.Decision.ID); err != nil {
			return err
		}
	}
	_, err = w.hearings.Contest(ctx, "messenger.example", cases.AppealReference{To: self, Reference: cases.Reference{1, 2, 3}, Signal: w.id(),
		Due: w.now.AddDate(0, 0, 5).Truncate(24 * time.Hour)})
	return err
}
