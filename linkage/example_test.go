package linkage_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"sync"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
	"github.com/hueandcry/hueandcry/linkage/linkagetest"
)

// A messenger tells a network of the same family about one account, by the phone
// number and the device that it has there.
func Example() {
	ctx := context.Background()
	parties := linkagetest.NewParties() // an agreement that both have signed
	serverTLS, clientTLS := linkagetest.TLS()
	messenger, network := linkagetest.Pipe()

	parse := hashing.PhoneParser{Region: "US", Fiction: true}
	number, _ := parse.Parse("(650) 555-0142")
	device, _ := hashing.ParseDevice(hashing.InstallID, "5f3a2b18-9c4d-4e7f-b8e2-17d3a1e69b25")
	signals := []linkage.Flagged{{
		ID:          uuid.MustParse("0190a8f4-58a7-7b1f-9d5e-6f3c0a1b2c3d"),
		Identifiers: []hashing.Identifier{number, device},
		Label:       []byte("sends malicious links"),
	}}
	go func() {
		publication, err := linkage.Publish(ctx, parties.TransmitterConfig(), linkage.Slice(signals))
		if err == nil {
			_, err = linkage.Transmit(ctx, tls.Server(messenger, serverTLS), parties.TransmitterConfig(), publication)
		}
		if err != nil {
			fmt.Println(err)
		}
	}()

	same, _ := parse.Parse("+1 650 555 0142")
	other, _ := parse.Parse("+1 650 555 0143")
	accounts := []linkage.Account{
		{Ref: "anna", Identifiers: []hashing.Identifier{other}},
		{Ref: "boris", Identifiers: []hashing.Identifier{same}},
	}
	matches, summary, err := linkage.Receive(ctx, tls.Client(network, clientTLS), parties.ReceiverConfig(), linkage.Slice(accounts))
	if err != nil {
		fmt.Println(err)
	}
	for _, m := range matches {
		fmt.Printf("%s, by %v: %s\n", m.Account, m.Signals[0].Kinds, m.Signals[0].Label)
	}
	fmt.Println(summary.Identifiers, "identifiers enrolled,", summary.Records, "records published")
	// Output:
	// boris, by [phone]: sends malicious links
	// 2 identifiers enrolled, 2 records published
}

// An agreement is written by one party, sent as JSON, and signed by both.
func ExampleAgreement_Validate() {
	agreement := linkagetest.NewParties().Agreement
	agreement.LabelBytes = 100
	agreement.Limits.Records = 0
	fmt.Println(agreement.Validate())
	// Output:
	// linkage: agreement: label_bytes: must be 0, 64, 256 or 1024
	// linkage: agreement: limits.records: must be 1 to 1099511627776
}

// Scoped identifiers are the same at both services only within one vendor.
func ExampleAgreement_Admits() {
	agreement := linkagetest.NewParties(func(a *linkage.Agreement) {
		a.SameVendor, a.Kinds = false, []hashing.Kind{hashing.Phone}
	}).Agreement
	fmt.Println(agreement.Admits(hashing.Phone))
	fmt.Println(agreement.Admits(hashing.VendorID))
	// Output:
	// <nil>
	// linkage: vendor_id is not matched: its values are the same only within one vendor, which the services do not share
}

// A bulk enrolment: the same calls under protocol "vole". The receiver goes on where a broken
// connection left it, and the transmitter keeps what it needs to say more later.
func ExampleResume() {
	ctx := context.Background()
	parties := linkagetest.NewParties(func(a *linkage.Agreement) {
		a.Protocol = linkage.ProtocolVOLE
		a.Limits.Identifiers = linkage.Encodable(a.Protocol, 1000) // for 1,000 of them
	})
	number := func(n int) hashing.Identifier {
		id, _ := hashing.PhoneParser{Fiction: true}.Parse(fmt.Sprintf("+1650555%04d", n))
		return id
	}
	accounts := []linkage.Account{{Ref: "anna", Identifiers: []hashing.Identifier{number(143)}}, {Ref: "boris", Identifiers: []hashing.Identifier{number(142)}}}
	signals := []linkage.Flagged{{ID: uuid.MustParse("0190a8f4-58a7-7b1f-9d5e-6f3c0a1b2c3d"), Identifiers: []hashing.Identifier{number(142)}, Label: []byte("sends malicious links")}}

	serverTLS, clientTLS := linkagetest.TLS()
	sent, received := parties.TransmitterConfig(), parties.ReceiverConfig()
	sent.Resume, received.Resume = new(linkage.Resume), new(linkage.Resume)
	kept, _ := os.CreateTemp("", "enrolment")
	defer func() { _ = kept.Close(); _ = os.Remove(kept.Name()) }()
	sent.State = kept

	publication, _ := linkage.Publish(ctx, sent, linkage.Slice(signals))
	try := func(connection func(net.Conn) net.Conn) ([]linkage.Match, error) {
		messenger, network := linkagetest.Pipe()
		var done sync.WaitGroup
		done.Go(func() { _, _ = linkage.Transmit(ctx, tls.Server(messenger, serverTLS), sent, publication) })
		defer done.Wait()
		matches, _, err := linkage.Receive(ctx, tls.Client(connection(network), clientTLS), received, linkage.Slice(accounts))
		return matches, err
	}
	matches, err := try(func(c net.Conn) net.Conn { return &linkagetest.Faulty{Conn: c, At: 12} }) // which breaks
	for err != nil && received.Resume.Pending() {
		fmt.Println("once more")
		matches, err = try(func(c net.Conn) net.Conn { return c })
	}
	fmt.Println(matches[0].Account, err)

	// Later: another signal about an identifier, without the receiver.
	state, _ := linkage.OpenState(sent, kept)
	record, err := state.Record(number(143), 0, linkage.Flagged{ID: uuid.New(), Label: []byte("spam")})
	fmt.Println(state.Identifiers(), "enrolled, a record of", len(record), "bytes,", err)
	// Output:
	// once more
	// boris <nil>
	// 2 enrolled, a record of 139 bytes, <nil>
}
