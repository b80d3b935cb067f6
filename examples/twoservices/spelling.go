package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// country makes numbers that are nobody's: where the regulator keeps a range for
// fiction they are from it (the sources are with the ranges in package hashing),
// and else from an area code or a series that is not given out.
type country struct {
	region string // ISO 3166
	code   string // calling code
	trunk  string // what is dialled before a national number
	exit   string // what is dialled before an international one
	groups []int  // how people group the digits of a national number
	ranges []string
	// other gives the number as an older plan, or another way to dial, has it; nil
	// where there is none.
	other func(nsn string) string
}

// In a range every '.' stands for any digit, and '@' for an area code of North America.
var countries = []country{
	{region: "US", code: "1", groups: []int{3, 3, 4}, ranges: []string{"@55501.."}},
	{region: "FR", code: "33", trunk: "0", exit: "00", groups: []int{1, 2, 2, 2, 2}, ranges: []string{"63998....", "19900....", "53649...."}},
	{region: "GB", code: "44", trunk: "0", exit: "00", groups: []int{4, 6}, ranges: []string{"7700900...", "1632960...", "1174960...", "1414960..."}},
	{region: "AU", code: "61", trunk: "0", exit: "0011", groups: []int{1, 4, 4}, ranges: []string{"25550....", "37010....", "75550...."}},
	{region: "DE", code: "49", trunk: "0", exit: "00", groups: []int{2, 5, 3}, ranges: []string{"3023125...", "8999998..."}},
	{region: "IE", code: "353", trunk: "0", exit: "00", groups: []int{2, 3, 4}, ranges: []string{"2091....."}},
	// No area has the code 200; mobile lines had a 1 before them.
	{region: "MX", code: "52", exit: "00", groups: []int{3, 3, 4}, ranges: []string{"2000......"},
		other: func(nsn string) string { return "1" + nsn }},
	// No area has the code 29; mobile lines had one digit less.
	{region: "BR", code: "55", groups: []int{2, 5, 4}, ranges: []string{"29990......"},
		other: func(nsn string) string { return nsn[:2] + nsn[3:] }},
	// No area has the code 200; a 9 before the area code is for mobile lines.
	{region: "AR", code: "54", exit: "00", groups: []int{3, 3, 4}, ranges: []string{"2000......"},
		other: func(nsn string) string { return "9" + nsn }},
	// No operator had the series 99; until 2021 the first two digits were not there.
	{region: "CI", code: "225", exit: "00", groups: []int{2, 2, 2, 2, 2}, ranges: []string{"0799......"},
		other: func(nsn string) string { return nsn[2:] }},
}

var areaCodes = []string{"202", "206", "212", "213", "214", "301", "303", "305", "312", "313", "314", "404", "412", "415",
	"416", "503", "504", "512", "514", "602", "604", "612", "615", "617", "702", "703", "713", "718", "808", "817", "902", "919"}

// number is a line.
type number struct {
	in  *country
	nsn string // national significant number
}

func newNumber(rng *rand.Rand) number {
	c := &countries[rng.IntN(len(countries))]
	var nsn strings.Builder
	for _, r := range c.ranges[rng.IntN(len(c.ranges))] {
		switch r {
		case '.':
			nsn.WriteByte(byte('0' + rng.IntN(10)))
		case '@':
			nsn.WriteString(areaCodes[rng.IntN(len(areaCodes))])
		default:
			nsn.WriteRune(r)
		}
	}
	return number{c, nsn.String()}
}

// plain is the number as E.164 has it.
func (n number) plain() string { return "+" + n.in.code + n.nsn }

// spell writes the number in one of the ways in which services have it in their
// tables. region is the cell beside it.
func (n number) spell(rng *rand.Rand) (text, region string) {
	c := n.in
	switch rng.IntN(10) {
	case 0:
		return c.trunk + n.nsn, c.region
	case 1:
		return n.grouped("-"), c.region
	case 2:
		return "(" + c.trunk + n.nsn[:c.groups[0]] + ") " + n.nsn[c.groups[0]:], c.region
	case 3:
		return digits(n.grouped(" "), '０'), c.region // full-width
	case 4:
		return n.grouped(".") + fmt.Sprintf(" ext. %d", 1+rng.IntN(99)), c.region
	case 5:
		return digits(c.trunk+n.nsn, '٠'), c.region // Arabic-Indic
	case 6:
		return "tel:" + n.plain(), ""
	case 7:
		if c.exit != "" {
			return c.exit + " " + c.code + " " + n.nsn, c.region
		}
	case 8:
		if c.other != nil {
			return "+" + c.code + " " + c.other(n.nsn), ""
		}
	}
	return n.plain(), ""
}

// grouped is the number as people write it at home.
func (n number) grouped(between string) string {
	var groups []string
	rest := n.nsn
	for _, g := range n.in.groups[:len(n.in.groups)-1] {
		groups = append(groups, rest[:g])
		rest = rest[g:]
	}
	return n.in.trunk + strings.Join(append(groups, rest), between)
}

// digits writes the digits of a text in another script, whose zero is given.
func digits(text string, zero rune) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return zero + r - '0'
		}
		return r
	}, text)
}

// gadget is a device by the one identifier that both services see.
type gadget struct{ kind, id string }

// newGadget makes a device of random bits, so many that it is nobody's.
func newGadget(rng *rand.Rand) gadget {
	hi, lo := rng.Uint64(), rng.Uint64()
	switch rng.IntN(4) {
	case 0:
		return gadget{"android_id", fmt.Sprintf("%016x", hi)}
	case 1:
		return gadget{"install_id", fmt.Sprintf("%016x%016x", hi, lo)}
	case 2:
		return gadget{"vendor_id", uuidOf(hi, lo)}
	}
	return gadget{"advertising_id", uuidOf(hi, lo)}
}

func uuidOf(hi, lo uint64) string {
	return fmt.Sprintf("%08x-%04x-4%03x-%04x-%012x", hi>>32, hi>>16&0xffff, hi&0xfff, lo>>48&0x3fff|0x8000, lo&0xffffffffffff)
}

// spell writes the device in one of the ways in which services have it.
func (g gadget) spell(rng *rand.Rand) (kind, id string) {
	kind, id = g.kind, g.id
	if rng.IntN(2) == 0 {
		id = strings.ToUpper(id)
	}
	switch {
	case kind == "advertising_id" && rng.IntN(3) == 0:
		kind = "aaid"
	case kind == "vendor_id" && rng.IntN(3) == 0:
		kind = "idfv"
	case kind == "android_id" && rng.IntN(3) == 0:
		kind = "ssaid"
	}
	return kind, id
}
