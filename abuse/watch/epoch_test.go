package watch

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
	"github.com/hueandcry/hueandcry/linkage/linkagetest"
)

// An epoch follows the other: signals are reported, revised and withdrawn, and accounts come,
// change and go, in every phase of the overlap, and nothing is lost, told twice or withdrawn by it.
func TestEpochFollowsEpoch(t *testing.T) {
	for _, protocol := range []string{linkage.ProtocolEC, linkage.ProtocolVOLE} {
		t.Run(protocol, func(t *testing.T) {
			w := newTown(t, protocol)
			for n := range 12 {
				w.people.put(fmt.Sprint("p-", n), ids(t, n))
			}
			phase := 0
			// life is what happens in a phase: something to one signal and account of each phase before.
			life := func() {
				t.Helper()
				for p := range phase {
					if s := w.signals[testSignal(100*p+phase, 1).ID]; s != nil && phase%2 == 0 {
						w.report(100*p+phase, 2+uint64(phase))
					} else if s != nil {
						w.withdraw(100*p + phase)
					}
				}
				for n := range 12 {
					w.report(100*phase+n, 1, ids(t, n))
				}
				name := fmt.Sprint("late-", phase)
				w.people.put(name, ids(t, phase), ids(t, phase+1))
				_, err := w.rec.Check(t.Context(), name, w.people.all[name])
				require.NoError(t, err)
				gone := fmt.Sprint("p-", phase)
				w.people.drop(gone)
				w.handed.forget(gone)
				require.NoError(t, w.rec.Remove(t.Context(), gone))
				phase++
			}
			require.NoError(t, w.base(0))
			life()
			w.settle()
			w.check()

			w.at.Store(w.agreement.EpochStart(1).Add(-48 * time.Hour).Unix())
			s, err := w.rec.Status(t.Context())
			require.NoError(t, err)
			require.True(t, s.Due)
			require.EqualValues(t, 1, s.DueEpoch)
			life()
			w.settle()
			before := len(w.handed.order)
			require.NoError(t, w.base(1))
			s, err = w.rec.Status(t.Context())
			require.NoError(t, err)
			require.False(t, s.Due)
			require.Len(t, s.Feeds, 2)
			w.settle()
			w.check()
			require.Len(t, w.handed.order, before, "a second feed that says the same is no news")
			life()
			w.settle()
			w.check()
			w.startReceiver()
			life() // not in a batch of the old epoch any more

			w.at.Store(w.agreement.EpochStart(1).Add(time.Hour).Unix())
			life()
			w.settle()
			w.settle()
			w.check()
			s, err = w.rec.Status(t.Context())
			require.NoError(t, err)
			require.Len(t, s.Feeds, 1)
			require.EqualValues(t, 1, s.Feeds[0].Epoch)
			w.onlyEra(s.Feeds[0].Feed)
			life()
			w.startReceiver()
			w.settle()
			w.check()
		})
	}
}

// onlyEra says that nothing is left of other eras, in the store and in the vault.
func (w *town) onlyEra(feed linkage.FeedID) {
	w.t.Helper()
	require.NoError(w.t, w.mine.View(w.t.Context(), func(r abuse.Reader) error {
		all, err := eras(r, w.agreement.ID)
		require.NoError(w.t, err)
		require.Len(w.t, all, 1)
		e := all[0]
		require.Equal(w.t, feed, e.feed)
		for _, table := range []abuse.Table{abuse.Enrolments, abuse.Kept, abuse.Aliases, abuse.Cursors} {
			require.NoError(w.t, scanAll(r, table, nil, func(row abuse.Row) error {
				k := newRow(append([]byte{rowVersion}, row.Key...))
				n := k.u64()
				require.True(w.t, n >= e.number && n < e.number+uint64(e.slots), "%s", table)
				return nil
			}))
		}
		require.NoError(w.t, scanAll(r, abuse.Holdings, nil, func(row abuse.Row) error {
			h, err := parseHolding(row)
			require.True(w.t, h.generation >= e.number && h.generation < e.number+uint64(e.slots))
			return err
		}))
		keys, err := filepath.Glob(filepath.Join(w.vault, "*-gen-*"))
		require.NoError(w.t, err)
		require.Len(w.t, keys, e.slots, "keys of what is over are erased")
		return nil
	}))
}

