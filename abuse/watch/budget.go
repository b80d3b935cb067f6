package watch

import (
	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/abuse"
)

// Names of budgets and counts.
const (
	budgetAdditions = "additions"
	budgetBase      = "base/"
	countBatches    = "batches"
	countEvaluated  = "evaluated"
	countRequests   = "requests"
	countRefused    = "refused"
	countRecords    = "records"
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
