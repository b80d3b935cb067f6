package cases_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/abusetest"
	"github.com/hueandcry/hueandcry/abuse/cases"
	"github.com/hueandcry/hueandcry/abuse/sqlstore"
)

// A chain is a way from one state of evidence to another. However it was reached, the same
// evidence at the same time leaves an account under the same step.
func TestChains(t *testing.T) {
	a1, a2 := strong(1, "messenger.example"), strong(1, "messenger.example")
	a2.Revision, a2.Confidence = 2, 55
	b1, c1 := strong(2, "market.example"), weak(3, "mail.example")
	successor := strong(4, "messenger.example") // that a.1 was replaced by
	successor.Cause = a1.ID
	sets := map[string][]abuse.Signal{
		"nothing": nil, "one": {a1}, "downgraded": {a2}, "second": {b1}, "both": {a1, b1}, "weak": {c1}, "all": {a1, b1, c1},
		"replaced": {successor}, "replaced and old": {a1, successor}, "downgraded and weak": {a2, c1},
	}
	r := random(t)
	var names []string
	for name := range sets {
		names = append(names, name)
	}
	room := func(c *cases.Config) {
		c.Limits = cases.Limits{PartnerDay: -1, SignalAccounts: -1, RuleDay: -1, CategoryDay: -1, Day: -1}
	}
	for range 300 {
		last := names[r.IntN(len(names))]
		long, straight := newBench(t, room), newBench(t, room)
		undone := uuid.Nil
		for range r.IntN(8) {
			before := long.under("anna")
			d := long.settle(evidence("anna", sets[names[r.IntN(len(names))]]...))
			if d.Undoes != uuid.Nil {
				require.Equal(t, before.Decision, d.Undoes)
				require.NotEqual(t, undone, d.Undoes, "nothing is undone twice")
				undone = d.Undoes
			}
			if r.IntN(3) == 0 {
				long.restart()
			}
		}
		straight.now = long.now
		d, e := long.settle(evidence("anna", sets[last]...)), straight.settle(evidence("anna", sets[last]...))
		require.Equal(t, e.ID, d.ID)
		require.Equal(t, e.Reason, d.Reason)
		got, want := long.under("anna"), straight.under("anna")
		got.Since, got.Along = want.Since, nil
		require.Equal(t, want, got, last)
	}
}

// A second signal still holds: only the last withdrawal undoes, and each origin hears of its own.
func TestSecondSignalHolds(t *testing.T) {
	b := newBench(t)
	second := strong(2, "market.example")
	second.Cause = signalID(1) // so that the two do not corroborate each other
	first := b.settle(evidence("anna", strong(1, "messenger.example"), second))
	require.Len(t, b.under("anna").Carriers, 2)
	held := b.settle(evidence("anna", second))
	require.Equal(t, abuse.Suspend, held.Action)
	require.Zero(t, held.Undoes)
	require.Empty(t, b.carried("messenger.example", 1))
	gone := b.settle(evidence("anna"))
	require.Equal(t, held.ID, gone.Undoes)
	require.NotEqual(t, first.ID, gone.Undoes)
	for origin, want := range map[string][3]int64{"messenger.example": {}, "market.example": {1, 0, 0}} {
		got, err := b.ExactReceipts(t.Context(), origin, b.now)
		require.NoError(t, err)
		require.Equal(t, want, got, origin)
	}
}

// A signal is replaced by a new one in one change: the account is under the same step all the time.
func TestReplaced(t *testing.T) {
	b := newBench(t)
	first := b.settle(evidence("anna", strong(1, "messenger.example")))
	since := b.under("anna").Since
	b.settle(evidence("anna", strong(1, "messenger.example"), strong(2, "messenger.example")))
	d := b.settle(evidence("anna", strong(2, "messenger.example")))
	require.Zero(t, d.Undoes)
	require.Equal(t, since, b.under("anna").Since)
	require.NotEqual(t, first.ID, b.under("anna").Decision)
	require.Equal(t, []string{"anna"}, b.carried("messenger.example", 2))
}

