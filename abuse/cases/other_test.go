package cases_test

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/cases"
)

// Nobody is asked again about a decision that was answered: who has the other case in hand hears that it
// is closed, partners hear of the appeal all the same, and scorecards learn of the answer once.
func TestOneAnswer(t *testing.T) {
	for _, tt := range []struct {
		review bool // the review is answered, and not the appeal
		answer cases.Resolution
		closes bool
	}{
		{false, overturned(cases.WrongSignal), true},
		{false, cases.Resolution{Outcome: cases.Upheld}, true},
		{false, cases.Resolution{Outcome: cases.Changed, Step: abuse.Limit, Until: session.AddDate(0, 0, 3)}, true},
		{true, overturned(cases.WrongSignal), true},
		{true, cases.Resolution{Outcome: cases.Upheld}, false},
		{true, cases.Resolution{Outcome: cases.Changed, Step: abuse.Limit, Until: session.AddDate(0, 0, 3)}, false},
	} {
		for _, console := range []bool{false, true} {
			carried := 0
			b := newCourt(t, self, func(c *cases.HearingsConfig) {
				c.Carry = func(context.Context, cases.AppealReference) error { carried++; return nil }
				c.Deliver = func(context.Context, abuse.Decision) error { return nil }
			})
			who := b
			if console {
				who = newCourtOn(t, b.store, self, cases.Limits{}, func(c *cases.HearingsConfig) { c.Console, c.Clock = true, b.clock.now })
			}
			d := b.decide(t, brought("a", alleged(1, "messenger")))
			other, err := who.Claim(ctx, b.only(t).ID, "Ben")
			require.NoError(t, err)
			c, err := who.Open(ctx, "a", d.ID)
			require.NoError(t, err)
			if tt.review {
				other, c = c, other
				other, err = who.Claim(ctx, other.ID, "Ben")
				require.NoError(t, err)
				require.NoError(t, who.Release(ctx, c.ID, c.Version))
			}
			result := who.resolve(t, c.ID, tt.answer)
			_, err = who.Resolve(ctx, other.ID, cases.Resolution{Version: other.Version, Reviewer: "Ben", Outcome: cases.Upheld})
			rows := feedbackRows(t, b.store)
			if !tt.closes {
				require.NotErrorIs(t, err, cases.ErrClosed)
				continue
			}
			require.ErrorIs(t, err, cases.ErrClosed)
			require.Len(t, rows, map[cases.Outcome]int{cases.Overturned: 1, cases.Upheld: 1}[tt.answer.Outcome])
			got, err := who.Case(ctx, other.ID)
			require.NoError(t, err)
			require.Equal(t, [...]any{tt.answer.Outcome, tt.answer.Ground, "Agatha", result.ID, c.ID, ""},
				[...]any{got.Outcome, got.Ground, got.Reviewer, got.Result, got.With, got.Holder})
			answered, err := who.Case(ctx, c.ID)
			require.NoError(t, err)
			require.Equal(t, uuid.Nil, answered.With)
			require.NoError(t, b.Work(ctx))
			require.Equal(t, 1, carried)
			require.Empty(t, b.owed(t))
			require.Empty(t, b.caseRows(t, 'q'))
			require.Empty(t, b.caseRows(t, 'l'))
			require.Len(t, b.decisions(t, "a"), 2)
			b.decide(t, brought("a", alleged(1, "messenger")))
			require.Empty(t, b.caseRows(t, 'q'), "nor about the same again")
		}
	}
}

// A review that is damaged keeps nobody from answering the appeal, and one about another decision stays.
func TestOneAnswerAlone(t *testing.T) {
	for _, damage := range []bool{true, false} {
		b := newCourt(t, self, nil)
		d := b.decide(t, brought("a", alleged(1, "messenger")))
		review := b.only(t)
		if damage {
			overwrite(t, b.store, abuse.Cases, append([]byte("r"), review.ID[:]...), "{")
		} else {
			d = b.decide(t, brought("a", alleged(1, "messenger")))
		}
		appeal, err := b.Open(ctx, "a", d.ID)
		require.NoError(t, err)
		b.resolve(t, appeal.ID, overturned(cases.WrongPerson))
		require.Len(t, b.caseRows(t, 'q'), 1)
	}
}

// Nor does a damaged review of the step that an answer leaves.
func TestAnswerLeavesDamagedReview(t *testing.T) {
	for _, console := range []bool{false, true} {
		b := newCourtBy(t, abuse.NewMemory(), counting(abuse.Suspend, 30), func(*cases.HearingsConfig) {})
		who := b
		if console {
			who = newCourtOn(t, b.store, self, cases.Limits{}, func(c *cases.HearingsConfig) { c.Console, c.Clock = true, b.clock.now })
		}
		spam := alleged(1, "bank")
		spam.Category = abuse.Spam
		old := b.decide(t, brought("a", spam))
		require.Less(t, old.Action, abuse.Suspend)
		today := b.decide(t, brought("a", spam, alleged(2, "messenger")))
		review := b.only(t)
		require.Equal(t, today.ID, review.Decision.ID)
		overwrite(t, b.store, abuse.Cases, append([]byte("r"), review.ID[:]...), "{")
		appeal, err := b.Open(ctx, "a", old.ID)
		require.NoError(t, err)
		who.resolve(t, appeal.ID, overturned(cases.WrongSignal))
		require.NoError(t, b.Work(ctx))
		require.Equal(t, abuse.Suspend, b.action(t, "a"))
	}
}

// Nor does relief that comes late begin anew what came in since the claim and has run out.
func TestLateReliefBeginsNothing(t *testing.T) {
	for n := range 4 {
		swept, console := n&1 != 0, n&2 != 0
		b := newCourtBy(t, abuse.NewMemory(), counting(abuse.Suspend, 7), func(*cases.HearingsConfig) {})
		who := b
		if console {
			who = newCourtOn(t, b.store, self, cases.Limits{}, func(c *cases.HearingsConfig) { c.Console, c.Clock = true, b.clock.now })
		}
		b.decide(t, brought("a", alleged(1, "messenger")))
		c, err := who.Claim(ctx, b.only(t).ID, "Agatha")
		require.NoError(t, err)
		b.decide(t, brought("a", alleged(1, "messenger"), alleged(2, "bank")))
		b.clock.add(31 * aDay)
		if swept {
			require.NoError(t, b.desk.Sweep(ctx, func(context.Context, cases.Ended) error { return nil }))
		}
		require.Equal(t, abuse.None, b.action(t, "a"))
		r := overturned(cases.WrongPerson)
		r.Version, r.Reviewer = c.Version, "Agatha"
		_, err = who.Resolve(ctx, c.ID, r)
		require.NoError(t, err)
		require.NoError(t, b.Work(ctx))
		require.Equal(t, abuse.None, b.action(t, "a"), "swept %v, console %v", swept, console)
	}
}
