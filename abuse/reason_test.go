package abuse_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/hashing"
)

// Where a reason says what kept the step from being harsher, it would be harsher
// without that: if all were known and spoke against the account, and the signal
// were no prediction, permitted everything or was about a phone number too, as far
// as the reason names these.
func TestReasonsNameNoFalseCause(t *testing.T) {
	r, p := random(t), policy(t)
	named := map[string]int{}
	for range 2 * rounds {
		e := randomEvidence(r, 1)
		d := abuse.Decide(e, p, now)
		f := clone(e)
		x := &f.Sightings[0]
		x.Places, f.Holdings = nil, nil
		some := false
		for clause, change := range map[string]func(){
			"; it goes no further because": func() {},
			"because it is not known when": func() { x.Signal.FirstObserved, x.Signal.LastObserved = observed, observed },
			"a prediction carries no more": func() { x.Signal.Class = abuse.Confirmed },
			"permits no more than":         func() { x.Signal.Permitted = abuse.PermitDirect },
			"a device alone carries":       func() { x.Kinds = append(slices.Clone(x.Kinds), hashing.Phone) },
		} {
			if strings.Contains(d.Reason, clause) {
				some = true
				named[clause]++
				change()
			}
		}
		if !some {
			continue
		}
		for _, k := range x.Kinds {
			f.Holdings = append(f.Holdings, good(k))
		}
		if !x.Signal.ValidUntil.After(x.Signal.LastObserved) || x.Signal.Validate() != nil {
			continue // it ended before it is now said to have been seen
		}
		require.Greater(t, abuse.Decide(f, p, now).Action, d.Action, "%s", d.Text())
	}
	require.Len(t, named, 5, "%v", named)
}

// A signal that is weak in itself is not held back by anything, whatever is
// unknown or permitted.
func TestWeakSignalsAreNotHeldBack(t *testing.T) {
	for _, class := range []abuse.Class{abuse.Confirmed, abuse.Predictive} {
		for permitted := abuse.PermitNone; permitted <= abuse.PermitDirect; permitted++ {
			for _, holdings := range [][]abuse.Holding{nil, {good(hashing.Phone)}, {{Kind: hashing.Phone, Since: long}}} {
				for _, kinds := range [][]hashing.Kind{{hashing.Phone}, {hashing.IMEI}, {hashing.Phone, hashing.IMEI}} {
					s := strong(1, "messenger")
					s.Class, s.Confidence, s.Permitted = class, 10, permitted
					d := abuse.Decide(abuse.Evidence{Account: "a", Sightings: []abuse.Sighting{sighting(s, kinds...)}, Holdings: holdings}, policy(t), now)
					require.Equal(t, abuse.None, d.Action)
					if permitted > abuse.PermitNone {
						require.Regexp(t, `^No step taken: no rule is met by the signal of messenger \(phishing, confidence 10, severity high, 14 reports\)\.$`, d.Reason)
					}
				}
			}
		}
	}
}
