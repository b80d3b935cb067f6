package watch

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/linkage"
)

const batchTries = 3

// errBatch says that the partner does not give the batch that is due, or gives a damaged one.
var errBatch = errors.New("watch: the feed cannot be followed: its next batch is missing or damaged")

// Follow takes in what there is of the feeds, and returns. It is safe to call at any time, also in
// several processes: each record is taken in once. What it does and when does not depend on whether
// anything matches. Errors are the partner's, the store's, or say that the feed cannot be followed
// any further, for which there is an alarm too; what was taken in stays so, and the next call goes on.
func (r *Receiver) Follow(ctx context.Context) error { return r.follow(ctx, 0) }

func (r *Receiver) follow(ctx context.Context, wait time.Duration) error {
	r.following.Lock()
	defer r.following.Unlock()
	ctx, span := r.tel.span(ctx, "hueandcry.follow")
	defer span.End()
	active, err := r.active(ctx)
	if err != nil {
		return err
	}
	var failed []error
	for i, c := range active {
		last := i == len(active)-1
		if !last {
			failed = append(failed, r.followOne(ctx, c, 0))
		} else {
			failed = append(failed, r.followOne(ctx, c, wait))
		}
	}
	if err := errors.Join(failed...); err != nil {
		return err
	}
	return r.turn(ctx, active)
}

// followOne takes in what there is of one feed, after a wait for something if there is nothing.
func (r *Receiver) followOne(ctx context.Context, c *course, wait time.Duration) error {
	at, err := r.where(ctx, c)
	if err != nil || at.final {
		return err
	}
	latest, err := r.cfg.Partner.Latest(ctx, c.feed, at.at.batch, wait)
	if errors.Is(err, FeedEnded) {
		return r.ended(ctx, c, err)
	}
	if err != nil {
		return err
	}
	if latest < at.at.batch {
		r.tel.alarm(ctx, AlarmFeedStalled, r.cfg.Clock(), int64(at.at.batch))
		return errBatch
	}
	if latest == at.at.batch {
		// So that there is little to sweep when something comes.
		_, err := c.sweep(ctx, r.cfg.Store, func(cursor) error { return nil })
		if errors.Is(err, errCursor) {
			err = nil
		}
		return err
	}
	for at.at.batch < latest {
		if err := r.next(ctx, c, at); err != nil && !errors.Is(err, errCursor) {
			return err
		}
		before := at.at
		if at, err = r.where(ctx, c); err != nil {
			return err
		}
		if !before.before(at.at) {
			return nil // it has retired
		}
	}
	r.tel.feedLag.Record(ctx, r.cfg.Clock().Sub(at.time).Seconds(), r.tel.set)
	return nil
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

func (r *Receiver) where(ctx context.Context, c *course) (at cursor, err error) {
	err = r.cfg.Store.View(ctx, func(rd abuse.Reader) (err error) {
		at, _, err = cursorOf(rd, c.number)
		return err
	})
	return at, err
}

// next takes in the batch after the cursor.
func (r *Receiver) next(ctx context.Context, c *course, at cursor) error {
	ctx, span := r.tel.span(ctx, "hueandcry.advance")
	defer span.End()
	b, size, err := r.fetch(ctx, c, at)
	if err != nil {
		return err
	}
	err = r.takeIn(ctx, c, b)
	if errors.Is(err, errOverCap) {
		r.tel.alarm(ctx, AlarmPartnerOverCap, r.cfg.Clock(), int64(b.Len()))
		return &RemoteLimitError{Records: b.Len()}
	}
	if err == nil {
		r.tel.batches.Add(ctx, 1, r.tel.set)
		r.tel.bytes.Add(ctx, int64(size), r.tel.set)
	}
	return err
}

// RemoteLimitError says that the partner sends more signals than the agreement allows. Nothing of
// the batch is taken in; [linkage.ErrLimit] finds it.
type RemoteLimitError struct{ Records int }

// Error gives the size of the batch.
func (e *RemoteLimitError) Error() string {
	return "watch: the partner sends more signals than the agreement allows"
}

// Unwrap gives linkage.ErrLimit.
func (e *RemoteLimitError) Unwrap() error { return linkage.ErrLimit }

// fetch gives the batch after the cursor. What is damaged, or another than the one that is due, is
// fetched again past all caches: those are where old and mixed up answers come from.
func (r *Receiver) fetch(ctx context.Context, c *course, at cursor) (*linkage.Batch, int, error) {
	for try := range batchTries {
		data, err := r.cfg.Partner.Batch(ctx, c.feed, at.at.batch+1, try > 0)
		if err != nil {
			return nil, 0, err
		}
		b, err := linkage.ParseBatch(r.cfg.Agreement, data)
		if errors.Is(err, linkage.ErrVersion) {
			return nil, 0, err // a newer partner: no try helps
		}
		if err == nil {
			err = b.Follows(c.feed, at.at.batch, at.digest, at.time)
		}
		if err == nil {
			if err := r.pin(ctx, c.epoch, b.Header().LiveKey); err != nil {
				return nil, 0, err
			}
			return b, len(data), nil
		}
		r.tel.log.WarnContext(ctx, "hueandcry.follow", slog.String("error", err.Error()), slog.Uint64("batch", at.at.batch+1))
		r.tel.alarm(ctx, AlarmBatchDamaged, r.cfg.Clock(), int64(at.at.batch+1))
	}
	r.tel.alarm(ctx, AlarmFeedStalled, r.cfg.Clock(), int64(at.at.batch+1))
	return nil, 0, errBatch
}
