package cases_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/cases"
)

// What is owed about one account ends with its last word, whatever the order of the cases.
func TestDeliverLastWord(t *testing.T) {
	for n := range 12 { // the order of the two cases is that of digests
		down := true
		var taken []abuse.Decision
		b := newCourt(t, self, func(c *cases.HearingsConfig) {
			c.Deliver = func(_ context.Context, d abuse.Decision) error {
				if down {
					return errors.New("down")
				}
				taken = append(taken, d)
				return nil
			}
		})
		account := fmt.Sprint("a", n)
		b.decide(t, brought(account, alleged(1, "messenger")))
		first := b.resolve(t, b.only(t).ID, cases.Resolution{Outcome: cases.Upheld})
		appeal, err := b.Open(ctx, account, first.ID)
		require.NoError(t, err)
		last := b.resolve(t, appeal.ID, cases.Resolution{Outcome: cases.Overturned, Ground: cases.WrongPerson, Reviewer: "Ben"})
		require.Error(t, b.Work(ctx))
		down = false
		require.NoError(t, b.Work(ctx))
		require.Len(t, taken, 1)
		same(t, last, taken[0], "what was overturned meanwhile is not carried out")
		require.NoError(t, b.Work(ctx))
		require.Len(t, taken, 1)
	}
}

// Where an earlier decision is delivered behind a later one, the later one is said again; a decision
// in background takes the place of none.
func TestDeliverBehindAnother(t *testing.T) {
	var taken []abuse.Decision
	var b *court
	var between func()
	b = newCourt(t, self, func(c *cases.HearingsConfig) {
		c.Deliver = func(_ context.Context, d abuse.Decision) error {
			if f := between; f != nil {
				between = nil
				f()
			}
			taken = append(taken, d)
			return nil
		}
	})
	b.decide(t, brought("a", alleged(1, "messenger")))
	review := b.only(t).ID
	var last abuse.Decision
	between = func() {
		appeal, err := b.Open(ctx, "a", b.decisions(t, "a")[0].ID)
		require.NoError(t, err)
		last = b.resolve(t, appeal.ID, overturned(cases.WrongPerson))
		shadow := last
		shadow.ID, shadow.Mode, shadow.At = allegedID(77), abuse.Background, last.At.Add(1)
		require.NoError(t, b.store.Update(ctx, func(w abuse.Writer) error { return cases.Record(w, shadow) }))
	}
	b.resolve(t, review, cases.Resolution{Outcome: cases.Upheld})
	require.Len(t, taken, 3)
	same(t, last, taken[2], "the last word is the last that is said")
	require.NoError(t, b.Work(ctx))
	require.Len(t, taken, 3)
}

// A form that was filled in before the evidence or another person freed the account puts no step on
// it; one that takes back may come late.
func TestStaleForm(t *testing.T) {
	until := session.AddDate(0, 0, 2)
	for name, r := range map[string]cases.Resolution{
		"closed for good": {Outcome: cases.Changed, Step: abuse.Disable, ForEver: true},
		"changed":         {Outcome: cases.Changed, Step: abuse.Limit, Until: until},
		"upheld":          {Outcome: cases.Upheld},
		"overturned":      {Outcome: cases.Overturned, Ground: cases.WrongSignal},
	} {
		for freed, free := range map[string]func(*court, abuse.Decision){
			"by evidence": func(b *court, _ abuse.Decision) { b.decide(t, brought("a")) },
			"by a person": func(b *court, d abuse.Decision) {
				appeal, err := b.Open(ctx, "a", d.ID)
				require.NoError(t, err)
				b.resolve(t, appeal.ID, cases.Resolution{Outcome: cases.Overturned, Ground: cases.WrongPerson, Reviewer: "Ben"})
			},
			"by its end": func(b *court, d abuse.Decision) { b.clock.at = d.Until },
			"in part": func(b *court, _ abuse.Decision) { // as harsh as before, with half of what was shown
				b.decide(t, brought("a", alleged(1, "messenger")))
			},
		} {
			b := newCourt(t, self, nil)
			b.decide(t, brought("a", alleged(1, "messenger"), alleged(2, "bank")))
			d := b.decide(t, brought("a", alleged(1, "messenger"), alleged(2, "bank"))) // which is not the review's
			c, err := b.Claim(ctx, b.only(t).ID, "Agatha")
			require.NoError(t, err)
			free(b, d)
			if freed == "by its end" && r.Outcome == cases.Changed && !r.ForEver {
				r.Until = b.clock.now().AddDate(0, 0, 2)
			}
			before := b.action(t, "a")
			r.Version, r.Reviewer = c.Version, "Agatha"
			_, err = b.Resolve(ctx, c.ID, r)
			if r.Outcome == cases.Overturned {
				require.NoError(t, err, freed)
				require.Equal(t, abuse.None, b.action(t, "a"))
				continue
			}
			require.ErrorIs(t, err, cases.ErrMoved, "%s, freed %s", name, freed)
			require.Equal(t, before, b.action(t, "a"))
			c, err = b.Claim(ctx, c.ID, "Agatha")
			require.NoError(t, err)
			r.Version = c.Version
			_, err = b.Resolve(ctx, c.ID, r)
			require.NoError(t, err, "%s, freed %s: it has been seen now", name, freed)
		}
	}
}

