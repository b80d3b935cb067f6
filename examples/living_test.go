package examples_test

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
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/cases"
	"github.com/hueandcry/hueandcry/abuse/policy"
	"github.com/hueandcry/hueandcry/abuse/watch"
	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
	"github.com/hueandcry/hueandcry/linkage/linkagetest"
)

// numbers is a service's own table: the telephone number of each account.
type numbers map[string]string

func (n numbers) Identifiers(_ context.Context, account string) ([]hashing.Identifier, error) {
	number, found := n[account]
	if !found {
		return nil, watch.ErrGone
	}
	id, err := hashing.ParsePhone(number, "")
	return []hashing.Identifier{id}, err
}

func (n numbers) Holdings(context.Context, string) ([]abuse.Holding, error) {
	return []abuse.Holding{{Kind: hashing.Phone, Since: time.Now().AddDate(-2, 0, 0), Verified: abuse.Yes, Accounts: 1}}, nil
}

// certificate makes one that nobody vouches for: each side knows the other by the key in the agreement.
func certificate(key ed25519.PrivateKey) tls.Certificate {
	t := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	must(err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// must is for an example alone.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

const rulesFile = `
schema: 1
name: network
rules:
  - id: suspend_confirmed
    version: 1
    status: live
    daily_cap: 20
    when: signal.confirmed && signal.confidence >= 80 && match.phone
    action: suspend
    for: 7d
    reasons: {en: "suspended for {days} days: {origin} reported {category}"}
`

// Two services that live. The messenger reports; the network enrols its accounts once, follows the
// feed and checks who signs up, and decides by its own rules within bounds. When the signal is
// withdrawn, so is the step.
//
// A service opens its stores with sqlstore.Open and keeps its vaults, and in the place of Cut, Follow
// and Step it runs Transmitter.Run, Receiver.Run and Decider.Run.
func Example_living() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "living-")
	must(err)
	defer func() { _ = os.RemoveAll(dir) }()
	vault := func(name string) *watch.Vault { // its key is a secret manager's
		v, err := watch.OpenVault(filepath.Join(dir, name), hashing.NewKey())
		must(err)
		return v
	}
	parties := linkagetest.NewParties() // an agreement that both have signed, and their keys

	// The messenger.
	flagged := numbers{"m-17": "+1 999 234 5678", "m-18": "+1 999 234 5680"} // area code 999 is allocated to nobody
	transmitter, err := watch.NewTransmitter(ctx, watch.TransmitterConfig{Agreement: parties.Agreement, Signer: parties.Transmitter,
		Store: abuse.NewMemory(), Vault: vault("messenger"), Identifiers: flagged.Identifiers})
	must(err)
	server := httptest.NewUnstartedServer(transmitter.Handler())
	server.TLS = watch.ServerTLS(certificate(parties.Transmitter))
	server.StartTLS()
	defer server.Close()

	// The network: its rules, the bounds and the memory of what is in force, what acts, its partner.
	users, store := numbers{"anna": "+1 999 234 5679", "boris": "+1 999 234 5678"}, abuse.NewMemory()
	set, err := policy.Parse("rules.yaml", []byte(rulesFile))
	must(err)
	set, err = set.With(policy.Options{Self: parties.Agreement.Receiver.Name, Mode: abuse.Live})
	must(err)
	rules, err := policy.NewCurrent(set)
	must(err)
	desk, err := cases.New(cases.Config{Store: store, Decide: rules.Explain, RuleCap: rules.RuleCap})
	must(err)
	decider, err := watch.NewDecider(watch.DeciderConfig{Store: store, Accounts: users, Settle: desk.Settle,
		Deliver: func(_ context.Context, e watch.Event) error { // here the service acts
			var d abuse.Decision
			err := json.Unmarshal(e.Body, &d)
			fmt.Printf("%s, %s: %s (%s); takes a step back: %t\n", e.Account, e.Change, d.Action, d.Reason, d.Undoes != uuid.Nil)
			return err
		}})
	must(err)
	client, err := watch.NewClient(watch.ClientConfig{URL: server.URL, Agreement: parties.Agreement, Certificate: certificate(parties.Receiver)})
	must(err)
	defer client.Close()
	receiver, err := watch.NewReceiver(ctx, watch.ReceiverConfig{Agreement: parties.Agreement, Signer: parties.Receiver,
		Store: store, Vault: vault("network"), Partner: client, Decider: decider, Accounts: users, WhenDown: watch.FailOpen})
	must(err)

	// The base, once an epoch.
	epoch, _ := parties.Agreement.Epoch(time.Now())
	_, err = receiver.EnrolBase(ctx, epoch, func(yield func(linkage.Account, error) bool) {
		for name := range users {
			ids, err := users.Identifiers(ctx, name)
			if !yield(linkage.Account{Ref: name, Identifiers: ids}, err) {
				return
			}
		}
	})
	must(err)
	news := func() { // what goes on by itself in a service
		must(transmitter.Cut(ctx))
		must(receiver.Follow(ctx))
		_, err := decider.Step(ctx)
		must(err)
	}

	// What happens: a report about somebody who is here, one about somebody who comes, a word taken back.
	report := func(account string) uuid.UUID {
		now := time.Now().UTC().Truncate(time.Second)
		s := abuse.Signal{ID: uuid.Must(uuid.NewV7()), Origin: parties.Agreement.Transmitter.Name, Category: abuse.Phishing, Class: abuse.Confirmed,
			Confidence: 92, Severity: abuse.High, Review: abuse.ReviewHuman, Reports: 14, FirstObserved: now.AddDate(0, 0, -9), LastObserved: now,
			ValidUntil: now.AddDate(0, 6, 0), Permitted: abuse.PermitDirect, ActionTaken: abuse.Disable}
		must(transmitter.Report(ctx, account, s))
		return s.ID
	}
	first := report("m-17")
	report("m-18")
	news()
	users["carol"] = "+1 999 234 5680"
	ids, err := users.Identifiers(ctx, "carol")
	must(err)
	answer, err := receiver.Check(ctx, "carol", ids)
	must(err)
	fmt.Println("carol signs up:", answer.Decision.Action)
	news()
	must(transmitter.Retract(ctx, first))
	news()
	must(transmitter.Close(ctx))
	// Output:
	// boris, matched: suspend (suspended for 7 days: messenger.example reported phishing); takes a step back: false
	// carol signs up: suspend
	// carol, matched: suspend (suspended for 7 days: messenger.example reported phishing); takes a step back: false
	// boris, withdrawn: none (No step taken: no signal is about this account.); takes a step back: true
}
