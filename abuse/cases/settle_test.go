package cases_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
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
	require.Equal(t, cases.Step{Account: "anna", Decision: first.ID, Action: abuse.Suspend, Scope: abuse.ScopeServices, Until: first.Until,
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
	receipts, err := b.Receipts(t.Context(), "messenger.example")
	require.NoError(t, err)
	require.Equal(t, []cases.Receipt{{Day: noon.Truncate(24 * time.Hour), Undone: 5}}, receipts)
	none, err := b.Receipts(t.Context(), "messenger")
	require.NoError(t, err)
	require.Empty(t, none, "one name does not begin another")
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
	receipts, err := b.Receipts(t.Context(), "messenger.example")
	require.NoError(t, err)
	require.Equal(t, int64(5), receipts[0].Softened)
	none, err := b.Receipts(t.Context(), "market.example")
	require.NoError(t, err)
	require.Empty(t, none, "its signal still holds")
}

// What is shown is not written.
func TestNotRecorded(t *testing.T) {
	b := newBench(t)
	var shown abuse.Decision
	require.NoError(t, b.store.View(t.Context(), func(r abuse.Reader) (err error) {
		shown, err = b.Settle(readOnly{r}, evidence("anna", strong(1, "messenger.example")), b.now, false)
		return err
	}))
	require.Equal(t, abuse.Suspend, shown.Action)
	require.Equal(t, abuse.None, b.under("anna").Action)
	require.NotEqual(t, uuid.Nil, shown.ID)
}

// readOnly fails where it is written to.
type readOnly struct{ abuse.Reader }

func (readOnly) Put(abuse.Table, []byte, []byte) error { panic("written") }
func (readOnly) Delete(abuse.Table, []byte) error      { panic("deleted") }

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
