package watch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
)

func (s *service) account(n int) string {
	name := fmt.Sprintf("acc-%d", n)
	s.book.put(name, phoneOf(s.t, n))
	return name
}

func (s *service) phones(n int) []hashing.Identifier {
	ids := make([]hashing.Identifier, n)
	for i := range ids {
		ids[i] = phoneOf(s.t, i)
	}
	return ids
}

// What is reported, revised and withdrawn is in the feed, through restarts.
func TestFeedSaysWhatIsTrue(t *testing.T) {
	s := newService(t, newParties(t, nil))
	tr := s.start()
	_, c := serveTLS(t, s.parties, tr)
	want := map[string]said{}
	report := func(n int, revision uint64, op linkage.Operation) {
		sig := testSignal(n, revision)
		require.NoError(t, tr.Report(t.Context(), s.account(n%5), sig))
		require.NoError(t, tr.Report(t.Context(), s.account(n%5), sig), "the same again")
		want[sig.ID.String()] = said{revision, op, string(testLabel(t, sig))}
	}
	for n := range 12 {
		report(n, 0, linkage.Add)
	}
	require.NoError(t, tr.Cut(t.Context()))
	require.Equal(t, want, s.read(t, c, 0, s.phones(7)...))

	report(3, 7, linkage.Revise)
	report(12, 1, linkage.Add)
	gone := testSignal(4, 0).ID
	require.NoError(t, tr.Retract(t.Context(), gone))
	require.NoError(t, tr.Retract(t.Context(), gone))
	want[gone.String()] = said{1, linkage.Retract, ""}
	never := testSignal(13, 0)
	require.NoError(t, tr.Report(t.Context(), s.account(0), never))
	require.NoError(t, tr.Retract(t.Context(), never.ID))
	require.ErrorIs(t, tr.Retract(t.Context(), uuid.New()), ErrNoSignal)

	tr = s.start() // killed
	_, c = serveTLS(t, s.parties, tr)
	require.NoError(t, tr.Cut(t.Context()))
	require.NoError(t, tr.Remove(t.Context(), "acc-1"))
	require.NoError(t, tr.Cut(t.Context()))
	for _, n := range []int{1, 6, 11} {
		want[testSignal(n, 0).ID.String()] = said{1, linkage.Retract, ""}
	}
	require.NoError(t, tr.Cut(t.Context()), "nothing new is a batch too")
	require.Equal(t, want, s.read(t, c, 0, s.phones(7)...))
	require.NoError(t, tr.Close(t.Context()))

	// Nothing is left of the account that was removed, in rows that are not sealed.
	for _, table := range abuse.Tables() {
		require.NoError(t, s.store.View(t.Context(), func(r abuse.Reader) error {
			rows, err := r.Scan(table, []byte{0}, nil, 1<<20)
			for _, row := range rows {
				require.NotContains(t, string(row.Key)+string(row.Value), "acc-1")
			}
			return err
		}))
	}
}

