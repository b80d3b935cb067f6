package abuse_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/hashing"
)

func TestPolicyValidate(t *testing.T) {
	var zero abuse.Policy
	joined, ok := zero.Validate().(interface{ Unwrap() []error })
	require.True(t, ok)
	assert.Len(t, joined.Unwrap(), 5, "every problem at once")
	assert.Panics(t, func() { abuse.Decide(abuse.Evidence{}, zero, now) })

	for name, change := range map[string]func(*abuse.Policy){
		"self":                   func(p *abuse.Policy) { p.Self = "Social" },
		"mode":                   func(p *abuse.Policy) { p.Mode = 4 },
		"phone accounts":         func(p *abuse.Policy) { p.PhoneAccounts = 0 },
		"device accounts":        func(p *abuse.Policy) { p.DeviceAccounts = -1 },
		"skew":                   func(p *abuse.Policy) { p.Skew = -1 },
		"skew of two days":       func(p *abuse.Policy) { p.Skew = 48 * time.Hour },
		"corroboration":          func(p *abuse.Policy) { p.Corroboration = 101 },
		"corroboration, how bad": func(p *abuse.Policy) { p.CorroborationSeverity = 5 },
		"weights":                func(p *abuse.Policy) { p.Weights = map[string]float64{"bank": 1.5} },
		"rule id":                func(p *abuse.Policy) { p.Rules[0].ID = "Disable!" },
		"rule id none":           func(p *abuse.Policy) { p.Rules[0].ID = "none" },
		"rule id twice":          func(p *abuse.Policy) { p.Rules[1].ID = p.Rules[0].ID },
		"rule without step":      func(p *abuse.Policy) { p.Rules[7].Action = abuse.None },
		"rule of unknown step":   func(p *abuse.Policy) { p.Rules[0].Action = 7 },
		"harsher than before":    func(p *abuse.Policy) { p.Rules[7].Action = abuse.Disable },
		"for ever":               func(p *abuse.Policy) { p.Rules[0].For = 0 },
		"for too long":           func(p *abuse.Policy) { p.Rules[0].For = abuse.MaxDuration + 1 },
		"rule without scope":     func(p *abuse.Policy) { p.Rules[0].Scope = 0 },
		"unknown category":       func(p *abuse.Policy) { p.Rules[7].Categories = []abuse.Category{16} },
		"leaf of every rule":     func(p *abuse.Policy) { p.Rules[0].When = []abuse.Condition{{Leaf: abuse.LeafStep}} },
		"unknown leaf":           func(p *abuse.Policy) { p.Rules[0].When = []abuse.Condition{{Leaf: 13}} },
		"measured, no bound":     func(p *abuse.Policy) { p.Rules[0].When = []abuse.Condition{{Leaf: abuse.LeafReports}} },
		"not measured, a bound":  func(p *abuse.Policy) { p.Rules[0].When = []abuse.Condition{{Leaf: abuse.LeafPhone, AtLeast: 1}} },
	} {
		p := policy(t)
		change(&p)
		var e *abuse.Error
		require.ErrorAs(t, p.Validate(), &e, name)
		assert.Panics(t, func() { abuse.Decide(abuse.Evidence{}, p, now) }, name)
	}
	p := policy(t)
	p.Rules = nil
	require.NoError(t, p.Validate(), "a policy without rules takes no step")
}

