package cases

import (
	"math"
	"time"

	"github.com/hueandcry/hueandcry/abuse"
)

// Config is what a [Desk] is made from. Decide is required; the methods that take a context need
// Store as well.
type Config struct {
	// Decide is a pure function, such as [abuse.Decide] under the caller's policy. Settle may call
	// it several times for one account.
	Decide func(abuse.Evidence, time.Time) abuse.Decision
	// Store is the one whose Writer Settle is given.
	Store  abuse.Store
	Limits Limits
	// Accounts gives how many accounts the service has, for Limits.BaseShare; nil, or 0 from it:
	// not known, and that bound does not hold. It is asked within a transaction: answer from memory.
	Accounts func() int64
	// RuleCap gives a rule's own cap of new steps in a day; nil, or 0 from it: Limits.RuleDay.
	// Below zero: none. It must be pure. With rules of package policy it is their RuleCap (of a
	// Set or a Current), and without it no daily_cap of theirs holds.
	RuleCap func(rule string) int64
	// Clock gives the time for the methods that take a context; nil means time.Now. Settle and Rule
	// are told theirs.
	Clock func() time.Time
}

// Limits bound what automation does in a day (UTC). Only new steps count that are harsher than a
// label. In each field zero stands for the default, and a number below zero for no bound.
type Limits struct {
	PartnerDay  int64 // new steps that one partner's signals carry; default 100
	RuleDay     int64 // new steps of one rule; default 500
	CategoryDay int64 // new steps of one category; default 500
	Day         int64 // new steps in all; default 1,000
	// BaseShare is the share of all accounts that may get a new step in a day: default 0.01, at
	// most 1. At least one account may always get one.
	BaseShare float64
	// PartnerShare is how much of RuleDay, CategoryDay, Day and BaseShare one partner may use:
	// default 0.5, at most 1. At least one step.
	PartnerShare float64
	// SignalAccounts is how many accounts one signal may carry a new step on, ever; default 20. An account
	// on which its step has ended, and begins again, counts again.
	SignalAccounts int64
	// TripLeast is a count in a day that never leaves the band; default 20. Below zero: no bands.
	TripLeast int64
	// TripDays is how many days of history a band needs, with 1 at least; default 7.
	TripDays int64
}

// Desk sees to what becomes of decisions. All that it knows is in the store: any number may work
// on one store, in one process or many, and each may be used by many goroutines. The zero Desk is
// invalid.
type Desk struct{ cfg Config }

// New makes a desk. An [*abuse.Error] says what is missing or out of bounds.
func New(cfg Config) (*Desk, error) {
	l := &cfg.Limits
	switch {
	case cfg.Decide == nil:
		return nil, &abuse.Error{Field: "config Decide", Problem: "is needed"}
	case l.BaseShare > 1 || math.IsNaN(l.BaseShare):
		return nil, &abuse.Error{Field: "limit BaseShare", Problem: "must be at most 1"}
	case l.PartnerShare > 1 || math.IsNaN(l.PartnerShare):
		return nil, &abuse.Error{Field: "limit PartnerShare", Problem: "must be at most 1"}
	}
	for _, d := range []struct {
		field *int64
		value int64
	}{{&l.PartnerDay, 100}, {&l.RuleDay, 500}, {&l.CategoryDay, 500}, {&l.Day, 1000}, {&l.SignalAccounts, 20}, {&l.TripLeast, 20}, {&l.TripDays, 7}} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	l.TripDays = max(l.TripDays, 1)
	if l.BaseShare == 0 {
		l.BaseShare = 0.01
	}
	if l.PartnerShare == 0 {
		l.PartnerShare = 0.5
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	return &Desk{cfg}, nil
}

// store gives the store to the methods that need it.
func (d *Desk) store() (abuse.Store, error) {
	if d.cfg.Store == nil {
		return nil, &abuse.Error{Field: "config Store", Problem: "is needed for this"}
	}
	return d.cfg.Store, nil
}

func (d *Desk) now() time.Time { return d.cfg.Clock().UTC() }

// dayOf counts days of UTC since 1970.
func dayOf(t time.Time) int64 {
	const day = 24 * 60 * 60
	s := t.Unix()
	if s < 0 {
		s -= day - 1
	}
	return s / day
}
