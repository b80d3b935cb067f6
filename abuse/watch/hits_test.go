package watch

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
)

// weighing is a store that counts the rows that Updates ask for.
type weighing struct {
	abuse.Store
	rows map[abuse.Table]int
}

func (s *weighing) Update(ctx context.Context, do func(abuse.Writer) error) error {
	return s.Store.Update(ctx, func(w abuse.Writer) error { return do(weighingWriter{w, s}) })
}

type weighingWriter struct {
	abuse.Writer
	s *weighing
}

func (w weighingWriter) Get(t abuse.Table, keys ...[]byte) ([][]byte, error) {
	w.s.rows[t] += len(keys)
	return w.Writer.Get(t, keys...)
}

// weigh gives how many rows of holdings, matches and aliases taking a batch in asks for.
func (l *liar) weigh(records ...linkage.Sealed) [3]int {
	l.t.Helper()
	was := l.rec.cfg.Store
	s := &weighing{was, map[abuse.Table]int{}}
	l.rec.cfg.Store = s
	require.NoError(l.t, l.rec.accept(l.t.Context(), l.c, l.batch(l.now(), 0, records...)))
	l.rec.cfg.Store = was
	_, err := l.decider.Step(l.t.Context())
	require.NoError(l.t, err)
	return [3]int{s.rows[abuse.Holdings], s.rows[abuse.Matches], s.rows[abuse.Aliases]}
}

// Records under one tag are not multiplied by all who have it, whether nobody has their aliases or others
// do: else one batch is more than the receiver has memory for, and is so again whenever it starts.
func TestSameTagShared(t *testing.T) {
	const shared, records, pages = 200, 500, (200 + pageItems - 1) / pageItems
	own := func(n int) hashing.Identifier { return phoneOf(t, 1000+n) }
	w := newLiar(t, func(l *linkage.Limits) { l.SignalsPerIdentifier = 4 }, func(w *town) {
		for i := range shared {
			w.people.put(fmt.Sprint("p-", i), phoneOf(t, 1))
		}
		for i := range records {
			w.people.put(fmt.Sprint("own-", i), own(i))
		}
	})
	const accounts = shared + 1 // with the liar's own
	id := phoneOf(t, 1)
	var all, about []linkage.Sealed
	for n := range records {
		about = append(about, w.record(linkage.Add, n, 1, 0, own(n)))
	}
	require.Equal(t, [3]int{records, records, records}, w.weigh(about...), "one each")
	for n := range records {
		all = append(all, w.record(linkage.Add, 10_000+n, 1, 0, id))
	}
	require.Equal(t, [3]int{accounts, accounts, records}, w.weigh(all...), "of records without an account one is heard")
	require.Len(t, w.of("p-7"), 1)
	require.Equal(t, w.of("p-7"), w.of("a"))

	all = all[:0]
	for n := range records { // about themselves, and under the shared tag
		all = append(all, w.record(linkage.Revise, n, 2, 0, own(n), id))
	}
	got := w.weigh(all...)
	require.LessOrEqual(t, got[0], records+accounts)
	require.LessOrEqual(t, got[1], records+accounts)
	require.LessOrEqual(t, got[2], 2*records+pages)
	require.Len(t, w.of("p-7"), 1)
	for n := range 5 {
		w.is(fmt.Sprint("own-", n), map[int]uint64{n: 2})
	}
}

// A stretch is found to be about too many accounts also where what was enrolled last comes first in it.
func TestWideBesideLate(t *testing.T) {
	in := &intake{r: &Receiver{atOnce: 1}, c: &course{era: era{number: 7, slots: 1}}}
	tag := [16]byte{1}
	require.ErrorIs(t, abuse.NewMemory().Update(t.Context(), func(w abuse.Writer) error {
		for _, account := range []string{"a", "b"} {
			item := (&enrolment{account: account}).item()
			if _, err := addAll(w, abuse.Enrolments, []addition{{tagKey(7, tag), item, 2 + len(account)}}); err != nil {
				return err
			}
		}
		_, err := in.lookUp(w, []candidateTag{{spot{record: 5}, tag}, {spot{record: 3}, [16]byte{2}}}, &stretchResult{})
		return err
	}), errWide)
}

// Signals that many accounts have may all be revised under one tag: that too is not in memory at once.
func TestSameTagRevised(t *testing.T) {
	const accounts, signals, atOnce = 130, 12, 140
	id := phoneOf(t, 3)
	most, long := 0, 0
	w := newLiar(t, func(l *linkage.Limits) { l.SignalsPerIdentifier = signals }, func(w *town) {
		w.mine, w.atOnce = widest{w.mine, &most, &long}, atOnce
		for i := range accounts {
			w.people.put(fmt.Sprint("p-", i), id)
		}
	})
	for _, op := range []linkage.Operation{linkage.Add, linkage.Revise} {
		var all []linkage.Sealed
		for n := range signals {
			nth := uint16(n)
			if op == linkage.Revise {
				nth = 0
			}
			all = append(all, w.record(op, n, uint64(op), nth, id))
		}
		most, long = 0, 0
		require.NoError(t, w.rec.accept(t.Context(), w.c, w.batch(w.now(), 0, all...)))
	}
	require.Positive(t, long)
	require.LessOrEqual(t, long, 2*atOnce, "in an Update")
	_, err := w.decider.Step(t.Context())
	require.NoError(t, err)
	require.Len(t, w.of("p-7"), signals)
}
