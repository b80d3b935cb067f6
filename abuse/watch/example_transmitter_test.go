package watch_test

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/watch"
	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
)

// exampleAgreement is signed by two services that are made up.
func exampleAgreement(transmitter, receiver ed25519.PrivateKey) (*linkage.Agreement, error) {
	a := &linkage.Agreement{
		Version: 1, ID: uuid.New(), Protocol: linkage.ProtocolEC, Purpose: linkage.FraudAndAbusePrevention,
		Kinds: []hashing.Kind{hashing.Phone}, Normalisation: hashing.RulesVersion, LabelBytes: 64, EpochDays: 30,
		Limits:      linkage.Limits{AdditionsPerDay: 1000, Identifiers: 100_000, Records: 10_000, SignalsPerDay: 1000, SignalsPerIdentifier: 16},
		Transmitter: linkage.Party{Name: "messenger.example", Key: transmitter.Public().(ed25519.PublicKey)},
		Receiver:    linkage.Party{Name: "network.example", Key: receiver.Public().(ed25519.PublicKey)},
		ValidFrom:   time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), ValidUntil: time.Date(2036, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	if err := a.Sign(linkage.Transmitter, transmitter); err != nil {
		return nil, err
	}
	return a, a.Sign(linkage.Receiver, receiver)
}

// A service that has found abuse says so, and takes it back.
func ExampleTransmitter() {
	ctx := context.Background()
	key := func(seed byte) ed25519.PrivateKey { return ed25519.NewKeyFromSeed(append(make([]byte, 31), seed)) }
	agreement, err := exampleAgreement(key(1), key(2))
	if err != nil {
		fmt.Println(err)
		return
	}
	dir, err := os.MkdirTemp("", "example-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	vault, err := watch.OpenVault(filepath.Join(dir, "vault"), hashing.NewKey()) // of a secret manager
	if err != nil {
		fmt.Println(err)
		return
	}
	t, err := watch.NewTransmitter(ctx, watch.TransmitterConfig{
		Agreement: agreement, Signer: key(1), Store: abuse.NewMemory(), Vault: vault,
		Identifiers: func(_ context.Context, account string) ([]hashing.Identifier, error) {
			id, err := hashing.ParsePhone("+33 6 12 34 56 78", "") // from the service's own table
			return []hashing.Identifier{id}, err
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	now := time.Now().UTC().Truncate(time.Second)
	signal := abuse.Signal{
		ID: uuid.Must(uuid.NewV7()), Origin: "messenger.example", Category: abuse.Phishing, Class: abuse.Confirmed, Confidence: 90,
		Severity: abuse.High, Review: abuse.ReviewHuman, FirstObserved: now, LastObserved: now, ValidUntil: now.AddDate(0, 1, 0),
		Permitted: abuse.PermitDirect, ActionTaken: abuse.Suspend,
	}
	fmt.Println("report: ", t.Report(ctx, "account 7", signal))
	fmt.Println("cut:    ", t.Cut(ctx)) // as Run does at every cadence
	fmt.Println("retract:", t.Retract(ctx, signal.ID))
	fmt.Println("cut:    ", t.Cut(ctx))
	fmt.Println("close:  ", t.Close(ctx))
	// Output:
	// report:  <nil>
	// cut:     <nil>
	// retract: <nil>
	// cut:     <nil>
	// close:   <nil>
}
