package main

import (
	"context"
	"crypto/tls"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
)

// patience is how long a party lets the other take over one message: for ever,
// for if one fails the other is told so here.
const patience = 30 * 24 * time.Hour

// measure makes the input, runs the session, and says what it cost.
func (o *options) measure(ctx context.Context, bar *bar) (*report, error) {
	if o.procs > 0 {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(o.procs))
	}
	defer frugal()()
	w := o.world()
	bar.say("making identifiers")
	if err := w.prepare(ctx, o.held); err != nil {
		return nil, err
	}
	r := &report{
		Protocol: o.protocol, Accounts: o.accounts, Flagged: o.flagged, Expected: o.expected,
		Input: inputGenerated, procs: runtime.GOMAXPROCS(0), label: o.label,
	}
	if w.prepared() {
		r.Input = inputPrepared
	}
	bar.say("measuring the processor")
	runtime.GC() // or what is left of the input is collected within the unit
	before := o.unit()
	bar.say("running")
	s, err := o.newSession(ctx, w, bar)
	if err != nil {
		return nil, err
	}
	started, worked := time.Now(), processor()
	if err := s.run(ctx); err != nil {
		return nil, err
	}
	r.Seconds, r.CPUSeconds = time.Since(started).Seconds(), (processor() - worked).Seconds()
	r.PeakRSSBytes = peakMemory()
	r.UnitSeconds = min(before, o.unit()).Seconds()
	r.take(s)
	return r, w.verify(s.matches)
}

// session is both parties, ready to begin.
type session struct {
	world                 *world
	transmitter, receiver linkage.Config
	server, client        *counted
	serverTLS, clientTLS  *tls.Config

	matches        []linkage.Match
	sent, received linkage.Summary
}

func (o *options) newSession(ctx context.Context, w *world, bar *bar) (*session, error) {
	t, err := newParty(linkage.Transmitter)
	if err != nil {
		return nil, err
	}
	r, err := newParty(linkage.Receiver)
	if err != nil {
		return nil, err
	}
	agreement, err := o.agreement(t, r)
	if err != nil {
		return nil, err
	}
	s := &session{
		world: w, serverTLS: t.tls(r), clientTLS: r.tls(t),
		transmitter: linkage.Config{
			Agreement: agreement, Signer: t.key, Key: hashing.NewKey(),
			IdleTimeout: patience, Progress: bar.of(linkage.Transmitter),
		},
		receiver: linkage.Config{
			Agreement: agreement, Signer: r.key,
			IdleTimeout: patience, Progress: bar.of(linkage.Receiver),
		},
	}
	s.server, s.client, err = connect(ctx)
	return s, err
}

// run is what is measured: both parties at once, as they would be on two machines,
// and here on the processors of one.
func (s *session) run(ctx context.Context) error {
	parties, both := errgroup.WithContext(ctx)
	parties.Go(func() error {
		publication, err := linkage.Publish(both, s.transmitter, s.world.signals(s.transmitter.Progress))
		if err != nil {
			_ = s.server.Close()
			return err
		}
		s.sent, err = linkage.Transmit(both, tls.Server(s.server, s.serverTLS), s.transmitter, publication)
		return err
	})
	parties.Go(func() (err error) {
		s.matches, s.received, err = linkage.Receive(both, tls.Client(s.client, s.clientTLS), s.receiver, s.world.receiverAccounts(s.receiver.Progress))
		return err
	})
	return parties.Wait()
}
