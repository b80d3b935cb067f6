package abuse_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/hashing"
)

const rounds = 3_000

func bytesOf(t *testing.T, d abuse.Decision) string {
	b, err := json.Marshal(d)
	require.NoError(t, err)
	return string(b) + d.Text()
}

func clone(e abuse.Evidence) abuse.Evidence {
	e.Sightings, e.Holdings = slices.Clone(e.Sightings), slices.Clone(e.Holdings)
	return e
}

// The generator must reach every step, or the properties below say little.
func TestRandomEvidenceReachesEveryRule(t *testing.T) {
	r, p := random(t), policy(t)
	rules, actions, guards := map[string]int{}, map[abuse.Action]int{}, map[abuse.Guard]int{}
	for range 4 * rounds {
		d := abuse.Decide(randomEvidence(r, r.IntN(4)), p, now)
		rules[d.Rule]++
		actions[d.Action]++
		for _, w := range d.Explanation.Signals {
			for _, f := range w.Findings {
				guards[f.Guard]++
			}
		}
	}
	require.Len(t, rules, len(p.Rules)+1, "%v", rules)
	require.Len(t, actions, 6, "%v", actions)
	require.Len(t, guards, 9, "%v", guards)
}

func TestDeterministic(t *testing.T) {
	r, p := random(t), policy(t)
	for range rounds {
		e := randomEvidence(r, r.IntN(5))
		one := abuse.Decide(e, p, now)
		f := clone(e)
		r.Shuffle(len(f.Sightings), func(i, j int) { f.Sightings[i], f.Sightings[j] = f.Sightings[j], f.Sightings[i] })
		for i := range f.Sightings {
			s := &f.Sightings[i]
			s.Kinds = append(slices.Clone(s.Kinds), s.Kinds[0]) // a kind twice
			slices.Reverse(s.Kinds)
			if len(s.Places) > 0 {
				s.Places = append(slices.Clone(s.Places), s.Places[0])
				slices.Reverse(s.Places)
			}
		}
		two := abuse.Decide(f, p, now.In(time.FixedZone("elsewhere", 3600)))
		require.Equal(t, bytesOf(t, one), bytesOf(t, two))
		require.Equal(t, uuid.Version(8), one.ID.Version())
		require.Equal(t, uuid.RFC4122, one.ID.Variant())
	}
}

// Which place an identifier has matters to nothing.
func TestOrderOfHoldings(t *testing.T) {
	r, p := random(t), policy(t)
	for range rounds {
		e := randomEvidence(r, r.IntN(4))
		to := r.Perm(len(e.Holdings))
		f := clone(e)
		for from, h := range e.Holdings {
			f.Holdings[to[from]] = h
		}
		for i := range f.Sightings {
			s := &f.Sightings[i]
			s.Places = slices.Clone(s.Places)
			for n, from := range s.Places {
				if from < len(to) {
					s.Places[n] = to[from]
				}
			}
		}
		one, two := abuse.Decide(e, p, now), abuse.Decide(f, p, now)
		require.Equal(t, one.Rule, two.Rule, "%s\nbecame\n%s", one.Text(), two.Text())
		require.Equal(t, one.Until, two.Until)
		require.Equal(t, one.Signals, two.Signals)
	}
}

// What else the account holds says nothing about the identifiers that matched:
// neither an old number nor a fresh one changes the step or its reason.
func TestWhatDidNotMatchSaysNothing(t *testing.T) {
	r, p := random(t), policy(t)
	for range rounds {
		e := randomEvidence(r, 1+r.IntN(3))
		for i := range e.Sightings {
			if s := &e.Sightings[i]; len(s.Places) == 0 || slices.Max(s.Places) >= len(e.Holdings) {
				s.Places = []int{len(e.Holdings)}
				e.Holdings = append(e.Holdings, randomHolding(r, hashing.Phone))
				s.Kinds = []hashing.Kind{hashing.Phone}
			}
		}
		f := clone(e)
		for range 1 + r.IntN(3) {
			f.Holdings = append(f.Holdings, randomHolding(r, pick(r, hashing.Phone, hashing.IMEI)))
		}
		one, two := abuse.Decide(e, p, now), abuse.Decide(f, p, now)
		require.Equal(t, one.Rule, two.Rule, "%s\nbecame\n%s", one.Text(), two.Text())
		require.Equal(t, one.Reason, two.Reason)
		require.Equal(t, one.Undo, two.Undo)
	}
}

