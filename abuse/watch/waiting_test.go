package watch

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
)

// scanned counts the decisions that are read by Scan, anywhere.
type scanned struct {
	abuse.Store
	rows int
}

func (s *scanned) View(ctx context.Context, f func(abuse.Reader) error) error {
	return s.Store.View(ctx, func(r abuse.Reader) error { return f(scannedReader{r, s}) })
}

func (s *scanned) Update(ctx context.Context, f func(abuse.Writer) error) error {
	return s.Store.Update(ctx, func(w abuse.Writer) error { return f(scannedWriter{w, s}) })
}

type scannedReader struct {
	abuse.Reader
	s *scanned
}

func (r scannedReader) Scan(t abuse.Table, from, to []byte, limit int) ([]abuse.Row, error) {
	rows, err := r.Reader.Scan(t, from, to, limit)
	if t == abuse.Decisions {
		r.s.rows += len(rows)
	}
	return rows, err
}

type scannedWriter struct {
	abuse.Writer
	s *scanned
}

func (w scannedWriter) Scan(t abuse.Table, from, to []byte, limit int) ([]abuse.Row, error) {
	return scannedReader{w.Writer, w.s}.Scan(t, from, to, limit)
}

// However many changes of an account wait, each of its decisions is read once in a Step, whether its
// changes are taken or not.
func TestWaitingChanges(t *testing.T) {
	const n = 2*outboxSlice + 50
	for _, mode := range []abuse.Mode{abuse.Live, abuse.Background} {
		t.Run(mode.String(), func(t *testing.T) {
			store, c, down := &scanned{Store: abuse.NewMemory()}, &clock{testNow}, errors.New("down")
			policy := abuse.DefaultPolicy("network.example", mode)
			var tried []Event
			d := testDecider(t, store, c, nil, func(cfg *DeciderConfig) {
				cfg.Decide = func(e abuse.Evidence, now time.Time) abuse.Decision { return abuse.Decide(e, policy, now) }
				cfg.Deliver = func(_ context.Context, e Event) error {
					if tried = append(tried, e); e.Account == "a" {
						return down
					}
					return nil
				}
			})
			for i := range n {
				c.at = c.at.Add(time.Second)
				hear(t, store, "a", testSignal(1, uint64(i+1)), 0)
				require.NoError(t, d.decide(t.Context(), &bodies{all: map[string]made{}}, func() {}))
			}
			hear(t, store, "b", testSignal(2, 1), 0) // decided on in the Step: not looked for

			read := func() (handed, rows int) {
				store.rows, tried = 0, nil
				handed, err := d.Step(t.Context())
				if down != nil {
					require.ErrorIs(t, err, down)
				} else {
					require.NoError(t, err)
				}
				return handed, store.rows
			}
			handed, rows := read()
			require.Equal(t, 1, handed)
			require.Len(t, tried, 2, "one of each account")
			require.LessOrEqual(t, rows, n+laterSlice)
			require.Equal(t, mode == abuse.Live, tried[0].Decision != decisionOf(t, tried[0]).ID, "none in background takes another's place")

			down = nil
			handed, rows = read()
			require.Equal(t, n, handed)
			require.LessOrEqual(t, rows, n+laterSlice)
			last := decisionOf(t, tried[n-1])
			require.Equal(t, tried[n-1].Decision, last.ID)
			for _, e := range tried {
				want := e.Decision
				if mode == abuse.Live {
					want = last.ID
				}
				require.Equal(t, want, decisionOf(t, e).ID)
			}
		})
	}
}

