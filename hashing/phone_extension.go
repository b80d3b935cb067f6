package hashing

import "strings"

// slight is the most digits behind a mark that could mean something else. Before
// such a mark there must be digits enough for a whole number: in +4930x123 the x may
// as well be a digit that somebody hides.
const (
	slight      = 9
	wholeNumber = 6
	anyNumber   = 3
)

// extensionMarks are the ways to say that an extension follows, as libphonenumber
// knows them, with the most digits that it takes behind each: the less clear the
// mark, the fewer. Longer marks stand before those that they end with.
var extensionMarks = []struct {
	mark string
	most int
}{
	{";ext=", 20}, {"extension", 20}, {"extensio", 20}, {"extn", 20}, {"ext", 20},
	{"xtension", 20}, {"xtensio", 20}, {"xtn", 20}, {"xt", 20}, {"доб", 20}, {"anexo", 20},
	{"int", slight}, {"x", slight}, {"#", slight}, {"~", slight},
	{";", 15}, {",,", 15}, {",", slight},
}

// cutExtension takes an extension off the end of a folded text. What it does not
// know as one it leaves, and the caller will find a letter or a sign too many.
func cutExtension(s string) string {
	// (530) 583-6985 x302/x2303 are two extensions of one number.
	for _, second := range []string{"/", "\\"} {
		if at := strings.LastIndex(s, second); at > 0 && strings.HasPrefix(strings.TrimLeft(s[at+1:], " "), "x") {
			s = s[:at]
		}
	}
	body, hash := strings.CutSuffix(s, "#")
	number := strings.TrimRight(body, "0123456789")
	digits := len(body) - len(number)
	if digits == 0 {
		return s
	}
	spaced := strings.TrimRight(number, " -,")
	labelled := strings.TrimSuffix(spaced, ":")
	if labelled == spaced {
		labelled = strings.TrimSuffix(spaced, ".")
	}
	for _, m := range extensionMarks {
		before := labelled
		if m.mark[0] == ',' { // a comma may stand behind another mark, or be one
			before = strings.TrimRight(number, " -")
		}
		need := anyNumber
		if m.most == slight {
			need = wholeNumber
		}
		if before, ok := strings.CutSuffix(before, m.mark); ok && digits <= m.most && hasDigits(before, need) {
			return strings.TrimRight(before, " ,")
		}
	}
	// 212-555-1234 - 503# has no other mark.
	if dashed := strings.TrimRight(number, "- "); hash && digits <= 6 && len(dashed) < len(number) && hasDigits(dashed, wholeNumber) {
		return dashed
	}
	return s
}

func hasDigits(s string, need int) bool {
	for i := 0; i < len(s) && need > 0; i++ {
		if isDigit(rune(s[i])) {
			need--
		}
	}
	return need <= 0
}
