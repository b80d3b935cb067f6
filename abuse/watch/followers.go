package watch

import (
	"context"
	"sync"
	"time"

	"github.com/hueandcry/hueandcry/linkage"
)

// pollEvery is how long a batch of another process stays unseen by those who wait here.
const pollEvery = time.Second

// followers are those who wait for a batch. All who wait for one feed share a channel, and
// all together one goroutine, which is there while somebody waits and looks for batches that
// another process has published: an idle follower costs its connection and a timer.
type followers struct {
	look func(ctx context.Context, feed linkage.FeedID) (uint64, error)

	mu      sync.Mutex
	feeds   map[linkage.FeedID]*awaited
	waiting int
	stop    chan struct{} // of the goroutine
	ended   chan struct{} // closed by end
}

type awaited struct {
	last    uint64
	moved   chan struct{} // closed when last has changed
	waiting int
}

func newFollowers(look func(context.Context, linkage.FeedID) (uint64, error)) *followers {
	return &followers{look: look, feeds: map[linkage.FeedID]*awaited{}, ended: make(chan struct{})}
}

// wait gives the number of the last batch as soon as it is above after, or when the time is over.
func (f *followers) wait(ctx context.Context, feed linkage.FeedID, after uint64, most time.Duration) (uint64, error) {
	f.mu.Lock()
	a := f.feeds[feed]
	f.mu.Unlock()
	last := uint64(0)
	if a == nil {
		var err error
		if last, err = f.look(ctx, feed); err != nil || last > after {
			return last, err
		}
	}
	if most <= 0 && a == nil {
		return last, nil
	}
	timer := time.NewTimer(most)
	defer timer.Stop()
	a = f.enter(feed, last)
	defer f.leave(feed, a)
	for {
		f.mu.Lock()
		last, moved := a.last, a.moved
		f.mu.Unlock()
		if last > after {
			return last, nil
		}
		select {
		case <-moved:
		case <-timer.C:
			return last, nil
		case <-f.ended:
			return last, nil
		case <-ctx.Done():
			return last, context.Cause(ctx)
		}
	}
}

func (f *followers) enter(feed linkage.FeedID, last uint64) *awaited {
	f.mu.Lock()
	defer f.mu.Unlock()
	a := f.feeds[feed]
	if a == nil {
		a = &awaited{last: last, moved: make(chan struct{})}
		f.feeds[feed] = a
	}
	a.waiting++
	if f.waiting++; f.waiting == 1 {
		f.stop = make(chan struct{})
		go f.poll(f.stop)
	}
	return a
}

func (f *followers) leave(feed linkage.FeedID, a *awaited) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if a.waiting--; a.waiting == 0 {
		delete(f.feeds, feed)
	}
	if f.waiting--; f.waiting == 0 {
		close(f.stop)
	}
}

// moved tells that a feed has a new batch.
func (f *followers) moved(feed linkage.FeedID, last uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if a := f.feeds[feed]; a != nil && last > a.last {
		a.last = last
		close(a.moved)
		a.moved = make(chan struct{})
	}
}

func (f *followers) poll(stop chan struct{}) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ticks := time.NewTicker(pollEvery)
	defer ticks.Stop()
	for {
		select {
		case <-stop:
			return
		case <-ticks.C:
		}
		f.mu.Lock()
		feeds := make([]linkage.FeedID, 0, len(f.feeds))
		for feed := range f.feeds {
			feeds = append(feeds, feed)
		}
		f.mu.Unlock()
		for _, feed := range feeds {
			if last, err := f.look(ctx, feed); err == nil {
				f.moved(feed, last)
			}
		}
	}
}

// end sends all home who wait, and whoever comes later at once.
func (f *followers) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	select {
	case <-f.ended:
	default:
		close(f.ended)
	}
}
