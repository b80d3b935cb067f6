package main

import (
	"strings"
	"unicode"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/hashing"
)

// withheld stands for a reference to an account that looks like an identifier of its holder.
const withheld = "withheld: it looks like a telephone number, an address or a device"

// account gives a reference to an account as it may be shown. Services are told to give references of
// their own; one that gives its users' numbers instead does not have them on a screen by us. A
// reference of digits alone cannot be told from a number and is withheld as well.
func account(ref string) string {
	digits, letters := 0, 0
	for _, r := range ref {
		switch {
		case unicode.IsDigit(r):
			digits++
		case unicode.IsLetter(r):
			letters++
		case !unicode.IsPrint(r):
			return withheld
		}
	}
	if strings.Contains(ref, "@") || digits >= 7 && letters < 3 {
		return withheld
	}
	for run := range strings.FieldsFuncSeq(ref, func(r rune) bool { return unicode.IsLetter(r) || r == '_' || r == ':' }) {
		if n := strings.Count(run, ""); n > 9 && countDigits(run) >= 9 && !hexadecimal(ref) {
			return withheld
		}
	}
	for _, kind := range []hashing.Kind{hashing.IMEI, hashing.Phone} {
		if kind == hashing.Phone {
			if _, err := hashing.ParsePhone(ref, ""); err == nil {
				return withheld
			}
		} else if _, err := hashing.ParseDevice(kind, ref); err == nil {
			return withheld
		}
	}
	return ref
}

func countDigits(s string) (n int) {
	for _, r := range s {
		if unicode.IsDigit(r) {
			n++
		}
	}
	return n
}

// hexadecimal says whether a reference is a digest or a UUID, in which many digits may follow each other.
func hexadecimal(s string) bool {
	for _, r := range s {
		if !strings.ContainsRune("0123456789abcdefABCDEF-", r) {
			return false
		}
	}
	return len(s) >= 16
}

// shown is a decision as it may be shown.
func shown(d abuse.Decision) abuse.Decision {
	d.Account = account(d.Account)
	return d
}
