package cases_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/abusetest"
	"github.com/hueandcry/hueandcry/abuse/cases"
	"github.com/hueandcry/hueandcry/abuse/sqlstore"
)

// Where a person's step and the automatic one beneath it have both run out before anybody swept, both
// are told, also if the second is not taken at first.
func TestSweepTellsBoth(t *testing.T) {
	for name, open := range map[string]func(testing.TB) abuse.Store{
		"memory": func(testing.TB) abuse.Store { return abuse.NewMemory() },
		"sqlite": func(t testing.TB) abuse.Store {
			return opened(t, "sqlite:"+filepath.Join(t.TempDir(), "store.db"))
		},
		"postgres": func(t testing.TB) abuse.Store { return opened(t, abusetest.Postgres(t)) },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, func(c *cases.Config) { c.Store = open(t) })
			was := b.settle(evidence("a", strong(1, "messenger")))
			b.rule(was, cases.Ruling{Action: abuse.Suspend, Until: noon.AddDate(0, 0, 2), Reviewer: "Anna"})
			s := weak(2, "bank")
			s.ValidUntil = noon.AddDate(0, 0, 1)
			b.settle(evidence("a", strong(1, "messenger"), s))
			b.now = noon.AddDate(0, 0, 3)
			var heard []cases.Ended
			refuse := errors.New("down")
			hear := func(_ context.Context, e cases.Ended) error {
				if len(heard) == 1 && refuse != nil {
					return refuse
				}
				heard = append(heard, e)
				return nil
			}
			require.ErrorIs(t, b.Sweep(t.Context(), hear), refuse)
			require.Len(t, heard, 1)
			heard, refuse = nil, nil
			require.NoError(t, b.Sweep(t.Context(), hear))
			require.Len(t, heard, 2)
			require.Equal(t, [2]string{"", "Anna"}, [2]string{heard[0].Step.Reviewer, heard[1].Step.Reviewer})
			require.Equal(t, abuse.Suspend, heard[1].Step.Action)
			for _, e := range heard {
				require.Equal(t, "a", e.Step.Account)
				require.Equal(t, abuse.None, e.Remains)
			}
			heard = nil
			require.NoError(t, b.Sweep(t.Context(), hear))
			require.Empty(t, heard)
		})
	}
}

func opened(t testing.TB, address string) abuse.Store {
	store, err := sqlstore.Open(context.Background(), address)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	return store
}

// A key of an end that is none is said to be damaged.
func TestSweepOddKeys(t *testing.T) {
	whole := "e\x00\x00\x00\x00\x00\x00\x00\x01\x00\x01a"
	for n := 1; n <= len(whole); n++ {
		b := newBench(t)
		require.NoError(t, b.store.Update(ctx, func(w abuse.Writer) error {
			return w.Put(abuse.InForce, []byte(whole[:n]), []byte{1})
		}))
		err := b.Sweep(ctx, func(context.Context, cases.Ended) error { return nil })
		if n == len(whole) {
			require.NoError(t, err, "an end that nothing belongs to any more")
			continue
		}
		require.ErrorIs(t, err, abuse.ErrStoreDamaged, "%d bytes", n)
	}
}

// Rows that are damaged keep no other from being told of, be they more than one slice; they stay, and
// are in the error, also beside one that f gives.
func TestSweepPastDamage(t *testing.T) {
	inStores(t, func(t *testing.T, store abuse.Store) {
		b := newBench(t, func(c *cases.Config) { c.Store = store })
		for n, account := range []string{"anna", "bert", "carl"} {
			b.settle(evidence(account, strong(n+1, "messenger.example")))
		}
		const odd = 250
		require.NoError(t, b.store.Update(ctx, func(w abuse.Writer) error {
			for n := range odd {
				if err := w.Put(abuse.InForce, []byte{'e', 0, byte(n)}, []byte{1}); err != nil {
					return err
				}
			}
			return w.Put(abuse.InForce, append([]byte{'a', 0, 4}, "bert"...), []byte("{"))
		}))
		b.now = b.now.AddDate(0, 0, 30)
		refuse := errors.New("down")
		var heard []string
		hear := func(_ context.Context, e cases.Ended) error {
			if len(heard) == 1 && refuse != nil {
				return refuse
			}
			heard = append(heard, e.Step.Account)
			return nil
		}
		err := b.Sweep(ctx, hear)
		require.ErrorIs(t, err, refuse)
		require.ErrorIs(t, err, abuse.ErrStoreDamaged)
		refuse = nil
		require.ErrorIs(t, b.Sweep(ctx, hear), abuse.ErrStoreDamaged)
		require.Equal(t, []string{"anna", "carl"}, heard)
		require.ErrorIs(t, b.Sweep(ctx, hear), abuse.ErrStoreDamaged)
		require.Equal(t, []string{"anna", "carl"}, heard)
		require.NoError(t, b.store.View(ctx, func(r abuse.Reader) error {
			rows, err := r.Scan(abuse.InForce, []byte("e"), []byte("f"), 1000)
			require.Len(t, rows, odd+1)
			return err
		}))
	})
}
