package watch

import (
	"context"
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
					return owe(x, w.rec.link, "a", w.now(), w.now())
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
