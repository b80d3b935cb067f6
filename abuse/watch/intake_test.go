package watch

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/linkage"
)

// shelfBusy is a store within whose Updates somebody else has the shelf, who may be waiting for the
// store's last connection.
type shelfBusy struct {
	abuse.Store
	shelf   *shelf
	updates int
}

func (s *shelfBusy) Update(ctx context.Context, do func(abuse.Writer) error) error {
	return s.Store.Update(ctx, func(w abuse.Writer) error {
		s.updates++
		s.shelf.mu.Lock()
		defer s.shelf.mu.Unlock()
		return do(w)
	})
}

// Nothing waits for the shelf while it has a transaction open; else this does not end.
func TestUpdatesWithoutShelf(t *testing.T) {
	w := newLiar(t, func(l *linkage.Limits) { l.SignalsPerIdentifier = 4 }, func(w *town) { w.stretch = 2 })
	store := &shelfBusy{Store: w.mine, shelf: w.c.shelf}
	w.rec.cfg.Store = store
	w.say(w.record(linkage.Add, 1, 1, 0, phoneOf(t, 1)), w.record(linkage.Add, 2, 1, 1, phoneOf(t, 1)))
	w.say(w.record(linkage.Add, 3, 1, 2, phoneOf(t, 1)), w.record(linkage.Revise, 2, 2, 1, phoneOf(t, 1)), w.record(linkage.Retract, 1, 2, 0))
	w.is("a", map[int]uint64{2: 2, 3: 1})
	updates := store.updates
	require.GreaterOrEqual(t, updates, 5)
	w.signUp("b", phoneOf(t, 1))
	w.is("b", map[int]uint64{2: 2, 3: 1})
	require.Greater(t, store.updates, updates)
}

// Where the cursor stands before what was kept, as in a store that was set back under a running process,
// that is an error, and not tried again at once for ever.
func TestCursorSetBack(t *testing.T) {
	w := newLiar(t, func(l *linkage.Limits) { l.SignalsPerIdentifier = 4 })
	was := w.cursor()
	for n := range 2 {
		w.say(w.record(linkage.Add, n, 1, uint16(n), phoneOf(t, 1)))
	}
	require.NoError(t, w.mine.Update(t.Context(), func(tx abuse.Writer) error {
		return tx.Put(abuse.Cursors, cursorKey(w.c.number), was.value())
	}))
	var alarms []AlarmKind
	w.rec.tel.alarms = func(a Alarm) { alarms = append(alarms, a.Kind) }
	err := w.rec.accept(t.Context(), w.c, w.batch(w.now(), 0, w.record(linkage.Add, 5, 1, 2, phoneOf(t, 1))))
	require.ErrorIs(t, err, abuse.ErrStoreDamaged)
	require.Equal(t, []AlarmKind{AlarmFeedStalled}, alarms)
	require.Equal(t, was, w.cursor())
}
