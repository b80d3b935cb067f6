package watch

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/abusetest"
	"github.com/hueandcry/hueandcry/abuse/sqlstore"
	"github.com/hueandcry/hueandcry/hashing"
)

// everyStore runs a test on each kind of store.
func everyStore(t *testing.T, run func(t *testing.T, store abuse.Store)) {
	t.Run("memory", func(t *testing.T) { run(t, abuse.NewMemory()) })
	for name, address := range map[string]func(testing.TB) string{
		"sqlite":   func(t testing.TB) string { return "sqlite:" + t.TempDir() + "/store" },
		"postgres": abusetest.Postgres,
	} {
		t.Run(name, func(t *testing.T) {
			store, err := sqlstore.Open(t.Context(), address(t))
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, store.Close()) })
			run(t, store)
		})
	}
}

// knows is what a caller knows of accounts, as tests change it.
type knows struct {
	holders int // accounts that hold the telephone number
	own     abuse.Own
	fail    error
	asked   int
}

func (k *knows) Identifiers(context.Context, string) ([]hashing.Identifier, error) { return nil, nil }

func (k *knows) Holdings(ctx context.Context, account string) ([]abuse.Holding, error) {
	k.asked++
	all, err := holdings{}.Holdings(ctx, account)
	all[0].Accounts = max(k.holders, 1)
	return all, err
}

func (k *knows) reports(context.Context, string) (abuse.Own, error) { return k.own, k.fail }

// undecidedRows are the accounts that are to be decided on.
func undecidedRows(t testing.TB, s abuse.Store) (rows []abuse.Row) {
	t.Helper()
	require.NoError(t, s.View(t.Context(), func(r abuse.Reader) (err error) {
		rows, err = r.Scan(abuse.Undecided, nil, nil, 100)
		return err
	}))
	return rows
}

func decisionOf(t testing.TB, e Event) (d abuse.Decision) {
	t.Helper()
	require.NoError(t, json.Unmarshal(e.Body, &d))
	return d
}

func TestReconsider(t *testing.T) {
	everyStore(t, func(t *testing.T, store abuse.Store) {
		c, h, k := &clock{testNow}, &handedOn{}, &knows{}
		policy := abuse.DefaultPolicy("network.example", abuse.Live)
		d := testDecider(t, store, c, h, func(cfg *DeciderConfig) {
			cfg.Accounts, cfg.Own = k, k.reports
			cfg.Decide = func(e abuse.Evidence, now time.Time) abuse.Decision {
				dec := abuse.Decide(e, policy, now)
				if dec.Action > abuse.None && e.Own.Days >= 3 {
					dec.Action, dec.Rule = abuse.Disable, "own_too"
				}
				return dec
			}
		})
		ask := func(accounts ...string) (events []Event) {
			t.Helper()
			before := len(h.order)
			require.NoError(t, d.Reconsider(t.Context(), accounts...))
			_, err := d.Step(t.Context())
			require.NoError(t, err)
			require.Empty(t, undecidedRows(t, store))
			for _, id := range h.order[before:] {
				events = append(events, h.all[id])
			}
			return events
		}
		one := func(events []Event, want abuse.Action) abuse.Decision {
			t.Helper()
			require.Len(t, events, 1)
			e := events[0]
			require.Equal(t, Event{ID: e.ID, Account: "a", Change: Reconsidered, At: e.At, Decision: e.Decision, Body: e.Body}, e)
			dec := decisionOf(t, e)
			require.Equal(t, []any{want, e.Decision}, []any{dec.Action, dec.ID})
			require.True(t, e.At.Equal(dec.At) || e.At.After(dec.At))
			return dec
		}
		decisions := func() int {
			all, err := d.Decisions(t.Context(), "a", 100)
			require.NoError(t, err)
			return len(all)
		}

		require.NoError(t, d.Reconsider(t.Context(), "nobody"))
		require.Empty(t, undecidedRows(t, store), "an account without a match leaves nothing")
		require.ErrorIs(t, d.Reconsider(t.Context(), "a", strings.Repeat("x", MaxAccount+1)), errAccount)
		hear(t, store, "a", testSignal(1, 1), 0)
		events := ask("a", "a", "nobody")
		require.Len(t, events, 1, "it was to be decided on anyway")
		require.Equal(t, Matched, events[0].Change)
		first := decisionOf(t, events[0])
		require.Equal(t, abuse.Suspend, first.Action)

		c.at = c.at.AddDate(0, 0, 3)
		require.Empty(t, ask("a"), "a step is not drawn out by asking")
		require.Equal(t, 1, decisions())
		k.holders = 50
		softer := one(ask("a"), abuse.None)
		require.Empty(t, ask("a"))
		k.holders = 1
		again := one(ask("a"), abuse.Suspend)
		require.True(t, again.Until.After(first.Until) && again.Until.After(softer.At))

		k.own = abuse.Own{Reports: 5, Days: 1, First: c.at, Last: c.at}
		c.at = c.at.AddDate(0, 0, 1)
		longer := one(ask("a"), abuse.Suspend)
		require.True(t, longer.Until.After(again.Until), "people here have reported it since")
		require.Equal(t, k.own.Reports, longer.Explanation.Own.Reports)
		k.own.Days = 3
		one(ask("a"), abuse.Disable)
		k.own = abuse.Own{}
		last := one(ask("a"), abuse.Suspend)

		c.at = last.Until.Add(time.Minute)
		one(ask("a"), abuse.Suspend) // it had ended by itself
		n := decisions()
		c.at = testSignal(1, 1).ValidUntil
		_, err := d.Step(t.Context())
		require.NoError(t, err)
		require.Equal(t, n+1, decisions(), "the signal has expired")
		require.Empty(t, ask("a"))
		require.Equal(t, n+1, decisions())
		for _, id := range h.order {
			require.Equal(t, id, h.all[id].ID)
		}
	})
}

