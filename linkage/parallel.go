package linkage

import (
	"context"
	"sync"
)

// crew is a set of goroutines that succeed or fail together. The first error
// cancels the context of the others and calls interrupt, which must unblock
// those that wait on the network; wait returns when all of them have ended.
type crew struct {
	ctx       context.Context
	cancel    context.CancelCauseFunc
	interrupt func()

	wg   sync.WaitGroup
	once sync.Once
	err  error
}

func newCrew(ctx context.Context, interrupt func()) *crew {
	c := &crew{interrupt: interrupt}
	c.ctx, c.cancel = context.WithCancelCause(ctx)
	return c
}

func (c *crew) run(f func() error) {
	c.wg.Go(func() {
		if err := f(); err != nil {
			c.once.Do(func() {
				c.err = err
				c.cancel(err)
				c.interrupt()
			})
		}
	})
}

func (c *crew) wait() error {
	c.wg.Wait()
	c.cancel(nil)
	return c.err
}

// pipeline lets a crew pull jobs one after the other from next until it gives
// none, run them on the given number of goroutines, and give the results to emit
// in the order in which they were pulled, and call end, if any, after the last.
// At most three results a worker are held. next and emit each run on one
// goroutine.
func pipeline[T any](c *crew, workers int, next func() (func() (T, error), error), emit func(T) error, end func()) {
	running := make(chan struct{}, workers)
	queue := make(chan chan T, 2*workers)
	c.run(func() error {
		defer close(queue)
		for {
			job, err := next()
			if err != nil || job == nil {
				return err
			}
			result := make(chan T, 1)
			if err := send(c.ctx, queue, result); err != nil {
				return err
			}
			if err := send(c.ctx, running, struct{}{}); err != nil {
				return err
			}
			c.run(func() error {
				defer func() { <-running }()
				v, err := job()
				if err == nil {
					result <- v
				}
				return err
			})
		}
	})
	c.run(func() error {
		if end != nil {
			defer end()
		}
		for {
			result, more, err := receive(c.ctx, queue)
			if err != nil || !more {
				return err
			}
			v, _, err := receive(c.ctx, result)
			if err != nil {
				return err
			}
			if err := emit(v); err != nil {
				return err
			}
		}
	})
}

func send[T any](ctx context.Context, to chan<- T, v T) error {
	select {
	case to <- v:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func receive[T any](ctx context.Context, from <-chan T) (v T, more bool, err error) {
	select {
	case v, more = <-from:
		return v, more, nil
	case <-ctx.Done():
		return v, false, context.Cause(ctx)
	}
}

// spread calls f for parts of 0, …, n-1 on the given number of goroutines, and waits
// for all of them. Parts are at least of the given length, so that little work is
// done where it is.
func spread(workers, n, least int, f func(from, to int)) {
	parts := max(1, min(workers, n/least))
	var wg sync.WaitGroup
	for i := 1; i < parts; i++ {
		wg.Go(func() { f(n*i/parts, n*(i+1)/parts) })
	}
	f(0, n/parts)
	wg.Wait()
}
