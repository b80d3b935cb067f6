package optout_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/optout"
	"github.com/hueandcry/hueandcry/abuse/watch"
	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
	"github.com/hueandcry/hueandcry/linkage/linkagetest"
)

func phone(t testing.TB, n int) hashing.Identifier {
	t.Helper()
	id, err := hashing.ParsePhone(fmt.Sprintf("+33612%06d", n), "")
	require.NoError(t, err)
	return id
}

// file is what a state is kept in.
type file struct {
	mu sync.Mutex
	b  []byte
}

func (f *file) WriteAt(p []byte, at int64) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if end := int(at) + len(p); end > len(f.b) {
		f.b = append(f.b, make([]byte, end-len(f.b))...)
	}
	return copy(f.b[at:], p), nil
}

func (f *file) ReadAt(p []byte, at int64) (int, error) { return bytes.NewReader(f.b).ReadAt(p, at) }

// ways are those in which users are out: of each purpose, or of the exchange after the grace.
func ways(t *testing.T, each func(t *testing.T, b *optout.Book, leave func(account string), purpose linkage.Purpose)) {
	for _, way := range []string{"purpose", "exchange"} {
		for _, purpose := range purposes() {
			t.Run(way+"/"+purpose.String(), func(t *testing.T) {
				c := &clock{time.Now().Add(-100 * 24 * time.Hour)}
				b, err := optout.NewMemory(c.config())
				require.NoError(t, err)
				leave := func(account string) {
					if way == "purpose" {
						for _, p := range purposes()[2:] {
							require.NoError(t, b.SetPurpose(t.Context(), account, p, true))
						}
						return
					}
					_, err := b.Initiate(t.Context(), account)
					require.NoError(t, err)
					c.move(73 * time.Hour)
				}
				each(t, b, leave, purpose)
			})
		}
	}
}

// Of one who is out nothing is enrolled for advertising, product, friend suggestion or analytics, by any
// way into package linkage, and all for security and against abuse.
func linkageLeavesOut(t *testing.T) {
	for _, protocol := range []string{linkage.ProtocolEC, linkage.ProtocolVOLE} {
		ways(t, func(t *testing.T, b *optout.Book, leave func(string), purpose linkage.Purpose) {
			leave("out")
			p := linkagetest.NewParties(func(a *linkage.Agreement) {
				a.Purpose, a.Protocol = purpose, protocol
				a.Kinds = []hashing.Kind{hashing.Phone}
			})
			for _, enrol := range []bool{false, true} {
				sessions(t, p, b, enrol)
			}
		})
	}
}

