package policy_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/policy"
	"github.com/hueandcry/hueandcry/hashing"
)

func parse(t testing.TB, rules string) *policy.Set {
	s, err := policy.Parse("test.yaml", []byte("schema: 1\nname: test\nrules:\n"+rules))
	require.NoError(t, err)
	return social(t, s)
}

// rule writes a rule of one line.
func rule(id, status, action, when, more string) string {
	return fmt.Sprintf("- {id: %s, version: 3, status: %s, action: %s, for: 7d, when: %q%s}\n", id, status, action, when, more)
}

// one is a strong signal by a phone number that is the account's.
func one() abuse.Evidence {
	e := abuse.Evidence{Account: "a", Sightings: []abuse.Sighting{sighting(strong(1, "messenger"), hashing.Phone)},
		Holdings: []abuse.Holding{good(hashing.Phone)}}
	e.Sightings[0].Places = []int{0}
	return e
}

// agree says whether a decision is what is explained, in all that it has.
func agree(t testing.TB, want abuse.Decision, got policy.Decision) {
	version := 0
	if n := len(want.Explanation.Rules); want.Rule != "none" {
		version = want.Explanation.Rules[n-1].Version
	}
	require.Equal(t, policy.Decision{ID: want.ID, Account: want.Account, Action: want.Action, Scope: want.Scope, Until: want.Until,
		Mode: want.Mode, At: want.At, Rule: want.Rule, Version: version, PolicyHash: want.PolicyHash, Matched: want.Matched,
		Signals: want.Signals}, got, "%s", want.Text())
}

// The short cuts of Decide, with many rules of all kinds, come to what trying
// them one by one does.
func TestDecideIsExplain(t *testing.T) {
	r := random(t)
	n := 3000
	if testing.Short() {
		n = 300
	}
	acted, several := 0, 0
	for _, rules := range []int{1, 50, 300, 1000} {
		s := many(t, rules)
		for range n / max(1, rules/100) {
			e := randomEvidence(r, pick(r, 0, 1, 2, 4))
			if r.IntN(4) == 0 {
				e.Own, e.Unreadable = abuse.Own{Reports: r.IntN(9), Days: r.IntN(9), First: now.AddDate(0, 0, -r.IntN(9))}, r.IntN(3)
			}
			want, got := s.Explain(e, now), s.Decide(e, now)
			agree(t, want, got)
			if got.Version > 0 {
				acted++
				if len(got.Signals) > 1 {
					several++
				}
			}
		}
	}
	t.Log(acted, "acted,", several, "by several signals")
	require.Positive(t, acted)
	require.Positive(t, several)
}

// The room that decisions share keeps nothing of one for the next: not of a large
// one, and none can be changed by deciding another.
func TestRoom(t *testing.T) {
	r := random(t)
	s := many(t, 50)
	type pair struct {
		want abuse.Decision
		got  policy.Decision
	}
	var all []pair
	for range 300 {
		e := randomEvidence(r, pick(r, 0, 1, 2, 30, 300))
		e.Account = strings.Repeat("a", r.IntN(3000))
		all = append(all, pair{s.Explain(e, now), s.Decide(e, now)})
	}
	for _, p := range all {
		agree(t, p.want, p.got)
	}
}

// In JSON too a decision has the names of the explained one.
func TestDecisionJSON(t *testing.T) {
	r := random(t)
	s := social(t, policy.Default())
	for range 100 {
		e := randomEvidence(r, r.IntN(4))
		fields := func(d any) (m map[string]any) {
			data, err := json.Marshal(d)
			require.NoError(t, err)
			require.NoError(t, json.Unmarshal(data, &m))
			return m
		}
		want, got := fields(s.Explain(e, now)), s.Decide(e, now)
		for name, v := range fields(got) {
			if name != "version" {
				require.Equal(t, want[name], v, name)
			}
		}
		data, err := json.Marshal(got)
		require.NoError(t, err)
		var back policy.Decision
		require.NoError(t, json.Unmarshal(data, &back))
		require.Equal(t, got, back)
	}
}

