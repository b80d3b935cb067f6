package watch

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
)

// logTown is an era in a store, with who holds what, without partners and identifiers.
type logTown struct {
	t     *testing.T
	store abuse.Store
	era   era
	rec   *Receiver
	all   map[string][]enrolledTag // by accounts
}

func newLogTown(t *testing.T, store abuse.Store, base map[string][]enrolledTag) *logTown {
	w := &logTown{t, store, era{link: testLink, number: 1, slots: 2, status: eraActive}, &Receiver{}, map[string][]enrolledTag{}}
	w.rec.cfg.Store = store
	require.NoError(t, store.Update(t.Context(), func(x abuse.Writer) error {
		heads := make([][]uint64, w.era.slots)
		row := w.era.row()
		require.NoError(t, x.Put(abuse.Generations, row.Key, row.Value))
		for account, tags := range base {
			w.all[account] = slices.Clone(tags)
			for _, e := range tags {
				h := holding{generation: w.era.number + uint64(e.slot), tag: e.tag, kind: hashing.IMEI}
				row := h.row(account)
				require.NoError(t, x.Put(abuse.Holdings, row.Key, row.Value))
				item := (&enrolment{account: account, kind: hashing.IMEI}).item()
				_, err := addAll(x, abuse.Enrolments, []addition{{tagKey(h.generation, e.tag), item, 2 + len(account)}})
				require.NoError(t, err)
				heads[e.slot] = append(heads[e.slot], head64(e.tag))
			}
		}
		for slot, some := range heads {
			slices.Sort(some)
			for row := range headRows(w.era.number+uint64(slot), slices.Compact(some)) {
				require.NoError(t, x.Put(abuse.Generations, row.Key, row.Value))
			}
		}
		return x.Put(abuse.Cursors, cursorKey(w.era.number), (&cursor{}).value())
	}))
	return w
}

func (w *logTown) enrol(account string, tags ...enrolledTag) {
	require.NoError(w.t, w.store.Update(w.t.Context(), func(x abuse.Writer) error {
		at, _, err := cursorOf(x, w.era.number)
		require.NoError(w.t, err)
		var all []enrolledNext
		for _, e := range tags {
			all = append(all, enrolledNext{e.slot, e.tag, enrolment{account: account, kind: hashing.IMEI}, [16]byte{2}})
		}
		_, err = (&course{era: w.era}).enrol(x, &at, all, new([]enrolledTag))
		return err
	}))
	for _, e := range tags {
		if !slices.Contains(w.all[account], e) {
			w.all[account] = append(w.all[account], e)
		}
	}
}

// remove unenrols all that an account has, and gives which of others' holdings were read.
func (w *logTown) remove(account string) (read int) {
	require.NoError(w.t, w.rec.update(w.t.Context(), func(x abuse.Writer, old *oldLog) error {
		held, err := holdingsOf(x, account)
		require.NoError(w.t, err)
		require.Len(w.t, held, len(w.all[account]))
		c := &counting{Writer: x, table: abuse.Holdings}
		err = unenrolAll(c, old, account, held)
		read = c.got
		return err
	}))
	delete(w.all, account)
	return read
}

// older rewrites what an account holds as versions did that did not write down where in the log it is.
func (w *logTown) older(account string) {
	require.NoError(w.t, w.store.Update(w.t.Context(), func(x abuse.Writer) error {
		held, err := holdingsOf(x, account)
		for _, h := range held {
			h.logged, h.in = false, logPlace{}
			row := h.row(account)
			require.NoError(w.t, x.Put(abuse.Holdings, row.Key, row.Value))
		}
		return err
	}))
}

// move takes a step of an intake that has its own filters: it reads what the log has from where it was,
// and moves the cursor on, unless it only looks. Whatever anybody has it must have heard of then.
func (w *logTown) move(c *course, on bool) {
	var at cursor
	var fresh []enrolledTag
	require.NoError(w.t, w.store.Update(w.t.Context(), func(x abuse.Writer) (err error) {
		if at, _, err = cursorOf(x, w.era.number); err != nil {
			return err
		}
		if fresh, err = c.log(x, c.read, c.mark); err != nil || !on {
			return err
		}
		if at.mark++; at.mark%3 == 0 {
			at.at.record++
		}
		return x.Put(abuse.Cursors, cursorKey(w.era.number), at.value())
	}))
	for account, tags := range w.all {
		for _, e := range tags {
			require.True(w.t, slices.Contains(fresh, e) || c.filters[e.slot].has(e.tag), "%s has a tag that the intake does not know", account)
		}
	}
	if on {
		c.add(fresh)
		c.read, c.mark = at.at, at.mark
	}
}