// What fails on the caller's side is tried again, and an account that he does not know is waited for.
func TestReconsiderAsks(t *testing.T) {
	store, c, h, k := abuse.NewMemory(), &clock{testNow}, &handedOn{}, &knows{}
	d := testDecider(t, store, c, h, func(cfg *DeciderConfig) { cfg.Accounts, cfg.Own = k, k.reports })
	hear(t, store, "a", testSignal(1, 1), 0)
	k.fail = errors.New("no reports")
	_, err := d.Step(t.Context())
	require.ErrorContains(t, err, "no reports")
	require.Empty(t, h.order)
	k.fail = nil
	_, err = d.Step(t.Context())
	require.NoError(t, err)
	require.Len(t, h.order, 1)

	k.holders = 50
	require.NoError(t, d.Reconsider(t.Context(), "a"))
	k.fail = ErrGone
	_, err = d.Step(t.Context())
	require.NoError(t, err)
	require.Len(t, h.order, 1)
	require.Len(t, undecidedRows(t, store), 1)
	k.fail = nil
	asked := k.asked
	c.at = c.at.Add(2 * time.Second)
	_, err = d.Step(t.Context())
	require.NoError(t, err)
	require.Len(t, h.order, 2)
	require.Equal(t, asked+1, k.asked)

	require.NoError(t, d.Reconsider(t.Context(), "a"))
	k.fail = ErrGone
	for range 2 {
		_, err = d.Step(t.Context())
		require.NoError(t, err)
		c.at = c.at.Add(goneAfter + time.Minute)
	}
	require.Empty(t, undecidedRows(t, store))

	// What was said before a second request is not used after it.
	k.fail, k.holders = nil, 1
	require.NoError(t, d.Reconsider(t.Context(), "a"))
	d.cfg.Own = func(ctx context.Context, account string) (abuse.Own, error) {
		d.cfg.Own = nil
		return abuse.Own{}, d.Reconsider(ctx, account)
	}
	_, err = d.Step(t.Context())
	require.NoError(t, err)
	require.Len(t, h.order, 2)
	require.Len(t, undecidedRows(t, store), 1)
	_, err = d.Step(t.Context())
	require.NoError(t, err)
	require.Len(t, h.order, 3)
}

