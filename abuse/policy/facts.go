package policy

import (
	"math"
	"time"

	"cel.dev/cel-go/cel"

	"github.com/hueandcry/hueandcry/abuse"
)

// fact is the index of a variable.
type fact int

// The variables of conditions, as the package documentation has them.
const (
	signalConfidence fact = iota
	signalDiscounted
	signalSeverity
	signalReports
	signalConfirmed
	signalReviewed
	signalAge
	signalSpan
	signalLeft
	signalHops
	signalActionTaken
	matchPhone
	matchDevice
	matchPhoneAlone
	matchDeviceAlone
	matchCorroborated
	matchStrength
	ownKnown
	ownReports
	ownDays
	ownGroups
	ownAge
	ownQuiet
	partnerWeight
	accountSignals
	accountPartners
	accountOrigins
	accountPhones
	accountDevices
	accountUnreadable
	nowFact
	// The texts are last.
	signalCategory
	signalOrigin
	partnerName
	factCount int  = iota
	firstText fact = signalCategory
)

// factTypes are the types of variables and of what is made of them.
type factType uint8

const (
	typeBool factType = iota + 1
	typeInt
	typeDouble
	typeText
	typeDuration
	typeTime
)

var variables = [factCount]struct {
	name string
	is   factType
}{
	signalConfidence:  {"signal.confidence", typeInt},
	signalDiscounted:  {"signal.discounted", typeInt},
	signalSeverity:    {"signal.severity", typeInt},
	signalReports:     {"signal.reports", typeInt},
	signalConfirmed:   {"signal.confirmed", typeBool},
	signalReviewed:    {"signal.reviewed", typeBool},
	signalAge:         {"signal.age", typeDuration},
	signalSpan:        {"signal.span", typeDuration},
	signalLeft:        {"signal.left", typeDuration},
	signalHops:        {"signal.hops", typeInt},
	signalActionTaken: {"signal.action_taken", typeInt},
	matchPhone:        {"match.phone", typeBool},
	matchDevice:       {"match.device", typeBool},
	matchPhoneAlone:   {"match.phone_alone", typeBool},
	matchDeviceAlone:  {"match.device_alone", typeBool},
	matchCorroborated: {"match.corroborated", typeBool},
	matchStrength:     {"match.strength", typeDouble},
	ownKnown:          {"own.known", typeBool},
	ownReports:        {"own.reports", typeInt},
	ownDays:           {"own.days", typeInt},
	ownGroups:         {"own.groups", typeInt},
	ownAge:            {"own.age", typeDuration},
	ownQuiet:          {"own.quiet", typeDuration},
	partnerWeight:     {"partner.weight", typeDouble},
	accountSignals:    {"account.signals", typeInt},
	accountPartners:   {"account.partners", typeInt},
	accountOrigins:    {"account.origins", typeInt},
	accountPhones:     {"account.phones", typeInt},
	accountDevices:    {"account.devices", typeInt},
	accountUnreadable: {"account.unreadable", typeInt},
	nowFact:           {"now", typeTime},
	signalCategory:    {"signal.category", typeText},
	signalOrigin:      {"signal.origin", typeText},
	partnerName:       {"partner.name", typeText},
}

var celTypes = map[factType]*cel.Type{typeBool: cel.BoolType, typeInt: cel.IntType, typeDouble: cel.DoubleType,
	typeText: cel.StringType, typeDuration: cel.DurationType, typeTime: cel.TimestampType}

// facts are the values of all variables for one signal. Truths are 0 and 1,
// doubles their bits, durations and times nanoseconds.
type facts struct {
	known uint64 // a bit for each variable
	num   [factCount]int64
	text  [factCount - int(firstText)]string
}

func (f *facts) has(v fact) bool { return f.known>>v&1 != 0 }

func (f *facts) set(v fact, n int64) { f.num[v], f.known = n, f.known|1<<v }

func (f *facts) setIf(known bool, v fact, n int64) {
	if known {
		f.set(v, n)
	} else {
		f.known &^= 1 << v
	}
}

func (f *facts) truth(v fact, t abuse.Truth) {
	n := int64(0)
	if t == abuse.Yes {
		n = 1
	}
	f.setIf(t != abuse.Unknown, v, n)
}

func (f *facts) double(v fact, x float64) { f.set(v, int64(math.Float64bits(x))) }