func TestReportRefuses(t *testing.T) {
	s := newService(t, newParties(t, func(a *linkage.Agreement) { a.Limits.SignalsPerIdentifier = 2 }))
	tr := s.start()
	ctx := t.Context()
	var bad *abuse.Error
	require.NoError(t, tr.Report(ctx, s.account(1), testSignal(1, 5)))
	changed := testSignal(1, 5)
	changed.Confidence = 1
	require.ErrorAs(t, tr.Report(ctx, "acc-1", changed), &bad, "other content, same revision")
	require.ErrorAs(t, tr.Report(ctx, "acc-1", testSignal(1, 4)), &bad, "lower revision")
	require.ErrorAs(t, tr.Report(ctx, s.account(2), testSignal(1, 6)), &bad, "another account")
	require.ErrorAs(t, tr.Report(ctx, "", testSignal(2, 0)), &bad)
	require.ErrorAs(t, tr.Report(ctx, string(make([]byte, MaxAccount+1)), testSignal(2, 0)), &bad)
	require.ErrorAs(t, tr.Report(ctx, "acc-1", testSignal(2, maxSequence+1)), &bad)
	require.ErrorIs(t, tr.Report(ctx, "nobody", testSignal(2, 0)), ErrGone)
	for _, path := range [][]string{nil, {"messenger.example", "third.example"}} {
		foreign := testSignal(2, 0)
		foreign.Origin, foreign.Path = "chat.messenger.example", path
		err := tr.Report(ctx, "acc-1", foreign)
		require.ErrorAs(t, err, &bad, "no receiver reads it")
		require.NotContains(t, err.Error(), ".example")
		require.ErrorIs(t, tr.Retract(ctx, foreign.ID), ErrNoSignal)
	}
	passedOn := testSignal(90, 0)
	passedOn.Origin, passedOn.Path = "b", []string{"messenger.example"}
	require.NoError(t, tr.Report(ctx, s.account(30), passedOn))
	s.book.put("bare")
	require.ErrorAs(t, tr.Report(ctx, "bare", testSignal(2, 0)), &bad)
	require.NoError(t, tr.Retract(ctx, testSignal(1, 0).ID))
	require.ErrorAs(t, tr.Report(ctx, "acc-1", testSignal(1, 9)), &bad, "retracted")

	// As many signals on an identifier as the agreement allows, and none more.
	for n := 10; n < 12; n++ {
		require.NoError(t, tr.Report(ctx, "acc-1", testSignal(n, 0)))
	}
	require.NoError(t, tr.Cut(ctx))
	var limit *linkage.LimitError
	require.ErrorAs(t, tr.Report(ctx, "acc-1", testSignal(12, 0)), &limit)
	require.NoError(t, tr.Report(ctx, "acc-1", testSignal(10, 1)), "a revision is none more")
	// Also where nothing is published between: what is acknowledged is published, and what is
	// withdrawn before it was published makes room.
	require.NoError(t, tr.Report(ctx, s.account(3), testSignal(20, 0)))
	require.NoError(t, tr.Report(ctx, "acc-3", testSignal(21, 0)))
	require.ErrorAs(t, tr.Report(ctx, "acc-3", testSignal(22, 0)), &limit)
	require.NoError(t, tr.Retract(ctx, testSignal(20, 0).ID))
	require.NoError(t, tr.Report(ctx, "acc-3", testSignal(23, 0)))
	require.ErrorAs(t, tr.Report(ctx, "acc-3", testSignal(24, 0)), &limit)
	require.NoError(t, tr.Cut(ctx))
	_, c := serveTLS(t, s.parties, tr)
	require.Len(t, s.read(t, c, 0, phoneOf(t, 3)), 2)
	require.NoError(t, tr.Close(ctx))
}

type optedOut map[string]bool

func (o optedOut) OptedOut(_ context.Context, account string, _ linkage.Purpose) (bool, error) {
	return o[account], nil
}

func TestOptOut(t *testing.T) {
	s := newService(t, newParties(t, func(a *linkage.Agreement) { a.Purpose = linkage.Analytics }))
	_, err := NewTransmitter(t.Context(), s.config())
	require.Error(t, err, "no register")
	out := optedOut{"acc-1": true}
	s.also = func(c *TransmitterConfig) { c.OptOut = out }
	tr := s.start()
	require.ErrorIs(t, tr.Report(t.Context(), s.account(1), testSignal(1, 0)), ErrOptedOut)
	require.NoError(t, tr.Report(t.Context(), s.account(2), testSignal(2, 0)))
	// Nor is a signal revised that was said before its user has opted out; it can be withdrawn.
	require.NoError(t, tr.Cut(t.Context()))
	out["acc-2"] = true
	require.ErrorIs(t, tr.Report(t.Context(), "acc-2", testSignal(2, 1)), ErrOptedOut)
	require.NoError(t, tr.Retract(t.Context(), testSignal(2, 0).ID))
}

