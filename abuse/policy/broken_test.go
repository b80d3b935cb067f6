package policy_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse/policy"
)

// sound is a file in which one thing at a time is broken. Line 6 begins the first
// rule, line 14 the second.
const sound = `schema: 1
name: sound
guards:
  phone_accounts: 3
rules:
  - id: hard
    version: 1
    status: live
    categories: [spam, phishing]
    when: signal.confidence >= 80 && match.phone
    action: suspend
    for: 7d
    scope: services
  - id: soft
    version: 2
    status: background
    expires: "2027-01-31"
    daily_cap: 10
    when: |
      signal.confidence >= 50
      && signal.reports >= 2
    action: friction
    for: 36h
    reasons:
      en: "{origin} says {category}"
      pt-BR: "{origin} diz {category}"
    supersedes: [old]
  - id: old
    version: 1
    status: archived
    when: signal.confirmed
    action: label
    for: 1h
`

// broken files: what of the sound one is replaced, by what, where the error is,
// and what it says.
var broken = []struct{ old, by, at, says string }{
	// Syntax.
	{"[spam, phishing]", "[spam, phishing", "10", "syntax"},
	{"name: sound", "name: \"sound", "17", "syntax"},
	{"name: sound", "name: sound\nname: twice", "3", "syntax"},
	{"  - id: soft", " - id: soft", "14", "syntax"},
	{"    status: live", "\tstatus: live", "8", "syntax"},
	{"for: 7d", "for: *seven", "12:10", "for must be text"},
	{"for: 7d", "for: &seven 7d", "12:10", "for must be text"},
	{"for: 7d", "for: !!str 7d", "12:10", "for must be text"},
	{"name: sound", "name: \x00sound", "2", "UTF-8"},
	{"name: sound", "name: \xff", "2", "UTF-8"},
	{"name: sound", "name: \rsound", "2:7", "control"},
	{"name: sound", "name: " + strings.Repeat("[", 200), "2:107", "nested"},
	{"name: sound", "name: " + strings.Repeat("a", 20000), "2", "too long"},
	{"name: sound", "name: sound\n# " + strings.Repeat("# a\n", 300000), "1:1", "1 MiB"},
	{sound, "", "1:1", "document"},
	{sound, sound + "---\n" + sound, "1:1", "document"},
	{sound, sound + strings.Repeat("---\na: 1\n", 100_000), "38:1", "document"}, // which would take minutes
	{sound, strings.Repeat("a: 1\n...\n", 100_000), "6:1", "document"},
	{"rules:", "rules:\n" + strings.Repeat("  - "+strings.Repeat("- ", 8000)+"a\n", 60), "6:1", "lists are nested"},
	{sound, "- a\n- b\n", "1", "schema"},
	{"name: sound", "<<: {name: sound}", "2:1", "must be a word"},
	// Keys and values.
	{"schema: 1", "schema: 2", "1:9", "schema must be"},
	{"schema: 1\n", "", "1:1", "schema: 1"},
	{"name: sound\n", "", "1:1", "must have name"},
	{"name: sound", "name: [sound]", "2:7", "name must be text"},
	{"name: sound", "name: Sound and Safe", "2:7", "name must be"},
	{"name: sound", "nmae: sound", "2:1", `no "nmae"`},
	{"phone_accounts: 3", "phone_account: 3", "4:3", `no "phone_account"`},
	{"phone_accounts: 3", "phone_accounts: 0", "4:19", "whole number"},
	{"phone_accounts: 3", "skew: 25h", "4:9", "duration"},
	{"phone_accounts: 3", "require_verified: \"yes\"", "4:21", "true or false"},
	{"phone_accounts: 3", "corroboration_severity: dire", "4:27", "must be one of low, medium, high, critical"},
	{"    version: 1\n    status: live", "    status: live", "6:9", "must have version"},
	{"version: 2", "version: two", "15:14", "whole number"},
	{"version: 2", "version: 0", "15:14", "whole number"},
	{"version: 2", "version: 010", "15:14", "plain digits"},
	{"version: 2", "version: 0x2", "15:14", "plain digits"},
	{"version: 2", "version: 1_000", "15:14", "plain digits"},
	{"status: live", "status: alive", "8:13", "must be one of draft, background, live, archived"},
	{"id: hard", "id: Hard!", "6:9", "id must be"},
	{"id: hard", "id: none", "6:9", "id must be"},
	{"id: soft", "id: hard", "14:9", "id is that of another"},
	{"[spam, phishing]", "[spam, fishing]", "9:24", "must be one of spam, "},
	{"[spam, phishing]", "[]", "9:17", "empty"},
	{"[spam, phishing]", "spam", "9:17", "list"},
	{"action: suspend", "action: explode", "11:13", "must be one of none, label"},
	{"action: suspend", "action: none", "11:13", "harsher than none"},
	{"action: friction\n    for: 36h", "action: disable\n    for: 36h", "14:9", "harsher than the one before"},
	{"for: 7d", "for: forever", "12:10", "duration"},
	{"for: 7d", "for: 400d", "12:10", "duration"},
	{"for: 7d", "for: 7", "12:10", "must be text"},
	{"for: 7d", "for: -1h", "12:10", "duration"},
	{"scope: services", "scope: world", "13:12", "must be one of account, services"},
	{"2027-01-31", "2027-02-31", "17:14", "day or a time"},
	{"daily_cap: 10", "daily_cap: -1", "18:16", "whole number"},
	{"action: friction", "action: label", "18:16", "no bound holds a label back"},
	{"for: 1h", "for: 1h\n    daily_cap: 5", "34:16", "no bound holds a label back"},
	{"pt-BR:", "not_a_language:", "26:7", "BCP 47"},
	{"pt-BR:", "EN:", "26:11", "twice"},
	{"{origin} says", "{phone} says", "25:11", "no {phone}"},
	{"{origin} says", "{origin says", "25:11", "{ without"},
	{"{origin} says", "origin} says", "25:11", "} without"},
	{"supersedes: [old]", "supersedes: [older]", "27:18", "another rule"},
	{"supersedes: [old]", "supersedes: [soft]", "27:18", "another rule"},
	{"action: label\n    for: 1h", "supersedes: [soft]\n    action: label\n    for: 1h", "14:9", "circle"},
	// Conditions.
	{"80 && match.phone", "80 && && match.phone", "10:38", "Syntax"},
	{"80 && match.phone", "(80 && match.phone", "10", "Syntax"},
	{"80 && match.phone", "80 && match.fone", "10:43", "undeclared"},
	{"80 && match.phone", "80 && phone", "10:38", "undeclared"},
	{"signal.reports >= 2", "signal.reprots >= 2", "21:16", "undeclared"},
	{"signal.reports >= 2", "signal.reports >= 'two'", "21:25", "no matching overload"},
	{"signal.confidence >= 80", "signal.confidence >= 80.5 + 1", "10:37", "no matching overload"},
	{"80 && match.phone", "80 && signal.reports", "10", "type"},
	{"when: signal.confirmed", "when: signal.confidence", "31:11", "must be a bool"},
	{"when: signal.confirmed", "when: true && signal.category == 'fishing'", "31", "no category"},
	{"when: signal.confirmed", "when: signal.category in ['spam', 'fishing']", "31", "no category"},
	{"when: signal.confirmed", "when: signal.age < duration('7 days')", "31:33", "a duration is as"},
	{"when: signal.confirmed", "when: signal.age + duration('7d') > signal.span", "31:33", "a duration is as"}, // which is left to cel-go
	{"when: signal.confirmed", "when: now - signal.age > timestamp('2026-01-01')", "31:40", "a time is as"},
	{"when: signal.confirmed", "when: signal.origin.matches('(')", "31:33", "regular expression"},
	{"when: signal.confirmed", "when: now > timestamp('tomorrow')", "31:27", "a time is as"},
	{"when: signal.confirmed", "when: now.getHours('Europe/Berlin') >= 22", "31:24", "time zone"},
	{"when: signal.confirmed", "when: true && now.getDayOfWeek('Local') == 0", "31:36", "time zone"},
	{"when: signal.confirmed", "when: now.getMinutes('+01:00') == 0", "31:26", "time zone"},
	{"when: signal.confirmed", "when: now.getHours('') == 0", "31:24", "time zone"},
	{"when: signal.confirmed", "when: dyn(now).getFullYear(signal.origin) == 2026", "31:38", "time zone"},
	{"when: signal.confirmed", "when: '[1, 2].exists(x, now.getMonth(\"Asia/Tokyo\") == x)'", "31:42", "time zone"},
	{"when: signal.confirmed", "when: >\n      {'a': 1, 'b': 2}.map(k, k)[0] == 'a'", "32:7", "only lists"},
	{"when: signal.confirmed", "when: >\n      dyn({'a': 1, 'b': 2}).exists(k, k == 'a')", "32:10", "only lists"},
	{"when: signal.confirmed", "when: >\n      [{'a': 1, 'b': 2}].exists(m, m.filter(k, true)[0] == 'a')", "32:36", "only lists"},
	{"when: signal.confirmed", "when: >\n      " + endless(5), "32:7", "cost"},
	{"when: signal.confirmed", "when: signal.reports > 9223372036854775808", "31:28", ""},
	{"when: signal.confirmed", "when: " + strings.Repeat("(", 90) + "true" + strings.Repeat(")", 90), "31:11", "limit"},
	{"when: signal.confirmed", "when: " + strings.Repeat("true && ", 600) + "true", "31:11", "longer"},
	{"when: signal.confirmed", "when: signal.confirmed ? true : false", "31:11", "quote"},
	{"when: signal.confirmed", "when: !signal.confirmed", "31:11", "quote"},
	{"when: signal.confirmed", "when: \"\"", "31:12", "Syntax"},
	{"when: signal.confirmed", "when: signal.confirmed()", "31:27", "undeclared"},
	{"when: signal.confirmed", "when: size(signal.origin) > signal", "31", "undeclared"},
	{"when: signal.confirmed", "when: [signal.confirmed]", "31:11", "text"},
	{"    when: signal.confirmed\n", "", "28:9", "must have when"},
	{"when: signal.confirmed", "when: >\n      signal.confirmed // or not\n      && signal.reviewed", "31:11", "comment"},
	{"when: signal.confirmed", "when: signal.confirmed // or not\n      && signal.reviewed", "31:11", "comment"},
	{"when: signal.confirmed", "when: 'signal.confirmed && signal.foo'", "31:38", "undeclared"},
	{"when: signal.confirmed", "when: signal.confirmed\n      && signal.foo", "31:11", "undeclared"},
	{"when: signal.confirmed", "when: >-\n      signal.confirmed\n\n        && signal.foo", "34:18", "undeclared"},
	{"when: signal.confirmed", "when: |\n\n      signal.confirmed\n      && signal.foo", "34:16", "undeclared"},
	{"when: signal.confirmed", "when: |2 # so\n        true\n        && signal.foo", "33:18", "undeclared"},
}

