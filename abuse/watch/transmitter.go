package watch

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/singleflight"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
)

// Transmitter is the side that has found abuse, under one agreement: it keeps signals about its
// accounts, publishes them in the feeds of the epochs that are open, and answers the receiver's
// blinded identifiers within the budgets of the agreement. What it has acknowledged outlives the
// process.
//
// Make one with [NewTransmitter], mount [Transmitter.Handler], keep [Transmitter.Run] running.
// It is safe for concurrent use, also by several processes on one store and vault. It does not
// print what it holds.
type Transmitter struct {
	cfg  TransmitterConfig
	link uuid.UUID
	tel  *telemetry

	turning sync.Mutex // held by whoever opens and closes epochs
	mu      sync.Mutex
	keys    map[uint32]hashing.Key // of the epochs that are open
	lowest  uint32                 // all before are closed
	turned  bool
	feeds   map[linkage.FeedID]*openFeed
	asked   map[uint32]*linkage.Evaluator
	seen    time.Time // the clock's latest
	behind  bool      // the clock is behind that, and it was told

	cutting  sync.Mutex
	budget   *additions
	pattern  pattern
	unsigned gate
	follow   *followers
	answers  *answers
	batches  batchCache
	flight   singleflight.Group
	working  chan struct{}
	base     baseSession
}

// openFeed is a feed with what is needed to write it.
type openFeed struct {
	id     linkage.FeedID
	epoch  uint32
	sealer *linkage.Sealer
	keeper *linkage.Keeper
	close  func() // of the state file
}

// NewTransmitter opens the epochs that are due. The context bounds the start alone. It fails
// where the agreement or the signer is not right, where the store or the vault cannot be read, and
// where the vault has been lost: without its keys a store is noise. A store that has been lost it
// cannot tell from one that is new: budgets and session records begin anew then, which the receiver
// disputes. Close it in the end.
func NewTransmitter(ctx context.Context, cfg TransmitterConfig) (*Transmitter, error) {
	a := cfg.Agreement
	switch {
	case a == nil || cfg.Signer == nil || cfg.Store == nil || cfg.Vault == nil || cfg.Identifiers == nil:
		return nil, errors.New("watch: a transmitter needs Agreement, Signer, Store, Vault and Identifiers")
	case cfg.Cadence != 0 && cfg.Cadence < time.Second, cfg.Prepare < 0, cfg.Grace < 0:
		return nil, errors.New("watch: Cadence is below a second, or Prepare or Grace below zero")
	}
	if err := a.Verify(); err != nil {
		return nil, err
	}
	if a.LabelBytes == 0 {
		return nil, errors.New("watch: under an agreement on tags alone signals cannot be withdrawn; it needs label_bytes")
	}
	if public, ok := cfg.Signer.Public().(ed25519.PublicKey); !ok || !public.Equal(ed25519.PublicKey(a.Transmitter.Key)) {
		return nil, errors.New("watch: the signer does not hold the transmitter's key")
	}
	if a.Purpose.OptOutApplies() && cfg.OptOut == nil {
		return nil, fmt.Errorf("watch: purpose %s needs an opt-out register", a.Purpose)
	}
	for _, d := range []struct {
		to    *time.Duration
		value time.Duration
	}{{&cfg.Cadence, defaultCadence}, {&cfg.Prepare, defaultPrepare}, {&cfg.Grace, defaultGrace}} {
		if *d.to == 0 {
			*d.to = d.value
		}
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	t := &Transmitter{
		cfg: cfg, link: a.ID, tel: cfg.telemetry(a.ID, linkage.Transmitter),
		keys: map[uint32]hashing.Key{}, feeds: map[linkage.FeedID]*openFeed{}, asked: map[uint32]*linkage.Evaluator{},
		answers: newAnswers(), working: make(chan struct{}, maxWorking),
	}
	t.follow = newFollowers(t.lastOf)
	left := t.tel.with("name", budgetAdditions)
	t.budget = &additions{store: cfg.Store, link: t.link, cap: a.Limits.AdditionsPerDay,
		left: func(n int64) { t.tel.budgetLeft.Record(context.Background(), n, left) }}
	if err := t.turn(ctx); err != nil {
		t.forget()
		return nil, err
	}
	if err := t.unsigned.look(ctx, t); err != nil {
		t.forget()
		return nil, err
	}
	return t, nil
}

// now is the clock's time, and never before what it has been.
func (t *Transmitter) now(ctx context.Context) time.Time {
	now := t.cfg.Clock().UTC()
	t.mu.Lock()
	seen, told := t.seen, t.behind
	if !now.Before(seen) {
		t.seen, t.behind = now, false
		seen = now
	} else if seen.Sub(now) > clockSlack {
		t.behind = true
	}
	tell := t.behind && !told
	t.mu.Unlock()
	if tell {
		t.tel.alarm(ctx, AlarmClockBack, seen, int64(seen.Sub(now)/time.Second))
	}
	return seen
}

// clockSlack is how far a clock may be put back, as it is when it is set right, without an alarm.
const clockSlack = time.Minute

// update is an Update of the store, measured.
func (t *Transmitter) update(ctx context.Context, f func(abuse.Writer) error) error {
	start := time.Now()
	err := t.cfg.Store.Update(ctx, f)
	t.tel.since(ctx, t.tel.commitTime, start, t.tel.set)
	return err
}

// dayOf gives the UTC day of a time.
func dayOf(at time.Time) int64 { return at.Unix() / (24 * 60 * 60) }

// Run publishes a batch of every open feed at each cadence, opens and closes epochs and session
// records, until ctx ends; then it gives the context's error. What fails is tried again at the
// next turn, and told by log and alarm.
func (t *Transmitter) Run(ctx context.Context) error {
	ticks := time.NewTicker(t.cfg.Cadence)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticks.C:
		}
		if err := errors.Join(t.Cut(ctx), t.closeHourly(ctx)); err != nil && ctx.Err() == nil {
			t.tel.log.ErrorContext(ctx, "hueandcry.cut", slog.String("error", plain(err)))
			if !errors.Is(err, ErrClockAhead) { // of which was told
				t.tel.alarm(ctx, AlarmStoreFailing, t.now(ctx), 0)
			}
		}
	}
}

// Close sends followers home, ends the enrolment of a base that the handler serves, closes a session
// record, gives back what is held of the day's budget, and lets go of keys and files. Other calls must
// have returned, and none may follow. The store stays open.
func (t *Transmitter) Close(ctx context.Context) error {
	t.follow.end()
	err := t.base.end(ctx)
	if err == nil {
		t.base.drop(t.cfg.Vault)
	}
	err = errors.Join(err, t.budget.close(ctx), t.CloseRecord(ctx))
	t.forget()
	return err
}

func (t *Transmitter) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id, f := range t.feeds {
		f.close()
		delete(t.feeds, id)
	}
	clear(t.keys)
	clear(t.asked)
}

// Format prints the type and nothing of the content, whatever the verb.
func (t *Transmitter) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "watch.Transmitter") }
