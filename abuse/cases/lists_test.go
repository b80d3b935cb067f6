package cases_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse/cases"
)

// Appeals are found behind any number of reviews, and the newest answers are in front.
func TestAppealsBehindReviews(t *testing.T) {
	b := newCourtWithin(t, self, cases.Limits{PartnerDay: -1, RuleDay: -1, CategoryDay: -1, Day: -1, BaseShare: -1, SignalAccounts: -1, TripLeast: -1}, nil)
	for n := range 600 { // more than are looked at in one go
		b.decide(t, brought(fmt.Sprint("a", n), alleged(n+1, "messenger")))
	}
	var opened []cases.Case
	for n := range 3 {
		account := fmt.Sprint("a", n)
		c, err := b.Open(ctx, account, b.decisions(t, account)[0].ID)
		require.NoError(t, err)
		opened = append(opened, c)
		b.clock.add(time.Second)
	}
	open, err := b.Appeals(ctx, 2)
	require.NoError(t, err)
	require.Len(t, open, 2)
	require.Equal(t, opened[0].ID, open[0].ID)
	require.Equal(t, opened[1].ID, open[1].ID)

	began := b.clock.now()
	for _, c := range opened {
		b.resolve(t, c.ID, overturned(cases.WrongPerson))
		b.clock.add(40 * time.Hour)
	}
	all, err := b.Answered(ctx, began, 10)
	require.NoError(t, err)
	require.Len(t, all, 3)
	all, err = b.Answered(ctx, began, 2)
	require.NoError(t, err)
	require.Len(t, all, 2)
	require.Equal(t, opened[2].ID, all[0].ID, "the newest")
	require.Equal(t, opened[1].ID, all[1].ID)
	all, err = b.Answered(ctx, began.Add(time.Hour), 10)
	require.NoError(t, err)
	require.Len(t, all, 2, "not what is older than asked for")
	open, err = b.Appeals(ctx, 10)
	require.NoError(t, err)
	require.Empty(t, open)
}
