package report_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/report"
	"github.com/hueandcry/hueandcry/hashing"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func random(t testing.TB) *rand.Rand {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 1))
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

func number(n int) uuid.UUID {
	return uuid.MustParse(fmt.Sprintf("019a0000-0000-7000-8000-%012x", n))
}

func settings() report.Settings {
	key, err := hashing.KeyFromSecret(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		panic(err)
	}
	return report.Settings{Key: key, Territory: []string{"DE", "FR"}, AccountType: "ACCOUNT_TYPE_PRIVATE",
		ContentTypes: []string{"CONTENT_TYPE_TEXT"}, Ground: "Terms, section 4", GroundURL: "https://network.example/terms"}
}

func signal(n int) abuse.Signal {
	seen := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	return abuse.Signal{ID: number(n), Origin: "messenger.example", Category: abuse.Phishing, Class: abuse.Confirmed,
		Confidence: 92, Severity: abuse.High, Review: abuse.ReviewHuman, Reports: 14, FirstObserved: seen, LastObserved: seen,
		ValidUntil: seen.AddDate(0, 0, 90), Permitted: abuse.PermitDirect, ActionTaken: abuse.Suspend, Revision: 1}
}

// secret is an account reference that is found again wherever it comes to light.
const secret = "boris-4711"

// decide gives a decision of the core about signals.
func decide(signals ...abuse.Signal) abuse.Decision {
	e := abuse.Evidence{Account: secret, Holdings: []abuse.Holding{{Kind: hashing.Phone, Since: now.AddDate(-2, 0, 0), Verified: abuse.Yes, Accounts: 1}}}
	for _, s := range signals {
		e.Sightings = append(e.Sightings, abuse.Sighting{From: s.Origin, Signal: s, Kinds: []hashing.Kind{hashing.Phone}, Places: []int{0}})
	}
	return abuse.Decide(e, abuse.DefaultPolicy("network.example", abuse.Live), now)
}

// randomDecision has anything that a decision can hold, in and out of what Decide makes.
func randomDecision(r *rand.Rand) abuse.Decision {
	at := now.AddDate(0, 0, r.IntN(4000)-2000).Add(time.Duration(r.Int64N(int64(24 * time.Hour))))
	d := abuse.Decision{ID: uuid.UUID(fmt.Appendf(nil, "%016d", r.Uint64()%1e15)), Account: secret,
		Action: abuse.Action(1 + r.IntN(6)), Scope: abuse.Scope(1 + r.IntN(2)), Mode: abuse.Live, Automated: r.IntN(2) == 0,
		At: at, Rule: pick(r, "", "none", "r1", secret), Reason: "about " + secret, Undo: secret}
	if r.IntN(4) > 0 {
		d.Until = at.Add(time.Duration(r.Int64N(int64(400 * 24 * time.Hour))))
	}
	if r.IntN(3) == 0 {
		d.Reviewer = "vera"
	}
	if r.IntN(3) == 0 {
		d.Bounds = []abuse.Bound{{Name: "cap_partner_day", Limit: 5, Used: 5, Proposed: abuse.Disable}}
	}
	for n := range r.IntN(40) * r.IntN(2) * (1 + 9*r.IntN(2)) {
		s := signal(n)
		s.Origin = pick(r, "messenger.example", "bank.example", strings.Repeat("a", 64), "mail-"+fmt.Sprint(n))
		s.Category, s.Severity = abuse.Category(r.IntN(18)), abuse.Severity(r.IntN(6))
		s.Class, s.Review, s.Confidence = abuse.Class(r.IntN(3)), abuse.Review(r.IntN(4)), r.IntN(101)
		s.LastObserved = pick(r, time.Time{}, at, at.AddDate(0, 0, 9), at.AddDate(-30, 0, 0))
		s.FirstObserved = s.LastObserved
		d.Explanation.Signals = append(d.Explanation.Signals, abuse.Weighed{Sighting: abuse.Sighting{
			From: pick(r, s.Origin, s.Origin, "", "+33612345678", "x\x00\xff"), Signal: s, Kinds: pick(r, nil, []hashing.Kind{hashing.Phone}, []hashing.Kind{hashing.Phone, hashing.IMEI}, []hashing.Kind{200})}})
		if r.IntN(4) > 0 {
			d.Signals = append(d.Signals, s.ID)
		}
	}
	if r.IntN(3) == 0 {
		d.Explanation.Own = abuse.Own{Reports: 1 + r.IntN(9), First: at.AddDate(0, 0, -3), Last: at}
	}
	return d
}