func sessions(t *testing.T, p *linkagetest.Parties, b *optout.Book, enrol bool) {
	ctx := linkagetest.AllowPlain(t.Context())
	purpose := p.Agreement.Purpose
	free := purpose.OptOutApplies() // to leave
	tc, rc := p.TransmitterConfig(), p.ReceiverConfig()
	one, two := phone(t, 1), phone(t, 2)
	accounts := []linkage.Account{{Ref: "in", Identifiers: []hashing.Identifier{one}}, {Ref: "out", Identifiers: []hashing.Identifier{two}}}
	signals := []linkage.Flagged{
		{Ref: "in", ID: number(1), Identifiers: []hashing.Identifier{one}, Label: []byte("1")},
		{Ref: "out", ID: number(2), Identifiers: []hashing.Identifier{one}, Label: []byte("2")},
		{Ref: "in", ID: number(3), Identifiers: []hashing.Identifier{two}, Label: []byte("3")},
	}
	if free {
		_, err := linkage.Publish(ctx, tc, linkage.Slice(signals))
		require.ErrorIs(t, err, linkage.ErrInput, "without a register nothing begins")
		_, err = linkage.NewSealer(tc, nil)
		require.ErrorIs(t, err, linkage.ErrInput)
		_, err = linkage.NewEvaluator(tc)
		require.ErrorIs(t, err, linkage.ErrInput)
		_, err = linkage.NewBlinder(rc, 0, nil)
		require.ErrorIs(t, err, linkage.ErrInput)
		_, err = linkage.OpenState(tc, &file{})
		require.ErrorIs(t, err, linkage.ErrInput)
	}
	tc.OptOut, rc.OptOut = b, b
	state := &file{}
	if p.Agreement.Protocol == linkage.ProtocolVOLE {
		tc.State = state
	}
	pub, err := linkage.Publish(ctx, tc, linkage.Slice(signals))
	require.NoError(t, err)
	tConn, rConn := linkagetest.Pipe()
	var wg sync.WaitGroup
	var failed error
	wg.Go(func() { _, failed = linkage.Transmit(ctx, tConn, tc, pub) })
	var matches []linkage.Match
	var sum linkage.Summary
	keeper := linkage.NewKeeper(p.Agreement, 0, hashing.NewKey())
	if enrol {
		var e *linkage.Enrolment
		e, sum, err = linkage.Enrol(ctx, rConn, rc, linkage.Slice(accounts))
		require.NoError(t, err)
		matches, keeper = e.Matches(), linkage.NewKeeper(p.Agreement, sum.Epoch, hashing.NewKey())
		var enrolled []string
		for one := range e.All(keeper) {
			enrolled = append(enrolled, one.Ref)
		}
		if free {
			require.Equal(t, []string{"in"}, enrolled)
		} else {
			require.ElementsMatch(t, []string{"in", "out"}, enrolled)
		}
		e.Close()
	} else {
		matches, sum, err = linkage.Receive(ctx, rConn, rc, linkage.Slice(accounts))
		require.NoError(t, err)
	}
	wg.Wait()
	require.NoError(t, failed)
	var got []string
	for _, m := range matches {
		for _, s := range m.Signals {
			got = append(got, m.Account+" "+string(s.Label))
		}
	}
	if free {
		require.Equal(t, []string{"in 1"}, got)
	} else {
		require.ElementsMatch(t, []string{"in 1", "in 2", "out 3"}, got)
	}
	takes("linkage.Publish", "linkage.Transmit", "linkage.Receive", "linkage.Enrol", "linkage.Enrolment.All", "linkage.Enrolment.Matches")
	if !enrol {
		return
	}

	// One by one.
	denied := func(err error) {
		t.Helper()
		if free {
			require.ErrorIs(t, err, linkage.ErrOptedOut)
			require.ErrorIs(t, err, linkage.ErrInput)
		} else {
			require.NoError(t, err)
		}
	}
	nameless := func(err error) { // whose it is nobody says
		t.Helper()
		if free {
			require.ErrorIs(t, err, linkage.ErrInput)
		} else {
			require.NoError(t, err)
		}
	}
	evaluator, err := linkage.NewEvaluator(tc)
	require.NoError(t, err)
	blinder, err := linkage.NewBlinder(rc, sum.Epoch, evaluator.Opening())
	require.NoError(t, err)
	_, err = blinder.Blind(ctx, []hashing.Identifier{two})
	nameless(err)
	_, err = blinder.BlindFor(ctx, accounts)
	denied(err)
	_, err = blinder.BlindFor(ctx, accounts[:1])
	require.NoError(t, err)
	sealer, err := linkage.NewSealer(tc, nil)
	require.NoError(t, err)
	_, err = sealer.Values(keeper, two)
	nameless(err)
	_, err = sealer.ValuesFor(ctx, keeper, "out", two)
	denied(err)
	_, err = sealer.ValuesFor(ctx, keeper, "in", one)
	require.NoError(t, err)
	if tc.State != nil {
		s, err := linkage.OpenState(tc, state)
		require.NoError(t, err)
		_, err = s.Record(one, 0, signals[1])
		nameless(err)
		_, err = s.RecordFor(ctx, one, 0, signals[1])
		denied(err)
		_, err = s.RecordFor(ctx, one, 0, signals[0])
		require.NoError(t, err)
	}
	takes("linkage.NewEvaluator", "linkage.NewBlinder", "linkage.NewSealer", "linkage.OpenState", "linkage.Blinder.Blind", "linkage.Blinder.BlindFor",
		"linkage.Sealer.Values", "linkage.Sealer.ValuesFor", "linkage.State.Record", "linkage.State.RecordFor")
}

// service is one with accounts of its own, for both sides.
type service map[string]hashing.Identifier

func (s service) Identifiers(_ context.Context, account string) ([]hashing.Identifier, error) {
	if id, ok := s[account]; ok {
		return []hashing.Identifier{id}, nil
	}
	return nil, watch.ErrGone
}

func (s service) Holdings(_ context.Context, account string) ([]abuse.Holding, error) {
	return []abuse.Holding{{Kind: hashing.Phone, Since: time.Now().AddDate(-2, 0, 0), Verified: abuse.Yes, Accounts: 1}}, nil
}