// standing is the step that an account is under.
func (b *court) standing(t testing.TB, account string) (step cases.Step) {
	require.NoError(t, b.store.View(ctx, func(r abuse.Reader) (err error) {
		step, _, err = b.desk.InForce(r, account, b.clock.now())
		return err
	}))
	return step
}

// ruled says whether a person's step stands, be it beneath another.
func (b *court) ruled(t testing.TB, account string) bool {
	var ruling cases.Ruling
	require.NoError(t, b.store.View(ctx, func(r abuse.Reader) (err error) {
		ruling, _, err = b.desk.Ruling(r, account, b.clock.now())
		return err
	}))
	return ruling.Action > abuse.None
}

// Who takes an old mild step back, or changes it, does not touch the harsher one of today, which rests
// on other signals; that one has a review of its own.
func TestOldCaseLeavesNewStep(t *testing.T) {
	mild := alleged(1, "messenger")
	mild.Confidence, mild.Review = 60, abuse.ReviewAutomatic
	for _, r := range []cases.Resolution{
		{Outcome: cases.Overturned, Ground: cases.WrongSignal},
		{Outcome: cases.Changed, Step: abuse.Label, Until: session.AddDate(0, 0, 2)},
	} {
		b := newCourt(t, self, func(c *cases.HearingsConfig) { c.ReviewFrom = abuse.Label })
		old := b.decide(t, brought("a", mild))
		require.Less(t, old.Action, abuse.Suspend)
		review := b.only(t)
		today := b.decide(t, brought("a", alleged(2, "bank")))
		require.Equal(t, abuse.Suspend, today.Action)
		require.Equal(t, abuse.Decision{}, b.resolve(t, review.ID, r), "nothing has changed for the account")
		require.Equal(t, abuse.Suspend, b.action(t, "a"))
		require.Equal(t, today.ID, b.only(t).Decision.ID, "nobody has answered for this one yet")

		b.decide(t, brought("a", mild))
		require.Equal(t, abuse.None, b.action(t, "a"), "the old signal carries nothing any more")
		b.decide(t, brought("a", alleged(2, "bank")))
		b.resolve(t, b.only(t).ID, overturned(cases.WrongSignal))
		require.Equal(t, abuse.None, b.action(t, "a"), "its own case lifts it")
	}
}

// A person's step that lies beneath a harsher one by new signals does not come back when it was
// overturned meanwhile and the harsher one ends.
func TestOverturnedBeneath(t *testing.T) {
	b := newCourt(t, self, nil)
	b.decide(t, brought("a", alleged(1, "messenger")))
	limited := b.resolve(t, b.only(t).ID, cases.Resolution{Outcome: cases.Changed, Step: abuse.Limit, Until: session.AddDate(0, 6, 0)})
	b.decide(t, brought("a", alleged(1, "messenger"), alleged(2, "bank")))
	require.Equal(t, abuse.Suspend, b.action(t, "a"))
	appeal, err := b.Open(ctx, "a", limited.ID)
	require.NoError(t, err)
	b.resolve(t, appeal.ID, overturned(cases.WrongPerson))
	require.Equal(t, abuse.Suspend, b.action(t, "a"), "of this nobody has said anything")
	b.decide(t, brought("a", alleged(1, "messenger")))
	require.Equal(t, abuse.None, b.action(t, "a"))
}

// A partner that says the same again under another ID does not outlive the appeal by it.
func TestSuccessorIsTheSame(t *testing.T) {
	b := newCourt(t, self, nil)
	d := b.decide(t, brought("a", alleged(1, "messenger")))
	successor := alleged(2, "messenger")
	successor.Cause = d.Signals[0]
	b.decide(t, brought("a", successor))
	appeal, err := b.Open(ctx, "a", d.ID)
	require.NoError(t, err)
	b.resolve(t, appeal.ID, overturned(cases.WrongPerson))
	require.Equal(t, abuse.None, b.action(t, "a"))
}