// logged gives what the log has, each as often as it has it.
func (w *logTown) logged() (all []enrolledTag) {
	c := &course{era: w.era}
	require.NoError(w.t, w.store.View(w.t.Context(), func(rd abuse.Reader) (err error) {
		all, err = c.log(rd, position{}, 0)
		return err
	}))
	return all
}

// kept says that the log and the heads of the base have nothing that nobody has, and the log nothing twice.
func (w *logTown) kept() {
	still := map[enrolledTag]bool{}
	heads := map[uint64]bool{}
	for _, tags := range w.all {
		for _, e := range tags {
			still[e], heads[head64(e.tag)] = true, true
		}
	}
	for _, e := range w.logged() {
		require.True(w.t, still[e], "the log has what nobody has, or has it twice")
		delete(still, e)
	}
	for slot := range w.era.slots {
		require.NoError(w.t, eachRow(w.t.Context(), w.store, abuse.Generations, headsKey(w.era.number+uint64(slot)), 10, func(row abuse.Row) error {
			some, err := parseHeads(row.Value)
			for _, h := range some {
				require.True(w.t, heads[h], "the base has the head of what nobody has")
			}
			return err
		}))
	}
}

// between is a store that does something before each View.
type between struct {
	abuse.Store
	before func()
}

func (b *between) View(ctx context.Context, do func(abuse.Reader) error) error {
	if b.before != nil {
		b.before()
	}
	return b.Store.View(ctx, do)
}

// reruns is a store that makes each Update a second time, as after a conflict with another.
type reruns struct{ abuse.Store }

func (s reruns) Update(ctx context.Context, do func(abuse.Writer) error) error {
	if err := s.Store.Update(ctx, func(w abuse.Writer) error { return errors.Join(do(w), errFlaky) }); err == nil {
		return errors.New("it was to fail")
	}
	return s.Store.Update(ctx, do)
}

// Whoever enrols and whoever is removed, when intakes of several processes move on or begin to read: of
// what anybody has none misses anything, and of what nobody has any more nothing is left.
func TestLog(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	for range 40 {
		tag := func() enrolledTag {
			n := byte(r.IntN(8))
			return enrolledTag{int(n & 1), [16]byte{n + 1}}
		}
		some := func() (all []enrolledTag) {
			for range 1 + r.IntN(3) {
				if e := tag(); !slices.Contains(all, e) {
					all = append(all, e)
				}
			}
			return all
		}
		base := map[string][]enrolledTag{}
		for n := range r.IntN(4) {
			base[fmt.Sprint("base-", n)] = some()
		}
		w := newLogTown(t, reruns{abuse.NewMemory()}, base)
		n, old := 0, r.IntN(2) == 0 && len(base) == 0
		change := func() {
			accounts := make([]string, 0, len(w.all))
			for a := range w.all {
				accounts = append(accounts, a)
			}
			slices.Sort(accounts)
			switch k := r.IntN(5); {
			case len(accounts) == 0 || k < 2 && len(accounts) < 8:
				n++
				w.enrol(fmt.Sprint("late-", n), some()...)
				if old && r.IntN(2) == 0 {
					w.older(fmt.Sprint("late-", n))
				}
			case k == 2:
				w.enrol(accounts[r.IntN(len(accounts))], tag())
			default:
				w.remove(accounts[r.IntN(len(accounts))])
			}
			w.kept()
		}
		reading := &between{w.store, func() {
			for range r.IntN(3) {
				change()
			}
		}}
		intakes := make([]*course, 3)
		for range 60 {
			i := r.IntN(len(intakes))
			if intakes[i] == nil || r.IntN(8) == 0 { // a process starts
				intakes[i] = &course{era: w.era}
				require.NoError(t, intakes[i].fill(t.Context(), reading))
			}
			w.move(intakes[i], r.IntN(2) == 0)
			change()
		}
		for account := range w.all {
			w.remove(account)
		}
		w.kept()
		require.Empty(t, w.logged())
	}
}

