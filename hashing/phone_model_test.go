package hashing

import (
	"errors"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/nyaruka/phonenumbers"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// slowForm is what identify does, said as plainly as can be: the library is asked
// about everything, every time, and no table is used.
func slowForm(digits string) (string, Reason) {
	n, err := phonenumbers.Parse("+"+digits, "")
	for round := 0; ; round++ {
		switch {
		case errors.Is(err, phonenumbers.ErrInvalidCountryCode):
			return "", ReasonNoCountry
		case err != nil:
			if len(digits) <= longestService+3 {
				return "", ReasonShortCode
			}
			return "", ReasonLength
		case round == 40:
			return "", ReasonMalformed
		}
		l := line{int(n.GetCountryCode()), phonenumbers.GetNationalSignificantNumber(n)}
		for _, r := range matchRules {
			if r.code == l.code {
				l.nsn = r.apply(l.nsn)
			}
		}
		n = libraryNumber(l)
		possible := phonenumbers.IsPossibleNumberWithReason(n) == phonenumbers.IS_POSSIBLE
		short := phonenumbers.IsValidShortNumber(n) && !(possible && phonenumbers.IsValidNumber(n))
		if len(l.nsn) <= longestService || len(l.nsn) <= longestShort && short {
			return "", ReasonShortCode
		}
		if !possible {
			return "", ReasonLength
		}
		again, err2 := phonenumbers.Parse("+"+strconv.Itoa(l.code)+l.nsn, "")
		if err2 == nil && phonenumbers.GetNationalSignificantNumber(again) != l.nsn {
			n = again
			continue
		}
		for _, f := range fictionRanges {
			if f.code == l.code && regexp.MustCompile("^(?:"+f.pattern+")$").MatchString(l.nsn) {
				return "", ReasonFiction
			}
		}
		if phonenumbers.GetNumberType(n) == phonenumbers.PREMIUM_RATE {
			return "", ReasonPremium
		}
		if modelPlaceholder(l.nsn) {
			return "", ReasonLowEntropy
		}
		if form := strconv.Itoa(l.code) + l.nsn; len(form) <= maxDigits {
			return form, ""
		}
		return "", ReasonLength
	}
}

func seeded(t testing.TB) *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

func randomDigits(r *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('0' + r.IntN(10))
	}
	return string(b)
}

// nearNumbers gives national numbers of a calling code that lie where the rules do:
// examples of every type, changed a little, with trunk prefixes, and random ones.
func nearNumbers(r *rand.Rand, code, count int) []string {
	var seeds []string
	for _, region := range phonenumbers.GetRegionCodesForCountryCode(code) {
		for kind := phonenumbers.FIXED_LINE; kind <= phonenumbers.UNKNOWN; kind++ {
			if n := phonenumbers.GetExampleNumberForType(region, kind); n != nil {
				seeds = append(seeds, phonenumbers.GetNationalSignificantNumber(n))
			}
		}
	}
	for _, same := range []string{"00000000", "5555555", "99999999", "01234567890123", "98765432109876"} {
		seeds = append(seeds, same, "1"+same, "12"+same, same+"0", same[1:], same+same[:2])
	}
	prefixes := []string{"", "", "", "0", "00", "1", "8", "9", "15", "044", "01", "80", "90", "06", "555"}
	out := slices.Clone(seeds)
	for len(out) < count {
		s := randomDigits(r, 1+r.IntN(15))
		if len(seeds) > 0 && r.IntN(3) > 0 {
			b := []byte(seeds[r.IntN(len(seeds))])
			for range r.IntN(4) {
				b[r.IntN(len(b))] = byte('0' + r.IntN(10))
			}
			s = string(b)
			switch r.IntN(6) {
			case 0:
				s = s[:len(s)-1]
			case 1:
				s += randomDigits(r, 1)
			}
		}
		out = append(out, prefixes[r.IntN(len(prefixes))]+s)
	}
	return out
}

