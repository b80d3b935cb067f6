package watch

import (
	"encoding/binary"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/linkage"
)

// However much waits to be said, beyond what a batch and a day can have: what is withdrawn is
// withdrawn by the next batch.
func TestWithdrawalsDoNotWait(t *testing.T) {
	s := newService(t, newParties(t, func(a *linkage.Agreement) { a.Limits.SignalsPerDay = 20 }))
	tr := s.start()
	_, c := serveTLS(t, s.parties, tr)
	ctx := t.Context()
	gone := testSignal(1, 0)
	require.NoError(t, tr.Report(ctx, s.account(1), gone))
	require.NoError(t, tr.Cut(ctx))
	require.NoError(t, tr.Cut(ctx))

	waiting := testSignal(2, 0)
	require.NoError(t, tr.Report(ctx, s.account(2), waiting))
	f := tr.ready(s.feedOf(0))
	key := newsKey(f.id, false, waiting.ID)
	require.NoError(t, s.store.Update(ctx, func(w abuse.Writer) error {
		one, err := w.Get(abuse.Signals, signalKey(tr.link, waiting.ID))
		require.NoError(t, err)
		about, err := w.Get(abuse.About, feedKey(f.id, waiting.ID[:]))
		require.NoError(t, err)
		row, err := parseAboutRow(about[0])
		require.NoError(t, err)
		all, err := f.openAbout(waiting.ID, row)
		require.NoError(t, err)
		require.NoError(t, w.Delete(abuse.Unpublished, key))
		for n := range linkage.MaxRecords + 10 {
			var id uuid.UUID
			binary.BigEndian.PutUint32(id[2:], uint32(n+1))
			require.NoError(t, w.Put(abuse.Signals, signalKey(tr.link, id), one[0]))
			require.NoError(t, w.Put(abuse.About, feedKey(f.id, id[:]), f.sealAbout(id, all)))
			require.NoError(t, w.Put(abuse.Unpublished, newsKey(f.id, false, id), be64(0)))
		}
		return nil
	}))
	require.NoError(t, tr.Retract(ctx, gone.ID))
	require.NoError(t, tr.Cut(ctx))
	require.Equal(t, linkage.Retract, s.read(t, c, 0, s.phones(2)...)[gone.ID.String()].op)
	require.Positive(t, s.alarmed(AlarmSignalsOverCap))
}
