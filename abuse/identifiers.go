package abuse

import (
	"math/bits"
	"time"

	"github.com/hueandcry/hueandcry/hashing"
)

// identifiers judges each identifier by which the signal matched. It counts for
// the account if any of them does.
func (j *judge) identifiers(w *Weighed) {
	phone, device := side{counts: No, alone: No}, side{counts: No, alone: No}
	seen, blanks := j.seen(w)
	missing := bits.OnesCount32(uint32(w.kinds &^ seen))
	for k := hashing.Kind(1); k.Valid(); k++ {
		if !w.kinds.has(k) {
			continue
		}
		to := &phone
		if k.Device() {
			to = &device
		}
		switch {
		case len(w.Places) == 0:
			j.identifier(w, to, k, j.holdingsOf(k))
		case seen&^w.kinds != 0 || missing > blanks:
			// These are holdings of other identifiers than the caller thinks.
			j.identifier(w, to, k, nil)
		default:
			for i, p := range w.Places {
				at := j.at(p).Kind
				if at == k || at == 0 && (blanks > missing || !seen.has(k)) {
					j.identifier(w, to, k, w.Places[i:i+1])
				}
			}
		}
	}
	w.Phone, w.PhoneAlone, w.phoneAccounts = phone.counts, phone.alone, phone.accounts
	w.Device, w.DeviceAlone, w.deviceAccounts = device.counts, device.alone, device.accounts
}

// side is what the phone numbers, or the devices, of a match come to.
type side struct {
	counts, alone Truth
	accounts      int
}

func (s *side) add(counts, alone Truth, accounts int) {
	if counts.rank() > s.counts.rank() || counts == s.counts && accounts > 0 && (s.accounts == 0 || accounts < s.accounts) {
		s.accounts = accounts
	}
	s.counts, s.alone = s.counts.Or(counts), s.alone.Or(counts.And(alone))
}

// at gives the holding at a place, or the zero Holding.
func (j *judge) at(place int) Holding {
	if place < 0 || place >= len(j.holdings) {
		return Holding{}
	}
	return j.holdings[place]
}

// holdingsOf gives the places of all holdings that are, or may be, of a kind.
func (j *judge) holdingsOf(k hashing.Kind) []int {
	start := len(j.room)
	for p := range j.holdings {
		if h := &j.holdings[p]; h.Kind == k || h.Kind == 0 {
			j.room = append(j.room, p)
		}
	}
	if start == len(j.room) {
		return nil
	}
	return j.room[start:len(j.room):len(j.room)]
}

// seen gives the kinds of the holdings at the places, and how many have none.
func (j *judge) seen(w *Weighed) (seen kindSet, blanks int) {
	for _, p := range w.Places {
		if k := j.at(p).Kind; k == 0 {
			blanks++
		} else {
			seen |= 1 << k
		}
	}
	return seen, blanks
}

// identifier says whether one identifier of a kind counts for the signal, and
// notes the guards that spoke. It is at one of the places: it counts only if the
// holdings at all of them say so, and is out only if all are.
func (j *judge) identifier(w *Weighed, to *side, k hashing.Kind, places []int) {
	var held, own, proved, counts, alone Truth
	accounts := 0
	for i := range max(len(places), 1) {
		h := Holding{Kind: k}
		if i < len(places) && j.at(places[i]).Kind == k {
			h = j.at(places[i])
		}
		a, b, c := j.held(&w.Signal, h.Since), j.own(h), j.proved(h)
		all, single := a.And(b).And(c), Unknown
		if h.Accounts > 0 {
			single = truthOf(h.Accounts == 1)
		}
		if i == 0 {
			held, own, proved, counts, alone, accounts = a, b, c, all, single, h.Accounts
			continue
		}
		held, own, proved, counts, alone = held.agree(a), own.agree(b), proved.agree(c), counts.agree(all), alone.agree(single)
		if h.Accounts != accounts {
			accounts = 0
		}
	}
	note := func(g Guard, good Truth) {
		if good != Yes {
			limit := None
			if good == Unknown {
				limit = Friction
			}
			w.Findings = append(w.Findings, Finding{Guard: g, Kind: k, Places: places, Spoke: good.Not(), Cap: limit})
		}
	}
	held, own, proved = j.lift(GuardRecycled, k, held), j.lift(GuardOverShared, k, own), j.lift(GuardUnverified, k, proved)
	alone = j.lift(GuardOverShared, k, alone)
	if counts == Unknown {
		counts = held.And(own).And(proved) // as it is, but for what was lifted
	}
	note(GuardRecycled, held)
	note(GuardOverShared, own)
	note(GuardUnverified, proved)
	to.add(counts, alone, accounts)
}

// lift turns what is unknown to a guard that is lifted into a yes.
func (j *judge) lift(g Guard, k hashing.Kind, good Truth) Truth {
	if good == Unknown && j.lifted[g].has(k) {
		return Yes
	}
	return good
}

// held says whether the identifier was this account's when the reports were made:
// before the first of them, Yes; on a later day than the last, No; amid them
// nobody can tell. Nor later on the day of the last: often a date is all that one
// of the two services has, and it is not known which came first.
func (j *judge) held(s *Signal, since time.Time) Truth {
	if since.IsZero() || s.LastObserved.IsZero() {
		return Unknown
	}
	last := since // the last moment at which it may have come
	if since.Equal(midnight(since)) {
		last = since.Add(day - 1)
	}
	switch {
	case !last.After(s.FirstObserved):
		return Yes
	case midnight(since).After(s.LastObserved):
		return No
	}
	return Unknown
}

// midnight is the beginning of the day of t, in UTC.
func midnight(t time.Time) time.Time {
	y, m, d := t.UTC().Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// own says whether few enough accounts hold the identifier for it to point to
// this one.
func (j *judge) own(h Holding) Truth {
	most := j.policy.PhoneAccounts
	if h.Kind.Device() {
		most = j.policy.DeviceAccounts
	}
	if h.Accounts < 1 {
		return Unknown
	}
	return truthOf(h.Accounts <= most)
}

// proved is never No: an unproved number may still be the account's.
func (j *judge) proved(h Holding) Truth {
	if !j.policy.RequireVerified || h.Kind.Device() || h.Verified == Yes {
		return Yes
	}
	return Unknown
}
