package watch

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
)

// Who is checked before the caller stores him is not taken to be gone, by a check that is made up for.
func TestRecheckBeforeStored(t *testing.T) {
	w := newTown(t, linkage.ProtocolEC)
	require.NoError(t, w.base(0))
	w.report(1, 1, ids(t, 1))
	w.settle()
	w.partner.set(nil)
	answer, err := w.rec.Check(t.Context(), "a", []hashing.Identifier{ids(t, 1)})
	require.NoError(t, err)
	require.True(t, answer.Pending)
	w.partner.set(w.tr)
	n, err := w.rec.Recheck(t.Context())
	require.NoError(t, err)
	require.Zero(t, n)
	w.people.put("a", ids(t, 1))
	w.at.Add(60)
	w.settle()
	w.check()
	require.Len(t, w.known(), 1)
}

// And what was enrolled stays while another base stands beside the running one.
func TestRecheckKeepsSignUp(t *testing.T) {
	w := newTown(t, linkage.ProtocolEC)
	require.NoError(t, w.base(0))
	w.report(1, 1, ids(t, 1))
	w.settle()
	w.at.Store(w.agreement.EpochStart(1).Add(-time.Hour).Unix())
	require.NoError(t, w.tr.Cut(t.Context()))
	require.NoError(t, w.base(1))
	w.report(2, 1, ids(t, 1))
	w.settle()
	answer, err := w.rec.Check(t.Context(), "a", []hashing.Identifier{ids(t, 1)})
	require.NoError(t, err)
	require.Equal(t, 2, answer.Matched)
	w.at.Add(60)
	_, err = w.rec.Recheck(t.Context())
	require.NoError(t, err)
	w.people.put("a", ids(t, 1))
	w.at.Add(60)
	w.settle()
	w.check()
	require.Len(t, w.known(), 2)
}

// What was found about an account that is not stored yet is told when it is.
func TestDecideBeforeStored(t *testing.T) {
	w := newTown(t, linkage.ProtocolEC)
	require.NoError(t, w.base(0))
	w.report(1, 1, ids(t, 1))
	w.settle()
	require.NoError(t, w.rec.Enrol(t.Context(), []linkage.Account{{Ref: "a", Identifiers: []hashing.Identifier{ids(t, 1)}}}))
	_, err := w.decider.Step(t.Context())
	require.NoError(t, err)
	w.people.put("a", ids(t, 1))
	w.at.Add(60)
	w.settle()
	w.check()
	require.Len(t, w.known(), 1)
}

// An account that has been gone for long is forgotten without being removed.
func TestGoneForLong(t *testing.T) {
	w := newTown(t, linkage.ProtocolEC)
	require.NoError(t, w.base(0))
	w.report(1, 1, ids(t, 1))
	w.settle()
	account := linkage.Account{Ref: "a", Identifiers: []hashing.Identifier{ids(t, 1)}}
	require.NoError(t, w.rec.Enrol(t.Context(), []linkage.Account{account}))
	w.partner.set(nil)
	require.NoError(t, w.rec.Enrol(t.Context(), []linkage.Account{{Ref: "a", Identifiers: []hashing.Identifier{ids(t, 2)}}}))
	w.partner.set(w.tr)
	rows := func() (n int) {
		require.NoError(t, w.mine.View(t.Context(), func(r abuse.Reader) error {
			n = 0
			for _, table := range []abuse.Table{abuse.Holdings, abuse.Matches, abuse.Rechecks, abuse.Undecided} {
				all, err := r.Scan(table, nil, nil, 100)
				require.NoError(t, err)
				n += len(all)
			}
			return nil
		}))
		return n
	}
	before := rows()
	for range 3 {
		w.settle()
		require.Equal(t, before, rows())
		w.at.Add(int64((goneAfter / 4).Seconds()))
	}
	w.at.Add(int64(goneAfter.Seconds()))
	w.settle()
	require.Zero(t, rows())
}

// eager is a partner that does something before it answers an evaluation.
type eager struct {
	*local
	before func()
}

func (e *eager) Evaluate(ctx context.Context, epoch uint32, id [16]byte, request []byte) ([]byte, error) {
	if do := e.before; do != nil {
		e.before = nil
		do()
	}
	return e.local.Evaluate(ctx, epoch, id, request)
}

// eagerAccounts do something before they say what an account has.
type eagerAccounts struct {
	*people
	before func()
}