// Only live rules act. Those in the background are reported, drafts and archived
// ones are not even tried.
func TestStatus(t *testing.T) {
	s := parse(t, rule("draft", "draft", "suspend", "true", "")+rule("old", "archived", "suspend", "true", "")+
		rule("quiet", "background", "suspend", "true", "")+rule("loud", "live", "label", "true", ""))
	d := s.Explain(one(), now)
	require.Equal(t, "loud", d.Rule)
	require.Len(t, d.Explanation.Rules, 1)
	require.Equal(t, 3, d.Explanation.Rules[0].Version)
	require.Len(t, d.Explanation.Background, 1)
	require.Equal(t, "quiet", d.Explanation.Background[0].Rule)
	require.Equal(t, abuse.Yes, d.Explanation.Background[0].Met)
	require.Contains(t, d.Text(), "background rule quiet version 3 (suspend): yes")
	agree(t, d, s.Decide(one(), now))
}

// A rule acts until it expires, and one that it supersedes from then on.
func TestExpiryAndSupersedes(t *testing.T) {
	end := now.Add(time.Hour)
	s := parse(t, rule("new", "live", "limit", "true", `, supersedes: [old], expires: "`+end.Format(time.RFC3339)+`"`)+
		rule("old", "live", "limit", "true", "")+rule("last", "live", "label", "true", ""))
	for _, c := range []struct {
		at   time.Time
		rule string
	}{{now, "new"}, {end.Add(-time.Second), "new"}, {end, "old"}} {
		require.Equal(t, c.rule, s.Decide(one(), c.at).Rule)
		agree(t, s.Explain(one(), c.at), s.Decide(one(), c.at.In(time.FixedZone("", 3600))))
	}
	info, ok := s.Rule("old")
	require.True(t, ok)
	require.True(t, info.Superseded)
	// A rule that never ends.
	s = parse(t, rule("old", "live", "limit", "true", "")+rule("new", "live", "label", "true", ", supersedes: [old]"))
	require.Equal(t, "new", s.Decide(one(), now).Rule)
	require.Equal(t, "new", s.Explain(one(), now).Rule)
	// One that does not act itself supersedes nothing.
	s = parse(t, rule("old", "live", "limit", "true", "")+rule("new", "background", "label", "true", ", supersedes: [old]"))
	require.Equal(t, "old", s.Explain(one(), now).Rule)
	require.Equal(t, "old", s.Decide(one(), now).Rule)
}

// What is unknown meets no condition and no negation of it, and the decision says
// what was missing.
func TestUnknown(t *testing.T) {
	for _, when := range []string{"signal.reports >= 2", "!(signal.reports >= 2)", "signal.reports < 2", "own.reports >= 1 && signal.reports >= 0",
		"signal.reports >= 2 ? true : true", "signal.reports == signal.reports", "signal.origin.startsWith('m') && signal.reports + 1 > 0"} {
		s := parse(t, rule("r", "live", "label", when, ""))
		e := one()
		e.Sightings[0].Signal.Reports = 0
		d := s.Explain(e, now)
		require.Equal(t, abuse.None, d.Action, when)
		require.Equal(t, abuse.None, s.Decide(e, now).Action, when)
		require.Equal(t, abuse.Unknown, d.Explanation.Rules[0].Met, when)
		require.Contains(t, d.Explanation.Rules[0].Missing, "signal.reports", when)
		require.Contains(t, d.Text(), "missing: signal.reports", when)
	}
	for _, when := range []string{"own.reports >= 2 || signal.reports >= 2", "own.reports >= 2 || true",
		"signal.reports + (own.known ? own.reports : 0) >= 14"} {
		require.Equal(t, "r", parse(t, rule("r", "live", "label", when, "")).Decide(one(), now).Rule, when)
	}
	e := one()
	e.Own = abuse.Own{Reports: 6, Days: 2, First: now.AddDate(0, 0, -9), Last: now.AddDate(0, 0, -3)}
	for _, when := range []string{"signal.reports + (own.known ? own.reports : 0) >= 20", "own.days == 2", "own.age == duration('216h')", "own.quiet == duration('72h')"} {
		require.Equal(t, "r", parse(t, rule("r", "live", "label", when, "")).Decide(e, now).Rule, when)
	}
}