// A decision that comes between two slices of an account's changes is found, and one that comes
// while the last of them is on its way too.
func TestOvertakenBetweenSlices(t *testing.T) {
	const n = 2*outboxSlice + 50
	everyStore(t, func(t *testing.T, store abuse.Store) {
		c, down := &clock{testNow}, errors.New("down")
		var taken []Event
		var first, second abuse.Decision
		d := testDecider(t, store, c, nil, func(cfg *DeciderConfig) {
			cfg.Deliver = func(_ context.Context, e Event) error {
				if down != nil {
					return down
				}
				switch taken = append(taken, e); len(taken) {
				case 1:
					first = says(t, store, "a", abuse.None, abuse.Live)
				case n:
					second = says(t, store, "a", abuse.Disable, abuse.Live)
				}
				return nil
			}
		})
		for i := range n {
			hear(t, store, "a", testSignal(i, 1), 0)
		}
		_, err := d.Step(t.Context()) // all are decided on at once, and have one decision
		require.ErrorIs(t, err, down)
		down = nil
		handed, err := d.Step(t.Context())
		require.NoError(t, err)
		require.Equal(t, outboxSlice, handed, "those of the slice between the two")
		ids := map[string]uuid.UUID{} // the bodies are long, and few
		carried := func(e Event) uuid.UUID {
			id, ok := ids[string(e.Body)]
			if !ok {
				id = decisionOf(t, e).ID
				ids[string(e.Body)] = id
			}
			return id
		}
		for i, e := range taken {
			if want := e.Decision; i < outboxSlice {
				require.Equal(t, want, carried(e))
			} else {
				require.Equal(t, first.ID, carried(e))
			}
		}
		handed, err = d.Step(t.Context())
		require.NoError(t, err)
		require.Equal(t, n-outboxSlice, handed)
		for _, e := range taken[n:] {
			require.Equal(t, second.ID, carried(e))
		}
	})
}

// A decision that this version cannot read keeps its own account, and no other.
func TestUnreadableDecision(t *testing.T) {
	const n = 10
	everyStore(t, func(t *testing.T, store abuse.Store) {
		c, h, k := &clock{testNow}, &handedOn{}, &knows{}
		d := testDecider(t, store, c, h, func(cfg *DeciderConfig) { cfg.Accounts = k })
		var all []string
		for i := range n {
			all = append(all, fmt.Sprint("m-", i))
			hear(t, store, all[i], testSignal(1, 1), 0)
		}
		_, err := d.Step(t.Context())
		require.NoError(t, err)
		put := func(table abuse.Table, key, value []byte) {
			require.NoError(t, store.Update(t.Context(), func(w abuse.Writer) error { return w.Put(table, key, value) }))
		}
		drop := func(table abuse.Table, key []byte) {
			require.NoError(t, store.Update(t.Context(), func(w abuse.Writer) error { return w.Delete(table, key) }))
		}
		newer := decisionKey("m-0", c.at.Add(time.Minute), uuid.New())
		put(abuse.Decisions, newer, []byte(`{"mode":"some_newer"}`))
		put(abuse.Undecided, accountKey("m-1"), []byte{1}) // nor can this be
		c.at = c.at.Add(time.Hour)

		before := len(h.order)
		k.holders = 50
		require.NoError(t, d.Reconsider(t.Context(), all...))
		handed, err := d.Step(t.Context())
		require.ErrorIs(t, err, abuse.ErrStoreDamaged)
		require.Equal(t, n-1, handed)
		require.Len(t, h.order, before+n-1)
		require.Len(t, undecidedRows(t, store), 2)

		// A change that waits, and that the row may have overtaken.
		e := Event{Account: "m-0", Change: Reconsidered, At: testNow, Decision: uuid.New()}
		e.ID = e.name()
		row := e.row()
		put(abuse.Outbox, row.Key, row.Value)
		odd := Event{Account: "m-2", Change: Reconsidered, At: testNow, Decision: uuid.New()}
		put(abuse.Outbox, outboxKey(&odd), []byte{1})
		lost := Event{Account: "m-3", Change: Reconsidered, At: c.at.Add(time.Hour), Decision: uuid.New()}
		put(abuse.Outbox, lost.row().Key, lost.row().Value)
		hear(t, store, "m-9", testSignal(2, 1), 0)
		handed, err = d.Step(t.Context())
		require.ErrorIs(t, err, abuse.ErrStoreDamaged)
		require.Equal(t, 1, handed)

		// When all can be read nothing was lost.
		drop(abuse.Decisions, newer)
		drop(abuse.Undecided, accountKey("m-1"))
		drop(abuse.Outbox, outboxKey(&odd))
		drop(abuse.Outbox, outboxKey(&lost))
		handed, err = d.Step(t.Context())
		require.NoError(t, err)
		require.Equal(t, 2, handed, "what waited, and what was to be reconsidered")
		require.Contains(t, h.all, e.ID)
		require.Empty(t, undecidedRows(t, store))
	})
}

