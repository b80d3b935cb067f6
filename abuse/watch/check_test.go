package watch

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
)

// When the partner is down a check is owed, and a process that is killed right after does not lose it.
func TestCheckFailsOpen(t *testing.T) {
	w := newTown(t, linkage.ProtocolEC)
	require.NoError(t, w.base(0))
	w.report(1, 1, ids(t, 1))
	w.settle()
	w.partner.set(nil)
	w.people.put("a", ids(t, 1))
	w.people.put("b", ids(t, 2))
	for _, name := range []string{"a", "b"} {
		answer, err := w.rec.Check(t.Context(), name, w.people.all[name])
		require.NoError(t, err)
		require.True(t, answer.Pending)
		require.Equal(t, abuse.None, answer.Decision.Action)
	}
	w.startReceiver()
	n, err := w.rec.Recheck(t.Context())
	require.ErrorIs(t, err, ErrPartnerDown)
	require.Zero(t, n)
	s, err := w.rec.Status(t.Context())
	require.NoError(t, err)
	require.Equal(t, 2, s.Rechecks)

	w.partner.set(w.tr)
	w.people.drop("b")
	require.NoError(t, w.rec.Remove(t.Context(), "b"))
	n, err = w.rec.Recheck(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, n)
	w.settle()
	w.check()
	require.Len(t, w.handed.order, 1)
	s, err = w.rec.Status(t.Context())
	require.NoError(t, err)
	require.Zero(t, s.Rechecks)
}