// Nothing is missing where it would change nothing.
func TestMissing(t *testing.T) {
	e := one()
	e.Sightings[0].Signal.Reports = 0
	d := parse(t, rule("r", "live", "label", "signal.reports >= 2 && signal.hops > 0", "")).Explain(e, now)
	require.Equal(t, abuse.No, d.Explanation.Rules[0].Met)
	require.Empty(t, d.Explanation.Rules[0].Missing)
	// A comment in a block hides nothing but itself.
	s := parse(t, "- id: r\n  version: 1\n  status: live\n  action: label\n  for: 1h\n  when: |\n    signal.confirmed // as it is\n    && signal.hops > 0\n")
	require.Equal(t, "none", s.Decide(one(), now).Rule)
}

// Where a rule is met without corroboration as well, it does not lean on it: the
// second signal is not carried, and does not end the step.
func TestLeaning(t *testing.T) {
	e := one()
	second := strong(2, "bank")
	second.ValidUntil = now.AddDate(0, 0, 1)
	e.Sightings = append(e.Sightings, sighting(second, hashing.Phone))
	for when, carried := range map[string]int{"match.corroborated && signal.origin == 'messenger'": 2,
		"(match.corroborated || signal.reports >= 3) && signal.origin == 'messenger'": 1} {
		s := parse(t, rule("r", "live", "suspend", when, ""))
		d, o := s.Explain(e, now), s.Decide(e, now)
		require.Len(t, d.Signals, carried, when)
		agree(t, d, o)
		require.Equal(t, carried == 2, d.Until.Equal(second.ValidUntil), when)
		require.Equal(t, carried == 2, strings.Contains(d.Reason, "independently"), d.Reason)
	}
}

// The same evidence, rules and time give the same bytes, whatever the layout of
// the file and whether it is YAML or JSON.
func TestExplanation(t *testing.T) {
	data, err := fs.ReadFile(policy.Shipped, "default.yaml")
	require.NoError(t, err)
	compact, err := yaml.YAMLToJSON(data)
	require.NoError(t, err)
	var asJSON bytes.Buffer
	require.NoError(t, json.Indent(&asJSON, compact, "", "\t"))
	other, err := policy.Load(fstest.MapFS{"d/rules.json": {Data: asJSON.Bytes()}}, "d/rules.json")
	require.NoError(t, err)
	require.Equal(t, policy.Default().Hash(), other.Hash())
	r := random(t)
	a, b := social(t, policy.Default()), social(t, other)
	for range 300 {
		e := randomEvidence(r, 1+r.IntN(3))
		x, y := a.Explain(e, now), b.Explain(e, now)
		require.Equal(t, x.Text(), y.Text())
		first, err := json.Marshal(x)
		require.NoError(t, err)
		second, err := json.Marshal(y)
		require.NoError(t, err)
		require.Equal(t, string(first), string(second))
		var back abuse.Decision
		require.NoError(t, json.Unmarshal(first, &back))
		require.Equal(t, x.Explanation.Rules, back.Explanation.Rules)
		require.Equal(t, a.Hash(), x.PolicyHash)
	}
	text := a.Explain(one(), now).Text()
	for _, says := range []string{"signal.discounted >= 80 (signal.discounted = 85): yes", "rule suspend_confirmed version 1 (suspend): yes",
		"origin messenger", "signal.severity >= high (signal.severity = high): yes", "signal.reviewed (signal.reviewed = false): no", "of policy " + a.Hash().String()[:16]} {
		require.Contains(t, text, says)
	}
}

