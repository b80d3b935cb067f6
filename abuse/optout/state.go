package optout

import (
	"errors"
	"time"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/linkage"
)

// Participation is whether a user takes part in the exchange. The zero Participation is invalid.
type Participation uint8

// The states of RISC.
const (
	In           Participation = 1 // he does
	OutInitiated Participation = 2 // he does until the grace is over
	Out          Participation = 3 // he does not
)

var participations = [...]string{"invalid", "opt-in", "opt-out-initiated", "opt-out"}

// String gives RISC's word, such as "opt-out-initiated", and "invalid" for anything else.
func (p Participation) String() string {
	if int(p) < len(participations) {
		return participations[p]
	}
	return participations[0]
}

// MarshalText gives the word; an invalid state is an [*abuse.Error].
func (p Participation) MarshalText() ([]byte, error) {
	if p < In || p > Out {
		return nil, &abuse.Error{Field: "participation", Problem: "is invalid"}
	}
	return []byte(p.String()), nil
}

// UnmarshalText reads a word as String gives it; anything else is an [*abuse.Error].
func (p *Participation) UnmarshalText(text []byte) error {
	for q := In; q <= Out; q++ {
		if q.String() == string(text) {
			*p = q
			return nil
		}
	}
	*p = 0
	return &abuse.Error{Field: "participation", Problem: "is not one of the known words"}
}

// State is what a user has chosen. Of whom nothing is known the State is In, of no purpose out.
type State struct {
	Participation Participation     `json:"participation"`
	Since         time.Time         `json:"since,omitzero"`     // when he last said so; zero: he never chose, or it is not known
	Effective     time.Time         `json:"effective,omitzero"` // when he is out, or was; zero: he is in
	OptedOut      []linkage.Purpose `json:"opted_out"`          // ascending; nil: of none
	// Chosen is when he last chose about a purpose, out of it or back in, in whole seconds. One that is
	// not in it he never chose about, or it is not known when.
	Chosen map[linkage.Purpose]time.Time `json:"chosen,omitempty"`
}

// at gives the state as it is at a time: a grace that is over needs nobody to say so.
func (s State) at(now time.Time) State {
	if s.Participation == OutInitiated && !now.Before(s.Effective) {
		s.Participation = Out
	}
	return s
}

// Step is what has changed. The zero Step is invalid.
type Step uint8

// The steps; the first four are events of RISC.
const (
	OptIn        Step = 1 // takes part again
	Initiated    Step = 2 // wants out; the grace has begun
	Cancelled    Step = 3 // has thought better of it within the grace
	Effective    Step = 4 // the grace is over
	PurposeOut   Step = 5 // opted out of a purpose
	PurposeIn    Step = 6 // opted back in
	stepEnd      Step = 7
	riscEvents        = "https://schemas.openid.net/secevent/risc/event-type/"
	maxReference      = 256 // bytes of an account reference, as in package watch
)

var stepNames = [stepEnd]string{"invalid", "opt-in", "opt-out-initiated", "opt-out-cancelled", "opt-out-effective", "purpose-out", "purpose-in"}

// String gives the word, for the first four RISC's, and "invalid" for anything else.
func (s Step) String() string {
	if s < stepEnd {
		return stepNames[s]
	}
	return stepNames[0]
}

// RISC gives the type of RISC's event for the step, and "" where there is none, as for purposes.
func (s Step) RISC() string {
	if s >= OptIn && s <= Effective {
		return riscEvents + s.String()
	}
	return ""
}

// Change is one change of a register, as those who follow it see it. The zero Change is none.
type Change struct {
	Number    uint64          // counted from 1 in the order in which they were made
	Account   string          // the service's own reference
	Step      Step            // what has changed
	Purpose   linkage.Purpose // for the steps of purposes; else zero
	At        time.Time       // when, in whole seconds
	Effective time.Time       // when the user is out, for Initiated and Effective; else zero
}

// ErrGap says that changes after the one that was asked for are not kept any more: who follows must
// read the whole register anew, by [Book.List].
var ErrGap = errors.New("optout: changes that were not read are not kept any more")

// ErrOut says that an opting out cannot be cancelled any more, for the grace is over: [Book.OptIn] is
// for that.
var ErrOut = errors.New("optout: the grace is over")

var errReference = &abuse.Error{Field: "opt-out", Problem: "must be of an account with 1 to 256 bytes"}

func checkAccount(account string) error {
	if len(account) < 1 || len(account) > maxReference {
		return errReference
	}
	return nil
}
