package watch

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/linkage"
)

const (
	followWait  = 5 * time.Second        // that one long poll lasts; the log is swept between
	runPause    = 200 * time.Millisecond // between two polls at least, and after a failure, doubled up to
	runPauseMax = 30 * time.Second
)

// Run follows the feeds, makes up for checks that are owed, ends eras whose place was taken, drops what
// others have left of theirs, and countersigns the partner's session records, until the context ends; it gives its error. The base
// of the next epoch is the caller's to enrol: [AlarmEpochDue] says when it is time. Failures are
// logged, and what failed is tried again after a while. When it asks for batches does not depend on
// whether anything matches, as long as intake is no more than 64 MiB of batches behind; see [Receiver.Follow].
func (r *Receiver) Run(ctx context.Context) error {
	var all sync.WaitGroup
	p := &pursuit{r: r, lines: map[uint64]*line{}, wake: make(chan struct{}, 1)}
	all.Go(func() { p.run(ctx) })
	for _, step := range []func(context.Context) error{
		func(ctx context.Context) error {
			_, err := r.Recheck(ctx)
			return err
		},
		seldom(r.housekeep, r.retired), seldom(r.Cosign, nil), // the partner can make the latter wait, and not the former
	} {
		all.Go(func() { r.repeat(ctx, step) })
	}
	all.Wait()
	return context.Cause(ctx)
}

func (r *Receiver) repeat(ctx context.Context, step func(context.Context) error) {
	pause := runPause
	for ctx.Err() == nil {
		if err := step(ctx); err == nil || errors.Is(err, ErrNotOpen) {
			pause = runPause
		} else if ctx.Err() == nil {
			r.tel.log.WarnContext(ctx, "hueandcry.follow", "error", plain(err))
			pause = min(2*pause, runPauseMax)
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause/2 + rand.N(pause)):
		}
	}
}

// seldom does a step and then waits for half a minute, or for a sign.
func seldom(step func(context.Context) error, sign <-chan struct{}) func(context.Context) error {
	return func(ctx context.Context) error {
		err := step(ctx)
		select {
		case <-ctx.Done():
		case <-sign:
		case <-time.After(30 * time.Second):
		}
		return err
	}
}

// housekeep drops what others have left, and says when a base is due.
func (r *Receiver) housekeep(ctx context.Context) error {
	err := r.finish(ctx)
	s, serr := r.Status(ctx)
	if serr == nil && s.Due {
		r.tel.alarm(ctx, AlarmEpochDue, r.cfg.Clock(), int64(s.DueEpoch))
	}
	return errors.Join(err, serr)
}

// Status is how a receiver stands.
type Status struct {
	Feeds    []FeedStatus // that are followed, the oldest first
	Rechecks int          // checks that are owed, at most 1,000 of them counted
	Outbox   int          // changes that are to be handed on, likewise
	Due      bool         // a base is to be enrolled,
	DueEpoch uint32       // of this epoch
}

// FeedStatus is how far a feed was followed.
type FeedStatus struct {
	Feed     linkage.FeedID
	Epoch    uint32
	Batch    uint64    // the last one that was taken in whole
	Time     time.Time // of that batch; zero if there was none
	Complete bool      // all that was said before the base was enrolled is in
	Final    bool      // the feed has ended
}

// Status says how the receiver stands. Errors are the store's.
func (r *Receiver) Status(ctx context.Context) (s Status, err error) {
	active, err := r.active(ctx)
	if err != nil {
		return Status{}, err
	}
	err = r.cfg.Store.View(ctx, func(rd abuse.Reader) error {
		s = Status{}
		for _, c := range active {
			at, ok, err := cursorOf(rd, c.number)
			if err != nil {
				return err
			}
			if ok {
				s.Feeds = append(s.Feeds, FeedStatus{c.feed, c.epoch, at.at.batch, at.time, at.complete, at.final})
			}
		}
		rows, err := rd.Scan(abuse.Rechecks, r.link[:], after(r.link[:]), scanSlice)
		if err != nil {
			return err
		}
		s.Rechecks = len(rows)
		rows, err = rd.Scan(abuse.Outbox, nil, nil, scanSlice)
		s.Outbox = len(rows)
		return err
	})
	r.tel.outboxSize.Record(ctx, int64(s.Outbox), r.tel.set)
	s.DueEpoch, s.Due = r.baseDue(s.Feeds)
	return s, err
}

// baseDue says whether a base is to be enrolled, and of which epoch: of the present one if there is
// none whose feed goes on, of the next one from Prepare before it on.
func (r *Receiver) baseDue(feeds []FeedStatus) (uint32, bool) {
	now := r.cfg.Clock()
	last := uint32(0)
	for _, f := range feeds {
		if !f.Final {
			last = max(last, f.Epoch+1)
		}
	}
	for _, at := range []time.Time{now, now.Add(r.cfg.Prepare)} {
		if epoch, ok := r.cfg.Agreement.Epoch(at); ok && epoch >= last {
			return epoch, true
		}
	}
	return 0, false
}
