package hashing

import (
	"encoding/hex"
	"strings"

	"github.com/google/uuid"
)

// maxDeviceText bounds what is looked at: the longest form anybody writes is a
// UUID as a URN, 45 bytes.
const maxDeviceText = 64

// ParseDevice reads the identifier of a device. The spellings of one device give
// one [Identifier]; white space around the text does not count, nor does the case
// of hexadecimal digits. Only ASCII digits are digits here.
//
//   - [IMEI]: 15 digits of which the last is the check digit, or the 16 of an
//     IMEISV; space, hyphen, slash and full stop may stand between them. Both come
//     down to the 14 digits of type and serial number, for the software version
//     changes with every update.
//   - [MEID]: 14 hexadecimal digits or 18 decimal ones, each with or without a
//     check digit, separated as above. A handset that has an IMEI may show its
//     first 14 digits as its MEID: that is refused, give the IMEI as such.
//   - [AdvertisingID] and [VendorID]: a UUID with hyphens or without, in braces, or
//     as a URN. The zeros that a device gives whose user limits tracking are refused.
//   - [AndroidID]: 16 hexadecimal digits. Android before 8.0 could drop leading
//     zeros; such an identifier is refused and not padded, because an IMEI in the
//     wrong column would pass for one.
//   - [InstallID]: 16 hexadecimal digits, 32 of them, or a UUID.
//
// The text is refused with an [*Error] if it is none of these, if a check digit is
// wrong, if no body allocates such values, if it is a placeholder, the hash of one, a
// sample of documentation or known to be shared by many devices ([ReasonSentinel]), or if it is a pattern that chance does
// not make ([ReasonLowEntropy]: below one in 100,000 of the random kinds, and below
// one in 300 of the serial numbers in an IMEI). A kind that is no device's, [Phone]
// among them, is [ReasonUnknownKind].
func ParseDevice(kind Kind, text string) (Identifier, error) {
	if !kind.Device() {
		return Identifier{}, &Error{Reason: ReasonUnknownKind}
	}
	text = strings.TrimSpace(text)
	if text == "" {
		return Identifier{}, &Error{Kind: kind, Reason: ReasonEmpty}
	}
	var f form
	reason := readDevice(kind, text, &f)
	if reason == ReasonMalformed {
		reason = malformedWhy(text)
	}
	if reason != "" {
		return Identifier{}, &Error{Kind: kind, Reason: reason}
	}
	id := seal(kind, &f)
	clear(f[:])
	return id, nil
}

// readDevice fills in the match form, or says why there is none.
func readDevice(kind Kind, text string, f *form) Reason {
	if len(text) > maxDeviceText {
		return ReasonMalformed
	}
	switch kind {
	case IMEI:
		return readIMEI(text, f)
	case MEID:
		return readMEID(text, f)
	case AdvertisingID, VendorID:
		return readUUID(text, f)
	case AndroidID:
		return read64(text, f)
	case InstallID:
		if len(text) == 16 {
			return read64(text, f)
		}
		return readUUID(text, f)
	}
	return ReasonUnknownKind
}

// read64 reads 16 hexadecimal digits. The form is the eight bytes and eight zero
// bytes. No 128-bit value has that form: eight zero bytes are refused there as a
// pattern, so the two widths of an InstallID cannot meet.
func read64(text string, f *form) Reason {
	if len(text) != 16 {
		return ReasonMalformed
	}
	var lower [16]byte
	for i := range lower {
		c, ok := hexDigit(text[i])
		if !ok {
			return ReasonMalformed
		}
		lower[i] = c
	}
	if known(lower[:]) {
		return ReasonSentinel
	}
	_, _ = hex.Decode(f[:8], lower[:])
	if derived(f[:8]) {
		return ReasonSentinel
	}
	if lowEntropy(f[:8]) {
		return ReasonLowEntropy
	}
	return ""
}

// readUUID reads a UUID in any form that package uuid knows. That package looks
// only at what stands between braces and not at the braces, so they are seen to here;
// and its errors repeat the text, so none of them goes further.
func readUUID(text string, f *form) Reason {
	if len(text) == 38 && (text[0] != '{' || text[37] != '}') {
		return ReasonMalformed
	}
	value, err := uuid.Parse(text)
	if err != nil {
		return ReasonMalformed
	}
	*f = form(value)
	var digits [32]byte
	hex.Encode(digits[:], f[:])
	if known(digits[:]) || derived(f[:]) {
		return ReasonSentinel
	}
	if lowEntropy(f[:]) {
		return ReasonLowEntropy
	}
	return ""
}

// malformedWhy finds a better word for a text that has not the kind's form: a known
// placeholder in words or of another kind, a blotted value, or just malformed.
func malformedWhy(text string) Reason {
	if len(text) > maxDeviceText {
		return ReasonMalformed
	}
	var buf [maxDeviceText]byte
	n := 0
	for i := range len(text) {
		switch c := text[i]; c {
		case ' ', '-', '/', '.', ':', '_', '(', ')', '{', '}', '<', '>', '[', ']':
		default:
			if 'A' <= c && c <= 'Z' {
				c += 'a' - 'A'
			}
			buf[n] = c
			n++
		}
	}
	plain := buf[:n]
	switch {
	case n > 0 && known(plain):
		return ReasonSentinel
	case strings.ContainsAny(text, "*#•") || strings.Contains(string(plain), "xx"):
		return ReasonMasked
	}
	return ReasonMalformed
}

// compact copies the digits of text to dst in lower case and gives their number.
// Separators may stand between digits, not at an end. With anything else in the
// text, or with more digits than dst holds, ok is false.
func compact(dst []byte, text string) (n int, ok bool) {
	for i := range len(text) {
		switch c := text[i]; c {
		case ' ', '-', '/', '.':
			if i == 0 || i == len(text)-1 {
				return 0, false
			}
		default:
			digit, ok := hexDigit(c)
			if !ok || n == len(dst) {
				return 0, false
			}
			dst[n] = digit
			n++
		}
	}
	return n, true
}

// hexDigit gives a hexadecimal digit in lower case.
func hexDigit(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9', 'a' <= c && c <= 'f':
		return c, true
	case 'A' <= c && c <= 'F':
		return c + 'a' - 'A', true
	}
	return 0, false
}

// nibbles gives the values of hexadecimal digits in lower case.
func nibbles(dst, digits []byte) []byte {
	for i, c := range digits {
		if c >= 'a' {
			dst[i] = c - 'a' + 10
		} else {
			dst[i] = c - '0'
		}
	}
	return dst[:len(digits)]
}

// decimal reports whether the digits are all decimal.
func decimal(digits []byte) bool {
	for _, c := range digits {
		if c > '9' {
			return false
		}
	}
	return true
}
