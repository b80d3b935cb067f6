package watch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
)

// enrolBase enrols a base as a receiver does.
func (p *parties) enrolBase(ctx context.Context, c Partner, now time.Time, ids ...hashing.Identifier) (*linkage.Enrolment, error) {
	conn, err := c.Base(ctx, 0)
	if err != nil {
		return nil, err
	}
	accounts := make([]linkage.Account, len(ids))
	for i, id := range ids {
		accounts[i] = linkage.Account{Ref: fmt.Sprint(i), Identifiers: []hashing.Identifier{id}}
	}
	e, _, err := linkage.Enrol(ctx, conn, linkage.Config{Agreement: p.agreement, Signer: p.receiver, Now: now}, linkage.Slice(accounts))
	return e, err
}

// A base is enrolled by an upgraded connection, under both protocols, and its identifiers are
// found in the feed.
func TestBase(t *testing.T) {
	for _, protocol := range []string{linkage.ProtocolEC, linkage.ProtocolVOLE} {
		t.Run(protocol, func(t *testing.T) {
			s := newService(t, newParties(t, func(a *linkage.Agreement) { a.Protocol = protocol }))
			tr := s.start()
			_, c := serveTLS(t, s.parties, tr)
			ctx := t.Context()
			for n := range 5 {
				require.NoError(t, tr.Report(ctx, s.account(n), testSignal(n, 0)))
			}
			e, err := s.enrolBase(ctx, c, s.now(), s.phones(3)...)
			require.NoError(t, err)
			defer e.Close()
			require.Empty(t, e.Matches())
			generations := []linkage.GenerationID{linkage.LiveGeneration(s.agreement, 0)}
			slot := 0
			if protocol == linkage.ProtocolVOLE {
				generations, slot = append(generations, e.Generation()), 1
			}
			feed := linkage.NewFeedID(s.agreement, 0, generations)
			require.Eventually(t, func() bool { // the adoption is under way when the receiver is done
				_, err := c.Latest(ctx, feed, 0, 0)
				return err == nil
			}, time.Minute, time.Millisecond)
			require.NoError(t, tr.Cut(ctx))
			require.NoError(t, tr.Report(ctx, s.account(0), testSignal(10, 0)))
			tr = s.start() // killed
			_, c = serveTLS(t, s.parties, tr)
			require.NoError(t, tr.Cut(ctx))
			keeper := linkage.NewKeeper(s.agreement, 0, hashing.NewKey())
			found := map[string]int{}
			for n := uint64(1); n <= 2; n++ {
				data, err := c.Batch(ctx, feed, n, false)
				require.NoError(t, err)
				b, err := linkage.ParseBatch(s.agreement, data)
				require.NoError(t, err)
				for i := range b.Len() {
					r := b.Record(i)
					for enrolled := range e.All(keeper) {
						for nth := range 2 {
							if kept := keeper.Nth(enrolled.Kept, nth); r.Identifiers() > 0 && keeper.Tag(r.Tag(0, slot)) == kept.Tag {
								opened, err := keeper.Open(kept, nth, 0, slot, r)
								require.NoError(t, err)
								found[opened.Signal.String()]++
							}
						}
					}
				}
			}
			require.Len(t, found, 4)
			// A second base takes the first one's place: of what the agreement allows both are paid.
			_, err = s.enrolBase(ctx, c, s.now(), s.phones(4)...)
			require.NoError(t, err)
			require.Eventually(t, func() bool { return !tr.base.running() }, time.Minute, time.Millisecond)
			require.NoError(t, tr.Cut(ctx))
			h, err := tr.heads(ctx)
			require.NoError(t, err)
			if protocol == linkage.ProtocolVOLE {
				require.Len(t, h, 2)
				for _, h := range h {
					require.Equal(t, h.feed == feed, h.final)
				}
				names, err := tr.cfg.Vault.Names(s.agreement.ID.String() + "-base-")
				require.NoError(t, err)
				require.Len(t, names, 2)
			} else {
				require.Len(t, h, 1)
			}
			_, err = c.Base(ctx, 5)
			require.ErrorIs(t, err, EpochNotOpen)
			require.True(t, tr.base.start())
			_, err = c.Base(ctx, 0)
			require.ErrorIs(t, err, BaseBusy)
			tr.base.done()
		})
	}
}

