package hashing

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/nyaruka/phonenumbers"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// spellingCase is one line of testdata/phone: a text, and the match form or the
// reason of its refusal. The numbers are reserved for fiction, or are examples of
// libphonenumber, or cannot be lines.
type spellingCase struct {
	Text   string `json:"text"`
	Region string `json:"region"`
	Form   string `json:"form"`
	Reason Reason `json:"reason"`
	Why    string `json:"why"`
}

// strictRows reads a file of testdata/phone that has rows of type T and nothing else.
func strictRows[T any](t testing.TB, file string) (out []T) {
	t.Helper()
	raw, err := os.ReadFile("testdata/phone/" + file)
	require.NoError(t, err)
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(&out))
	require.False(t, d.More())
	require.NotEmpty(t, out)
	return out
}

func spellingCases(t testing.TB, file string) []spellingCase {
	t.Helper()
	out := strictRows[spellingCase](t, file)
	for _, c := range out {
		require.NotEmpty(t, c.Why)
		require.NotEqual(t, c.Form == "", c.Reason == "", c.Text)
	}
	return out
}

func TestPhoneAccepted(t *testing.T) {
	for _, c := range spellingCases(t, "accepted.json") {
		id, err := PhoneParser{Region: c.Region, Fiction: true}.Parse(c.Text)
		require.NoError(t, err, "%q: %s", c.Text, c.Why)
		f := id.open()
		require.Equal(t, c.Form, strings.TrimRight(string(f[:]), "\x00"), "%q: %s", c.Text, c.Why)
		require.Equal(t, Phone, id.Kind())
	}
}

func TestPhoneRefused(t *testing.T) {
	seen := map[Reason]bool{}
	for _, c := range spellingCases(t, "refused.json") {
		id, err := ParsePhone(c.Text, c.Region)
		require.Zero(t, id, "%q: %s", c.Text, c.Why)
		require.ErrorIs(t, err, c.Reason, "%q: %s", c.Text, c.Why)
		var e *Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, Phone, e.Kind)
		require.NotContains(t, strings.ToLower(err.Error()), strings.ToLower(strings.TrimSpace(c.Text+"\x00")))
		seen[c.Reason] = true
	}
	for _, r := range []Reason{ReasonEmpty, ReasonMalformed, ReasonLetters, ReasonMasked, ReasonNoCountry, ReasonLength, ReasonShortCode, ReasonPremium, ReasonFiction, ReasonLowEntropy} {
		require.True(t, seen[r], "no case for %s", r)
	}
}

// inScript writes the ASCII digits of text in another script.
func inScript(text string, zero rune) string {
	return strings.Map(func(r rune) rune {
		if isDigit(r) {
			return zero + r - '0'
		}
		return r
	}, text)
}

// Every way to write a line meets in one match form, in every country and for every
// type of number.
func TestPhoneSpellingsMeet(t *testing.T) {
	lines, refused := 0, 0
	check := func(region string, n *phonenumbers.PhoneNumber) {
		e164 := phonenumbers.Format(n, phonenumbers.E164)
		want, wantReason := formOf(e164, "")
		international := phonenumbers.Format(n, phonenumbers.INTERNATIONAL)
		spellings := map[string]string{ // text to region
			international: "",
			phonenumbers.Format(n, phonenumbers.RFC3966): "",
			e164[1:]:                                         "",
			"00" + e164[1:]:                                  "",
			"00 " + international[1:]:                        "DE",
			"011" + e164[1:]:                                 "US",
			"+011" + e164[1:]:                                "US",
			"(" + international + ")":                        "FR",
			" \u202a" + e164 + "\u202c\t":                    "",
			"tel: " + international:                          "",
			e164 + ";ext=1234":                               "",
			e164 + " ext. 12":                                "",
			international + " x12":                           "",
			international + " #7":                            "",
			international + ",,123456#":                      "",
			international + " доб. 3":                        "",
			"tel:" + e164 + ";isub=12":                       "",
			"\u00ab" + international + ".":                   "",
			inScript(international, '٠'):                     "",
			inScript(international, '۰'):                     "",
			inScript(international, '०'):                     "",
			inScript(international, '０'):                     "",
			"＋" + inScript(e164[1:], '０'):                    "",
			strings.ReplaceAll(international, " ", "\u00a0"): "",
			strings.ReplaceAll(international, " ", "."):      "",
			strings.ReplaceAll(international, " ", " - "):    "",
		}
		// The library formats Argentina's mobile lines nationally as 09 15-…, where
		// its Java original has 011 15-…; testdata has those.
		misspelt := region == "AR" && strings.HasPrefix(e164, "+549")
		if region != "001" && !misspelt {
			national := phonenumbers.Format(n, phonenumbers.NATIONAL)
			spellings[national] = region
			spellings[national+" ext 5"] = strings.ToLower(region)
			spellings[inScript(national, '０')] = region
		}
		for text, in := range spellings {
			got, reason := formOf(text, in)
			if reason == ReasonNoCountry && wantReason == ReasonLength {
				reason = wantReason // a guess that failed
			}
			require.Equal(t, wantReason, reason, "%q in %q", text, in)
			require.Equal(t, want, got, "%q in %q", text, in)
		}
		lines++
		if wantReason != "" {
			refused++
		}
	}
	for region := range phonenumbers.GetSupportedRegions() {
		for kind := phonenumbers.FIXED_LINE; kind <= phonenumbers.VOICEMAIL; kind++ {
			if n := phonenumbers.GetExampleNumberForType(region, kind); n != nil {
				check(region, n)
			}
		}
	}
	for code := range phonenumbers.GetSupportedGlobalNetworkCallingCodes() {
		check("001", phonenumbers.GetExampleNumberForNonGeoEntity(code))
	}
	t.Logf("%d lines, %d of them refused in every spelling", lines, refused)
	require.Greater(t, lines, 800)
	require.Less(t, refused, lines/4)
}