// One that becomes unreadable while a change is on its way leaves that, and puts down what is others'.
func TestUnreadableOnItsWay(t *testing.T) {
	store, c, down := abuse.NewMemory(), &clock{testNow}, errors.New("down")
	tried := 0
	d := testDecider(t, store, c, nil, func(cfg *DeciderConfig) {
		cfg.Deliver = func(ctx context.Context, e Event) error {
			if tried++; down == nil && e.Account == "a" {
				return store.Update(ctx, func(w abuse.Writer) error {
					return w.Put(abuse.Decisions, decisionKey("a", c.at.Add(time.Minute), uuid.New()), []byte(`{"mode":"some_newer"}`))
				})
			}
			return down
		}
	})
	hear(t, store, "a", testSignal(1, 1), 0)
	hear(t, store, "b", testSignal(1, 1), 0)
	_, err := d.Step(t.Context())
	require.ErrorIs(t, err, down)
	down, tried = nil, 0
	handed, err := d.Step(t.Context())
	require.ErrorIs(t, err, abuse.ErrStoreDamaged)
	require.Equal(t, 1, handed, "b's")
	require.Equal(t, 2, tried)
	_, err = d.Step(t.Context())
	require.ErrorIs(t, err, abuse.ErrStoreDamaged)
	require.Equal(t, 2, tried, "not handed on while it cannot be told what to carry out")
}

// However many accounts are to be decided on, what has come of the first ones is handed on meanwhile;
// one whose change is not taken keeps neither the others nor the deciding, and its error is told once.
func TestHandedOnMeanwhile(t *testing.T) {
	const n = 5*deciderRun + 1
	store, c, h, down := abuse.NewMemory(), &clock{testNow}, &handedOn{}, errors.New("down")
	asked, tried := 0, 0
	var after []int // how many were asked for when a change was handed on
	d := testDecider(t, store, c, h, func(cfg *DeciderConfig) {
		cfg.Accounts = holdings{fail: func(string) error { asked++; return nil }}
		deliver := cfg.Deliver
		cfg.Deliver = func(ctx context.Context, e Event) error {
			if e.Account == "m-00000" && down != nil {
				tried++
				return down
			}
			after = append(after, asked)
			return deliver(ctx, e)
		}
	})
	d.turn = 0
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf("m-%05d", i))
		hear(t, store, all[i], testSignal(1, 1), 0)
	}
	handed, err := d.Step(t.Context())
	require.Equal(t, "watch: a change was not taken: down", err.Error())
	require.Equal(t, n-1, handed)
	require.Greater(t, tried, 1)
	require.Equal(t, n, asked)
	for i, have := range after {
		require.LessOrEqual(t, have-i, 2*deciderRun)
	}

	// Nothing more is committed where all is done within a turn.
	d.turn, down, asked, after = time.Hour, nil, 0, nil
	for _, account := range all {
		hear(t, store, account, testSignal(2, 1), 0)
	}
	handed, err = d.Step(t.Context())
	require.NoError(t, err)
	require.Equal(t, n+1, handed)
	for _, have := range after {
		require.Equal(t, n, have)
	}
}