// Of the accounts that share a device none is read when one of them is removed.
func TestRemoveShared(t *testing.T) {
	const n = 300
	w := newLogTown(t, abuse.NewMemory(), nil)
	var tags []enrolledTag
	for nth := range 5 {
		tags = append(tags, enrolledTag{0, [16]byte{1, byte(nth)}})
	}
	c := &course{era: w.era}
	require.NoError(t, c.fill(t.Context(), w.store))
	for i := range n {
		w.enrol(fmt.Sprintf("account-%05d", i), tags...)
		w.move(c, i%10 == 0)
	}
	require.Len(t, w.logged(), len(tags), "each is there once")
	for i := range n {
		require.Zero(t, w.remove(fmt.Sprintf("account-%05d", i)))
		want := len(tags)
		if i == n-1 {
			want = 0
		}
		require.Len(t, w.logged(), want)
	}
}

// An earlier version wrote into the log what the base has as well. Where the log is read for another tag of
// the account, that goes with it.
func TestRemoveOlderOfBase(t *testing.T) {
	inBase, own := enrolledTag{0, [16]byte{1}}, enrolledTag{1, [16]byte{2}}
	w := newLogTown(t, abuse.NewMemory(), map[string][]enrolledTag{"base": {inBase}})
	w.enrol("late", inBase, own)
	w.older("late")
	require.NoError(t, w.store.Update(t.Context(), func(x abuse.Writer) error {
		return (&course{era: w.era}).putLog(x, &cursor{}, inBase.slot, inBase.tag)
	}))
	w.remove("base")
	require.Len(t, w.logged(), 2)
	w.remove("late")
	require.Empty(t, w.logged())
	w.kept()
}

// logReads is a store that counts how often a log is read from its beginning, within Updates and outside.
type logReads struct {
	abuse.Store
	prefix        []byte
	inside, aside int
}

type logReader struct {
	abuse.Reader
	s *logReads
	n *int
}

func (r logReader) Scan(t abuse.Table, from, to []byte, limit int) ([]abuse.Row, error) {
	if t == abuse.Generations && string(from) == string(r.s.prefix) {
		*r.n++
	}
	return r.Reader.Scan(t, from, to, limit)
}

type logWriter struct {
	abuse.Writer
	logReader
}

func (w logWriter) Get(t abuse.Table, keys ...[]byte) ([][]byte, error) {
	return w.Writer.Get(t, keys...)
}

func (w logWriter) Scan(t abuse.Table, from, to []byte, limit int) ([]abuse.Row, error) {
	return w.logReader.Scan(t, from, to, limit)
}

func (s *logReads) View(ctx context.Context, do func(abuse.Reader) error) error {
	return s.Store.View(ctx, func(r abuse.Reader) error { return do(logReader{r, s, &s.aside}) })
}

func (s *logReads) Update(ctx context.Context, do func(abuse.Writer) error) error {
	return s.Store.Update(ctx, func(w abuse.Writer) error { return do(logWriter{w, logReader{w, s, &s.inside}}) })
}

// The log is read once for all that an account has of a version that did not write down where it is there,
// and outside of the Update; for what anybody else has, and for what the base alone has, not at all.
func TestRemoveOlder(t *testing.T) {
	for _, removed := range []bool{true, false} {
		store := &logReads{Store: abuse.NewMemory()}
		w := &forgetful{town: newTown(t, linkage.ProtocolEC, func(w *town) { w.mine = store }), seen: map[string][]holding{}}
		w.people.put("base", ids(t, 1), ids(t, 2))
		require.NoError(t, w.base(0))
		w.settle()
		for name, all := range map[string][]hashing.Identifier{
			"old": {ids(t, 3), ids(t, 4), ids(t, 5)}, "shared": {ids(t, 5)}, "new": {ids(t, 6)},
		} {
			w.people.put(name, all...)
			_, err := w.rec.Check(t.Context(), name, all)
			require.NoError(t, err)
		}
		w.older("old")
		w.note()
		c := w.course()
		store.prefix, store.inside, store.aside = c.logs(), 0, 0
		leave := func(account string, inside, aside int) {
			t.Helper()
			store.inside, store.aside = 0, 0
			if removed {
				w.people.drop(account)
				require.NoError(t, w.rec.Remove(t.Context(), account))
			} else {
				w.people.put(account)
				require.NoError(t, w.rec.Enrol(t.Context(), []linkage.Account{{Ref: account}}))
			}
			require.Equal(t, []int{inside, aside}, []int{store.inside, store.aside}, account)
			w.gone()
		}
		leave("base", 0, 0)
		leave("new", 0, 0)
		leave("old", 0, 1)
		leave("shared", 0, 0)
	}
}
