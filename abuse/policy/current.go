package policy

import (
	"context"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hueandcry/hueandcry/abuse"
)

// Current is the set that a service decides by, and can be changed while it does. It is what ties rules to
// package cases, in three lines that all belong together:
//
//	rules, err := policy.NewCurrent(set)
//	cases.Config{Decide: rules.Explain, RuleCap: rules.RuleCap, ...}  // the rules, and their daily caps
//	err = rules.Weigh(ctx, hearings.Weights)                          // every hour, say: the scorecards
//
// Without the second part no daily_cap of a file holds, and without the third partner.weight is 1 for
// everybody. It is safe for concurrent use; an account that is being decided when the set is changed may be
// decided by either. The zero Current is invalid.
type Current struct {
	set atomic.Pointer[Set]

	mu      sync.Mutex // of who changes it
	weights map[string]float64
}

// NewCurrent begins with a set. Nil is an [*abuse.Error].
func NewCurrent(s *Set) (*Current, error) {
	c := &Current{}
	if err := c.Use(s); err != nil {
		return nil, err
	}
	return c, nil
}

// Set gives the set of now, such as for [Set.Reason] and [Set.Decide].
func (c *Current) Set() *Set { return c.set.Load() }

// Explain is [Set.Explain] of the set of now; for Decide in the Config of package cases.
func (c *Current) Explain(e abuse.Evidence, now time.Time) abuse.Decision {
	return c.set.Load().Explain(e, now)
}

// RuleCap is [Set.RuleCap] of the set of now; for RuleCap in the Config of package cases.
func (c *Current) RuleCap(rule string) int64 { return c.set.Load().RuleCap(rule) }

// Use puts another set in the place, such as one that was read anew. The weights that [Current.Weigh] was
// given last hold for it too. Nil is an [*abuse.Error], and then the set stays.
func (c *Current) Use(s *Set) (err error) {
	if s == nil {
		return &abuse.Error{Field: "rules", Problem: "must be a set"}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.weights != nil {
		if s, err = s.With(Options{Discount: c.weights}); err != nil {
			return err
		}
	}
	c.set.Store(s)
	return nil
}

// Weigh asks for the weights of partners' words, 0 to 1 by their names, and decides by them from then on, as
// of [Options].Discount: who is not among them has the weight 1. Hearings.Weights of package cases is such a
// function. They are part of the set's hash, which stays the same where they do; hence not at every verdict, but now and then. After
// an error, its own or an [*abuse.Error] for a weight out of bounds, the set stays.
func (c *Current) Weigh(ctx context.Context, weights func(context.Context) (map[string]float64, error)) error {
	got, err := weights(ctx)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.set.Load()
	if got == nil {
		got = map[string]float64{} // nil is as before in Options
	}
	if !maps.Equal(got, s.discount) {
		if s, err = s.With(Options{Discount: got}); err != nil {
			return err
		}
		c.set.Store(s)
	}
	c.weights = maps.Clone(got)
	return nil
}
