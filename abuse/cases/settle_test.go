package cases_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/cases"
)

func TestSettleAndUndo(t *testing.T) {
	b := newBench(t)
	first := b.settle(evidence("anna", strong(1, "messenger.example")))
	require.Equal(t, abuse.Suspend, first.Action)
	require.Zero(t, first.Undoes)
	require.Empty(t, first.Bounds)
	step := b.under("anna")
	require.Equal(t, cases.Step{Account: "anna", Decision: first.ID, At: first.At, Action: abuse.Suspend, Scope: abuse.ScopeServices, Until: first.Until,
		Rule: "suspend_confirmed", Category: abuse.Phishing, Since: b.now,
		Carriers: []cases.Carrier{{From: "messenger.example", Origin: "messenger.example", Signal: signalID(1)}}}, step)
	require.Equal(t, []string{"anna"}, b.carried("messenger.example", 1))

	b.restart()
	undo := b.settle(evidence("anna"))
	require.Equal(t, abuse.None, undo.Action)
	require.Equal(t, first.ID, undo.Undoes)
	require.Equal(t, abuse.Live, undo.Mode)
	require.Equal(t, abuse.None, b.under("anna").Action)
	require.Empty(t, b.carried("messenger.example", 1))

	again := b.settle(evidence("anna"))
	require.Zero(t, again.Undoes, "what is undone is not undone again")
	got, err := b.ExactReceipts(t.Context(), "messenger.example", noon)
	require.NoError(t, err)
	require.Equal(t, [3]int64{1, 0, 0}, got)
}

func TestSoftened(t *testing.T) {
	b := newBench(t)
	first := b.settle(evidence("anna", strong(1, "messenger.example"), weak(2, "market.example")))
	require.Equal(t, abuse.Suspend, first.Action)
	softer := b.settle(evidence("anna", weak(2, "market.example")))
	require.Equal(t, abuse.Friction, softer.Action)
	require.Equal(t, first.ID, softer.Undoes)
	require.Equal(t, abuse.Friction, b.under("anna").Action)
	require.Equal(t, []string{"anna"}, b.carried("market.example", 2))
	got, err := b.ExactReceipts(t.Context(), "messenger.example", noon)
	require.NoError(t, err)
	require.Equal(t, [3]int64{0, 1, 0}, got)
	got, err = b.ExactReceipts(t.Context(), "market.example", noon)
	require.NoError(t, err)
	require.Zero(t, got, "its signal still holds")
}

func TestEnds(t *testing.T) {
	b := newBench(t)
	d := b.settle(evidence("anna", strong(1, "messenger.example")))
	b.settle(evidence("bert", weak(2, "messenger.example")))
	b.now = d.Until
	require.Equal(t, abuse.None, b.under("anna").Action, "over by itself, swept or not")
	undo := b.settle(evidence("carl"))
	require.Zero(t, undo.Undoes)
	b.now = b.now.Add(time.Minute)
	var ended []cases.Ended
	sweep := func() {
		require.NoError(t, b.Sweep(t.Context(), func(_ context.Context, e cases.Ended) error {
			ended = append(ended, e)
			return nil
		}))
	}
	sweep()
	require.Len(t, ended, 2)
	require.Equal(t, "anna", ended[0].Step.Account)
	require.Equal(t, abuse.None, ended[0].Remains)
	require.Empty(t, b.carried("messenger.example", 1))
	sweep()
	require.Len(t, ended, 2)
}

func TestPerson(t *testing.T) {
	b := newBench(t)
	first := b.settle(evidence("anna", strong(1, "messenger.example")))
	upheld := b.rule(first, cases.Ruling{Action: abuse.Disable, Reviewer: "r. gomez"})
	require.Equal(t, abuse.Disable, upheld.Action)
	require.True(t, upheld.Until.IsZero(), "a person may disable without end")
	require.False(t, upheld.Automated)
	require.Zero(t, upheld.Undoes)
	kept := b.settle(evidence("anna"))
	require.Equal(t, abuse.Disable, kept.Action, "what a person has ruled stands")
	require.Equal(t, "r. gomez", kept.Reviewer)
	require.Equal(t, []string{cases.Ruled}, met(kept))
	require.Zero(t, kept.Undoes)

	lifted := b.rule(kept, cases.Ruling{Action: abuse.None, Reviewer: "h. okoye"})
	require.Equal(t, upheld.ID, lifted.Undoes)
	require.Equal(t, abuse.None, b.under("anna").Action)
	same := b.settle(evidence("anna", strong(1, "messenger.example")))
	require.Equal(t, abuse.None, same.Action, "it has been looked at")
	require.Equal(t, abuse.Suspend, same.Bounds[0].Proposed)
	fresh := b.settle(evidence("anna", strong(1, "messenger.example"), strong(2, "messenger.example")))
	require.Equal(t, abuse.Suspend, fresh.Action, "it has not")
}

