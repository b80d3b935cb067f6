package watch

import (
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
)

// A partner that comes back with another key is heard neither in its answers nor in its feed, also
// by a receiver that has been started anew; the right one is heard again.
func TestOtherKey(t *testing.T) {
	var alarms atomic.Int64
	w := newTown(t, linkage.ProtocolEC, func(w *town) {
		w.observe = Observe{Alarm: func(a Alarm) {
			if a.Kind == AlarmOtherKey {
				alarms.Add(1)
			}
		}}
	})
	require.NoError(t, w.base(0))
	id := ids(t, 1)
	w.people.put("first", id)
	a, err := w.rec.Check(t.Context(), "first", []hashing.Identifier{id})
	require.NoError(t, err)
	require.False(t, a.Pending)

	other := newService(t, w.parties) // the same signing key, and another key of the epoch
	impostor := other.start()
	require.NoError(t, impostor.Cut(t.Context()))
	w.partner.set(impostor)
	w.startReceiver()
	require.ErrorIs(t, w.rec.Follow(t.Context()), ErrOtherKey)
	require.Equal(t, int64(1), alarms.Load())
	w.people.put("second", ids(t, 2))
	a, err = w.rec.Check(t.Context(), "second", []hashing.Identifier{ids(t, 2)})
	require.NoError(t, err)
	require.True(t, a.Pending, "a check that is owed")
	require.Equal(t, int64(2), alarms.Load())

	w.partner.set(w.tr)
	w.startReceiver()
	require.NoError(t, w.tr.Cut(t.Context()))
	require.NoError(t, w.rec.Follow(t.Context()))
	a, err = w.rec.Check(t.Context(), "second", []hashing.Identifier{ids(t, 2)})
	require.NoError(t, err)
	require.False(t, a.Pending)
}
