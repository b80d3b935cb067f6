package cases_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/abusetest"
	"github.com/hueandcry/hueandcry/abuse/cases"
)

// owed gives the rows of what is owed.
func (b *court) owed(t testing.TB) (rows []abuse.Row) {
	require.NoError(t, b.store.View(ctx, func(r abuse.Reader) (err error) {
		rows, err = r.Scan(abuse.Cases, []byte("o"), []byte("p"), 100)
		return err
	}))
	return rows
}

func inStores(t *testing.T, f func(*testing.T, abuse.Store)) {
	for name, open := range map[string]func(testing.TB) abuse.Store{
		"memory":   func(testing.TB) abuse.Store { return abuse.NewMemory() },
		"sqlite":   func(t testing.TB) abuse.Store { return opened(t, "sqlite:"+filepath.Join(t.TempDir(), "store.db")) },
		"postgres": func(t testing.TB) abuse.Store { return opened(t, abusetest.Postgres(t)) },
	} {
		t.Run(name, func(t *testing.T) { f(t, open(t)) })
	}
}

// A decision that was delivered behind a later one is followed by the later one, also where that is not
// taken at first.
func TestDeliverAgainUntilTaken(t *testing.T) {
	inStores(t, func(t *testing.T, store abuse.Store) {
		var taken []abuse.Decision
		var b *court
		var between func()
		failures := 0
		b = newCourtOn(t, store, self, cases.Limits{}, func(c *cases.HearingsConfig) {
			c.Deliver = func(_ context.Context, d abuse.Decision) error {
				if f := between; f != nil {
					between = nil
					f()
				} else if failures > 0 {
					failures--
					return errors.New("down")
				}
				taken = append(taken, d)
				return nil
			}
		})
		b.decide(t, brought("a", alleged(1, "messenger")))
		review := b.only(t).ID
		between = func() { // the withdrawal is decided on and delivered while the person's word is under way
			b.clock.add(time.Second)
			taken = append(taken, b.decide(t, brought("a")))
			failures = 2
		}
		b.resolve(t, review, cases.Resolution{Outcome: cases.Upheld})
		require.Error(t, b.Work(ctx))
		require.NoError(t, b.Work(ctx))
		require.Equal(t, abuse.None, b.action(t, "a"))
		require.Equal(t, abuse.None, taken[len(taken)-1].Action, "the last word is the last that is said")
		require.Empty(t, b.owed(t))
		n := len(taken)
		require.NoError(t, b.Work(ctx))
		require.Len(t, taken, n)
	})
}

// Wherever the store or the delivery fails, the last that a service hears is what is in force, and at
// the end nothing is owed.
func TestDeliverFaults(t *testing.T) {
	for _, kind := range []abusetest.Fault{abusetest.Before, abusetest.After, abusetest.Rerun} {
		for at := 0; ; at++ {
			armed, failed, calls := false, false, -1
			fault := func() bool {
				if !armed {
					return false
				}
				calls++
				failed = failed || calls == at
				return calls == at
			}
			store := abusetest.Faulty(abuse.NewMemory(), func(string, int) abusetest.Fault {
				if fault() {
					return kind
				}
				return abusetest.None
			})
			var taken []abuse.Decision
			var b *court
			delivered := 0
			b = newCourtOn(t, store, self, cases.Limits{}, func(c *cases.HearingsConfig) {
				c.Deliver = func(_ context.Context, d abuse.Decision) error {
					if delivered++; delivered == 2 { // the first is refused, the second is overtaken
						armed = false
						b.clock.add(time.Second)
						taken = append(taken, b.decide(t, brought("a")))
						armed = true
					}
					if delivered == 1 || fault() {
						return errors.New("down")
					}
					taken = append(taken, d)
					return nil
				}
			})
			b.decide(t, brought("a", alleged(1, "messenger")))
			b.resolve(t, b.only(t).ID, cases.Resolution{Outcome: cases.Upheld})
			require.Len(t, b.owed(t), 1)
			armed = true
			for n := 0; len(b.owedUnarmed(t, &armed)) > 0; n++ {
				require.Less(t, n, 5, "at %d", at)
				_ = b.Work(ctx)
			}
			armed = false
			require.Equal(t, abuse.None, taken[len(taken)-1].Action, "at %d", at)
			if !failed {
				require.Greater(t, at, 4)
				break
			}
		}
	}
}

func (b *court) owedUnarmed(t testing.TB, armed *bool) []abuse.Row {
	*armed = false
	defer func() { *armed = true }()
	return b.owed(t)
}

// A partner that cannot be reached keeps no other from hearing of an appeal, and who has heard of it is
// not told again.
func TestCarryPastDeadPartner(t *testing.T) {
	inStores(t, func(t *testing.T, store abuse.Store) {
		got := map[string]int{}
		down := "bank"
		b := newCourtOn(t, store, self, cases.Limits{}, func(c *cases.HearingsConfig) {
			c.Carry = func(_ context.Context, ref cases.AppealReference) error {
				if ref.To == down {
					return errors.New("down")
				}
				got[ref.To]++
				return nil
			}
		})
		signals := []abuse.Signal{alleged(1, "messenger"), alleged(2, "bank"), alleged(3, "a-market")}
		for _, account := range []string{"a", "b"} {
			d := b.decide(t, brought(account, signals...))
			require.Len(t, d.Signals, 3)
			_, err := b.Open(ctx, account, d.ID)
			require.NoError(t, err)
		}
		for range 5 {
			require.Error(t, b.Work(ctx))
		}
		require.Equal(t, map[string]int{"messenger": 2, "a-market": 2}, got)
		require.Len(t, b.owed(t), 2)
		down = ""
		require.NoError(t, b.Work(ctx))
		require.NoError(t, b.Work(ctx))
		require.Equal(t, map[string]int{"messenger": 2, "a-market": 2, "bank": 2}, got)
		require.Empty(t, b.owed(t))
	})
}