func certificate(t *testing.T, key ed25519.PrivateKey) tls.Certificate {
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Unix(0, 0), NotAfter: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// The same for package watch, from the base to a check that was owed, and what was enrolled before the
// user left is taken out by who follows.
func watchLeavesOut(t *testing.T) {
	ways(t, func(t *testing.T, b *optout.Book, leave func(string), purpose linkage.Purpose) {
		ctx, free := t.Context(), purpose.OptOutApplies()
		leave("out-base")
		p := linkagetest.NewParties(func(a *linkage.Agreement) {
			a.Purpose, a.Kinds = purpose, []hashing.Kind{hashing.Phone}
		})
		now := p.TransmitterConfig().Now
		if now.IsZero() {
			now = time.Now()
		}
		at := func() time.Time { return now }
		vault := func() *watch.Vault {
			v, err := watch.OpenVault(t.TempDir()+"/vault", hashing.NewKey())
			require.NoError(t, err)
			return v
		}
		messenger := service{}
		for n := range 9 {
			messenger[fmt.Sprint("m-", n)] = phone(t, n)
		}
		messenger["out-base"] = phone(t, 50)
		tcfg := watch.TransmitterConfig{Agreement: p.Agreement, Signer: p.Transmitter, Store: abuse.NewMemory(), Vault: vault(), Identifiers: messenger.Identifiers, Clock: at}
		network := service{"in": phone(t, 1), "out-base": phone(t, 2), "out-check": phone(t, 3), "out-enrol": phone(t, 4), "out-owed": phone(t, 5), "left-later": phone(t, 6)}
		store, told := abuse.NewMemory(), map[string]bool{}
		decider, err := watch.NewDecider(watch.DeciderConfig{Store: store, Accounts: network, Clock: at,
			Decide: func(e abuse.Evidence, now time.Time) abuse.Decision {
				return abuse.Decide(e, abuse.DefaultPolicy("n", abuse.Live), now)
			},
			Deliver: func(_ context.Context, e watch.Event) error { told[e.Account] = true; return nil }})
		require.NoError(t, err)
		rcfg := watch.ReceiverConfig{Agreement: p.Agreement, Signer: p.Receiver, Store: store, Vault: vault(), Decider: decider, Accounts: network, WhenDown: watch.FailOpen, Clock: at, Partner: &watch.Client{}}
		if free {
			_, err := watch.NewTransmitter(ctx, tcfg)
			require.Error(t, err, "without a register nothing begins")
			_, err = watch.NewReceiver(ctx, rcfg)
			require.Error(t, err)
		}
		tcfg.OptOut, rcfg.OptOut = b, b
		tr, err := watch.NewTransmitter(ctx, tcfg)
		require.NoError(t, err)
		srv := httptest.NewUnstartedServer(tr.Handler())
		srv.TLS = watch.ServerTLS(certificate(t, p.Transmitter))
		srv.StartTLS()
		defer srv.Close()
		client, err := watch.NewClient(watch.ClientConfig{URL: srv.URL, Agreement: p.Agreement, Certificate: certificate(t, p.Receiver)})
		require.NoError(t, err)
		defer client.Close()
		rcfg.Partner = client
		rec, err := watch.NewReceiver(ctx, rcfg)
		require.NoError(t, err)

		// Before there is a base every check is owed; its user leaves meanwhile.
		answer, err := rec.Check(ctx, "out-owed", []hashing.Identifier{network["out-owed"]})
		require.NoError(t, err)
		require.True(t, answer.Pending)
		for _, account := range []string{"out-check", "out-enrol", "out-owed"} {
			leave(account)
		}
		var base []linkage.Account
		for _, account := range []string{"in", "out-base", "left-later"} {
			base = append(base, linkage.Account{Ref: account, Identifiers: []hashing.Identifier{network[account]}})
		}
		epoch, ok := p.Agreement.Epoch(now)
		require.True(t, ok)
		_, err = rec.EnrolBase(ctx, epoch, linkage.Slice(base))
		require.NoError(t, err)
		_, err = rec.Check(ctx, "out-check", []hashing.Identifier{network["out-check"]})
		require.NoError(t, err)
		require.NoError(t, rec.Enrol(ctx, []linkage.Account{{Ref: "out-enrol", Identifiers: []hashing.Identifier{network["out-enrol"]}}}))
		now = now.Add(2 * time.Minute)
		n, err := rec.Recheck(ctx)
		require.NoError(t, err)
		require.Positive(t, n)
		held := func() map[string]bool {
			out := map[string]bool{}
			require.NoError(t, store.View(ctx, func(r abuse.Reader) error {
				rows, err := r.Scan(abuse.Holdings, nil, nil, 100)
				for _, row := range rows {
					for account := range network {
						if strings.Contains(string(row.Key), account) {
							out[account] = true
						}
					}
				}
				return err
			}))
			return out
		}
		want := map[string]bool{"in": true, "left-later": true}
		if !free {
			for account := range network {
				want[account] = true
			}
		}
		require.Equal(t, want, held())

		// One leaves after he was enrolled, and the one who follows takes him out.
		_, err = optout.Follow(ctx, b, 0, func(context.Context, optout.Change) error { return nil })
		require.NoError(t, err)
		leave("left-later")
		_, err = b.Sweep(ctx)
		require.NoError(t, err)
		_, err = optout.Follow(ctx, b, 0, func(ctx context.Context, c optout.Change) error {
			_, err := rec.Check(ctx, c.Account, []hashing.Identifier{network[c.Account]})
			require.NoError(t, err)
			out, err := b.OptedOut(ctx, c.Account, purpose)
			if err != nil || !out {
				return err
			}
			return tr.Remove(ctx, c.Account)
		})
		require.NoError(t, err)
		if free {
			delete(want, "left-later")
		}
		require.Equal(t, want, held())

		// Signals about all of them, and one about somebody who has left there.
		say := func(account string, n int) error {
			s := signal(n, now)
			return tr.Report(ctx, account, s)
		}
		for n := range 9 {
			require.NoError(t, say(fmt.Sprint("m-", n), 10+n))
		}
		if err := say("out-base", 50); free {
			require.ErrorIs(t, err, watch.ErrOptedOut)
		} else {
			require.NoError(t, err)
		}
		require.NoError(t, tr.Cut(ctx))
		require.NoError(t, rec.Follow(ctx))
		_, err = decider.Step(ctx)
		require.NoError(t, err)
		require.Equal(t, want, told)
		takes("watch.NewReceiver", "watch.NewTransmitter", "watch.Receiver.Check", "watch.Receiver.Enrol", "watch.Receiver.EnrolBase", "watch.Receiver.Recheck",
			"watch.Receiver.Follow", "watch.Transmitter.Report", "watch.Transmitter.Cut", "watch.Transmitter.Remove", "watch.Transmitter.Handler")
	})
}

// Many at once, in the register and in the audit: nothing is lost or counted twice.
func TestAtOnce(t *testing.T) {
	ctx, store := t.Context(), abuse.NewMemory()
	b, err := optout.NewBook(store, optout.Config{})
	require.NoError(t, err)
	a, err := optout.NewAudit(store, optout.AuditConfig{})
	require.NoError(t, err)
	r, err := a.Reads(b, "product")
	require.NoError(t, err)
	const workers, each = 8, 50
	var wg sync.WaitGroup
	for n := range workers {
		wg.Go(func() {
			for i := range each {
				account := fmt.Sprint("a-", i)
				if err := b.SetPurpose(ctx, account, linkage.Product, n%2 == 0); err != nil {
					t.Error(err)
				}
				if _, err := b.Initiate(ctx, account); err != nil {
					t.Error(err)
				}
				if _, err := r.OptedOut(ctx, account, linkage.Product); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	require.NoError(t, r.Close(ctx))
	entries, err := a.Entries(ctx, time.Now().Add(-time.Hour), time.Now().Add(time.Hour), 10)
	require.NoError(t, err)
	require.Len(t, entries, 1)
	require.Equal(t, uint64(workers*each), entries[0].Reads)
	last, out, begun := uint64(0), map[string]bool{}, map[string]int{}
	_, err = optout.Follow(ctx, b, 0, func(_ context.Context, c optout.Change) error {
		require.Equal(t, last+1, c.Number)
		last = c.Number
		if c.Step == optout.Initiated {
			begun[c.Account]++
			return nil
		}
		require.NotEqual(t, out[c.Account], c.Step == optout.PurposeOut, "each change changes something")
		out[c.Account] = c.Step == optout.PurposeOut
		return nil
	})
	require.NoError(t, err)
	for i := range each {
		account := fmt.Sprint("a-", i)
		is, err := b.OptedOut(ctx, account, linkage.Product)
		require.NoError(t, err)
		require.Equal(t, is, out[account])
		require.Equal(t, 1, begun[account])
	}
}
