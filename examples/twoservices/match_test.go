package main

import (
	"bufio"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nyaruka/phonenumbers"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/hashing"
)

// column reads the first column of a real list.
func column(t *testing.T, path string) []string {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	require.NoError(t, err)
	require.Greater(t, len(rows), 1)
	var out []string
	for _, row := range rows[1:] {
		out = append(out, row[0])
	}
	return out
}

// phoneFile writes numbers as a CSV file, each an account named by its place.
func phoneFile(t *testing.T, name string, numbers []string) string {
	t.Helper()
	rows := make([][]string, len(numbers))
	for i, n := range numbers {
		rows[i] = []string{place(i), n}
	}
	return writeCSV(t, name, []string{"account", "phone"}, rows)
}

func place(i int) string { return fmt.Sprintf("%s-%07d", "account", i) }

// matchedPlaces gives the accounts that have a decision, none of them twice.
func matchedPlaces(t *testing.T, path string) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	for _, d := range decisionsOf(t, path) {
		require.False(t, out[d.Account])
		require.Equal(t, []hashing.Kind{hashing.Phone}, d.Matched)
		require.NotEmpty(t, d.Signals)
		out[d.Account] = true
	}
	return out
}

// TestTwoServicesOfRealLists finds exactly the numbers that two real lists have in
// common, none of which is written alike in both. Of the 63,000 that are flagged HUEANDCRY_FULL
// takes all, and otherwise those in common and some of the others are taken.
func TestTwoServicesOfRealLists(t *testing.T) {
	dir := filepath.Join(dataFolder(t), "two_service_matching")
	a := column(t, filepath.Join(dir, "disposable_service_a_open.csv"))
	b := column(t, filepath.Join(dir, "disposable_service_b_open.csv"))
	want := map[string]bool{}
	for _, e164 := range column(t, filepath.Join(dir, "disposable_expected_intersection_open.csv")) {
		for i, n := range b {
			if n == e164 {
				want[place(i)] = true
			}
		}
	}
	require.Len(t, want, 161)
	in := map[hashing.Identifier]bool{}
	for _, n := range b {
		if id, err := hashing.ParsePhone(n, ""); err == nil {
			in[id] = true
		}
	}
	if !full() {
		var some []string
		for i, n := range a {
			if id, err := hashing.ParsePhone(n, ""); i%10 == 0 || err == nil && in[id] {
				some = append(some, n)
			}
		}
		a = some
	}
	flagged, accounts := phoneFile(t, "flagged.csv", a), phoneFile(t, "accounts.csv", b)
	now := []string{"-now", "2026-11-01T00:00:00Z", "-json"}

	certs, two := certificates(t), filepath.Join(t.TempDir(), "two.jsonl")
	_, received := pair(t, nil,
		slices.Concat(now, partyFlags(certs, "transmitter"), []string{"-flagged", flagged}),
		slices.Concat(now, partyFlags(certs, "receiver"), []string{"-accounts", accounts, "-decisions", two}))
	s := received.summary(t)
	assert.Equal(t, want, matchedPlaces(t, two))
	assert.Equal(t, 161, *s.MatchedAccounts)
	assert.Equal(t, len(b), *s.Accounts+*s.RowsRefusedAccounts)
	assert.Equal(t, map[string]int{"none": 161}, s.Actions, "a list that says nothing carries no step")

	// As one process, and the other way about: what was flagged are accounts now.
	// Of these only so many that the test stays short; the others cannot match.
	few := a[:min(6000, len(a))]
	if !full() {
		few = a[:2000]
	}
	want = map[string]bool{}
	for i, n := range few {
		if id, err := hashing.ParsePhone(n, ""); err == nil && in[id] {
			want[place(i)] = true
		}
	}
	require.NotEmpty(t, want)
	one := filepath.Join(t.TempDir(), "one.jsonl")
	both := inside(t, append(now, "-flagged", accounts, "-accounts", phoneFile(t, "few.csv", few), "-decisions", one)...)
	both.summary(t)
	assert.Equal(t, want, matchedPlaces(t, one))
}

