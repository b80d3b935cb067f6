package abuse

// Action is a step on the ladder of what can be done about an account. A higher
// one is harsher, and they compare with <. The zero Action is invalid; its number
// lies below [None], so that it can never pass for a step.
type Action uint8

// The ladder.
const (
	None     Action = 1 // nothing
	Label    Action = 2 // a mark that only the service sees: watch, queue, rank
	Friction Action = 3 // a hurdle that an honest holder can take: prove the number, solve a puzzle
	Limit    Action = 4 // less reach: fewer messages, no strangers, no links
	Suspend  Action = 5 // closed for days
	Disable  Action = 6 // closed for months; here always with an end
)

var actionNames = []string{"invalid", "none", "label", "friction", "limit", "suspend", "disable"}

// String gives the name that [ParseAction] takes, and "invalid" for anything else.
func (a Action) String() string { return nameOf(a, actionNames) }

// ParseAction reads what [Action.String] gives. Anything else is an [*Error].
func ParseAction(name string) (Action, error) {
	return parseEnum[Action](name, "action", actionNames)
}

// MarshalText gives the name; an invalid action is an [*Error].
func (a Action) MarshalText() ([]byte, error) { return textOf(a, "action", actionNames) }

// UnmarshalText reads a name as [ParseAction] does.
func (a *Action) UnmarshalText(text []byte) (err error) {
	*a, err = ParseAction(string(text))
	return err
}
