package main

import (
	"io"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
)

func testIntake(t testing.TB, name string, log io.Writer) (*intake, *party) {
	t.Helper()
	p, err := testParty()
	require.NoError(t, err)
	o := &options{flagged: "f", accounts: "a"} // as for files
	return o.intake(name, p.agreement, newLogger(log)), p
}

var testParty = sync.OnceValues(func() (*party, error) {
	return demoParty(linkage.Transmitter, 1, linkage.FraudAndAbusePrevention, linkage.ProtocolEC)
})

const (
	someIDFA    = "7f3a2c91-5be4-4d06-a8f1-93c2e70b64d5"
	someSSAID   = "7f3a2c915be4d06a"
	headAccount = "account,phone,region,phone_since,device_kind,device,device_since\n"
	headFlagged = "account,phone,region,device_kind,device,category,class,confidence,severity,observed_at,reports\n"
)

func TestAccountsCSV(t *testing.T) {
	for name, c := range map[string]struct {
		file     string
		accounts int // with something usable
		refused  int // rows
		refusals map[string]int
	}{
		"header only":       {headAccount, 0, 0, nil},
		"one":               {headAccount + "a,+14155552671,,2024-01-02,idfa," + someIDFA + ",2024-01-02T03:04:05Z\n", 1, 0, nil},
		"mark, other order": {"\ufeffphone,account\r\n+14155552671,a\r\n", 1, 0, nil},
		"no end of line":    {"account,phone\na,+14155552671", 1, 0, nil},
		"phone refused, device kept": {headAccount + "a,12,,,ssaid," + someSSAID + ",\n", 1, 0,
			map[string]int{"short_code": 1}},
		"device refused, phone kept": {headAccount + "a,+14155552671,,,ssaid,9774d56d682e549c,\n", 1, 0,
			map[string]int{"sentinel": 1}},
		"both refused": {headAccount + "a,415XXXXXXX,US,,ssaid,9774d56d682e549c,\n", 0, 1,
			map[string]int{"masked": 1, "sentinel": 1}},
		"nothing":     {headAccount + "a,,US,2024-01-01,idfa,,\n", 0, 1, map[string]int{nothingToMatch: 1}},
		"no account":  {headAccount + ",+14155552671,,,,,\n", 0, 1, map[string]int{badAccount: 1}},
		"bad account": {headAccount + "\"a\x01\",+14155552671,,,,,\n", 0, 1, map[string]int{badAccount: 1}},
		"not UTF-8":   {headAccount + "a\xff,+14155552671,,,,,\n", 0, 1, map[string]int{badAccount: 1}},
		"bad time":    {headAccount + "a,+14155552671,,yesterday,,,\n", 0, 1, map[string]int{badTime: 1}},
		"far time":    {headAccount + "a,+14155552671,,2200-01-01,,,\n", 0, 1, map[string]int{badTime: 1}},
		"bad second":  {headAccount + "a,+14155552671,,,,,2024-13-01\n", 0, 1, map[string]int{badTime: 1}},
		"short row":   {headAccount + "a,+14155552671\nb,+14155552671,,,,,\n", 1, 1, map[string]int{badRow: 1}},
		"long row":    {headAccount + "a,+14155552671,,,,,,\nb,+14155552671,,,,,\n", 1, 1, map[string]int{badRow: 1}},
		"stray quote": {headAccount + "a,+1415\"5552671,,,,,\nb,+14155552671,,,,,\n", 1, 1, map[string]int{badRow: 1}},
		"open quote":  {headAccount + "b,+14155552671,,,,,\na,\"+14155552671,,,,,\n", 1, 1, map[string]int{badRow: 1}},
		"open quote, more": {headAccount + "b,\"+14155552671,,,,,\n" + strings.Repeat("a,+14155552671,,,,,\n", 500) + "c,+14155552671,,,,,\n", 2, 1,
			map[string]int{badRow: 1}},
		"two open quotes": {headAccount + "a,\"+14155552671,,,,,\nb,+14155552671,,,,,\nc,\"+14155552671,,,,,\nd,+14155552671,,,,,\n", 2, 2,
			map[string]int{badRow: 2}},
		"rows in the phone":    {"account,phone,phone_since\na,\"\nb,+14155552671,\nc,\",2024-01-01\n", 1, 2, map[string]int{badRow: 2}},
		"rows in the region":   {"account,phone,region\na,+14155552671,\"\nb,+14155552672,\nc,+14155552673,\"\n", 1, 2, map[string]int{badRow: 2}},
		"rows in the account":  {"account,phone\n\"a,+14155552671\nb,+14155552672\n\",+14155552673\nc,+14155552671\n", 2, 2, map[string]int{badRow: 2}},
		"line break in a cell": {headAccount + "a,\"+1 415\n555 2671\",,,,,\nb,\"+1 415 555 2671\r\n\",\"US\n\",,,,\n", 2, 0, nil},
		"line break, refused":  {headAccount + "a,\"12\n\",,,,,\nb,+14155552671,,,,,\n", 1, 2, map[string]int{"short_code": 1, badRow: 1}},
		"unknown kind":         {headAccount + "a,,,,toaster,1234567890abcdef,\n", 0, 1, map[string]int{"unknown_kind": 1}},
		"phone as kind":        {headAccount + "a,,,,phone,+14155552671,\n", 0, 1, map[string]int{"unknown_kind": 1}},
		"no country":           {headAccount + "a,(415) 555-2671,,,,,\n", 0, 1, map[string]int{"no_country": 1}},
		"fiction":              {headAccount + "a,+12025550143,,,,,\n", 0, 1, map[string]int{"fiction": 1}},
		"two rows, two phones": {headAccount + "a,+14155552671,,,,,\na,+14155552672,,,,,\n", 1, 0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var log strings.Builder
			in, _ := testIntake(t, "accounts", &log)
			book, err := readAccounts(in, strings.NewReader(c.file))
			require.NoError(t, err)
			assert.Len(t, book.refs, c.accounts)
			assert.Equal(t, c.refused, in.refusedRows)
			if c.refusals == nil {
				c.refusals = map[string]int{}
			}
			assert.Equal(t, c.refusals, in.refusals)
			assert.Equal(t, len(c.refusals) > 0, log.Len() > 0, "what is refused is told")
			for _, content := range []string{"555", "9774", "yesterday", "toaster"} {
				assert.NotContains(t, log.String(), content)
			}
		})
	}
}

