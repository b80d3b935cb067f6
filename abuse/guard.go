package abuse

import (
	"time"

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
	// Places are the holdings that were asked. One: it is about that identifier.
	// More: about one of them, and which is not known.
	Places []int  `json:"places,omitempty"`
	Spoke  Truth  `json:"spoke"` // Yes, or Unknown; where No, there is no Finding
	Cap    Action `json:"cap"`   // what it leaves, to that identifier or to the signal
}

// Weighed is one signal with what the guards made of it: with the fields of the
// signal, all that a rule may ask but for corroboration.
type Weighed struct {
	Sighting
	Phone       Truth     `json:"phone"`        // it matched by a phone number that counts
	Device      Truth     `json:"device"`       // it matched by a device that counts
	PhoneAlone  Truth     `json:"phone_alone"`  // by one that counts and that no other account here holds
	DeviceAlone Truth     `json:"device_alone"` // likewise
	Cap         Action    `json:"cap"`          // the harshest step that the guards leave
	Reach       Action    `json:"reach"`        // Cap, if all that is unknown spoke for the signal
	Findings    []Finding `json:"findings,omitempty"`

	kinds kindSet
	form  []byte // the binary form
	// How many accounts hold the identifier by which Phone and Device are what they
	// are; 0: not known.
	phoneAccounts, deviceAccounts int
	// Cap and Reach without the guard about devices alone: beside another signal
	// a device is not alone.
	capBeside, reachBeside Action
	// Whether an independent signal says so too, and its index, as the rule that is
	// being tried has it.
	corroborated Truth
	by           int
	start, end   int // of the signals of the same partner
}

// judge is what the guards need to know.
type judge struct {
	policy   *Policy
	now      time.Time
	holdings []Holding
	lifted   lifts
	room     []int // for places
}

// lifts are guards that are to let a signal pass, by the kinds that they are
// about; kind zero is the whole signal. The zero lifts are none.
type lifts [GuardDeviceOnly + 1]kindSet

// weigh lets the guards speak about one signal.
func (j *judge) weigh(w *Weighed) {
	s := &w.Signal
	w.Cap, w.Reach = Disable, Disable
	whole := func(g Guard, spoke bool, limit Action) {
		if spoke && !j.lifted[g].has(0) {
			w.Findings = append(w.Findings, Finding{Guard: g, Spoke: Yes, Cap: limit})
			w.limit(limit, limit)
		}
	}
	whole(GuardExpired, !j.now.Before(s.ValidUntil), None)
	whole(GuardFuture, s.LastObserved.After(j.now.Add(j.policy.Skew)), None)
	whole(GuardEcho, s.touched(j.policy.Self), None)
	whole(GuardPermitted, s.Permitted < PermitDirect, s.Permitted.Cap())
	whole(GuardPredictive, s.Class != Confirmed, Friction)

	j.identifiers(w)
	switch w.Phone.Or(w.Device) {
	case No:
		w.limit(None, None)
	case Unknown:
		w.limit(Friction, Disable)
	}
	w.capBeside, w.reachBeside = w.Cap, w.Reach
	if w.Device == No || w.Phone == Yes || j.lifted[GuardDeviceOnly].has(0) {
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
