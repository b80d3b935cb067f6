package watch

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
	"github.com/hueandcry/hueandcry/linkage/linkagetest"
)

// An account that is removed by the receiver of one partner is not in the base either that another's
// is enrolling just then, and nothing is owed for it with any.
func TestRemoveWithAllPartners(t *testing.T) {
	here := newTown(t, linkage.ProtocolEC)
	there := newTown(t, linkage.ProtocolEC, func(w *town) {
		w.agreement = newParties(t, func(a *linkage.Agreement) { a.ID = uuid.MustParse("7f9ff7e8-5a0f-4a4b-9c6f-3d1b1f3f0a11") }).agreement
		w.mine, w.vault, w.vaultK, w.people = here.mine, here.vault, here.vaultK, here.people
	})
	here.people.put("account-a", ids(t, 1))
	source := func(yield func(linkage.Account, error) bool) {
		yield(linkage.Account{Ref: "account-a", Identifiers: []hashing.Identifier{ids(t, 1)}}, nil)
		here.people.drop("account-a")
		require.NoError(t, here.rec.Remove(t.Context(), "account-a"))
	}
	_, err := there.rec.EnrolBase(linkagetest.AllowPlain(t.Context()), 0, source)
	there.partner.serve.Wait()
	require.NoError(t, err)
	held := here.held("account-a")
	require.Len(t, held, 1, "it has come with the base, after all")
	there.settle()
	here.none("account-a", held...)

	// Nobody has a base with the one who is down: the check is owed, and is not when the account has gone.
	there.partner.set(nil)
	_, err = there.rec.Check(t.Context(), "account-b", []hashing.Identifier{ids(t, 2)})
	require.NoError(t, err)
	_, err = here.rec.Check(t.Context(), "account-b", []hashing.Identifier{ids(t, 2)})
	require.NoError(t, err)
	require.NoError(t, here.rec.Remove(t.Context(), "account-b"))
	here.none("account-b")
}

// held gives what an account holds.
func (w *town) held(account string) (all []holding) {
	w.t.Helper()
	require.NoError(w.t, w.mine.View(w.t.Context(), func(r abuse.Reader) (err error) {
		all, err = holdingsOf(r, account)
		return err
	}))
	return all
}

// none says that nothing is kept of an account but decisions, and nothing of the tags that it alone has held.
// Names are to be long enough that no tag has one by chance.
func (w *town) none(account string, held ...holding) {
	w.t.Helper()
	hidden := map[string]string{string(accountKey(account)): "account"}
	for _, h := range held {
		hidden[string(h.tag[:8])] = "head of a tag" // and so the whole of it
		hidden[string(h.token[:])] = "token"
	}
	require.NoError(w.t, w.mine.View(w.t.Context(), func(r abuse.Reader) error {
		for _, table := range abuse.Tables() {
			if err := scanAll(r, table, nil, func(row abuse.Row) error {
				for what, name := range hidden {
					if name == "account" && table == abuse.Decisions {
						continue
					}
					if bytes.Contains(row.Key, []byte(what)) || bytes.Contains(row.Value, []byte(what)) {
						w.t.Errorf("%s: the %s of what was removed", table, name)
					}
				}
				return nil
			}); err != nil {
				return err
			}
		}
		return nil
	}))
}

// forgetful removes accounts and changes others, and says that nothing is left of what nobody has any more.
type forgetful struct {
	*town
	said int
	seen map[string][]holding // all that accounts have ever held
}

// note takes note of what accounts hold.
func (w *forgetful) note() {
	for account := range w.people.all {
		for _, h := range w.held(account) {
			if !slices.Contains(w.seen[account], h) {
				w.seen[account] = append(w.seen[account], h)
			}
		}
	}
}

// gone looks for what nobody has any more.
func (w *forgetful) gone() {
	w.t.Helper()
	still := map[[16]byte]bool{}
	for account := range w.people.all {
		for _, h := range w.held(account) {
			still[h.token] = true
		}
	}
	for account, held := range w.seen {
		free := slices.DeleteFunc(slices.Clone(held), func(h holding) bool { return still[h.token] })
		if w.people.all[account] == nil {
			w.none(account, free...)
		} else {
			w.none("nobody", free...)
		}
	}
}