func TestRegionOfTheFile(t *testing.T) {
	var log strings.Builder
	in, _ := testIntake(t, "accounts", &log)
	in.phones.Region = "US"
	book, err := readAccounts(in, strings.NewReader(headAccount+
		"a,(415) 555-2671,,,,,\nb,415.555.2671,US,,,,\nc,+1 415 555 2671,GB,,,,\nd,020 0123 4567,gb,,,,\n"))
	require.NoError(t, err)
	require.Len(t, book.refs, 4)
	assert.Equal(t, book.held["a"][0].id, book.held["b"][0].id)
	assert.Equal(t, book.held["a"][0].id, book.held["c"][0].id)
	assert.NotEqual(t, book.held["a"][0].id, book.held["d"][0].id)
	assert.Equal(t, 3, book.holders[book.held["a"][0].id])
}

func TestHoldings(t *testing.T) {
	in, _ := testIntake(t, "accounts", io.Discard)
	book, err := readAccounts(in, strings.NewReader(headAccount+
		"a,+14155552671,,2024-01-02,ssaid,"+someSSAID+",\n"+
		"a,+1 415 555 2671,,2024-03-04T05:06:07Z,,,\n"+ // the same number: the later time counts
		"b,+14155552671,,2023-01-02,,,\n"))
	require.NoError(t, err)
	assert.Equal(t, []abuse.Holding{
		{Kind: hashing.Phone, Since: time.Date(2024, 3, 4, 5, 6, 7, 0, time.UTC), Verified: abuse.Yes, Accounts: 2},
		{Kind: hashing.AndroidID, Accounts: 1},
	}, book.holdings("a"))
	b := book.holdings("b")
	require.Len(t, b, 1)
	assert.Equal(t, time.Date(2023, 1, 2, 23, 59, 59, 0, time.UTC), b[0].Since, "a date is the end of the day")
	assert.Equal(t, []string{"a", "b"}, book.refs)
}

// TestHoldingsAreInTheOrderOfTheSource: a match names identifiers by their place.
func TestHoldingsAreInTheOrderOfTheSource(t *testing.T) {
	in, _ := testIntake(t, "accounts", io.Discard)
	book, err := readAccounts(in, strings.NewReader("account,phone,phone_since,device_kind,device\n"+
		"a,+14155552671,2024-01-01,ssaid,"+someSSAID+"\na,+14155552672,2024-01-02,idfa,"+someIDFA+"\n"+
		"b,,,idfa,"+someIDFA+"\nb,+14155552673,2024-01-03,,\na,+14155552671,2024-01-04,,\n"))
	require.NoError(t, err)
	for a, err := range book.source() {
		require.NoError(t, err)
		held := book.holdings(a.Ref)
		require.Len(t, held, len(a.Identifiers))
		for i, id := range a.Identifiers {
			assert.Equal(t, id.Kind(), held[i].Kind)
			assert.Equal(t, book.holders[id], held[i].Accounts)
			for _, h := range book.held[a.Ref] {
				if h.id == id {
					assert.Equal(t, h.since, held[i].Since)
				}
			}
		}
	}
}

