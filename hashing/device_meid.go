package hashing

// readMEID reads an MEID as 3GPP2 S.R0048 lays it out: two hexadecimal digits of
// region, six of manufacturer, six of serial number. The form is these 14 digits in
// ASCII, in lower case.
//
// The decimal writing has ten digits for the first 32 bits and eight for the other
// 24. Either writing may have a check digit, which is no part of the MEID.
func readMEID(text string, f *form) Reason {
	var buf [19]byte
	n, ok := compact(buf[:], text)
	if !ok {
		return ReasonMalformed
	}
	if known(buf[:n]) {
		return ReasonSentinel
	}
	var values [19]byte
	value := nibbles(values[:], buf[:n])
	switch n {
	case 14, 15:
	case 18, 19:
		if !decimal(buf[:n]) {
			return ReasonMalformed
		}
		if n == 19 && !luhn(value, 10) {
			return ReasonChecksum
		}
		high, low := number(value[:10]), number(value[10:18])
		if high > 0xffffffff || low > 0xffffff {
			return ReasonMalformed
		}
		meid := high<<24 | low
		for i := range 14 {
			value[13-i] = byte(meid & 15)
			buf[13-i] = "0123456789abcdef"[meid&15]
			meid >>= 4
		}
	default:
		return ReasonMalformed
	}
	digits := buf[:14]
	base := 16
	if decimal(digits) {
		base = 10
	}
	switch {
	case known(digits):
		return ReasonSentinel
	case n == 15 && !luhn(value[:15], base):
		return ReasonChecksum
	case value[0] < 0xa && !(digits[0] == '9' && digits[1] == '9' && base == 10):
		// The hexadecimal administrator gives out A0 to FF, and 99 for sets
		// that have an IMEI too. All else is an IMEI or nothing.
		return ReasonUnallocated
	case weakSerial(value[8:14]), periodic(value[:14]),
		longestRun(value[:14], 16) >= longRun, longestRun(value[:14], 10) >= longRun:
		return ReasonLowEntropy
	}
	copy(f[:], digits)
	return ""
}

// number is the number that the decimal digits write.
func number(values []byte) (n uint64) {
	for _, v := range values {
		n = n*10 + uint64(v)
	}
	return n
}
