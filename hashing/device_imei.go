package hashing

// readIMEI reads an IMEI or IMEISV as 3GPP TS 23.003 section 6.2 lays them out:
// eight digits of type (TAC), six of serial number (SNR), then a check digit or two
// digits of software version. The form is TAC and SNR in ASCII.
func readIMEI(text string, f *form) Reason {
	var buf [16]byte
	n, ok := compact(buf[:], text)
	if !ok || n < 15 || !decimal(buf[:n]) {
		return ReasonMalformed
	}
	digits := buf[:14]
	var values [16]byte
	value := nibbles(values[:], buf[:n])
	switch {
	case known(buf[:n]), known(digits):
		return ReasonSentinel
	case n == 15 && !luhn(value, 10):
		// An IMEISV has no check digit: nothing guards it against a slip.
		return ReasonChecksum
	case !reportingBody(value[0], value[1]):
		return ReasonUnallocated
	case weakSerial(value[8:14]) || longestRun(value[:14], 10) >= longRun || periodic(value[:14]):
		return ReasonLowEntropy
	}
	copy(f[:], digits)
	return ""
}

// reportingBody reports whether a type allocation code may begin with these two
// digits. The bodies are those of GSMA TS.06 (version 25, annex A), those that
// allocate now and those that did. Left out, and so refused, are 00 and 02 to 09,
// which are for test equipment.
func reportingBody(a, b byte) bool {
	switch a*10 + b {
	case 1, // CTIA, formerly PTCRB
		10,     // DECT
		30,     // Iridium
		33,     // DGPT
		35, 44, // BABT
		45,                     // NTA
		49, 50, 51, 52, 53, 54, // BZT, Cetecom, TÜV, Phoenix
		86, // TAF
		91, // MSAI
		98, // BABT, a few
		99: // the hexadecimal administrator, for sets that are CDMA too
		return true
	}
	return false
}

// luhn checks the last of the values against the ones before it, in base 10 as ISO/IEC
// 7812-1 does or in base 16 as 3GPP2 X.S0008 does for an MEID: every second value
// from the right is doubled, the digits of the results are summed.
func luhn(values []byte, base int) bool {
	sum := 0
	for i, v := range values {
		d := int(v)
		if (len(values)-i)%2 == 0 {
			d *= 2
		}
		sum += d/base + d%base
	}
	return sum%base == 0
}
