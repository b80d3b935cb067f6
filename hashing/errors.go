package hashing

// Error says why an identifier was refused. It never holds any part of the text
// that was refused. errors.Is(err, ReasonMasked) and errors.As both work.
type Error struct {
	Kind   Kind   // what the text was read as; zero if that was the trouble
	Reason Reason // why it was refused
}

// Error gives the kind and the reason, as in "hashing: phone refused: masked".
func (e *Error) Error() string {
	if e.Kind == 0 {
		return "hashing: refused: " + string(e.Reason)
	}
	return "hashing: " + e.Kind.String() + " refused: " + string(e.Reason)
}

// Unwrap gives the Reason, so that errors.Is finds it.
func (e *Error) Unwrap() error { return e.Reason }

// Reason is a short stable word for a refusal, fit for counters and tables.
type Reason string

// The reasons for which an identifier is refused.
const (
	ReasonEmpty       Reason = "empty"        // nothing but white space
	ReasonUnknownKind Reason = "unknown_kind" // no such kind of identifier
	ReasonMalformed   Reason = "malformed"    // not of the kind's form
	ReasonLetters     Reason = "letters"      // letters that are no extension mark
	ReasonMasked      Reason = "masked"       // digits are blotted out
	ReasonNoCountry   Reason = "no_country"   // neither a country code nor a known region
	ReasonLength      Reason = "length"       // no number of that length exists there
	ReasonShortCode   Reason = "short_code"   // a service code, not a line
	ReasonPremium     Reason = "premium"      // a premium-rate line
	ReasonFiction     Reason = "fiction"      // reserved for fiction and examples
	ReasonChecksum    Reason = "checksum"     // the check digit is wrong
	ReasonUnallocated Reason = "unallocated"  // no body allocates such values
	ReasonSentinel    Reason = "sentinel"     // a placeholder, or known to be shared by many devices
	ReasonLowEntropy  Reason = "low_entropy"  // a pattern, not an identifier
)

// Error makes a Reason usable with errors.Is.
func (r Reason) Error() string { return string(r) }
