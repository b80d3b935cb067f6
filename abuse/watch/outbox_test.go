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

// says records a decision of somebody else's, later than the last one, as a person's is.
func says(t testing.TB, s abuse.Store, account string, action abuse.Action, mode abuse.Mode) (d abuse.Decision) {
	t.Helper()
	require.NoError(t, s.Update(t.Context(), func(w abuse.Writer) error {
		last, err := lastDecision(w, account)
		if err != nil {
			return err
		}
		d = last
		d.ID, d.At, d.Action, d.Scope, d.Mode, d.Reviewer, d.Until = uuid.New(), last.At.Add(time.Minute), action, abuse.ScopeAccount, mode, "h. okoye", time.Time{}
		v := verdict{decision: d}
		return record(w, account, d.At, &v)
	}))
	return d
}

// A change that was not taken is handed on with the decision that is the last word by then; what it is
// about stays as it was.
func TestOvertaken(t *testing.T) {
	everyStore(t, func(t *testing.T, store abuse.Store) {
		c, down := &clock{testNow}, errors.New("down")
		var tried, taken []Event
		d := testDecider(t, store, c, nil, func(cfg *DeciderConfig) {
			cfg.Deliver = func(_ context.Context, e Event) error {
				if tried = append(tried, e); down == nil {
					taken = append(taken, e)
				}
				return down
			}
		})
		step := func() error {
			tried, taken = nil, nil
			_, err := d.Step(t.Context())
			return err
		}
		hear(t, store, "a", testSignal(1, 1), 0)
		hear(t, store, "b", testSignal(1, 1), 0)
		require.Error(t, step())
		require.Len(t, tried, 2)
		first, other := tried[0], tried[1]
		require.Equal(t, abuse.Suspend, decisionOf(t, first).Action)

		says(t, store, "a", abuse.Disable, abuse.Background)
		require.Error(t, step())
		require.Equal(t, []Event{first, other}, tried, "what is not live is not carried out")
		lifted := says(t, store, "a", abuse.None, abuse.Live)
		for range laterSlice + 1 {
			says(t, store, "a", abuse.Disable, abuse.Background)
		}
		retract(t, store, "b", testSignal(1, 1).ID, 2)
		down = nil
		require.NoError(t, step())
		require.Len(t, taken, 3)
		require.Equal(t, lifted.ID, decisionOf(t, taken[0]).ID)
		require.Equal(t, abuse.None, decisionOf(t, taken[0]).Action)
		taken[0].Body = first.Body
		require.Equal(t, first, taken[0], "all else is about the change")
		require.Equal(t, []Change{Matched, Withdrawn}, []Change{taken[1].Change, taken[2].Change})
		require.Equal(t, other.ID, taken[1].ID)
		require.Equal(t, taken[2].Decision, decisionOf(t, taken[1]).ID, "both say the last word")
		require.Equal(t, taken[2].Body, taken[1].Body)
		require.NoError(t, step())
		require.Empty(t, tried)
	})
}

// A decision that comes while an older one is being taken may have come in front of it: the change is
// handed on once more, with the later one, and so are those of the account that follow.
func TestOvertakenOnItsWay(t *testing.T) {
	store, c := abuse.NewMemory(), &clock{testNow}
	var taken []Event
	var lifted abuse.Decision
	fail := errors.New("down")
	d := testDecider(t, store, c, nil, func(cfg *DeciderConfig) {
		cfg.Deliver = func(_ context.Context, e Event) error {
			if fail != nil {
				return fail
			}
			if taken = append(taken, e); len(taken) == 1 {
				lifted = says(t, store, "a", abuse.None, abuse.Live)
			}
			return nil
		}
	})
	hear(t, store, "a", testSignal(1, 1), 0)
	hear(t, store, "a", testSignal(2, 1), 0)
	hear(t, store, "b", testSignal(1, 1), 0)
	_, err := d.Step(t.Context())
	require.ErrorIs(t, err, fail)
	fail = nil
	n, err := d.Step(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, n, "b's")
	require.Len(t, taken, 3)
	n, err = d.Step(t.Context())
	require.NoError(t, err)
	require.Equal(t, 2, n)
	require.Len(t, taken, 5)
	for i, e := range taken[3:] {
		require.Equal(t, taken[i].ID, e.ID)
		require.Equal(t, lifted.ID, decisionOf(t, e).ID)
	}
	n, err = d.Step(t.Context())
	require.NoError(t, err)
	require.Zero(t, n)
}

// looking counts what is read of decisions outside of Updates.
type looking struct {
	abuse.Store
	reads int
}

func (w *looking) View(ctx context.Context, f func(abuse.Reader) error) error {
	return w.Store.View(ctx, func(r abuse.Reader) error { return f(lookingReader{r, w}) })
}

type lookingReader struct {
	abuse.Reader
	w *looking
}

func (r lookingReader) Get(t abuse.Table, keys ...[]byte) ([][]byte, error) {
	if t == abuse.Decisions {
		r.w.reads++
	}
	return r.Reader.Get(t, keys...)
}

func (r lookingReader) Scan(t abuse.Table, from, to []byte, limit int) ([]abuse.Row, error) {
	if t == abuse.Decisions {
		r.w.reads++
	}
	return r.Reader.Scan(t, from, to, limit)
}

// What was decided a moment ago is handed on without a look at the store.
func TestJustMade(t *testing.T) {
	store, c, h := &looking{Store: abuse.NewMemory()}, &clock{testNow}, &handedOn{}
	fail := errors.New("down")
	d := testDecider(t, store, c, h, func(cfg *DeciderConfig) {
		cfg.Deliver = func(ctx context.Context, e Event) error {
			if fail != nil {
				return fail
			}
			return h.deliver(ctx, e)
		}
	})
	const n = 10
	for i := range n {
		hear(t, store, fmt.Sprint("a-", i), testSignal(1, 1), 0)
	}
	start := time.Now()
	_, err := d.Step(t.Context())
	require.ErrorIs(t, err, fail)
	if time.Since(start) < justMade/2 {
		require.Zero(t, store.reads)
	} else {
		t.Log("too slow to tell")
	}
	fail, store.reads = nil, 0
	_, err = d.Step(t.Context())
	require.NoError(t, err)
	require.Len(t, h.order, n)
	require.Equal(t, n+1, store.reads, "one look each, and one for all bodies")
}

// Each change has the decision on its own account, also where the caller's have no ids of their own,
// and where there are more than are kept to be handed on.
func TestBodies(t *testing.T) {
	store, h := abuse.NewMemory(), &handedOn{}
	policy := abuse.DefaultPolicy("network.example", abuse.Live)
	d := testDecider(t, store, &clock{testNow}, h, func(c *DeciderConfig) {
		c.Decide = func(e abuse.Evidence, now time.Time) abuse.Decision {
			x := abuse.Decide(e, policy, now)
			x.ID = uuid.Nil
			return x
		}
	})
	hear(t, store, "one", testSignal(1, 1), 0)
	hear(t, store, "two", testSignal(2, 1), 0)
	_, err := d.Step(t.Context())
	require.NoError(t, err)
	require.Len(t, h.all, 2)
	for _, e := range h.all {
		require.Equal(t, e.Account, decisionOf(t, e).Account)
	}

	b, half := bodies{all: map[string]made{}}, make([]byte, bodiesKept/2)
	for i := range byte(5) {
		b.keep([]byte{i}, made{body: half})
	}
	require.Len(t, b.all, 2)
	require.Equal(t, bodiesKept, b.size)
}
