package watch

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
	"github.com/hueandcry/hueandcry/linkage/linkagetest"
)

// people is the receiver's own table of accounts.
type people struct {
	mu  sync.Mutex
	all map[string][]hashing.Identifier
}

func (p *people) put(account string, ids ...hashing.Identifier) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all[account] = ids
}

func (p *people) drop(account string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.all, account)
}

func (p *people) Identifiers(_ context.Context, account string) ([]hashing.Identifier, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	ids, ok := p.all[account]
	if !ok {
		return nil, ErrGone
	}
	return ids, nil
}

func (p *people) Holdings(ctx context.Context, account string) (all []abuse.Holding, err error) {
	ids, err := p.Identifiers(ctx, account)
	for _, id := range ids {
		all = append(all, abuse.Holding{Kind: id.Kind(), Since: time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC), Verified: abuse.Yes, Accounts: 1})
	}
	return all, err
}

func (p *people) source() linkage.Source[linkage.Account] {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []linkage.Account
	for _, name := range slices.Sorted(maps.Keys(p.all)) {
		all = append(all, linkage.Account{Ref: name, Identifiers: p.all[name]})
	}
	return linkage.Slice(all)
}

// reported is a signal as the plain join has it.
type reported struct {
	ids       []hashing.Identifier
	signal    abuse.Signal
	retracted bool
}

// forget drops what was handed on about an account that is removed.
func (h *handedOn) forget(account string) {
	h.order = slices.DeleteFunc(h.order, func(id uuid.UUID) bool { return h.all[id].Account == account })
}

// town is two services: what they do through this library, and what is true.
type town struct {
	*service
	tr      *Transmitter
	partner *local

	mine    abuse.Store
	vault   string
	vaultK  hashing.Key
	people  *people
	handed  *handedOn
	decider *Decider
	rec     *Receiver
	stretch int
	atOnce  int // hits; zero: as many as there are outside of tests
	down    WhenDown
	observe Observe // of the receiver and the decider

	signals map[uuid.UUID]*reported
}

func newTown(t testing.TB, protocol string, edit ...func(*town)) *town {
	p := newParties(t, func(a *linkage.Agreement) {
		a.Protocol, a.Limits.SignalsPerIdentifier = protocol, 64
	})
	w := &town{
		service: newService(t, p), partner: &local{}, mine: abuse.NewMemory(), vault: t.TempDir() + "/mine", vaultK: hashing.NewKey(),
		people: &people{all: map[string][]hashing.Identifier{}}, handed: &handedOn{}, down: FailOpen, signals: map[uuid.UUID]*reported{},
	}
	for _, e := range edit {
		e(w)
	}
	w.startTransmitter()
	w.startReceiver()
	t.Cleanup(w.partner.serve.Wait)
	return w
}

func (w *town) startTransmitter() {
	w.tr = w.start()
	w.partner.set(w.tr)
}

func (w *town) startReceiver() {
	w.t.Helper()
	require.NoError(w.t, w.tryReceiver())
}

func (w *town) tryReceiver() (err error) {
	vault, err := OpenVault(w.vault, w.vaultK)
	if err != nil {
		return err
	}
	policy := abuse.DefaultPolicy("market.example", abuse.Live)
	if w.decider, err = NewDecider(DeciderConfig{
		Store: w.mine, Accounts: w.people, Deliver: w.handed.deliver, Clock: w.now,
		Decide: func(e abuse.Evidence, now time.Time) abuse.Decision { return abuse.Decide(e, policy, now) }, Observe: w.observe,
	}); err != nil {
		return err
	}
	w.rec, err = NewReceiver(w.t.Context(), ReceiverConfig{
		Agreement: w.agreement, Signer: w.receiver, Store: w.mine, Vault: vault, Partner: w.partner, Decider: w.decider,
		Accounts: w.people, WhenDown: w.down, Stretch: w.stretch, Clock: w.now, CheckTimeout: time.Minute, Observe: w.observe,
	})
	if err == nil && w.atOnce > 0 {
		w.rec.atOnce = w.atOnce
	}
	return err
}

func (w *town) base(epoch uint32) error {
	_, err := w.rec.EnrolBase(linkagetest.AllowPlain(w.t.Context()), epoch, w.people.source())
	w.partner.serve.Wait()
	return err
}