// Whatever call of the store fails, before or after it was done, what comes of trying again is
// what comes without a failure.
func TestFaultSweep(t *testing.T) {
	script := func(s *service, flaky *flaky) map[string]said {
		s.store = flaky
		var tr *Transmitter
		try := func(what string, f func() error) {
			for range 4 {
				var err error
				if tr == nil {
					tr, err = NewTransmitter(t.Context(), s.config())
				}
				if err == nil {
					err = f()
				}
				if err == nil {
					return
				}
				require.ErrorIs(t, err, error(errFlaky), what)
				tr = nil // restarted, not closed
			}
			t.Fatal(what)
		}
		report := func(n int, rev uint64) {
			try("report", func() error { return tr.Report(t.Context(), s.account(n%3), testSignal(n, rev)) })
		}
		report(0, 0)
		report(1, 0)
		report(2, 0)
		try("cut", func() error { return tr.Cut(t.Context()) })
		report(0, 1)
		report(3, 0)
		try("retract", func() error { return tr.Retract(t.Context(), testSignal(1, 0).ID) })
		try("cut", func() error { return tr.Cut(t.Context()) })
		try("remove", func() error { return tr.Remove(t.Context(), "acc-2") })
		try("cut", func() error { return tr.Cut(t.Context()) })
		try("record", func() error { return tr.CloseRecord(t.Context()) })
		_, c := serveTLS(t, s.parties, tr)
		return s.read(t, c, 0, s.phones(3)...)
	}
	p := newParties(t, nil)
	want := script(newService(t, p), &flaky{Store: abuse.NewMemory()})
	require.Len(t, want, 4)
	for _, before := range []bool{true, false} {
		for n := int64(1); ; n++ {
			f := &flaky{Store: abuse.NewMemory(), before: before}
			f.n.Store(n)
			require.Equal(t, want, script(newService(t, p), f), "failure %d, before %v", n, before)
			if f.n.Load() > 0 {
				require.Greater(t, n, int64(10))
				break
			}
		}
	}
}

// A new epoch's feed begins with all that is still said, beside the old one, which then goes.
func TestEpochs(t *testing.T) {
	s := newService(t, newParties(t, nil))
	tr := s.start()
	_, c := serveTLS(t, s.parties, tr)
	ctx := t.Context()
	for n := range 6 {
		require.NoError(t, tr.Report(ctx, s.account(n), testSignal(20+n, 0)))
	}
	require.NoError(t, tr.Cut(ctx))
	require.NoError(t, tr.Retract(ctx, testSignal(20, 0).ID))
	_, err := c.Opening(ctx, 1)
	require.ErrorIs(t, err, EpochNotOpen)
	end := s.agreement.EpochStart(1)
	s.at.Store(end.Add(-time.Hour).Unix())
	require.NoError(t, tr.Report(ctx, s.account(9), testSignal(29, 0)))
	require.NoError(t, tr.Cut(ctx))
	require.NoError(t, tr.Report(ctx, s.account(6), testSignal(26, 0)))
	require.NoError(t, tr.Cut(ctx))
	old, fresh := s.read(t, c, 0, s.phones(10)...), s.read(t, c, 1, s.phones(10)...)
	maps.DeleteFunc(old, func(_ string, v said) bool { return v.op == linkage.Retract })
	require.Len(t, old, 7)
	require.Equal(t, old, fresh)
	feed := s.feedOf(0)
	s.at.Store(end.Add(defaultGrace - time.Hour).Unix())
	require.NoError(t, tr.Cut(ctx))
	s.at.Store(end.Add(defaultGrace + time.Minute).Unix())
	require.NoError(t, tr.Cut(ctx))
	_, err = c.Latest(ctx, feed, 0, 0)
	require.ErrorIs(t, err, FeedEnded)
	_, err = c.Batch(ctx, feed, 1, false)
	require.ErrorIs(t, err, FeedEnded)
	_, err = c.Opening(ctx, 0)
	require.ErrorIs(t, err, EpochClosed)
	names, err := tr.cfg.Vault.Names("")
	require.NoError(t, err)
	require.Len(t, names, 2, "the key of the epoch and that of its feed")
	// A clock that is set back does not bring back what was erased.
	s.at.Store(testNow.Unix())
	tr = s.start()
	_, err = tr.evaluator(0)
	require.ErrorIs(t, err, ErrNotOpen)
	require.NoError(t, tr.Cut(ctx))
	require.Len(t, tr.feeds, 1, "what is open stays so")
}

