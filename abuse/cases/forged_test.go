package cases_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/cases"
)

// A partner that gives a signal of its own another's name, and its ID or cause, has that other's word
// cleared on no account when a person does not believe it; a copy that is true is one finding with it,
// whichever of the two comes first.
func TestForgedIsNotCleared(t *testing.T) {
	cause := allegedID(77)
	real := alleged(1, "messenger")
	real.Cause = cause
	passed := func(by string, change func(*abuse.Signal)) abuse.Signal {
		s := real
		s.Path = []string{by}
		if change != nil {
			change(&s)
		}
		return s
	}
	later := real
	later.ID = allegedID(2)
	for name, row := range map[string]struct {
		first, then abuse.Signal
		same        bool
	}{
		"forged ID":                {passed("market", func(s *abuse.Signal) { s.Reports = 1 }), real, false},
		"forged ID, passed on":     {passed("market", func(s *abuse.Signal) { s.Reports = 1 }), passed("bank", nil), false},
		"forged cause":             {passed("market", func(s *abuse.Signal) { s.ID = allegedID(9) }), real, false},
		"forged, made of":          {passed("market", func(s *abuse.Signal) { s.ID, s.Cause = allegedID(9), real.ID }), real, false},
		"another of a true copy's": {passed("market", nil), later, false},
		"true copy":                {passed("market", nil), real, true},
		"true copy, revised":       {passed("market", func(s *abuse.Signal) { s.Revision = 4 }), real, true},
		"true copy, passed on":     {passed("market", nil), passed("bank", nil), true},
		"sent again":               {passed("market", nil), passed("market", func(s *abuse.Signal) { s.Confidence = 99 }), true},
		"sent as another":          {passed("market", nil), passed("market", func(s *abuse.Signal) { s.ID, s.Cause = allegedID(9), real.ID }), true},
		"sent with its cause":      {passed("market", nil), passed("market", func(s *abuse.Signal) { s.ID = allegedID(9) }), true},
		"forged after the real":    {real, passed("market", func(s *abuse.Signal) { s.Reports = 1 }), true},
	} {
		for _, r := range []cases.Resolution{overturned(cases.WrongSignal), {Outcome: cases.Changed, Step: abuse.Label, Until: session.AddDate(0, 0, 1)}} {
			for _, late := range []bool{false, true} { // under the ruling, or when it has ended
				b := newCourt(t, self, nil)
				require.Equal(t, abuse.Suspend, b.decide(t, brought("a", row.first)).Action, name)
				b.resolve(t, b.only(t).ID, r)
				if b.clock.add(time.Minute); late {
					b.clock.add(25 * time.Hour)
				}
				b.decide(t, brought("a", row.then))
				if row.same {
					require.Less(t, b.action(t, "a"), abuse.Friction, "%s, %s", name, r.Outcome)
				} else {
					require.Equal(t, abuse.Suspend, b.action(t, "a"), "%s, %s", name, r.Outcome)
				}
			}
		}
	}
}