// The tables are faster than the library by far. They must say the same, of every
// calling code there is: 300 numbers of each with HUEANDCRY_FULL.
func TestPhoneTablesAgreeWithLibrary(t *testing.T) {
	r := seeded(t)
	count := 100
	switch {
	case os.Getenv("HUEANDCRY_FULL") != "":
		count = 300
	case testing.Short():
		count = 60
	}
	accepted, placeholders, codes := 0, 0, 0
	for code := 1; code <= maxCode; code++ {
		if !phonenumbers.GetSupportedCallingCodes()[code] {
			assert.Nil(t, plans()[code])
			continue
		}
		codes++
		for _, nsn := range nearNumbers(r, code, count) {
			digits := strconv.Itoa(code) + nsn
			want, wantReason := slowForm(digits)
			got, reason := formOf("+"+digits, "")
			if reason == ReasonShortCode || reason == ReasonLength {
				// Of numbers far too short only the word differs.
				if wantReason == ReasonShortCode || wantReason == ReasonLength {
					continue
				}
			}
			require.Equal(t, wantReason, reason, digits)
			require.Equal(t, want, got, digits)
			switch reason {
			case "":
				accepted++
			case ReasonLowEntropy:
				placeholders++
			}
		}
	}
	t.Logf("%d calling codes, %d numbers accepted, %d placeholders", codes, accepted, placeholders)
	require.Greater(t, codes, 200)
	require.Greater(t, placeholders, codes)
	require.Greater(t, accepted, codes*count/10)
}

// What a calling code makes of a number does not depend on the region given.
func TestPhoneRegionDoesNotMoveInternational(t *testing.T) {
	r := seeded(t)
	regions := []string{"US", "GB", "AR", "DE", "JP", "RU", "KZ", "IT", "BS", "ZZ", "nowhere"}
	for code := range phonenumbers.GetSupportedCallingCodes() {
		for _, nsn := range nearNumbers(r, code, 20) {
			text := "+" + strconv.Itoa(code) + nsn
			want, wantReason := formOf(text, "")
			region := regions[r.IntN(len(regions))]
			got, reason := formOf(text, region)
			require.Equal(t, wantReason, reason, text+" "+region)
			require.Equal(t, want, got, text+" "+region)
		}
	}
}

func TestAutomatonAgreesWithRegexp(t *testing.T) {
	r := seeded(t)
	collection, err := phonenumbers.MetadataCollection()
	require.NoError(t, err)
	patterns := []string{`a|b`, `1{3}`, `\d*`, `(?:1|2|)`, `0?(12)?$`}
	for _, f := range fictionRanges {
		patterns = append(patterns, f.pattern)
	}
	for _, m := range collection.GetMetadata() {
		patterns = append(patterns, m.GetPremiumRate().GetNationalNumberPattern(), m.GetNationalPrefixForParsing())
	}
	hits := 0
	for _, pattern := range patterns {
		if pattern == "" {
			assert.Nil(t, newAutomaton(pattern))
			continue
		}
		a := newAutomaton(pattern)
		whole := regexp.MustCompile("^(?:" + pattern + ")$")
		for range 300 {
			digits := randomDigits(r, r.IntN(13))
			if r.IntN(2) == 0 { // walk where the automaton goes on
				digits = walk(r, a)
			}
			require.Equal(t, whole.MatchString(digits), a.matches(digits), "%s of %s", digits, pattern)
			var prefixes []int
			for i := 1; i <= len(digits); i++ {
				if whole.MatchString(digits[:i]) {
					prefixes = append(prefixes, i)
				}
			}
			require.Equal(t, prefixes, slices.Collect(a.prefixes(digits)), "%s of %s", digits, pattern)
			if a.matches(digits) {
				hits++
			}
		}
	}
	require.Greater(t, hits, 1000)
	var none *automaton
	require.False(t, none.matches("1"))
	require.Empty(t, slices.Collect(none.prefixes("1")))
	require.Panics(t, func() { newAutomaton("(") })
}

func walk(r *rand.Rand, a *automaton) string {
	var out []byte
	for s := int16(1); len(out) < 12; {
		if a.accept[s] && r.IntN(2) == 0 {
			break
		}
		var open []byte
		for d := range byte(10) {
			if a.next[s][d] != 0 {
				open = append(open, d)
			}
		}
		if len(open) == 0 {
			break
		}
		d := open[r.IntN(len(open))]
		out = append(out, '0'+d)
		s = a.next[s][d]
	}
	return string(out)
}

