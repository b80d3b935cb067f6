package cases_test

import (
	"encoding/json"
	"regexp"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/cases"
)

// readOnly fails where it is written to.
type readOnly struct{ abuse.Reader }

func (readOnly) Put(abuse.Table, []byte, []byte) error { panic("written") }
func (readOnly) Delete(abuse.Table, []byte) error      { panic("deleted") }

// show asks without a change.
func (b *bench) show(e abuse.Evidence) (shown abuse.Decision) {
	b.t.Helper()
	require.NoError(b.t, b.store.View(b.t.Context(), func(r abuse.Reader) (err error) {
		shown, err = b.Settle(readOnly{r}, e, b.now, false)
		return err
	}))
	_, err := shown.MarshalJSON()
	require.NoError(b.t, err)
	return shown
}

// recorded settles, and records what came of it.
func (b *bench) recorded(e abuse.Evidence) abuse.Decision {
	b.t.Helper()
	d := b.settle(e)
	b.record(d)
	return d
}

func (b *bench) record(d abuse.Decision) {
	b.t.Helper()
	require.NoError(b.t, b.store.Update(b.t.Context(), func(w abuse.Writer) error { return cases.Record(w, d) }))
}

// Who asks without a change is told what is in force, and nothing is written: never a step that no
// bound was asked about.
func TestShown(t *testing.T) {
	b := newBench(t, func(c *cases.Config) { c.Limits.PartnerDay = 1 })
	anna, bert := evidence("anna", strong(1, "messenger.example")), evidence("bert", strong(2, "messenger.example"))

	nothing := b.show(anna)
	require.Equal(t, abuse.None, nothing.Action, "it was never settled")
	require.Equal(t, abuse.ScopeAccount, nothing.Scope)
	require.Zero(t, nothing.Until)
	require.Equal(t, []abuse.Bound{{Name: cases.Unchanged, Proposed: abuse.Suspend}}, nothing.Bounds)
	clean := b.show(evidence("anna"))
	require.Equal(t, abuse.None, clean.Action)
	require.Empty(t, clean.Bounds)

	first := b.recorded(anna)
	require.Equal(t, abuse.Suspend, first.Action)
	capped := b.recorded(bert)
	require.Equal(t, abuse.Label, capped.Action)
	b.now = b.now.AddDate(0, 0, 1) // the day has room again
	require.Equal(t, asStored(t, first), b.show(anna), "what is stored, to the letter")
	require.Equal(t, asStored(t, capped), b.show(bert))
	require.Equal(t, first.ID, b.show(evidence("anna")).ID, "an undo is decided, not shown")

	b.now = first.Until
	ended := b.show(anna)
	require.Equal(t, abuse.None, ended.Action, "it has ended by itself")
	require.Equal(t, abuse.Live, ended.Mode)
	require.Equal(t, []string{cases.Unchanged}, met(ended))
}

// What a person has ruled is shown as his, and what lies beneath it when it has ended.
func TestShownRuling(t *testing.T) {
	b := newBench(t)
	e := evidence("anna", strong(1, "messenger.example"))
	first := b.recorded(e)
	lifted := b.rule(first, cases.Ruling{Action: abuse.None, Reviewer: "h. okoye"})
	b.record(lifted)
	require.Equal(t, asStored(t, lifted), b.show(e))

	more := evidence("anna", strong(1, "messenger.example"), weak(2, "market.example"))
	until := b.now.AddDate(0, 0, 1)
	limited := b.rule(lifted, cases.Ruling{Action: abuse.Limit, Until: until, Reviewer: "h. okoye"})
	b.record(limited)
	beneath := b.recorded(more)
	require.Equal(t, abuse.Limit, beneath.Action)
	require.Equal(t, limited.ID, b.show(more).ID)
	b.now = until
	shown := b.show(more)
	require.Equal(t, beneath.ID, shown.ID)
	require.Equal(t, b.under("anna").Action, shown.Action)
	require.Equal(t, abuse.Friction, shown.Action)
	require.Empty(t, shown.Reviewer)
	require.True(t, shown.Automated)
}

// keyed fails where decisions are gone through.
type keyed struct{ readOnly }

func (k keyed) Scan(t abuse.Table, from, to []byte, limit int) ([]abuse.Row, error) {
	if t == abuse.Decisions {
		panic("scanned")
	}
	return k.Reader.Scan(t, from, to, limit)
}

