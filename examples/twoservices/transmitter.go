package main

import (
	"context"
	"time"

	"github.com/hueandcry/hueandcry/linkage"
)

// patience is how long a party lets the other take over one message. The other may
// still be sealing its signals when the connection stands.
const patience = 2 * time.Minute

// transmitter is the service that has flagged accounts.
type transmitter struct {
	*party
	now      time.Time
	optOut   linkage.OptOutRegister // asked where the purpose is one that users can opt out of
	progress func(linkage.Progress)
}

// transmit publishes the signals to one receiver. It seals each under what only a
// holder of the flagged identifier can compute together with this service, hands
// all of them out, and then answers the receiver's blinded questions, from which it
// learns how many there are and nothing else.
func (t *transmitter) transmit(ctx context.Context, connect connector, flagged []linkage.Flagged) (linkage.Summary, error) {
	cfg := linkage.Config{
		Agreement:   t.agreement,
		Signer:      t.signer,
		Key:         t.key,
		OptOut:      t.optOut,
		Now:         t.now,
		IdleTimeout: patience,
		Progress:    t.progress,
	}
	publication, err := linkage.Publish(ctx, cfg, linkage.Slice(flagged))
	if err != nil {
		return linkage.Summary{}, err
	}
	conn, err := connect(ctx)
	if err != nil {
		return linkage.Summary{}, err
	}
	return linkage.Transmit(ctx, conn, cfg, publication) // which closes the connection
}
