package strength_test

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/strength"
	"github.com/hueandcry/hueandcry/hashing"
)

func sighting(places []int, kinds ...hashing.Kind) abuse.Sighting {
	return abuse.Sighting{Signal: reported, Kinds: kinds, Places: places}
}

func holding(k hashing.Kind, since time.Time, accounts int) abuse.Holding {
	return abuse.Holding{Kind: k, Since: since, Verified: abuse.Yes, Accounts: accounts}
}

var (
	long = reported.FirstObserved.AddDate(-2, 0, 0)
	late = reported.LastObserved.AddDate(0, 0, 10)
)

func TestCompare(t *testing.T) {
	phone, imei, install := hashing.Phone, hashing.IMEI, hashing.InstallID
	yes, no, unknown := abuse.Yes, abuse.No, abuse.Unknown
	old := strength.Compared{Kind: phone, Agree: yes, Held: yes, Verified: yes, Here: 1}
	blank := strength.Compared{Kind: phone, Agree: yes}
	for name, c := range map[string]struct {
		sighting abuse.Sighting
		here     []abuse.Holding
		there    []strength.There
		want     strength.Comparison
	}{
		"nothing":            {sighting(nil), nil, nil, nil},
		"old":                {sighting([]int{0}, phone), []abuse.Holding{holding(phone, long, 1)}, nil, strength.Comparison{old}},
		"the partner counts": {sighting([]int{0}, phone), []abuse.Holding{holding(phone, long, 1)}, []strength.There{{phone, 7}}, strength.Comparison{{Kind: phone, Agree: yes, Held: yes, Verified: yes, Here: 1, There: 7}}},
		"came later": {sighting([]int{0}, phone), []abuse.Holding{holding(phone, late, 2)}, nil,
			strength.Comparison{{Kind: phone, Agree: yes, Held: no, Gap: 10 * 24 * time.Hour, Verified: yes, Here: 2}}},
		"the one that agrees": {sighting([]int{1}, phone), []abuse.Holding{holding(phone, late, 9), holding(phone, long, 1)}, nil, strength.Comparison{old}},
		"one place twice":     {sighting([]int{0, 0}, phone), []abuse.Holding{holding(phone, long, 1)}, nil, strength.Comparison{old}},
		"any of two": {sighting(nil, phone), []abuse.Holding{holding(phone, late, 9), holding(phone, long, 1)}, nil,
			strength.Comparison{{Kind: phone, Agree: yes, Held: unknown, Gap: 10 * 24 * time.Hour, Verified: yes, Here: 9}}},
		"any of two, one unknown": {sighting(nil, phone), []abuse.Holding{{Kind: phone}, holding(phone, long, 1)}, nil, strength.Comparison{blank}},
		"no holding":              {sighting(nil, phone), nil, nil, strength.Comparison{blank}},
		"place out of range":      {sighting([]int{5}, phone), []abuse.Holding{holding(phone, long, 1)}, nil, strength.Comparison{blank}},
		"negative place":          {sighting([]int{-1}, phone), []abuse.Holding{holding(phone, long, 1)}, nil, strength.Comparison{blank}},
		"place of another kind":   {sighting([]int{0}, phone), []abuse.Holding{holding(imei, long, 1)}, nil, strength.Comparison{blank}},
		"a place too few":         {sighting([]int{0}, phone, imei), []abuse.Holding{holding(phone, long, 1)}, nil, strength.Comparison{blank, {Kind: imei, Agree: yes}}},
		"a blank":                 {sighting([]int{0, 1}, phone, imei), []abuse.Holding{holding(phone, long, 1), {}}, nil, strength.Comparison{old, {Kind: imei, Agree: yes}}},
		"silence is no disagreement": {sighting([]int{0}, phone), []abuse.Holding{holding(phone, long, 1), holding(imei, long, 1)}, nil,
			strength.Comparison{old}},
		"disagreement": {sighting([]int{0}, phone), []abuse.Holding{holding(phone, long, 1), holding(imei, long, 1)}, []strength.There{{imei, 1}, {install, 1}},
			strength.Comparison{old, {Kind: imei, Agree: no}}},
	} {
		require.Equal(t, c.want, strength.Compare(c.sighting, c.here, c.there...), name)
	}
}

