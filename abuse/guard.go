package abuse

import (
	"time"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/hashing"
)

// Guard names a reason for which a signal may carry less than it says. The zero
// Guard is invalid. The package documentation has the table.
type Guard uint8

// The guards.
const (
	GuardRecycled   Guard = 1 // the account got the identifier after the reports
	GuardOverShared Guard = 2 // too many accounts hold the identifier
	GuardUnverified Guard = 3 // the account has not proved that it holds the number
	GuardExpired    Guard = 4 // the signal's time is over
	GuardFuture     Guard = 5 // the signal was observed in the future
	GuardEcho       Guard = 6 // this service's own word came back
	GuardPermitted  Guard = 7 // the origin permits no more
	GuardPredictive Guard = 8 // it has not happened yet
	GuardDeviceOnly Guard = 9 // nothing but a device counts
)

var guardNames = []string{"invalid", "recycled", "over_shared", "unverified", "expired", "future", "echo",
	"permitted_actions", "predictive", "device_only"}

// String gives the name that the package documentation has, or "invalid".
func (g Guard) String() string { return nameOf(g, guardNames) }

// MarshalText gives the name; an invalid guard is an [*Error].
func (g Guard) MarshalText() ([]byte, error) { return textOf(g, "guard", guardNames) }

// UnmarshalText reads what [Guard.String] gives; anything else is an [*Error].
func (g *Guard) UnmarshalText(text []byte) (err error) {
	*g, err = parseEnum[Guard](string(text), "guard", guardNames)
	return err
}

// Finding is a guard that spoke, or that could not tell.
type Finding struct {
	Guard Guard        `json:"guard"`
	Kind  hashing.Kind `json:"kind,omitzero"` // the kind it is about; zero: the whole signal
	Spoke Truth        `json:"spoke"`         // Yes, or Unknown; where No, there is no Finding
	Cap   Action       `json:"cap"`           // what it leaves, to that kind or to the signal
}

// Weighed is one signal with what the guards made of it: with the fields of the
// signal, all that a rule may ask.
type Weighed struct {
	Sighting
	Phone        Truth     `json:"phone"`        // it matched by a phone number that counts
	Device       Truth     `json:"device"`       // it matched by a device that counts
	Corroborated Truth     `json:"corroborated"` // an independent signal says so too
	By           uuid.UUID `json:"by,omitzero"`  // that signal, if Corroborated is Yes
	Cap          Action    `json:"cap"`          // the harshest step that the guards leave
	Reach        Action    `json:"reach"`        // Cap, if all that is unknown spoke for the signal
	Findings     []Finding `json:"findings,omitempty"`

	kinds kindSet
	form  []byte // the binary form
	by    int    // index of By
	// Cap and Reach without the guard about devices alone: beside another signal
	// a device is not alone.
	capBeside, reachBeside Action
}

// judge is what the guards need to know.
type judge struct {
	policy   *Policy
	now      time.Time
	holdings []Holding
}

// weigh lets the guards speak about one signal.
func (j *judge) weigh(w *Weighed) {
	s := &w.Signal
	w.Cap, w.Reach = Disable, Disable
	whole := func(g Guard, spoke bool, limit Action) {
		if spoke {
			w.Findings = append(w.Findings, Finding{Guard: g, Spoke: Yes, Cap: limit})
			w.limit(limit, limit)
		}
	}
	whole(GuardExpired, !j.now.Before(s.ValidUntil), None)
	whole(GuardFuture, s.LastObserved.After(j.now.Add(j.policy.Skew)), None)
	whole(GuardEcho, s.touched(j.policy.Self), None)
	whole(GuardPermitted, s.Permitted < PermitDirect, s.Permitted.Cap())
	whole(GuardPredictive, s.Class != Confirmed, Friction)

	w.Phone, w.Device = No, No
	for k := hashing.Kind(1); k.Valid(); k++ {
		if !w.kinds.has(k) {
			continue
		}
		if counts := j.kind(w, k); k.Device() {
			w.Device = w.Device.Or(counts)
		} else {
			w.Phone = w.Phone.Or(counts)
		}
	}
	switch w.Phone.Or(w.Device) {
	case No:
		w.limit(None, None)
	case Unknown:
		w.limit(Friction, Disable)
	}
	w.capBeside, w.reachBeside = w.Cap, w.Reach
	if w.Device == No || w.Phone == Yes {
		return
	}
	w.Findings = append(w.Findings, Finding{Guard: GuardDeviceOnly, Spoke: w.Phone.Not(), Cap: Limit})
	if w.Phone == No {
		w.limit(Limit, Limit)
	} else {
		w.limit(Limit, Disable)
	}
}