// A base that is enrolled again in its epoch takes the first one's place.
func TestBaseAgain(t *testing.T) {
	for _, protocol := range []string{linkage.ProtocolEC, linkage.ProtocolVOLE} {
		t.Run(protocol, func(t *testing.T) {
			w := newTown(t, protocol)
			w.people.put("a", ids(t, 1))
			w.report(1, 1, ids(t, 1), ids(t, 2))
			require.NoError(t, w.base(0))
			w.settle()
			w.people.put("b", ids(t, 2))
			_, err := w.rec.Check(t.Context(), "b", w.people.all["b"])
			require.NoError(t, err)
			w.settle()
			before := len(w.handed.order)
			require.NoError(t, w.base(0))
			w.people.put("c", ids(t, 2))
			_, err = w.rec.Check(t.Context(), "c", w.people.all["c"])
			require.NoError(t, err)
			w.at.Add(60) // and what was owed is due
			w.settle()
			w.settle()
			w.check()
			require.Len(t, w.handed.order, before+1)
			s, err := w.rec.Status(t.Context())
			require.NoError(t, err)
			require.Len(t, s.Feeds, 1)
			w.onlyEra(s.Feeds[0].Feed)
			w.withdraw(1)
			w.settle()
			w.check()
		})
	}
}

// A base that breaks off leaves nothing behind.
func TestBaseBreaksOff(t *testing.T) {
	w := newTown(t, linkage.ProtocolVOLE)
	w.people.put("a", ids(t, 1))
	w.partner.set(nil)
	require.ErrorIs(t, w.base(0), ErrPartnerDown)
	w.partner.set(w.tr)
	_, err := w.rec.EnrolBase(t.Context(), 5, w.people.source())
	require.ErrorIs(t, err, ErrNotOpen)
	answer, err := w.rec.Check(t.Context(), "a", w.people.all["a"])
	require.NoError(t, err)
	require.True(t, answer.Pending)
	require.NoError(t, w.mine.View(t.Context(), func(r abuse.Reader) error {
		all, err := eras(r, w.agreement.ID)
		require.Empty(t, all)
		return err
	}))
	names, err := os.ReadDir(w.vault)
	require.NoError(t, err)
	require.Empty(t, names)
	require.NoError(t, w.base(0))
	w.report(1, 1, ids(t, 1))
	w.settle()
	w.check()
}

// Nothing in the store tells of a person: no identifier in any spelling, and no tag or label as
// it was published.
func TestStoreSaysNothing(t *testing.T) {
	w := newTown(t, linkage.ProtocolVOLE)
	r := rand.New(rand.NewPCG(1, 2))
	var published [][]byte
	w.partner.change = func(_ uint64, _ bool, data []byte) []byte {
		b, err := linkage.ParseBatch(w.agreement, bytes.Clone(data))
		require.NoError(t, err)
		for i := range b.Len() {
			rec := b.Record(i)
			alias := rec.Alias()
			for j := range rec.Identifiers() {
				for slot := range rec.Slots() {
					tag := rec.Tag(j, slot)
					published = append(published, tag[:])
				}
			}
			published = append(published, alias[:])
		}
		return data
	}
	for n := range 14 {
		w.people.put(fmt.Sprint("p-", n), ids(t, n))
	}
	require.NoError(t, w.base(0))
	next := 1
	w.report(0, 1, ids(t, 0))
	for range 60 {
		w.live(r, func() hashing.Identifier { return ids(t, r.IntN(14)) }, &next)
	}
	w.partner.set(w.tr)
	w.settle()
	require.NotEmpty(t, published)
	for n := range 14 {
		if n%3 < 2 {
			published = append(published, fmt.Appendf(nil, "33612%06d", n), fmt.Appendf(nil, "0612%06d", n))
		} else {
			published = append(published, fmt.Appendf(nil, "35918273%06d", 640571+n*1237))
		}
	}
	require.NoError(t, w.mine.View(t.Context(), func(rd abuse.Reader) error {
		for _, table := range abuse.Tables() {
			require.NoError(t, scanAll(rd, table, nil, func(row abuse.Row) error {
				for _, p := range published {
					for _, form := range [][]byte{p, []byte(hex.EncodeToString(p))} {
						require.False(t, bytes.Contains(row.Key, form) || bytes.Contains(row.Value, form), "%s", table)
					}
				}
				return nil
			}))
		}
		return nil
	}))
}

