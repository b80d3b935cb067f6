package abuse_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/hashing"
)

// The model is the tables of the package documentation, written down a second
// time without any of the package's own devices: no caps, no leaves, no logic of
// three values. It asks, for every step from the harshest down and for every
// signal, whether the step is allowed whatever the unknown facts turn out to be.

// modelHolding says whether an identifier of which this is known points to the
// account: "yes", "no" or "perhaps".
func modelHolding(h abuse.Holding, s abuse.Signal) string {
	most := 5
	if h.Kind == hashing.Phone {
		most = 3
	}
	on := func(t time.Time) string { return t.UTC().Format(time.DateOnly) }
	known := !h.Since.IsZero() && !s.LastObserved.IsZero()
	if known && on(h.Since) > on(s.LastObserved) || h.Accounts > most {
		return "no"
	}
	isDate := h.Since.UTC().Format(time.TimeOnly) == "00:00:00"
	if !known || h.Since.After(s.FirstObserved) || isDate && on(h.Since) == on(s.FirstObserved) ||
		h.Accounts == 0 || h.Kind == hashing.Phone && h.Verified != abuse.Yes {
		return "perhaps"
	}
	return "yes"
}

// points says whether a kind of identifier points to the account, and whether one
// that does so is nobody else's here.
func points(e abuse.Evidence, x abuse.Sighting, k hashing.Kind) (answer string, alone bool) {
	count := map[string]int{}
	lonely := 0
	ask := func(h abuse.Holding) {
		h.Kind = k
		count[modelHolding(h, x.Signal)]++
		if modelHolding(h, x.Signal) == "yes" && h.Accounts == 1 {
			lonely++
		}
	}
	if len(x.Places) == 0 { // one of them, it is not known which
		for _, h := range e.Holdings {
			if h.Kind == k || h.Kind == 0 {
				ask(h)
			}
		}
		all := count["yes"] + count["no"] + count["perhaps"]
		switch {
		case all > 0 && count["yes"] == all:
			return "yes", lonely == all
		case all > 0 && count["no"] == all:
			return "no", false
		}
		return "perhaps", false
	}
	missing := slices.Clone(x.Kinds)
	gaps := 0
	for _, p := range x.Places {
		var h abuse.Holding
		if p < len(e.Holdings) {
			h = e.Holdings[p]
		}
		if h.Kind != 0 && !slices.Contains(x.Kinds, h.Kind) {
			return "perhaps", false
		}
		missing = slices.DeleteFunc(missing, func(m hashing.Kind) bool { return m == h.Kind })
		if h.Kind == 0 {
			gaps++
		}
		if h.Kind == k || h.Kind == 0 {
			ask(h)
		}
	}
	switch {
	case len(missing) > gaps:
		return "perhaps", false
	case count["yes"] > 0:
		return "yes", lonely > 0
	case count["perhaps"] > 0:
		return "perhaps", false
	}
	return "no", false
}

func modelDead(s abuse.Signal) bool {
	return !now.Before(s.ValidUntil) || s.LastObserved.After(now.Add(5*time.Minute)) ||
		s.Origin == "social" || slices.Contains(s.Path, "social") || s.Permitted == abuse.PermitNone
}

// modelMay says whether the guards let a signal carry a step; alone says that no
// other signal stands beside it.
func modelMay(e abuse.Evidence, x abuse.Sighting, step abuse.Action, alone bool) bool {
	s := x.Signal
	phone, device := "no", "no"
	for _, k := range x.Kinds {
		at := &device
		if k == hashing.Phone {
			at = &phone
		}
		if a, _ := points(e, x, k); a == "yes" || *at == "no" {
			*at = a
		}
	}
	sure := phone == "yes" || device == "yes"
	switch {
	case modelDead(s), phone == "no" && device == "no":
		return false
	case step > abuse.Friction && (!sure || s.Class == abuse.Predictive):
		return false
	case step > abuse.Label && s.Permitted < abuse.PermitIndirect:
		return false
	case step > abuse.Limit && s.Permitted < abuse.PermitDirect:
		return false
	case step > abuse.Limit && alone && phone != "yes":
		return false
	}
	return true
}

