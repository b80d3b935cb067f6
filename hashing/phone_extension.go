package hashing

import "strings"

// extensionMarks are the ways to say that an extension follows, as libphonenumber
// knows them, with the most digits that it takes behind each: the less clear the
// mark, the fewer. Longer marks stand before those that they end with.
var extensionMarks = []struct {
	mark string
	most int
}{
	{";ext=", 20}, {"extension", 20}, {"extensio", 20}, {"extn", 20}, {"ext", 20},
	{"xtension", 20}, {"xtensio", 20}, {"xtn", 20}, {"xt", 20}, {"доб", 20}, {"anexo", 20},
	{"int", 9}, {"x", 9}, {"#", 9}, {"~", 9},
	{";", 15}, {",,", 15}, {",", 9},
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
	// 212-555-1234 - 503# needs no other mark.
	if dashed := strings.TrimRight(number, "- "); hash && digits <= 6 && len(dashed) < len(number) && isNumber(dashed) {
		return dashed
	}
	spaced := strings.TrimRight(number, " -,")
	for _, m := range extensionMarks {
		if digits > m.most {
			continue
		}
		before := number
		if m.mark[0] != ',' { // a comma is a mark itself, and may stand behind one
			before = strings.TrimSuffix(spaced, ":")
			if before == spaced {
				before = strings.TrimSuffix(spaced, ".")
			}
		} else {
			before = strings.TrimRight(number, " -")
		}
		if before, ok := strings.CutSuffix(before, m.mark); ok {
			before = strings.TrimRight(before, " ,")
			if isNumber(before) {
				return before
			}
		}
	}
	return s
}

// isNumber reports whether s has digits enough to be a number that an extension
// can follow.
func isNumber(s string) bool {
	n := 0
	for _, r := range s {
		if isDigit(r) {
			n++
		}
	}
	return n >= 3
}
