package abuse

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"
)

// MaxDuration is the longest that a step may last without a person.
const MaxDuration = 366 * 24 * time.Hour

const day = 24 * time.Hour

// Policy is everything that a decision depends on beside the evidence and the
// time. The zero Policy is invalid; begin with [DefaultPolicy]. A Policy is only
// read, and may be used by many goroutines at once.
type Policy struct {
	// Self is this service's own name as its partners write it. Its own word, come
	// back to it, carries nothing.
	Self string
	Mode Mode
	// PhoneAccounts and DeviceAccounts are how many accounts may hold one telephone
	// number, or one device, for it still to point to each of them. At least 1.
	PhoneAccounts, DeviceAccounts int
	// RequireVerified demands that a phone number be verified here before it carries
	// anything harsher than friction: anybody can type anybody's number. Devices are
	// read by the app and not typed.
	RequireVerified bool
	// Skew is how far a partner's clock may run ahead, 0 to a day.
	Skew time.Duration
	// Corroboration and CorroborationSeverity are the least confidence, 0 to 100,
	// and the least severity of a signal that corroborates another.
	Corroboration         int
	CorroborationSeverity Severity
	// Weights say, 0 to 1 by the partner's name, how much the confidence of his signals counts where
	// they corroborate others: rounded down, it must come to Corroboration. Who is not in it has 1; nil: nobody is.
	Weights map[string]float64
	// Rules are tried in order and the first that is met wins. No rule is harsher
	// than one before it, so that a signal more never makes a decision milder.
	Rules []Rule
}

// Rule says which step follows when a signal meets all conditions. The zero Rule
// is invalid.
type Rule struct {
	ID     string        // 1 to 64 of a-z, 0-9, '_'; unique, and not "none"; never reused for another rule
	Action Action        // label or harsher
	For    time.Duration // how long the step lasts, a second to MaxDuration
	Scope  Scope
	// Categories are those that the rule is for. Empty: all.
	Categories []Category
	// When holds conditions that one signal must all meet. Empty: every signal does
	// whose category and guards allow the step.
	When []Condition
}

// Condition asks one thing about a signal. The zero Condition is invalid.
type Condition struct {
	Leaf    Leaf
	AtLeast int // for confidence, severity and reports, at least 1; else 0
}

// Leaf names a fact about one signal that rules may ask for. All leaves are flat:
// none depends on the rule that asks, but for corroboration and the first two,
// which every rule has by itself and none may list. The zero Leaf is invalid.
type Leaf uint8

// The leaves.
const (
	LeafCategory     Leaf = 1  // its category is one of the rule's
	LeafStep         Leaf = 2  // the guards leave the rule's step
	LeafConfirmed    Leaf = 3  // its class is confirmed
	LeafConfidence   Leaf = 4  // its confidence, 0 to 100
	LeafSeverity     Leaf = 5  // its severity, 1 to 4
	LeafReports      Leaf = 6  // its reports; unknown where it has none
	LeafReviewed     Leaf = 7  // a person at the origin has looked at it
	LeafPhone        Leaf = 8  // it matched by a phone number that counts
	LeafDevice       Leaf = 9  // it matched by a device that counts
	LeafCorroborated Leaf = 10 // an independent origin says so too, in a category of the rule
	LeafPhoneAlone   Leaf = 11 // it matched by a phone number that counts and no other account here holds
	LeafDeviceAlone  Leaf = 12 // it matched by a device that counts and no other account here holds
	// LeafExpression is a leaf of a condition that a [Tester] tests; no Policy may list it.
	LeafExpression Leaf = 13
)

var leafNames = []string{"invalid", "category", "step", "confirmed", "confidence", "severity", "reports",
	"reviewed", "phone", "device", "corroborated", "phone_alone", "device_alone", "expression"}

// String gives the leaf's name, such as "confidence", or "invalid".
func (l Leaf) String() string { return nameOf(l, leafNames) }