func (w *Weighed) limit(limit, reach Action) {
	w.Cap, w.Reach = min(w.Cap, limit), min(w.Reach, reach)
}

// kind says whether a kind of identifier counts for the signal, and notes the
// guards that spoke. It counts only if every holding of that kind says so, and is
// out only if every one is.
func (j *judge) kind(w *Weighed, k hashing.Kind) Truth {
	var held, own, proved, counts Truth
	found := false
	each := func(h Holding) {
		a, b, c := j.held(&w.Signal, h.Since), j.own(h), j.proved(h)
		all := a.And(b).And(c)
		if !found {
			held, own, proved, counts, found = a, b, c, all, true
			return
		}
		held, own, proved, counts = held.agree(a), own.agree(b), proved.agree(c), counts.agree(all)
	}
	for _, h := range j.holdings {
		if h.Kind == k {
			each(h)
		}
	}
	if !found {
		each(Holding{Kind: k})
	}
	note := func(g Guard, good Truth) {
		if good != Yes {
			limit := None
			if good == Unknown {
				limit = Friction
			}
			w.Findings = append(w.Findings, Finding{Guard: g, Kind: k, Spoke: good.Not(), Cap: limit})
		}
	}
	note(GuardRecycled, held)
	note(GuardOverShared, own)
	note(GuardUnverified, proved)
	return counts
}

// held says whether the identifier was this account's when the reports were made:
// before the first of them, Yes; after the last, No; amid them nobody can tell.
func (j *judge) held(s *Signal, since time.Time) Truth {
	switch {
	case since.IsZero() || s.LastObserved.IsZero():
		return Unknown
	case since.After(s.LastObserved):
		return No
	case since.After(s.FirstObserved):
		return Unknown
	}
	return Yes
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

// corroborate looks, for every signal, for another that says so independently,
// and takes the one that lasts longest. all is sorted by partner: signals of one
// partner never corroborate each other, and are skipped together, so that a flood
// from one partner costs no more than its length.
func (j *judge) corroborate(all []Weighed) {
	for start := 0; start < len(all); {
		end := start + 1
		for end < len(all) && all[end].From == all[start].From {
			end++
		}
		for i := start; i < end; i++ {
			all[i].Corroborated = No
			j.seek(all, i, 0, start)
			j.seek(all, i, end, len(all))
		}
		start = end
	}
}

// seek tries all[from:to] as corroboration of all[i].
func (j *judge) seek(all []Weighed, i, from, to int) {
	w := &all[i]
	for n := from; n < to; n++ {
		t := &all[n]
		if w.Corroborated == Yes && !all[w.by].Signal.ValidUntil.Before(w.Signal.ValidUntil) {
			return // a longer one would change nothing
		}
		able := j.corroborates(t)
		if able == No || !w.Signal.independent(&t.Signal) {
			continue
		}
		if able == Yes && (w.Corroborated != Yes || t.Signal.ValidUntil.After(all[w.by].Signal.ValidUntil)) {
			w.By, w.by = t.Signal.ID, n
		}
		w.Corroborated = w.Corroborated.Or(able)
	}
}

// corroborates says whether a signal has weight enough to be the second one. It
// must itself permit and bear the harshest step, for it will share in it.
func (j *judge) corroborates(t *Weighed) Truth {
	switch {
	case t.Signal.Confidence < j.policy.Corroboration || t.reachBeside < Disable:
		return No
	case t.capBeside < Disable:
		return Unknown
	}
	return Yes
}