// A reason is in the language that is asked for, else in the rule's first.
func TestReasons(t *testing.T) {
	s := social(t, policy.Default())
	d := s.Explain(one(), now)
	require.Equal(t, abuse.Decide(one(), abuse.DefaultPolicy("social", abuse.Live), now).Reason, d.Reason)
	require.Equal(t, d.Reason, s.Reason(d, "fr"))
	require.Equal(t, d.Reason, s.Reason(d, "not a tag"))
	german := "Gesperrt bis 2026-11-30 12:00 UTC: messenger hat dies bestätigt (phishing, Sicherheit 85 von 100, 14 Meldungen)."
	require.Equal(t, german, s.Reason(d, "fr", "de-AT"))
	s, err := s.With(policy.Options{Languages: []string{"de"}})
	require.NoError(t, err)
	require.Equal(t, german, s.Explain(one(), now).Reason)
}

// Of several signals a reason speaks of the same one in each language, whatever the order.
func TestReasonsOfOneSignal(t *testing.T) {
	s := social(t, policy.Default())
	weak, sure := strong(1, "messenger"), strong(2, "bank")
	weak.Confidence, sure.Confidence, sure.Cause = 81, 95, weak.ID
	for _, of := range [][2]abuse.Signal{{weak, sure}, {sure, weak}} {
		of[0].Origin, of[1].Origin = "first", "second"
		e := one()
		e.Sightings = []abuse.Sighting{sighting(of[0], hashing.Phone), sighting(of[1], hashing.Phone)}
		d := s.Explain(e, now)
		require.Equal(t, "suspend_confirmed", d.Rule)
		require.Len(t, d.Signals, 2)
		require.Contains(t, d.Reason, "confidence 95")
		require.Contains(t, s.Reason(d, "de"), "Sicherheit 95 von 100")
		last := d.Explanation.Rules[len(d.Explanation.Rules)-1]
		require.Equal(t, sure.ID, last.Signal, "and so do the leaves")
	}
}

// A reason of the rule is not told of a step that the rule did not come to.
func TestReasonOfAnotherStep(t *testing.T) {
	s := social(t, policy.Default())
	d := s.Explain(one(), now)
	for what, change := range map[string]func(*abuse.Decision){
		"bounded":    func(d *abuse.Decision) { d.Bounds = []abuse.Bound{{Name: "cap_rule_day", Proposed: d.Action}} },
		"milder":     func(d *abuse.Decision) { d.Action = abuse.Label },
		"a person's": func(d *abuse.Decision) { d.Reviewer = "r.mueller" },
		"of another version": func(d *abuse.Decision) {
			d.Explanation.Rules = slices.Clone(d.Explanation.Rules)
			d.Explanation.Rules[len(d.Explanation.Rules)-1].Version++
		},
		"not explained": func(d *abuse.Decision) { d.Explanation = abuse.Explanation{} },
	} {
		other := d
		change(&other)
		other.Reason = "A label and nothing harsher."
		require.Equal(t, other.Reason, s.Reason(other, "de"), what)
	}
	require.Contains(t, s.Reason(d, "de"), "Gesperrt")
}