// Different evidence, policy, account or time gives another id.
func TestDecisionIDs(t *testing.T) {
	e := abuse.Evidence{Account: "a", Sightings: []abuse.Sighting{sighting(strong(1, "messenger"), hashing.Phone)},
		Holdings: []abuse.Holding{good(hashing.Phone)}}
	seen := map[uuid.UUID]string{}
	for name, change := range map[string]func(*abuse.Evidence, *abuse.Policy, *time.Time){
		"nothing":    func(*abuse.Evidence, *abuse.Policy, *time.Time) {},
		"account":    func(e *abuse.Evidence, _ *abuse.Policy, _ *time.Time) { e.Account = "b" },
		"time":       func(_ *abuse.Evidence, _ *abuse.Policy, at *time.Time) { *at = at.Add(1) },
		"policy":     func(_ *abuse.Evidence, p *abuse.Policy, _ *time.Time) { p.Skew++ },
		"unreadable": func(e *abuse.Evidence, _ *abuse.Policy, _ *time.Time) { e.Unreadable++ },
		"kinds":      func(e *abuse.Evidence, _ *abuse.Policy, _ *time.Time) { e.Sightings[0].Kinds = []hashing.Kind{2} },
		"places":     func(e *abuse.Evidence, _ *abuse.Policy, _ *time.Time) { e.Sightings[0].Places = []int{0} },
		"other":      func(e *abuse.Evidence, _ *abuse.Policy, _ *time.Time) { e.Sightings[0].Places = []int{1} },
		"signal":     func(e *abuse.Evidence, _ *abuse.Policy, _ *time.Time) { e.Sightings[0].Signal.Reports++ },
		"since":      func(e *abuse.Evidence, _ *abuse.Policy, _ *time.Time) { e.Holdings[0].Since = long.Add(1) },
		"verified":   func(e *abuse.Evidence, _ *abuse.Policy, _ *time.Time) { e.Holdings[0].Verified = abuse.No },
		"accounts":   func(e *abuse.Evidence, _ *abuse.Policy, _ *time.Time) { e.Holdings[0].Accounts++ },
	} {
		f, p, at := clone(e), policy(t), now
		change(&f, &p, &at)
		d := abuse.Decide(f, p, at)
		require.Empty(t, seen[d.ID], name)
		seen[d.ID] = name
	}
}

// Fewer signals are never harsher, and more are never milder.
func TestMonotoneInSignals(t *testing.T) {
	r, p := random(t), policy(t)
	for range rounds {
		e := randomEvidence(r, 1+r.IntN(5))
		all := abuse.Decide(e, p, now)
		gone := r.IntN(len(e.Sightings))
		f := clone(e)
		f.Sightings = slices.Delete(f.Sightings, gone, gone+1)
		less := abuse.Decide(f, p, now)
		require.LessOrEqual(t, less.Action, all.Action, "without signal %d of\n%s", gone, all.Text())
	}
}

// A fact that becomes unknown never makes a decision harsher than friction, nor
// harsher than it was. (It may make it a hurdle where it was nothing: an account
// known to be the new holder is left alone, one that may be is asked.)
func TestUnknownNeverEnforces(t *testing.T) {
	r, p := random(t), policy(t)
	changed := 0
	for range 2 * rounds {
		e := randomEvidence(r, 1+r.IntN(3))
		before := abuse.Decide(e, p, now)
		f := clone(e)
		switch s := &f.Sightings[r.IntN(len(f.Sightings))].Signal; r.IntN(6) {
		case 0:
			s.Reports = 0
		case 1:
			s.FirstObserved, s.LastObserved = time.Time{}, time.Time{}
		default:
			if len(f.Holdings) == 0 {
				continue
			}
			switch h := &f.Holdings[r.IntN(len(f.Holdings))]; r.IntN(4) {
			case 0:
				h.Since = time.Time{}
			case 1:
				h.Verified = abuse.Unknown
			case 2:
				h.Accounts = 0
			case 3:
				*h = abuse.Holding{Kind: h.Kind}
			}
		}
		after := abuse.Decide(f, p, now)
		require.LessOrEqual(t, after.Action, max(before.Action, abuse.Friction), "%s\nbecame\n%s", before.Text(), after.Text())
		if after.Action < before.Action {
			changed++
		}
	}
	require.Positive(t, changed)
}

// Nothing known about the account: nothing harsher than friction, whoever shouts.
func TestStrangersAreNotEnforced(t *testing.T) {
	r, p := random(t), policy(t)
	for range rounds {
		e := randomEvidence(r, 1+r.IntN(6))
		e.Holdings = nil
		require.LessOrEqual(t, abuse.Decide(e, p, now).Action, abuse.Friction)
	}
}

