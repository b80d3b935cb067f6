package watch

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/hueandcry/hueandcry/abuse"
)

// queueBytes is how many bytes of batches of one feed wait for intake, in up to an eighth more of
// memory, beside the batch that is being taken in and one in the hand of fetching: four of the longest, and of such as most days have,
// thousands. It is bytes that are bounded and not batches, for the longer the queue the rarer does
// fetching wait for intake, by which the partner could tell that there was something to do.
const queueBytes = 64 << 20

// queuePause is how long fetching waits when the queue is full, before it looks again, and so on: what
// the partner sees then is in whole pauses since the last batch, and not when intake was done with one.
// Intake needs longer than that for what is in a full queue, or about as long, and does not stand idle.
const queuePause = 500 * time.Millisecond

// queue is what has been fetched of one feed and not taken in yet. One gives, one takes.
type queue struct {
	most int64         // bytes in it; a single batch fits always
	some chan struct{} // something has come, or the end

	mu     sync.Mutex
	all    []fetched
	bytes  int64
	closed bool
}

func newQueue(most int64) *queue { return &queue{most: most, some: make(chan struct{}, 1)} }

// give puts in what was fetched, when there is room for it, unless the context ends first.
func (q *queue) give(ctx context.Context, f fetched) error {
	var timer *time.Ticker
	for !q.put(f) {
		if timer == nil {
			timer = time.NewTicker(queuePause)
			defer timer.Stop()
		}
		select {
		case <-timer.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

func (q *queue) put(f fetched) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.all) > 0 && q.bytes+int64(f.size) > q.most {
		return false
	}
	q.all, q.bytes = append(q.all, f), q.bytes+int64(f.size)
	q.wake()
	return true
}

// close says that nothing more will come.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.wake()
}

func (q *queue) wake() {
	select {
	case q.some <- struct{}{}:
	default:
	}
}

// take gives what came first, if there is anything.
func (q *queue) take() (fetched, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.all) == 0 {
		return fetched{}, false
	}
	f := q.all[0]
	q.all[0] = fetched{} // or its batch would be held as long as the slice
	if q.all = q.all[1:]; len(q.all) == 0 {
		q.all = nil
	}
	q.bytes -= int64(f.size)
	return f, true
}

// next gives what came first, waiting for it; false when the queue is closed and empty.
func (q *queue) next() (fetched, bool) {
	for {
		if f, ok := q.take(); ok {
			return f, true
		}
		q.mu.Lock()
		over := q.closed && len(q.all) == 0
		q.mu.Unlock()
		if over {
			return fetched{}, false
		}
		<-q.some
	}
}

// barrier keeps fetching from going on before the first batch has been taken in. There is one where the
// batch was refused the time before, and will be again, for all that intake knows: what comes after it
// would be fetched each time for nothing. The nil barrier is open.
type barrier struct {
	taken  chan struct{}
	opened bool // by intake
	passed bool // by fetching
}

// barrier gives the one of a feed that is about to be fetched.
func (r *Receiver) barrier(c *course) *barrier {
	if !r.refused[c.number] {
		return nil
	}
	return &barrier{taken: make(chan struct{})}
}

// refuses says whether it is the batch that was refused, and remembers it if so.
func (r *Receiver) refuses(ctx context.Context, c *course, err error) bool {
	if _, ok := errors.AsType[*abuse.StoreError](err); ok || ctx.Err() != nil {
		return false
	}
	r.refused[c.number] = true
	return true
}

// took says that a batch was taken in.
func (r *Receiver) took(c *course, g *barrier) {
	delete(r.refused, c.number)
	if g != nil && !g.opened {
		g.opened = true
		close(g.taken)
	}
}

// wait waits for the first batch to be taken in, in whole pauses: see queuePause.
func (g *barrier) wait(ctx context.Context) error {
	if g == nil || g.passed {
		return nil
	}
	timer := time.NewTicker(queuePause)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		select {
		case <-g.taken:
			g.passed = true
			return nil
		default:
		}
	}
}