// Options change what they name, and the hash with it.
func TestWith(t *testing.T) {
	s := parse(t, rule("sure", "live", "suspend", "signal.discounted >= 80", "")+rule("near", "live", "limit", "match.strength >= 0.9", "")+
		rule("half", "live", "label", "partner.weight <= 0.5", ""))
	hashes := map[abuse.Digest]bool{s.Hash(): true}
	with := func(o policy.Options) *policy.Set {
		x, err := s.With(o)
		require.NoError(t, err)
		require.False(t, hashes[x.Hash()])
		hashes[x.Hash()] = true
		return x
	}
	require.Equal(t, "sure", s.Decide(one(), now).Rule)
	half := with(policy.Options{Discount: map[string]float64{"messenger": 0.5}})
	require.Equal(t, "half", half.Decide(one(), now).Rule)
	require.Equal(t, "half", half.Explain(one(), now).Rule)
	require.Equal(t, "sure", with(policy.Options{Discount: map[string]float64{"bank": 0.5}}).Decide(one(), now).Rule)
	s = half
	strength := func(_ *abuse.Evidence, w *abuse.Weighed, _ time.Time) (float64, bool) {
		return 0.95, w.Phone == abuse.Yes
	}
	near := with(policy.Options{Strength: strength, StrengthName: "test/1"})
	require.Equal(t, "near", near.Decide(one(), now).Rule)
	require.Equal(t, "near", near.Explain(one(), now).Rule)
	require.Equal(t, abuse.Background, with(policy.Options{Mode: abuse.Background}).Explain(one(), now).Mode)
	require.Equal(t, "none", with(policy.Options{Self: "messenger"}).Explain(one(), now).Rule)
	for _, o := range []policy.Options{{Self: "Not A Name"}, {Mode: 9}, {Discount: map[string]float64{"a": 1.1}}, {Strength: strength}} {
		_, err := s.With(o)
		var bad *abuse.Error
		require.ErrorAs(t, err, &bad)
	}
}

// Of several files harsher rules come first, whichever file they are in.
func TestLoadSeveral(t *testing.T) {
	head := "schema: 1\nname: test\n"
	fsys := fstest.MapFS{"a.yaml": {Data: []byte(head + "guards: {phone_accounts: 9}\nrules:\n" + rule("a1", "live", "suspend", "true", "") + rule("a2", "live", "friction", "true", ", daily_cap: 7"))},
		"b.yaml": {Data: []byte(head + "rules:\n" + rule("b1", "live", "disable", "true", "") + rule("b2", "live", "friction", "true", ", supersedes: [a2]"))},
		"c.yaml": {Data: []byte(head + "rules:\n" + rule("a1", "live", "disable", "true", ""))},
		"d.yaml": {Data: []byte(head + "guards: {}\nrules: []\n")}}
	s, err := policy.Load(fsys, "a.yaml", "b.yaml")
	require.NoError(t, err)
	var ids []string
	for _, r := range s.Rules() {
		ids = append(ids, r.ID)
	}
	require.Equal(t, []string{"b1", "a1", "a2", "b2"}, ids)
	require.Equal(t, 9, s.Guards().PhoneAccounts)
	info, ok := s.Rule("a2")
	require.True(t, ok)
	require.Equal(t, 7, info.DailyCap)
	require.True(t, info.Superseded)
	for _, names := range [][]string{{"a.yaml", "c.yaml"}, {"a.yaml", "d.yaml"}, {"a.yaml", "e.yaml"}, {}} {
		_, err := policy.Load(fsys, names...)
		var e *policy.Error
		require.ErrorAs(t, err, &e, names)
	}
}

// Every file that is shipped loads.
func TestShipped(t *testing.T) {
	names, err := fs.Glob(policy.Shipped, "*")
	require.NoError(t, err)
	require.NotEmpty(t, names)
	for _, name := range names {
		s, err := policy.Load(policy.Shipped, name)
		require.NoError(t, err)
		require.NotEmpty(t, s.Rules())
	}
}

// A set serves many goroutines.
func TestManyGoroutines(t *testing.T) {
	s := social(t, policy.Default())
	all := history(200)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for _, e := range all {
				if d, o := s.Explain(e, now), s.Decide(e, now); d.ID != o.ID || d.Rule != o.Rule || !d.Until.Equal(o.Until) || !slices.Equal(d.Signals, o.Signals) {
					t.Error("Decide and Explain differ")
				}
			}
		})
	}
	group.Wait()
}