// Rows of an earlier form are read, those of a newer one are refused and stay.
func TestUndecidedRows(t *testing.T) {
	put := func(s abuse.Store, key, value []byte) {
		require.NoError(t, s.Update(t.Context(), func(w abuse.Writer) error { return w.Put(abuse.Undecided, key, value) }))
	}
	never := ^uint64(62135596800) + 1 // of the zero time
	old := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(append([]byte{1}, 8, 7, 6, 5, 4, 3, 2, 1), never), never)
	for _, c := range []struct {
		key, value []byte
		refused    error
	}{
		{[]byte("\x00\x01a"), old, nil},
		{[]byte("\x00\x01a\x01"), old, nil},
		{[]byte("\x00\x01a"), append([]byte{2}, old[1:]...), abuse.ErrStoreVersion},
		{[]byte("\x00\x01a\x01"), append([]byte{2}, old[1:]...), abuse.ErrStoreVersion},
		{[]byte("\x00\x01a\x02"), old, abuse.ErrStoreDamaged},
		{[]byte("\x00\x01a\x01\x01"), old, abuse.ErrStoreDamaged},
		{[]byte("\x00\x01a\x01"), old[:24], errRow},
	} {
		store, h := abuse.NewMemory(), &handedOn{}
		d := testDecider(t, store, &clock{testNow}, h)
		hear(t, store, "a", testSignal(1, 1), 0)
		_, err := d.Step(t.Context())
		require.NoError(t, err)
		put(store, c.key, c.value)
		_, err = d.Step(t.Context())
		if c.refused == nil {
			require.NoError(t, err)
			require.Empty(t, undecidedRows(t, store))
			continue
		}
		require.ErrorIs(t, err, c.refused)
		require.Equal(t, []abuse.Row{{Key: c.key, Value: c.value}}, undecidedRows(t, store))
	}
}

// ledgerSettle keeps what is in force and counts new steps, as package cases does.
func ledgerSettle(decide func(abuse.Evidence, time.Time) abuse.Decision) func(abuse.Writer, abuse.Evidence, time.Time, bool) (abuse.Decision, error) {
	return func(w abuse.Writer, e abuse.Evidence, now time.Time, record bool) (abuse.Decision, error) {
		key := accountKey(e.Account)
		have, err := get(w, abuse.InForce, key)
		if err != nil {
			return abuse.Decision{}, err
		}
		stands := abuse.Decision{Account: e.Account, Action: abuse.None, Scope: abuse.ScopeAccount, Mode: abuse.Live, Rule: "none"}
		if have != nil {
			if err := json.Unmarshal(have, &stands); err != nil {
				return stands, err
			}
			if !stands.Until.IsZero() && !now.Before(stands.Until) {
				stands.Action, stands.Until = abuse.None, time.Time{}
			}
		}
		if !record {
			return stands, nil
		}
		d := decide(e, now)
		if d.Action > stands.Action {
			used, err := get(w, abuse.Bounds, []byte("used"))
			if err != nil {
				return d, err
			}
			if err := w.Put(abuse.Bounds, []byte("used"), append(used, '+')); err != nil {
				return d, err
			}
		}
		body, err := d.MarshalJSON()
		if err != nil {
			return d, err
		}
		return d, w.Put(abuse.InForce, key, body)
	}
}