func (e *eagerAccounts) Holdings(ctx context.Context, account string) ([]abuse.Holding, error) {
	if do := e.before; do != nil {
		e.before = nil
		do()
	}
	return e.people.Holdings(ctx, account)
}

// What a check has found out is not overwritten by one that was made up for at the same time, with what
// the account had before.
func TestRecheckYields(t *testing.T) {
	for _, again := range []bool{false, true} {
		w := newTown(t, linkage.ProtocolEC)
		require.NoError(t, w.base(0))
		w.report(1, 1, ids(t, 1))
		w.report(2, 1, ids(t, 3))
		w.settle()
		w.partner.set(nil)
		w.people.put("a", ids(t, 1))
		_, err := w.rec.Check(t.Context(), "a", w.people.all["a"])
		require.NoError(t, err)
		w.partner.set(w.tr)
		e := &eager{local: w.partner}
		w.rec.cfg.Partner = e
		e.before = func() {
			w.people.put("a", ids(t, 3))
			answer, err := w.rec.Check(t.Context(), "a", w.people.all["a"])
			require.NoError(t, err)
			require.Equal(t, 1, answer.Matched)
			if again { // and one is owed again
				require.NoError(t, w.mine.Update(t.Context(), func(x abuse.Writer) error {
					_, err := owe(x, w.rec.link, "a", w.now(), w.now())
					return err
				}))
			}
		}
		n, err := w.rec.Recheck(t.Context())
		require.NoError(t, err)
		require.Zero(t, n)
		s, err := w.rec.Status(t.Context())
		require.NoError(t, err)
		require.Equal(t, again, s.Rechecks == 1)
		w.settle()
		w.check()
		require.Len(t, w.known(), 1)
	}
}

// Of two checks of one account at the same time neither forgets what the other has brought, whichever is
// the later one: the caller is asked what the account has.
func TestCheckBesideCheck(t *testing.T) {
	for _, has := range []int{1, 3, -1, -3} { // below zero the caller's own table is what is slow
		slow := has < 0
		has = max(has, -has)
		w := newTown(t, linkage.ProtocolEC)
		require.NoError(t, w.base(0))
		w.report(1, 1, ids(t, 1))
		w.report(2, 1, ids(t, 3))
		w.settle()
		w.people.put("a", ids(t, has))
		e := &eager{local: w.partner}
		w.rec.cfg.Partner = e
		e.before = func() {
			answer, err := w.rec.Check(t.Context(), "a", []hashing.Identifier{ids(t, 3)})
			require.NoError(t, err)
			require.Equal(t, 1, answer.Matched)
		}
		if slow {
			w.rec.cfg.Accounts, e.before = &eagerAccounts{w.people, e.before}, nil
		}
		_, err := w.rec.Check(t.Context(), "a", []hashing.Identifier{ids(t, 1)})
		require.NoError(t, err)
		w.at.Add(int64(recheckLater.Seconds()))
		w.settle()
		w.check()
		s, err := w.rec.Status(t.Context())
		require.NoError(t, err)
		require.Zero(t, s.Rechecks)
	}
}

// What another has taken away meanwhile, because the account did not have it then, is asked for again.
func TestCheckBesideLoss(t *testing.T) {
	for _, removed := range []bool{false, true} {
		w := newTown(t, linkage.ProtocolEC)
		require.NoError(t, w.base(0))
		w.report(1, 1, ids(t, 1))
		w.settle()
		w.people.put("a", ids(t, 1))
		_, err := w.rec.Check(t.Context(), "a", w.people.all["a"])
		require.NoError(t, err)
		w.people.put("a", ids(t, 1), ids(t, 3))
		w.rec.cfg.Partner = &eager{w.partner, func() {
			if removed {
				require.NoError(t, w.rec.Remove(t.Context(), "a"))
				return
			}
			_, err := w.rec.Check(t.Context(), "a", []hashing.Identifier{ids(t, 2)})
			require.NoError(t, err)
		}}
		_, err = w.rec.Check(t.Context(), "a", w.people.all["a"])
		require.NoError(t, err)
		w.at.Add(int64(recheckLater.Seconds()))
		w.settle()
		w.check()
		require.Len(t, w.known(), 1)
	}
}

