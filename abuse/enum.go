package abuse

// The enumerations of this package share one shape: a small number that never
// changes, for the wire, and a word, for people. Index 0 of a table of words is
// what the zero value prints as.

func nameOf[E ~uint8](e E, names []string) string {
	if int(e) < len(names) {
		return names[e]
	}
	return "invalid"
}

func validEnum[E ~uint8](e E, names []string) bool {
	return e > 0 && int(e) < len(names)
}

func textOf[E ~uint8](e E, what string, names []string) ([]byte, error) {
	if !validEnum(e, names) {
		return nil, &Error{Field: what, Problem: "is invalid"}
	}
	return []byte(names[e]), nil
}

func parseEnum[E ~uint8](text, what string, names []string) (E, error) {
	for i := 1; i < len(names); i++ {
		if names[i] == text {
			return E(i), nil
		}
	}
	return 0, &Error{Field: what, Problem: "is not one of the known words"}
}

// Class says how a transmitter came to a signal. The zero Class is invalid.
type Class uint8

// The two classes.
const (
	Confirmed  Class = 1 // it has happened, and somebody or something has seen it
	Predictive Class = 2 // a model expects it
)

var classNames = []string{"invalid", "confirmed", "predictive"}

// String gives "confirmed", "predictive" or "invalid".
func (c Class) String() string { return nameOf(c, classNames) }

// MarshalText gives the word; an invalid class is an [*Error].
func (c Class) MarshalText() ([]byte, error) { return textOf(c, "class", classNames) }

// UnmarshalText reads what [Class.String] gives; anything else is an [*Error].
func (c *Class) UnmarshalText(text []byte) (err error) {
	*c, err = parseEnum[Class](string(text), "class", classNames)
	return err
}

// Severity is how bad a single case of the abuse is. Higher is worse. The zero
// Severity is invalid.
type Severity uint8

// The severities.
const (
	Low      Severity = 1 // a nuisance
	Medium   Severity = 2 // somebody loses time or money that he can spare
	High     Severity = 3 // somebody is harmed
	Critical Severity = 4 // life, limb or a child
)

var severityNames = []string{"invalid", "low", "medium", "high", "critical"}

// String gives "low", "medium", "high", "critical" or "invalid".
func (s Severity) String() string { return nameOf(s, severityNames) }

// MarshalText gives the word; an invalid severity is an [*Error].
func (s Severity) MarshalText() ([]byte, error) { return textOf(s, "severity", severityNames) }

// UnmarshalText reads what [Severity.String] gives; anything else is an [*Error].
func (s *Severity) UnmarshalText(text []byte) (err error) {
	*s, err = parseEnum[Severity](string(text), "severity", severityNames)
	return err
}

// Review says who has looked at a signal before it was sent. The zero Review is
// invalid.
type Review uint8

// The reviews.
const (
	ReviewNone      Review = 1 // nobody
	ReviewAutomatic Review = 2 // a program
	ReviewHuman     Review = 3 // a person
)

var reviewNames = []string{"invalid", "none", "automatic", "human"}

// String gives "none", "automatic", "human" or "invalid".
func (r Review) String() string { return nameOf(r, reviewNames) }

// MarshalText gives the word; an invalid review is an [*Error].
func (r Review) MarshalText() ([]byte, error) { return textOf(r, "review", reviewNames) }

// UnmarshalText reads what [Review.String] gives; anything else is an [*Error].
func (r *Review) UnmarshalText(text []byte) (err error) {
	*r, err = parseEnum[Review](string(text), "review", reviewNames)
	return err
}

// Permission is what the transmitter permits the receiver to do with a signal,
// in the words of permitted_actions in FIRST's Information Exchange Policy 2.0.
// Higher permits more. The zero Permission is invalid.
type Permission uint8

// The permissions.
const (
	PermitNone     Permission = 1 // "none": to know, and not to act
	PermitContact  Permission = 2 // "contact-for-instruction": ask first
	PermitInternal Permission = 3 // "internally-visible-actions": nobody outside may notice
	PermitIndirect Permission = 4 // "externally-visible-indirect-actions": limits, no blocks
	PermitDirect   Permission = 5 // "externally-visible-direct-actions": anything
)

var permissionNames = []string{"invalid", "none", "contact-for-instruction", "internally-visible-actions",
	"externally-visible-indirect-actions", "externally-visible-direct-actions"}

// String gives FIRST's word, or "invalid".
func (p Permission) String() string { return nameOf(p, permissionNames) }

// MarshalText gives FIRST's word; an invalid permission is an [*Error].
func (p Permission) MarshalText() ([]byte, error) { return textOf(p, "permitted", permissionNames) }

// UnmarshalText reads what [Permission.String] gives; anything else is an [*Error].
func (p *Permission) UnmarshalText(text []byte) (err error) {
	*p, err = parseEnum[Permission](string(text), "permitted", permissionNames)
	return err
}

// Cap is the harshest step that p permits; [None] for an invalid one.
func (p Permission) Cap() Action {
	switch p {
	case PermitContact, PermitInternal:
		return Label
	case PermitIndirect:
		return Limit
	case PermitDirect:
		return Disable
	}
	return None
}

// Mode says whether decisions are carried out. The zero Mode is invalid, so that
// nobody goes live by forgetting to choose.
type Mode uint8

// The modes. Decide does the same in all of them.
const (
	Live       Mode = 1 // decisions are carried out
	Background Mode = 2 // decisions are recorded and looked at
	Backtest   Mode = 3 // decisions are about the past
)

var modeNames = []string{"invalid", "live", "background", "backtest"}

// String gives "live", "background", "backtest" or "invalid".
func (m Mode) String() string { return nameOf(m, modeNames) }

// MarshalText gives the word; an invalid mode is an [*Error].
func (m Mode) MarshalText() ([]byte, error) { return textOf(m, "mode", modeNames) }

// UnmarshalText reads what [Mode.String] gives; anything else is an [*Error].
func (m *Mode) UnmarshalText(text []byte) (err error) {
	*m, err = parseEnum[Mode](string(text), "mode", modeNames)
	return err
}

// Scope says what a step applies to. The zero Scope is invalid.
type Scope uint8

// The scopes.
const (
	ScopeAccount  Scope = 1 // the account itself
	ScopeServices Scope = 2 // the account with all services that hang on it
)

var scopeNames = []string{"invalid", "account", "services"}

// String gives "account", "services" or "invalid".
func (s Scope) String() string { return nameOf(s, scopeNames) }

// MarshalText gives the word; an invalid scope is an [*Error].
func (s Scope) MarshalText() ([]byte, error) { return textOf(s, "scope", scopeNames) }

// UnmarshalText reads what [Scope.String] gives; anything else is an [*Error].
func (s *Scope) UnmarshalText(text []byte) (err error) {
	*s, err = parseEnum[Scope](string(text), "scope", scopeNames)
	return err
}
