package watch

import (
	"context"
	"sync"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/abuse"
)

// Names of budgets and counts.
const (
	budgetAdditions = "additions"
	budgetBase      = "base"
	countPublished  = "published"
	countBatches    = "batches"
	countEvaluated  = "evaluated"
	countRequests   = "requests"
	countRefused    = "refused"
	budgetRecords   = "records/"
	budgetSignals   = "signals/"
)

// counter is a budget as it is kept: what was used in the highest period there was, and in all.
type counter struct{ period, used, total int64 }

// spending is what is asked of a budget.
type spending struct {
	link   uuid.UUID
	name   string
	period int64
	n      int64 // below zero: gives back, to the same period alone
	cap    int64 // of a period
	whole  bool  // all of n or nothing
}

func budgetKey(link uuid.UUID, name string) []byte { return joined(link[:], []byte(name)) }

// counted reads a budget; one that nobody has spent of is all zeros.
func counted(r abuse.Reader, link uuid.UUID, name string) (c counter, err error) {
	got, err := r.Get(abuse.Budgets, budgetKey(link, name))
	if err != nil || got[0] == nil {
		return counter{}, err
	}
	b := newRow(got[0])
	c = counter{int64(b.u64()), int64(b.u64()), int64(b.u64())}
	return c, b.end()
}

// spend takes from a budget within an Update, so that all spenders together never pass the cap.
// A period never comes back: what a clock that was set back asks for is charged to the highest
// period there was.
func spend(w abuse.Writer, s spending) (granted int64, c counter, err error) {
	if c, err = counted(w, s.link, s.name); err != nil {
		return 0, c, err
	}
	switch {
	case s.n < 0:
		if s.period != c.period {
			return 0, c, nil
		}
		granted = -min(-s.n, c.used)
	default:
		if s.period > c.period {
			c.period, c.used = s.period, 0
		}
		granted = max(0, min(s.n, s.cap-c.used))
		if s.whole && granted < s.n {
			granted = 0
		}
	}
	if granted == 0 {
		return 0, c, nil
	}
	c.used += granted
	c.total += granted
	value := joined([]byte{rowVersion}, be64(uint64(c.period)), be64(uint64(c.used)), be64(uint64(c.total)))
	return granted, c, w.Put(abuse.Budgets, budgetKey(s.link, s.name), value)
}

// maxLease is how much of a budget one process may hold to hand out from memory.
const maxLease = 256

// lease hands out a daily budget without a commit for each request. What it holds is spent in the
// store already: a crash wastes it, and never makes more of it. Near the cap nothing is held.
type lease struct {
	store abuse.Store
	link  uuid.UUID
	name  string
	cap   int64
	// also runs in every commit of the lease's, with what it writes beside.
	also func(w abuse.Writer) error
	// then runs after such a commit.
	then func(c counter)

	mu     sync.Mutex
	period int64
	left   int64
}

// take takes n of the period's budget, all or nothing.
func (l *lease) take(ctx context.Context, period, n int64) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if period <= l.period && n <= l.left {
		l.left -= n
		return true, nil
	}
	if period > l.period {
		l.left = 0 // of a day that is over
	}
	ok, held, now := false, int64(0), counter{}
	need := n - l.left
	err := l.store.Update(ctx, func(w abuse.Writer) error {
		ok, held = false, 0
		c, err := counted(w, l.link, l.name)
		if err != nil {
			return err
		}
		need := need
		if max(period, c.period) > l.period {
			need = n // another process has seen a later day: what is held is of the one before
		}
		used := c.used
		if period > c.period {
			used = 0
		}
		size := min(maxLease, l.cap/1000+1)
		ask := need
		if l.cap-used-need >= 2*size {
			ask += size
			held = size
		}
		var granted int64
		if granted, now, err = spend(w, spending{l.link, l.name, period, ask, l.cap, true}); err != nil {
			return err
		}
		ok = granted == ask
		return l.also(w)
	})
	if err != nil {
		l.left = 0 // what is held may be of an older day by now: waste it
		return false, err
	}
	if now.period > l.period {
		l.period, l.left = now.period, 0
	}
	if ok {
		l.left = held
	}
	l.then(now)
	return ok, nil
}

// giveBack returns what is held. What cannot be returned is wasted.
func (l *lease) giveBack(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.left
	l.left = 0
	return l.store.Update(ctx, func(w abuse.Writer) error {
		if _, _, err := spend(w, spending{link: l.link, name: l.name, period: l.period, n: -n}); err != nil {
			return err
		}
		return l.also(w)
	})
}
