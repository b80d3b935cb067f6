package watch

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
)

func (s *service) count(table abuse.Table) (n int) {
	require.NoError(s.t, s.store.View(s.t.Context(), func(r abuse.Reader) error {
		rows, err := r.Scan(table, nil, nil, 1<<20)
		n = len(rows)
		return err
	}))
	return n
}

// Of signals that have run out, and of those that were withdrawn before they were published, nothing
// is left, in feeds that are open either, but the numbers that the feed has had; those go on.
func TestNothingIsLeft(t *testing.T) {
	s := newService(t, newParties(t, nil))
	tr := s.start()
	_, c := serveTLS(t, s.parties, tr)
	ctx := t.Context()
	short := func(n int) abuse.Signal {
		sig := testSignal(n, 0)
		sig.ValidUntil = s.now().Add(24 * time.Hour)
		return sig
	}
	require.NoError(t, tr.Report(ctx, s.account(1), short(1)))
	require.NoError(t, tr.Report(ctx, s.account(2), short(2)))
	require.NoError(t, tr.Cut(ctx))
	require.NoError(t, tr.Retract(ctx, short(2).ID))
	require.NoError(t, tr.Report(ctx, s.account(3), short(3)))
	require.Equal(t, 3, s.count(abuse.About))
	require.Equal(t, 2, s.count(abuse.Unpublished))
	require.Equal(t, 3, s.count(abuse.Ordinals))
	s.at.Add(int64(24*3600 + defaultGrace/time.Second))
	require.NoError(t, tr.dropExpired(ctx))
	for _, table := range []abuse.Table{abuse.Signals, abuse.About, abuse.Unpublished} {
		require.Zero(t, s.count(table), table.String())
	}
	require.Equal(t, 2, s.count(abuse.Ordinals), "of what was published")

	// The next about the same identifier has the next number, and is found.
	require.NoError(t, tr.Cut(ctx))
	require.NoError(t, tr.Report(ctx, "acc-1", testSignal(4, 0)))
	require.NoError(t, tr.Cut(ctx))
	require.Contains(t, s.read(t, c, 0, s.phones(2)...), testSignal(4, 0).ID.String())
	require.Equal(t, 2, s.count(abuse.Ordinals))

	require.NoError(t, tr.Report(ctx, s.account(5), testSignal(5, 0)))
	require.Equal(t, 3, s.count(abuse.Ordinals))
	require.NoError(t, tr.Remove(ctx, "acc-5"))
	require.NoError(t, tr.Remove(ctx, "acc-1"))
	require.NoError(t, tr.Cut(ctx))
	require.Equal(t, 2, s.count(abuse.Ordinals))
	require.Zero(t, s.count(abuse.About))
	require.Zero(t, s.count(abuse.Unpublished))
}
