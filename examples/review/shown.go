package main

import (
	"regexp"
	"strings"
	"unicode"

	"github.com/hueandcry/hueandcry/abuse"
)

// withheld stands for a reference to an account that looks like an identifier of its holder.
const withheld = "withheld: it looks like a telephone number, an address or a device"

// account gives a reference to an account as it may be shown. Services are told to give references of
// their own; one that gives its users' numbers instead does not have them on a screen by us. Seven
// digits and hardly a letter, or nine in a row with what stands between the digits of a number, are
// withheld, for they cannot be told from one; UUIDs and digests are not.
func account(ref string) string {
	if !digest.MatchString(ref) && (lookalike.MatchString(ref) || fewLetters(ref)) {
		return withheld
	}
	return ref
}

var (
	digest    = regexp.MustCompile(`^([0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9a-fA-F]{32,})$`)
	lookalike = regexp.MustCompile(`@|[[:cntrl:]]|(\pN[\s()+./-]*){9}`)
)

func fewLetters(ref string) bool {
	digits, letters := 0, 0
	for _, r := range ref {
		switch {
		case unicode.IsNumber(r):
			digits++
		case unicode.IsLetter(r):
			letters++
		}
	}
	return digits >= 7 && letters < 3
}

// shown is a decision as it may be shown: a rule's template may have put the reference into the
// sentences too, and a person's decision quotes those of the one before.
func shown(d abuse.Decision) abuse.Decision {
	ref := d.Account
	if d.Account = account(ref); d.Account != ref {
		d.Reason = strings.ReplaceAll(d.Reason, ref, withheld)
		d.Undo = strings.ReplaceAll(d.Undo, ref, withheld)
	}
	return d
}