// holds gives the files that say that a base is being enrolled.
func (w *town) holds() []string {
	files, err := filepath.Glob(filepath.Join(w.vault, vaultHold+"*"))
	require.NoError(w.t, err)
	return files
}

// A process that starts while another enrols a base leaves that alone, and also its keys.
func TestBaseOfAnotherIsLeftAlone(t *testing.T) {
	for _, protocol := range []string{linkage.ProtocolEC, linkage.ProtocolVOLE} {
		w := newTown(t, protocol)
		w.people.put("a", ids(t, 1))
		first := w.rec
		source := func(yield func(linkage.Account, error) bool) {
			require.Len(t, w.holds(), 1)
			w.startReceiver()
			w.startReceiver()
			yield(linkage.Account{Ref: "a", Identifiers: []hashing.Identifier{ids(t, 1)}}, nil)
		}
		_, err := first.EnrolBase(linkagetest.AllowPlain(t.Context()), 0, source)
		w.partner.serve.Wait()
		require.NoError(t, err)
		require.Empty(t, w.holds())
		w.report(1, 1, ids(t, 1))
		w.settle()
		w.check()
		require.Len(t, w.known(), 1)
	}
}

// What a process has left that died over a base is dropped by the next.
func TestBaseOfTheDeadIsDropped(t *testing.T) {
	w := newTown(t, linkage.ProtocolVOLE)
	w.people.put("a", ids(t, 1))
	e, keys, release, err := w.rec.build(t.Context(), 0, 2)
	require.NoError(t, err)
	require.Len(t, keys, 2)
	w.startReceiver()
	names, err := w.rec.cfg.Vault.Names(w.rec.keyPrefix())
	require.NoError(t, err)
	require.Len(t, names, 2, "it is not dead yet")
	file := w.holds()[0]
	release() // as the system does
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	w.startReceiver()
	files, err := os.ReadDir(w.vault)
	require.NoError(t, err)
	require.Empty(t, files)
	require.NoError(t, w.mine.View(t.Context(), func(r abuse.Reader) error {
		all, err := eras(r, w.agreement.ID)
		require.Empty(t, all)
		return err
	}))

	// One that has come to its end right before it let go is not dead.
	dropped, err := w.rec.dropDead(t.Context(), e)
	require.NoError(t, err)
	require.False(t, dropped)
	require.NoError(t, w.base(0))
	done := w.course().era
	done.status, done.feed = eraBuilding, linkage.FeedID{} // as it was read before
	dropped, err = w.rec.dropDead(t.Context(), done)
	require.NoError(t, err)
	require.False(t, dropped)
	w.report(1, 1, ids(t, 1))
	w.settle()
	w.check()
}

// Where locks do not tell who is alive, a process that starts while another enrols a base drops that,
// and the other cannot bring it back.
func TestBaseIsDropped(t *testing.T) {
	w := newTown(t, linkage.ProtocolVOLE)
	w.people.put("a", ids(t, 1))
	first := w.rec
	source := func(yield func(linkage.Account, error) bool) {
		for _, file := range w.holds() {
			require.NoError(t, os.Remove(file))
		}
		w.startReceiver()
		yield(linkage.Account{Ref: "a", Identifiers: []hashing.Identifier{ids(t, 1)}}, nil)
	}
	_, err := first.EnrolBase(linkagetest.AllowPlain(t.Context()), 0, source)
	w.partner.serve.Wait()
	require.ErrorIs(t, err, errDropped)
	require.NoError(t, w.base(0))
	w.report(1, 1, ids(t, 1))
	w.settle()
	w.check()
	w.startReceiver()
	require.Len(t, w.known(), 1)
}

