package hashing_test

import (
	"errors"
	"fmt"

	"github.com/hueandcry/hueandcry/hashing"
)

func ExampleParsePhone() {
	for _, text := range []string{"317456XXXX", "1-800-FLOWERS", "911", "+1 212 555 0123"} {
		_, err := hashing.ParsePhone(text, "US")
		fmt.Println(err)
	}

	// The reason is a value, fit for counting.
	_, err := hashing.ParsePhone("317456XXXX", "US")
	fmt.Println(errors.Is(err, hashing.ReasonMasked))
	// Output:
	// hashing: phone refused: masked
	// hashing: phone refused: letters
	// hashing: phone refused: short_code
	// hashing: phone refused: fiction
	// true
}

func ExamplePhoneParser() {
	// Numbers that no line has, reserved for films: for tests that ask for them.
	parser := hashing.PhoneParser{Region: "US", Fiction: true}

	// Two services hold the same line, spelt as each of them likes.
	a, _ := parser.Parse("(212) 555-0123 ext. 9")
	b, _ := parser.Parse("tel:+1-212-555-0123")
	fmt.Println(a == b)

	// The value cannot be read again.
	fmt.Println(a)
	// Output:
	// true
	// hashing.Identifier(phone)
}
