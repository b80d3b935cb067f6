package main

import (
	"context"
	"net"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/hueandcry/hueandcry/linkage"
)

// optOuts is the register of one service: the accounts whose users have opted out
// of every purpose that one can opt out of.
type optOuts map[string]bool

// OptedOut implements linkage.OptOutRegister.
func (o optOuts) OptedOut(_ context.Context, account string, _ linkage.Purpose) (bool, error) {
	return o[account], nil
}

// optOutTrial is what the same two services would see under an agreement about
// advertising.
type optOutTrial struct {
	all     int // matched accounts here whose users had opted out, and which were matched all the same
	tried   int // accounts tried again for advertising; all had matched
	leftOut int // of these, left out because their users opted out here
	matched int // of the others, matched again: users of the transmitter's have opted out too
}

const (
	mostTried     = 200                // of the matched accounts are tried
	trialProtocol = linkage.ProtocolEC // for they are few, whatever the first session was
)

// tryAdvertising runs a second, small session between the same services, with
// accounts that matched in the first, under the purpose of advertising. There the
// opt-out registers of both are asked, before any identifier is used.
func (o *options) tryAdvertising(ctx context.Context, r *received, signals []linkage.Flagged, log *logger) (*optOutTrial, error) {
	world := makeUp(o.seed, o.size)
	trial := &optOutTrial{}
	few := &accountBook{held: r.accounts.held, holders: r.accounts.holders}
	for _, m := range r.matches {
		if world.accountsOut[m.Account] {
			trial.all++
		}
		if len(few.refs) < mostTried {
			few.refs = append(few.refs, m.Account)
		}
	}
	trial.tried = len(few.refs)

	l, err := listen(ctx, "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer l.Close()
	parties, both := errgroup.WithContext(ctx)
	parties.Go(func() error { return o.advertiseFrom(both, l, world.flaggedOut, signals, log) })
	parties.Go(func() error {
		matches, sum, err := o.advertiseTo(both, l.Addr().String(), world.accountsOut, few)
		trial.leftOut, trial.matched = sum.OptedOut, len(matches)
		return err
	})
	return trial, parties.Wait()
}

func (o *options) advertiseFrom(ctx context.Context, l net.Listener, register optOuts, signals []linkage.Flagged, log *logger) error {
	p, err := demoParty(linkage.Transmitter, o.seed, linkage.Advertising, trialProtocol)
	if err != nil {
		return err
	}
	t := &transmitter{party: p, now: o.now, optOut: register}
	_, err = t.transmit(ctx, accepting(l, p.server(), &traffic{}, log), bare(signals))
	return err
}

func (o *options) advertiseTo(ctx context.Context, address string, register optOuts, few *accountBook) ([]linkage.Match, linkage.Summary, error) {
	p, err := demoParty(linkage.Receiver, o.seed, linkage.Advertising, trialProtocol)
	if err != nil {
		return nil, linkage.Summary{}, err
	}
	r := &receiver{party: p, now: o.now, optOut: register}
	return r.receive(ctx, dialing(address, p.client(), &traffic{}), few)
}

// bare gives the same accounts without what was said of them and under new ids:
// what was said for one purpose is not for another, and an id that is seen under
// both would join them.
func bare(signals []linkage.Flagged) []linkage.Flagged {
	out := make([]linkage.Flagged, len(signals))
	for i, s := range signals {
		out[i] = linkage.Flagged{Ref: s.Ref, Identifiers: s.Identifiers, ID: uuid.New()}
	}
	return out
}