func TestFlaggedCSV(t *testing.T) {
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	read := func(t *testing.T, file string) (*intake, []linkage.Flagged) {
		in, p := testIntake(t, "flagged", io.Discard)
		all, err := readFlagged(in, strings.NewReader(file), p, now)
		require.NoError(t, err)
		return in, all
	}
	in, all := read(t, headFlagged+
		"m1,+14155552671,,ssaid,"+someSSAID+",phishing,confirmed,92,high,2026-10-01T10:11:12.5+02:00,14\n"+
		"m2,+14155552671,,,,,,,,,\n")
	require.Len(t, all, 2)
	assert.Zero(t, in.refusedRows)
	full, err := abuse.ParseSignal(all[0].Label)
	require.NoError(t, err)
	observed := time.Date(2026, 10, 1, 8, 11, 12, 0, time.UTC)
	assert.Equal(t, abuse.Signal{
		ID: all[0].ID, Origin: transmitterName, Category: abuse.Phishing, Class: abuse.Confirmed, Confidence: 92,
		Severity: abuse.High, Review: abuse.ReviewNone, Reports: 14, FirstObserved: observed, LastObserved: observed,
		ValidUntil: observed.Add(180 * 24 * time.Hour), Permitted: abuse.PermitDirect, ActionTaken: abuse.None,
	}, full)
	assert.Len(t, all[0].Identifiers, 2)

	// What is not said claims the least.
	least, err := abuse.ParseSignal(all[1].Label)
	require.NoError(t, err)
	assert.Equal(t, abuse.Signal{
		ID: all[1].ID, Origin: transmitterName, Category: abuse.Other, Class: abuse.Predictive, Severity: abuse.Low,
		Review: abuse.ReviewNone, ValidUntil: now.Add(30 * 24 * time.Hour), Permitted: abuse.PermitDirect, ActionTaken: abuse.None,
	}, least)
	assert.NotEqual(t, all[0].ID, all[1].ID)
	assert.EqualValues(t, 7, all[1].ID.Version())
	seconds, _ := all[1].ID.Time().UnixTime()
	assert.Equal(t, now.Unix(), seconds, "the id's time is that of the session")

	for name, c := range map[string]struct{ cells, reason string }{
		"category":        {"m,+14155552671,,,,rudeness,confirmed,50,low,,", badCategory},
		"class":           {"m,+14155552671,,,,spam,certain,50,low,,", badClass},
		"confidence":      {"m,+14155552671,,,,spam,confirmed,101,low,,", badConfidence},
		"confidence sign": {"m,+14155552671,,,,spam,confirmed,-1,low,,", badConfidence},
		"confidence text": {"m,+14155552671,,,,spam,confirmed,high,low,,", badConfidence},
		"severity":        {"m,+14155552671,,,,spam,confirmed,50,severe,,", badSeverity},
		"time":            {"m,+14155552671,,,,spam,confirmed,50,low,01/02/2026,", badTime},
		"old time":        {"m,+14155552671,,,,spam,confirmed,50,low,1999-12-31,", badTime},
		"late time":       {"m,+14155552671,,,,spam,confirmed,50,low,2099-12-31,", badSignal},
		"reports":         {"m,+14155552671,,,,spam,confirmed,50,low,,5000000000", badReports},
		"account":         {",+14155552671,,,,spam,confirmed,50,low,,", badAccount},
		"number":          {"m,415555****,US,,,spam,confirmed,50,low,,", "masked"},
	} {
		t.Run(name, func(t *testing.T) {
			in, all := read(t, headFlagged+c.cells+"\n")
			assert.Empty(t, all)
			assert.Equal(t, 1, in.refusedRows)
			assert.Equal(t, map[string]int{c.reason: 1}, in.refusals)
		})
	}
	t.Run("too many signals", func(t *testing.T) {
		row := "m,+14155552671,,,,spam,confirmed,50,low,,\n"
		in, all := read(t, headFlagged+strings.Repeat(row, 66)+"m,+14155552671,,ssaid,"+someSSAID+",spam,confirmed,50,low,,\n")
		assert.Len(t, all, 65)
		assert.Equal(t, 2, in.refusedRows, "a row with a device left is used")
		assert.Equal(t, map[string]int{tooManySignals: 3}, in.refusals)
	})
}

