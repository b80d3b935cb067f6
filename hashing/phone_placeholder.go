package hashing

const (
	// placeholderTail is how many equal digits at the end of a number are a
	// pattern: of the numbers of any plan one in 10^7 ends like that by chance.
	placeholderTail = 8
	// placeholderLine is the length from which a number that is nothing but one
	// digit is a pattern: one in 10^6 of the shortest such lines.
	placeholderLine = 7
	// placeholderRun is from how many digits on counting up is a pattern.
	placeholderRun = 10
)

// isPlaceholder reports whether a national significant number is what people and
// programs write where they have none: 0000000000, 5555555555, 11999999999,
// 1234567890. Many accounts carry such a number, and nobody holds the line or
// somebody who paid for a number easy to remember; all of them together would
// answer for what one of them did.
//
// The patterns are the last eight digits the same, all seven of a number of seven,
// and ten or more that count up from 0 or 1, 0 behind 9. Chance makes the first in
// one of 10^7 numbers, the last in one of 5 * 10^9: together under 2 in 10^7, and 1
// in 10^6 of seven digits. Shorter runs, and those that count down, are left alone:
// they are lines in India or Ivory Coast, and examples everywhere. So are seven equal
// digits behind an area code, since shops and taxis do have such lines. Nothing but
// zeros is a placeholder at any length: no plan gives a line such a number, and what
// the trunk prefix 0 is taken off again and again may come down to a few of them.
func isPlaceholder(nsn string) bool {
	n := len(nsn)
	same := 1
	for same < n && nsn[n-1-same] == nsn[n-1] {
		same++
	}
	return same >= placeholderTail ||
		same == n && (n >= placeholderLine || nsn[0] == '0') ||
		n >= placeholderRun && (nsn[0] == '0' || nsn[0] == '1') && countsUp(nsn)
}

// countsUp reports whether every digit is the one before it plus one, modulo ten.
func countsUp(digits string) bool {
	for i := 1; i < len(digits); i++ {
		if (digits[i]-digits[i-1]+10)%10 != 1 {
			return false
		}
	}
	return true
}