func TestPhoneMatchCasesOfLibphonenumber(t *testing.T) {
	met := 0
	for _, r := range phoneData(t, "phone_normalisation/*number_match*.csv") {
		a, _ := formOf(r["first"], "")
		b, _ := formOf(r["second"], "")
		same := a != "" && a == b
		switch r["upstream_match"] {
		case "EXACT_MATCH":
			require.True(t, same)
			met++
		case "NO_MATCH":
			// An extension is not part of the line here.
			require.Equal(t, strings.Contains(r["second"], ";ext="), same)
		case "NSN_MATCH":
			// Without a country a number may only be read as international.
			require.Equal(t, same, b != "")
		default:
			require.False(t, same)
		}
	}
	require.Positive(t, met)
}

func TestPhoneParserConcurrently(t *testing.T) {
	want, err := ParsePhone("+52 55 1234 5678", "")
	require.NoError(t, err)
	parser := PhoneParser{Region: "MX"}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for _, text := range []string{"+525512345678", "044 55 1234 5678", "(55) 1234-5678", "911"} {
				id, err := parser.Parse(text)
				if text == "911" {
					assert.ErrorIs(t, err, ReasonShortCode)
				} else {
					assert.NoError(t, err)
					assert.Equal(t, want, id)
				}
			}
		})
	}
	all.Wait()
}

// Two lists of the same disposable numbers, spelt differently, one of them without
// plus and country: what they share is what was published, no more and no less.
func TestPhoneTwoServices(t *testing.T) {
	read := func(file, column string) map[string]bool {
		out := map[string]bool{}
		for _, r := range phoneData(t, "two_service_matching/"+file) {
			if f, reason := formOf(r[column], ""); reason == "" {
				out[f] = true
			}
		}
		return out
	}
	expected := read("disposable_expected_intersection*.csv", "e164")
	a, b := read("disposable_service_a*.csv", "number_raw"), read("disposable_service_b*.csv", "number_raw")
	shared := map[string]bool{}
	for f := range b {
		if a[f] {
			shared[f] = true
		}
	}
	require.Equal(t, len(phoneData(t, "two_service_matching/disposable_expected_intersection*.csv")), len(expected))
	require.True(t, len(shared) == len(expected), "%d shared, %d expected", len(shared), len(expected))
	for f := range expected {
		require.True(t, shared[f], "an expected match is missing")
	}
}

func FuzzParsePhone(f *testing.F) {
	for _, c := range append(spellingCases(f, "accepted.json"), spellingCases(f, "refused.json")...) {
		f.Add(c.Text, c.Region, true)
		f.Add(c.Text, c.Region, false)
	}
	f.Fuzz(func(t *testing.T, text, region string, fiction bool) {
		id, err := PhoneParser{Region: region, Fiction: fiction}.Parse(text)
		if err != nil {
			require.Zero(t, id)
			require.False(t, strings.ContainsAny(err.Error(), "0123456789"), "an error has no digits")
			return
		}
		form := id.open()
		digits := strings.TrimRight(string(form[:]), "\x00")
		require.LessOrEqual(t, len(digits), maxDigits)
		require.Empty(t, strings.Trim(digits, "0123456789"))
		for _, region := range []string{"", region, "US"} {
			again, err := PhoneParser{Region: region, Fiction: fiction}.Parse("+" + digits)
			require.NoError(t, err)
			require.Equal(t, id, again, "the match form of a match form is itself")
		}
	})
}
