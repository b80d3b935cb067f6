package watch

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/abuse"
)

// additions is the day's budget of evaluations together with what is said about it in session
// records. One commit serves many requests: a lease is handed out from memory, and the counts
// since the last commit go along with the next. A crash wastes what is held of the budget and
// forgets the counts since: both err on the side of fewer evaluations.
type additions struct {
	store abuse.Store
	link  uuid.UUID
	cap   int64
	// left is told what is left of the day after a commit.
	left func(n int64)

	mu     sync.Mutex
	period int64 // of what is held
	held   int64
	counts counts
	// short says that less than so much was left when the store was asked the last time: whoever
	// goes on asking then costs no commit for each request.
	short int64
	asked time.Time
}

// askAgain is how long what was short is taken to be so: another process may give something back.
const askAgain = time.Second

// counts are those since the last commit.
type counts struct{ evaluated, requests, refused int64 }

// maxLease is how much of the budget one process may hold to hand out from memory.
const maxLease = 256

// take takes n of a day's budget for a request, all or nothing.
func (a *additions) take(ctx context.Context, day, n int64) (ok bool, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	short := day <= a.period && a.short > 0 && n >= a.short && time.Since(a.asked) < askAgain
	if !short && (day > a.period || n > a.held) {
		if err := a.refill(ctx, day, n); err != nil {
			return false, err
		}
	}
	a.counts.requests++
	if n > a.held {
		if !short {
			a.short, a.asked = n, time.Now()
		}
		a.counts.refused++
		return false, nil
	}
	a.held -= n
	a.counts.evaluated += n
	return true, nil
}

// refill holds at least n afterwards, if the budget has so much.
func (a *additions) refill(ctx context.Context, day, n int64) error {
	var now counter
	var held int64
	err := a.commit(ctx, func(w abuse.Writer) error {
		c, err := counted(w, a.link, budgetAdditions)
		if err != nil {
			return err
		}
		held = a.held
		if max(day, c.period) > a.period {
			held = 0 // of a day that is over
		}
		free := a.cap - c.used
		if day > c.period {
			free = a.cap
		}
		ask := max(0, n-held)
		// Near the cap nothing is held, so that a crash there wastes nothing of the day.
		if size := min(maxLease, a.cap/1000+1); free-ask >= 2*size {
			ask += size
		}
		granted, after, err := spend(w, spending{a.link, budgetAdditions, day, ask, a.cap, true})
		held += granted
		now = after
		return err
	})
	if err != nil {
		a.held = 0 // whether it was spent is not known: then it is wasted
		return err
	}
	a.held, a.period, a.short = held, max(a.period, now.period), 0
	a.left(a.cap - now.used)
	return nil
}

// commit runs f in an Update that writes the counts first, under the day that they are of.
func (a *additions) commit(ctx context.Context, f func(w abuse.Writer) error) error {
	news := a.counts
	a.counts = counts{} // after a failure it is not known whether they were written: never twice
	return a.store.Update(ctx, func(w abuse.Writer) error {
		now, err := counted(w, a.link, budgetAdditions)
		if err != nil {
			return err
		}
		evaluated := news.evaluated
		if now.period > a.period {
			evaluated = 0 // another process has closed the day that they are of
		}
		for _, c := range []struct {
			name string
			n    int64
		}{{countEvaluated, evaluated}, {countRequests, news.requests}, {countRefused, news.refused}} {
			if _, _, err := spend(w, spending{a.link, c.name, a.period, c.n, math.MaxInt64, true}); err != nil {
				return err
			}
		}
		return f(w)
	})
}

// flush writes the counts, and with f whatever belongs to them.
func (a *additions) flush(ctx context.Context, f func(w abuse.Writer) error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.commit(ctx, f)
}

// close gives back what is held.
func (a *additions) close(ctx context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := a.held
	a.held = 0
	return a.commit(ctx, func(w abuse.Writer) error {
		_, _, err := spend(w, spending{link: a.link, name: budgetAdditions, period: a.period, n: -n})
		return err
	})
}
