package examples_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"time"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
	"github.com/hueandcry/hueandcry/linkage/linkagetest"
)

// User is an account as the receiving service has it.
type User struct {
	Name, Phone, Country string
	PhoneSince           time.Time // when the user proved to hold the number
}

// decideAbout is the program of the README: the receiver's whole use of the library.
func decideAbout(ctx context.Context, conn net.Conn, cfg linkage.Config, users map[string]User) error {
	accounts := func(yield func(linkage.Account, error) bool) {
		for _, u := range users {
			phone, err := hashing.ParsePhone(u.Phone, u.Country)
			if err != nil {
				continue // a mask, a premium line, ...: err says why, and never what
			}
			if !yield(linkage.Account{Ref: u.Name, Identifiers: []hashing.Identifier{phone}}, nil) {
				return
			}
		}
	}
	matches, _, err := linkage.Receive(ctx, conn, cfg, accounts)
	for _, m := range matches {
		known := abuse.Holding{Kind: hashing.Phone, Since: users[m.Account].PhoneSince, Verified: abuse.Yes, Accounts: 1}
		evidence, err := abuse.NewEvidence(cfg.Agreement.Transmitter.Name, m, known)
		if err != nil {
			return err
		}
		decision := abuse.Decide(evidence, abuse.DefaultPolicy(cfg.Agreement.Receiver.Name, abuse.Live), cfg.Now)
		fmt.Println(m.Account, decision.Action, "until", decision.Until.Format(time.DateOnly), "-", decision.Reason)
	}
	return err
}

func Example() {
	ctx := context.Background()
	now := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	parties := linkagetest.NewParties(func(a *linkage.Agreement) { a.LabelBytes = 256 })
	transmitter, receiver := parties.TransmitterConfig(), parties.ReceiverConfig()
	transmitter.Now, receiver.Now = now, now
	serverTLS, clientTLS := linkagetest.TLS()
	serverConn, clientConn := linkagetest.Pipe()

	// Area code 999 is allocated to nobody.
	phone, _ := hashing.ParsePhone("+1 999 234 5678", "")
	signal := abuse.Signal{
		ID: uuid.MustParse("019a0000-0000-7000-8000-000000000001"), Origin: parties.Agreement.Transmitter.Name,
		Category: abuse.Phishing, Class: abuse.Confirmed, Confidence: 92, Severity: abuse.High,
		Review: abuse.ReviewHuman, Reports: 14,
		FirstObserved: now.AddDate(0, 0, -9), LastObserved: now.AddDate(0, 0, -2), ValidUntil: now.AddDate(0, 6, 0),
		Permitted: abuse.PermitDirect, ActionTaken: abuse.Disable,
	}
	label, _ := signal.MarshalBinary()
	flagged := []linkage.Flagged{{ID: signal.ID, Identifiers: []hashing.Identifier{phone}, Label: label}}
	go func() {
		publication, err := linkage.Publish(ctx, transmitter, linkagetest.Source(flagged))
		if err == nil {
			_, err = linkage.Transmit(ctx, tls.Server(serverConn, serverTLS), transmitter, publication)
		}
		if err != nil {
			fmt.Println(err)
		}
	}()

	err := decideAbout(ctx, tls.Client(clientConn, clientTLS), receiver, map[string]User{
		"anna":  {"anna", "(999) 234-5679", "US", now.AddDate(-3, 0, 0)},
		"boris": {"boris", "001 999 234 5678", "DE", now.AddDate(-2, 0, 0)},
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// boris suspend until 2026-11-30 - Suspended for 7 days because messenger.example confirmed phishing (confidence 92, severity high, seen by a person there, 14 reports) about the phone number that this account has held since before the reports.
}
