package cases_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

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
