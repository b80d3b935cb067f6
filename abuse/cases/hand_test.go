package cases_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/cases"
)

// Two people have cases about one account in hand. One upholds, with a signal before her that is
// withdrawn by then; the other overturns, once he knows of that.
func TestUpheldThenOverturned(t *testing.T) {
	b := newCourt(t, self, nil)
	gone, mild := alleged(1, "messenger"), alleged(3, "market")
	mild.Confidence, mild.Review, mild.Severity, mild.Reports = 55, abuse.ReviewAutomatic, abuse.Low, 1
	b.decide(t, brought("a", gone))
	review := b.only(t)
	b.decide(t, brought("a", gone, alleged(2, "bank")))
	d := b.decide(t, brought("a", alleged(2, "bank")))
	appeal, err := b.Open(ctx, "a", d.ID)
	require.NoError(t, err)
	c, err := b.Claim(ctx, appeal.ID, "Ben")
	require.NoError(t, err)
	review, err = b.Claim(ctx, review.ID, "Agatha")
	require.NoError(t, err)
	b.decide(t, brought("a", alleged(2, "bank"), mild))
	d, err = b.Resolve(ctx, review.ID, cases.Resolution{Version: review.Version, Reviewer: "Agatha", Outcome: cases.Upheld})
	require.NoError(t, err)
	require.Equal(t, abuse.Suspend, d.Action)
	_, err = b.Resolve(ctx, c.ID, cases.Resolution{Version: c.Version, Reviewer: "Ben", Outcome: cases.Overturned, Ground: cases.WrongSignal})
	require.ErrorIs(t, err, cases.ErrMoved, "he does not know what she has said")
	require.Equal(t, abuse.Suspend, b.action(t, "a"))
	c, err = b.Claim(ctx, c.ID, "Ben")
	require.NoError(t, err)
	require.Equal(t, d.ID, c.Current.ID, "now he does")
	_, err = b.Resolve(ctx, c.ID, cases.Resolution{Version: c.Version, Reviewer: "Ben", Outcome: cases.Overturned, Ground: cases.WrongSignal})
	require.NoError(t, err)
	require.Equal(t, abuse.None, b.action(t, "a"), "all that there is was before him")
}
