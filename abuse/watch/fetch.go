package watch

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/hueandcry/hueandcry/linkage"
)

// When a batch is asked for must not tell the partner what was in the one before: intake takes longer
// where there is more to write. So fetching has a loop of its own for each feed, which neither reads
// nor writes the store, and intake works behind it, with what has been fetched in a queue (queue.go).

const batchTries = 3

// errBatch says that the partner does not give the batch that is due, or gives a damaged one.
var errBatch = errors.New("watch: the feed cannot be followed: its next batch is missing or damaged")

// fetched is what fetching leaves for intake: a batch, or that the partner has ended the feed.
type fetched struct {
	batch *linkage.Batch
	size  int
	ended error
}

// fetcher asks for the batches of one feed. Where it is in the chain it knows by itself.
type fetcher struct {
	r  *Receiver
	c  *course
	at linkage.Tip // the last batch that was fetched
}

// poll asks for what there is of the feed, after a wait for something if there is nothing, and gives
// it away batch by batch.
func (f *fetcher) poll(ctx context.Context, wait time.Duration, give func(fetched) error) error {
	if f.at.Final {
		return nil
	}
	latest, err := f.r.cfg.Partner.Latest(ctx, f.c.feed, f.at.Number, wait)
	if errors.Is(err, FeedEnded) {
		f.at.Final = true
		return give(fetched{ended: err})
	}
	if err != nil {
		return err
	}
	if latest < f.at.Number {
		f.r.tel.alarm(ctx, AlarmFeedStalled, f.r.cfg.Clock(), int64(f.at.Number))
		return errBatch
	}
	for f.at.Number < latest && !f.at.Final {
		b, size, err := f.next(ctx)
		if err != nil {
			return err
		}
		f.at = b.Tip()
		if err := give(fetched{batch: b, size: size}); err != nil {
			return err
		}
	}
	return nil
}

// next gives the batch that is due. What is damaged, or another than that, is fetched again past all
// caches: those are where old and mixed up answers come from.
func (f *fetcher) next(ctx context.Context) (*linkage.Batch, int, error) {
	due := f.at.Number + 1
	for try := range batchTries {
		data, err := f.r.cfg.Partner.Batch(ctx, f.c.feed, due, try > 0)
		if err != nil {
			return nil, 0, err
		}
		if cap(data)-len(data) > len(data)/8 {
			data = append(make([]byte, 0, len(data)), data...) // it may wait, and the room behind it with it
		}
		b, err := linkage.ParseBatch(f.r.cfg.Agreement, data)
		if errors.Is(err, linkage.ErrVersion) {
			return nil, 0, err // a newer partner: no try helps
		}
		if err == nil {
			err = b.Follows(f.c.feed, f.at)
		}
		if err == nil {
			return b, len(data), nil
		}
		f.r.tel.log.WarnContext(ctx, "hueandcry.follow", slog.String("error", err.Error()), slog.Uint64("batch", due))
		f.r.tel.alarm(ctx, AlarmBatchDamaged, f.r.cfg.Clock(), int64(due))
	}
	f.r.tel.alarm(ctx, AlarmFeedStalled, f.r.cfg.Clock(), int64(due))
	return nil, 0, errBatch
}

// pursuit follows the feeds for as long as Run does.
type pursuit struct {
	r       *Receiver
	lines   map[uint64]*line // by number of the era
	wake    chan struct{}    // there is something in a queue
	waiting bool             // the last step has left nothing to do
	all     sync.WaitGroup   // fetching
}

// line is the way from the fetching of one feed to its intake.
type line struct {
	queue   *queue
	barrier *barrier
	held    *fetched // is being taken in, again if that has failed
	stop    context.CancelFunc
}

func (p *pursuit) run(ctx context.Context) {
	p.r.repeat(ctx, p.step)
	for number := range p.lines {
		p.end(number)
	}
	p.all.Wait()
}

// begin lets a feed be fetched from the cursor on.
func (p *pursuit) begin(ctx context.Context, c *course, at cursor) {
	ctx, stop := context.WithCancel(ctx)
	l := &line{queue: newQueue(p.r.ahead), barrier: p.r.barrier(c), stop: stop}
	f := &fetcher{r: p.r, c: c, at: at.tip()}
	p.lines[c.number] = l
	p.all.Go(func() {
		p.r.repeat(ctx, func(ctx context.Context) error {
			err := f.poll(ctx, followWait, func(b fetched) error {
				err := l.queue.give(ctx, b)
				select {
				case p.wake <- struct{}{}:
				default:
				}
				if err == nil {
					err = l.barrier.wait(ctx)
				}
				return err
			})
			if f.at.Final {
				stop() // what is in the queue is taken in all the same
			}
			return err
		})
	})
}

func (p *pursuit) end(number uint64) {
	p.lines[number].stop()
	delete(p.lines, number)
}

// step takes in what has been fetched, when something has or after a while, and ends what is over.
func (p *pursuit) step(ctx context.Context) error {
	if p.waiting {
		timer := time.NewTimer(followWait)
		defer timer.Stop()
		select {
		case <-p.wake:
		case <-timer.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	p.waiting = false
	r := p.r
	r.following.Lock()
	defer r.following.Unlock()
	whole := ctx
	ctx, span := r.tel.span(ctx, "hueandcry.follow")
	defer span.End()
	active, err := r.active(ctx)
	if err != nil {
		return err
	}
	for number := range p.lines {
		if !followed(active, number) {
			p.end(number)
		}
	}
	for _, c := range active { // all begin before any is taken in
		if p.lines[c.number] != nil {
			continue
		}
		at, ok, err := r.where(ctx, c)
		if err != nil {
			return err
		}
		if ok && !at.final {
			p.begin(whole, c, at)
		}
	}
	var failed []error
	for _, c := range active {
		failed = append(failed, p.take(ctx, c))
	}
	err = errors.Join(failed...)
	p.waiting = err == nil
	return errors.Join(err, r.turn(ctx, active, r.dropLater)) // see Follow
}

func followed(active []*course, number uint64) bool {
	for _, c := range active {
		if c.number == number {
			return true
		}
	}
	return false
}

// take takes in what has been fetched of one feed. If the store fails the batch is kept and tried
// again: the partner is not to see that. If the batch itself is refused it is fetched anew, alone.
func (p *pursuit) take(ctx context.Context, c *course) error {
	l := p.lines[c.number]
	if l == nil {
		return nil
	}
	idle := true
	for {
		if l.held == nil {
			b, ok := l.queue.take()
			switch {
			case ok:
				l.held = &b
			case idle:
				return p.r.sweep(ctx, c)
			default:
				return nil
			}
		}
		idle = false
		if err := p.r.accept(ctx, c, *l.held); err != nil {
			if p.r.refuses(ctx, c, err) {
				p.end(c.number)
			}
			return err
		}
		l.held = nil
		p.r.took(c, l.barrier)
	}
}