func TestMatchRulesKeepTheirPromises(t *testing.T) {
	r := seeded(t)
	for _, rule := range matchRules {
		require.NotEmpty(t, rule.name)
		require.NotEmpty(t, rule.source)
		t.Logf("+%d %s (%s)", rule.code, rule.name, rule.source)
		region := phonenumbers.GetRegionCodeForCountryCode(rule.code)
		changed := map[string]string{}
		for range 40_000 {
			nsn := randomDigits(r, 7+r.IntN(7))
			got := rule.apply(nsn)
			require.Equal(t, got, rule.apply(got), "idempotent: %s", nsn)
			if got == nsn {
				continue
			}
			// The subscriber's own digits stay.
			require.True(t, strings.HasSuffix(got, nsn[len(nsn)-6:]))
			require.True(t, plans()[rule.code].possible(len(got)))
			before, twice := changed[got]
			if twice && before != nsn {
				// Mexico has four prefixes for one line, and no other rule any.
				require.Equal(t, 52, rule.code, "%s and %s", before, nsn)
			}
			changed[got] = nsn
			// What is changed is a line no longer: the library, which knows today's
			// plans, must not hold it to be one.
			if phonenumbers.IsValidNumber(libraryNumber(line{rule.code, nsn})) {
				require.True(t, oldSpellingKept(rule.code), "+%d %s is valid in %s", rule.code, nsn, region)
			}
		}
		require.NotEmpty(t, changed)
	}
}

// Each row goes to its rule alone: what stands in the way of a rule is seen here even
// where the rest of the parser would refuse what the rule lets through.
func TestMatchRules(t *testing.T) {
	type row struct {
		Code int    `json:"code"`
		NSN  string `json:"nsn"`
		Form string `json:"form"`
		Why  string `json:"why"`
	}
	rows := strictRows[row](t, "matchforms.json")
	for _, rule := range matchRules {
		changed, kept := 0, 0
		for _, c := range rows {
			if c.Code != rule.code {
				continue
			}
			require.NotEmpty(t, c.Why)
			require.Equal(t, c.Form, rule.apply(c.NSN), "+%d %s: %s", c.Code, c.NSN, c.Why)
			if c.Form == c.NSN {
				kept++
			} else {
				changed++
			}
		}
		require.Positive(t, changed, rule.name)
		require.Positive(t, kept, rule.name)
	}
}

// oldSpellingKept lists the plans of which the library holds both spellings valid:
// Argentina dials mobile lines with 9 still, Gabon's old numbers are in its tables
// beside the new, and Brazil's too.
func oldSpellingKept(code int) bool { return code == 54 || code == 55 || code == 241 }

func TestDigitValue(t *testing.T) {
	n := 0
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if !unicode.Is(unicode.Nd, r) {
			continue
		}
		n++
		// A digit's value is one more than that of the code point before it, and
		// zero if that is none or is a nine.
		want := byte(0)
		if unicode.Is(unicode.Nd, r-1) {
			want = (digitValue(r-1) + 1) % 10
		}
		require.Equal(t, want, digitValue(r), "%U", r)
	}
	require.Greater(t, n, 600)
	require.Zero(t, n%10)
	for _, known := range []struct {
		r    rune
		want byte
	}{{'0', 0}, {'9', 9}, {'٣', 3}, {'۷', 7}, {'५', 5}, {'９', 9}, {'𝟿', 9}, {'𝟘', 0}} {
		require.Equal(t, known.want, digitValue(known.r))
	}
	require.Panics(t, func() { digitValue('a') })
}

func TestPlans(t *testing.T) {
	for code := range phonenumbers.GetSupportedCallingCodes() {
		plan := plans()[code]
		require.NotNil(t, plan, code)
		for n := 2; n <= maxNational; n++ {
			number := libraryNumber(line{code, strings.Repeat("7", n)})
			want := phonenumbers.IsPossibleNumberWithReason(number) == phonenumbers.IS_POSSIBLE
			require.Equal(t, want, plan.possible(n), "+%d, %d digits", code, n)
		}
		require.False(t, plan.possible(0) || plan.possible(1) || plan.possible(99))
	}
	for _, nsn := range []string{"10", "0123", "000", "0", "7", "00100"} {
		require.Equal(t, nsn, phonenumbers.GetNationalSignificantNumber(libraryNumber(line{39, nsn})))
	}
}
