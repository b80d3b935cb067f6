package cases_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/abusetest"
	"github.com/hueandcry/hueandcry/abuse/cases"
	book "github.com/hueandcry/hueandcry/abuse/policy"
	"github.com/hueandcry/hueandcry/abuse/sqlstore"
	"github.com/hueandcry/hueandcry/abuse/watch"
)

// everyStore runs a test on each kind of store.
func everyStore(t *testing.T, run func(t *testing.T, on func(*cases.Config))) {
	t.Run("memory", func(t *testing.T) { run(t, func(*cases.Config) {}) })
	for name, address := range map[string]func(testing.TB) string{
		"sqlite":   func(t testing.TB) string { return "sqlite:" + filepath.Join(t.TempDir(), "store.db") },
		"postgres": abusetest.Postgres,
	} {
		t.Run(name, func(t *testing.T) {
			store, err := sqlstore.Open(t.Context(), address(t))
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, store.Close()) })
			run(t, func(c *cases.Config) { c.Store = store })
		})
	}
}

// The rules of the backtest, as they are shipped, met by the living service: they ask for the
// service's own reports beside the partner's signal.
func TestOwnReportsLive(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", "examples", "backtest", "rules.yaml"))
	require.NoError(t, err)
	rules, err := book.Parse("rules.yaml", data)
	require.NoError(t, err)
	rules, err = rules.With(book.Options{Self: "network.example", Mode: abuse.Live})
	require.NoError(t, err)
	everyStore(t, func(t *testing.T, on func(*cases.Config)) {
		own, known := map[string]abuse.Own{}, true
		var hear *cases.Hearings
		f := newFeed(t, func(c *cases.Config) {
			on(c)
			c.Decide = rules.Explain
		}, func(f *feed, cfg *watch.DeciderConfig) {
			var err error
			hear, err = cases.NewHearings(cases.HearingsConfig{Desk: f.Desk, Self: "network.example", Key: make([]byte, 32), Clock: cfg.Clock})
			require.NoError(t, err)
			cfg.Settle = hear.Around(f.Settle)
			cfg.Own = func(_ context.Context, account string) (abuse.Own, error) {
				if !known {
					return abuse.Own{}, errors.New("no database")
				}
				return own[account], nil
			}
		})
		s := strong(1, "messenger.example")
		s.Category, s.Confidence = abuse.Spam, 40
		f.report(1, s)
		first := f.hear()
		require.Len(t, first, 1)
		require.Equal(t, abuse.None, first[0].Action, "nobody here has complained")
		require.Empty(t, f.reconsider("anna"))

		complain := func(days int) []abuse.Decision {
			t.Helper()
			own["anna"] = abuse.Own{Reports: days, Days: days, Groups: 1, First: f.now.AddDate(0, 0, 1-days), Last: f.now}
			defer func() { f.now = f.now.Add(time.Hour) }()
			return f.reconsider("anna", "bert")
		}
		require.Empty(t, complain(1), "it comes to the same, and no row is written for it")
		require.Equal(t, 1, f.recorded("anna"))
		limited := complain(2)
		require.Len(t, limited, 1)
		require.Equal(t, watch.Reconsidered, f.events[0].Change)
		require.Equal(t, []any{"anna", abuse.Limit, "limit_sustained", 2},
			[]any{limited[0].Account, limited[0].Action, limited[0].Rule, limited[0].Explanation.Own.Days})
		require.Equal(t, abuse.Limit, f.under("anna").Action)
		require.Empty(t, f.reconsider("anna"), "nothing is new")
		suspended := complain(7)
		require.Len(t, suspended, 1)
		require.Equal(t, []any{abuse.Suspend, "suspend_sustained"}, []any{suspended[0].Action, suspended[0].Rule})
		require.Equal(t, suspended[0].ID, f.check("anna").ID)
		queue, err := hear.Queue(t.Context(), 10)
		require.NoError(t, err)
		require.Len(t, queue, 1, "it wants a person like any other")
		require.Equal(t, suspended[0].ID, queue[0].Decision.ID)

		known = false
		require.NoError(t, f.decider.Reconsider(t.Context(), "anna"))
		_, err = f.decider.Step(t.Context())
		require.ErrorContains(t, err, "no database")
		_, err = f.receiver.Check(t.Context(), "anna", f.mine.all["anna"])
		require.ErrorContains(t, err, "no database")
		known = true
		f.now = f.now.AddDate(0, 0, 8) // and nobody has complained since
		undone := f.step()
		require.Len(t, undone, 1)
		require.Equal(t, abuse.None, undone[0].Action)
		require.Equal(t, suspended[0].ID, undone[0].Undoes)
		got, err := f.ExactReceipts(t.Context(), "messenger.example", f.now)
		require.NoError(t, err)
		require.Equal(t, [3]int64{1, 0, 0}, got)
	})
}