// However much was decided behind a ruling, or behind a step that it has not changed, who asks reads the
// one decision alone. A step as it was written before is looked for.
func TestShownIsBounded(t *testing.T) {
	b := newBench(t)
	e := evidence("anna", strong(1, "messenger.example"))
	first := b.recorded(e)
	ask := func() (shown abuse.Decision) {
		t.Helper()
		require.NoError(t, b.store.View(t.Context(), func(r abuse.Reader) (err error) {
			shown, err = b.Settle(keyed{readOnly{r}}, e, b.now, false)
			return err
		}))
		return shown
	}
	require.Equal(t, asStored(t, first), ask())
	ruled := b.rule(first, cases.Ruling{Action: abuse.Disable, Reviewer: "h. okoye"})
	b.record(ruled)
	for range 3 {
		require.NotEqual(t, ruled.ID, b.recorded(e).ID)
	}
	require.Equal(t, asStored(t, ruled), ask())

	row := func(change func(value string) string) {
		key := []byte("a\x00\x04anna")
		require.NoError(t, b.store.Update(t.Context(), func(w abuse.Writer) error {
			got, err := w.Get(abuse.InForce, key)
			require.NoError(t, err)
			return w.Put(abuse.InForce, key, []byte(change(string(got[0]))))
		}))
	}
	lifted := b.rule(first, cases.Ruling{Action: abuse.None, Reviewer: "h. okoye"})
	b.record(lifted)
	e = evidence("anna", strong(2, "bank.example"))
	again := b.recorded(e)
	require.Equal(t, asStored(t, again), ask())
	row(func(value string) string {
		old := regexp.MustCompile(`"at":"[^"]*","action":"suspend"`).ReplaceAllString(value, `"action":"suspend"`)
		require.NotEqual(t, value, old)
		return old
	})
	require.Panics(t, func() { ask() })
	require.Equal(t, asStored(t, again), b.show(e))
}

// Rules that date their decisions otherwise, by the hour say, are found too.
func TestShownOtherTime(t *testing.T) {
	b := newBench(t, func(c *cases.Config) {
		c.Decide = func(e abuse.Evidence, now time.Time) abuse.Decision {
			d := decide(e, now)
			d.At = now.Truncate(time.Hour)
			return d
		}
	})
	e := evidence("anna", strong(1, "messenger.example"))
	require.Equal(t, asStored(t, b.recorded(e)), b.show(e))
}

// Where the service has not recorded its decisions, the step is what there is to show.
func TestShownUnrecorded(t *testing.T) {
	b := newBench(t)
	e := evidence("anna", strong(1, "messenger.example"))
	first := b.settle(e)
	shown := b.show(e)
	require.Equal(t, []any{first.ID, "anna", first.Action, first.Scope, first.Until, first.Rule, abuse.Live, []uuid.UUID{signalID(1)}},
		[]any{shown.ID, shown.Account, shown.Action, shown.Scope, shown.Until, shown.Rule, shown.Mode, shown.Signals})
}

// asStored gives a decision as it comes back from a store.
func asStored(t testing.TB, d abuse.Decision) (back abuse.Decision) {
	body, err := d.MarshalJSON()
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(body, &back))
	return back
}

// A check without a change, through the real feed: the day after a flood, when a step has ended by
// itself, and after an undo it says what is in force.
func TestCheckSaysWhatIsInForce(t *testing.T) {
	f := newFeed(t, func(c *cases.Config) { c.Limits.PartnerDay = 1 })
	for n := 1; n <= 2; n++ {
		f.report(n, strong(n, "messenger.example"))
	}
	require.Len(t, f.hear(), 2)
	stands := func() {
		t.Helper()
		for _, account := range []string{"anna", "bert"} {
			before := f.recorded(account)
			answer := f.check(account)
			under := f.under(account)
			require.Equal(t, under.Action, answer.Action, account)
			require.True(t, under.Until.Equal(answer.Until))
			if under.Decision != uuid.Nil {
				require.Equal(t, under.Decision, answer.ID)
				require.NotZero(t, answer.PolicyHash, "it is the decision as it was recorded")
			}
			require.Equal(t, before, f.recorded(account))
		}
		require.Empty(t, f.step(), "nothing is told")
	}
	require.ElementsMatch(t, []abuse.Action{abuse.Suspend, abuse.Label}, []abuse.Action{f.under("anna").Action, f.under("bert").Action})
	stands()
	f.now = f.now.AddDate(0, 0, 1)
	stands()
	f.now = f.now.AddDate(0, 0, 7)
	require.Equal(t, abuse.None, f.under("anna").Action)
	stands()
	f.now = f.now.Add(time.Hour)
	stands()

	// Asked for, it is decided anew, under the day's bounds.
	again := f.reconsider("anna", "bert", "helpline", "nobody")
	require.Len(t, again, 2)
	require.ElementsMatch(t, []abuse.Action{abuse.Suspend, abuse.Label}, []abuse.Action{again[0].Action, again[1].Action})
	stands()
}
