package abuse

import (
	"errors"
	"math/bits"
	"slices"
	"time"

	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
)

// Holding is what is known here about one identifier of the account. Every field
// but Kind may be unknown, which is its zero value, and what is unknown never
// carries a step harsher than [Friction].
type Holding struct {
	Kind     hashing.Kind `json:"kind"`
	Since    time.Time    `json:"since,omitzero"`     // when this account obtained it
	Verified Truth        `json:"verified"`           // whether the account has proved that it holds it
	Accounts int          `json:"accounts,omitempty"` // how many accounts hold it here, this one included
}

// Sighting is one signal as it reached the account.
type Sighting struct {
	From   string         `json:"from"` // the partner that sent it, as authenticated
	Signal Signal         `json:"signal"`
	Kinds  []hashing.Kind `json:"kinds"` // the kinds of identifier that agree
}

// Evidence is all that is known about one account: what partners say and how that
// matched, and what the service knows itself. It may be written by hand or made by
// [NewEvidence]. The zero Evidence is valid and carries nothing.
type Evidence struct {
	// Account is the caller's own reference. It must not be an identifier of the
	// person: it is stored and printed.
	Account string
	// Sightings in any order. Of several revisions of a signal from one partner the
	// highest counts.
	Sightings []Sighting
	// Holdings of the account, in any order. Which of two telephone numbers a match
	// is about is not known, so that where two holdings of a kind speak differently
	// the answer is unknown. A kind without a holding is unknown altogether.
	Holdings []Holding
	// Unreadable counts signals that matched and could not be read.
	Unreadable int
}

// NewEvidence opens the labels of a match. The partner from whom it came is named
// as in the agreement; the signals must say the same, for otherwise one partner
// could speak with the voices of two.
//
// The error tells of the signals that could not be read, each an
// [*UnreadableError]. The Evidence is usable all the same: they are counted in it
// and carry nothing. Holdings is kept and not copied.
func NewEvidence(from string, match linkage.Match, holdings ...Holding) (Evidence, error) {
	e := Evidence{Account: match.Account, Holdings: holdings}
	return e, e.Add(from, match)
}

// Add puts a further match of the same account to the evidence, such as that of
// another partner. Errors are as of [NewEvidence]; a match of another account is
// an [*Error] and adds nothing.
func (e *Evidence) Add(from string, match linkage.Match) error {
	if match.Account != e.Account {
		return &Error{Field: "match", Problem: "is about another account"}
	}
	var unreadable []error
	for _, m := range match.Signals {
		s, err := ParseSignal(m.Label)
		if err == nil {
			err = s.bound(from, &m)
		}
		if err != nil {
			e.Unreadable++
			unreadable = append(unreadable, &UnreadableError{Signal: m.ID, Err: err})
			continue
		}
		e.Sightings = append(e.Sightings, Sighting{From: from, Signal: s, Kinds: slices.Clone(m.Kinds)})
	}
	return errors.Join(unreadable...)
}

// bound says whether the signal is the one that the record around it names, sent
// by him who sent it. A label copied into another record is so found out.
func (s *Signal) bound(from string, m *linkage.MatchedSignal) error {
	switch {
	case s.ID != m.ID:
		return &Error{Field: "signal id", Problem: "is not that of its record"}
	case s.Revision != m.Sequence:
		return &Error{Field: "signal revision", Problem: "is not the sequence of its record"}
	case s.sender() != from:
		return &Error{Field: "signal path", Problem: "does not end at the partner that sent it"}
	case kindsOf(m.Kinds) == 0:
		return &Error{Field: "match", Problem: "names no kind of identifier"}
	}
	return nil
}

// kindSet is a set of kinds, one bit each.
type kindSet uint32

func kindsOf(kinds []hashing.Kind) (set kindSet) {
	for _, k := range kinds {
		if k.Valid() && k < 32 {
			set |= 1 << k
		}
	}
	return set
}

func (set kindSet) has(k hashing.Kind) bool { return set&(1<<k) != 0 }

func (set kindSet) list() []hashing.Kind {
	kinds := make([]hashing.Kind, 0, bits.OnesCount32(uint32(set)))
	for k := hashing.Kind(1); k < 32; k++ {
		if set.has(k) {
			kinds = append(kinds, k)
		}
	}
	return kinds
}
