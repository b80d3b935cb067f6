package watch

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/linkage"
)

// stalling is a partner who announces a batch of one feed and never gives it.
type stalling struct {
	Partner
	feed linkage.FeedID
}

func (p *stalling) Latest(ctx context.Context, feed linkage.FeedID, after uint64, wait time.Duration) (uint64, error) {
	if feed == p.feed {
		return after + 1, nil
	}
	return p.Partner.Latest(ctx, feed, after, wait)
}

func (p *stalling) Batch(ctx context.Context, feed linkage.FeedID, number uint64, fresh bool) ([]byte, error) {
	if feed == p.feed {
		return []byte("nothing"), nil
	}
	return p.Partner.Batch(ctx, feed, number, fresh)
}

// nextEpoch gives a town with an account and the bases of two epochs, an hour before the second begins.
func nextEpoch(t *testing.T) (w *town, old *course) {
	w = newTown(t, linkage.ProtocolEC)
	w.people.put("a", phoneOf(t, 1))
	require.NoError(t, w.base(0))
	w.settle()
	w.at.Store(w.agreement.EpochStart(1).Unix() - 3600)
	require.NoError(t, w.base(1))
	w.settle()
	all, err := w.rec.active(t.Context())
	require.NoError(t, err)
	require.Len(t, all, 2)
	return w, all[0]
}

// oneFeed says that the old epoch's feed is not followed any more, and that its keys are erased.
func (w *town) oneFeed() {
	w.t.Helper()
	s, err := w.rec.Status(w.t.Context())
	require.NoError(w.t, err)
	require.Len(w.t, s.Feeds, 1)
	require.EqualValues(w.t, 1, s.Feeds[0].Epoch)
	w.onlyEra(s.Feeds[0].Feed)
}

// A feed that the partner stalls ends with its epoch like any other, for callers of Follow and under Run.
func TestStalledFeedEnds(t *testing.T) {
	w, old := nextEpoch(t)
	w.rec.cfg.Partner = &stalling{w.partner, old.feed}
	require.ErrorIs(t, w.rec.Follow(t.Context()), errBatch)
	w.at.Store(w.agreement.EpochStart(1).Unix() + 60)
	require.NoError(t, w.tr.Cut(t.Context()))
	require.ErrorIs(t, w.rec.Follow(t.Context()), errBatch)
	w.oneFeed()

	w, old = nextEpoch(t)
	at, _, err := w.rec.where(t.Context(), old)
	require.NoError(t, err)
	for range 2 { // the second does not follow what was taken in
		require.NoError(t, w.tr.Cut(t.Context()))
	}
	data, err := w.partner.Batch(t.Context(), old.feed, at.at.batch+2, false)
	require.NoError(t, err)
	b, err := linkage.ParseBatch(w.agreement, data)
	require.NoError(t, err)
	w.at.Store(w.agreement.EpochStart(1).Unix() + 60)
	queued := newQueue(queueBytes)
	require.True(t, queued.put(fetched{batch: b, size: len(data)}))
	ctx, cancel := context.WithCancel(t.Context())
	p := &pursuit{r: w.rec, lines: map[uint64]*line{old.number: {queue: queued, stop: func() {}}}, wake: make(chan struct{}, 1)}
	require.ErrorIs(t, p.step(ctx), errBatch)
	cancel()
	p.all.Wait()
	w.oneFeed()
}