// older rewrites what an account holds as versions did that did not write down where in the log it is,
// but for identifiers that the base has too.
func (w *forgetful) older(account string) {
	require.NoError(w.t, w.mine.Update(w.t.Context(), func(x abuse.Writer) error {
		for _, h := range w.held(account) {
			if base, err := findHead(x, h.generation, head64(h.tag)); err != nil || base.found {
				return err
			}
			h.logged = false
			row := h.row(account)
			if err := x.Put(abuse.Holdings, row.Key, row.Value); err != nil {
				return err
			}
		}
		return nil
	}))
}

// Of an identifier that nobody has any more nothing is left in the store, and whoever still has one that
// others had is found by it, whoever came first and however the process has learnt of it.
func TestRemoveLeavesNoTag(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	for _, protocol := range []string{linkage.ProtocolEC, linkage.ProtocolVOLE} {
		w := &forgetful{town: newTown(t, protocol), seen: map[string][]holding{}}
		some := func() (all []hashing.Identifier) {
			for range 1 + r.IntN(3) {
				if id := ids(t, r.IntN(12)); !slices.Contains(all, id) {
					all = append(all, id)
				}
			}
			return all
		}
		for n := range 4 {
			w.people.put(fmt.Sprint("base-", n), some()...)
		}
		require.NoError(t, w.base(0))
		w.settle()
		for n := range 30 {
			accounts := slices.Sorted(maps.Keys(w.people.all))
			switch k := r.IntN(6); {
			case k < 2 || len(accounts) == 0:
				name := fmt.Sprint("late-", n)
				w.people.put(name, some()...)
				_, err := w.rec.Check(t.Context(), name, w.people.all[name])
				require.NoError(t, err)
				if r.IntN(3) == 0 {
					w.older(name)
				}
			case k == 2: // another number
				name := accounts[r.IntN(len(accounts))]
				w.people.put(name, some()...)
				w.note()
				require.NoError(t, w.rec.Enrol(t.Context(), []linkage.Account{{Ref: name, Identifiers: w.people.all[name]}}))
			case k == 3:
				w.report(w.said, 1, some()...)
				w.said++
				w.settle()
			default:
				name := accounts[r.IntN(len(accounts))]
				w.note()
				w.people.drop(name)
				w.handed.forget(name)
				require.NoError(t, w.rec.Remove(t.Context(), name))
			}
			w.note()
			w.gone()
			if r.IntN(4) == 0 {
				w.startReceiver()
			}
		}
		for n := range 12 { // whatever anybody has
			w.report(w.said+n, 1, ids(t, n))
		}
		w.settle()
		w.check()
		for account := range w.people.all {
			w.people.drop(account)
			w.handed.forget(account)
			require.NoError(t, w.rec.Remove(t.Context(), account))
		}
		w.gone()
		require.NoError(t, w.mine.View(t.Context(), func(r abuse.Reader) error {
			log, err := r.Scan(abuse.Generations, w.course().logs(), after(w.course().logs()), 1)
			require.Empty(t, log)
			return err
		}))
		if t.Failed() {
			return
		}
	}
}

// Two that sign up with one number are at one place of the log, and one head stands for two in the base:
// whichever of them is removed, the other is found, whatever version has written down where that is.
func TestRemoveOneOfTwo(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 12} {
		w := &forgetful{town: newTown(t, linkage.ProtocolEC), seen: map[string][]holding{}}
		both := []string{"account-a", "account-b"}
		signUp := func() {
			for _, name := range both {
				w.people.put(name, ids(t, 1))
				if n < 8 {
					_, err := w.rec.Check(t.Context(), name, w.people.all[name])
					require.NoError(t, err)
				}
			}
		}
		if n >= 8 {
			signUp()
		}
		require.NoError(t, w.base(0))
		w.settle()
		if n < 8 {
			signUp()
		}
		for i, name := range both {
			if n>>i&1 == 1 {
				w.older(name)
			}
		}
		w.note()
		first, last := both[n>>2&1], both[^n>>2&1]
		w.people.drop(first)
		require.NoError(t, w.rec.Remove(t.Context(), first))
		w.gone()
		w.startReceiver()
		w.report(1, 1, ids(t, 1))
		w.settle()
		w.check()
		require.Len(t, w.known(), 1)
		w.note()
		w.people.drop(last)
		require.NoError(t, w.rec.Remove(t.Context(), last))
		w.gone()
	}
}