// TestWords: people write the words of a list in their own way.
func TestWords(t *testing.T) {
	for text, want := range map[string]abuse.Category{
		"Spam": abuse.Spam, "SCAM-FRAUD": abuse.ScamFraud, "fake account": abuse.FakeAccount, "scam": abuse.ScamFraud,
		"Fraud": abuse.ScamFraud, "malicious link": abuse.Phishing, "NCII": abuse.IntimateImagery,
		"automation-scraping": abuse.Scraping, "bulk_account": abuse.FakeAccount,
	} {
		in, p := testIntake(t, "flagged", io.Discard)
		all, err := readFlagged(in, strings.NewReader("account,phone,category,class,severity\nm,+14155552671,"+text+",Confirmed,HIGH\n"), p, madeNow)
		require.NoError(t, err)
		require.Len(t, all, 1, "%s: %v", text, in.refusals)
		s, err := abuse.ParseSignal(all[0].Label)
		require.NoError(t, err)
		assert.Equal(t, want, s.Category, text)
		assert.Equal(t, abuse.Confirmed, s.Class)
		assert.Equal(t, abuse.High, s.Severity)
	}
	// The words of -help are those that are read.
	_, words, _ := strings.Cut(outro, "category is ")
	words, _, _ = strings.Cut(words, ", with")
	n := 0
	for _, word := range regexp.MustCompile(`[a-z_]+`).FindAllString(words, -1) {
		if word != "or" {
			_, err := parseCategory(word)
			require.NoError(t, err, word)
			n++
		}
	}
	assert.Equal(t, 15+len(categoryAliases), n)
}

// TestDatedObservation: a date is a day, up to now at the most.
func TestDatedObservation(t *testing.T) {
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	for cell, want := range map[string][2]time.Time{
		"2026-10-01":           {time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 10, 1, 23, 59, 59, 0, time.UTC)},
		"2026-11-01":           {time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), now},
		"2026-11-02":           {time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC), time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)},
		"2026-10-01T00:00:00Z": {time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)},
	} {
		in, p := testIntake(t, "flagged", io.Discard)
		all, err := readFlagged(in, strings.NewReader("account,phone,observed_at\nm,+14155552671,"+cell+"\n"), p, now)
		require.NoError(t, err)
		require.Len(t, all, 1, cell)
		s, err := abuse.ParseSignal(all[0].Label)
		require.NoError(t, err)
		assert.Equal(t, want, [2]time.Time{s.FirstObserved, s.LastObserved}, cell)
	}
}

func TestKindsOutsideTheAgreement(t *testing.T) {
	in, _ := testIntake(t, "accounts", io.Discard)
	narrow := &linkage.Agreement{Kinds: []hashing.Kind{hashing.Phone}}
	in.admits = narrow.Admits
	book, err := readAccounts(in, strings.NewReader(headAccount+
		"a,+14155552671,,,ssaid,"+someSSAID+",\nb,,,,ssaid,"+someSSAID+",\n"))
	require.NoError(t, err)
	assert.Equal(t, []string{"a"}, book.refs)
	assert.Equal(t, map[string]int{notInAgreement: 2}, in.refusals)
	assert.Equal(t, 1, in.refusedRows)
}

func TestEveryRefusalIsTold(t *testing.T) {
	var log strings.Builder
	in, _ := testIntake(t, "accounts", &log)
	_, err := readAccounts(in, strings.NewReader(headAccount+strings.Repeat("a,12,,,,,\n", 25)))
	require.NoError(t, err)
	assert.Equal(t, 25, strings.Count(log.String(), "\n"))
	assert.Contains(t, log.String(), "accounts: line 2: phone refused: short_code\n")
	assert.Contains(t, log.String(), "accounts: line 26: phone refused: short_code\n")
	assert.Equal(t, 25, in.refusedRows)
}

// FuzzAccountsCSV: no file makes the reader panic, rows are counted right, and what
// is told of refusals holds nothing of the cells.
func FuzzAccountsCSV(f *testing.F) {
	for _, seed := range []string{
		"", headAccount, "\ufeff" + headAccount, headAccount + "a,+14155552671,,2024-01-02,idfa," + someIDFA + ",\n",
		headAccount + "a,\"+1415\n5552671\",,,,,\n", headAccount + "a,12345678XXXX,US,,,,\n", "account,phone\na,\"", "account,phone\n\xff,1\n",
		headAccount + "a,\"+14155552671,,,,,\nb,\"+14155552671\n\",,,,,\n\nc,\"\",,,,,\n",
		headAccount + "a,+1 202 555 0143 ext. 77,,99999999,imei,358142076391521,\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, file string) {
		var log strings.Builder
		in, _ := testIntake(t, "accounts", &log)
		book, err := readAccounts(in, strings.NewReader(file))
		if err != nil {
			require.Nil(t, book)
			return
		}
		require.LessOrEqual(t, in.refusedRows, in.rows)
		require.LessOrEqual(t, len(book.refs), in.rows-in.refusedRows)
		for _, line := range strings.Split(strings.TrimSuffix(log.String(), "\n"), "\n") {
			require.Regexp(t, `^$|^accounts: (line \d+: (row|account|phone|device|phone_since|device_since) refused: [a-z_]+)$`, line)
		}
	})
}