func TestHeld(t *testing.T) {
	day := reported.LastObserved
	for name, c := range map[string]struct {
		since time.Time
		want  abuse.Truth
	}{
		"never said":            {time.Time{}, abuse.Unknown},
		"before":                {reported.FirstObserved.Add(-time.Second), abuse.Yes},
		"the day of the first":  {reported.FirstObserved, abuse.Unknown}, // a date: its day is not over
		"amid":                  {reported.FirstObserved.AddDate(0, 0, 3), abuse.Unknown},
		"the day of the last":   {day.Add(23 * time.Hour), abuse.Unknown},
		"the next day":          {day.AddDate(0, 0, 1), abuse.No},
		"the next day, by zone": {day.AddDate(0, 0, 1).Add(time.Hour).In(time.FixedZone("west", -3*3600)), abuse.No},
	} {
		got := strength.Compare(sighting([]int{0}, hashing.Phone), []abuse.Holding{{Kind: hashing.Phone, Since: c.since}})
		require.Equal(t, c.want, got[0].Held, name)
	}
	got := strength.Compare(abuse.Sighting{Kinds: []hashing.Kind{hashing.Phone}}, []abuse.Holding{holding(hashing.Phone, long, 1)})
	require.Equal(t, abuse.Unknown, got[0].Held, "reports without a time")
}

// What is held before or after the reports is so for the guard of package abuse too.
func TestHeldIsAsTheGuardHasIt(t *testing.T) {
	r := random(t)
	policy := abuse.DefaultPolicy("social", abuse.Live)
	count := map[abuse.Truth]int{}
	for range 2_000 {
		moment := func() time.Time {
			at := reported.FirstObserved.AddDate(0, 0, r.IntN(6))
			if r.IntN(2) > 0 {
				at = at.Add(time.Duration(r.IntN(86400)) * time.Second)
			}
			return at
		}
		s := sighting([]int{0}, hashing.Phone)
		s.Signal.FirstObserved, s.Signal.LastObserved = moment(), moment()
		if s.Signal.LastObserved.Before(s.Signal.FirstObserved) {
			s.Signal.FirstObserved, s.Signal.LastObserved = s.Signal.LastObserved, s.Signal.FirstObserved
		}
		here := []abuse.Holding{holding(hashing.Phone, moment(), 1)}
		held := strength.Compare(s, here)[0].Held
		count[held]++
		s.From = "messenger"
		s.Signal = abuse.Signal{
			ID: uuid.MustParse("019a0000-0000-7000-8000-000000000001"), Origin: "messenger", Category: abuse.Phishing, Class: abuse.Confirmed,
			Confidence: 85, Severity: abuse.High, Review: abuse.ReviewHuman, Permitted: abuse.PermitDirect, ActionTaken: abuse.Suspend, Revision: 1,
			FirstObserved: s.Signal.FirstObserved, LastObserved: s.Signal.LastObserved, ValidUntil: s.Signal.LastObserved.AddDate(1, 0, 0),
		}
		require.NoError(t, s.Signal.Validate())
		spoke := abuse.No // where the guard is silent
		decision := abuse.Decide(abuse.Evidence{Account: "a", Sightings: []abuse.Sighting{s}, Holdings: here}, policy, reported.LastObserved)
		for _, f := range decision.Explanation.Signals[0].Findings {
			if f.Guard == abuse.GuardRecycled {
				spoke = f.Spoke
			}
		}
		require.Equal(t, spoke.Not(), held)
	}
	require.Len(t, count, 3)
}

