package hashing

import (
	"strconv"
	"strings"
	"sync"

	"github.com/nyaruka/phonenumbers"
)

const (
	maxDigits      = 15 // of an E.164 number, calling code included
	maxNational    = 17 // of a national significant number, as libphonenumber reads them
	maxCode        = 999
	longestService = 3 // no line anywhere has so few digits; 112, 911 and their like do
	longestShort   = 6 // digits of the short codes that could be taken for a line
)

// A plan is what has to be known of the numbers under one calling code. All of it
// comes from the metadata of libphonenumber, turned once into tables, because
// asking the library for every number costs more than all the rest.
type plan struct {
	lengths   uint32     // bit n is set if lines with n national digits are possible
	trunk     *automaton // prefixes that the library may take off a national number
	rewrites  bool       // it may also put something in their place
	premium   *automaton // all that is premium in a region of this code, and perhaps more
	fiction   *automaton // reserved for films and examples
	matchForm func(nsn string) string
}

// plans holds the plan of every calling code at the place of its number.
var plans = sync.OnceValue(func() *[maxCode + 1]*plan {
	collection, err := phonenumbers.MetadataCollection()
	if err != nil {
		panic("hashing: metadata of phonenumbers: " + err.Error())
	}
	var out [maxCode + 1]*plan
	premium := map[int][]string{}
	for _, m := range collection.GetMetadata() {
		code := int(m.GetCountryCode())
		if out[code] == nil {
			out[code] = &plan{lengths: possibleLengths(code)}
		}
		if m.GetId() == phonenumbers.GetRegionCodeForCountryCode(code) {
			// A number behind a plus is read by the rules of the main region.
			out[code].trunk = newAutomaton(m.GetNationalPrefixForParsing())
			out[code].rewrites = m.GetNationalPrefixTransformRule() != ""
		}
		if d := m.GetPremiumRate(); len(d.GetPossibleLength()) == 0 || d.GetPossibleLength()[0] > 0 {
			premium[code] = append(premium[code], d.GetNationalNumberPattern())
		}
	}
	for code, patterns := range premium {
		out[code].premium = newAutomaton(strings.Join(patterns, "|"))
	}
	for _, f := range fictionRanges {
		out[f.code].fiction = newAutomaton(f.pattern)
	}
	for _, r := range matchRules {
		out[r.code].matchForm = r.apply
	}
	return &out
})

// possibleLengths asks the library about one number of every length: its answer
// depends on the length and the calling code only.
func possibleLengths(code int) (set uint32) {
	for n := 2; n <= maxNational; n++ {
		number := libraryNumber(line{code, "1" + strings.Repeat("0", n-1)})
		if phonenumbers.IsPossibleNumberWithReason(number) == phonenumbers.IS_POSSIBLE {
			set |= 1 << n
		}
	}
	return set
}

// libraryNumber is a line as libphonenumber takes it.
func libraryNumber(l line) *phonenumbers.PhoneNumber {
	code := int32(l.code)
	significant, _ := strconv.ParseUint(l.nsn, 10, 64) // digits only, at most 17
	n := &phonenumbers.PhoneNumber{CountryCode: &code, NationalNumber: &significant}
	if zeros := int32(len(l.nsn) - len(strings.TrimLeft(l.nsn[:len(l.nsn)-1], "0")) - 1); zeros > 0 {
		leading := true
		n.ItalianLeadingZero, n.NumberOfLeadingZeros = &leading, &zeros
	}
	return n
}

// possible reports whether lines with n national digits are possible.
func (p *plan) possible(n int) bool { return n <= maxNational && p.lengths>>n&1 == 1 }

// mayStrip reports whether the library could take something off a national number.
// It does so only if what remains is no shorter than a line can be; a Russian number
// in 812 does not lose its 8.
func (p *plan) mayStrip(nsn string) bool {
	for n := range p.trunk.prefixes(nsn) {
		rest := len(nsn) - n
		if p.rewrites || p.possible(rest) || p.lengths>>rest == 0 {
			return true
		}
	}
	return false
}

// refuses says why a number cannot be a line, if so.
func (p *plan) refuses(l line) Reason {
	possible := p.possible(len(l.nsn))
	switch {
	case len(l.nsn) <= longestService:
		return ReasonShortCode
	case len(l.nsn) <= longestShort && isShortCode(l, possible):
		return ReasonShortCode
	case !possible:
		return ReasonLength
	}
	return ""
}

// isShortCode reports whether a short number is one that networks answer
// themselves. Where lines are as short, a line is what it is taken for.
func isShortCode(l line, possible bool) bool {
	n := libraryNumber(l)
	return phonenumbers.IsValidShortNumber(n) && !(possible && phonenumbers.IsValidNumber(n))
}

// isPremium asks the library only where its own patterns make it likely: regions
// that share a calling code differ in what is premium.
func (p *plan) isPremium(l line) bool {
	return p.premium.matches(l.nsn) &&
		phonenumbers.GetNumberType(libraryNumber(l)) == phonenumbers.PREMIUM_RATE
}

// splitCode takes the calling code off an international number. No calling code
// is the beginning of another.
func splitCode(digits string) (line, bool) {
	code := 0
	for i := 0; i < len(digits) && i < 3; i++ {
		code = code*10 + int(digits[i]-'0')
		if code > 0 && plans()[code] != nil {
			return line{code, digits[i+1:]}, len(digits) > i+1
		}
		if code == 0 {
			break
		}
	}
	return line{}, false
}
