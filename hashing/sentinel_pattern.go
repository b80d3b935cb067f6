package hashing

import "math/bits"

// What people and factories type where an identifier should be has less in it than
// chance puts there. Each rule below says how rarely chance makes its pattern, so that
// the sum stays far under one in 100,000 for a random 64-bit value, and less for a
// 128-bit one. The counts are checked by test.

// longRun is the length from which digits in arithmetic progression are a pattern.
const longRun = 8

// lowEntropy reports whether the eight or sixteen bytes of an identifier that should
// be random are a pattern.
func lowEntropy(value []byte) bool {
	var buf [32]byte
	digits := buf[:2*len(value)]
	letters := 0
	for i, b := range value {
		digits[2*i], digits[2*i+1] = b>>4, b&15
	}
	for _, d := range digits {
		if d > 9 {
			letters++
		}
	}
	fewDigits := 4 // of 16: 1,820 choices of four, (4/16)^16 each: 4e-7
	if len(value) == 16 {
		fewDigits = 7 // of 32: 11,440 choices of seven, (7/16)^32 each: 4e-8
	}
	switch {
	case distinct(digits) <= fewDigits, // 11223344…, 10101010…
		distinct(value) <= len(value)/2,       // 12341234abcdabcd; 4e-7, and 1e-9
		longestRun(digits, 16) >= longRun,     // 01234567, fedcba98, 00000000; 5e-7, and 1.5e-6
		longestRun(digits, 10) >= longRun,     // 67890123; 2e-7, and 6e-7
		longestRun(value, 256) >= longRun/2+1, // 1122334455, a1b2c3d4e5; 2e-7, and 7e-7
		periodic(digits),                      // 0123abc40123abc4; under 1e-9
		letters == len(digits),                // deadbeefcafebabe; 1.5e-7
		isText(value):                         // RD4CHIP in ASCII; 6e-7
		return true
	}
	return false
}

// weakSerial reports whether the six digits of a serial number are a pattern: two
// different digits at most, all in one progression, or four zeros in a row. Here
// genuine serials are lost, 3,096 of the million decimal ones, because in six digits
// nothing tells a patient counter from an idle hand.
func weakSerial(digits []byte) bool {
	zeros := 0
	for _, d := range digits {
		if d != 0 {
			zeros = 0
		} else if zeros++; zeros == 4 {
			return true
		}
	}
	return distinct(digits) <= 2 ||
		longestRun(digits, 10) == len(digits) || longestRun(digits, 16) == len(digits)
}

// distinct counts the different values.
func distinct(values []byte) int {
	var seen [4]uint64
	for _, v := range values {
		seen[v/64] |= 1 << (v % 64)
	}
	n := 0
	for _, s := range seen {
		n += bits.OnesCount64(s)
	}
	return n
}

// longestRun is the length of the longest stretch in which each value is the one
// before it plus one and the same step, modulo base. A value that is no digit of the
// base ends a stretch.
func longestRun(values []byte, base int) int {
	longest, length, step, last := 0, 0, 0, 0
	for _, b := range values {
		v := int(b)
		if v >= base {
			length = 0
			continue
		}
		by := (v - last + base) % base
		switch {
		case length == 0:
			length = 1
		case length > 1 && by == step:
			length++
		default:
			length, step = 2, by
		}
		last = v
		longest = max(longest, length)
	}
	return longest
}

// periodic reports whether the values are one block, of half their number at most,
// over and over.
func periodic(values []byte) bool {
period:
	for p := 1; p <= len(values)/2; p++ {
		for i := p; i < len(values); i++ {
			if values[i] != values[i-p] {
				continue period
			}
		}
		return true
	}
	return false
}

// isText reports whether the bytes read as ASCII in one case, digits and the usual
// separators included: somebody's label in hexadecimal.
func isText(value []byte) bool {
	upper, lower := false, false
	for _, c := range value {
		switch {
		case 'A' <= c && c <= 'Z':
			upper = true
		case 'a' <= c && c <= 'z':
			lower = true
		case '0' <= c && c <= '9', c == ' ', c == '-', c == '_':
		default:
			return false
		}
	}
	return !(upper && lower)
}
