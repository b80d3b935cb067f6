package strength_test

import (
	"fmt"
	"log"
	"time"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/strength"
	"github.com/hueandcry/hueandcry/hashing"
)

func day(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }

// Two accounts share the number of a signal. One has had it for years, with a device that agrees
// too; the other was given it after the reports.
func ExampleModel_Weigh() {
	model := strength.Default()
	signal := abuse.Signal{FirstObserved: day(2026, 11, 1), LastObserved: day(2026, 11, 9)}
	anna := []abuse.Holding{
		{Kind: hashing.Phone, Since: day(2023, 2, 1), Verified: abuse.Yes, Accounts: 2},
		{Kind: hashing.IMEI, Since: day(2025, 6, 1), Accounts: 1},
	}
	both := abuse.Sighting{Signal: signal, Kinds: []hashing.Kind{hashing.Phone, hashing.IMEI}, Places: []int{0, 1}}
	fmt.Println("anna", model.Score(both, anna))
	fmt.Println(model.Weigh(strength.Compare(both, anna)))

	boris := []abuse.Holding{{Kind: hashing.Phone, Since: day(2026, 11, 20), Verified: abuse.Yes, Accounts: 2}}
	number := abuse.Sighting{Signal: signal, Kinds: []hashing.Kind{hashing.Phone}, Places: []int{0}}
	fmt.Println("boris", model.Score(number, boris))
	fmt.Println(model.Weigh(strength.Compare(number, boris)))
	// Output:
	// anna 99
	// probability 1.0000, weight +50.0 bits
	//   phone agrees +26.0, held before the reports +0.1, proved +0.0, held by 2 -2.8 = +23.3
	//   imei agrees +25.0, held before the reports +1.2, held by 1 +0.6 = +26.7
	// boris 7
	// probability 0.0746, weight +19.6 bits
	//   phone agrees +26.0, held since 11 days after the reports -3.6, proved +0.0, held by 2 -2.8 = +19.6
}

// A service counts how its pairs of accounts compare, without knowing which are right, and
// estimates its own model.
func ExampleEstimate() {
	pattern := func(pairs int64, phone, imei, install abuse.Truth) strength.Pattern {
		return strength.Pattern{Pairs: pairs, Comparison: strength.Comparison{
			{Kind: hashing.Phone, Agree: phone}, {Kind: hashing.IMEI, Agree: imei}, {Kind: hashing.InstallID, Agree: install},
		}}
	}
	const yes, no = abuse.Yes, abuse.No
	model, fit, err := strength.Estimate([]strength.Pattern{
		pattern(3_600, yes, yes, yes), pattern(900, yes, yes, no), pattern(2_400, yes, no, yes), pattern(950, yes, no, no),
		pattern(400, no, yes, yes), pattern(300, no, yes, no), pattern(280, no, no, yes), pattern(99_991_170, no, no, no),
	}, strength.Options{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("about %.0f pairs are one person's\n", fit.Matches)
	for _, f := range model.Fields[:2] {
		fmt.Printf("%s agrees in %.0f %% of these, and in %.1f of a million others\n", f.Kind, 100*f.Agree.M, 1e6*f.Agree.U)
	}
	// Output:
	// about 8336 pairs are one person's
	// phone agrees in 90 % of these, and in 3.5 of a million others
	// imei agrees in 60 % of these, and in 2.0 of a million others
}