func randomSettings(r *rand.Rand) report.Settings {
	s := settings()
	s.Illegal, s.HidePartners, s.OwnNotices = r.IntN(2) == 0, r.IntN(2) == 0, r.IntN(2) == 0
	s.AlsoIllegal = pick(r, abuse.Unknown, abuse.Yes, abuse.No)
	s.Explanation = pick(r, "", strings.Repeat("ß", report.MaxExplanation))
	s.Ground = pick(r, "Terms", strings.Repeat("本", report.MaxShort))
	if r.IntN(3) == 0 {
		s.Flaggers = []string{"messenger.example", "bank.example"}
	}
	if r.IntN(3) == 0 {
		s.Restrictions = map[abuse.Action]report.Restriction{abuse.Friction: {Visibility: []string{"DECISION_VISIBILITY_CONTENT_DEMOTED"}},
			abuse.Disable: {Monetary: "DECISION_MONETARY_SUSPENSION", Account: "DECISION_ACCOUNT_TERMINATED"}}
	}
	if r.IntN(3) == 0 {
		s.ContentTypes, s.ContentOther = []string{"CONTENT_TYPE_APP", "CONTENT_TYPE_OTHER"}, "profile"
	}
	return s
}

// Bar 5: whatever is decided, what is exported is valid, and says nothing of whom it is about. Ten
// thousand times with HUEANDCRY_FULL.
func TestEveryStatementIsValid(t *testing.T) {
	r, made := random(t), 0
	many := 4_000
	if os.Getenv("HUEANDCRY_FULL") != "" {
		many = 10_000
	}
	for range many {
		d, s := randomDecision(r), randomSettings(r)
		one, err := report.NewStatement(d, s)
		if errors.Is(err, report.ErrNoStatement) {
			continue
		}
		require.NoError(t, err)
		made++
		text, err := json.Marshal(one)
		require.NoError(t, err)
		checkFields(t, text)
		for _, never := range []string{secret, d.ID.String(), "+336", "vera", "019a0000"} {
			require.False(t, strings.Contains(string(text), never), never)
		}
		again, err := report.ParseStatement(text)
		require.NoError(t, err)
		require.Equal(t, one.PUID, again.PUID)
	}
	require.Greater(t, made, many/3)
	t.Logf("%d statements of %d decisions, all valid", made, many)
}

func TestStatementOfDecide(t *testing.T) {
	d := decide(signal(1))
	require.Equal(t, abuse.Suspend, d.Action)
	s, err := report.NewStatement(d, settings())
	require.NoError(t, err)
	require.Equal(t, "DECISION_ACCOUNT_SUSPENDED", s.Account)
	require.Equal(t, "SOURCE_TYPE_OTHER_NOTIFICATION", s.SourceType)
	require.Equal(t, "messenger.example", s.SourceIdentity)
	require.Equal(t, "STATEMENT_CATEGORY_SCAMS_AND_FRAUD", s.Category)
	require.Equal(t, []string{"KEYWORD_PHISHING"}, s.Keywords)
	require.Equal(t, "AUTOMATED_DECISION_FULLY", s.AutomatedDecision)
	require.Equal(t, report.DateOf(d.Until), s.AccountEnd)
	require.Equal(t, "2026-11-23", s.ContentDate.Format(time.DateOnly))

	other := settings()
	other.Key = hashing.NewKey()
	o, err := report.NewStatement(d, other)
	require.NoError(t, err)
	require.NotEqual(t, s.PUID, o.PUID, "the name says nothing without the key")

	d.Mode = abuse.Background
	_, err = report.NewStatement(d, settings())
	require.ErrorIs(t, err, report.ErrNoStatement)
	d.Mode = abuse.Live
	d.Action = abuse.None
	_, err = report.NewStatement(d, settings())
	require.ErrorIs(t, err, report.ErrNoStatement)
	for _, bad := range []func(*report.Settings){
		func(s *report.Settings) { s.Key = hashing.Key{} }, func(s *report.Settings) { s.Territory = nil },
		func(s *report.Settings) { s.Territory = []string{"US"} }, func(s *report.Settings) { s.ContentTypes = nil },
		func(s *report.Settings) { s.Ground = "" }, func(s *report.Settings) { s.Ground = strings.Repeat("x", 501) },
		func(s *report.Settings) { s.Explanation = strings.Repeat("x", 2001) }, func(s *report.Settings) { s.GroundURL = "ftp://x" },
		func(s *report.Settings) { s.Language = "de" }, func(s *report.Settings) { s.ContentDate = time.Unix(0, 0) },
		func(s *report.Settings) { s.AccountType = "x" }, func(s *report.Settings) { s.ContentOther = "x" },
	} {
		s := settings()
		bad(&s)
		_, err := report.NewStatement(decide(signal(1)), s)
		var e *abuse.Error
		require.ErrorAs(t, err, &e)
	}
}