// MarshalText gives the name; an invalid leaf is an [*Error].
func (l Leaf) MarshalText() ([]byte, error) { return textOf(l, "leaf", leafNames) }

// UnmarshalText reads what [Leaf.String] gives; anything else is an [*Error].
func (l *Leaf) UnmarshalText(text []byte) (err error) {
	*l, err = parseEnum[Leaf](string(text), "leaf", leafNames)
	return err
}

// measured says whether the leaf is a number that a condition puts a bound to.
func (l Leaf) measured() bool { return l >= LeafConfidence && l <= LeafReports }

// DefaultPolicy gives the policy that the package documentation describes, for
// the service of this name. Self and mode are the caller's to choose; [Policy.Validate]
// tells if they are not in order.
func DefaultPolicy(self string, mode Mode) Policy {
	closing := []Category{Spam, Phishing, ScamFraud, Malware, FakeAccount, ChildSafety, IntimateImagery, Terrorism, IllegalGoods}
	limiting := append([]Category{Impersonation, Harassment, PlatformManipulation, Scraping}, closing...)
	hurdle := append([]Category{AccountTakeover}, limiting...)

	confirmed := Condition{Leaf: LeafConfirmed}
	confidence := func(n int) Condition { return Condition{LeafConfidence, n} }
	severity := func(s Severity) Condition { return Condition{LeafSeverity, int(s)} }
	reports := func(n int) Condition { return Condition{LeafReports, n} }

	return Policy{
		Self: self, Mode: mode,
		PhoneAccounts: 3, DeviceAccounts: 5, RequireVerified: true,
		Skew: 5 * time.Minute, Corroboration: 60, CorroborationSeverity: Medium,
		Rules: []Rule{
			{"disable_corroborated", Disable, 90 * day, ScopeServices, closing,
				[]Condition{confirmed, confidence(80), severity(High), reports(3), {Leaf: LeafCorroborated}}},
			{"disable_two_kinds", Disable, 90 * day, ScopeServices, closing,
				[]Condition{confirmed, confidence(90), severity(High), reports(5), {Leaf: LeafPhoneAlone}, {Leaf: LeafDeviceAlone}}},
			{"suspend_reviewed", Suspend, 7 * day, ScopeServices, closing,
				[]Condition{confirmed, confidence(80), severity(High), {Leaf: LeafReviewed}}},
			{"suspend_confirmed", Suspend, 7 * day, ScopeServices, closing,
				[]Condition{confirmed, confidence(80), severity(High), reports(3)}},
			{"limit_confirmed", Limit, 7 * day, ScopeAccount, limiting,
				[]Condition{confirmed, confidence(60), severity(Medium), reports(2)}},
			{"friction_confirmed", Friction, 7 * day, ScopeAccount, hurdle,
				[]Condition{confirmed, confidence(50)}},
			{"friction_predictive", Friction, 3 * day, ScopeAccount, hurdle,
				[]Condition{confidence(70), severity(Medium)}},
			{"label_any", Label, 30 * day, ScopeAccount, nil,
				[]Condition{confidence(30)}},
		},
	}
}

// Validate returns every problem at once, joined, each an [*Error]; nil if there
// is none.
func (p *Policy) Validate() error {
	var problems []error
	check := func(ok bool, field, problem string) {
		if !ok {
			problems = append(problems, &Error{Field: "policy " + field, Problem: problem})
		}
	}
	check(validName(p.Self), "self", "must be 1 to 64 characters of a-z, 0-9, '-' and '.'")
	check(validEnum(p.Mode, modeNames), "mode", "must be live, background or backtest")
	check(p.PhoneAccounts >= 1, "phone_accounts", "must be at least 1")
	check(p.DeviceAccounts >= 1, "device_accounts", "must be at least 1")
	check(p.Skew >= 0 && p.Skew <= day, "skew", "must be 0 to 24 hours")
	check(p.Corroboration >= 0 && p.Corroboration <= 100, "corroboration", "must be 0 to 100")
	check(validEnum(p.CorroborationSeverity, severityNames), "corroboration_severity", "must be low, medium, high or critical")
	for _, w := range p.Weights {
		check(w >= 0 && w <= 1, "weights", "must be 0 to 1")
	}
	for i := range p.Rules {
		if problem := p.rule(i); problem != "" {
			check(false, fmt.Sprintf("rules[%d]", i), problem)
		}
	}
	return errors.Join(problems...)
}

