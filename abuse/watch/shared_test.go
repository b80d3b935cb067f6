package watch

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/sqlstore"
	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
)

// counting counts the rows of one table that an Update reads and writes.
type counting struct {
	abuse.Writer
	table           abuse.Table
	gets, got, puts int
}

func (c *counting) Get(t abuse.Table, keys ...[]byte) ([][]byte, error) {
	if t == c.table {
		c.gets, c.got = c.gets+1, c.got+len(keys)
	}
	return c.Writer.Get(t, keys...)
}

func (c *counting) Put(t abuse.Table, key, value []byte) error {
	if t == c.table {
		c.puts++
	}
	return c.Writer.Put(t, key, value)
}

// Ten thousand accounts on one device cost one Update what they would with a device each: the pages of
// the list are read once and written once.
func TestSharedIdentifier(t *testing.T) {
	const n, pages = 10_000, (10_000 + pageItems - 1) / pageItems
	sqlite, err := sqlstore.Open(t.Context(), "sqlite:"+t.TempDir()+"/store")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sqlite.Close()) })
	for name, store := range map[string]abuse.Store{"memory": abuse.NewMemory(), "sqlite": sqlite} {
		t.Run(name, func(t *testing.T) {
			course := &course{era: era{link: testLink, number: 1, slots: 1}}
			tag := [16]byte{1}
			enrol := func(from, to int, place uint32) (c *counting, fresh []enrolledTag) {
				var all []enrolledNext
				for i := from; i < to; i++ {
					all = append(all, enrolledNext{0, tag, enrolment{account: fmt.Sprintf("account-%05d", i), kind: hashing.IMEI, place: place}, [16]byte{2}})
				}
				start := time.Now()
				require.NoError(t, store.Update(t.Context(), func(w abuse.Writer) error {
					c, fresh = &counting{Writer: w, table: abuse.Enrolments}, nil
					added, err := course.enrol(c, &cursor{}, all, &fresh)
					require.Len(t, added, len(fresh))
					return err
				}))
				t.Logf("accounts %d to %d: %v", from, to, time.Since(start))
				return c, fresh
			}
			c, fresh := enrol(0, n, 0)
			require.Len(t, fresh, n)
			require.Equal(t, []int{1, 1, pages}, []int{c.gets, c.got, c.puts})
			c, fresh = enrol(0, n, 0)
			require.Empty(t, fresh)
			require.Equal(t, []int{2, pages, 0}, []int{c.gets, c.got, c.puts}, "nothing is new")
			c, fresh = enrol(0, n, 1)
			require.Empty(t, fresh)
			require.Equal(t, []int{2, pages, pages}, []int{c.gets, c.got, c.puts}, "all are at another place")
			c, fresh = enrol(n, n+1, 0)
			require.Len(t, fresh, 1)
			require.Equal(t, []int{2, pages, 1}, []int{c.gets, c.got, c.puts}, "one more")
		})
	}
}

// widest keeps how many matches an Update has asked for at once, and in all.
type widest struct {
	abuse.Store
	most, long *int
}

type widestWriter struct {
	abuse.Writer
	widest
	all *int
}

func (s widest) Update(ctx context.Context, f func(abuse.Writer) error) error {
	return s.Store.Update(ctx, func(w abuse.Writer) error { return f(widestWriter{w, s, new(int)}) })
}

func (w widestWriter) Get(t abuse.Table, keys ...[]byte) ([][]byte, error) {
	if t == abuse.Matches {
		*w.most, *w.all = max(*w.most, len(keys)), *w.all+len(keys)
		*w.long = max(*w.long, *w.all)
	}
	return w.Writer.Get(t, keys...)
}

// A signal about a device that very many accounts share is about all of them; and however many there are
// about it in one batch, said, revised or withdrawn, there are not more in memory than so many at once.
func TestSharedIdentifierMatched(t *testing.T) {
	const accounts, signals, atOnce = 150, 12, 40
	most, long, last := 0, 0, 0
	w := newTown(t, linkage.ProtocolEC, func(w *town) { w.mine, w.atOnce = widest{w.mine, &most, &long}, atOnce })
	for i := range accounts {
		w.people.put(fmt.Sprint("p-", i), ids(t, 2))
	}
	require.NoError(t, w.base(0))
	for _, turn := range []func(n int){
		func(n int) { w.report(n, 1, ids(t, 2)) },
		func(n int) { w.report(n, 2) },
		func(n int) {
			if n > 0 {
				w.withdraw(n)
			}
		},
	} {
		for n := range signals {
			turn(n)
		}
		most, long = 0, 0
		require.NoError(t, w.tr.Cut(t.Context()))
		require.NoError(t, w.rec.Follow(t.Context()))
		require.LessOrEqual(t, most, atOnce)
		require.Positive(t, most)
		last = long
		w.settle()
		w.check()
	}
	require.LessOrEqual(t, last, accounts, "of withdrawals one in each Update")
	require.Len(t, w.known(), accounts)
}
