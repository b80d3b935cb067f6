package watch

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/linkage"
)

// Follow takes in what there is of the feeds, and returns. It is safe to call at any time, also in
// several processes: each record is taken in once. When it asks the partner for what does not depend on
// whether anything matches, as long as intake is no more than 64 MiB of batches behind, and beyond that
// in steps of half a second. How long the call takes does depend on it, so that whoever calls it again
// and again does so at times of its own, as [Receiver.Run] does.
// Errors are the partner's, the store's, or say that the feed cannot be followed any further, for which
// there is an alarm too; what was taken in stays so, and the next call goes on. An era whose place a newer
// one has taken ends whatever becomes of its feed.
func (r *Receiver) Follow(ctx context.Context) error {
	r.following.Lock()
	defer r.following.Unlock()
	ctx, span := r.tel.span(ctx, "hueandcry.follow")
	defer span.End()
	active, err := r.active(ctx)
	if err != nil {
		return err
	}
	var all []*fetch
	for _, c := range active { // where they are, before the partner is asked for anything
		at, ok, err := r.where(ctx, c)
		if err != nil {
			return err
		}
		if !ok || at.final {
			continue
		}
		f := &fetch{fetcher: fetcher{r: r, c: c, at: at.tip()}, queue: newQueue(r.ahead), barrier: r.barrier(c)}
		f.ctx, f.stop = context.WithCancel(ctx)
		defer f.stop()
		all = append(all, f)
	}
	var fetching sync.WaitGroup
	fetching.Go(func() {
		for _, f := range all {
			f.err = f.poll(f.ctx, 0, func(b fetched) error {
				if err := f.queue.give(f.ctx, b); err != nil {
					return err
				}
				return f.barrier.wait(f.ctx)
			})
			f.queue.close()
		}
	})
	failed := make([]error, len(all))
	for i, f := range all {
		failed[i] = f.takeIn(ctx)
	}
	fetching.Wait()
	// Whatever becomes of single feeds: one that the partner stalls does not keep old keys alive.
	return errors.Join(append(failed, r.turn(ctx, active, r.dropRetired))...)
}

// fetch is one feed in one call of Follow.
type fetch struct {
	fetcher
	queue   *queue
	barrier *barrier
	ctx     context.Context // of fetching; it ends when intake has failed
	stop    context.CancelFunc
	err     error // of fetching; to be read when the queue is closed
}

// takeIn takes in what is being fetched.
func (f *fetch) takeIn(ctx context.Context) (err error) {
	idle := true
	for {
		b, ok := f.queue.next()
		if !ok {
			break
		}
		idle = false
		if err != nil {
			continue
		}
		if err = f.r.accept(ctx, f.c, b); err != nil {
			f.r.refuses(ctx, f.c, err)
			f.stop()
		} else {
			f.r.took(f.c, f.barrier)
		}
	}
	switch {
	case err != nil:
		return err
	case f.err != nil || !idle:
		return f.err
	}
	return f.r.sweep(ctx, f.c)
}

// sweep leaves little to sweep for when something comes.
func (r *Receiver) sweep(ctx context.Context, c *course) error {
	_, err := c.sweep(ctx, r.cfg.Store, func(cursor) error { return nil })
	if errors.Is(err, errCursor) {
		return nil // it has retired
	}
	return err
}