// ids are identifiers that both services can have met.
func ids(t testing.TB, n int) hashing.Identifier {
	if n%3 < 2 {
		return phoneOf(t, n)
	}
	base := fmt.Sprintf("35%06d%06d", 918273, 640571+n*1237)
	sum := 0
	for i, c := range base {
		d := int(c - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	id, err := hashing.ParseDevice(hashing.IMEI, fmt.Sprintf("%s%d", base, (10-sum%10)%10))
	require.NoError(t, err)
	return id
}

func (w *town) report(n int, revision uint64, about ...hashing.Identifier) {
	w.t.Helper()
	s := testSignal(n, revision)
	s.ValidUntil = w.now().AddDate(0, 0, 20+n%40).Truncate(time.Second)
	account := fmt.Sprint("there-", n)
	if old := w.signals[s.ID]; old != nil {
		about, s.ValidUntil = old.ids, old.signal.ValidUntil
	}
	w.book.put(account, about...)
	require.NoError(w.t, w.tr.Report(w.t.Context(), account, s))
	w.signals[s.ID] = &reported{ids: about, signal: s}
}

func (w *town) withdraw(n int) {
	w.t.Helper()
	id := testSignal(n, 0).ID
	require.NoError(w.t, w.tr.Retract(w.t.Context(), id))
	w.signals[id].retracted = true
}

// truth is the plain join, as lines.
func (w *town) truth() (all []string) {
	w.people.mu.Lock()
	defer w.people.mu.Unlock()
	for account, has := range w.people.all {
		for id, s := range w.signals {
			var places []int
			for i, x := range has {
				if slices.Contains(s.ids, x) && slices.Index(has, x) == i {
					places = append(places, i)
				}
			}
			if len(places) > 0 && !s.retracted && s.signal.ValidUntil.After(w.now()) {
				all = append(all, fmt.Sprint(account, " ", id, " ", s.signal.Revision, " ", places))
			}
		}
	}
	slices.Sort(all)
	return all
}

// known is what the receiver has found, in the same form.
func (w *town) known() (all []string) {
	w.t.Helper()
	require.NoError(w.t, w.mine.View(w.t.Context(), func(r abuse.Reader) error {
		all = nil
		return scanAll(r, abuse.Matches, nil, func(row abuse.Row) error {
			m, err := parseMatch(row.Key, row.Value)
			if err == nil && m.live() {
				require.Zero(w.t, m.change(), "not told")
				all = append(all, fmt.Sprint(m.account, " ", m.signal, " ", m.sequence, " ", m.matched().Places))
			}
			return err
		})
	}))
	slices.Sort(all)
	return all
}

// settle lets everything come to rest.
func (w *town) settle() {
	w.t.Helper()
	require.NoError(w.t, w.tr.Cut(w.t.Context()))
	require.NoError(w.t, w.rec.Follow(w.t.Context()))
	_, err := w.rec.Recheck(w.t.Context())
	require.NoError(w.t, err)
	_, err = w.decider.Step(w.t.Context())
	require.NoError(w.t, err)
}

// check says that all is as it should be.
func (w *town) check() {
	w.t.Helper()
	require.Equal(w.t, w.truth(), w.known())
	consistent(w.t, w.handed)
	live := map[string]bool{}
	for _, id := range w.handed.order {
		e := w.handed.all[id]
		live[e.Account+" "+e.Signal.String()] = e.Change == Matched || e.Change == Revised
	}
	var told, known []string
	for k, v := range live {
		if account, _, _ := cutSpace(k); v && w.people.all[account] != nil {
			told = append(told, k)
		}
	}
	for _, k := range w.known() {
		account, rest, _ := cutSpace(k)
		signal, _, _ := cutSpace(rest)
		known = append(known, account+" "+signal)
	}
	slices.Sort(told)
	slices.Sort(known)
	require.Equal(w.t, known, told, "what was handed on is what is known")
}

func cutSpace(s string) (before, after string, ok bool) {
	for i := range s {
		if s[i] == ' ' {
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}

func TestTown(t *testing.T) {
	for _, protocol := range []string{linkage.ProtocolEC, linkage.ProtocolVOLE} {
		t.Run(protocol, func(t *testing.T) {
			w := newTown(t, protocol)
			w.people.put("a", ids(t, 1))
			w.people.put("b", ids(t, 2), ids(t, 3))
			w.people.put("c", ids(t, 3))
			w.report(1, 1, ids(t, 1))
			require.NoError(t, w.base(0))
			w.settle()
			w.check()
			require.Len(t, w.known(), 1)

			w.report(2, 1, ids(t, 3), ids(t, 2))
			w.report(3, 1, ids(t, 3))
			w.report(4, 1, ids(t, 9))
			w.report(5, 1, ids(t, 9))
			w.report(6, 1, ids(t, 9), ids(t, 10))
			w.settle()
			w.check()
			w.report(5, 2)
			w.withdraw(4)
			w.withdraw(3)
			w.settle()
			w.check()

			w.people.put("d", ids(t, 9), ids(t, 10))
			answer, err := w.rec.Check(t.Context(), "d", []hashing.Identifier{ids(t, 9), ids(t, 10)})
			require.NoError(t, err)
			require.Equal(t, 2, answer.Matched)
			require.Equal(t, abuse.Suspend, answer.Decision.Action)
			require.False(t, answer.Pending)
			w.settle()
			w.check()
			w.report(7, 1, ids(t, 9))
			w.settle()
			w.check()
		})
	}
}

// A town lives for a while: whatever happens and fails, what is known is what is true.
func TestTownLives(t *testing.T) {
	for i := range 6 {
		protocol := []string{linkage.ProtocolEC, linkage.ProtocolVOLE}[i%2]
		t.Run(fmt.Sprint(protocol, i), func(t *testing.T) {
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			r := rand.New(rand.NewPCG(seed, 1))
			w := newTown(t, protocol, func(w *town) { w.stretch, w.atOnce = 1+r.IntN(9), 1+r.IntN(4) })
			some := func() hashing.Identifier { return ids(t, r.IntN(14)) }
			for n := range 10 {
				w.people.put(fmt.Sprint("p-", n), some(), some())
			}
			next := 0
			for range 5 {
				w.report(next, 1, some())
				next++
			}
			require.NoError(t, w.base(0))
			for range 120 {
				w.live(r, some, &next)
			}
			w.partner.set(w.tr)
			w.at.Add(3600)
			w.settle()
			w.settle()
			w.check()
		})
	}
}

// live does one thing.
func (w *town) live(r *rand.Rand, some func() hashing.Identifier, next *int) {
	w.t.Helper()
	ctx := w.t.Context()
	account := fmt.Sprint("p-", r.IntN(16))
	switch r.IntN(14) {
	case 0, 1, 2:
		about := []hashing.Identifier{some()}
		if second := some(); second != about[0] && r.IntN(2) == 0 {
			about = append(about, second)
		}
		w.report(*next, 1, about...)
		*next++
	case 3:
		n := r.IntN(*next)
		if s := w.signals[testSignal(n, 0).ID]; !s.retracted && s.signal.ValidUntil.After(w.now()) {
			w.report(n, s.signal.Revision+1+uint64(r.IntN(2)))
		}
	case 4:
		if n := r.IntN(*next); !w.signals[testSignal(n, 0).ID].retracted {
			w.withdraw(n)
		}
	case 5, 6:
		w.people.put(account, some(), some())
		_, err := w.rec.Check(ctx, account, w.people.all[account])
		require.NoError(w.t, err)
	case 7:
		if w.people.all[account] != nil {
			w.people.put(account, some(), some(), some())
			require.NoError(w.t, w.rec.Enrol(ctx, []linkage.Account{{Ref: account, Identifiers: w.people.all[account]}}))
		}
	case 8:
		w.people.drop(account)
		w.handed.forget(account)
		require.NoError(w.t, w.rec.Remove(ctx, account))
	case 9, 10:
		require.NoError(w.t, w.tr.Cut(ctx))
		if err := w.rec.Follow(ctx); err != nil {
			require.ErrorIs(w.t, err, ErrPartnerDown)
		}
	case 11:
		_, err := w.decider.Step(ctx)
		require.NoError(w.t, err)
		if _, err := w.rec.Recheck(ctx); err != nil {
			require.ErrorIs(w.t, err, ErrPartnerDown)
		}
	case 12:
		switch r.IntN(3) {
		case 0:
			w.startReceiver()
		case 1:
			w.startTransmitter()
		default:
			w.partner.set(nil)
		}
	case 13:
		w.at.Add(int64(r.IntN(12 * 3600)))
	}
}