func TestCheckFailsClosed(t *testing.T) {
	w := newTown(t, linkage.ProtocolEC, func(w *town) { w.down = FailClosed })
	_, err := w.rec.Check(t.Context(), "a", []hashing.Identifier{ids(t, 1)})
	require.ErrorIs(t, err, ErrNotOpen)
	require.NoError(t, w.base(0))
	w.partner.set(nil)
	_, err = w.rec.Check(t.Context(), "a", []hashing.Identifier{ids(t, 1)})
	require.ErrorIs(t, err, ErrPartnerDown)
	s, err := w.rec.Status(t.Context())
	require.NoError(t, err)
	require.Zero(t, s.Rechecks)
	w.partner.set(w.tr)
	for _, bad := range []string{"", strings.Repeat("x", MaxAccount+1)} {
		_, err = w.rec.Check(t.Context(), bad, nil)
		require.Error(t, err)
	}
	_, err = w.rec.Check(t.Context(), "a", make([]hashing.Identifier, 1))
	require.Error(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = w.rec.Check(ctx, "a", []hashing.Identifier{ids(t, 1)})
	require.Error(t, err)
}

// A callback that fails for one account puts its check off, and not those of others.
func TestRecheckGoesOn(t *testing.T) {
	w := newTown(t, linkage.ProtocolEC)
	require.NoError(t, w.base(0))
	w.partner.set(nil)
	for _, name := range []string{"a", "b", "c"} {
		w.people.put(name, ids(t, 1))
		_, err := w.rec.Check(t.Context(), name, w.people.all[name])
		require.NoError(t, err)
	}
	w.partner.set(w.tr)
	w.people.put("b", make([]hashing.Identifier, 1)...)
	n, err := w.rec.Recheck(t.Context())
	require.Error(t, err)
	require.Equal(t, 2, n)
	w.people.put("b", ids(t, 2))
	n, err = w.rec.Recheck(t.Context())
	require.NoError(t, err)
	require.Zero(t, n, "not yet")
	w.at.Add(3600)
	n, err = w.rec.Recheck(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, n)
}

// What the partner is asked, and when, is the same whether anything matches or not; and an account that
// is checked again is not asked for again.
func TestPartnerLearnsNothing(t *testing.T) {
	said := func(about int) []string {
		w := newTown(t, linkage.ProtocolEC)
		w.people.put("base", ids(t, 1))
		require.NoError(t, w.base(0))
		for n := range 3 {
			w.report(n, 1, ids(t, about))
		}
		w.settle()
		w.people.put("a", ids(t, 0), ids(t, 1))
		for range 2 {
			_, err := w.rec.Check(t.Context(), "a", w.people.all["a"])
			require.NoError(t, err)
		}
		w.report(0, 2)
		w.withdraw(1)
		w.settle()
		w.check()
		require.Equal(t, about == 1, len(w.known()) > 0)
		w.partner.mu.Lock()
		defer w.partner.mu.Unlock()
		return w.partner.said
	}
	hit, miss := said(1), said(9)
	require.Equal(t, miss, hit)
	n := 0
	for _, s := range hit {
		if s == "evaluate" {
			n++
		}
	}
	require.Equal(t, 1, n)
}

// Sign-ups and the feed at the same time: each signal about a new account is found by the one or
// by the other.
func TestCheckBesideFollow(t *testing.T) {
	for _, protocol := range []string{linkage.ProtocolEC, linkage.ProtocolVOLE} {
		w := newTown(t, protocol, func(w *town) { w.stretch = 2 })
		require.NoError(t, w.base(0))
		var all sync.WaitGroup
		for i := range 4 {
			all.Go(func() {
				for n := i; n < 40; n += 4 {
					name := "p-" + string(rune('a'+n%26)) + string(rune('a'+n/26))
					w.people.put(name, ids(t, n))
					if _, err := w.rec.Check(t.Context(), name, []hashing.Identifier{ids(t, n)}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		for n := range 40 {
			w.report(n, 1, ids(t, n))
			if n%3 == 0 {
				require.NoError(t, w.tr.Cut(t.Context()))
				require.NoError(t, w.rec.Follow(t.Context()))
			}
		}
		all.Wait()
		w.settle()
		w.check()
		require.Len(t, w.known(), 40)
	}
}

// Logs, measures and errors name no account, tag, alias or signal.
func TestLogsSayNothing(t *testing.T) {
	var log heard
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	w := newTown(t, linkage.ProtocolEC, func(w *town) {
		w.observe = Observe{Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	})
	w.partner.change = damage()
	require.NoError(t, w.base(0))
	next := 1
	w.report(0, 1, ids(t, 0))
	for range 60 {
		w.live(r, func() hashing.Identifier { return ids(t, r.IntN(14)) }, &next)
	}
	w.decider.cfg.Deliver = func(_ context.Context, e Event) error {
		return errors.New("cannot take " + e.Account)
	}
	w.partner.set(w.tr)
	w.report(900, 1, ids(t, 0)) // whatever has become of the first one, there is something to hand on
	w.people.put("p-99", ids(t, 0))
	_, err := w.rec.Check(t.Context(), "p-99", w.people.all["p-99"])
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() { _ = w.decider.Run(ctx) })
	all.Go(func() { _ = w.rec.Run(ctx) })
	require.NoError(t, w.tr.Cut(t.Context()))
	w.decider.rouse()
	for range 50 {
		if _, err := w.rec.Status(t.Context()); err != nil {
			t.Error(err)
		}
	}
	for log.String() == "" { // those that run may not have had their turn
		time.Sleep(time.Millisecond)
	}
	cancel()
	all.Wait()
	for id := range w.signals {
		require.NotContains(t, log.String(), id.String())
	}
	for _, word := range []string{"p-", "there-", "33612"} {
		require.NotContains(t, log.String(), word)
	}
}

// Two processes on one store: each record is taken in once, each change decided on once, and what one
// of them enrols the other finds.
func TestTwoProcesses(t *testing.T) {
	for _, protocol := range []string{linkage.ProtocolEC, linkage.ProtocolVOLE} {
		w := newTown(t, protocol, func(w *town) { w.stretch = 3 })
		require.NoError(t, w.base(0))
		first, decider := w.rec, w.decider
		w.startReceiver()
		var mu sync.Mutex
		for _, d := range []*Decider{decider, w.decider} {
			d.cfg.Deliver = func(ctx context.Context, e Event) error {
				mu.Lock()
				defer mu.Unlock()
				return w.handed.deliver(ctx, e)
			}
		}
		for round := range 6 {
			for n := range 12 {
				w.report(100*round+n, 1, ids(t, 6*round+n))
			}
			require.NoError(t, w.tr.Cut(t.Context()))
			var all sync.WaitGroup
			for i, r := range []*Receiver{first, w.rec} {
				all.Go(func() {
					for n := range 6 {
						name := "p-" + string(rune('a'+i)) + string(rune('a'+round)) + string(rune('a'+n))
						id := ids(t, 12*round+6*i+n)
						w.people.put(name, id)
						if _, err := r.Check(t.Context(), name, []hashing.Identifier{id}); err != nil {
							t.Error(err)
						}
					}
				})
				all.Go(func() {
					if err := r.Follow(t.Context()); err != nil {
						t.Error(err)
					}
					if _, err := []*Decider{decider, w.decider}[i].Step(t.Context()); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
			w.settle()
			w.check()
		}
		for account := range w.people.all {
			all, err := w.decider.Decisions(t.Context(), account, 1000)
			require.NoError(t, err)
			decisions := map[string]bool{}
			for _, id := range w.handed.order {
				if e := w.handed.all[id]; e.Account == account {
					decisions[e.Decision.String()] = true
				}
			}
			require.Len(t, all, len(decisions))
		}
	}
}
