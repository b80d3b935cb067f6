package watch

import (
	"context"
	"os"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
	"github.com/hueandcry/hueandcry/linkage/linkagetest"
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
	// The key is gone at once; the rows, of which there may be very many, keep nobody from following.
	require.False(t, w.rec.cfg.Vault.knows(w.rec.keyName(old.number)))
	require.Equal(t, 1, w.unfinished())
	require.Len(t, w.rec.retired, 1)
	require.NoError(t, w.rec.housekeep(t.Context()))
	w.oneFeed()
}

// deadBuilder leaves what a process does that has died over a base.
func (w *town) deadBuilder(epoch uint32) {
	w.t.Helper()
	_, _, release, err := w.rec.build(w.t.Context(), epoch, 1)
	require.NoError(w.t, err)
	files := w.holds()
	require.Len(w.t, files, 1)
	release()                                                // as the system does,
	require.NoError(w.t, os.WriteFile(files[0], nil, 0o600)) // which leaves the file
}

// unfinished gives how many eras are there that are not active, and fails if there is a key that is of none.
func (w *town) unfinished() (n int) {
	w.t.Helper()
	keys := 0
	require.NoError(w.t, w.mine.View(w.t.Context(), func(r abuse.Reader) error {
		all, err := eras(r, w.rec.link)
		for _, e := range all {
			if keys += e.slots; e.status != eraActive {
				n++
			}
		}
		return err
	}))
	names, err := w.rec.cfg.Vault.Names(w.rec.keyPrefix())
	require.NoError(w.t, err)
	require.LessOrEqual(w.t, len(names), keys)
	return n
}

// What a process leaves that dies over a base is dropped by one that lives on: checks do not stay owed
// for it, and the next epoch takes the place of the old one, whose keys are erased.
func TestLivingDropWhatTheDeadLeave(t *testing.T) {
	w := newTown(t, linkage.ProtocolEC)
	w.people.put("a", phoneOf(t, 1))
	require.NoError(t, w.base(0))
	w.settle()
	w.deadBuilder(0)
	w.people.put("b", phoneOf(t, 2))
	_, err := w.rec.Check(t.Context(), "b", w.people.all["b"])
	require.NoError(t, err)
	w.at.Add(60)
	w.settle()
	s, err := w.rec.Status(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, s.Rechecks, "owed for the base that is being enrolled, as far as one can see")
	w.at.Store(w.agreement.EpochStart(1).Unix() - 3600)
	require.NoError(t, w.base(1))
	require.Zero(t, w.unfinished())
	require.Empty(t, w.holds())
	w.settle()
	w.at.Store(w.agreement.EpochStart(1).Unix() + 3600)
	w.settle()
	w.settle()
	w.oneFeed()

	synctest.Test(t, func(t *testing.T) { // no base is due: Run does it
		w := newTown(t, linkage.ProtocolEC)
		require.NoError(t, w.base(0))
		w.deadBuilder(0)
		require.NoError(t, w.rec.housekeep(t.Context()))
		require.Zero(t, w.unfinished())
		require.Empty(t, w.holds())
	})
}

// A base that somebody is at is dropped by nobody who lives, in its process or another, and neither is one
// whose keys are in a folder that is not shared.
func TestLivingLeaveTheLivingAlone(t *testing.T) {
	for _, protocol := range []string{linkage.ProtocolEC, linkage.ProtocolVOLE} {
		w := newTown(t, protocol)
		w.people.put("a", ids(t, 1))
		var all []*Receiver
		for _, dir := range []string{w.vault, t.TempDir() + "/elsewhere", w.vault} {
			w.vault = dir
			w.startReceiver()
			all = append(all, w.rec)
		}
		source := func(yield func(linkage.Account, error) bool) {
			for _, r := range all {
				require.NoError(t, r.finish(t.Context()))
				require.Len(t, w.holds(), 1)
				require.Equal(t, 1, w.unfinished())
			}
			yield(linkage.Account{Ref: "a", Identifiers: []hashing.Identifier{ids(t, 1)}}, nil)
		}
		_, err := all[0].EnrolBase(linkagetest.AllowPlain(t.Context()), 0, source)
		w.partner.serve.Wait()
		require.NoError(t, err)
		for _, r := range all {
			require.NoError(t, r.finish(t.Context()))
		}
		w.report(1, 1, ids(t, 1))
		w.settle()
		w.check()
		require.Len(t, w.known(), 1)
	}
}

// Of a base whose key cannot be kept nothing is left.
func TestBaseWithoutKeyLeavesNothing(t *testing.T) {
	for slot := range 2 {
		w := newTown(t, linkage.ProtocolVOLE)
		w.people.put("a", ids(t, 1))
		require.NoError(t, w.base(0))
		w.settle()
		path, err := w.rec.cfg.Vault.path(w.rec.keyName(w.course().number + 2 + uint64(slot)))
		require.NoError(t, err)
		require.NoError(t, os.Mkdir(path, 0o700)) // no file can take its place, nor is it erased like one
		require.Error(t, w.base(0))
		require.NoError(t, os.Remove(path))
		require.NoError(t, w.base(0))
		require.Zero(t, w.unfinished())
		require.Empty(t, w.holds())
	}
}

// outage is a store that is down for whoever writes, after so many more calls; the last of them is
// written, but its answer is lost.
type outage struct {
	abuse.Store
	calls atomic.Int64
}

func (f *outage) Update(ctx context.Context, do func(abuse.Writer) error) error {
	left := f.calls.Add(-1)
	if left < 0 {
		return errFlaky
	}
	if err := f.Store.Update(ctx, do); err != nil {
		return err
	}
	if left == 0 {
		return errFlaky
	}
	return nil
}

// Wherever in a base the store goes down, and stays so for a while, what is left of it is dropped by a
// process that lives, and checks are not owed any longer.
func TestBaseFailsWithStore(t *testing.T) {
	for calls := int64(1); ; calls++ {
		f := &outage{Store: abuse.NewMemory()}
		f.calls.Store(1 << 40)
		w := newTown(t, linkage.ProtocolVOLE, func(w *town) { w.mine = f })
		w.people.put("a", ids(t, 1))
		require.NoError(t, w.base(0))
		w.settle()
		f.calls.Store(calls)
		err := w.base(0)
		f.calls.Store(1 << 40)
		if err == nil {
			require.Greater(t, calls, int64(2), "the first and the last are among them")
			return
		}
		require.ErrorIs(t, err, errFlaky)
		w.people.put("b", ids(t, 2))
		_, err = w.rec.Check(t.Context(), "b", w.people.all["b"])
		require.NoError(t, err)
		require.NoError(t, w.rec.finish(t.Context()))
		if w.unfinished() > 0 {
			t.Errorf("after %d calls there is still something", calls)
		}
		w.at.Add(60)
		w.settle()
		w.settle()
		s, err := w.rec.Status(t.Context())
		require.NoError(t, err)
		require.Zero(t, s.Rechecks)
		require.Len(t, s.Feeds, 1)
		w.onlyEra(s.Feeds[0].Feed)
		w.check()
	}
}
