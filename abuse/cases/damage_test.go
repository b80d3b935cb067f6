package cases_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/cases"
)

func overwrite(t testing.TB, store abuse.Store, table abuse.Table, key []byte, value string) {
	require.NoError(t, store.Update(ctx, func(w abuse.Writer) error { return w.Put(table, key, []byte(value)) }))
}

// A case that is damaged, or of a version to come, keeps nobody from the others, and its account can
// still be forgotten.
func TestDamagedCase(t *testing.T) {
	for want, value := range map[error]string{abuse.ErrStoreDamaged: "{", abuse.ErrStoreVersion: `{"v":2,"row":{}}`} {
		b := newCourt(t, self, nil)
		var appeals []cases.Case
		for n, account := range []string{"a", "b", "c"} {
			b.decide(t, brought(account, alleged(n, "messenger")))
			d := b.decide(t, brought(account, alleged(n, "messenger"))) // which is not the review's
			appeal, err := b.Open(ctx, account, d.ID)
			require.NoError(t, err)
			appeals = append(appeals, appeal)
			b.clock.add(time.Minute)
		}
		b.resolve(t, appeals[0].ID, cases.Resolution{Outcome: cases.Upheld})
		b.resolve(t, appeals[2].ID, cases.Resolution{Outcome: cases.Upheld})
		reviews, err := b.Queue(ctx, 10)
		require.NoError(t, err)
		require.Len(t, reviews, 4)
		for _, c := range []cases.Case{reviews[0], appeals[0]} {
			overwrite(t, b.store, abuse.Cases, slices.Concat([]byte("r"), c.ID[:]), value)
		}
		accounts := func(all []cases.Case, err error) (names []string) {
			t.Helper()
			require.ErrorIs(t, err, want)
			for _, c := range all {
				names = append(names, c.Decision.Account)
			}
			return names
		}
		require.Equal(t, []string{"b", "c", "b"}, accounts(b.Queue(ctx, 10)))
		require.Equal(t, []string{"b"}, accounts(b.Queue(ctx, 1)), "behind the damaged one")
		require.Equal(t, []string{"c"}, accounts(b.Closed(ctx, session, 10)))
		require.Equal(t, []string{"c"}, accounts(b.Answered(ctx, session, 10)))
		require.Empty(t, accounts(b.Of(ctx, "a", 10)))
		b.clock.add(4 * 24 * time.Hour)
		require.Equal(t, []string{"b", "c"}, accounts(b.Late(ctx, 10)))
		overwrite(t, b.store, abuse.Cases, slices.Concat([]byte("r"), appeals[1].ID[:]), value)
		require.Empty(t, accounts(b.Appeals(ctx, 10)))

		require.NoError(t, b.store.Update(ctx, func(w abuse.Writer) error { return b.Forget(w, "a") }))
		of, err := b.Of(ctx, "a", 10)
		require.NoError(t, err)
		require.Empty(t, of)
		_, err = b.Case(ctx, appeals[0].ID)
		require.ErrorIs(t, err, cases.ErrNoCase)
	}
}

// A review that is damaged does not keep its account from being decided on, nor from a review.
func TestDamagedReview(t *testing.T) {
	b := newCourt(t, self, nil)
	b.decide(t, brought("a", alleged(1, "messenger")))
	review := b.only(t).ID
	overwrite(t, b.store, abuse.Cases, slices.Concat([]byte("r"), review[:]), "{")
	d := b.decide(t, brought("a", alleged(1, "messenger"), alleged(2, "bank")))
	all, err := b.Queue(ctx, 10)
	require.ErrorIs(t, err, abuse.ErrStoreDamaged)
	require.Len(t, all, 1)
	require.Equal(t, d.ID, all[0].Decision.ID)
}

// A verdict that is damaged leaves all others in the cards.
func TestDamagedVerdict(t *testing.T) {
	b := newCourt(t, self, nil)
	for n, from := range []string{"bank", "market", "messenger"} {
		require.NoError(t, b.Give(ctx, cases.Feedback{From: from, Signal: alleged(n, from), Verdict: cases.Wrong, Source: cases.FromPerson}))
	}
	id := allegedID(0)
	overwrite(t, b.store, abuse.Feedback, slices.Concat([]byte("\x04bank"), id[:]), "\x09")
	cards, err := b.Cards(ctx)
	require.ErrorIs(t, err, abuse.ErrStoreDamaged)
	require.Len(t, cards, 2)
	weights, err := b.Weights(ctx)
	require.NoError(t, err, "who asks for them takes none with an error")
	require.Len(t, weights, 2)
	require.Less(t, weights["market"], 1.0)
	b.decide(t, brought("a", alleged(0, "bank")))
	b.resolve(t, b.only(t).ID, overturned(cases.WrongSignal))
	cards, err = b.Cards(ctx)
	require.NoError(t, err, "the answer is given, and mends it")
	require.Len(t, cards, 3)
}

// Alarms and steps behind a damaged row are handed on all the same.
func TestDamagedAlarmAndStep(t *testing.T) {
	b := newBench(t, func(c *cases.Config) { c.Limits.PartnerDay = 1 })
	for n := range 6 {
		b.settle(evidence(fmt.Sprint("a-", n), strong(n, fmt.Sprintf("p%d.example", n/2))))
	}
	overwrite(t, b.store, abuse.InForce, []byte("a\x00\x03a-1"), "{")
	require.NoError(t, b.store.View(ctx, func(r abuse.Reader) error {
		steps, next, more, err := b.Steps(r, "", 6, b.now)
		require.ErrorIs(t, err, abuse.ErrStoreDamaged)
		require.Len(t, steps, 5)
		require.Equal(t, "a-5", next)
		require.True(t, more)
		return nil
	}))
	var first []byte
	require.NoError(t, b.store.View(ctx, func(r abuse.Reader) error {
		rows, err := r.Scan(abuse.Bounds, []byte("z"), []byte("{"), 10)
		require.Len(t, rows, 3)
		first = rows[0].Key
		return err
	}))
	overwrite(t, b.store, abuse.Bounds, first, "{")
	rang := 0
	for range 2 {
		require.ErrorIs(t, b.Alarms(ctx, func(context.Context, cases.Alarm) error { rang++; return nil }), abuse.ErrStoreDamaged)
		require.Equal(t, 2, rang, "each once")
	}
}

// A case that was claimed by a clock that ran ahead by a year can be claimed by another all the same.
func TestClaimedAhead(t *testing.T) {
	b := newCourt(t, self, nil)
	b.decide(t, brought("a", alleged(1, "messenger")))
	id := b.only(t).ID
	b.clock.add(366 * aDay)
	_, err := b.Claim(ctx, id, "Agatha")
	require.NoError(t, err)
	b.clock.add(-10 * time.Minute)
	_, err = b.Claim(ctx, id, "Ben")
	require.ErrorIs(t, err, cases.ErrClaimed)
	b.clock.add(-366 * aDay)
	_, err = b.Claim(ctx, id, "Ben")
	require.NoError(t, err)
}