// The order in which a person would put matches is that of their scores.
func TestDefaultOrder(t *testing.T) {
	m := strength.Default()
	require.NoError(t, m.Validate())
	phone := func(since time.Time, accounts int, verified abuse.Truth) []abuse.Holding {
		return []abuse.Holding{{Kind: hashing.Phone, Since: since, Verified: verified, Accounts: accounts}, holding(hashing.IMEI, long, 1)}
	}
	scores := []struct {
		what  string
		score int
	}{
		{"number and device", m.Score(sighting([]int{0, 1}, hashing.Phone, hashing.IMEI), phone(long, 1, abuse.Yes))},
		{"number, old, proved", m.Score(sighting([]int{0}, hashing.Phone), phone(long, 1, abuse.Yes))},
		{"number, old, not proved", m.Score(sighting([]int{0}, hashing.Phone), phone(long, 1, abuse.No))},
		{"number of two", m.Score(sighting([]int{0}, hashing.Phone), phone(long, 2, abuse.Yes))},
		{"number of five", m.Score(sighting([]int{0}, hashing.Phone), phone(long, 5, abuse.Yes))},
		{"number of fifty", m.Score(sighting([]int{0}, hashing.Phone), phone(long, 50, abuse.Yes))},
		{"number of five, came later", m.Score(sighting([]int{0}, hashing.Phone), phone(late, 50, abuse.Yes))},
	}
	for i, s := range scores {
		t.Logf("%-28s %3d", s.what, s.score)
		if i > 0 {
			require.LessOrEqual(t, s.score, scores[i-1].score, s.what)
		}
	}
	require.Equal(t, 99, scores[0].score)
	require.Greater(t, scores[1].score, 95)
	require.Less(t, scores[3].score, 60, "of two who share a number one is meant")
	four := []abuse.Holding{{Kind: hashing.Phone, Since: long, Verified: abuse.Yes, Accounts: 4}, holding(hashing.IMEI, long, 4)}
	require.Greater(t, m.Weigh(strength.Compare(sighting([]int{0, 1}, hashing.Phone, hashing.IMEI), four)).Probability, .9999,
		"as the package says: two identifiers that a household shares look like one person's")
	require.Zero(t, m.Score(sighting(nil), nil))
	require.Zero(t, strength.Model{}.Weigh(strength.Comparison{{Kind: hashing.Phone, Agree: abuse.Yes}}).Score())
}

// What policies take is what a Score is of; nothing that agrees is not known, and no zero.
func TestMatch(t *testing.T) {
	m := strength.Default()
	s, here := twoKinds()
	p, ok := m.Match(&abuse.Evidence{Holdings: here}, &abuse.Weighed{Sighting: s}, late)
	require.True(t, ok)
	require.Equal(t, m.Score(s, here), int(100*p))
	_, ok = m.Match(&abuse.Evidence{Holdings: here}, &abuse.Weighed{}, late)
	require.False(t, ok)

	other := strength.Default()
	slices.Reverse(other.Fields)
	require.Equal(t, m.Hash(), other.Hash(), "the order of fields says nothing")
	require.Equal(t, hashing.InstallID, other.Fields[0].Kind)
	other.Fields[0].HalfLife++
	require.NotEqual(t, m.Hash(), other.Hash())
	other.Prior = math.NaN()
	require.Zero(t, other.Hash())
}

func TestModelBounds(t *testing.T) {
	for name, change := range map[string]func(*strength.Model){
		"prior":      func(m *strength.Model) { m.Prior = 1 },
		"no prior":   func(m *strength.Model) { m.Prior = math.NaN() },
		"dependence": func(m *strength.Model) { m.Dependence = 1.1 },
		"no fields":  func(m *strength.Model) { m.Fields = nil },
		"kind":       func(m *strength.Model) { m.Fields[0].Kind = 0 },
		"twice":      func(m *strength.Model) { m.Fields[1].Kind = hashing.Phone },
		"no agree":   func(m *strength.Model) { m.Fields[0].Agree = strength.Rate{} },
		"m below u":  func(m *strength.Model) { m.Fields[0].Held = strength.Rate{M: .1, U: .2} },
		"certain":    func(m *strength.Model) { m.Fields[0].Verified.M = 1 },
		"never":      func(m *strength.Model) { m.Fields[0].Agree.U = 0 },
		"typical":    func(m *strength.Model) { m.Fields[0].Typical = .5 },
		"stray":      func(m *strength.Model) { m.Fields[0].Stray = 0 },
		"half life":  func(m *strength.Model) { m.Fields[0].HalfLife = math.Inf(1) },
	} {
		m := strength.Default()
		change(&m)
		var e *abuse.Error
		require.ErrorAs(t, m.Validate(), &e, name)
		require.Contains(t, e.Error(), "abuse: strength ")
	}
}

