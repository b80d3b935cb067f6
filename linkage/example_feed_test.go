package linkage_test

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
	"github.com/hueandcry/hueandcry/linkage/linkagetest"
)

// An account signs up at the network, which asks the messenger once; later the messenger says
// something about it, and still later something else.
func ExampleSealer() {
	ctx := context.Background()
	parties := linkagetest.NewParties()
	number, _ := hashing.PhoneParser{Region: "US", Fiction: true}.Parse("(650) 555-0142")

	// Once an epoch.
	sealer, _ := linkage.NewSealer(parties.TransmitterConfig(), nil)
	evaluator, _ := linkage.NewEvaluator(parties.TransmitterConfig())
	epoch, _ := parties.Agreement.Epoch(time.Now())
	blinder, err := linkage.NewBlinder(parties.ReceiverConfig(), epoch, evaluator.Opening())
	if err != nil {
		fmt.Println(err)
		return
	}
	network := linkage.NewKeeper(parties.Agreement, epoch, hashing.NewKey())
	messenger := linkage.NewKeeper(parties.Agreement, epoch, hashing.NewKey())

	// The sign-up: what is kept of the number goes into the network's table.
	question, _ := blinder.Blind(ctx, []hashing.Identifier{number})
	answer, _ := evaluator.Evaluate(ctx, question.Request())
	kept, err := question.Finish(answer, network)
	table := map[[16]byte]string{kept[0].Tag: "boris"}
	fmt.Println(len(table), "enrolled,", err)

	// The feed: two batches about one signal.
	signal := uuid.MustParse("0190a8f4-58a7-7b1f-9d5e-6f3c0a1b2c3d")
	about, _ := sealer.Values(messenger, number)
	var last linkage.Tip
	header := linkage.BatchHeader{Number: 1, Time: time.Now().UTC().Truncate(time.Second), Complete: true}
	for i, say := range []struct {
		op    linkage.Operation
		label string
	}{{linkage.Add, "sends malicious links"}, {linkage.Revise, "phishing"}} {
		record, _ := sealer.Record(messenger, say.op, signal, uint64(i+1), []byte(say.label), []linkage.About{about})
		data, digest, _ := sealer.Batch(header, []linkage.Sealed{record}, linkage.PaddedCount(1)-1)

		batch, err := linkage.ParseBatch(parties.Agreement, data)
		if err == nil {
			err = batch.Follows(sealer.Feed(), last)
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		last = batch.Tip()
		for i := range batch.Len() {
			r := batch.Record(i)
			for j := range r.Identifiers() {
				if account, ok := table[network.Tag(r.Tag(j, 0))]; ok {
					opened, err := network.Open(kept[0], 0, j, 0, r)
					fmt.Printf("%d records, one about %s: %s %v\n", batch.Len(), account, opened.Label, err)
				}
			}
		}
		header.Number, header.Previous = header.Number+1, digest
	}
	// Output:
	// 1 enrolled, <nil>
	// 8 records, one about boris: sends malicious links <nil>
	// 8 records, one about boris: phishing <nil>
}

// A statement of what was spent, as examples/audit reads it.
func ExampleSessionRecord() {
	parties := linkagetest.NewParties(func(a *linkage.Agreement) { a.Limits.AdditionsPerDay = 100 })
	day := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	epoch, _ := parties.Agreement.Epoch(day)
	record := linkage.SessionRecord{
		Agreement: parties.Agreement.Digest(), Sequence: 1, Epoch: epoch, Day: day.Unix() / 86400,
		From: day, Until: day.AddDate(0, 0, 1), Evaluated: 90, Requests: 50, EvaluatedDay: 90, SpentDay: 101,
	}
	_ = record.Sign(parties.Agreement, linkage.Transmitter, parties.Transmitter)
	fmt.Println(record.Verify(parties.Agreement, nil))
	_ = record.Sign(parties.Agreement, linkage.Receiver, parties.Receiver)
	fmt.Println(record.Verify(parties.Agreement, nil))
	// Output:
	// linkage: peer not authenticated: the signature of the receiver
	// linkage: limit of the agreement passed: AdditionsPerDay: 101 asked for, 100 allowed
}