func modelDecide(e abuse.Evidence) string {
	closing := []abuse.Category{abuse.Spam, abuse.Phishing, abuse.ScamFraud, abuse.Malware, abuse.FakeAccount,
		abuse.ChildSafety, abuse.IntimateImagery, abuse.Terrorism, abuse.IllegalGoods}
	rules := []struct {
		id   string
		step abuse.Action
		met  func(x abuse.Sighting, s abuse.Signal, serious bool) bool
	}{
		{"disable_corroborated", abuse.Disable, func(x abuse.Sighting, s abuse.Signal, serious bool) bool {
			return serious && s.Confidence >= 80 && s.Reports >= 3 && slices.ContainsFunc(e.Sightings, func(y abuse.Sighting) bool {
				return modelIndependent(s, y.Signal) && y.Signal.Confidence >= 60 && y.Signal.Severity >= abuse.Medium &&
					slices.Contains(closing, y.Signal.Category) && modelMay(e, y, abuse.Disable, false)
			})
		}},
		{"disable_two_kinds", abuse.Disable, func(x abuse.Sighting, s abuse.Signal, serious bool) bool {
			return serious && s.Confidence >= 90 && s.Reports >= 5 &&
				slices.ContainsFunc(x.Kinds, func(k hashing.Kind) bool { _, alone := points(e, x, k); return k == hashing.Phone && alone }) &&
				slices.ContainsFunc(x.Kinds, func(k hashing.Kind) bool { _, alone := points(e, x, k); return k != hashing.Phone && alone })
		}},
		{"suspend_reviewed", abuse.Suspend, func(_ abuse.Sighting, s abuse.Signal, serious bool) bool {
			return serious && s.Confidence >= 80 && s.Review == abuse.ReviewHuman
		}},
		{"suspend_confirmed", abuse.Suspend, func(_ abuse.Sighting, s abuse.Signal, serious bool) bool {
			return serious && s.Confidence >= 80 && s.Reports >= 3
		}},
		{"limit_confirmed", abuse.Limit, func(_ abuse.Sighting, s abuse.Signal, _ bool) bool {
			return s.Category != abuse.AccountTakeover && s.Category != abuse.Other && s.Class == abuse.Confirmed &&
				s.Confidence >= 60 && s.Severity >= abuse.Medium && s.Reports >= 2
		}},
		{"friction_confirmed", abuse.Friction, func(_ abuse.Sighting, s abuse.Signal, _ bool) bool {
			return s.Category != abuse.Other && s.Class == abuse.Confirmed && s.Confidence >= 50
		}},
		{"friction_predictive", abuse.Friction, func(_ abuse.Sighting, s abuse.Signal, _ bool) bool {
			return s.Category != abuse.Other && s.Confidence >= 70 && s.Severity >= abuse.Medium
		}},
		{"label_any", abuse.Label, func(_ abuse.Sighting, s abuse.Signal, _ bool) bool { return s.Confidence >= 30 }},
	}
	for _, rule := range rules {
		for _, x := range e.Sightings {
			s := x.Signal
			serious := s.Class == abuse.Confirmed && s.Severity >= abuse.High && slices.Contains(closing, s.Category)
			if modelMay(e, x, rule.step, true) && rule.met(x, s, serious) {
				return rule.id
			}
		}
	}
	return "none"
}

func modelIndependent(a, b abuse.Signal) bool {
	services := map[string]bool{a.Origin: true}
	for _, p := range a.Path {
		services[p] = true
	}
	first := func(s abuse.Signal) uuid.UUID {
		if s.Cause != (uuid.UUID{}) {
			return s.Cause
		}
		return s.ID
	}
	shared := services[b.Origin]
	for _, p := range b.Path {
		shared = shared || services[p]
	}
	return !shared && first(a) != first(b)
}

// Every combination of one signal and one holding of each kind, near all
// thresholds.
func TestModelExhaustive(t *testing.T) {
	p := policy(t)
	count := 0
	holdings := func(k hashing.Kind, most int) []abuse.Holding {
		var all []abuse.Holding
		for _, since := range []time.Time{long, {}, observed, observed.Add(time.Second), observed.AddDate(0, 0, 1)} {
			for _, verified := range []abuse.Truth{abuse.Yes, abuse.No} {
				if verified == abuse.No && !since.Equal(long) {
					continue
				}
				for _, accounts := range []int{0, 1, most, most + 1} {
					all = append(all, abuse.Holding{Kind: k, Since: since, Verified: verified, Accounts: accounts})
				}
			}
		}
		return all
	}
	devices := []abuse.Holding{{Kind: hashing.Phone, Since: observed.AddDate(0, 0, 9)}, good(hashing.IMEI),
		{Kind: hashing.IMEI, Accounts: 1}, {Kind: hashing.IMEI, Since: long, Accounts: 6}}
	for _, phone := range holdings(hashing.Phone, 3) {
		for _, device := range devices {
			for _, kinds := range [][]hashing.Kind{{hashing.Phone}, {hashing.IMEI}, {hashing.Phone, hashing.IMEI}} {
				for _, s := range modelSignals() {
					x := sighting(s, kinds...)
					for _, k := range kinds {
						x.Places = append(x.Places, map[hashing.Kind]int{hashing.Phone: 0, hashing.IMEI: 1}[k])
					}
					e := abuse.Evidence{Account: "a", Holdings: []abuse.Holding{phone, device}, Sightings: []abuse.Sighting{x}}
					d := abuse.Decide(e, p, now)
					if want := modelDecide(e); want != d.Rule {
						require.Equal(t, want, d.Rule, d.Text())
					}
					count++
				}
			}
		}
	}
	require.Greater(t, count, 10_000)
}

func modelSignals() []abuse.Signal {
	var all []abuse.Signal
	for _, class := range []abuse.Class{abuse.Confirmed, abuse.Predictive} {
		for _, confidence := range []int{29, 30, 60, 80, 90} {
			for _, severity := range []abuse.Severity{abuse.Low, abuse.Medium, abuse.High} {
				for _, reports := range []uint32{0, 2, 5} {
					for _, permitted := range []abuse.Permission{abuse.PermitNone, abuse.PermitIndirect, abuse.PermitDirect} {
						s := strong(1, "messenger")
						s.Class, s.Confidence, s.Severity, s.Reports, s.Permitted = class, confidence, severity, reports, permitted
						all = append(all, s)
					}
				}
			}
		}
	}
	return all
}

// Several signals of all kinds, at random.
func TestModelRandom(t *testing.T) {
	r, p := random(t), policy(t)
	for range 4 * rounds {
		e := randomEvidence(r, r.IntN(5))
		d := abuse.Decide(e, p, now)
		require.Equal(t, modelDecide(e), d.Rule, d.Text())
	}
}