// An appeal in between: what was overturned stays overturned whatever is said again of the same
// signal, and a revision or withdrawal of it undoes nothing a second time.
func TestAppealInBetween(t *testing.T) {
	b := newBench(t)
	s := strong(1, "messenger.example")
	first := b.settle(evidence("anna", s))
	lifted := b.rule(first, cases.Ruling{Action: abuse.None, Reviewer: "h. okoye"})
	require.Equal(t, first.ID, lifted.Undoes)
	s.Revision, s.Confidence = 2, 99
	require.Equal(t, abuse.None, b.settle(evidence("anna", s)).Action)
	gone := b.settle(evidence("anna"))
	require.Zero(t, gone.Undoes)
	got, err := b.ExactReceipts(t.Context(), "messenger.example", b.now)
	require.NoError(t, err)
	require.Equal(t, [3]int64{0, 0, 1}, got)

	// A second ruling, made while the signal was away, does not forget that it was looked at.
	b.rule(gone, cases.Ruling{Action: abuse.None, Reviewer: "r. gomez"})
	s.Revision = 3
	require.Equal(t, abuse.None, b.settle(evidence("anna", s)).Action)

	// Upheld: it stays when the signal goes, and when a person lifts it the origin hears.
	first = b.settle(evidence("bert", strong(2, "messenger.example")))
	upheld := b.rule(first, cases.Ruling{Action: abuse.Suspend, Until: first.Until, Reviewer: "h. okoye"})
	require.Equal(t, abuse.Suspend, b.settle(evidence("bert")).Action)
	lifted = b.rule(upheld, cases.Ruling{Action: abuse.None, Reviewer: "r. gomez"})
	require.Equal(t, upheld.ID, lifted.Undoes)
	got, err = b.ExactReceipts(t.Context(), "messenger.example", b.now)
	require.NoError(t, err)
	require.Equal(t, [3]int64{0, 0, 2}, got)

	// A ruling ends: what live evidence carries beneath it holds again.
	first = b.settle(evidence("carl", weak(3, "market.example")))
	b.rule(first, cases.Ruling{Action: abuse.Limit, Until: b.now.AddDate(0, 0, 1), Reviewer: "h. okoye"})
	b.settle(evidence("carl", weak(3, "market.example"), weak(4, "market.example")))
	require.Equal(t, abuse.Limit, b.under("carl").Action)
	b.now = b.now.AddDate(0, 0, 1)
	require.Equal(t, abuse.Friction, b.under("carl").Action)
}

// Several desks on one database: together they do not pass a cap.
func TestConcurrent(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { concurrent(t, "sqlite:"+filepath.Join(t.TempDir(), "store.db")) })
	t.Run("postgres", func(t *testing.T) { concurrent(t, abusetest.Postgres(t)) })
}

func concurrent(t *testing.T, address string) {
	store, err := sqlstore.Open(t.Context(), address)
	require.NoError(t, err)
	defer func() { require.NoError(t, store.Close()) }()
	const desks, each, limit = 4, 20, 11
	var done sync.WaitGroup
	var mu sync.Mutex
	steps := 0
	for i := range desks {
		done.Go(func() {
			d, err := cases.New(cases.Config{Decide: decide, Store: store, Limits: cases.Limits{PartnerDay: limit}})
			if err != nil {
				t.Error(err)
				return
			}
			for n := range each {
				var dec abuse.Decision
				if err := store.Update(context.Background(), func(w abuse.Writer) (err error) {
					dec, err = d.Settle(w, evidence(fmt.Sprint("a-", i, "-", n), strong(i*each+n, "messenger.example")), noon, true)
					return err
				}); err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				if dec.Action > abuse.Label {
					steps++
				}
				mu.Unlock()
			}
		})
	}
	done.Wait()
	require.Equal(t, limit, steps)
}

// Rows that are damaged, or of a newer version, are said to be so.
func TestDamaged(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, table := range []abuse.Table{abuse.InForce, abuse.Bounds} {
		b := newBench(t)
		b.settle(evidence("anna", strong(1, "messenger.example")))
		for _, value := range []string{"", "{}", "null", `{"v":1,"row":3}`, `{"v":2,"row":{}}`, fmt.Sprint(r.Uint64())} {
			require.NoError(t, b.store.Update(t.Context(), func(w abuse.Writer) error {
				rows, err := w.Scan(table, []byte("a"), []byte("d"), 100)
				if err != nil {
					return err
				}
				require.NotEmpty(t, rows)
				for _, row := range rows {
					if err := w.Put(table, row.Key, []byte(value)); err != nil {
						return err
					}
				}
				return nil
			}))
			var broken *abuse.StoreError
			err := b.store.Update(t.Context(), func(w abuse.Writer) error {
				_, err := b.Settle(w, evidence("anna", strong(1, "messenger.example"), strong(7, "messenger.example")), b.now, true)
				if err == nil {
					_, err = b.Settle(w, evidence("bert", strong(1, "messenger.example")), b.now, true)
				}
				return err
			})
			require.ErrorAs(t, err, &broken, "%s %q", table, value)
			require.NotContains(t, err.Error(), "anna")
		}
	}
}
