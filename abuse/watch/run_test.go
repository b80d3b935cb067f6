package watch

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/linkage"
)

// Run does it all by itself: it follows, makes up for checks that are owed, and decides; and it ends
// with its context.
func TestRun(t *testing.T) {
	w := newTown(t, linkage.ProtocolEC)
	require.NoError(t, w.base(0))
	w.partner.set(nil)
	w.people.put("owed", ids(t, 1))
	answer, err := w.rec.Check(t.Context(), "owed", w.people.all["owed"])
	require.NoError(t, err)
	require.True(t, answer.Pending)
	w.partner.set(w.tr)
	handed := make(chan Event, 10)
	w.decider.cfg.Deliver = func(ctx context.Context, e Event) error {
		handed <- e
		return nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() { require.ErrorIs(t, w.decider.Run(ctx), context.Canceled) })
	all.Go(func() { require.ErrorIs(t, w.rec.Run(ctx), context.Canceled) })
	w.report(1, 1, ids(t, 1))
	require.NoError(t, w.tr.Cut(t.Context()))
	next := func() Event {
		select {
		case e := <-handed:
			return e
		case <-time.After(2 * time.Minute):
			t.Fatal("nothing is handed on")
			return Event{}
		}
	}
	require.Equal(t, Matched, next().Change)
	w.withdraw(1)
	require.NoError(t, w.tr.Cut(t.Context()))
	require.Equal(t, Withdrawn, next().Change)
	cancel()
	all.Wait()
}

// Session records are signed where they say no more than was asked, and kept in their chain.
func TestCosign(t *testing.T) {
	var alarms sync.Map
	w := newTown(t, linkage.ProtocolEC, func(w *town) {
		w.observe.Alarm = func(a Alarm) { alarms.Store(a.Kind, true) }
	})
	require.NoError(t, w.base(0))
	for n := range 3 {
		name := string(rune('a' + n))
		w.people.put(name, ids(t, n))
		_, err := w.rec.Check(t.Context(), name, w.people.all[name])
		require.NoError(t, err)
		w.at.Add(3600)
		require.NoError(t, w.tr.CloseRecord(t.Context()))
		if n == 1 {
			w.startReceiver()
		}
		require.NoError(t, w.rec.Cosign(t.Context()))
	}
	all, err := w.tr.recordsAfter(t.Context(), 0, 100)
	require.NoError(t, err)
	require.Len(t, all, 3)
	require.EqualValues(t, 3, all[2].Evaluated)
	var last *linkage.SessionRecord
	for i := range all {
		require.NoError(t, all[i].Verify(w.agreement, last))
		last = &all[i]
	}
	require.NoError(t, w.rec.Cosign(t.Context()), "nothing new")

	// A receiver that has asked for nothing does not sign that it has.
	w.mine = abuse.NewMemory()
	w.vault += "2"
	w.startReceiver()
	require.ErrorIs(t, w.rec.Cosign(t.Context()), errDisputed)
	_, ok := alarms.Load(AlarmRecordDisputed)
	require.True(t, ok)
}