// An account that comes twice in one call has what it has the last time.
func TestEnrolTwice(t *testing.T) {
	w := newTown(t, linkage.ProtocolEC)
	require.NoError(t, w.base(0))
	w.report(1, 1, ids(t, 1))
	w.report(2, 1, ids(t, 3))
	w.settle()
	w.people.put("a", ids(t, 3))
	require.NoError(t, w.rec.Enrol(t.Context(), []linkage.Account{
		{Ref: "a", Identifiers: []hashing.Identifier{ids(t, 1)}}, {Ref: "b"}, {Ref: "a", Identifiers: []hashing.Identifier{ids(t, 3)}},
	}))
	w.settle()
	w.check()
	require.Len(t, w.known(), 1)
}

// A backlog that is more than a day's budget is made up for day by day, without paying twice, whether
// the receiver knows how much that is or not; and where it does it leaves room for sign-ups.
func TestRecheckWithinBudget(t *testing.T) {
	const accounts, each, day = 100, 20, 1100
	for _, agreed := range []int64{day, 10 * day} {
		w := newTown(t, linkage.ProtocolEC, func(w *town) {
			w.agreement = newParties(t, func(a *linkage.Agreement) { a.Limits.AdditionsPerDay = agreed }).agreement
		})
		require.NoError(t, w.base(0))
		w.settle()
		w.tr.budget.cap = day
		w.partner.set(nil)
		for i := range accounts {
			var all []hashing.Identifier
			for j := range each {
				all = append(all, phoneOf(t, i*each+j))
			}
			name := fmt.Sprint("a", i)
			w.people.put(name, all...)
			_, err := w.rec.Check(t.Context(), name, all)
			require.NoError(t, err)
		}
		w.partner.set(w.tr)
		done, signUps := 0, 0
		for n := range 4 {
			for range 3 {
				n, err := w.rec.Recheck(t.Context())
				if done += n; err != nil {
					require.True(t, exhausted(err))
				}
			}
			if agreed == day {
				name := fmt.Sprint("sign-up-", n)
				w.people.put(name, phoneOf(t, 50_000+n))
				answer, err := w.rec.Check(t.Context(), name, w.people.all[name])
				require.NoError(t, err)
				require.False(t, answer.Pending)
				signUps++
			}
			w.at.Add(24 * 60 * 60)
		}
		require.Equal(t, accounts, done)
		require.NoError(t, w.tr.CloseRecord(t.Context()))
		require.NoError(t, w.store.View(t.Context(), func(r abuse.Reader) error {
			c, err := counted(r, w.agreement.ID, countEvaluated)
			require.EqualValues(t, accounts*each+signUps, c.total)
			return err
		}))
	}
}

// An account that has more identifiers than a day has room for neither stops others nor the end
// of an epoch.
func TestRecheckTooMany(t *testing.T) {
	w := newTown(t, linkage.ProtocolEC)
	require.NoError(t, w.base(0))
	w.settle()
	w.tr.budget.cap = 30
	w.partner.set(nil)
	for i, n := range []int{40, 10, 10} {
		var all []hashing.Identifier
		for j := range n {
			all = append(all, phoneOf(t, 100*i+j))
		}
		name := fmt.Sprint("a", i)
		w.people.put(name, all...)
		_, err := w.rec.Check(t.Context(), name, all)
		require.NoError(t, err)
	}
	w.partner.set(w.tr)
	done := 0
	for range 2 * recheckBlocked {
		n, err := w.rec.Recheck(t.Context())
		if err != nil {
			require.ErrorIs(t, err, BudgetExhausted)
		}
		done += n
		w.at.Add(int64(recheckMost.Seconds()))
	}
	require.Equal(t, 2, done)
	require.NoError(t, w.mine.View(t.Context(), func(r abuse.Reader) error {
		owed, err := w.rec.owed(r, w.now())
		require.False(t, owed)
		return err
	}))
}

// Of a run that is enrolled, as many are as the day has room for, and the others are owed.
func TestEnrolWithinBudget(t *testing.T) {
	w := newTown(t, linkage.ProtocolEC)
	require.NoError(t, w.base(0))
	w.settle()
	w.tr.budget.cap = 10
	var all []linkage.Account
	for i := range 16 {
		all = append(all, linkage.Account{Ref: fmt.Sprint("a", i), Identifiers: []hashing.Identifier{phoneOf(t, i)}})
		w.people.put(all[i].Ref, all[i].Identifiers...)
	}
	require.NoError(t, w.rec.Enrol(t.Context(), all))
	s, err := w.rec.Status(t.Context())
	require.NoError(t, err)
	require.Equal(t, 6, s.Rechecks)
}