// Evidence that was shown and is gone is looked at again, also where a person's step stands above it
// and nothing else has changed.
func TestStaleBeneathRuling(t *testing.T) {
	b := newCourt(t, self, nil)
	d := b.decide(t, brought("a", alleged(1, "messenger"), alleged(2, "bank")))
	appeal, err := b.Open(ctx, "a", d.ID)
	require.NoError(t, err)
	b.resolve(t, b.reviewOf(t, d).ID, cases.Resolution{Outcome: cases.Changed, Step: abuse.Limit, Until: session.AddDate(0, 0, 30)})
	c, err := b.Claim(ctx, appeal.ID, "Agatha")
	require.NoError(t, err)
	was := b.standing(t, "a")
	b.clock.add(time.Second)
	b.decide(t, brought("a", alleged(1, "messenger")))
	require.Equal(t, was, b.standing(t, "a"))
	_, err = b.Resolve(ctx, c.ID, cases.Resolution{Version: c.Version, Reviewer: "Agatha", Outcome: cases.Changed, Step: abuse.Disable, ForEver: true})
	require.ErrorIs(t, err, cases.ErrMoved)
	require.Equal(t, abuse.Limit, b.action(t, "a"))
}

// reviewOf gives the open review of a decision.
func (b *court) reviewOf(t testing.TB, d abuse.Decision) cases.Case {
	all, err := b.Queue(ctx, 100)
	require.NoError(t, err)
	for _, c := range all {
		if c.Kind == cases.Review && c.Decision.ID == d.ID {
			return c
		}
	}
	require.Fail(t, "no review")
	return cases.Case{}
}

// An appeal against a person's word is about the step that the word was about: what carried it by then,
// and the ruling where nothing was in force when it was made.
func TestAppealAgainstWord(t *testing.T) {
	b := newCourt(t, self, nil)
	b.decide(t, brought("a", alleged(1, "messenger")))
	review := b.only(t).ID
	b.decide(t, brought("a", alleged(2, "bank")))
	upheld := b.resolve(t, review, cases.Resolution{Outcome: cases.Upheld})
	b.clock.add(time.Second)
	appeal, err := b.Open(ctx, "a", upheld.ID)
	require.NoError(t, err)
	b.resolve(t, appeal.ID, overturned(cases.WrongPerson))
	require.Equal(t, abuse.None, b.action(t, "a"))

	b = newCourt(t, self, nil)
	d := b.decide(t, brought("a", alleged(1, "messenger")))
	review = b.only(t).ID
	b.decide(t, brought("a"))
	b.resolve(t, review, cases.Resolution{Outcome: cases.Changed, Step: abuse.Disable, ForEver: true})
	require.Empty(t, b.standing(t, "a").Carriers)
	b.clock.add(time.Second)
	appeal, err = b.Open(ctx, "a", d.ID)
	require.NoError(t, err)
	b.resolve(t, appeal.ID, overturned(cases.WrongPerson))
	require.Equal(t, abuse.None, b.action(t, "a"))
}

// A decision that repeats what a person has ruled, with new evidence beneath, is about the ruling.
func TestAppealAgainstRepeatedRuling(t *testing.T) {
	b := newCourt(t, self, nil)
	b.decide(t, brought("a", alleged(1, "messenger")))
	b.resolve(t, b.only(t).ID, cases.Resolution{Outcome: cases.Changed, Step: abuse.Limit, Until: session.AddDate(0, 0, 30)})
	b.clock.add(time.Second)
	mild := alleged(3, "bank")
	mild.Confidence, mild.Review = 60, abuse.ReviewAutomatic
	repeated := b.decide(t, brought("a", alleged(1, "messenger"), mild))
	require.Equal(t, abuse.Limit, repeated.Action)
	require.Equal(t, mild.ID, repeated.Signals[0])
	appeal, err := b.Open(ctx, "a", repeated.ID)
	require.NoError(t, err)
	b.resolve(t, appeal.ID, overturned(cases.WrongPerson))
	require.Equal(t, abuse.None, b.action(t, "a"))
}

// What was overturned does not come to light again when a person's step above it ends.
func TestOverturnedBeneathRuling(t *testing.T) {
	b := newCourt(t, self, nil)
	mild := alleged(3, "bank")
	mild.Confidence, mild.Review = 60, abuse.ReviewAutomatic
	old := b.decide(t, brought("a", mild))
	appeal, err := b.Open(ctx, "a", old.ID)
	require.NoError(t, err)
	d := b.decide(t, brought("a", alleged(1, "messenger")))
	b.resolve(t, b.reviewOf(t, d).ID, cases.Resolution{Outcome: cases.Changed, Step: abuse.Limit, Until: session.AddDate(0, 0, 1)})
	b.clock.add(time.Second)
	b.decide(t, brought("a", alleged(1, "messenger"), mild))
	b.resolve(t, appeal.ID, overturned(cases.WrongPerson))
	require.Equal(t, abuse.Limit, b.action(t, "a"))
	b.clock.add(25 * time.Hour)
	require.Equal(t, abuse.None, b.action(t, "a"))
}