// loading is a store that does something before the heads of a base are put into it.
type loading struct {
	abuse.Store
	before func()
}

func (l *loading) Load(ctx context.Context, t abuse.Table, rows iter.Seq[abuse.Row]) error {
	if t == abuse.Generations {
		l.before()
	}
	return l.Store.Load(ctx, t, rows)
}

// Nothing is left either of an account that is removed while the last of a base is being stored.
func TestRemoveWhileLoading(t *testing.T) {
	l := &loading{Store: abuse.NewMemory()}
	w := newTown(t, linkage.ProtocolEC, func(w *town) { w.mine = l })
	w.people.put("account-a", ids(t, 1))
	var held []holding
	l.before = func() {
		w.people.drop("account-a")
		held = w.held("account-a")
		require.Len(t, held, 1)
		require.NoError(t, w.rec.Remove(t.Context(), "account-a"))
	}
	require.NoError(t, w.base(0))
	w.settle()
	w.none("account-a", held...)
}

// A head is found and taken out wherever it is, and no other is, until none is left.
func TestHeads(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	for range 4 {
		var rows [][]uint64
		var all []uint64
		for range r.IntN(120) {
			var heads []uint64
			for range 1 + r.IntN(4) {
				heads = append(heads, uint64(len(all))<<40+r.Uint64N(1<<40))
				all = append(all, heads[len(heads)-1])
			}
			rows = append(rows, heads)
		}
		store := abuse.NewMemory()
		require.NoError(t, store.Update(t.Context(), func(w abuse.Writer) error {
			for n, heads := range rows {
				require.NoError(t, w.Put(abuse.Generations, headsRowKey(7, uint32(n)), formHeads(heads)))
			}
			require.NoError(t, w.Put(abuse.Generations, headsRowKey(8, 0), formHeads([]uint64{1})))
			for _, i := range r.Perm(len(all)) {
				for _, other := range []uint64{all[i] - 1, all[i] + 1, 0, 1<<64 - 1} {
					p, err := findHead(w, 7, other)
					require.NoError(t, err)
					require.Equal(t, slices.Contains(all, other), p.found)
				}
				p, err := findHead(w, 7, all[i])
				require.NoError(t, err)
				require.True(t, p.found)
				require.NoError(t, p.drop(w))
				p, err = findHead(w, 7, all[i])
				require.NoError(t, err)
				require.False(t, p.found)
			}
			for n := range rows {
				v, err := get(w, abuse.Generations, headsRowKey(7, uint32(n)))
				require.NoError(t, err)
				require.Equal(t, formHeads(nil), v)
			}
			return nil
		}))
	}
}

// slowStore is a store that does not answer in time, where there is a time.
type slowStore struct{ abuse.Store }

func (s slowStore) Update(ctx context.Context, do func(abuse.Writer) error) error {
	if _, ok := ctx.Deadline(); ok {
		<-ctx.Done()
		return ctx.Err()
	}
	return s.Store.Update(ctx, do)
}

// The time that a check may take may end anywhere: it is the partner who was not asked in time.
func TestCheckTimeoutInStore(t *testing.T) {
	w := newTown(t, linkage.ProtocolEC)
	require.NoError(t, w.base(0))
	w.people.put("a", ids(t, 1))
	_, err := w.rec.Check(t.Context(), "a", w.people.all["a"]) // the opening is here
	require.NoError(t, err)
	w.rec.cfg.CheckTimeout, w.rec.cfg.Store = 10*time.Millisecond, slowStore{w.mine}
	w.rec.asked.left = 0
	answer, err := w.rec.Check(t.Context(), "b", []hashing.Identifier{ids(t, 2)})
	require.NoError(t, err)
	require.True(t, answer.Pending)
}