// A clock that is set back, before a start or after it, leaves no signal out of a feed that is open.
func TestClockSetBack(t *testing.T) {
	s := newService(t, newParties(t, nil))
	tr := s.start()
	ctx := t.Context()
	end := s.agreement.EpochStart(1)
	s.at.Store(end.Add(-time.Hour).Unix())
	require.NoError(t, tr.Report(ctx, s.account(0), testSignal(20, 0)))
	require.NoError(t, tr.turn(ctx))
	for _, f := range tr.feeds {
		require.NoError(t, tr.fill(ctx, f)) // opened, and nothing published yet
	}
	s.at.Store(testNow.Unix())
	back := s.start()
	require.NoError(t, back.Report(ctx, s.account(1), testSignal(21, 0)))
	s.at.Store(end.Add(-time.Hour).Unix())
	require.NoError(t, back.Report(ctx, s.account(2), testSignal(22, 0)))
	require.NoError(t, back.Cut(ctx))
	s.at.Store(testNow.Unix())
	again := s.start()
	require.NoError(t, again.Report(ctx, s.account(3), testSignal(23, 0)))
	require.Equal(t, end.Add(-time.Hour), again.now(ctx))
	require.NoError(t, again.Cut(ctx))
	_, c := serveTLS(t, s.parties, again)
	for epoch := range uint32(2) {
		require.Len(t, s.read(t, c, epoch, s.phones(4)...), 4, epoch)
	}
}

// While others report and withdraw, batches are cut, and the end is what was said last.
func TestCutBesideReports(t *testing.T) {
	s := newService(t, newParties(t, func(a *linkage.Agreement) { a.Limits.SignalsPerIdentifier = 200 }))
	tr, other := s.start(), s.start()
	_, c := serveTLS(t, s.parties, other)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 12 {
				n := g*100 + i
				_ = s.account(g)
				if err := tr.Report(t.Context(), fmt.Sprintf("acc-%d", g), testSignal(n, 0)); err != nil {
					t.Error(err)
				}
				if i%3 == 0 {
					if err := tr.Retract(t.Context(), testSignal(n, 0).ID); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	for i := range 10 {
		require.NoError(t, []*Transmitter{tr, other}[i%2].Cut(t.Context()))
	}
	wg.Wait()
	require.NoError(t, tr.Cut(t.Context()))
	live := 0
	for _, v := range s.read(t, c, 0, s.phones(4)...) {
		if v.op != linkage.Retract {
			live++
		}
	}
	require.Equal(t, 4*8, live)
}

// Over the signals of a day the rest waits for the next.
func TestSignalsADay(t *testing.T) {
	s := newService(t, newParties(t, func(a *linkage.Agreement) { a.Limits.SignalsPerDay = 10; a.Limits.Records = 100 }))
	tr := s.start()
	_, c := serveTLS(t, s.parties, tr)
	require.NoError(t, tr.Cut(t.Context()))
	for n := range 7 {
		require.NoError(t, tr.Report(t.Context(), s.account(n), testSignal(n, 0)))
	}
	require.NoError(t, tr.Cut(t.Context()))
	require.Len(t, s.read(t, c, 0, s.phones(7)...), 2, "eight of the day were padding")
	require.EqualValues(t, 1, s.alarmed(AlarmSignalsOverCap))
	s.at.Add(24 * 3600)
	require.NoError(t, tr.Cut(t.Context()))
	require.Len(t, s.read(t, c, 0, s.phones(7)...), 7)
}

func TestVault(t *testing.T) {
	dir, key := t.TempDir()+"/v", hashing.NewKey()
	v, err := OpenVault(dir, key)
	require.NoError(t, err)
	require.NoError(t, v.Save("a-1", []byte("one")))
	require.NoError(t, v.Save("a-1", []byte("another secret")))
	got, err := v.Load("a-1")
	require.NoError(t, err)
	require.Equal(t, "another secret", string(got))
	other, err := OpenVault(dir, hashing.NewKey())
	require.NoError(t, err)
	_, err = other.Load("a-1")
	require.ErrorIs(t, err, ErrVault)
	for _, name := range []string{"", ".", "../x", "A", "a/b", "a\x00", string(bytes.Repeat([]byte("a"), 201))} {
		require.Error(t, v.Save(name, nil), name)
		_, err := v.Load(name)
		require.Error(t, err)
		require.Error(t, v.Erase(name))
	}
	require.Error(t, v.Save("long", make([]byte, maxSecret+1)))
	require.NoError(t, v.Erase("a-1"))
	require.NoError(t, v.Erase("a-1"))
	_, err = v.Load("a-1")
	require.Error(t, err)
	require.False(t, errors.Is(err, ErrVault))
	require.NotContains(t, fmt.Sprintf("%v %+v %#v", v, v, v), "0x")
}
