package policy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/policy"
	"github.com/hueandcry/hueandcry/hashing"
)

// All that a decision or its explanation depends on is in the hash, and nothing
// else is.
func TestHash(t *testing.T) {
	hash := func(text string) abuse.Digest {
		s, err := policy.Parse("h.yaml", []byte(text))
		require.NoError(t, err)
		return s.Hash()
	}
	seen := map[abuse.Digest]string{hash(sound): "sound"}
	for _, change := range [][2]string{{"phone_accounts: 3", "phone_accounts: 4"}, {"phone_accounts: 3", "corroboration: 61"},
		{"id: hard", "id: harder"}, {"version: 2", "version: 3"}, {"status: live", "status: draft"}, {"[spam, phishing]", "[phishing, spam]"},
		{"[spam, phishing]", "[spam]"}, {">= 80", ">= 81"}, {"action: suspend", "action: limit"}, {"for: 36h", "for: 37h"},
		{"    scope: services\n", ""}, {"2027-01-31", "2027-02-01"}, {"daily_cap: 10", "daily_cap: 11"}, {"says", "said"},
		{"pt-BR", "pt-PT"}, {"    supersedes: [old]\n", ""}} {
		require.Contains(t, sound, change[0])
		h := hash(strings.Replace(sound, change[0], change[1], 1))
		require.NotContains(t, seen, h, change)
		seen[h] = change[1]
	}
	for _, change := range [][2]string{{"schema: 1\n", "# so it is\nschema: 1\n"}, {"name: sound", "name: other"}, {">= 80 && match.phone", ">=  80&&match.phone"},
		{"36h", "2160m"}, {"[spam, phishing]", "\n      - spam\n      - phishing"}, {"\"2027-01-31\"", "2027-01-31T00:00:00Z"}} {
		require.Contains(t, sound, change[0])
		require.Equal(t, hash(sound), hash(strings.Replace(sound, change[0], change[1], 1)), change)
	}
	s := parse(t, rule("r", "live", "label", "true", ""))
	options := map[abuse.Digest]bool{}
	for _, o := range []policy.Options{{}, {Self: "other"}, {Mode: abuse.Backtest}, {Discount: map[string]float64{"a": 0.5}}, {Discount: map[string]float64{"a": 0.6}},
		{Discount: map[string]float64{"b": 0.5}}, {Languages: []string{"de"}}, {Languages: []string{"fr"}},
		{Strength: sure, StrengthName: "1"}, {Strength: sure, StrengthName: "2"}} {
		x, err := s.With(o)
		require.NoError(t, err)
		require.False(t, options[x.Hash()], "%v", o)
		options[x.Hash()] = true
	}
}

func sure(_ *abuse.Evidence, w *abuse.Weighed, _ time.Time) (float64, bool) {
	return 0.95, w.From == "bank"
}

// What is known of one signal is not taken for what is known of the next.
func TestFactsOfTheirOwn(t *testing.T) {
	e := one()
	e.Sightings = append(e.Sightings, sighting(strong(2, "bank"), hashing.Phone))
	e.Sightings[0].Signal.Reports = 0
	for _, c := range []string{"match.strength >= 0.9", "signal.reports >= 1"} {
		for origin, rule0 := range map[string]string{"messenger": "none", "bank": "r"} {
			s, err := parse(t, rule("r", "live", "label", c+" && signal.origin == '"+origin+"'", "")).With(policy.Options{Strength: sure, StrengthName: "t"})
			require.NoError(t, err)
			require.Equal(t, rule0, s.Decide(e, now).Rule)
			require.Equal(t, rule0, s.Explain(e, now).Rule)
		}
	}
}
