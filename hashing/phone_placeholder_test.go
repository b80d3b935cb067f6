package hashing

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// modelPlaceholder looks for the patterns in their list instead of at the digits.
func modelPlaceholder(nsn string) bool {
	const up = "01234567890123456789"
	for _, digit := range strings.Split("0123456789", "") {
		if strings.HasSuffix(nsn, strings.Repeat(digit, 8)) || nsn == strings.Repeat(digit, 7) {
			return true
		}
	}
	return strings.Trim(nsn, "0") == "" ||
		len(nsn) >= 10 && (strings.HasPrefix(up, nsn) || strings.HasPrefix(up[1:], nsn))
}

// The figures of isPlaceholder's comment, counted.
func TestPlaceholderCounts(t *testing.T) {
	for digits, want := range map[int]int{1: 1, 2: 1, 6: 1, 7: 10} {
		require.Equal(t, want, placeholdersBehind("", digits), "of %d digits", digits)
	}
	// There are too many numbers of eight digits to look at them all. In those that
	// repeat the second digit is the first; beside these three other distances are
	// looked at for each first digit.
	r, refused := seeded(t), 0
	for first := range 10 {
		for _, step := range []int{0, 1, 9, 2 + r.IntN(7)} {
			refused += placeholdersBehind(fmt.Sprintf("%d%d", first, (first+step)%10), 6)
		}
	}
	require.Equal(t, 10, refused, "of eight digits: 1 in 10^7")
}

// placeholdersBehind counts the placeholders among all numbers that begin so and have
// so many digits more.
func placeholdersBehind(beginning string, digits int) (refused int) {
	number := []byte(beginning + strings.Repeat("0", digits))
	for {
		if isPlaceholder(string(number)) {
			refused++
		}
		i := len(number) - 1
		for ; i >= len(beginning) && number[i] == '9'; i-- {
			number[i] = '0'
		}
		if i < len(beginning) {
			return refused
		}
		number[i]++
	}
}

// Every pattern of each length, with any one digit and with any beginning changed.
func TestPlaceholderAgainstModel(t *testing.T) {
	r := seeded(t)
	refused := 0
	check := func(nsn string) {
		want := modelPlaceholder(nsn)
		require.Equal(t, want, isPlaceholder(nsn), nsn)
		if want {
			refused++
		}
	}
	for n := 1; n <= maxNational; n++ {
		for digit := range 10 {
			for _, step := range []int{0, 1, 9, 2, 5} {
				number := make([]byte, n)
				for i := range number {
					number[i] = byte('0' + (digit+i*step)%10)
				}
				check(string(number))
				for i := range number {
					before := number[i]
					number[i] = byte('0' + r.IntN(10))
					check(string(number))
					number[i] = before
					check(randomDigits(r, i) + string(number[i:]))
				}
			}
		}
	}
	require.Greater(t, refused, 500)
}

// Numbers of many countries that were seen in use: a rule against placeholders must
// take few of them.
func TestPlaceholdersAreFew(t *testing.T) {
	for _, list := range []struct{ file, column, region string }{
		{"phone_complaints/ftc_raw_numbers_with_libphonenumber*.csv", "number_raw", "default_region"},
		{"disposable_numbers/*disposable_numbers*.csv.gz", "number_digits", ""},
		{"two_service_matching/disposable_service_a*.csv", "number_raw", ""},
		{"phone_normalisation/*example_numbers*.csv", "expected_e164", ""},
	} {
		t.Run(list.file, func(t *testing.T) {
			seen, accepted, refused := map[string]bool{}, 0, 0
			for _, r := range phoneData(t, list.file) {
				text := fmt.Sprint(r[list.column], " ", r[list.region])
				if seen[text] {
					continue
				}
				seen[text] = true
				switch _, reason := formOf(r[list.column], r[list.region]); reason {
				case "":
					accepted++
				case ReasonLowEntropy:
					refused++
				}
			}
			t.Logf("%d placeholders beside %d numbers accepted", refused, accepted)
			require.Positive(t, accepted)
			if !strings.Contains(list.file, "example") {
				// Examples in the metadata do count from 1 to 9, some of them.
				require.LessOrEqual(t, refused*1000, accepted)
			}
		})
	}
}
