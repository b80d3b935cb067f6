package watch

import (
	"context"
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/linkage"
)

// telling is a store whose Updates tell of matches: what they do beside is done exactly when there are
// some, before anything is committed.
type telling struct {
	abuse.Store
	matched func(ctx context.Context) error
}

func (s *telling) Update(ctx context.Context, do func(abuse.Writer) error) error {
	return s.Store.Update(ctx, func(w abuse.Writer) error {
		c := &counting{Writer: w, table: abuse.Matches}
		if err := do(c); err != nil || c.puts == 0 || s.matched == nil {
			return err
		}
		return s.matched(ctx)
	})
}

// watched is a partner who writes down what it is asked about feeds, and how long after its last
// answer. Tests have it in a bubble, where no time passes but that which is slept.
type watched struct {
	Partner
	mu    sync.Mutex
	asked []string
	idle  []time.Duration
	last  time.Time
}

func (p *watched) note(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked, p.idle = append(p.asked, what), append(p.idle, time.Since(p.last))
}

func (p *watched) answered() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = time.Now()
}

func (p *watched) Latest(ctx context.Context, feed linkage.FeedID, after uint64, wait time.Duration) (uint64, error) {
	p.note(fmt.Sprint("after ", after))
	defer p.answered()
	return p.Partner.Latest(ctx, feed, after, wait)
}

func (p *watched) Batch(ctx context.Context, feed linkage.FeedID, number uint64, fresh bool) ([]byte, error) {
	p.note(fmt.Sprint("batch ", number))
	defer p.answered()
	return p.Partner.Batch(ctx, feed, number, fresh)
}

// watchedTown is one with a single account, with the first number, whose feed has been asked for nothing.
func watchedTown(t *testing.T) (*town, *telling, *watched) {
	store := &telling{Store: abuse.NewMemory()}
	w := newTown(t, linkage.ProtocolEC, func(w *town) { w.mine = store })
	w.people.put("a", phoneOf(t, 1))
	require.NoError(t, w.base(0))
	p := &watched{Partner: w.partner, last: time.Now()}
	w.rec.cfg.Partner = p
	return w, store, p
}

// cut publishes a batch with signals about a number.
func (w *town) cut(n, about int) {
	w.t.Helper()
	w.at.Add(60)
	w.report(n, 1, phoneOf(w.t, about))
	require.NoError(w.t, w.tr.Cut(w.t.Context()))
}

const nobody = 5000

// Whatever is found, and however long intake takes over it or fails for it, the partner is asked for the
// same, in the same order, and right after the pause that there always is.
func TestFetchTellsNothing(t *testing.T) {
	var want []string
	for _, c := range []struct {
		name    string
		about   int
		matched func(tries int) error
	}{
		{"nothing found", nobody, func(int) error { return nil }},
		{"found", 1, func(int) error { return nil }},
		{"found, slowly", 1, func(int) error { time.Sleep(3 * time.Second); return nil }},
		{"found, with failures", 1, func(tries int) error {
			if tries%2 == 1 {
				return errFlaky
			}
			return nil
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, store, p := watchedTown(t)
				tries := 0
				store.matched = func(context.Context) error { tries++; return c.matched(tries) }
				ctx, cancel := context.WithCancel(t.Context())
				var all sync.WaitGroup
				all.Go(func() { require.ErrorIs(t, w.rec.Run(ctx), context.Canceled) })
				for n := range 5 {
					time.Sleep(time.Second) // longer than a pause, shorter than a poll
					w.cut(n, c.about)
				}
				time.Sleep(time.Second)
				synctest.Wait()
				p.mu.Lock()
				if want == nil {
					want = p.asked
				}
				require.Equal(t, want, p.asked)
				require.Len(t, want, 11, "each batch once, and a poll before and after it")
				for i, idle := range p.idle {
					require.Less(t, idle, runPause*3/2, "%s", p.asked[i])
				}
				p.mu.Unlock()
				time.Sleep(time.Minute) // intake comes to its end
				cancel()
				all.Wait()
				require.Equal(t, c.about == 1, tries > 0)
				store.matched = nil
				_, err := w.decider.Step(t.Context())
				require.NoError(t, err)
				w.check()
			})
		})
	}
}