func TestEstimateRefuses(t *testing.T) {
	both := func(a, b abuse.Truth, n int64) strength.Pattern {
		return strength.Pattern{Comparison: strength.Comparison{{Kind: hashing.Phone, Agree: a}, {Kind: hashing.IMEI, Agree: b}}, Pairs: n}
	}
	yes, no := abuse.Yes, abuse.No
	good := []strength.Pattern{both(yes, yes, 50), both(yes, no, 10), both(no, yes, 10), both(no, no, 10_000)}
	for name, c := range map[string]struct {
		patterns []strength.Pattern
		options  strength.Options
		says     string
	}{
		"nothing":        {nil, strength.Options{}, "hold no agreement"},
		"no agreement":   {good[3:], strength.Options{}, "hold no agreement"},
		"no other pair":  {good[:3], strength.Options{}, "of which nothing agrees"},
		"no pairs":       {[]strength.Pattern{both(yes, yes, 0)}, strength.Options{}, "1 pair each"},
		"too many pairs": {[]strength.Pattern{both(yes, yes, math.MaxInt64)}, strength.Options{}, "1 pair each"},
		"a kind twice": {[]strength.Pattern{{Comparison: strength.Comparison{{Kind: hashing.Phone}, {Kind: hashing.Phone}}, Pairs: 1}},
			strength.Options{}, "each kind once"},
		"never a no": {[]strength.Pattern{both(yes, yes, 50), both(yes, abuse.Unknown, 50), both(abuse.Unknown, yes, 50),
			both(abuse.Unknown, abuse.Unknown, 1_000_000)}, strength.Options{}, "strength estimate"},
		"steps":        {good, strength.Options{Steps: -1}, "steps"},
		"too few":      {good, strength.Options{Steps: 1}, "has not converged"},
		"pseudo":       {good, strength.Options{Pseudo: math.NaN()}, "pseudo"},
		"base":         {good, strength.Options{Base: strength.Model{Prior: 2}}, "prior"},
		"no two sorts": {[]strength.Pattern{both(yes, yes, 250_000), both(yes, no, 250_000), both(no, yes, 250_000), both(no, no, 250_000)}, strength.Options{}, "strength estimate"},
	} {
		m, _, err := strength.Estimate(c.patterns, c.options)
		var e *abuse.Error
		require.ErrorAs(t, err, &e, name)
		require.Contains(t, err.Error(), c.says, name)
		require.Zero(t, m, name)
	}
	m, fit, err := strength.Estimate(good, strength.Options{})
	require.NoError(t, err)
	require.False(t, fit.Identified)
	require.Len(t, fit.Kept, 5)
	require.Equal(t, strength.Default().Fields[4].Agree.M, m.Fields[4].Agree.M)
}

func FuzzParseModel(f *testing.F) {
	seeds := 0
	for _, m := range []strength.Model{strength.Default(), {Prior: .5, Fields: []strength.Field{{Kind: hashing.Phone, Agree: strength.Rate{M: .5, U: .1}}}}} {
		data, err := json.Marshal(m)
		require.NoError(f, err)
		for _, seed := range []string{string(data), string(data) + "{}", strings.Replace(string(data), "prior", "secret", 1), string(data[:len(data)/2]), "null"} {
			f.Add([]byte(seed))
			seeds++
		}
	}
	require.Equal(f, 10, seeds)
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := strength.ParseModel(data)
		if err != nil {
			var e *abuse.Error
			require.ErrorAs(t, err, &e)
			require.Zero(t, m)
			return
		}
		require.NoError(t, m.Validate())
		out, err := json.Marshal(m)
		require.NoError(t, err)
		again, err := strength.ParseModel(out)
		require.NoError(t, err)
		require.Equal(t, m, again)
		require.False(t, math.IsNaN(m.Weigh(strength.Comparison{{Kind: hashing.Phone, Agree: abuse.Yes, Here: 3}}).Probability))
	})
}

func TestParseModelEchoesNothing(t *testing.T) {
	for _, text := range []string{`{"+33612345678":1}`, `{"prior":"+33612345678"}`, `{"prior":.5,"fields":[{"kind":"+33612345678"}]}`, `+33612345678`, strings.Repeat(" ", strength.MaxModel+1)} {
		_, err := strength.ParseModel([]byte(text))
		require.Error(t, err)
		require.NotContains(t, err.Error(), "336")
	}
	data, err := json.Marshal(strength.Default())
	require.NoError(t, err)
	m, err := strength.ParseModel(data)
	require.NoError(t, err)
	require.Equal(t, strength.Default(), m)
	_, err = strength.ParseModel(append(data, data...))
	require.ErrorContains(t, err, "after its end")
}