// Nobody tells a desk that a day has room again, a step has ended or a ruling has: who asks has it
// decided, bounded and charged as after a change.
func TestReconsiderUnderBounds(t *testing.T) {
	everyStore(t, func(t *testing.T, on func(*cases.Config)) {
		f := newFeed(t, func(c *cases.Config) {
			on(c)
			c.Limits.PartnerDay = 1
		})
		held := func() (all []string) {
			require.NoError(t, f.store.View(t.Context(), func(r abuse.Reader) (err error) {
				all, err = f.HeldBack(r, "", 10)
				return err
			}))
			return all
		}
		f.report(1, strong(1, "messenger.example"))
		require.Equal(t, abuse.Suspend, f.hear()[0].Action)
		f.report(2, strong(2, "messenger.example"))
		capped := f.hear()
		require.Equal(t, []any{"bert", abuse.Label}, []any{capped[0].Account, capped[0].Action})
		require.Equal(t, []string{"bert"}, held())
		require.Empty(t, f.reconsider(held()...), "the day has no room")
		require.Equal(t, capped[0].ID, f.under("bert").Decision, "and nothing is written where nothing is recorded")
		f.now = f.now.AddDate(0, 0, 1)
		room := f.reconsider("anna", "bert")
		require.Len(t, room, 1)
		require.Equal(t, []any{"bert", abuse.Suspend}, []any{room[0].Account, room[0].Action})
		require.Equal(t, room[0].ID, f.under("bert").Decision)
		require.Empty(t, held())

		until := f.now.AddDate(0, 0, 2)
		f.now = f.now.Add(time.Hour)
		lifted := f.rule(room[0], cases.Ruling{Action: abuse.None, Until: until, Reviewer: "r. gomez"})
		f.bench.record(lifted)
		require.Equal(t, lifted.ID, f.check("bert").ID)
		require.Empty(t, f.reconsider("bert"), "what he has seen carries nothing")
		f.now = until
		require.Equal(t, abuse.None, f.check("bert").Action)
		again := f.reconsider("bert", "anna")
		require.Len(t, again, 1)
		require.Equal(t, []any{"bert", abuse.Suspend}, []any{again[0].Account, again[0].Action})

		f.now = again[0].Until.Add(time.Hour) // both have ended
		twice := f.reconsider("bert", "anna")
		require.Len(t, twice, 2)
		require.Equal(t, []any{"anna", abuse.Suspend}, []any{twice[0].Account, twice[0].Action})
		require.Equal(t, []any{"bert", abuse.Label}, []any{twice[1].Account, twice[1].Action}, "one a day")

		// What the desk has forgotten is not in force, whatever was recorded last.
		require.NoError(t, f.store.Update(t.Context(), func(w abuse.Writer) error { return f.Forget(w, "anna") }))
		f.now = f.now.AddDate(0, 0, 1)
		require.Len(t, f.reconsider("anna"), 1)
		require.Equal(t, abuse.Suspend, f.under("anna").Action)
	})
}

