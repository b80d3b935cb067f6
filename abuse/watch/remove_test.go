package watch

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
	"github.com/hueandcry/hueandcry/linkage/linkagetest"
)

// An account that is removed by the receiver of one partner is not in the base either that another's
// is enrolling just then, and nothing is owed for it with any.
func TestRemoveWithAllPartners(t *testing.T) {
	here := newTown(t, linkage.ProtocolEC)
	there := newTown(t, linkage.ProtocolEC, func(w *town) {
		w.agreement = newParties(t, func(a *linkage.Agreement) { a.ID = uuid.MustParse("7f9ff7e8-5a0f-4a4b-9c6f-3d1b1f3f0a11") }).agreement
		w.mine, w.vault, w.vaultK, w.people = here.mine, here.vault, here.vaultK, here.people
	})
	here.people.put("a", ids(t, 1))
	source := func(yield func(linkage.Account, error) bool) {
		yield(linkage.Account{Ref: "a", Identifiers: []hashing.Identifier{ids(t, 1)}}, nil)
		here.people.drop("a")
		require.NoError(t, here.rec.Remove(t.Context(), "a"))
	}
	_, err := there.rec.EnrolBase(linkagetest.AllowPlain(t.Context()), 0, source)
	there.partner.serve.Wait()
	require.NoError(t, err)
	there.settle()
	here.none("a")

	// Nobody has a base with the one who is down: the check is owed, and is not when the account has gone.
	there.partner.set(nil)
	_, err = there.rec.Check(t.Context(), "b", []hashing.Identifier{ids(t, 2)})
	require.NoError(t, err)
	_, err = here.rec.Check(t.Context(), "b", []hashing.Identifier{ids(t, 2)})
	require.NoError(t, err)
	require.NoError(t, here.rec.Remove(t.Context(), "b"))
	here.none("b")
}

// none says that nothing is kept of an account but decisions.
func (w *town) none(account string) {
	w.t.Helper()
	require.NoError(w.t, w.mine.View(w.t.Context(), func(r abuse.Reader) error {
		for _, table := range []abuse.Table{abuse.Holdings, abuse.Enrolments, abuse.Matches, abuse.Undecided, abuse.Outbox, abuse.Rechecks} {
			rows, err := r.Scan(table, nil, nil, 100)
			require.NoError(w.t, err)
			for _, row := range rows {
				require.NotContains(w.t, string(row.Key)+string(row.Value), string(accountKey(account)), "%s", table)
			}
		}
		return nil
	}))
}

// slowStore is a store that does not answer in time, where there is a time.
type slowStore struct{ abuse.Store }

func (s slowStore) Update(ctx context.Context, do func(abuse.Writer) error) error {
	if _, ok := ctx.Deadline(); ok {
		<-ctx.Done()
		return ctx.Err()
	}
	return s.Store.Update(ctx, do)
}

// The time that a check may take may end anywhere: it is the partner who was not asked in time.
func TestCheckTimeoutInStore(t *testing.T) {
	w := newTown(t, linkage.ProtocolEC)
	require.NoError(t, w.base(0))
	w.people.put("a", ids(t, 1))
	_, err := w.rec.Check(t.Context(), "a", w.people.all["a"]) // the opening is here
	require.NoError(t, err)
	w.rec.cfg.CheckTimeout, w.rec.cfg.Store = 10*time.Millisecond, slowStore{w.mine}
	w.rec.asked.left = 0
	answer, err := w.rec.Check(t.Context(), "b", []hashing.Identifier{ids(t, 2)})
	require.NoError(t, err)
	require.True(t, answer.Pending)
}
