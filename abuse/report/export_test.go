package report_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/report"
	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
)

func raw(t testing.TB, d abuse.Decision) json.RawMessage {
	t.Helper()
	text, err := json.Marshal(d)
	require.NoError(t, err)
	return text
}

func subject() report.Subject {
	return report.Subject{Account: secret, Service: "network.example", At: now,
		Purposes: map[string]linkage.Purpose{"messenger.example": linkage.FraudAndAbusePrevention},
		Kept:     "Decisions are kept for two years.", Rights: "You can object at network.example/appeal."}
}

func TestExport(t *testing.T) {
	first := decide(signal(1), signal(2))
	second := decide(signal(1))
	second.ID, second.At, second.Undoes = number(77), first.At.Add(48*time.Hour), first.ID
	second.Reviewer, second.Automated = "vera-the-reviewer", false
	second.Explanation.Holdings[0].Accounts = 31337
	second.Explanation.Signals[0].Findings = append(second.Explanation.Signals[0].Findings,
		abuse.Finding{Guard: abuse.GuardOverShared, Kind: hashing.Phone, Spoke: abuse.Yes, Cap: abuse.None},
		abuse.Finding{Guard: abuse.GuardExpired, Spoke: abuse.Yes, Cap: abuse.None})
	second.Explanation.Unknown = []string{"phone since", "holding.accounts", "device accounts", "signal.reports", "+33612345678"}
	second.Explanation.Own = abuse.Own{Reports: 31337, Days: 31337, Groups: 31337}
	e, err := report.NewExport(subject(), []json.RawMessage{raw(t, second), raw(t, first)})
	require.NoError(t, err)
	require.Len(t, e.Decisions, 2)
	require.Equal(t, first.ID, e.Decisions[0].Decision)
	require.Len(t, e.Signals, 2)
	require.True(t, e.Signals[0].Counts)
	require.False(t, e.Signals[1].Counts, "withdrawn since")
	require.Equal(t, "fraud_and_abuse_prevention", e.Signals[0].Purpose)
	require.Equal(t, "10 or more", e.Signals[0].Reports)
	require.Equal(t, []string{"expired"}, e.Decisions[1].Guards)
	require.Equal(t, []string{"phone since", "signal.reports"}, e.Decisions[1].Unknown)
	text, err := json.Marshal(e)
	require.NoError(t, err)
	// Nothing about others: who reviewed, how many reported, who shares the device, what was written.
	for _, never := range []string{"vera", "31337", ":14", "14 reports", "over_shared", first.Reason, first.Undo} {
		require.NotContains(t, string(text), never)
		require.NotContains(t, e.Text(), never)
	}
	for _, always := range []string{secret, "messenger.example", "phishing", "suspend until 2026-11-30", "with a person", "two years", "appeal"} {
		require.Contains(t, e.Text(), always)
	}

	other := first
	other.Account = "somebody"
	_, err = report.NewExport(subject(), []json.RawMessage{raw(t, first), raw(t, other)})
	require.Error(t, err)
	require.NotContains(t, err.Error(), "somebody")
	_, err = report.NewExport(report.Subject{}, nil)
	require.Error(t, err)
	none, err := report.NewExport(subject(), nil)
	require.NoError(t, err)
	require.Contains(t, none.Text(), "Decisions: 0")
}

// The rows of all accounts lie beside each other: only this one's are read, and all of them.
func TestReadExport(t *testing.T) {
	store := abuse.NewMemory()
	put := func(account string, n int) {
		require.NoError(t, store.Update(t.Context(), func(w abuse.Writer) error {
			d := decide(signal(1))
			d.Account, d.ID, d.At = account, number(n), now.Add(time.Duration(n)*time.Hour)
			key := append(binary.BigEndian.AppendUint16(nil, uint16(len(account))), account...)
			key = append(binary.BigEndian.AppendUint64(key, ^uint64(d.At.UnixNano())), d.ID[:]...)
			return w.Put(abuse.Decisions, key, raw(t, d))
		}))
	}
	const many = 600
	for n := range many {
		put(secret, n)
	}
	for n, near := range []string{secret + "x", secret[:len(secret)-1], secret[:len(secret)-1] + "2", secret[:len(secret)-1] + "0", "a"} {
		put(near, 10_000+n)
	}
	require.NoError(t, store.View(context.Background(), func(r abuse.Reader) error {
		e, err := report.ReadExport(r, subject())
		require.NoError(t, err)
		require.Len(t, e.Decisions, many)
		require.False(t, e.Undecided)
		_, err = report.ReadExport(r, report.Subject{Account: strings.Repeat("x", 257)})
		require.Error(t, err)
		return nil
	}))
}

