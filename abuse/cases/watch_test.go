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

// Through the real feed: a signal is reported, revised and withdrawn by the partner, over loopback
// TLS, and what it carried here is undone.
func TestUndoneThroughTheFeed(t *testing.T) {
	ctx, now := t.Context(), noon
	clock := func() time.Time { return now }
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
	theirs := &table{all: map[string][]hashing.Identifier{}}
	tr, err := watch.NewTransmitter(ctx, watch.TransmitterConfig{Agreement: agreement, Signer: key(1), Store: abuse.NewMemory(), Vault: vault("theirs"),
		Identifiers: theirs.Identifiers, Clock: clock})
	require.NoError(t, err)
	srv := httptest.NewUnstartedServer(tr.Handler())
	srv.TLS = watch.ServerTLS(certificate(t, key(1)))
	srv.StartTLS()
	defer srv.Close()
	client, err := watch.NewClient(watch.ClientConfig{URL: srv.URL, Agreement: agreement, Certificate: certificate(t, key(2))})
	require.NoError(t, err)
	defer client.Close()

	b := newBench(t)
	tokens := hashing.NewKey()
	mine := marked{&table{all: map[string][]hashing.Identifier{}}, cases.NewExempt(tokens.Token(phone(t, 999))), tokens}
	var told []abuse.Decision
	decider, err := watch.NewDecider(watch.DeciderConfig{Store: b.store, Accounts: mine, Settle: b.Settle, Clock: clock,
		Deliver: func(_ context.Context, e watch.Event) error {
			var d abuse.Decision
			if err := json.Unmarshal(e.Body, &d); err != nil {
				return err
			}
			told = append(told, d)
			return nil
		}})
	require.NoError(t, err)
	receiver, err := watch.NewReceiver(ctx, watch.ReceiverConfig{Agreement: agreement, Signer: key(2), Store: b.store, Vault: vault("mine"), Partner: client,
		Decider: decider, Accounts: mine, WhenDown: watch.FailOpen, Clock: clock, CheckTimeout: time.Minute})
	require.NoError(t, err)

	mine.put("anna", phone(t, 1))
	mine.put("bert", phone(t, 2))
	mine.put("helpline", phone(t, 999))
	var base []linkage.Account
	for _, ref := range []string{"anna", "bert", "helpline"} {
		base = append(base, linkage.Account{Ref: ref, Identifiers: mine.all[ref]})
	}
	_, err = receiver.EnrolBase(ctx, 0, linkage.Slice(base))
	require.NoError(t, err)
	settle := func() []abuse.Decision {
		t.Helper()
		told = nil
		require.NoError(t, tr.Cut(ctx))
		require.NoError(t, receiver.Follow(ctx))
		_, err := decider.Step(ctx)
		require.NoError(t, err)
		now = now.Add(time.Hour)
		b.now = now
		return told
	}
	for n, number := range []int{1, 2, 999} {
		account := fmt.Sprint("there-", n+1)
		theirs.put(account, phone(t, number))
		require.NoError(t, tr.Report(ctx, account, strong(n+1, "messenger.example")))
	}
	require.Len(t, settle(), 3)
	first := b.under("anna").Decision
	require.Equal(t, abuse.Suspend, b.under("anna").Action)
	require.Equal(t, abuse.Suspend, b.under("bert").Action)
	require.Equal(t, abuse.None, b.under("helpline").Action, "it is on the list")

	require.NoError(t, tr.Retract(ctx, signalID(1)))
	undo := settle()
	require.Len(t, undo, 1)
	require.Equal(t, "anna", undo[0].Account)
	require.Equal(t, abuse.None, undo[0].Action)
	require.Equal(t, first, undo[0].Undoes)
	require.Equal(t, abuse.None, b.under("anna").Action)

	revised := weak(2, "messenger.example") // a downgrade
	revised.Revision = 2
	require.NoError(t, tr.Report(ctx, "there-2", revised))
	softer := settle()
	require.Len(t, softer, 1)
	require.NotEqual(t, uuid.Nil, softer[0].Undoes)
	require.Equal(t, abuse.Friction, b.under("bert").Action)

	mine.put("bert", phone(t, 3)) // he has another number now
	require.NoError(t, receiver.Enrol(ctx, []linkage.Account{{Ref: "bert", Identifiers: mine.all["bert"]}}))
	require.Len(t, settle(), 1)
	require.Equal(t, abuse.None, b.under("bert").Action)
	got, err := b.ExactReceipts(ctx, "messenger.example", noon)
	require.NoError(t, err)
	require.Equal(t, [3]int64{2, 1, 0}, got)
	require.NoError(t, tr.Close(ctx))
}
