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
// may be unknown, which is its zero value, and what is unknown never carries a
// step harsher than [Friction]. The zero Holding keeps the place of an identifier
// of which nothing is known.
//
// A Since of midnight UTC may be a date and stands for the whole of its day.
type Holding struct {
	Kind     hashing.Kind `json:"kind,omitzero"`
	Since    time.Time    `json:"since,omitzero"`     // when this account obtained it
	Verified Truth        `json:"verified"`           // whether the account has proved that it holds it
	Accounts int          `json:"accounts,omitempty"` // how many accounts hold it here, this one included
}

// Sighting is one signal as it reached the account.
type Sighting struct {
	From   string         `json:"from"` // the partner that sent it, as authenticated
	Signal Signal         `json:"signal"`
	Kinds  []hashing.Kind `json:"kinds"` // the kinds of identifier that agree
	// Places are indices of those Holdings whose identifiers agree, in any order.
	// Empty, as it may be where evidence is written by hand: which of the account's
	// identifiers agree is not known. Then all holdings of the kinds are asked, and
	// where two of a kind speak differently the answer is unknown.
	Places []int `json:"places,omitempty"`
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
	// Holdings of the account: Holdings[i] is about Account.Identifiers[i] as given
	// to linkage, in every session whose matches are put together here. Of an
	// identifier without a holding nothing is known, and of none where a signal's
	// Kinds are not those of the holdings at its Places.
	Holdings []Holding
	// Unreadable counts signals that matched and could not be read.
	Unreadable int
	// Own are the reports that this service has had itself about the account.
	Own Own
}

// Own is what this service's own users have reported about an account. The zero Own says that
// nothing is known of it, and not that there is nothing.
type Own struct {
	Reports int       `json:"reports,omitempty"`
	Days    int       `json:"days,omitempty"`   // distinct days (UTC) with a report
	Groups  int       `json:"groups,omitempty"` // distinct groups of reporters, such as area codes or networks
	First   time.Time `json:"first,omitzero"`   // of the reports
	Last    time.Time `json:"last,omitzero"`
}

// NewEvidence opens the labels of a match. The partner from whom it came is named
// as in the agreement; the signals must say the same, for otherwise one partner
// could speak with the voices of two.
//
// The error tells of the signals that could not be read, each an
// [*UnreadableError]. The Evidence is usable all the same: they are counted in it
// and carry nothing. Give one holding for each identifier of the account that
// linkage was given, in that order; the slice is kept and not copied.
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
		e.Sightings = append(e.Sightings, Sighting{From: from, Signal: s, Kinds: slices.Clone(m.Kinds), Places: slices.Clone(m.Places)})
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
	case s.Sender() != from:
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
	return set.append(make([]hashing.Kind, 0, bits.OnesCount32(uint32(set))))
}

func (set kindSet) append(to []hashing.Kind) []hashing.Kind {
	for k := hashing.Kind(1); k < 32; k++ {
		if set.has(k) {
			to = append(to, k)
		}
	}
	return to
}