// A signal that was passed on is charged to the partner that sent it, and its origin hears of the undo.
func TestPassedOn(t *testing.T) {
	b := newBench(t, func(c *cases.Config) { c.Limits.PartnerDay = 1 })
	relayed := func(account string, n int) abuse.Evidence {
		s := strong(n, "messenger.example")
		s.Path = []string{"relay.example"}
		e := evidence(account, s)
		e.Sightings[0].From = "relay.example"
		return e
	}
	require.Equal(t, abuse.Suspend, b.settle(relayed("anna", 1)).Action)
	require.Equal(t, abuse.Label, b.settle(relayed("bert", 2)).Action, "the relay's day is used up")
	require.Equal(t, abuse.Suspend, b.settle(evidence("carl", strong(3, "messenger.example"))).Action)
	require.Equal(t, []string{"anna"}, b.carried("relay.example", 1))
	require.NotZero(t, b.settle(evidence("anna")).Undoes)
	got, err := b.ExactReceipts(t.Context(), "messenger.example", b.now)
	require.NoError(t, err)
	require.Equal(t, [3]int64{1, 0, 0}, got)
	got, err = b.ExactReceipts(t.Context(), "relay.example", b.now)
	require.NoError(t, err)
	require.Zero(t, got)
}

// A step that the service's own reports carry has no partner: it counts for its rule and the day,
// and nobody gets a receipt.
func TestOwnReports(t *testing.T) {
	b := newBench(t, func(c *cases.Config) {
		c.Limits.RuleDay = 2
		c.Decide = func(e abuse.Evidence, now time.Time) abuse.Decision {
			d := decide(e, now)
			if e.Own.Reports > 5 {
				d.Action, d.Scope, d.Rule, d.Until, d.Signals = abuse.Limit, abuse.ScopeAccount, "own", now.AddDate(0, 0, 3), nil
			}
			return d
		}
	})
	own := func(account string) abuse.Evidence {
		e := evidence(account)
		e.Own = abuse.Own{Reports: 6}
		return e
	}
	first := b.settle(own("anna"))
	require.Equal(t, abuse.Limit, first.Action)
	require.Empty(t, b.under("anna").Carriers)
	require.Equal(t, abuse.Limit, b.settle(own("bert")).Action)
	require.Equal(t, []string{cases.CapRule}, met(b.settle(own("carl"))))
	require.Equal(t, first.ID, b.settle(evidence("anna")).Undoes)
	require.NoError(t, b.store.View(t.Context(), func(r abuse.Reader) error {
		rows, err := r.Scan(abuse.Receipts, nil, nil, 10)
		require.Empty(t, rows)
		return err
	}))
}

// The number has another holder since: the signal is about the one before, and its step is undone.
func TestRecycled(t *testing.T) {
	b := newBench(t)
	e := evidence("anna", strong(1, "messenger.example"))
	first := b.settle(e)
	e.Holdings[0].Since = b.now
	d := b.settle(e)
	require.Equal(t, abuse.None, d.Action)
	require.Equal(t, first.ID, d.Undoes)
	require.Equal(t, abuse.GuardRecycled, d.Explanation.Signals[0].Findings[0].Guard)
}

// An undo says since when the step was in force, however often it was decided on again since, by
// other signals or by a person.
func TestUndoneSince(t *testing.T) {
	b := newBench(t)
	b.settle(evidence("anna", strong(1, "messenger.example")))
	began := b.now
	b.now = b.now.AddDate(0, 0, 2)
	b.settle(evidence("anna", strong(2, "market.example")))
	b.now = b.now.AddDate(0, 0, 2)
	again := b.settle(evidence("anna", strong(2, "market.example")))
	require.Zero(t, again.UndoneSince)
	b.now = b.now.AddDate(0, 0, 1)
	upheld := b.rule(again, cases.Ruling{Action: abuse.Suspend, Until: b.now.AddDate(0, 0, 30), Reviewer: "r. gomez"})
	require.Zero(t, upheld.Undoes)
	b.now = b.now.AddDate(0, 0, 1)
	lifted := b.rule(upheld, cases.Ruling{Action: abuse.None, Reviewer: "h. okoye"})
	require.Equal(t, upheld.ID, lifted.Undoes)
	require.Equal(t, began, lifted.UndoneSince)

	b.settle(evidence("bert", strong(3, "messenger.example")))
	began = b.now
	b.now = b.now.AddDate(0, 0, 3)
	last := b.settle(evidence("bert", strong(3, "messenger.example")))
	gone := b.settle(evidence("bert"))
	require.Equal(t, last.ID, gone.Undoes)
	require.Equal(t, began, gone.UndoneSince)
}
