package hashing

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxText   = 250 // bytes of a spelling; longer text is not a number
	maxDialed = 32  // digits: E.164 with an exit code, a carrier code and a trunk prefix
)

// A spelling is what is left of a text when everything that is not the number
// itself is taken off.
type spelling struct {
	digits string // ASCII
	plus   bool   // it began with a plus
	local  bool   // a tel: URI said that it holds within some domain only
}

// bareInternational reports whether text is a plus and seven to fifteen digits,
// and gives the digits.
func bareInternational(text string) (digits string, ok bool) {
	if len(text) < 8 || len(text) > 1+maxDigits || text[0] != '+' {
		return "", false
	}
	digits = text[1:]
	for i := 0; i < len(digits); i++ {
		if digits[i]-'0' > 9 {
			return "", false
		}
	}
	return digits, true
}

// readSpelling takes a text apart. It is stricter than libphonenumber, which reads
// letters as the keys of a telephone: 317456XXXX is a valid number to it, and
// somebody's line. Digits that are blotted out and letters are refused here, before
// the library sees them, and an extension is taken off here too, so that the
// library is given nothing but digits.
func readSpelling(text string) (spelling, Reason) {
	if len(text) > maxText || !utf8.ValidString(text) {
		return spelling{}, ReasonMalformed
	}
	if strings.TrimSpace(text) == "" {
		return spelling{}, ReasonEmpty
	}
	s, masked := fold(text)
	if masked || hasRun(s, "---") || hasRun(s, "...") {
		return spelling{}, ReasonMasked
	}
	var out spelling
	s, context, reason := cutURI(s)
	if reason != "" {
		return spelling{}, reason
	}
	out.local = context == "." // a domain, which says nothing of the country
	// What stands before and behind the number: quotes, brackets, full stops.
	s = strings.TrimLeftFunc(s, func(r rune) bool { return !isDigit(r) && r != '+' && r != '#' && !unicode.IsLetter(r) })
	s = strings.TrimRightFunc(s, func(r rune) bool { return !isDigit(r) && r != '#' && !unicode.IsLetter(r) })
	s = cutExtension(s)
	if strings.HasPrefix(context, "+") {
		s = context + s
	}
	return collect(s, out)
}

// collect picks the digits out of a folded text that holds a number and
// punctuation, if it holds nothing else.
func collect(s string, out spelling) (spelling, Reason) {
	digits := make([]byte, 0, maxDialed)
	var letters, exes, hashes, strange, total int
	for _, r := range s {
		switch {
		case isDigit(r):
			if total++; total <= maxDialed {
				digits = append(digits, byte(r))
			}
		case r == '+' && total == 0:
			out.plus = true
		case r == 'x':
			exes++
		case unicode.IsLetter(r):
			letters++
		case r == '#':
			hashes++
		case !strings.ContainsRune(" -.()[]/~", r):
			strange++
		}
	}
	switch {
	case letters > 0:
		return spelling{}, ReasonLetters
	case exes > 0, hashes > 0:
		return spelling{}, ReasonMasked
	case strange > 0, total == 0:
		return spelling{}, ReasonMalformed
	case total > maxDialed:
		return spelling{}, ReasonLength
	}
	out.digits = string(digits)
	return out, ""
}

// hasRun reports whether signs stand for hidden digits: three of them beside a digit.
func hasRun(s, signs string) bool {
	return strings.Contains(s, signs) && strings.ContainsAny(s, "0123456789")
}

func isDigit(r rune) bool { return r >= '0' && r <= '9' }

// fold brings a text to ASCII digits and punctuation and to small letters, and
// reports whether it has a sign that people write for a digit they hide. What
// nobody sees (soft hyphens, marks of direction) is dropped.
func fold(text string) (folded string, masked bool) {
	var b strings.Builder
	b.Grow(len(text))
	for _, r := range text {
		if r >= 0xFF01 && r <= 0xFF5E { // full-width forms of ASCII
			r -= 0xFF01 - '!'
		}
		switch {
		case strings.ContainsRune("*_?•●○∙▪■█□◦×…", r):
			return "", true
		case r < utf8.RuneSelf:
			if r >= 'A' && r <= 'Z' {
				r += 'a' - 'A'
			} else if r == '\t' || r == '\n' || r == '\r' {
				r = ' '
			}
			b.WriteByte(byte(r))
		case unicode.Is(unicode.Nd, r):
			b.WriteByte('0' + digitValue(r))
		case unicode.Is(unicode.Zs, r):
			b.WriteByte(' ')
		case unicode.Is(unicode.Pd, r), r == '\u2212', r == '\u30FC': // minus, and the Japanese long vowel
			b.WriteByte('-')
		case r == '\u2053', r == '\u223C': // swung dash, tilde operator
			b.WriteByte('~')
		case r == 'ó', r == 'Ó': // extensión
			b.WriteByte('o')
		case unicode.In(r, unicode.Cf, unicode.Mn):
		default:
			b.WriteRune(unicode.ToLower(r))
		}
	}
	return b.String(), false
}

// digitValue gives the value of a decimal digit of any script. Unicode keeps each
// script's ten digits together, from zero to nine, and its ranges begin at a zero.
func digitValue(r rune) byte {
	for _, t := range unicode.Nd.R16 {
		if rune(t.Lo) <= r && r <= rune(t.Hi) {
			return byte((r - rune(t.Lo)) % 10)
		}
	}
	for _, t := range unicode.Nd.R32 {
		if rune(t.Lo) <= r && r <= rune(t.Hi) {
			return byte((r - rune(t.Lo)) % 10)
		}
	}
	panic("hashing: not a decimal digit")
}

// cutURI takes a leading "tel:" off and the parameters of RFC 3966 that belong to
// no number. context is "" if none is given, the global prefix, such as "+64-3",
// that the number goes on from, or "." for a domain.
func cutURI(s string) (rest, context string, reason Reason) {
	s = strings.TrimLeft(s, " ")
	for _, label := range []string{"tel:", "tel.", "tel "} {
		s = strings.TrimPrefix(s, label)
	}
	if before, after, ok := strings.Cut(s, ";phone-context="); ok {
		s = before
		context, _, _ = strings.Cut(after, ";")
		switch {
		case strings.HasPrefix(context, "+"):
			if strings.Trim(context[1:], "0123456789-.()") != "" || !strings.ContainsAny(context, "0123456789") {
				return "", "", ReasonMalformed
			}
		case isDomain(context):
			context = "."
		default:
			return "", "", ReasonMalformed
		}
	}
	s, _, _ = strings.Cut(s, ";isub=")
	return s, context, ""
}

// isDomain reports whether s can be the name of a domain: letters, digits and
// hyphens between dots, the last label beginning with a letter.
func isDomain(s string) bool {
	labels := strings.Split(strings.TrimSuffix(s, "."), ".")
	for i, label := range labels {
		if strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return false
		}
		if label == "" || label[0] == '-' || i == len(labels)-1 && isDigit(rune(label[0])) {
			return false
		}
	}
	return true
}
