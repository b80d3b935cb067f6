package abuse

import (
	"errors"
	"time"

	"github.com/google/uuid"
)

// Bounds of a signal.
const (
	// MaxName is the length of the longest name of a service, in bytes.
	MaxName = 64
	// MaxPath is the most services that may have passed a signal on.
	MaxPath = 8
	// MaxNames is the most bytes that the names of one signal may have together.
	MaxNames = 128
	// MaxValidity is how long after its last observation a signal may be valid.
	MaxValidity = 2 * 365 * 24 * time.Hour
)

// Signal is what a transmitter claims about an account of its own. Nothing in it
// identifies a person, and no field takes free text: whom it is about is said by
// the tags beside it. The zero Signal is invalid; [Signal.Validate] tells all
// that is missing.
//
// Times are whole seconds from 2000 to 2099.
type Signal struct {
	// ID names the signal through all its revisions: a UUID of version 7.
	ID uuid.UUID `json:"id"`
	// Cause names the first signal or event of the chain from which this one was
	// made. Zero: there is none. Two signals with one cause are one finding.
	Cause uuid.UUID `json:"cause,omitzero"`
	// Origin is the name of the service that found the abuse: 1 to MaxName of a-z,
	// 0-9, '-' and '.', as in an agreement.
	Origin string `json:"origin"`
	// Path names the services that passed the signal on, in order, the last one
	// being the one that sent it here. Empty: it comes straight from the origin. No
	// service is on it twice, nor the origin.
	Path []string `json:"path,omitempty"`

	Category   Category `json:"category"`
	Class      Class    `json:"class"`
	Confidence int      `json:"confidence"` // 0 to 100
	Severity   Severity `json:"severity"`
	Review     Review   `json:"review"`
	Reports    uint32   `json:"reports,omitempty"` // how many people or events; 0: not known

	// FirstObserved and LastObserved say when the abuse was seen. Both zero: not
	// known.
	FirstObserved time.Time `json:"first_observed,omitzero"`
	LastObserved  time.Time `json:"last_observed,omitzero"`
	// ValidUntil is when the signal stops to say anything: after LastObserved, and
	// by MaxValidity at most.
	ValidUntil time.Time `json:"valid_until"`

	Permitted   Permission `json:"permitted"`    // how far a receiver may go
	ActionTaken Action     `json:"action_taken"` // how far the origin went itself
	Revision    uint64     `json:"revision"`     // higher replaces lower
}

// The range of times. It ends before 32 bits of seconds do.
const (
	minTime = 946684800  // 2000-01-01
	maxTime = 4102444800 // 2100-01-01
)

// Validate returns every problem at once, joined, each an [*Error]; nil if there
// is none.
func (s *Signal) Validate() error {
	var problems []error
	check := func(ok bool, field, problem string) {
		if !ok {
			problems = append(problems, &Error{Field: "signal " + field, Problem: problem})
		}
	}
	check(s.ID.Version() == 7 && s.ID.Variant() == uuid.RFC4122, "id", "must be a UUID of version 7")
	check(s.Cause != s.ID || s.Cause == uuid.UUID{}, "cause", "must not be the signal itself")
	check(validName(s.Origin), "origin", "must be 1 to 64 characters of a-z, 0-9, '-' and '.'")
	check(len(s.Path) <= MaxPath, "path", "must hold at most 8 services")
	check(s.validPath(), "path", "must hold names as of an origin, each service once")
	check(s.namesLength() <= MaxNames, "path", "must have at most 128 bytes together with the origin")
	check(validEnum(s.Category, categoryNames), "category", "must be one of the fifteen")
	check(validEnum(s.Class, classNames), "class", "must be confirmed or predictive")
	check(s.Confidence >= 0 && s.Confidence <= 100, "confidence", "must be 0 to 100")
	check(validEnum(s.Severity, severityNames), "severity", "must be low, medium, high or critical")
	check(validEnum(s.Review, reviewNames), "review", "must be none, automatic or human")
	check(validEnum(s.Permitted, permissionNames), "permitted", "must be one of the five words of FIRST")
	check(validEnum(s.ActionTaken, actionNames), "action_taken", "must be a step of the ladder")

	check(validTime(s.ValidUntil), "valid_until", "must be whole seconds from 2000 to 2099")
	if s.FirstObserved.IsZero() && s.LastObserved.IsZero() {
		return errors.Join(problems...)
	}
	check(validTime(s.FirstObserved), "first_observed", "must be whole seconds from 2000 to 2099")
	check(validTime(s.LastObserved), "last_observed", "must be whole seconds from 2000 to 2099")
	check(!s.FirstObserved.After(s.LastObserved), "first_observed", "must not be after last_observed")
	check(s.ValidUntil.After(s.LastObserved), "valid_until", "must be after last_observed")
	check(s.ValidUntil.Sub(s.LastObserved) <= MaxValidity, "valid_until", "must be within two years of last_observed")
	return errors.Join(problems...)
}

func (s *Signal) validPath() bool {
	for i, name := range s.Path {
		if !validName(name) || name == s.Origin {
			return false
		}
		for _, earlier := range s.Path[:i] {
			if name == earlier {
				return false
			}
		}
	}
	return true
}

func (s *Signal) namesLength() int {
	n := len(s.Origin)
	for _, name := range s.Path {
		n += len(name)
	}
	return n
}

// Sender is the service that sends the signal, as the signal has it: the last of Path, or Origin if
// nobody passed it on. A receiver reads a signal from nobody else.
func (s *Signal) Sender() string {
	if len(s.Path) > 0 {
		return s.Path[len(s.Path)-1]
	}
	return s.Origin
}

// touched says whether a service found the signal or passed it on.
func (s *Signal) touched(service string) bool {
	if s.Origin == service {
		return true
	}
	for _, name := range s.Path {
		if name == service {
			return true
		}
	}
	return false
}

// root is the first of the chain of causes.
func (s *Signal) root() uuid.UUID {
	if s.Cause == (uuid.UUID{}) {
		return s.ID
	}
	return s.Cause
}

// independent says whether s and t are two findings: no service has touched both,
// and they have no cause in common.
func (s *Signal) independent(t *Signal) bool {
	if s.root() == t.root() || s.touched(t.Origin) {
		return false
	}
	for _, name := range t.Path {
		if s.touched(name) {
			return false
		}
	}
	return true
}

func validTime(t time.Time) bool {
	return t.Nanosecond() == 0 && t.Unix() >= minTime && t.Unix() < maxTime
}

func validName(s string) bool {
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '.' {
			return false
		}
	}
	return len(s) >= 1 && len(s) <= MaxName
}
