package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"math/big"
	"net/http/httptest"
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

// subscriber is a receiver of the messenger's signals, whole: it enrols, follows, decides, and
// hears appeals.
type subscriber struct {
	*office
	name        string
	agreement   *linkage.Agreement
	transmitter *watch.Transmitter
	receiver    *watch.Receiver
	decider     *watch.Decider
}

// Holdings and Identifiers are the service's table of accounts, which has one.
func (s *subscriber) Holdings(context.Context, string) ([]abuse.Holding, error) {
	return []abuse.Holding{{Kind: hashing.Phone, Since: time.Now().AddDate(-2, 0, 0), Verified: abuse.Yes, Accounts: 1}}, nil
}

func (s *subscriber) Identifiers(context.Context, string) ([]hashing.Identifier, error) {
	return person()
}

func person() ([]hashing.Identifier, error) {
	id, err := hashing.ParsePhone("06 12 34 56 78", "FR")
	return []hashing.Identifier{id}, err
}

func certificate(t testing.TB, key ed25519.PrivateKey) tls.Certificate {
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().AddDate(-1, 0, 0), NotAfter: time.Now().AddDate(1, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// subscribe brings a receiver and a transmitter of the messenger's together over TLS.
func subscribe(t testing.TB, name string, messenger ed25519.PrivateKey, carry func(context.Context, cases.AppealReference) error) *subscriber {
	ctx := context.Background()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	agreement := &linkage.Agreement{
		Version: 1, ID: uuid.New(), Protocol: linkage.ProtocolEC, Purpose: linkage.FraudAndAbusePrevention,
		Kinds: []hashing.Kind{hashing.Phone}, Normalisation: hashing.RulesVersion, LabelBytes: 64, EpochDays: 30,
		Limits:      linkage.Limits{AdditionsPerDay: 1000, Identifiers: 100_000, Records: 10_000, SignalsPerDay: 1000, SignalsPerIdentifier: 16},
		Transmitter: linkage.Party{Name: "messenger.example", Key: messenger.Public().(ed25519.PublicKey)},
		Receiver:    linkage.Party{Name: name, Key: key.Public().(ed25519.PublicKey)},
		ValidFrom:   time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), ValidUntil: time.Date(2090, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	require.NoError(t, errors.Join(agreement.Sign(linkage.Transmitter, messenger), agreement.Sign(linkage.Receiver, key)))
	vault := func() *watch.Vault {
		v, err := watch.OpenVault(t.TempDir()+"/vault", hashing.NewKey())
		require.NoError(t, err)
		return v
	}
	s := &subscriber{name: name, agreement: agreement}
	s.transmitter, err = watch.NewTransmitter(ctx, watch.TransmitterConfig{Agreement: agreement, Signer: messenger, Store: abuse.NewMemory(),
		Vault: vault(), Identifiers: s.Identifiers})
	require.NoError(t, err)
	server := httptest.NewUnstartedServer(s.transmitter.Handler())
	server.TLS = watch.ServerTLS(certificate(t, messenger))
	server.StartTLS()
	t.Cleanup(server.Close)
	client, err := watch.NewClient(watch.ClientConfig{URL: server.URL, Agreement: agreement, Certificate: certificate(t, key)})
	require.NoError(t, err)
	t.Cleanup(client.Close)

	store := abuse.NewMemory()
	s.office, err = newOffice(store, name, time.Now, false)
	require.NoError(t, err)
	s.hearings, err = cases.NewHearings(cases.HearingsConfig{Desk: s.desk, Self: name, Key: []byte("a key of " + name + ", 32 bytes long"), Carry: carry})
	require.NoError(t, err)
	s.decider, err = watch.NewDecider(watch.DeciderConfig{Store: store, Accounts: s, Settle: s.hearings.Around(s.desk.Settle),
		Deliver: func(context.Context, watch.Event) error { return nil }})
	require.NoError(t, err)
	s.receiver, err = watch.NewReceiver(ctx, watch.ReceiverConfig{Agreement: agreement, Signer: key, Store: store, Vault: vault(),
		Partner: client, Decider: s.decider, Accounts: s, WhenDown: watch.FailOpen})
	require.NoError(t, err)
	return s
}

// follow takes in what the messenger has said, and decides.
func (s *subscriber) follow(t testing.TB) {
	ctx := context.Background()
	require.NoError(t, s.transmitter.Cut(ctx))
	require.NoError(t, s.receiver.Follow(ctx))
	_, err := s.decider.Step(ctx)
	require.NoError(t, err)
}

func (s *subscriber) under(t testing.TB) (step cases.Step) {
	require.NoError(t, s.store.View(context.Background(), func(r abuse.Reader) (err error) {
		step, _, err = s.desk.InForce(r, "member", time.Now())
		return err
	}))
	return step
}

// One appeal reaches every service that acted on the signal, through package watch: a messenger's
// signal suspends an account at two services that enrolled it in private. Its holder appeals at one
// of them; the messenger learns a reference and no more, a person there overturns the signal, and the
// feeds take it from both, of which the other never heard of an appeal.
func TestOneAppealEverywhere(t *testing.T) {
	ctx := context.Background()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	var all []*subscriber
	messenger, err := newOffice(abuse.NewMemory(), "messenger.example", time.Now, false)
	require.NoError(t, err)
	messenger.hearings, err = cases.NewHearings(cases.HearingsConfig{Desk: messenger.desk, Self: "messenger.example", Key: make([]byte, 32),
		Retract: func(ctx context.Context, signal uuid.UUID) (err error) {
			for _, s := range all {
				err = errors.Join(err, s.transmitter.Retract(ctx, signal))
			}
			return err
		}})
	require.NoError(t, err)
	for _, name := range []string{"network.example", "market.example"} {
		all = append(all, subscribe(t, name, key, func(ctx context.Context, ref cases.AppealReference) error {
			line, err := json.Marshal(ref) // as it goes to the partner
			if err != nil {
				return err
			}
			var heard cases.AppealReference
			if err := json.Unmarshal(line, &heard); err != nil {
				return err
			}
			_, err = messenger.hearings.Contest(ctx, name, heard)
			return err
		}))
	}

	now := time.Now().UTC().Truncate(time.Second)
	signal := abuse.Signal{ID: uuid.Must(uuid.NewV7()), Origin: "messenger.example", Category: abuse.Phishing, Class: abuse.Confirmed,
		Confidence: 90, Severity: abuse.High, Review: abuse.ReviewHuman, Reports: 12, FirstObserved: now.AddDate(0, 0, -2),
		LastObserved: now.AddDate(0, 0, -1), ValidUntil: now.AddDate(0, 1, 0), Permitted: abuse.PermitDirect, ActionTaken: abuse.Suspend}
	phone, err := person()
	require.NoError(t, err)
	for _, s := range all {
		status, err := s.receiver.Status(ctx)
		require.NoError(t, err)
		require.True(t, status.Due)
		epoch, _ := s.agreement.Epoch(now)
		_, err = s.receiver.EnrolBase(ctx, epoch, linkage.Slice([]linkage.Account{}))
		require.NoError(t, err)
		_, err = s.receiver.Check(ctx, "member", phone)
		require.NoError(t, err)
		require.NoError(t, s.transmitter.Report(ctx, "their account", signal))
		s.follow(t)
		require.Equal(t, abuse.Suspend, s.under(t).Action, s.name)
	}

	first := all[0]
	appeal, err := first.hearings.Open(ctx, "member", first.under(t).Decision)
	require.NoError(t, err)
	require.NoError(t, first.hearings.Work(ctx))
	contested, err := messenger.hearings.Queue(ctx, 10)
	require.NoError(t, err)
	require.Len(t, contested, 1)
	require.Equal(t, signal.ID, contested[0].Signal)
	c, err := messenger.hearings.Claim(ctx, contested[0].ID, "Agatha")
	require.NoError(t, err)
	_, err = messenger.hearings.Resolve(ctx, c.ID, cases.Resolution{Version: c.Version, Reviewer: "Agatha", Outcome: cases.Overturned, Ground: cases.WrongSignal})
	require.NoError(t, err)

	for _, s := range all {
		s.follow(t)
		require.Zero(t, s.under(t).Action, s.name)
		receipts, err := s.desk.Receipts(ctx, "messenger.example")
		require.NoError(t, err)
		require.Empty(t, receipts, "one alone is not told, for it would point to somebody")
	}
	still, err := first.hearings.Case(ctx, appeal.ID)
	require.NoError(t, err)
	require.Zero(t, still.Outcome, "the holder is still owed an answer by a person")
}