// An appeal is won while the service cannot carry anything out: whoever is back first, the person's
// word is the last that is carried out. And so is an automatic one that came after it.
func TestLastWordIsCarriedOut(t *testing.T) {
	everyStore(t, func(t *testing.T, on func(*cases.Config)) {
		var hear *cases.Hearings
		f := newFeed(t, on, func(f *feed, cfg *watch.DeciderConfig) {
			var err error
			hear, err = cases.NewHearings(cases.HearingsConfig{Desk: f.Desk, Self: "network.example", Key: make([]byte, 32), Clock: cfg.Clock, Deliver: f.carryOut})
			require.NoError(t, err)
			cfg.Settle = hear.Around(f.Settle)
		})
		ctx := t.Context()
		f.down = errors.New("down")
		f.report(1, strong(1, "messenger.example"))
		f.pass()
		_, err := f.decider.Step(ctx)
		require.ErrorIs(t, err, f.down)
		require.Equal(t, abuse.Suspend, f.under("anna").Action)
		f.now = f.now.Add(time.Hour)
		appeal, err := hear.Open(ctx, "anna", f.under("anna").Decision)
		require.NoError(t, err)
		c, err := hear.Claim(ctx, appeal.ID, "Agatha")
		require.NoError(t, err)
		_, err = hear.Resolve(ctx, c.ID, cases.Resolution{Version: c.Version, Reviewer: "Agatha", Outcome: cases.Overturned, Ground: cases.WrongPerson})
		require.NoError(t, err)
		f.down = nil
		require.NoError(t, hear.Work(ctx))
		require.Equal(t, abuse.None, f.told[len(f.told)-1].Action)
		told := f.step()
		require.Len(t, told, 1)
		require.Equal(t, []any{abuse.None, "Agatha"}, []any{told[0].Action, told[0].Reviewer})
		require.Equal(t, watch.Matched, f.events[0].Change)
		require.NotEqual(t, told[0].ID, f.events[0].Decision, "the event says what it is about")
		require.Equal(t, abuse.None, f.under("anna").Action)

		f.now = f.now.Add(time.Hour)
		f.down = errors.New("down")
		f.report(1, strong(3, "messenger.example"))
		f.pass()
		_, err = f.decider.Step(ctx)
		require.ErrorIs(t, err, f.down)
		require.Equal(t, abuse.Suspend, f.under("anna").Action, "a new signal")
		f.down = nil
		require.NoError(t, hear.Work(ctx))
		require.Equal(t, abuse.Suspend, f.step()[0].Action)
		require.NoError(t, hear.Work(ctx))
		require.Equal(t, abuse.Suspend, f.told[len(f.told)-1].Action)

		// When that has run out and is asked for again, it is by the signal alone that nobody has looked at.
		f.now = f.told[len(f.told)-1].Until.Add(time.Hour)
		again := f.reconsider("anna")
		require.Len(t, again, 1)
		require.Equal(t, abuse.Suspend, again[0].Action)
		require.Equal(t, []uuid.UUID{signalID(3)}, again[0].Signals)
	})
}

// Asking for very many accounts that stay as they are writes nothing that stays.
func TestReconsiderAllTheSame(t *testing.T) {
	f := newFeed(t, nil)
	f.report(1, strong(1, "messenger.example"))
	f.report(2, weak(2, "messenger.example"))
	f.hear()
	all := []string{"anna", "bert", "helpline"}
	for n := range 2000 {
		all = append(all, fmt.Sprint("clean-", n))
	}
	rows := func() (n int) {
		require.NoError(t, f.store.View(t.Context(), func(r abuse.Reader) error {
			for _, table := range abuse.Tables() {
				rows, err := r.Scan(table, nil, nil, 10_000)
				require.NoError(t, err)
				n += len(rows)
			}
			return nil
		}))
		return n
	}
	before := rows()
	for range 3 {
		require.Empty(t, f.reconsider(all...))
		require.Equal(t, before, rows())
		f.now = f.now.AddDate(0, 0, 1)
	}
}