const (
	complaintAccounts = 50_000
	complaintFlagged  = 10_000 // unless HUEANDCRY_ALL is set, which takes a minute
)

// TestComplaints: numbers that people have complained about on even days are
// flagged, those of odd days are accounts, and the matches are those of a plain
// join on what libphonenumber makes of the numbers.
func TestComplaints(t *testing.T) {
	if testing.Short() {
		t.Skip("50,000 accounts take some seconds")
	}
	even, odd := complaints(t, filepath.Join(dataFolder(t), "phone_complaints", "ftc_dnc_2020_open.csv.gz"))
	if os.Getenv("HUEANDCRY_ALL") == "" {
		even = even[:complaintFlagged]
	}
	// The accounts are those of the first days and a few of what is refused.
	accounts := odd[:complaintAccounts+1000]
	flaggedLines := map[hashing.Identifier]bool{}
	for _, raw := range even {
		if id, ok := plainLine(t, raw); ok {
			flaggedLines[id] = true
		}
	}
	want, usable, refused := map[string]bool{}, 0, map[string]int{}
	for i, raw := range accounts {
		id, ok := plainLine(t, raw)
		if !ok {
			continue
		}
		usable++
		if flaggedLines[id] {
			want[place(i)] = true
		}
	}
	require.GreaterOrEqual(t, usable, complaintAccounts)
	require.Greater(t, len(want), 500)

	path := filepath.Join(t.TempDir(), "d.jsonl")
	out := inside(t, "-json", "-region", "US", "-now", "2021-01-01T00:00:00Z", "-decisions", path,
		"-flagged", phoneFile(t, "flagged.csv", even), "-accounts", phoneFile(t, "accounts.csv", accounts))
	s := out.summary(t)
	maps.Copy(refused, s.Refusals)
	t.Logf("%d flagged, %d accounts, %d matches, refused %v, %.1f s", *s.Flagged, *s.Accounts, *s.MatchedAccounts, refused, s.Seconds)
	assert.Equal(t, usable, *s.Accounts)
	got := matchedPlaces(t, path)
	assert.Len(t, got, len(want))
	assert.True(t, maps.Equal(want, got), "missing or extra matches") // not printed: real accounts
}

// complaints reads the distinct numbers of the even and of the odd days, in the
// order in which they come.
func complaints(t *testing.T, path string) (even, odd []string) {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	seen := [2]map[string]bool{{}, {}}
	lines := bufio.NewScanner(z)
	require.True(t, lines.Scan()) // header
	for lines.Scan() {
		date, rest, _ := strings.Cut(lines.Text(), ",")
		raw := rest[:strings.LastIndexByte(rest, ',')]
		if strings.ContainsAny(raw, `",`) || strings.TrimSpace(raw) == "" {
			continue
		}
		day := date[len(date)-1] % 2
		if seen[day][raw] {
			continue
		}
		seen[day][raw] = true
		if day == 0 {
			even = append(even, raw)
		} else {
			odd = append(odd, raw)
		}
	}
	require.NoError(t, lines.Err())
	return even, odd
}

// plainLine is the match form of what libphonenumber makes of a number, or false
// where it makes nothing possible of it or where one of our refusals, which are
// counted in package hashing, says no.
func plainLine(t *testing.T, raw string) (hashing.Identifier, bool) {
	t.Helper()
	_, err := hashing.ParsePhone(raw, "US")
	var refused *hashing.Error
	if errors.As(err, &refused) {
		switch refused.Reason {
		case hashing.ReasonLetters, hashing.ReasonMasked, hashing.ReasonPremium, hashing.ReasonFiction, hashing.ReasonShortCode:
			return hashing.Identifier{}, false
		}
	}
	n, err := phonenumbers.Parse(raw, "US")
	if err != nil || phonenumbers.IsPossibleNumberWithReason(n) != phonenumbers.IS_POSSIBLE {
		return hashing.Identifier{}, false
	}
	id, err := hashing.ParsePhone(phonenumbers.Format(n, phonenumbers.E164), "")
	return id, err == nil
}