// A call of Follow fetches ahead of intake, as far as the queue goes, and no further.
func TestFetchAhead(t *testing.T) {
	const batches, queued = 9, 4
	const ahead = 1 + queued + 1 // being taken in, in the queue, in the hand of fetching
	synctest.Test(t, func(t *testing.T) {
		w, store, p := watchedTown(t)
		release := make(chan struct{})
		store.matched = func(ctx context.Context) error {
			select {
			case <-release:
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		for n := range batches {
			w.cut(n, 1)
		}
		b, err := w.tr.batch(t.Context(), w.course().feed, 1)
		require.NoError(t, err)
		w.rec.ahead = queued * int64(len(b.data)) // they are equally long
		want := []string{"after 0"}
		for n := range batches {
			want = append(want, fmt.Sprint("batch ", n+1))
		}
		begin := func(ctx context.Context) chan error {
			p.asked = nil
			done := make(chan error)
			go func() { done <- w.rec.Follow(ctx) }()
			time.Sleep(2 * queuePause) // should the queue be full before intake has begun
			synctest.Wait()
			require.Equal(t, want[:1+ahead], p.asked)
			return done
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := begin(ctx)
		cancel()
		require.ErrorIs(t, <-done, context.Canceled, "it ends with its context")
		synctest.Wait()
		require.Equal(t, want[:1+ahead], p.asked)

		store.matched = func(context.Context) error { return errFlaky }
		require.ErrorIs(t, w.rec.Follow(t.Context()), errFlaky, "it fails with the store, and goes on from there")

		store.matched = func(context.Context) error { <-release; return nil }
		done = begin(t.Context())
		close(release)
		require.NoError(t, <-done)
		require.Equal(t, want, p.asked, "all that there is has been taken in")
		_, err = w.decider.Step(t.Context())
		require.NoError(t, err)
		w.check()
		require.Len(t, w.known(), batches)
	})
}

// As long as what waits fits in memory, fetching does not wait for intake at all; and when it has to,
// it does so in whole pauses, whenever intake is done with a batch.
func TestFetchTellsLittleWhenFull(t *testing.T) {
	for _, late := range []time.Duration{queuePause / 10, queuePause / 2, queuePause * 9 / 10} {
		synctest.Test(t, func(t *testing.T) {
			w, store, p := watchedTown(t)
			for n := range 20 {
				w.cut(n, 1)
			}
			release := make(chan struct{})
			store.matched = func(context.Context) error { <-release; return nil }
			b, err := w.tr.batch(t.Context(), w.course().feed, 1)
			require.NoError(t, err)
			w.rec.ahead = 12 * int64(len(b.data))
			done := make(chan error)
			go func() { done <- w.rec.Follow(t.Context()) }()
			time.Sleep(4*queuePause + late)
			synctest.Wait()
			require.Len(t, p.asked, 1+1+12+1, "being taken in, in the queue, in the hand of fetching")
			close(release)
			require.NoError(t, <-done)
			require.Len(t, p.asked, 1+20)
			at := time.Duration(0)
			for i, idle := range p.idle {
				at += idle
				require.Zero(t, at%queuePause, p.asked[i])
			}
			require.Equal(t, 5*queuePause, at)
			_, err = w.decider.Step(t.Context())
			require.NoError(t, err)
			w.check()
		})
	}
}

// A batch that is longer than all that may wait goes through by itself.
func TestQueueTakesOneAlways(t *testing.T) {
	q := newQueue(10)
	require.True(t, q.put(fetched{size: 100}))
	require.False(t, q.put(fetched{size: 1}))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, q.give(ctx, fetched{size: 1}), context.Canceled)
	f, ok := q.take()
	require.True(t, ok)
	require.Equal(t, 100, f.size)
	require.True(t, q.put(fetched{size: 5}))
	require.True(t, q.put(fetched{size: 5}))
	require.False(t, q.put(fetched{size: 1}))
	q.close()
	for range 2 {
		_, ok = q.next()
		require.True(t, ok)
	}
	_, ok = q.next()
	require.False(t, ok)
	require.Zero(t, q.bytes)
}

// A batch that is refused for the time being is fetched again and again, and nothing after it, until it
// is taken in; then the feed goes on.
func TestFetchRefusedAlone(t *testing.T) {
	const batches, hours = 6, 3600
	town := func(t *testing.T) (w *town, p *watched, slow *atomic.Int64, count func() map[string]int) {
		w, _, p = watchedTown(t)
		slow = new(atomic.Int64)
		w.rec.cfg.Clock = func() time.Time { return w.now().Add(-time.Duration(slow.Load()) * time.Second) }
		for n := range batches {
			w.cut(n, 1)
		}
		slow.Store(7 * hours)
		return w, p, slow, func() map[string]int {
			p.mu.Lock()
			defer p.mu.Unlock()
			by := map[string]int{}
			for _, a := range p.asked {
				by[a]++
			}
			p.asked, p.idle = nil, nil
			return by
		}
	}
	t.Run("follow", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w, _, slow, count := town(t)
			require.ErrorIs(t, w.rec.Follow(t.Context()), ErrBatchAhead)
			count()
			for range 5 {
				require.ErrorIs(t, w.rec.Follow(t.Context()), ErrBatchAhead)
				by := count()
				require.Equal(t, 1, by["batch 1"])
				require.Len(t, by, 2, by)
			}
			slow.Store(0)
			w.settle()
			w.check()
			require.Len(t, w.known(), batches)
			for n := range batches {
				w.cut(batches+n, 1)
			}
			count()
			start := time.Now()
			require.NoError(t, w.rec.Follow(t.Context()))
			require.Zero(t, time.Since(start), "nobody waits any more, on the clock of synctest")
			require.Len(t, count(), 1+batches)
		})
	})
	t.Run("run", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w, p, slow, count := town(t)
			ctx, cancel := context.WithCancel(t.Context())
			var all sync.WaitGroup
			all.Go(func() { _ = w.rec.Run(ctx) })
			time.Sleep(2 * time.Second)
			count()
			time.Sleep(5 * time.Minute)
			by := count()
			require.Greater(t, by["batch 1"], 5)
			require.Len(t, by, 2, by)
			slow.Store(0)
			time.Sleep(5 * time.Minute)
			cancel()
			all.Wait()
			for n, at := range p.asked {
				if at == "batch 2" {
					require.Zero(t, p.idle[n]%queuePause, "whenever the first was taken in")
				}
			}
			by = count()
			require.LessOrEqual(t, by["batch 1"], 1, "it may have waited to be tried again")
			for n := range batches - 1 {
				require.Equal(t, 1, by[fmt.Sprint("batch ", n+2)])
			}
			_, err := w.decider.Step(t.Context())
			require.NoError(t, err)
			w.check()
			require.Len(t, w.known(), batches)
		})
	})
}