func (f *facts) say(v fact, s string) { f.text[v-firstText], f.known = s, f.known|1<<v }

func bit(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// common sets what does not depend on the signal.
func (f *facts) common(s *Set, g *abuse.Weighing, e *abuse.Evidence, now time.Time) {
	f.set(nowFact, now.UnixNano())
	signals := g.Signals()
	f.set(accountSignals, int64(len(signals)))
	f.set(accountUnreadable, int64(g.Unreadable()))
	partners, origins := 0, 0
	if s.uses>>accountPartners&1 != 0 || s.uses>>accountOrigins&1 != 0 {
		partners, origins = voices(signals)
	}
	f.set(accountPartners, int64(partners))
	f.set(accountOrigins, int64(origins))
	phones, devices := int64(0), int64(0)
	for i := range e.Holdings {
		switch k := e.Holdings[i].Kind; {
		case !k.Valid():
		case k.Device():
			devices++
		default:
			phones++
		}
	}
	f.set(accountPhones, phones)
	f.set(accountDevices, devices)
	o := g.Own()
	f.set(ownKnown, bit(o != abuse.Own{}))
	f.setIf(o.Reports > 0, ownReports, int64(o.Reports))
	f.setIf(o.Days > 0, ownDays, int64(o.Days))
	f.setIf(o.Groups > 0, ownGroups, int64(o.Groups))
	f.setIf(!o.First.IsZero(), ownAge, int64(now.Sub(o.First)))
	f.setIf(!o.Last.IsZero(), ownQuiet, int64(now.Sub(o.Last)))
}

// voices counts partners, of which signals are in order, and origins.
func voices(signals []abuse.Weighed) (partners, origins int) {
	seen := make(map[string]struct{}, 8)
	for i := range signals {
		if i == 0 || signals[i].From != signals[i-1].From {
			partners++
		}
		seen[signals[i].Signal.Origin] = struct{}{}
	}
	return partners, len(seen)
}

// about sets what depends on the signal, but for corroboration.
func (f *facts) about(s *Set, e *abuse.Evidence, w *abuse.Weighed, now time.Time) {
	x := &w.Signal
	weight := 1.0
	if s.discount != nil {
		if d, ok := s.discount[w.From]; ok {
			weight = d
		}
	}
	f.set(signalConfidence, int64(x.Confidence))
	f.set(signalDiscounted, int64(float64(x.Confidence)*weight+1e-9)) // 0.29 of 100 is 29, and not 28.999...
	f.set(signalSeverity, int64(x.Severity))
	f.setIf(x.Reports > 0, signalReports, int64(x.Reports))
	f.set(signalConfirmed, bit(x.Class == abuse.Confirmed))
	f.set(signalReviewed, bit(x.Review == abuse.ReviewHuman))
	dated := !x.LastObserved.IsZero()
	f.setIf(dated, signalAge, 0)
	f.setIf(dated, signalSpan, 0)
	if dated {
		f.num[signalAge] = int64(now.Sub(x.LastObserved))
		f.num[signalSpan] = int64(x.LastObserved.Sub(x.FirstObserved))
	}
	f.set(signalLeft, int64(x.ValidUntil.Sub(now)))
	f.set(signalHops, int64(len(x.Path)))
	f.set(signalActionTaken, int64(x.ActionTaken))
	f.truth(matchPhone, w.Phone)
	f.truth(matchDevice, w.Device)
	f.truth(matchPhoneAlone, w.PhoneAlone)
	f.truth(matchDeviceAlone, w.DeviceAlone)
	f.known &^= 1<<matchCorroborated | 1<<matchStrength
	if s.strength != nil && s.uses>>matchStrength&1 != 0 {
		if p, ok := s.strength(e, w, now); ok && p >= 0 && p <= 1 {
			f.double(matchStrength, p)
		}
	}
	f.double(partnerWeight, weight)
	f.say(signalCategory, x.Category.String())
	f.say(signalOrigin, x.Origin)
	f.say(partnerName, w.From)
}

// value is a fact as cel-go takes it.
func (f *facts) value(v fact) any {
	switch n := f.num[v]; variables[v].is {
	case typeBool:
		return n != 0
	case typeInt:
		return n
	case typeDouble:
		return math.Float64frombits(uint64(n))
	case typeDuration:
		return time.Duration(n)
	case typeTime:
		return time.Unix(0, n).UTC()
	}
	return f.text[v-firstText]
}