// Close ends an enrolment on a connection that the server has given away, and none begins after it.
func TestCloseEndsBase(t *testing.T) {
	s := newService(t, newParties(t, nil))
	tr := s.start()
	_, c := serveTLS(t, s.parties, tr)
	conn, err := c.Base(t.Context(), 0)
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	require.True(t, tr.base.running(), "it waits for the receiver to speak")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.NoError(t, tr.Close(ctx))
	require.False(t, tr.base.running())
	require.False(t, tr.base.start())
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(time.Minute)))
	_, err = io.Copy(io.Discard, conn)
	require.False(t, errors.Is(err, os.ErrDeadlineExceeded), "it is closed")
}

// fullSize says whether tests run at the size of the bars.
func fullSize() bool { return os.Getenv("HUEANDCRY_FULL") != "" }

// However it is asked, through restarts, by parallel processes, in sessions of both kinds, with a
// clock that goes back: not one evaluation more than the agreement allows.
func TestBudget(t *testing.T) {
	attempts := int64(10_000)
	if fullSize() {
		attempts = 100_000
	}
	s := newService(t, newParties(t, func(a *linkage.Agreement) {
		a.Limits.AdditionsPerDay, a.Limits.Identifiers = 200, 40
	}))
	first := s.start()
	_, c := serveTLS(t, s.parties, first)
	one := s.blinded(t, c, 0, phoneOf(t, 1))
	three := s.blinded(t, c, 0, s.phones(3)...)
	var mu sync.Mutex
	running := []*Transmitter{first, s.start(), s.start()}
	var tried, evaluated, based atomic.Int64
	byDay := map[int64]int64{}
	ctx := t.Context()
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := 0; ; i++ {
				n := tried.Add(1)
				if n > attempts {
					return
				}
				mu.Lock()
				if n%97 == 0 { // killed, and started again
					running[n%3] = s.start()
				}
				if n%1009 == 0 { // closed, and started again
					if err := running[n%3].budget.close(ctx); err != nil {
						t.Error(err)
					}
					running[n%3] = s.start()
				}
				tr := running[(int(n)+g)%3]
				mu.Unlock()
				if n%53 == 0 { // the clock goes back, and comes to the same day again
					s.at.Add(-3 * 3600 * (n % 7))
				}
				if n%53 == 26 {
					s.at.Store(testNow.Unix())
				}
				if n == attempts/2 { // one day passes
					s.at.Store(testNow.Unix() + 24*3600)
				}
				e, err := tr.evaluator(0)
				if err != nil {
					t.Error(err)
					return
				}
				request, size := one, int64(1)
				if n%5 == 0 {
					request, size = three, 3
				}
				in := joined([]byte{1}, be64(uint64(n)), be64(uint64(g)), request)
				_, err = tr.charged(ctx, e, in, size)
				if err == nil {
					evaluated.Add(size)
					mu.Lock()
					tr.budget.mu.Lock()
					byDay[tr.budget.period] += size
					tr.budget.mu.Unlock()
					mu.Unlock()
				} else if tr.problemOf(err) != BudgetExhausted {
					t.Error(err)
				}
				if n%501 == 0 { // a session of an enrolment, of seven
					if err := tr.admit(0)(ctx, 7); err == nil {
						based.Add(7)
					}
				}
			}
		})
	}
	wg.Wait()
	require.LessOrEqual(t, evaluated.Load(), int64(2*200), "two days")
	require.GreaterOrEqual(t, evaluated.Load(), int64(200), "it is not refused for nothing")
	require.LessOrEqual(t, based.Load(), int64(40))
	require.LessOrEqual(t, first.spentToday(t), int64(200))
	t.Log("evaluated", evaluated.Load(), "by day", byDay, "base", based.Load())
}

// One budget for the sessions of both protocols, and for the requests one by one another.
func TestBaseBudget(t *testing.T) {
	for _, protocol := range []string{linkage.ProtocolEC, linkage.ProtocolVOLE} {
		s := newService(t, newParties(t, func(a *linkage.Agreement) {
			a.Protocol, a.Limits.Identifiers = protocol, 4
			if protocol == linkage.ProtocolVOLE {
				a.Limits.Identifiers = 2 * linkage.Encodable(protocol, 2)
			}
		}))
		tr := s.start()
		_, c := serveTLS(t, s.parties, tr)
		n := 0
		for range 4 {
			if _, err := s.enrolBase(t.Context(), c, s.now(), s.phones(2)...); err == nil {
				n++
			}
			require.Eventually(t, func() bool { return !tr.base.running() }, time.Minute, time.Millisecond)
			tr = s.start() // a restart makes no more of it
			_, c = serveTLS(t, s.parties, tr)
		}
		require.Equal(t, 2, n, protocol)
	}
}
