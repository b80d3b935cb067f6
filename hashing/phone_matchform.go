package hashing

import "strings"

// A matchRule brings the spellings that one line has in E.164 to one. Such lines
// have two because a numbering plan changed and both spellings stay in address
// books and databases for many years, or because the plan dials a line in two
// ways.
//
// Each rule keeps two promises, and a test holds it to them. It leaves what it
// gives as it is. And it gives two lines one form only if they are one: the
// spelling that it changes has a length or a beginning that no line of today's
// plan has, and nothing of the subscriber's own digits is dropped. Where a change
// gave old numbers to new lines, or needs knowledge that the digits do not hold
// (the Philippine change of 2019, say), there is no rule.
type matchRule struct {
	code   int                     // country calling code
	name   string                  // what changed, for people
	source string                  // who says so
	apply  func(nsn string) string // national significant number to match form
}

var matchRules = [...]matchRule{
	{
		52, "Mexico: 1 behind the country code, and the prefixes 01, 044, 045",
		"Instituto Federal de Telecomunicaciones, Plan Técnico Fundamental de Numeración (DOF 11-V-2018), in force 3 August 2019",
		mexico,
	},
	{
		54, "Argentina: 9 before the area code of mobile lines",
		"Secretaría de Comunicaciones, Resolución 46/97, Plan Fundamental de Numeración Nacional; ITU national numbering plan +54",
		argentina,
	},
	{
		55, "Brazil: the ninth digit of mobile lines",
		"Anatel, Resolução 553/2010, carried out from 29 July 2012 to 6 November 2016",
		brazil,
	},
	{
		57, "Colombia: 60 before the area code of fixed lines",
		"Comisión de Regulación de Comunicaciones, Resolución 5826/2019, from 1 September 2021",
		colombia,
	},
	{
		84, "Vietnam: eleven-digit mobile numbers became ten-digit ones",
		"Ministry of Information and Communications, Decision 798/QD-BTTTT of 2018, from 15 September 2018",
		vietnam,
	},
	{
		225, "Ivory Coast: from eight to ten digits",
		"ARTCI, nouveau plan national de numérotation, 31 January 2021; operators' old prefixes: ARTCI, plan de numérotation, and google/libphonenumber issue 1909",
		ivoryCoast,
	},
	{
		229, "Benin: from eight to ten digits",
		"ARCEP Bénin, plan national de numérotation, 30 November 2024",
		benin,
	},
	{
		241, "Gabon: from eight digits with 0 to eight digits without",
		"ARCEP Gabon, plan national de numérotation, from 15 November 2019, ANINF notice of 29 February 2024",
		gabon,
	},
}

// National numbers have ten digits, the first of them 2 to 9. What is longer
// carries a prefix of the old way to dial a mobile line from abroad (1), at home
// (044, 045) or over long distance (01).
func mexico(nsn string) string {
	for _, prefix := range [...]string{"1", "01", "044", "045"} {
		if len(nsn) == 10+len(prefix) && strings.HasPrefix(nsn, prefix) {
			return nsn[len(prefix):]
		}
	}
	return nsn
}

// Area code and number together have ten digits and are given out once, to a fixed
// or a mobile line; 9 (and 15 at home, which libphonenumber turns into 9) only says
// to the network that the caller pays for a mobile call. Freephone numbers of
// eleven digits begin with 8.
func argentina(nsn string) string {
	if len(nsn) == 11 && nsn[0] == '9' {
		return nsn[1:]
	}
	return nsn
}

// Two digits of area code and eight of the line; mobile lines got a 9 before the
// eight. They began with 6, 8 or 9, in the city of São Paulo also with 71 to 74.
// The other numbers in 7 were trunked radio (SME), which Anatel left at eight
// digits, so that a 9 could lead to somebody else.
func brazil(nsn string) string {
	if len(nsn) != 10 || nsn[0] == '0' || nsn[1] == '0' {
		return nsn
	}
	saoPaulo := nsn[:3] == "117" && nsn[3] >= '1' && nsn[3] <= '4'
	if c := nsn[2]; c == '6' || c == '8' || c == '9' || saoPaulo {
		return nsn[:2] + "9" + nsn[2:]
	}
	return nsn
}

// One digit of area code (there is no area 3 or 9) and seven of the line, which do
// not begin with 0 or 1. libphonenumber still has fixed lines of eight digits in 46,
// so those stay as they are.
func colombia(nsn string) string {
	if len(nsn) == 8 && strings.IndexByte("1245678", nsn[0]) >= 0 && nsn[1] >= '2' && nsn[:2] != "46" {
		return "60" + nsn
	}
	return nsn
}

// vietnamPrefixes gives the new two digits for the old three; the seven digits of
// the line stayed.
var vietnamPrefixes = map[string]string{
	"120": "70", "121": "79", "122": "77", "126": "76", "128": "78", // MobiFone
	"123": "83", "124": "84", "125": "85", "127": "81", "129": "82", // VinaPhone
	"162": "32", "163": "33", "164": "34", "165": "35", // Viettel
	"166": "36", "167": "37", "168": "38", "169": "39",
	"186": "56", "188": "58", // Vietnamobile
	"199": "59", // Gmobile
}

func vietnam(nsn string) string {
	if len(nsn) == 10 {
		if prefix, ok := vietnamPrefixes[nsn[:3]]; ok {
			return prefix + nsn[3:]
		}
	}
	return nsn
}

// The operator's two digits went before the old eight. The second digit of a mobile
// number, the third of a fixed one, told the operator: Moov, MTN or Orange.
// 80 and 90, services, and all else stayed.
func ivoryCoast(nsn string) string {
	if len(nsn) != 8 {
		return nsn
	}
	switch first, second := nsn[0], nsn[1]; first {
	case '0', '4', '5', '6', '7', '8', '9':
		switch {
		case second >= '7':
			return "07" + nsn
		case second >= '4':
			return "05" + nsn
		case first <= '7' && first != '6' && (second > '0' || first != '0'):
			return "01" + nsn
		}
	case '2', '3':
		switch third := nsn[2]; {
		case third == '0':
			return "25" + nsn
		case third == '8' && first == '2':
			return "21" + nsn
		case third >= '2':
			return "27" + nsn
		}
	}
	return nsn
}

// 01 went before every mobile and fixed number. Numbers in 8, services, have eight
// digits still.
func benin(nsn string) string {
	if len(nsn) == 8 && strings.IndexByte("24569", nsn[0]) >= 0 {
		return "01" + nsn
	}
	return nsn
}

// gabonPrefixes gives the new first digits for the old: 0 was part of the number
// and is a trunk prefix no more, and a digit for the operator was put in its place.
var gabonPrefixes = map[string]string{
	"01": "11",                         // fixed
	"02": "62", "05": "65", "06": "66", // Gabon Télécom
	"04": "74", "07": "77", // Airtel
}

func gabon(nsn string) string {
	if len(nsn) == 8 {
		if prefix, ok := gabonPrefixes[nsn[:2]]; ok {
			return prefix + nsn[2:]
		}
	}
	return nsn
}