// rule gives the first problem of a rule, or "".
func (p *Policy) rule(i int) string {
	r := &p.Rules[i]
	switch {
	case !validRuleID(r.ID):
		return "must have an id of 1 to 64 characters of a-z, 0-9 and '_' that is not \"none\""
	case !validEnum(r.Action, actionNames) || r.Action == None:
		return "must have a step harsher than none"
	case i > 0 && r.Action > p.Rules[i-1].Action:
		return "must not be harsher than the rule before it"
	case r.For < time.Second || r.For > MaxDuration:
		return "must last a second to 366 days: longer needs a person"
	case !validEnum(r.Scope, scopeNames):
		return "must be for the account or its services"
	}
	for _, earlier := range p.Rules[:i] {
		if earlier.ID == r.ID {
			return "must have an id of its own"
		}
	}
	for _, c := range r.Categories {
		if !validEnum(c, categoryNames) {
			return "must be for known categories"
		}
	}
	for _, c := range r.When {
		switch {
		case !validEnum(c.Leaf, leafNames) || c.Leaf <= LeafStep || c.Leaf == LeafExpression:
			return "must ask for leaves from confirmed on"
		case c.Leaf.measured() != (c.AtLeast >= 1):
			return "must have a bound of at least 1 for confidence, severity and reports, and none else"
		}
	}
	return ""
}

func validRuleID(s string) bool {
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return len(s) >= 1 && len(s) <= MaxName && s != ruleNone
}

// Digest is a SHA-256. It prints as 64 hexadecimal digits.
type Digest [sha256.Size]byte

// String gives 64 hexadecimal digits.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// MarshalText gives 64 hexadecimal digits.
func (d Digest) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, d[:]), nil }

// UnmarshalText reads 64 hexadecimal digits; anything else is an [*Error].
func (d *Digest) UnmarshalText(text []byte) error {
	if len(text) != hex.EncodedLen(len(d)) {
		return &Error{Field: "digest", Problem: "must be 64 hexadecimal digits"}
	}
	if _, err := hex.Decode(d[:], text); err != nil {
		*d = Digest{}
		return &Error{Field: "digest", Problem: "must be 64 hexadecimal digits"}
	}
	return nil
}

// Hash digests every value of the policy, the mode and the order of the rules
// included. Policies with one hash decide alike.
func (p *Policy) Hash() Digest {
	var room [1024]byte
	b := append(room[:0], "hueandcry/abuse/policy/1"...)
	number := func(n int64) { b = binary.BigEndian.AppendUint64(b, uint64(n)) }
	text := func(s string) { number(int64(len(s))); b = append(b, s...) }

	text(p.Self)
	number(int64(p.Mode))
	number(int64(p.PhoneAccounts))
	number(int64(p.DeviceAccounts))
	number(int64(truthOf(p.RequireVerified)))
	number(int64(p.Skew))
	number(int64(p.Corroboration))
	number(int64(p.CorroborationSeverity))
	number(int64(len(p.Rules)))
	for i := range p.Rules {
		r := &p.Rules[i]
		text(r.ID)
		b = append(b, byte(r.Action), byte(r.Scope))
		number(int64(r.For))
		number(int64(len(r.Categories)))
		for _, c := range r.Categories {
			b = append(b, byte(c))
		}
		number(int64(len(r.When)))
		for _, c := range r.When {
			b = append(b, byte(c.Leaf))
			number(int64(c.AtLeast))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.Weights)) {
		text(name)
		number(int64(math.Float64bits(p.Weights[name])))
	}
	return sha256.Sum256(b)
}
