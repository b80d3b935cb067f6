package cases_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/cases"
)

const (
	aReference = `{"v":1,"to":"messenger","reference":"0100000000000000000000000000000000000000000000000000000000000000",` +
		`"signal":"019a0000-0000-7000-8000-000000000001","due":"2026-12-07"}`
	aReceipt = `{"v":1,"week":"2026-11-23","undone":20,"softened":0,"overturned":10}`
)

var spoilt = []string{"", "null", "{}", "[]", "1", aReference + "{}", aReceipt + "1", "[" + aReceipt + "]",
	strings.Replace(aReference, `"v":1`, `"v":2`, 1), strings.Replace(aReference, `"v":1,`, "", 1), strings.Replace(aReference, `"v"`, `"V"`, 1),
	strings.Replace(aReference, `"v":1`, `"v":1,"v":1`, 1), strings.Replace(aReference, `"v":1`, `"v":1,"account":"a"`, 1),
	strings.Replace(aReference, `"messenger"`, `""`, 1), strings.Replace(aReference, `"messenger"`, `null`, 1), strings.Replace(aReference, `"messenger"`, `["m"]`, 1),
	strings.Replace(aReference, `"messenger"`, `"`+strings.Repeat("m", 65)+`"`, 1), strings.Replace(aReference, "01000", "00000", 1),
	strings.Replace(aReference, "01000", "0100", 1), strings.Replace(aReference, "01000", "0A000", 1), strings.Replace(aReference, "019a", "019A", 1),
	strings.Replace(aReference, "019a", "urn:uuid:019a", 1), strings.Replace(aReference, "2026-12-07", "2026-12-07T00:00:00Z", 1),
	strings.Replace(aReference, "2026-12-07", "2026-13-07", 1), strings.Replace(aReference, "2026-12-07", "1969-12-31", 1),
	aReference + strings.Repeat(" ", 512),
	strings.Replace(aReceipt, `20`, `21`, 1), strings.Replace(aReceipt, `:20`, `:-20`, 1), strings.Replace(aReceipt, `:20`, `:"20"`, 1),
	strings.Replace(aReceipt, `:20`, `:20.5`, 1), strings.Replace(aReceipt, "23", "24", 1), strings.Replace(aReceipt, `"v":1`, `"v":2`, 1),
	strings.Replace(aReceipt, `,"softened":0`, "", 1), strings.Replace(aReceipt, `"softened":0`, `"softened":null`, 1)}

// What is not just as it was written is refused, in words of our own, and changes nothing.
func TestExchangeIsStrict(t *testing.T) {
	for _, text := range spoilt {
		a, r := cases.AppealReference{To: "before"}, cases.Receipt{Undone: 10}
		for _, err := range []error{a.UnmarshalJSON([]byte(text)), r.UnmarshalJSON([]byte(text))} {
			var problem *abuse.Error
			require.ErrorAs(t, err, &problem, text)
			require.Less(t, len(err.Error()), 80)
		}
		require.Equal(t, cases.AppealReference{To: "before"}, a)
		require.Equal(t, cases.Receipt{Undone: 10}, r)
	}
	// Spaces and the order of members say nothing.
	var r cases.Receipt
	require.NoError(t, json.Unmarshal([]byte(` { "overturned":10, "week":"2026-11-23","softened":0 , "undone":20, "v":1 } `), &r))
	require.Equal(t, cases.Receipt{Week: session.Truncate(aDay), Undone: 20, Overturned: 10}, r)

	for _, bad := range []any{cases.Receipt{}, cases.Receipt{Week: session}, cases.Receipt{Week: session.Truncate(aDay), Undone: 7}, cases.AppealReference{},
		cases.AppealReference{To: "messenger", Reference: cases.Reference{1}, Signal: allegedID(1)}} {
		_, err := json.Marshal(bad)
		var problem *abuse.Error
		require.ErrorAs(t, err, &problem, "%T", bad)
	}
}

func fuzzExchange[T any](f *testing.F) {
	for _, text := range append(spoilt, aReference, aReceipt) {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var first, again, none T
		if err := json.Unmarshal(data, &first); err != nil || string(data) == "null" {
			require.Equal(t, none, first)
			return
		}
		form, err := json.Marshal(first)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(form, &again))
		require.Equal(t, first, again)
	})
}

func FuzzAppealReference(f *testing.F) { fuzzExchange[cases.AppealReference](f) }

func FuzzReceipt(f *testing.F) { fuzzExchange[cases.Receipt](f) }

// A reference goes to the partner as one line of JSON, over whatever channel the two have, and there into
// Contest, with the name that the channel was authenticated by.
func ExampleAppealReference() {
	ref := cases.AppealReference{To: "messenger", Reference: cases.Reference{1}, Signal: allegedID(1), Due: time.Date(2026, 12, 7, 0, 0, 0, 0, time.UTC)}
	line, err := json.Marshal(ref)
	fmt.Println(string(line), err)
	var got cases.AppealReference
	err = json.Unmarshal(line, &got)
	fmt.Println(got == ref, err)
	// Output:
	// {"v":1,"to":"messenger","reference":"0100000000000000000000000000000000000000000000000000000000000000","signal":"019a0000-0000-7000-8000-000000000001","due":"2026-12-07"} <nil>
	// true <nil>
}

// An origin is given its receipts as a list.
func ExampleReceipt() {
	list, err := json.Marshal([]cases.Receipt{{Week: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC), Undone: 20, Overturned: 10}})
	fmt.Println(string(list), err)
	// Output: [{"v":1,"week":"2026-11-23","undone":20,"softened":0,"overturned":10}] <nil>
}