// A partner who marks a signal, by whatever he may choose freely in it, does not find the mark again.
func TestStatementHidesWhichSignal(t *testing.T) {
	want, err := report.NewStatement(decide(signal(1)), settings())
	require.NoError(t, err)
	r := random(t)
	for range 500 {
		s := signal(1)
		s.ID, s.Cause, s.Revision = number(r.IntN(1000)), number(2000+r.IntN(10)), r.Uint64()
		s.Confidence, s.Reports, s.Severity = 90+r.IntN(11), uint32(5+r.IntN(1e6)), pick(r, abuse.High, abuse.Critical)
		s.LastObserved = s.LastObserved.Add(-time.Duration(r.IntN(20*24*3600)) * time.Second)
		s.FirstObserved = s.LastObserved.Add(-time.Duration(r.IntN(300*24*3600)) * time.Second)
		s.ValidUntil = s.ValidUntil.Add(time.Duration(r.IntN(1e6)) * time.Second)
		d := decide(s)
		require.Equal(t, abuse.Suspend, d.Action)
		got, err := report.NewStatement(d, settings())
		require.NoError(t, err)
		got.PUID = want.PUID // which is opaque, and of no use without the key
		require.Equal(t, want, got)
	}
}

func TestMappings(t *testing.T) {
	for c := abuse.Category(1); c <= abuse.Other; c++ {
		m, ok := report.MappingOf(c)
		require.True(t, ok, c)
		require.NotEmpty(t, m.Category, c)
	}
	_, ok := report.MappingOf(0)
	require.False(t, ok)
	_, ok = report.MappingOf(abuse.Other + 1)
	require.False(t, ok)
}

func TestBatch(t *testing.T) {
	s, err := report.NewStatement(decide(signal(1)), settings())
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, report.WriteBatch(&b, []*report.Statement{s}))
	require.True(t, strings.HasPrefix(b.String(), `{"statements":[{"decision_`))
	require.Error(t, report.WriteBatch(&b, nil))
	require.Error(t, report.WriteBatch(&b, []*report.Statement{s, s}))
	require.Error(t, report.WriteBatch(&b, []*report.Statement{{}}))
	require.Error(t, report.WriteBatch(&b, make([]*report.Statement, 101)))
}

// The same as [TestEveryStatementIsValid], led by coverage.
func FuzzNewStatement(f *testing.F) {
	f.Add(uint64(1), uint64(2), "boris", "messenger.example", "Terms", "because")
	f.Add(uint64(3), uint64(4), "\xff", "\x00", strings.Repeat("x", 500), strings.Repeat("本", 2000))
	f.Fuzz(func(t *testing.T, a, b uint64, account, from, ground, why string) {
		r := rand.New(rand.NewPCG(a, b))
		d, s := randomDecision(r), randomSettings(r)
		d.Account, s.Ground, s.Explanation = account, ground, why
		for i := range d.Explanation.Signals {
			d.Explanation.Signals[i].From = from
		}
		one, err := report.NewStatement(d, s)
		if err != nil {
			require.Nil(t, one)
			return
		}
		text, err := json.Marshal(one)
		require.NoError(t, err)
		checkFields(t, text)
		_, err = report.ParseStatement(text)
		require.NoError(t, err)
	})
}

func FuzzParseStatement(f *testing.F) {
	s, err := report.NewStatement(decide(signal(1)), settings())
	require.NoError(f, err)
	text, err := json.Marshal(s)
	require.NoError(f, err)
	f.Add(text)
	f.Add(bytes.Replace(text, []byte(`"puid":"`), []byte(`"puid":" `), 1))
	f.Add([]byte(`{"x":1}`))
	f.Add([]byte(`{"content_date":"9999-12-31"} {}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := report.ParseStatement(data)
		if err != nil {
			var e *abuse.Error
			require.ErrorAs(t, err, &e)
			return
		}
		out, err := json.Marshal(s)
		require.NoError(t, err)
		again, err := report.ParseStatement(out)
		require.NoError(t, err)
		require.Equal(t, s, again)
	})
}

// Of very many partners some are named, and none in part.
func TestWholeNames(t *testing.T) {
	names, signals := map[string]bool{}, []abuse.Signal(nil)
	for n := range 12 {
		s := signal(n)
		s.Origin = fmt.Sprintf("%s%d.example", strings.Repeat("a", 45), n)
		names[s.Origin], signals = true, append(signals, s)
	}
	st, err := report.NewStatement(decide(signals...), settings())
	require.NoError(t, err)
	named := strings.Split(st.SourceIdentity, ", ")
	require.Greater(t, len(named), 5)
	for _, n := range named {
		require.True(t, names[n], n)
	}
}
