package cases_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/cases"
)

const aDay = 24 * time.Hour

// caseRows are the rows that begin with a byte.
func (b *court) caseRows(t testing.TB, first byte) (rows []abuse.Row) {
	require.NoError(t, b.store.View(ctx, func(r abuse.Reader) (err error) {
		rows, err = r.Scan(abuse.Cases, []byte{first}, []byte{first + 1}, 1000)
		return err
	}))
	return rows
}

// A case that has its outcome goes when it was kept for long enough, with all that points to it; what
// came of it stays, and so does what is open.
func TestRetire(t *testing.T) {
	b := newCourt(t, self, func(c *cases.HearingsConfig) {
		c.Carry = func(context.Context, cases.AppealReference) error { return nil }
		c.Deliver = func(context.Context, abuse.Decision) error { return nil }
	})
	d := b.decide(t, brought("a", alleged(1, "messenger")))
	appeal, err := b.Open(ctx, "a", d.ID)
	require.NoError(t, err)
	theirs, err := b.Contest(ctx, "bank", cases.AppealReference{To: self, Reference: cases.Reference{1}, Signal: allegedID(50)})
	require.NoError(t, err)
	b.resolve(t, theirs.ID, cases.Resolution{Outcome: cases.Upheld})
	b.resolve(t, appeal.ID, overturned(cases.WrongSignal))
	b.decide(t, brought("b", alleged(2, "bank")))
	open, err := b.Queue(ctx, 10)
	require.NoError(t, err)
	require.Len(t, open, 1, "the other review")

	b.clock.add(400*aDay - time.Hour)
	require.NoError(t, b.Work(ctx))
	require.Len(t, b.caseRows(t, 'r'), 4, "not yet")
	b.clock.add(2 * time.Hour)
	require.NoError(t, b.Work(ctx))
	for _, c := range []cases.Case{appeal, theirs} {
		_, err = b.Case(ctx, c.ID)
		require.ErrorIs(t, err, cases.ErrNoCase)
	}
	still, err := b.Queue(ctx, 10)
	require.NoError(t, err)
	require.Equal(t, open, still)
	_, err = b.Open(ctx, "a", d.ID)
	require.ErrorIs(t, err, cases.ErrTooLate)

	again := alleged(1, "messenger")
	again.LastObserved = b.clock.now().Add(-aDay).Truncate(aDay)
	again.ValidUntil, again.Revision = again.LastObserved.Add(90*aDay), 2
	b.decide(t, brought("a", again))
	require.Equal(t, abuse.None, b.action(t, "a"), "it was cleared of that")
	require.Len(t, feedbackRows(t, b.store), 1, "and the partner is known for it")
}

func feedbackRows(t testing.TB, store abuse.Store) (rows []abuse.Row) {
	require.NoError(t, store.View(ctx, func(r abuse.Reader) (err error) {
		rows, err = r.Scan(abuse.Feedback, nil, nil, 10)
		return err
	}))
	return rows
}

// When the last review of an account is gone the next is opened as if there had been none.
func TestRetireLastReview(t *testing.T) {
	b := newCourt(t, self, nil)
	at := func(s abuse.Signal) abuse.Signal {
		s.FirstObserved = b.clock.now().Add(-aDay).Truncate(aDay)
		s.LastObserved = s.FirstObserved
		s.ValidUntil = s.LastObserved.Add(90 * aDay)
		return s
	}
	b.decide(t, brought("a", at(alleged(1, "messenger"))))
	b.resolve(t, b.only(t).ID, cases.Resolution{Outcome: cases.Upheld})
	require.Len(t, b.owed(t), 1)
	b.clock.add(401 * aDay)
	require.NoError(t, b.Work(ctx))
	require.Len(t, b.caseRows(t, 'r'), 1, "the person's word was not delivered yet")
	require.NoError(t, b.store.Update(ctx, func(w abuse.Writer) error { return w.Delete(abuse.Cases, b.owed(t)[0].Key) }))
	require.NoError(t, b.Work(ctx))
	for _, row := range []byte("adlqrv") {
		require.Empty(t, b.caseRows(t, row), string(row))
	}
	d := b.decide(t, brought("a", at(alleged(1, "messenger"))))
	require.Equal(t, d.ID, b.only(t).Decision.ID)
	require.NoError(t, b.store.Update(ctx, func(w abuse.Writer) error { return b.Forget(w, "a") }))
	rows := b.caseRows(t, 'u')
	require.Empty(t, rows)
}

// A call takes out so much and no more, and what is owed for good or damaged keeps nothing behind it.
func TestRetireBySlices(t *testing.T) {
	const many = 450
	b := newCourt(t, self, func(c *cases.HearingsConfig) {
		c.KeepClosed, c.MostContested = 200*aDay, many
		c.Carry = func(context.Context, cases.AppealReference) error { return nil }
	})
	var all []cases.Case
	for n := range many {
		c, err := b.Contest(ctx, "bank", cases.AppealReference{To: self, Reference: cases.Reference{1, byte(n), byte(n >> 8)}, Signal: allegedID(n)})
		require.NoError(t, err)
		answer := cases.Resolution{Outcome: cases.Upheld}
		if n < 210 {
			answer = overturned(cases.WrongSignal) // and nothing here withdraws
		}
		b.resolve(t, c.ID, answer)
		b.clock.add(time.Second)
		all = append(all, c)
	}
	overwrite(t, b.store, abuse.Cases, slices.Concat([]byte("r"), all[300].ID[:]), "{")
	b.clock.add(201 * aDay)
	for n, want := range []int{450, 261, 211, 211, 211} { // the last two from the beginning
		err := b.Work(ctx)
		require.Equal(t, want, len(b.caseRows(t, 'd')), n)
		require.Equal(t, n == 1 || n == 4, errors.Is(err, abuse.ErrStoreDamaged), "%d: %v", n, err)
	}
}

// Nothing is forgotten while it can be appealed against.
func TestKeepClosed(t *testing.T) {
	b := newCourt(t, self, nil)
	cfg := cases.HearingsConfig{Desk: b.desk, Self: self, Key: make([]byte, 32), KeepClosed: 30 * aDay}
	_, err := cases.NewHearings(cfg)
	var problem *abuse.Error
	require.ErrorAs(t, err, &problem)
	cfg.AppealWithin = 30 * aDay
	_, err = cases.NewHearings(cfg)
	require.NoError(t, err)
	b = newCourt(t, self, func(c *cases.HearingsConfig) { c.KeepClosed = -1 })
	b.decide(t, brought("a", alleged(1, "messenger")))
	b.resolve(t, b.only(t).ID, overturned(cases.WrongPerson))
	require.NoError(t, b.store.Update(ctx, func(w abuse.Writer) error { return w.Delete(abuse.Cases, b.owed(t)[0].Key) }))
	b.clock.add(10 * 366 * aDay)
	require.NoError(t, b.Work(ctx))
	require.Len(t, b.caseRows(t, 'd'), 1)
}