// Who asks before the first decision is not told that nothing is held.
func TestReadExportUndecided(t *testing.T) {
	store := abuse.NewMemory()
	require.NoError(t, store.Update(t.Context(), func(w abuse.Writer) error {
		return w.Put(abuse.Undecided, append(binary.BigEndian.AppendUint16(nil, uint16(len(secret))), secret...), []byte("x"))
	}))
	require.NoError(t, store.View(t.Context(), func(r abuse.Reader) error {
		for account, undecided := range map[string]bool{secret: true, secret + "x": false} {
			e, err := report.ReadExport(r, report.Subject{Account: account})
			require.NoError(t, err)
			require.Equal(t, undecided, e.Undecided)
			require.Equal(t, undecided, strings.Contains(e.Text(), "not decided on yet"))
		}
		return nil
	}))
}

func FuzzNewExport(f *testing.F) {
	f.Add([]byte(raw(f, decide(signal(1)))))
	f.Add([]byte(`{"decision":"019a0000-0000-7000-8000-000000000001","account":"` + secret + `","at":"2026-11-23T12:00:00Z","until":null}`))
	f.Add([]byte(`{"account":"x"}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := report.NewExport(subject(), []json.RawMessage{data})
		if err != nil {
			var own *abuse.Error
			require.ErrorAs(t, err, &own)
			return
		}
		_ = e.Text()
	})
}

func ExampleNewStatement() {
	s, err := report.NewStatement(decide(signal(1)), settings())
	fmt.Println(s.Account, s.AccountEnd.Format(time.DateOnly), err)
	fmt.Println(s.Category, s.Keywords, s.SourceType)
	fmt.Println(s.Facts)
	// Output:
	// DECISION_ACCOUNT_SUSPENDED 2026-11-30 <nil>
	// STATEMENT_CATEGORY_SCAMS_AND_FRAUD [KEYWORD_PHISHING] SOURCE_TYPE_OTHER_NOTIFICATION
	// The service messenger.example gave notice of phishing (confirmed) by an account with the same phone number. The step was chosen by rules, without a person. It ends by itself on 2026-11-30.
}

func ExampleTally() {
	tally := report.Tally{}
	for n := range 25 {
		_ = tally.Count(report.Received, number(n), abuse.Phishing)
		if n < 12 {
			tally.Decision(decide(signal(n)))
		}
	}
	_ = tally.Count(report.Received, number(99), abuse.Spam)
	f, _ := tally.Figures(from, to, report.DefaultThreshold)
	fmt.Print(f.Text())
	// Output:
	// from 2026-01-01 to 2026-07-01; counts and differences below 10 are not shown
	// category                  received     matched    actioned   retracted  overturned      undone
	// spam                           <10           0           0           0           0           0
	// phishing                        25          12          12           0           0           0
	// total                         >=25          12          12           0           0           0
	// median time to undo: not shown
}

func ExampleNewExport() {
	d, _ := json.Marshal(decide(signal(1)))
	e, _ := report.NewExport(subject(), []json.RawMessage{d})
	text := e.Text()
	fmt.Println(text[:strings.Index(text, "     Name")])
	// Output:
	// What is held about the account "boris-4711" at network.example, as of 2026-11-23
	//
	// Signals that other services have sent: 1
	//   1. From messenger.example, shared for: fraud and abuse prevention
	//      It says: phishing, confirmed; confidence 92 of 100, severity high, looked at there: human; reports: 10 or more
	//      It reached this account by the same phone number; seen from 2026-11-20 to 2026-11-20; first used on 2026-11-23; it counts until 2027-02-18 at most
}