// accept takes in what was fetched, unless another process has, or the era has retired.
func (r *Receiver) accept(ctx context.Context, c *course, f fetched) error {
	ctx, span := r.tel.span(ctx, "hueandcry.advance")
	defer span.End()
	if f.ended != nil {
		return r.ended(ctx, c, f.ended)
	}
	b, head := f.batch, f.batch.Header()
	for behind := false; ; {
		at, ok, err := r.where(ctx, c)
		if err != nil || !ok || at.at.batch >= head.Number {
			return err
		}
		if at.final && at.digest == head.Previous {
			return nil // another process was told meanwhile that the partner has no more of the feed
		}
		// It follows what was fetched before; what was taken in may be something else.
		if err := b.Follows(c.feed, at.tip()); err != nil {
			r.tel.alarm(ctx, AlarmBatchDamaged, r.cfg.Clock(), int64(head.Number))
			return errBatch
		}
		if ahead := head.Time.Sub(r.cfg.Clock()); ahead > maxAhead {
			r.tel.alarm(ctx, AlarmBatchAhead, r.cfg.Clock(), int64(ahead/time.Second))
			return ErrBatchAhead
		}
		if err := r.pin(ctx, c.epoch, head.LiveKey); err != nil {
			return err
		}
		err = r.takeIn(ctx, c, b)
		switch {
		case errors.Is(err, errCursor):
			continue // another process takes it in too
		case errors.Is(err, errBehind) && !behind:
			behind = true // another process may have been faster than the shelf; then it has taken this one in
			continue
		case errors.Is(err, errOverCap):
			r.tel.alarm(ctx, AlarmPartnerOverCap, r.cfg.Clock(), int64(b.Len()))
			return &RemoteLimitError{Records: b.Len()}
		case errors.Is(err, errBehind):
			err = damaged("cursor") // it stands before what was kept, or what was kept is not all there
			fallthrough
		case err != nil:
			if isolated(err) { // no try helps: somebody must look at the store
				r.tel.alarm(ctx, AlarmFeedStalled, r.cfg.Clock(), int64(head.Number))
			}
			return err
		}
		r.tel.batches.Add(ctx, 1, r.tel.set)
		r.tel.bytes.Add(ctx, int64(f.size), r.tel.set)
		r.tel.feedLag.Record(ctx, r.cfg.Clock().Sub(head.Time).Seconds(), r.tel.set)
		return nil
	}
}

// ended takes note that the partner does not have the feed any more. What is known stays until another
// base has taken its place. Within its epoch that is a fault: the partner died before it had stored
// that the base was enrolled, or has lost its store.
func (r *Receiver) ended(ctx context.Context, c *course, err error) error {
	if uerr := r.cfg.Store.Update(ctx, func(w abuse.Writer) error {
		at, ok, err := cursorOf(w, c.number)
		if err != nil || !ok {
			return err
		}
		at.final = true
		return w.Put(abuse.Cursors, cursorKey(c.number), at.value())
	}); uerr != nil {
		return uerr
	}
	if r.over(c) {
		return nil
	}
	r.tel.alarm(ctx, AlarmFeedStalled, r.cfg.Clock(), 0)
	return err
}

// over says whether an era's epoch is over.
func (r *Receiver) over(c *course) bool {
	now, ok := r.cfg.Agreement.Epoch(r.cfg.Clock())
	return !ok || now > c.epoch
}

// where reads the cursor; of an era that has retired there is none.
func (r *Receiver) where(ctx context.Context, c *course) (at cursor, ok bool, err error) {
	err = r.cfg.Store.View(ctx, func(rd abuse.Reader) (err error) {
		at, ok, err = cursorOf(rd, c.number)
		return err
	})
	return at, ok, err
}

// maxAhead is how far ahead of the clock here a batch may be dated: what the clocks of two services may
// differ by, and no more than a part of a day, for it is the batches' time by which a day's signals are
// counted.
const maxAhead = 6 * time.Hour

// ErrBatchAhead says that the partner's next batch is dated more than six hours ahead of the clock
// here. It is not taken in before that time has come nearer, and nothing after it, and nothing of it is
// lost. One of the two clocks is wrong, or the partner's was; else it could say at once what the
// agreement allows for many days.
var ErrBatchAhead = errors.New("watch: the partner's next batch is dated far ahead of the clock")

// RemoteLimitError says that the partner sends more signals than the agreement allows, or takes back
// more than it has said. Nothing of the batch is taken in; [linkage.ErrLimit] finds it.
type RemoteLimitError struct{ Records int }

// Error gives the size of the batch.
func (e *RemoteLimitError) Error() string {
	return "watch: the partner sends more signals than the agreement allows"
}

// Unwrap gives linkage.ErrLimit.
func (e *RemoteLimitError) Unwrap() error { return linkage.ErrLimit }