// endless is n loops within each other.
func endless(n int) string {
	s := "true"
	for i := range n {
		s = fmt.Sprintf("[1, 2, 3, 4, 5, 6, 7, 8, 9, 10].all(x%d, %s)", i, s)
	}
	return s
}

func TestBrokenFiles(t *testing.T) {
	_, err := policy.Parse("sound.yaml", []byte(sound))
	require.NoError(t, err)
	for _, same := range []string{strings.ReplaceAll(sound, "\n", "\r\n"), "\ufeff" + sound, "---\n" + sound + "...\n"} {
		_, err = policy.Parse("sound.yaml", []byte(same))
		require.NoError(t, err)
	}
	require.GreaterOrEqual(t, len(broken), 50)
	for i, b := range broken {
		require.Contains(t, sound, b.old)
		s, err := policy.Parse("sound.yaml", []byte(strings.Replace(sound, b.old, b.by, 1)))
		t.Logf("%d %v", i, err)
		var e *policy.Error
		if !errors.As(err, &e) {
			t.Errorf("%d: %q loads, or fails otherwise: %v", i, clip(b.by), err)
			continue
		}
		if s != nil {
			t.Errorf("%d: loads in part", i)
		}
		at := fmt.Sprintf("%d:%d", e.Line, e.Column)
		if e.Line < 1 || e.Column < 1 || at != b.at && !strings.HasPrefix(at, b.at+":") && b.at != "" {
			t.Errorf("%d: %q: at %s, not %s: %v", i, clip(b.by), at, b.at, err)
		}
		if !strings.Contains(e.Problem, b.says) || strings.Contains(err.Error(), "\n") || len(e.Problem) > 400 {
			t.Errorf("%d: %q: %v", i, clip(b.by), err)
		}
	}
}

// UTC is the zone that every host has.
func TestHoursInUTC(t *testing.T) {
	for _, when := range []string{"now.getHours() == 12", "now.getHours('UTC') == 12 && now.getDayOfWeek() == 1", "signal.age.getHours() > 0", "true && [10, 12].exists(h, now.getHours() == h)"} {
		s, err := policy.Parse("sound.yaml", []byte(strings.Replace(sound, "signal.confidence >= 80 && match.phone", when, 1)))
		require.NoError(t, err, when)
		require.Equal(t, "hard", s.Decide(one(), now.In(time.FixedZone("", 3600))).Rule, when)
	}
}

func clip(s string) string { return s[:min(len(s), 60)] }
