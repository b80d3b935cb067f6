package abuse_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/hashing"
)

// all is met by every signal of some confidence, and by corroboration alone.
type all struct {
	begun int
	from  int
}

func (a *all) Begin(g *abuse.Weighing) { a.begun += 1 + len(g.Signals()) }

func (a *all) Test(rule int, w *abuse.Weighed, corroborated abuse.Truth) (abuse.Truth, int) {
	if w.Signal.Confidence < a.from {
		return abuse.No, 0
	}
	return corroborated, 1
}

func (a *all) Explain(rule int, w *abuse.Weighed, _ abuse.Truth, to []abuse.LeafValue, o *abuse.RuleOutcome) []abuse.LeafValue {
	o.Version, o.Missing = 7, []string{"sense"}
	return append(to, abuse.LeafValue{Leaf: abuse.LeafExpression, Text: "all", Fact: "rule = 1", Value: abuse.Yes})
}

// Rules that another package tests come with the guards, corroboration and reasons
// of this one.
func TestDecideBook(t *testing.T) {
	p := policy(t)
	asks := []abuse.Condition{{Leaf: abuse.LeafCorroborated}}
	p.Rules = []abuse.Rule{{ID: "both", Action: abuse.Disable, For: 1e9, Scope: abuse.ScopeAccount, When: asks}}
	quiet := []abuse.Rule{{ID: "quiet", Action: abuse.Label, For: 1e9, Scope: abuse.ScopeAccount, When: asks}}
	e := abuse.Evidence{Account: "a", Sightings: []abuse.Sighting{sighting(strong(1, "messenger"), hashing.Phone)},
		Holdings: []abuse.Holding{good(hashing.Phone)}, Own: abuse.Own{Reports: 3, First: observed, Last: now}}
	tester := &all{}
	book := abuse.Book{Policy: &p, Background: quiet, Hash: abuse.Digest{1}, Tester: tester}
	d := abuse.DecideBook(e, &book, now)
	require.Equal(t, abuse.None, d.Action)
	require.Equal(t, abuse.Digest{1}, d.PolicyHash)
	require.Equal(t, 2, tester.begun)

	e.Sightings = append(e.Sightings, sighting(strong(2, "bank"), hashing.Phone))
	d = abuse.DecideBook(e, &book, now)
	require.Equal(t, "both", d.Rule)
	require.Len(t, d.Signals, 2)
	require.Contains(t, d.Reason, "independently confirmed")
	for _, says := range []string{"rule both version 7 (disable): yes", "background rule quiet version 7 (label): yes", "  all (rule = 1): yes", "  missing: sense",
		"own reports 3, days unknown, groups unknown, 2026-11-20"} {
		require.Contains(t, d.Text(), says)
	}
	_, err := d.MarshalJSON()
	require.NoError(t, err)

	// Such a leaf is no condition of a policy.
	p.Rules[0].When = []abuse.Condition{{Leaf: abuse.LeafExpression}}
	require.Error(t, p.Validate())
}

// Room that was used before changes nothing, and nothing of a decision is in it.
func TestWeighAgain(t *testing.T) {
	r := random(t)
	p := policy(t)
	hash := p.Hash()
	var used abuse.Weighing
	for range 2000 {
		e := randomEvidence(r, r.IntN(6))
		d := abuse.Decide(e, p, now)
		used.Weigh(&e, &p, now)
		signals := used.Signals()
		require.Len(t, signals, len(d.Explanation.Signals))
		for i := range signals {
			a, b := signals[i], d.Explanation.Signals[i]
			require.Equal(t, [...]any{b.Sighting, b.Cap, b.Reach, b.Phone, b.Device, b.PhoneAlone, b.DeviceAlone, len(b.Findings)},
				[...]any{a.Sighting, a.Cap, a.Reach, a.Phone, a.Device, a.PhoneAlone, a.DeviceAlone, len(a.Findings)})
			for n := range a.Findings {
				require.Equal(t, b.Findings[n], a.Findings[n])
			}
		}
		require.Equal(t, d.Explanation.Unreadable, used.Unreadable())
		require.Equal(t, d.ID, used.DecisionID(e.Account, hash))
		require.Equal(t, d.Matched, used.Matched())
		if d.Action == abuse.None {
			require.Equal(t, d.Signals, used.Carried(nil))
		}
		if r.IntN(2) == 0 {
			used.Clear()
			require.Empty(t, used.Signals())
		}
	}
}