// A partner that has lost what it had of a feed, as when it died at the very end of the session: what
// is known stays, and another base is due.
func TestFeedIsLost(t *testing.T) {
	w := newTown(t, linkage.ProtocolVOLE)
	w.people.put("a", ids(t, 1))
	w.report(1, 1, ids(t, 1))
	require.NoError(t, w.base(0))
	w.settle()
	w.check()
	w.store = abuse.NewMemory()
	w.dir += "2"
	w.startTransmitter()
	require.ErrorIs(t, w.rec.Follow(t.Context()), FeedEnded)
	require.NoError(t, w.rec.Follow(t.Context()), "said once")
	w.check()
	s, err := w.rec.Status(t.Context())
	require.NoError(t, err)
	require.True(t, s.Due)
	w.signals = map[uuid.UUID]*reported{}
	w.report(2, 1, ids(t, 1))
	require.NoError(t, w.base(0))
	w.settle()
	w.settle()
	w.check()
	require.Len(t, w.known(), 1)
}

// A base that is enrolled again takes the first one's place however many sign up meanwhile, and they
// are decided on what is said in its feed when that of the first has ended.
func TestBaseAgainUnderSignUps(t *testing.T) {
	for _, protocol := range []string{linkage.ProtocolEC, linkage.ProtocolVOLE} {
		t.Run(protocol, func(t *testing.T) {
			w := newTown(t, protocol)
			require.NoError(t, w.base(0))
			w.settle()
			require.NoError(t, w.base(0))
			w.people.put("first", phoneOf(t, 999))
			_, err := w.rec.Check(t.Context(), "first", w.people.all["first"])
			require.NoError(t, err)
			w.report(1, 1, phoneOf(t, 777))
			feeds := 0
			for round := range 5 {
				require.NoError(t, w.tr.Cut(t.Context()))
				w.at.Add(60)
				_, err := w.rec.Recheck(t.Context())
				require.NoError(t, err)
				name := fmt.Sprint("s-", round)
				w.people.put(name, phoneOf(t, 1000+round))
				if round > 0 && round%2 == 0 { // the partner cannot always be reached
					w.partner.set(nil)
				}
				_, err = w.rec.Check(t.Context(), name, w.people.all[name])
				require.NoError(t, err)
				w.partner.set(w.tr)
				require.NoError(t, w.rec.Follow(t.Context()))
				if round == 0 {
					w.people.put("reported", phoneOf(t, 777))
					answer, err := w.rec.Check(t.Context(), "reported", w.people.all["reported"])
					require.NoError(t, err)
					require.Equal(t, 1, answer.Matched)
				}
				s, err := w.rec.Status(t.Context())
				require.NoError(t, err)
				feeds = len(s.Feeds)
			}
			require.Equal(t, 1, feeds)
			w.settle()
			w.check()
		})
	}
}

// meanwhile is a store in which something happens right after the next View.
type meanwhile struct {
	abuse.Store
	do func()
}

func (s *meanwhile) View(ctx context.Context, f func(abuse.Reader) error) error {
	err := s.Store.View(ctx, f)
	if do := s.do; do != nil {
		s.do = nil
		do()
	}
	return err
}

// An era that another process ends while this one is about to read its keys has ended, and no key was lost.
func TestEndedBeforeItIsOpened(t *testing.T) {
	for _, ended := range []bool{true, false} {
		w := newTown(t, linkage.ProtocolEC)
		require.NoError(t, w.base(0))
		e := w.course().era
		clear(w.rec.courses)
		w.rec.cfg.Store = &meanwhile{w.mine, func() {
			if ended {
				require.NoError(t, w.mine.Update(t.Context(), func(x abuse.Writer) error { return retire(x, e) }))
			}
			require.NoError(t, w.rec.erase(e))
		}}
		all, err := w.rec.active(t.Context())
		require.Empty(t, all)
		if ended {
			require.NoError(t, err)
		} else {
			require.ErrorIs(t, err, ErrVault)
		}
	}
}
