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
	PhoneSince           time.Time   // when the account got the number, if that is known
	Verified             abuse.Truth // whether it has proved to hold it
}

// decideAbout is the program of the README: the receiver's whole use of the library.
func decideAbout(ctx context.Context, conn net.Conn, cfg linkage.Config, users map[string]User) error {
	var accounts []linkage.Account
	holders := map[hashing.Identifier]int{}
	for _, u := range users {
		phone, err := hashing.ParsePhone(u.Phone, u.Country)
		if err != nil {
			continue // a mask, a premium line, ...: err says why, and never what
		}
		accounts = append(accounts, linkage.Account{Ref: u.Name, Identifiers: []hashing.Identifier{phone}})
		holders[phone]++
	}
	matches, _, err := linkage.Receive(ctx, conn, cfg, linkage.Slice(accounts))
	for _, m := range matches {
		u := users[m.Account]
		phone, _ := hashing.ParsePhone(u.Phone, u.Country)
		known := abuse.Holding{Kind: hashing.Phone, Since: u.PhoneSince, Verified: u.Verified, Accounts: holders[phone]}
		evidence, _ := abuse.NewEvidence(cfg.Agreement.Transmitter.Name, m, known) // what cannot be read carries nothing
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
		publication, err := linkage.Publish(ctx, transmitter, linkage.Slice(flagged))
		if err == nil {
			_, err = linkage.Transmit(ctx, tls.Server(serverConn, serverTLS), transmitter, publication)
		}
		if err != nil {
			fmt.Println(err)
		}
	}()

	err := decideAbout(ctx, tls.Client(clientConn, clientTLS), receiver, map[string]User{
		"anna":  {"anna", "(999) 234-5679", "US", now.AddDate(-3, 0, 0), abuse.Yes},
		"boris": {"boris", "001 999 234 5678", "DE", now.AddDate(-2, 0, 0), abuse.Yes},
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// boris suspend until 2026-11-30 - Suspended for 7 days because messenger.example confirmed phishing (confidence 92, severity high, seen by a person there, 14 reports) about the phone number that this account has held since before the reports.
}
