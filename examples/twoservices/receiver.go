package main

import (
	"context"
	"time"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/linkage"
)

// receiver is the service that learns which of its accounts are meant.
type receiver struct {
	*party
	now      time.Time
	optOut   linkage.OptOutRegister // asked where the purpose is one that users can opt out of
	progress func(linkage.Progress)
	log      *logger
}

// receive learns which accounts the transmitter's signals are about. The accounts'
// identifiers leave this process blinded only.
func (r *receiver) receive(ctx context.Context, connect connector, accounts *accountBook) ([]linkage.Match, linkage.Summary, error) {
	cfg := linkage.Config{
		Agreement:   r.agreement,
		Signer:      r.signer,
		OptOut:      r.optOut,
		Now:         r.now,
		IdleTimeout: patience,
		Progress:    r.progress,
	}
	conn, err := connect(ctx)
	if err != nil {
		return nil, linkage.Summary{}, err
	}
	return linkage.Receive(ctx, conn, cfg, accounts.source()) // which closes the connection
}

// tellUnreadable tells of records that carry nothing because the transmitter has made
// them wrong, for nobody else can.
func (r *receiver) tellUnreadable(sum linkage.Summary) {
	if sum.Unreadable > 0 {
		r.log.printf("receiver: records about accounts here that cannot be read or contradict each other: %d", sum.Unreadable)
	}
}

// decide weighs each match together with what is known here about the account. A
// match is evidence and not an order: the decision is this service's own.
func (r *receiver) decide(matches []linkage.Match, accounts *accountBook) []abuse.Decision {
	partner := r.agreement.Transmitter.Name
	policy := abuse.DefaultPolicy(r.agreement.Receiver.Name, abuse.Live)
	decisions := make([]abuse.Decision, 0, len(matches))
	unreadable := 0
	for _, m := range matches {
		evidence, err := abuse.NewEvidence(partner, m, accounts.holdings(m.Account)...)
		if err != nil {
			unreadable++ // the signals that cannot be read carry nothing
		}
		decisions = append(decisions, abuse.Decide(evidence, policy, r.now))
	}
	if unreadable > 0 {
		r.log.printf("receiver: %d accounts with signals that cannot be read", unreadable)
	}
	return decisions
}
