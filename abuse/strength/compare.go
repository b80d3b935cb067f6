package strength

import (
	"slices"
	"time"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/hashing"
)

// Compared is what is known of one kind of identifier in the two accounts. The zero value of each
// field but Kind is "not known" and weighs nothing.
type Compared struct {
	Kind hashing.Kind
	// Agree says whether the two accounts have an identifier of the kind in common. No is for
	// accounts of which it is known that both have one, and another. What follows is about the
	// identifier in common and weighs only where Agree is Yes.
	Agree abuse.Truth
	// Held says whether the account here had it before the first report.
	Held abuse.Truth
	// Gap is how long after the last report the account here got it; it weighs where Held is No.
	// Below zero is zero.
	Gap time.Duration
	// Verified says whether the account here has proved that it holds it.
	Verified abuse.Truth
	// Here and There are how many accounts hold it, those compared included. Below 1: not known.
	Here, There int
}

// accounts is the larger of the two numbers; below 1 if neither is known.
func (c *Compared) accounts() int { return max(c.Here, c.There) }

// Comparison is two accounts compared, kind by kind, in any order. The zero Comparison knows
// nothing.
type Comparison []Compared

// There is what the partner says of one identifier of the account that the signal is about.
type There struct {
	Kind     hashing.Kind
	Accounts int // how many accounts hold it there; below 1: not known
}

// Compare puts together what a sighting says about the account whose holdings these are, in the
// order of linkage, as [abuse.Evidence] has them.
//
// Each kind of the sighting agrees. The holding at its place tells the rest; at several places of
// one kind several identifiers agree, and each is compared. Where the sighting names no places, any
// holding of the kind may be meant: what all of them have in common is known, and of numbers the
// most cautious. Where the holdings at the places are not of the kinds, nothing is known but that
// these agree.
//
// A partner who says nothing about the other identifiers of his account leaves them unknown. Where
// he does, a kind that he and a holding name, and that does not agree, is a disagreement; there may
// be several of a kind there, and the largest number of accounts counts. Give no kind here that the
// agreement does not match by: it would seem to disagree.
func Compare(s abuse.Sighting, here []abuse.Holding, there ...There) Comparison {
	return compareInto(nil, &s, here, there)
}

// compareInto appends to c.
func compareInto(c Comparison, s *abuse.Sighting, here []abuse.Holding, there []There) Comparison {
	var agreeing [kindsEnd]bool
	var places [kindsEnd]int // how many places are of the kind
	blanks, misplaced := 0, false
	for _, k := range s.Kinds {
		if k.Valid() {
			agreeing[k] = true
		}
	}
	for _, p := range s.Places {
		switch k := at(here, p).Kind; {
		case k == 0:
			blanks++
		case !k.Valid() || !agreeing[k]:
			misplaced = true
		default:
			places[k]++
		}
	}
	missing := 0
	for k, agrees := range agreeing {
		if agrees && places[k] == 0 {
			missing++
		}
	}
	misplaced = misplaced || missing > blanks && len(s.Places) > 0
	for k := hashing.Kind(1); k.Valid(); k++ {
		agrees := agreeing[k]
		accounts, said := largest(there, k)
		has := slices.ContainsFunc(here, func(h abuse.Holding) bool { return h.Kind == k })
		switch {
		case !agrees && said && has:
			c = append(c, Compared{Kind: k, Agree: abuse.No})
		case !agrees:
		case len(s.Places) == 0:
			c = append(c, anyOf(&s.Signal, here, k, accounts))
		case misplaced || places[k] == 0:
			c = append(c, one(&s.Signal, abuse.Holding{Kind: k}, accounts))
		default:
			for i, p := range s.Places {
				if h := at(here, p); h.Kind == k && !slices.Contains(s.Places[:i], p) {
					c = append(c, one(&s.Signal, h, accounts))
				}
			}
		}
	}
	return c
}

func at(here []abuse.Holding, place int) abuse.Holding {
	if place < 0 || place >= len(here) {
		return abuse.Holding{}
	}
	return here[place]
}

// largest gives the largest number of accounts that the partner says of a kind, and whether he says
// that there is one.
func largest(there []There, k hashing.Kind) (accounts int, said bool) {
	for _, t := range there {
		if t.Kind == k {
			accounts, said = max(accounts, t.Accounts), true
		}
	}
	return accounts, said
}

// one compares by the holding of the identifier that agrees.
func one(s *abuse.Signal, h abuse.Holding, there int) Compared {
	c := Compared{Kind: h.Kind, Agree: abuse.Yes, Verified: h.Verified, Here: max(h.Accounts, 0), There: max(there, 0)}
	c.Held, c.Gap = held(s, h.Since)
	return c
}

// anyOf compares by all holdings that may be meant.
func anyOf(s *abuse.Signal, here []abuse.Holding, k hashing.Kind, there int) Compared {
	var all Compared
	found, unknown := false, false
	for _, h := range here {
		if h.Kind != k && h.Kind != 0 {
			continue
		}
		h.Kind = k
		c := one(s, h, there)
		if !found {
			all, found = c, true
			continue
		}
		if all.Held != c.Held {
			all.Held = abuse.Unknown
		}
		if all.Verified != c.Verified {
			all.Verified = abuse.Unknown
		}
		if all.Here < 1 || c.Here < 1 {
			unknown = true
		}
		all.Gap, all.Here = max(all.Gap, c.Gap), max(all.Here, c.Here)
	}
	if unknown && all.Here == 1 {
		all.Here = 0 // that it is this account's alone is not known
	}
	if !found {
		return one(s, abuse.Holding{Kind: k}, there)
	}
	return all
}

// held says whether an identifier was this account's when the reports were made, and if it was not,
// how long after the last it came. A day of UTC is the grain, as for the guard about recycled
// numbers in package abuse: often a date is all that is known.
func held(s *abuse.Signal, since time.Time) (abuse.Truth, time.Duration) {
	if since.IsZero() || s.FirstObserved.IsZero() || s.LastObserved.IsZero() {
		return abuse.Unknown, 0
	}
	since = since.UTC()
	day := since.Truncate(24 * time.Hour)
	last := since // the last moment at which it may have come
	if since.Equal(day) {
		last = since.Add(24*time.Hour - 1)
	}
	switch {
	case !last.After(s.FirstObserved):
		return abuse.Yes, 0
	case day.After(s.LastObserved):
		return abuse.No, day.Sub(s.LastObserved)
	}
	return abuse.Unknown, 0
}
