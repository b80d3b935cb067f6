package hashing_test

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/hueandcry/hueandcry/hashing"
)

// The spellings of one line are one Identifier. The number is one of those that the
// British regulator keeps for drama.
func Example() {
	parser := hashing.PhoneParser{Region: "GB", Fiction: true}
	national, err := parser.Parse("020 7946 0123")
	if err != nil {
		fmt.Println(err)
		return
	}
	international, err := parser.Parse("+44 (20) 7946-0123")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(national == international)
	fmt.Println(national) // what it holds is not shown
	// Output:
	// true
	// hashing.Identifier(phone)
}

func ExampleParseDevice() {
	a, err := hashing.ParseDevice(hashing.AdvertisingID, "5d1c9a52-8e07-4b3f-a4d6-27f0b9638ce1")
	if err != nil {
		fmt.Println(err)
		return
	}
	b, err := hashing.ParseDevice(hashing.AdvertisingID, "{5D1C9A52-8E07-4B3F-A4D6-27F0B9638CE1}")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(a == b, a.Scope())

	// An identifier that many Android models had in common, and the advertising
	// identifier of somebody who limits tracking.
	_, err = hashing.ParseDevice(hashing.AndroidID, "9774d56d682e549c")
	fmt.Println(err, errors.Is(err, hashing.ReasonSentinel))
	_, err = hashing.ParseDevice(hashing.AdvertisingID, "00000000-0000-0000-0000-000000000000")
	fmt.Println(err)
	// Output:
	// true global
	// hashing: android_id refused: sentinel true
	// hashing: advertising_id refused: sentinel
}

func ExampleKey() {
	key := hashing.NewKey()
	kept := key.ExposeText() // into the secret manager, and nowhere else

	again, err := hashing.ParseKey(kept)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(key.Equal(again))
	fmt.Printf("%v %+v\n", key, struct{ Key hashing.Key }{key})
	_, err = json.Marshal(key)
	fmt.Println(errors.Is(err, hashing.ErrNotEncodable))
	fmt.Println(key.Derive("logs").Equal(key.Derive("tables")))
	// Output:
	// true
	// hashing.Key {Key:hashing.Key}
	// true
	// false
}

func ExampleKey_Token() {
	key, err := hashing.KeyFromSecret([]byte("thirty-two bytes or more from the secret manager"))
	if err != nil {
		fmt.Println(err)
		return
	}
	id, err := hashing.ParseDevice(hashing.InstallID, "e94b07d2136fa85c")
	if err != nil {
		fmt.Println(err)
		return
	}
	token := key.Token(id)
	fmt.Println(token)
	fmt.Println(token.Kind(), token.KeyID() == key.ID())

	row, err := json.Marshal(map[string]any{"account": 17, "install": token})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(string(row))
	// Output:
	// hct1.XlVo8MuBvEMHc9z7fXiProP2W9DtUYFtVA
	// install_id true
	// {"account":17,"install":"hct1.XlVo8MuBvEMHc9z7fXiProP2W9DtUYFtVA"}
}

func ExampleError() {
	_, err := hashing.ParseDevice(hashing.IMEI, "35182940*******")
	var refusal *hashing.Error
	if errors.As(err, &refusal) {
		fmt.Println(refusal.Kind, refusal.Reason)
	}
	// Output: imei masked
}
