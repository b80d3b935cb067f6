package cases

import "github.com/hueandcry/hueandcry/abuse"

// The enumerations of this package are a small number that never changes and a word. Index 0
// of a table of words is what the zero value prints as.

func word[E ~uint8](e E, words []string) string {
	if int(e) < len(words) {
		return words[e]
	}
	return words[0]
}

func known[E ~uint8](e E, words []string) bool { return e > 0 && int(e) < len(words) }

func wordText[E ~uint8](e E, what string, words []string) ([]byte, error) {
	if !known(e, words) {
		return nil, &abuse.Error{Field: what, Problem: "is invalid"}
	}
	return []byte(words[e]), nil
}

func parseWord[E ~uint8](text []byte, what string, words []string) (E, error) {
	for i := 1; i < len(words); i++ {
		if words[i] == string(text) {
			return E(i), nil
		}
	}
	return 0, &abuse.Error{Field: what, Problem: "is not one of the known words"}
}

// CaseKind says what a case asks of a person. The zero CaseKind is invalid.
type CaseKind uint8

// The kinds of case.
const (
	Review    CaseKind = 1 // is this decision of the service's right?
	Appeal    CaseKind = 2 // the account's holder says that it is not
	Contested CaseKind = 3 // somebody appealed at a partner's: is our signal right?
)

var kindWords = []string{"invalid", "review", "appeal", "contested"}

// String gives "review", "appeal", "contested" or "invalid".
func (k CaseKind) String() string { return word(k, kindWords) }

// MarshalText gives the word; an invalid kind is an [*abuse.Error].
func (k CaseKind) MarshalText() ([]byte, error) { return wordText(k, "case kind", kindWords) }

// UnmarshalText reads what [CaseKind.String] gives; anything else is an [*abuse.Error].
func (k *CaseKind) UnmarshalText(text []byte) (err error) {
	*k, err = parseWord[CaseKind](text, "case kind", kindWords)
	return err
}

// Outcome is what a person came to, always about the decision, or the signal, that the case is
// about: an appeal that is granted has the outcome Overturned. The zero Outcome says that nobody
// has answered yet.
type Outcome uint8

// The outcomes.
const (
	Upheld     Outcome = 1 // it was right and stands
	Overturned Outcome = 2 // it was wrong and is taken back
	Changed    Outcome = 3 // another step takes its place
)

var outcomeWords = []string{"open", "upheld", "overturned", "changed"}

// String gives "upheld", "overturned", "changed", and "open" for anything else.
func (o Outcome) String() string { return word(o, outcomeWords) }

// MarshalText gives the word; an invalid outcome is an [*abuse.Error].
func (o Outcome) MarshalText() ([]byte, error) { return wordText(o, "outcome", outcomeWords) }

// UnmarshalText reads "upheld", "overturned" or "changed"; anything else is an [*abuse.Error].
func (o *Outcome) UnmarshalText(text []byte) (err error) {
	*o, err = parseWord[Outcome](text, "outcome", outcomeWords)
	return err
}

// Ground says why a person overturned a decision. Only the first speaks against the partner. The
// zero Ground is none.
type Ground uint8

// The grounds.
const (
	WrongSignal Ground = 1 // what the partner said is not true
	WrongPerson Ground = 2 // true, but of somebody else: a number that has changed hands, a shared device
	TooHarsh    Ground = 3 // true, but this service's rule should not have made this step of it
)

var groundWords = []string{"none", "wrong_signal", "wrong_person", "too_harsh"}

// String gives "wrong_signal", "wrong_person", "too_harsh", and "none" for anything else.
func (g Ground) String() string { return word(g, groundWords) }

// MarshalText gives the word; an invalid ground is an [*abuse.Error].
func (g Ground) MarshalText() ([]byte, error) { return wordText(g, "ground", groundWords) }

// UnmarshalText reads the word of a ground; anything else is an [*abuse.Error].
func (g *Ground) UnmarshalText(text []byte) (err error) {
	*g, err = parseWord[Ground](text, "ground", groundWords)
	return err
}

// Verdict is what a signal turned out to be. The zero Verdict is invalid.
type Verdict uint8

// The verdicts.
const (
	Right Verdict = 1 // the account did what the signal says
	Wrong Verdict = 2 // it did not
)

var verdictWords = []string{"invalid", "right", "wrong"}

// String gives "right", "wrong" or "invalid".
func (v Verdict) String() string { return word(v, verdictWords) }

// MarshalText gives the word; an invalid verdict is an [*abuse.Error].
func (v Verdict) MarshalText() ([]byte, error) { return wordText(v, "verdict", verdictWords) }

// UnmarshalText reads "right" or "wrong"; anything else is an [*abuse.Error].
func (v *Verdict) UnmarshalText(text []byte) (err error) {
	*v, err = parseWord[Verdict](text, "verdict", verdictWords)
	return err
}

// Source says who found out. Of two verdicts on one signal that of the higher source holds; of
// one source the later. The zero Source is invalid.
type Source uint8

// The sources.
const (
	FromReports Source = 1 // the service's own reports or measures, with nobody looking
	FromPerson  Source = 2 // somebody at the service, beside any case
	FromReview  Source = 3 // a review
	FromAppeal  Source = 4 // an appeal: both sides were heard
)

var sourceWords = []string{"invalid", "reports", "person", "review", "appeal"}

// String gives "reports", "person", "review", "appeal" or "invalid".
func (s Source) String() string { return word(s, sourceWords) }

// MarshalText gives the word; an invalid source is an [*abuse.Error].
func (s Source) MarshalText() ([]byte, error) { return wordText(s, "source", sourceWords) }

// UnmarshalText reads the word of a source; anything else is an [*abuse.Error].
func (s *Source) UnmarshalText(text []byte) (err error) {
	*s, err = parseWord[Source](text, "source", sourceWords)
	return err
}
