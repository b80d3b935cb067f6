package abuse

import "github.com/google/uuid"

// Error says what is wrong with one field of a signal, of a policy or of a word.
// It never holds the value.
type Error struct {
	Field   string // such as "signal confidence"
	Problem string // such as "must be 0 to 100"
}

// Error gives field and problem, as in "abuse: signal confidence must be 0 to 100".
func (e *Error) Error() string { return "abuse: " + e.Field + " " + e.Problem }

// UnreadableError says that a matched signal was not taken into the evidence. It
// is counted there and never acts.
type UnreadableError struct {
	Signal uuid.UUID // as the match named it
	Err    error     // why; an *Error or several joined
}

// Error names the signal and the cause.
func (e *UnreadableError) Error() string {
	return "abuse: signal " + e.Signal.String() + " cannot be read: " + e.Err.Error()
}

// Unwrap gives the cause.
func (e *UnreadableError) Unwrap() error { return e.Err }
