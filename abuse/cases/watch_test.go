package cases_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/cases"
	"github.com/hueandcry/hueandcry/abuse/watch"
	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
)

// table is a service's own table of accounts.
type table struct {
	mu  sync.Mutex
	all map[string][]hashing.Identifier
}

func (x *table) put(account string, ids ...hashing.Identifier) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.all[account] = ids
}

func (x *table) Identifiers(_ context.Context, account string) ([]hashing.Identifier, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if ids, ok := x.all[account]; ok {
		return ids, nil
	}
	return nil, watch.ErrGone
}

// marked is a table whose holdings say which identifiers must carry nothing.
type marked struct {
	*table
	exempt *cases.Exempt
	key    hashing.Key
}

func (x marked) Holdings(ctx context.Context, account string) (all []abuse.Holding, err error) {
	ids, err := x.Identifiers(ctx, account)
	for _, id := range ids {
		h := holding()
		h.Kind = id.Kind()
		all = append(all, x.exempt.Mark(h, x.key.Token(id)))
	}
	return all, err
}

func phone(t testing.TB, n int) hashing.Identifier {
	id, err := hashing.ParsePhone(fmt.Sprintf("+33612%06d", n), "")
	require.NoError(t, err)
	return id
}

func certificate(t testing.TB, key ed25519.PrivateKey) tls.Certificate {
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Unix(0, 0), NotAfter: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// feed is a partner, over loopback TLS, and a bench that hears of its signals through package watch.
type feed struct {
	*bench
	tr       *watch.Transmitter
	theirs   *table
	mine     marked
	decider  *watch.Decider
	receiver *watch.Receiver
	told     []abuse.Decision
	events   []watch.Event
	down     error // what the service gives in the place of carrying a decision out
}

func newFeed(t *testing.T, desk func(*cases.Config), edit ...func(*feed, *watch.DeciderConfig)) *feed {
	ctx := t.Context()
	f := &feed{theirs: &table{all: map[string][]hashing.Identifier{}}}
	if f.bench = newBench(t); desk != nil {
		f.bench = newBench(t, desk)
	}
	clock := func() time.Time { return f.now }
	key := func(seed byte) ed25519.PrivateKey { return ed25519.NewKeyFromSeed(append(make([]byte, 31), seed)) }
	agreement := &linkage.Agreement{
		Version: 1, ID: uuid.MustParse("6f9ff7e8-5a0f-4a4b-9c6f-3d1b1f3f0a11"), Protocol: linkage.ProtocolEC, Purpose: linkage.FraudAndAbusePrevention,
		Kinds: []hashing.Kind{hashing.Phone}, Normalisation: hashing.RulesVersion, LabelBytes: 64, EpochDays: 30,
		Limits:      linkage.Limits{AdditionsPerDay: 1000, Identifiers: 100_000, Records: 10_000, SignalsPerDay: 1000, SignalsPerIdentifier: 16},
		Transmitter: linkage.Party{Name: "messenger.example", Key: key(1).Public().(ed25519.PublicKey)},
		Receiver:    linkage.Party{Name: "network.example", Key: key(2).Public().(ed25519.PublicKey)},
		ValidFrom:   noon.AddDate(0, 0, -20).Truncate(24 * time.Hour), ValidUntil: noon.AddDate(5, 0, 0).Truncate(24 * time.Hour),
	}
	require.NoError(t, agreement.Sign(linkage.Transmitter, key(1)))
	require.NoError(t, agreement.Sign(linkage.Receiver, key(2)))
	vault := func(name string) *watch.Vault {
		v, err := watch.OpenVault(filepath.Join(t.TempDir(), name), hashing.NewKey())
		require.NoError(t, err)
		return v
	}
	var err error
	f.tr, err = watch.NewTransmitter(ctx, watch.TransmitterConfig{Agreement: agreement, Signer: key(1), Store: abuse.NewMemory(), Vault: vault("theirs"),
		Identifiers: f.theirs.Identifiers, Clock: clock})
	require.NoError(t, err)
	srv := httptest.NewUnstartedServer(f.tr.Handler())
	srv.TLS = watch.ServerTLS(certificate(t, key(1)))
	srv.StartTLS()
	t.Cleanup(func() {
		srv.Close()
		require.NoError(t, f.tr.Close(context.Background()))
	})
	client, err := watch.NewClient(watch.ClientConfig{URL: srv.URL, Agreement: agreement, Certificate: certificate(t, key(2))})
	require.NoError(t, err)
	t.Cleanup(client.Close)

	tokens := hashing.NewKey()
	f.mine = marked{&table{all: map[string][]hashing.Identifier{}}, cases.NewExempt(tokens.Token(phone(t, 999))), tokens}
	cfg := watch.DeciderConfig{Store: f.store, Accounts: f.mine, Settle: f.Settle, Clock: clock,
		Deliver: func(ctx context.Context, e watch.Event) error {
			var d abuse.Decision
			if err := json.Unmarshal(e.Body, &d); err != nil {
				return err
			}
			if err := f.carryOut(ctx, d); err != nil {
				return err
			}
			f.events = append(f.events, e)
			return nil
		}}
	for _, e := range edit {
		e(f, &cfg)
	}
	f.decider, err = watch.NewDecider(cfg)
	require.NoError(t, err)
	f.receiver, err = watch.NewReceiver(ctx, watch.ReceiverConfig{Agreement: agreement, Signer: key(2), Store: f.store, Vault: vault("mine"), Partner: client,
		Decider: f.decider, Accounts: f.mine, WhenDown: watch.FailOpen, Clock: clock, CheckTimeout: time.Minute})
	require.NoError(t, err)
	f.mine.put("anna", phone(t, 1))
	f.mine.put("bert", phone(t, 2))
	f.mine.put("helpline", phone(t, 999))
	var base []linkage.Account
	for _, ref := range []string{"anna", "bert", "helpline"} {
		base = append(base, linkage.Account{Ref: ref, Identifiers: f.mine.all[ref]})
	}
	_, err = f.receiver.EnrolBase(ctx, 0, linkage.Slice(base))
	require.NoError(t, err)
	return f
}

// carryOut is what the service does with a decision.
func (f *feed) carryOut(_ context.Context, d abuse.Decision) error {
	if f.down != nil {
		return f.down
	}
	f.told = append(f.told, d)
	return nil
}

// report lets the partner say something about a number.
func (f *feed) report(number int, s abuse.Signal) {
	f.t.Helper()
	account := fmt.Sprint("there-", number)
	f.theirs.put(account, phone(f.t, number))
	require.NoError(f.t, f.tr.Report(f.t.Context(), account, s))
}

// pass lets what the partner has said come here.
func (f *feed) pass() {
	f.t.Helper()
	require.NoError(f.t, f.tr.Cut(f.t.Context()))
	require.NoError(f.t, f.receiver.Follow(f.t.Context()))
}

// step gives what is carried out by a Step of the decider.
func (f *feed) step() []abuse.Decision {
	f.t.Helper()
	f.told, f.events = nil, nil
	_, err := f.decider.Step(f.t.Context())
	require.NoError(f.t, err)
	return f.told
}

// hear lets all that was said come here and be carried out, and an hour go by.
func (f *feed) hear() []abuse.Decision {
	f.t.Helper()
	f.pass()
	defer func() { f.now = f.now.Add(time.Hour) }()
	return f.step()
}

func (f *feed) check(account string) abuse.Decision {
	f.t.Helper()
	answer, err := f.receiver.Check(f.t.Context(), account, f.mine.all[account])
	require.NoError(f.t, err)
	return answer.Decision
}

func (f *feed) reconsider(accounts ...string) []abuse.Decision {
	f.t.Helper()
	require.NoError(f.t, f.decider.Reconsider(f.t.Context(), accounts...))
	return f.step()
}

// recorded gives how many decisions there are on an account.
func (f *feed) recorded(account string) int {
	f.t.Helper()
	all, err := f.decider.Decisions(f.t.Context(), account, 1000)
	require.NoError(f.t, err)
	return len(all)
}

// Through the real feed: a signal is reported, revised and withdrawn by the partner, over loopback
// TLS, and what it carried here is undone.
func TestUndoneThroughTheFeed(t *testing.T) {
	ctx, f := t.Context(), newFeed(t, nil)
	for n, number := range []int{1, 2, 999} {
		f.report(number, strong(n+1, "messenger.example"))
	}
	require.Len(t, f.hear(), 3)
	first := f.under("anna").Decision
	require.Equal(t, abuse.Suspend, f.under("anna").Action)
	require.Equal(t, abuse.Suspend, f.under("bert").Action)
	require.Equal(t, abuse.None, f.under("helpline").Action, "it is on the list")

	require.NoError(t, f.tr.Retract(ctx, signalID(1)))
	undo := f.hear()
	require.Len(t, undo, 1)
	require.Equal(t, "anna", undo[0].Account)
	require.Equal(t, abuse.None, undo[0].Action)
	require.Equal(t, first, undo[0].Undoes)
	require.Equal(t, abuse.None, f.under("anna").Action)

	revised := weak(2, "messenger.example") // a downgrade
	revised.Revision = 2
	f.report(2, revised)
	softer := f.hear()
	require.Len(t, softer, 1)
	require.NotEqual(t, uuid.Nil, softer[0].Undoes)
	require.Equal(t, abuse.Friction, f.under("bert").Action)

	f.mine.put("bert", phone(t, 3)) // he has another number now
	require.NoError(t, f.receiver.Enrol(ctx, []linkage.Account{{Ref: "bert", Identifiers: f.mine.all["bert"]}}))
	require.Len(t, f.hear(), 1)
	require.Equal(t, abuse.None, f.under("bert").Action)
	got, err := f.ExactReceipts(ctx, "messenger.example", noon)
	require.NoError(t, err)
	require.Equal(t, [3]int64{2, 1, 0}, got)
}
