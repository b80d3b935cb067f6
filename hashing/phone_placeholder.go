package hashing

const (
	// placeholderTail is how many equal digits at the end of a number are a
	// pattern: of the numbers of any plan one in 10^7 ends like that by chance.
	placeholderTail = 8
	// placeholderLine is the length from which a number that is nothing but one
	// digit is a pattern: one in 10^6 of the shortest such lines.
	placeholderLine = 7
)

// isPlaceholder reports whether a national significant number is what people and
// programs write where they have none: 0000000000, 5555555555, 11999999999,
// 1234567890. Many accounts carry such a number, and nobody holds the line or
// somebody who paid for a number easy to remember; all of them together would
// answer for what one of them did.
//
// The patterns are the last eight digits the same, all seven of a number of seven,
// and eight or more that count up or down from the first to the last, 0 beside 9.
// Chance makes the first in one of 10^7 numbers, the last in one of 5,000,000 of
// eight digits and in fewer of longer ones: together under 3 in 10^7, and 1 in 10^6
// of seven digits. Seven equal digits behind an area code are left alone, since
// shops and taxis do have such lines. Nothing but zeros is a placeholder at any
// length: no plan gives a line such a number, and what the trunk prefix 0 is taken
// off again and again may come down to a few of them.
func isPlaceholder(nsn string) bool {
	n := len(nsn)
	same := 1
	for same < n && nsn[n-1-same] == nsn[n-1] {
		same++
	}
	return same >= placeholderTail ||
		same == n && (n >= placeholderLine || nsn[0] == '0') ||
		n >= placeholderTail && counts(nsn)
}

// counts reports whether every digit is the one before it plus one, or every digit
// that minus one, modulo ten.
func counts(digits string) bool {
	step := (digits[1] - digits[0] + 10) % 10
	for i := 1; i < len(digits); i++ {
		if (digits[i]-digits[i-1]+10)%10 != step {
			return false
		}
	}
	return step == 1 || step == 9
}