// Every value of the policy is in its hash.
func TestPolicyHash(t *testing.T) {
	p := policy(t)
	seen := map[abuse.Digest]string{p.Hash(): "the default"}
	assert.Equal(t, p.Hash(), func() abuse.Digest { q := policy(t); return q.Hash() }())
	for name, change := range map[string]func(*abuse.Policy){
		"self":       func(p *abuse.Policy) { p.Self = "other" },
		"mode":       func(p *abuse.Policy) { p.Mode = abuse.Background },
		"phone":      func(p *abuse.Policy) { p.PhoneAccounts++ },
		"device":     func(p *abuse.Policy) { p.DeviceAccounts += 2 },
		"verified":   func(p *abuse.Policy) { p.RequireVerified = false },
		"skew":       func(p *abuse.Policy) { p.Skew++ },
		"corr":       func(p *abuse.Policy) { p.Corroboration++ },
		"corr sev":   func(p *abuse.Policy) { p.CorroborationSeverity++ },
		"weights":    func(p *abuse.Policy) { p.Weights = map[string]float64{"bank": 0.5} },
		"weigh less": func(p *abuse.Policy) { p.Weights = map[string]float64{"bank": 0.4} },
		"rules":      func(p *abuse.Policy) { p.Rules = p.Rules[1:] },
		"order":      func(p *abuse.Policy) { p.Rules[0], p.Rules[1] = p.Rules[1], p.Rules[0] },
		"id":         func(p *abuse.Policy) { p.Rules[0].ID += "x" },
		"action":     func(p *abuse.Policy) { p.Rules[1].Action = abuse.Suspend },
		"for":        func(p *abuse.Policy) { p.Rules[0].For++ },
		"scope":      func(p *abuse.Policy) { p.Rules[0].Scope = abuse.ScopeAccount },
		"categories": func(p *abuse.Policy) { p.Rules[0].Categories = p.Rules[0].Categories[1:] },
		"leaf":       func(p *abuse.Policy) { p.Rules[0].When[0].Leaf = abuse.LeafPhone },
		"bound":      func(p *abuse.Policy) { p.Rules[0].When[1].AtLeast++ },
		"conditions": func(p *abuse.Policy) { p.Rules[0].When = p.Rules[0].When[1:] },
	} {
		p := policy(t)
		change(&p)
		h := p.Hash()
		assert.Empty(t, seen[h], "%s changes nothing", name)
		seen[h] = name
	}
	h := p.Hash()
	text, err := h.MarshalText()
	require.NoError(t, err)
	assert.Equal(t, h.String(), string(text))
	var back abuse.Digest
	require.NoError(t, back.UnmarshalText(text))
	assert.Equal(t, h, back)
	for _, bad := range []string{"", "00", string(text[1:]) + "g"} {
		assert.Error(t, back.UnmarshalText([]byte(bad)))
	}
}

// Two copies of the default policy share nothing that can be changed.
func TestDefaultPolicyIsFresh(t *testing.T) {
	a, b := policy(t), policy(t)
	before := b.Hash()
	for i := range a.Rules {
		for c := range a.Rules[i].Categories {
			a.Rules[i].Categories[c] = abuse.Other
		}
		for c := range a.Rules[i].When {
			a.Rules[i].When[c] = abuse.Condition{}
		}
	}
	assert.Equal(t, before, b.Hash())
}

// What corroborates must be of a category that the rule itself is for, and permit
// and bear its step, be it a milder one than disable.
func TestCorroborationIsTheRules(t *testing.T) {
	p := policy(t)
	p.Rules = []abuse.Rule{{ID: "two", Action: abuse.Limit, For: time.Hour, Scope: abuse.ScopeAccount,
		Categories: []abuse.Category{abuse.Spam, abuse.Harassment}, When: []abuse.Condition{{Leaf: abuse.LeafConfidence, AtLeast: 80}, {Leaf: abuse.LeafCorroborated}}}}
	require.NoError(t, p.Validate())
	first, second := strong(1, "messenger"), strong(2, "bank")
	first.Category, second.Confidence, second.Severity = abuse.Spam, 60, abuse.Medium
	act := func(change func(*abuse.Signal)) abuse.Decision {
		s := second
		change(&s)
		return abuse.Decide(abuse.Evidence{Account: "a", Holdings: []abuse.Holding{good(hashing.Phone)},
			Sightings: []abuse.Sighting{sighting(first, hashing.Phone), sighting(s, hashing.Phone)}}, p, now)
	}
	for _, c := range []abuse.Category{abuse.Spam, abuse.Harassment} {
		d := act(func(s *abuse.Signal) { s.Category, s.Permitted = c, abuse.PermitIndirect })
		assert.Equal(t, abuse.Limit, d.Action)
		assert.Equal(t, second.ID, d.Explanation.Rules[0].By)
		assert.Contains(t, d.Text(), "corroborated by "+second.ID.String())
	}
	for name, change := range map[string]func(*abuse.Signal){
		"category":   func(s *abuse.Signal) { s.Category = abuse.Phishing },
		"permission": func(s *abuse.Signal) { s.Category, s.Permitted = abuse.Spam, abuse.PermitInternal },
		"severity":   func(s *abuse.Signal) { s.Category, s.Severity = abuse.Spam, abuse.Low },
		"confidence": func(s *abuse.Signal) { s.Category, s.Confidence = abuse.Spam, 59 },
		"class":      func(s *abuse.Signal) { s.Category, s.Class = abuse.Spam, abuse.Predictive },
	} {
		d := act(change)
		assert.Equal(t, abuse.None, d.Action, name)
	}
	p.Rules[0].Action = abuse.Friction
	d := act(func(s *abuse.Signal) { s.Category, s.Class = abuse.Spam, abuse.Predictive })
	assert.Equal(t, abuse.None, d.Action, "a prediction corroborates nothing, not even what it could carry itself")
}
