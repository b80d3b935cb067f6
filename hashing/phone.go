package hashing

import (
	"errors"
	"strconv"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// RulesVersion names the rules by which spellings of phone numbers and device
// identifiers are brought to one match form. Two services must use the same
// rules, so it is part of every agreement. It changes whenever a rule could give
// another form than before.
const RulesVersion = "hc-2026-11"

// ParsePhone reads a telephone number as people and systems write it: nationally,
// internationally, with 00, as a tel: URI (RFC 3966), with punctuation, with the
// digits of any script, with an extension, which is dropped.
//
// region is the ISO 3166 alpha-2 code of the country in which a national spelling
// is meant, in either case. With region "" the number must be international, with
// or without its plus. A region that is not known reads international numbers with
// a plus only: a guess could name the line of somebody else.
//
// All spellings of a line, also those that an older numbering plan gave it, give
// the same Identifier. A number needs a possible length in its country, as
// libphonenumber knows it; prefixes are not judged, for tables of prefixes go
// stale. What stands in for a number is refused, such as 5555555555 and 1234567890,
// and with it about one line in 10^6 or fewer that does have such a number:
// [ReasonLowEntropy]. Everything refused is an [*Error] of kind [Phone] with one of
// the reasons empty, malformed, letters, masked, no_country, length, short_code,
// premium, fiction or low_entropy, and the zero Identifier.
func ParsePhone(text, region string) (Identifier, error) {
	return PhoneParser{Region: region}.Parse(text)
}

// PhoneParser reads telephone numbers as [ParsePhone] does. The zero PhoneParser
// has no region and refuses numbers reserved for fiction. It may be used by many
// goroutines at once.
type PhoneParser struct {
	// Region is the default region as in [ParsePhone]; "" for none.
	Region string
	// Fiction admits the numbers that regulators reserve for films, books and
	// examples. It is meant for tests and demonstrations only: many accounts
	// carry such numbers, and none of them holds the line.
	Fiction bool
}

// Parse reads a telephone number; see [ParsePhone].
func (p PhoneParser) Parse(text string) (Identifier, error) {
	id, reason := p.parse(text)
	if reason != "" {
		return Identifier{}, &Error{Kind: Phone, Reason: reason}
	}
	return id, nil
}

// A line is a telephone number as E.164 sees it.
type line struct {
	code int    // country calling code, one to three digits
	nsn  string // national significant number, ASCII digits
}

func (p PhoneParser) parse(text string) (Identifier, Reason) {
	if digits, ok := bareInternational(text); ok {
		// Nearly all of what services store is written like this, and it needs
		// none of what follows.
		if l, ok := splitCode(digits); ok {
			return p.identify(l, false)
		}
	}
	spelling, reason := readSpelling(text)
	if reason != "" {
		return Identifier{}, reason
	}
	l, parsed, reason := p.locate(spelling)
	if reason != "" {
		return Identifier{}, reason
	}
	id, reason := p.identify(l, parsed)
	if reason == ReasonLength && p.Region == "" && !spelling.plus {
		// It was read as international only for want of a country.
		reason = ReasonNoCountry
	}
	return id, reason
}

// locate finds the country that the digits of a spelling belong to, and reports
// whether it took libphonenumber for it.
func (p PhoneParser) locate(s spelling) (l line, parsed bool, reason Reason) {
	region := strings.ToUpper(p.Region)
	digits := s.digits
	switch {
	case s.plus:
		if l, ok := splitCode(digits); ok {
			return l, false, ""
		}
		// Perhaps an exit code behind a plus, as in +0033, which the library
		// knows if it knows the region.
		digits = "+" + digits
	case region == "" && len(digits) <= longestService:
		return line{}, false, ReasonShortCode
	case region == "" && !s.local:
		// 00 is the exit code that the ITU recommends, and no calling code
		// begins with 0, so that nothing else can be meant. 011 and the like
		// are customs of a region.
		if l, ok := splitCode(strings.TrimPrefix(digits, "00")); ok {
			return l, false, ""
		}
	}
	if !phonenumbers.GetSupportedRegions()[region] {
		return line{}, false, ReasonNoCountry
	}
	l, reason = library(digits, region)
	return l, true, reason
}

// library parses ASCII digits, after a plus or not, with libphonenumber.
func library(digits, region string) (line, Reason) {
	var n phonenumbers.PhoneNumber
	err := phonenumbers.ParseToNumber(digits, region, &n)
	switch {
	case err == nil:
		return line{int(n.GetCountryCode()), phonenumbers.GetNationalSignificantNumber(&n)}, ""
	case errors.Is(err, phonenumbers.ErrInvalidCountryCode):
		return line{}, ReasonNoCountry
	case len(digits) <= longestService && digits[0] != '+':
		return line{}, ReasonShortCode
	default:
		return line{}, ReasonLength // nothing else can be wrong with digits
	}
}

// identify brings a line to its match form, and seals it unless it is refused.
// parsed says that libphonenumber has read it already.
func (p PhoneParser) identify(l line, parsed bool) (Identifier, Reason) {
	l, reason := settle(l, parsed)
	if reason != "" {
		return Identifier{}, reason
	}
	plan := plans()[l.code]
	if reason := plan.refuses(l); reason != "" {
		return Identifier{}, reason
	}
	if plan.fiction.matches(l.nsn) {
		if !p.Fiction {
			return Identifier{}, ReasonFiction
		}
	} else if plan.isPremium(l) {
		return Identifier{}, ReasonPremium
	} else if isPlaceholder(l.nsn) {
		return Identifier{}, ReasonLowEntropy
	}
	var f form
	digits := strconv.AppendInt(f[:0], int64(l.code), 10)
	if len(digits)+len(l.nsn) > maxDigits {
		return Identifier{}, ReasonLength
	}
	copy(f[len(digits):], l.nsn)
	id := seal(Phone, &f)
	clear(f[:])
	return id, ""
}

// settle brings a line to its match form. libphonenumber takes one trunk prefix off
// a number behind its calling code, so that +49 0 30 is +49 30; of +49 0 0 30 it
// leaves +49 0 30. Since both name one line, and since the match form of a match
// form has to be itself, this goes on until nothing changes. What has no possible
// length is left as it is and never made possible by taking off more.
func settle(l line, parsed bool) (line, Reason) {
	const rounds = maxDialed // each takes off a digit at least; people need two
	var reason Reason
	if !parsed {
		if l, reason = stripTrunk(l); reason != "" {
			return line{}, reason
		}
	}
	for range rounds {
		plan := plans()[l.code]
		if plan.matchForm != nil {
			l.nsn = plan.matchForm(l.nsn)
		}
		if !plan.possible(len(l.nsn)) {
			return l, ""
		}
		before := l
		if l, reason = stripTrunk(l); reason != "" || l == before {
			return l, reason
		}
	}
	return line{}, ReasonMalformed
}

// stripTrunk does what libphonenumber does to a number behind its calling code. The
// library need not be asked where none of the country's prefixes is in sight, which
// is nearly always so.
func stripTrunk(l line) (line, Reason) {
	if !plans()[l.code].mayStrip(l.nsn) {
		return l, ""
	}
	return library("+"+strconv.Itoa(l.code)+l.nsn, "")
}