// What a batch is read into may be longer: what waits is not.
func TestFetchedIsAsLongAsItIs(t *testing.T) {
	w, _, _ := watchedTown(t)
	w.cut(1, 1)
	w.partner.change = func(_ uint64, _ bool, data []byte) []byte { return append(make([]byte, 0, 2*len(data)), data...) }
	f := &fetcher{r: w.rec, c: w.course()}
	n := 0
	require.NoError(t, f.poll(t.Context(), 0, func(b fetched) error {
		n++
		body := reflect.ValueOf(b.batch).Elem().FieldByName("body")
		require.LessOrEqual(t, body.Cap()-body.Len(), 64+b.size/8, "but for the signature")
		return nil
	}))
	require.Equal(t, 1, n)
}

// A batch that is refused is fetched anew: the partner may have mended it.
func TestFetchAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _, p := watchedTown(t)
		limit := w.agreement.Limits
		w.agreement.Limits.SignalsPerDay, w.agreement.Limits.Records = 0, 0
		refused := *w.agreement
		w.agreement.Limits = limit
		w.rec.cfg.Agreement = &refused
		w.cut(0, 1)
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() { _ = w.rec.Run(ctx) })
		time.Sleep(10 * time.Second)
		cancel()
		all.Wait()
		n := 0
		for _, a := range p.asked {
			if a == "batch 1" {
				n++
			}
		}
		require.Greater(t, n, 1)
		w.rec.cfg.Agreement = w.agreement
		w.settle()
		w.check()
	})
}