// A store that fails at any call changes nothing of what asking again comes to: the same decisions,
// told once, and what Settle writes holds exactly where they do.
func TestReconsiderFaults(t *testing.T) {
	type result struct {
		Told      map[string][]uuid.UUID
		Decisions []int
		Rows      map[string][]goldenRow
	}
	run := func(at int64, before bool) (out result, passed bool) {
		store := &flaky{Store: abuse.NewMemory(), before: before}
		plain := store.Store
		c, h, k := &clock{testNow}, &handedOn{}, &knows{}
		policy := abuse.DefaultPolicy("network.example", abuse.Live)
		start := func() *Decider {
			return testDecider(t, store, c, h, func(cfg *DeciderConfig) {
				cfg.Accounts = k
				cfg.Settle = ledgerSettle(func(e abuse.Evidence, now time.Time) abuse.Decision { return abuse.Decide(e, policy, now) })
			})
		}
		d := start()
		must := func(do func(*Decider) error) {
			for do(d) != nil {
				d = start()
			}
		}
		store.n.Store(at)
		round := func(accounts ...string) {
			must(func(d *Decider) error { return d.Reconsider(t.Context(), accounts...) })
			must(func(d *Decider) error { _, err := d.Step(t.Context()); return err })
			c.at = c.at.Add(time.Hour)
		}
		accounts := []string{"a", "b", "c", "nobody"}
		for n, account := range accounts[:3] {
			hear(t, plain, account, testSignal(n, 1), n%2)
		}
		round("a")
		round(accounts...)
		k.holders = 50
		round(accounts...)
		round(accounts...)
		k.holders = 1
		hear(t, plain, "b", testSignal(7, 1), 1)
		round(accounts...)
		c.at = c.at.AddDate(0, 0, 8) // the steps have ended
		round("a", "c")
		out = result{Told: h.byAccount(), Rows: rowsOf(t, plain)}
		for _, account := range accounts {
			all, err := d.Decisions(t.Context(), account, 100)
			require.NoError(t, err)
			out.Decisions = append(out.Decisions, len(all))
			prefix := accountKey(account)
			require.NoError(t, plain.View(t.Context(), func(r abuse.Reader) error {
				have, err := get(r, abuse.InForce, prefix)
				require.NoError(t, err)
				if len(all) > 0 {
					require.True(t, slices.ContainsFunc(all, func(d json.RawMessage) bool { return string(d) == string(have) }), "in force is what was recorded")
				} else {
					require.Nil(t, have)
				}
				return nil
			}))
		}
		return out, store.n.Load() > 0
	}
	want, _ := run(0, false)
	t.Log(want.Decisions, len(want.Rows[abuse.Bounds.String()][0].Value))
	require.Equal(t, []int{4, 3, 4, 0}, want.Decisions)
	require.Empty(t, want.Rows[abuse.Undecided.String()])
	require.Empty(t, want.Rows[abuse.Outbox.String()])
	for _, before := range []bool{true, false} {
		for at := int64(1); ; at++ {
			got, passed := run(at, before)
			require.Equal(t, want, got, fmt.Sprint("fault ", at, " before ", before))
			if passed {
				break
			}
		}
	}
}

// Accounts that have matches are walked over page by page, each once, however many matches one has, and
// from wherever one has come to.
func TestMatched(t *testing.T) {
	store, h := abuse.NewMemory(), &handedOn{}
	d := testDecider(t, store, &clock{testNow}, h)
	walk := func(after string, limit int) (all []string) {
		for {
			page, err := d.Matched(t.Context(), after, limit)
			require.NoError(t, err)
			require.LessOrEqual(t, len(page), limit)
			all = append(all, page...)
			if len(page) < limit {
				return all
			}
			after = page[limit-1]
		}
	}
	require.Empty(t, walk("", 3))
	var want []string
	for n := range 40 {
		account := fmt.Sprint("a-", n*n)
		want = append(want, account)
		for signal := range 1 + n%4 {
			hear(t, store, account, testSignal(signal, 1), 0)
		}
	}
	for n := range 2 * matchedSlice {
		hear(t, store, "a-9", testSignal(n, 1), 0)
	}
	for _, limit := range []int{1, 2, 7, 40, 41, 1000} {
		require.ElementsMatch(t, want, walk("", limit), limit)
	}
	all := walk("", 1000)
	require.Equal(t, all[6:], walk(all[5], 1000))
	require.Equal(t, []string{"a-0", "a-1", "a-4", "a-9", "a-16"}, all[:5])
	require.Equal(t, all[2:], walk("a-2", 5), "one that has none")
	for _, limit := range []int{0, -1} {
		page, err := d.Matched(t.Context(), "", limit)
		require.NoError(t, err)
		require.Empty(t, page)
	}
	_, err := d.Matched(t.Context(), strings.Repeat("a", MaxAccount+1), 1)
	require.Error(t, err)
	_, err = d.Step(t.Context())
	require.NoError(t, err)
	require.NoError(t, d.Reconsider(t.Context(), all...))
	require.Len(t, undecidedRows(t, store), len(all))
}
