package optout_test

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/optout"
	"github.com/hueandcry/hueandcry/abuse/watch"
	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
	"github.com/hueandcry/hueandcry/linkage/linkagetest"
)

// Two agreements on one store: who opts out of advertising is forgotten for advertising, and what rested on
// it is undone; for security he is matched and decided on as before.
func TestOutOfOneOfTwoPurposes(t *testing.T) {
	ctx, store := t.Context(), abuse.NewMemory()
	register, err := optout.NewMemory(optout.Config{})
	require.NoError(t, err)
	there, err := optout.NewMemory(optout.Config{}) // where nobody has opted out
	require.NoError(t, err)
	network := service{"ads": phone(t, 1), "both": phone(t, 2), "later": phone(t, 3)}
	last := map[string]abuse.Decision{}
	decider, err := watch.NewDecider(watch.DeciderConfig{Store: store, Accounts: network,
		Decide: func(e abuse.Evidence, now time.Time) abuse.Decision {
			return abuse.Decide(e, abuse.DefaultPolicy("n", abuse.Live), now)
		},
		Deliver: func(_ context.Context, e watch.Event) error {
			var d abuse.Decision
			err := json.Unmarshal(e.Body, &d)
			last[e.Account] = d
			return err
		}})
	require.NoError(t, err)
	sides := map[linkage.Purpose]*struct {
		tr  *watch.Transmitter
		rec *watch.Receiver
	}{linkage.Advertising: {}, linkage.Security: {}}
	for purpose, side := range sides {
		p := linkagetest.NewParties(func(a *linkage.Agreement) { a.Purpose, a.Kinds = purpose, []hashing.Kind{hashing.Phone} })
		vault := func() *watch.Vault {
			v, err := watch.OpenVault(t.TempDir()+"/vault", hashing.NewKey())
			require.NoError(t, err)
			return v
		}
		side.tr, err = watch.NewTransmitter(ctx, watch.TransmitterConfig{Agreement: p.Agreement, Signer: p.Transmitter, Store: abuse.NewMemory(),
			Vault: vault(), Identifiers: network.Identifiers, OptOut: there})
		require.NoError(t, err)
		srv := httptest.NewUnstartedServer(side.tr.Handler())
		srv.TLS = watch.ServerTLS(certificate(t, p.Transmitter))
		srv.StartTLS()
		t.Cleanup(srv.Close)
		client, err := watch.NewClient(watch.ClientConfig{URL: srv.URL, Agreement: p.Agreement, Certificate: certificate(t, p.Receiver)})
		require.NoError(t, err)
		t.Cleanup(client.Close)
		side.rec, err = watch.NewReceiver(ctx, watch.ReceiverConfig{Agreement: p.Agreement, Signer: p.Receiver, Store: store, Vault: vault(),
			Partner: client, Decider: decider, Accounts: network, OptOut: register, WhenDown: watch.FailClosed})
		require.NoError(t, err)
		epoch, _ := p.Agreement.Epoch(time.Now())
		_, err = side.rec.EnrolBase(ctx, epoch, linkage.Slice([]linkage.Account{{Ref: "ads", Identifiers: []hashing.Identifier{network["ads"]}},
			{Ref: "both", Identifiers: []hashing.Identifier{network["both"]}}, {Ref: "later", Identifiers: []hashing.Identifier{network["later"]}}}))
		require.NoError(t, err)
	}
	report := func(purpose linkage.Purpose, account string, n int) {
		require.NoError(t, sides[purpose].tr.Report(ctx, account, signal(n, time.Now())))
	}
	news := func() {
		for _, side := range sides {
			require.NoError(t, side.tr.Cut(ctx))
			require.NoError(t, side.rec.Follow(ctx))
		}
		_, err := decider.Step(ctx)
		require.NoError(t, err)
	}
	report(linkage.Advertising, "ads", 1)
	report(linkage.Advertising, "both", 2)
	report(linkage.Security, "both", 3)
	news()
	require.Equal(t, abuse.Suspend, last["ads"].Action)
	require.ElementsMatch(t, []uuid.UUID{number(2), number(3)}, last["both"].Signals)

	for account := range network {
		require.NoError(t, register.SetPurpose(ctx, account, linkage.Advertising, true))
	}
	_, err = optout.Follow(ctx, register, 0, func(ctx context.Context, c optout.Change) error {
		ids, err := network.Identifiers(ctx, c.Account)
		require.NoError(t, err)
		_, err = sides[c.Purpose].rec.Check(ctx, c.Account, ids)
		return err
	})
	require.NoError(t, err)
	news()
	require.Equal(t, abuse.None, last["ads"].Action, "undone")
	require.Equal(t, abuse.Suspend, last["both"].Action)
	require.Equal(t, []uuid.UUID{number(3)}, last["both"].Signals)

	report(linkage.Advertising, "ads", 4)
	report(linkage.Advertising, "later", 5)
	report(linkage.Security, "later", 6)
	require.NoError(t, sides[linkage.Security].tr.Retract(ctx, number(3)))
	news()
	require.Equal(t, abuse.None, last["ads"].Action, "forgotten")
	require.Equal(t, abuse.None, last["both"].Action, "a withdrawal still reaches him")
	require.Equal(t, abuse.Suspend, last["later"].Action, "and so does what is new")
	require.Equal(t, []uuid.UUID{number(6)}, last["later"].Signals)
}