// Saying it again, by oneself or through others, does not corroborate.
func TestRepetitionNeverCorroborates(t *testing.T) {
	r, p := random(t), policy(t)
	for range rounds {
		e := randomEvidence(r, 1)
		first := e.Sightings[0].Signal
		if first.Origin == p.Self || slices.Contains(first.Path, p.Self) {
			continue // an echo does not count, but case 3 hides that it is one
		}
		before := abuse.Decide(e, p, now)
		derived := r.IntN(3) == 0
		for n := range 1 + r.IntN(5) {
			s := randomSignal(r, 50+n)
			again, how := first, r.IntN(3)
			if derived {
				how = 3
			}
			switch how {
			case 0: // the very same
			case 1: // under another id
				again.ID, again.Cause = s.ID, uuid.UUID{}
			case 2: // passed on by somebody
				again.ID, again.Cause, again.Path = s.ID, uuid.UUID{}, append(slices.Clone(first.Path), "relay")
			case 3: // under another name, as made from the first
				again.ID, again.Cause, again.Origin, again.Path = s.ID, first.ID, "somebody", nil
				if first.Cause != (uuid.UUID{}) {
					again.Cause = first.Cause
				}
			}
			x := sighting(again, e.Sightings[0].Kinds...)
			x.Places = e.Sightings[0].Places
			e.Sightings = append(e.Sightings, x)
		}
		after := abuse.Decide(e, p, now)
		require.Equal(t, before.Action, after.Action, "%s\nbecame\n%s", before.Text(), after.Text())
		for _, o := range after.Explanation.Rules {
			require.Zero(t, o.By)
			for _, l := range o.Leaves {
				require.False(t, l.Leaf == abuse.LeafCorroborated && l.Value == abuse.Yes)
			}
		}
	}
}

// From its last second on a signal carries nothing, and no step outlasts the
// signals that carry it.
func TestExpiryHolds(t *testing.T) {
	r, p := random(t), policy(t)
	for range rounds {
		e := randomEvidence(r, 1+r.IntN(4))
		d := abuse.Decide(e, p, now)
		var last time.Time
		valid := map[uuid.UUID]time.Time{}
		for _, s := range e.Sightings {
			valid[s.Signal.ID] = s.Signal.ValidUntil
			if s.Signal.ValidUntil.After(last) {
				last = s.Signal.ValidUntil
			}
		}
		at := last.Add(time.Duration(r.Int64N(int64(10 * 365 * 24 * time.Hour))))
		require.Equal(t, abuse.None, abuse.Decide(e, p, at).Action)
		require.Equal(t, abuse.None, abuse.Decide(e, p, last).Action)
		if d.Action == abuse.None {
			require.Zero(t, d.Until)
			continue
		}
		for i := range d.Signals[1:] {
			require.Negative(t, bytes.Compare(d.Signals[i][:], d.Signals[i+1][:]), "ascending, each once")
		}
		require.True(t, d.Until.After(now))
		require.False(t, d.Until.After(now.Add(90*24*time.Hour)))
		outlasts := true
		for _, s := range d.Signals {
			require.True(t, valid[s].After(now), "an expired signal carried a step")
			outlasts = outlasts && d.Until.After(valid[s])
		}
		require.False(t, outlasts)
		// Decided again on its carriers alone, the step is the same.
		f := clone(e)
		f.Sightings = slices.DeleteFunc(f.Sightings, func(s abuse.Sighting) bool { return !slices.Contains(d.Signals, s.Signal.ID) })
		again := abuse.Decide(f, p, now)
		require.Equal(t, d.Rule, again.Rule)
		require.Equal(t, d.Until, again.Until)
	}
}

// The evidence is the caller's: Decide changes nothing in it.
func TestEvidenceIsLeftAlone(t *testing.T) {
	r, p := random(t), policy(t)
	for range 200 {
		e := randomEvidence(r, 4)
		before, err := json.Marshal(e)
		require.NoError(t, err)
		abuse.Decide(e, p, now)
		after, err := json.Marshal(e)
		require.NoError(t, err)
		require.Equal(t, before, after)
	}
}

// A decision in JSON comes back as it was, as far as it is exported.
func TestDecisionJSONRoundTrip(t *testing.T) {
	r, p := random(t), policy(t)
	for range 500 {
		d := abuse.Decide(randomEvidence(r, r.IntN(4)), p, now)
		b, err := json.Marshal(d)
		require.NoError(t, err)
		var back abuse.Decision
		require.NoError(t, json.Unmarshal(b, &back))
		again, err := json.Marshal(back)
		require.NoError(t, err)
		require.Equal(t, string(b), string(again))
		require.Equal(t, d.Text(), back.Text())
	}
}
