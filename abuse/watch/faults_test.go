package watch

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
)

// outcome is all that a receiver has made of a day: what it knows, what it handed on, how often it decided.
type outcome struct {
	known     []string
	events    map[string][]uuid.UUID
	decisions map[string]int
}

func (w *town) outcome() outcome {
	w.t.Helper()
	o := outcome{known: w.known(), events: w.handed.byAccount(), decisions: map[string]int{}}
	for account := range w.people.all {
		all, err := w.decider.Decisions(w.t.Context(), account, 1000)
		require.NoError(w.t, err)
		o.decisions[account] = len(all)
	}
	for _, ids := range o.events {
		slices.SortFunc(ids, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	}
	return o
}

// day is some days of a town, the same each time but for how the receiver goes about it. must does
// a step of the receiver's, again until it succeeds. early are the accounts of the base, late ones
// sign up when all has been said.
func (w *town) day(t testing.TB, must func(func() error)) {
	ctx := t.Context()
	for n := range 6 {
		w.people.put(fmt.Sprint("p-", n), ids(t, n), ids(t, n+1))
	}
	w.report(1, 1, ids(t, 2), ids(t, 8))
	must(func() error { return w.base(0) })
	step := func() {
		require.NoError(t, w.tr.Cut(ctx))
		must(func() error { return w.rec.Follow(ctx) })
		must(func() error { _, err := w.rec.Recheck(ctx); return err })
		must(func() error { _, err := w.decider.Step(ctx); return err })
		w.at.Add(3600)
	}
	step()
	for n := range 7 { // several on one identifier, in one batch
		w.report(10+n, 1, ids(t, 3), ids(t, 7+n%3))
	}
	step()
	w.people.put("late", ids(t, 8), ids(t, 3))
	must(func() error { _, err := w.rec.Check(ctx, "late", w.people.all["late"]); return err })
	w.report(10, 2)
	w.withdraw(11)
	w.report(20, 1, ids(t, 8))
	step()
	w.people.put("late", ids(t, 8))
	w.people.put("p-1", ids(t, 12))
	must(func() error {
		return w.rec.Enrol(ctx, []linkage.Account{{Ref: "p-1", Identifiers: []hashing.Identifier{ids(t, 12)}}})
	})
	must(func() error { _, err := w.rec.Check(ctx, "late", w.people.all["late"]); return err })
	w.withdraw(20)
	w.report(21, 1, ids(t, 12))
	step()
}

// Whatever the stretch, however often the process is another, and whether batches come once or
// mixed up: the same matches, the same events, one decision for each change.
func TestSameDay(t *testing.T) {
	for _, protocol := range []string{linkage.ProtocolEC, linkage.ProtocolVOLE} {
		t.Run(protocol, func(t *testing.T) {
			var want *outcome
			for _, how := range []struct {
				stretch int
				restart bool
				change  func(number uint64, fresh bool, data []byte) []byte
			}{{stretch: 2000}, {stretch: 1}, {stretch: 3, restart: true}, {stretch: 7, change: damage()}} {
				w := newTown(t, protocol, func(w *town) { w.stretch = how.stretch })
				w.partner.change = how.change
				w.day(t, func(step func() error) {
					if how.restart {
						w.startReceiver()
					}
					require.NoError(t, step())
					require.NoError(t, step(), "done again it does nothing")
				})
				w.check()
				got := w.outcome()
				if want == nil {
					want = &got
				}
				require.Equal(t, *want, got)
			}
		})
	}
}

// damage gives batches that are damaged, or others than those that are due, unless they are asked for again.
func damage() func(number uint64, fresh bool, data []byte) []byte {
	var last []byte
	return func(number uint64, fresh bool, data []byte) []byte {
		if fresh {
			last = data
			return data
		}
		switch number % 4 {
		case 0:
			return data[:len(data)/2]
		case 1:
			broken := slices.Clone(data)
			broken[len(broken)/2] ^= 1
			return broken
		case 2:
			if last != nil {
				return last
			}
		}
		return data
	}
}

// A store that fails at any call, before or after its commit, and a process that is another then,
// change nothing of what a day comes to. HUEANDCRY_FULL has it fail at each call; otherwise some are
// left out at random.
func TestDayFaults(t *testing.T) {
	protocols := []string{linkage.ProtocolEC, linkage.ProtocolVOLE}
	protocol := protocols[rand.IntN(2)]
	var want outcome
	points := int64(0)
	for at := int64(0); ; at++ {
		for _, before := range []bool{true, false} {
			store := &flaky{Store: abuse.NewMemory(), before: before}
			w := newTown(t, protocol, func(w *town) { w.mine, w.stretch = store, 5 })
			store.n.Store(at)
			w.day(t, func(step func() error) {
				for step() != nil {
					for w.tryReceiver() != nil {
						continue
					}
				}
			})
			if points = store.n.Load(); at == 0 {
				store.n.Store(0)
			}
			w.check()
			if got := w.outcome(); at == 0 {
				want = got
			} else {
				require.Equal(t, want, got, "%s, fault %d, before %t", protocol, at, before)
			}
		}
		if at > 0 && points > 0 {
			t.Logf("%s, %d points", protocol, at)
			return
		}
		switch {
		case testing.Short():
			at += int64(rand.IntN(7))
		case !fullSize():
			at += int64(rand.IntN(4))
		}
	}
}