// One that takes the call and never answers is waited for once in a pass.
func TestCarryPastHangingPartner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		waited, got := 0, map[string]int{}
		b := newCourt(t, self, func(c *cases.HearingsConfig) {
			c.Carry = func(ctx context.Context, ref cases.AppealReference) error {
				if ref.To == "bank" {
					waited++
					<-ctx.Done()
					return ctx.Err()
				}
				got[ref.To]++
				return nil
			}
		})
		for _, account := range []string{"a", "b", "c"} {
			d := b.decide(t, brought(account, alleged(1, "messenger"), alleged(2, "bank"), alleged(3, "bank")))
			_, err := b.Open(ctx, account, d.ID)
			require.NoError(t, err)
		}
		require.ErrorIs(t, b.Work(ctx), context.DeadlineExceeded)
		require.Equal(t, 1, waited)
		require.Equal(t, map[string]int{"messenger": 3}, got)
		require.Len(t, b.owed(t), 3)
	})
}

// Wherever the store fails each partner hears of the appeal, once more at most, and nothing is owed then.
// So it is with a debt as it was written before there was one for each reference.
func TestCarryFaults(t *testing.T) {
	for _, kind := range []abusetest.Fault{abusetest.Before, abusetest.After, abusetest.Rerun} {
		for at := 0; ; at++ {
			armed, failed := false, false
			store := faultyAt(kind, at, &armed, &failed)
			got := map[string]int{}
			b := newCourtOn(t, store, self, cases.Limits{}, func(c *cases.HearingsConfig) {
				c.Carry = func(_ context.Context, ref cases.AppealReference) error { got[ref.To]++; return nil }
			})
			d := b.decide(t, brought("a", alleged(1, "messenger"), alleged(2, "bank")))
			_, err := b.Open(ctx, "a", d.ID)
			require.NoError(t, err)
			require.Equal(t, []byte{1}, b.owed(t)[0].Value, "as it always was")
			armed = true
			for n := 0; len(b.owedUnarmed(t, &armed)) > 0; n++ {
				require.Less(t, n, 3)
				_ = b.Work(ctx)
			}
			for _, to := range []string{"messenger", "bank"} {
				require.True(t, got[to] >= 1 && got[to] <= 2, "%v at %d", got, at)
			}
			if !failed {
				require.Equal(t, map[string]int{"messenger": 1, "bank": 1}, got)
				require.Greater(t, at, 4)
				break
			}
		}
	}
}

// A case that is damaged keeps no other from being told of when it is late.
func TestDamagedLate(t *testing.T) {
	rung := 0
	b := newCourt(t, self, func(c *cases.HearingsConfig) { c.Overdue = func(cases.Case) { rung++ } })
	for _, account := range []string{"a", "b", "c"} {
		b.decide(t, brought(account, alleged(1, "messenger")))
	}
	all, err := b.Queue(ctx, 10)
	require.NoError(t, err)
	require.NoError(t, b.store.Update(ctx, func(w abuse.Writer) error {
		return w.Delete(abuse.Cases, slices.Concat([]byte("r"), all[0].ID[:]))
	}))
	b.clock.add(4 * 24 * time.Hour)
	for range 2 {
		require.ErrorIs(t, b.Work(ctx), abuse.ErrStoreDamaged)
		require.Equal(t, 2, rung)
	}
}

// A debt whose case is damaged, or which is itself, keeps no other from being paid.
func TestDamagedDebts(t *testing.T) {
	retracted := 0
	b := newCourt(t, "messenger", func(c *cases.HearingsConfig) {
		c.Retract = func(context.Context, uuid.UUID) error { retracted++; return nil }
		c.Carry = func(context.Context, cases.AppealReference) error { return nil }
	})
	d := b.decide(t, brought("a", alleged(1, "bank")))
	_, err := b.Open(ctx, "a", d.ID)
	require.NoError(t, err)
	key := b.owed(t)[0].Key
	require.NoError(t, b.store.Update(ctx, func(w abuse.Writer) error {
		return errors.Join(w.Put(abuse.Cases, key, make([]byte, 7)), w.Put(abuse.Cases, []byte("oc"), []byte{1}),
			w.Put(abuse.Cases, slices.Concat([]byte("or"), make([]byte, 16)), []byte{1}))
	}))
	c, err := b.Contest(ctx, "social", cases.AppealReference{To: "messenger", Reference: cases.Reference{1}, Signal: allegedID(1)})
	require.NoError(t, err)
	b.resolve(t, c.ID, overturned(cases.WrongSignal))
	require.NoError(t, b.store.Update(ctx, func(w abuse.Writer) error {
		return w.Put(abuse.Cases, slices.Concat([]byte("or"), c.ID[:]), []byte{1}) // as after a crash
	}))
	require.ErrorIs(t, b.Work(ctx), abuse.ErrStoreDamaged)
	require.Equal(t, 2, retracted)
	require.Len(t, b.owed(t), 3)
}
