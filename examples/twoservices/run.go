package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
)

// sent is what the transmitter's side came to.
type sent struct {
	intake  *intake
	signals []linkage.Flagged
	sum     linkage.Summary
	traffic traffic
}

// received is what the receiver's side came to.
type received struct {
	intake    *intake
	accounts  *accountBook
	matches   []linkage.Match
	decisions []abuse.Decision
	sum       linkage.Summary
	traffic   traffic
}

// run does what the flags say.
func (o *options) run(ctx context.Context, stdout io.Writer, log *logger) error {
	if o.makeCerts != "" {
		return makeCerts(o.makeCerts, time.Now(), o.protocolFor(unknownSize), o.json, stdout)
	}
	start := time.Now()
	res, err := o.runRole(ctx, log)
	if err != nil {
		return err
	}
	res.elapsed = time.Since(start)
	if o.json {
		return res.summary().print(stdout)
	}
	return res.print(stdout)
}

// runRole runs what this process is, and writes the decisions.
func (o *options) runRole(ctx context.Context, log *logger) (res results, err error) {
	if o.role == roleTransmitter {
		return o.runTransmitter(ctx, log)
	}
	var file *decisionsFile
	if o.decisions != "" {
		if file, err = newDecisionsFile(ctx, o.decisions); err != nil {
			return res, err
		}
		defer file.discard()
	}
	if o.role == roleReceiver {
		res, err = o.runReceiver(ctx, log)
	} else {
		res, err = o.runBoth(ctx, log)
	}
	if err == nil && file != nil {
		err = file.write(res.received.decisions)
	}
	return res, err
}

func (o *options) runTransmitter(ctx context.Context, log *logger) (results, error) {
	p, err := o.party(linkage.Transmitter, o.protocolFor(unknownSize))
	if err != nil {
		return results{}, err
	}
	l, err := listen(ctx, o.listen)
	if err != nil {
		return results{}, err
	}
	defer l.Close()
	log.printf("transmitter: listening on %s", l.Addr())
	s, err := o.readSignals(p, log)
	if err != nil {
		return results{}, err
	}
	return results{sent: s, protocol: p.agreement.Protocol}, o.transmit(ctx, l, p, s, log)
}

func (o *options) runReceiver(ctx context.Context, log *logger) (results, error) {
	p, err := o.party(linkage.Receiver, o.protocolFor(unknownSize))
	if err != nil {
		return results{}, err
	}
	r, err := o.readAccounts(p, log)
	if err != nil {
		return results{}, err
	}
	return results{received: r, protocol: p.agreement.Protocol}, o.receive(ctx, o.connect, p, r, log)
}

// runBoth runs the two parties as two goroutines, which have nothing in common but
// a loopback connection, and that both know how many accounts there are: from that
// comes the protocol of their agreement.
func (o *options) runBoth(ctx context.Context, log *logger) (results, error) {
	address := o.listen
	if address == "" {
		address = "127.0.0.1:0"
	}
	l, err := listen(ctx, address)
	if err != nil {
		return results{}, err
	}
	defer l.Close()
	res, err := o.readBoth(log)
	if err != nil {
		return results{}, err
	}
	res.protocol = o.protocolFor(len(res.received.accounts.refs))
	parties, both := errgroup.WithContext(ctx)
	parties.Go(func() error {
		p, err := o.party(linkage.Transmitter, res.protocol)
		if err != nil {
			return err
		}
		return o.transmit(both, l, p, res.sent, log)
	})
	parties.Go(func() error {
		p, err := o.party(linkage.Receiver, res.protocol)
		if err != nil {
			return err
		}
		return o.receive(both, l.Addr().String(), p, res.received, log)
	})
	if err := parties.Wait(); err != nil {
		return results{}, err
	}
	if o.made() {
		res.optOut, err = o.tryAdvertising(ctx, res.received, res.sent.signals, log)
	}
	return res, err
}

// readBoth reads the files of both parties. The terms of the agreement that matter to
// that are the same whatever the protocol.
func (o *options) readBoth(log *logger) (res results, err error) {
	var readers errgroup.Group
	readers.Go(func() error {
		p, err := o.party(linkage.Transmitter, o.protocolFor(unknownSize))
		if err == nil {
			res.sent, err = o.readSignals(p, log)
		}
		return err
	})
	readers.Go(func() error {
		p, err := o.party(linkage.Receiver, o.protocolFor(unknownSize))
		if err == nil {
			res.received, err = o.readAccounts(p, log)
		}
		return err
	})
	return res, readers.Wait()
}

// readSignals is the transmitter's file as signals.
func (o *options) readSignals(p *party, log *logger) (*sent, error) {
	s := &sent{intake: o.intake("flagged", p.agreement, log)}
	file, err := o.open(o.flagged, func(m *madeUp) []byte { return m.flagged })
	if err != nil {
		return nil, fmt.Errorf("-flagged: %w", err)
	}
	defer file.Close()
	if s.signals, err = readFlagged(s.intake, file, p, o.now); err != nil {
		return nil, err
	}
	log.printf("transmitter: %d signals read, %d rows refused", len(s.signals), s.intake.refusedRows)
	return s, nil
}

// transmit is the transmitter from its signals to the end of the session.
func (o *options) transmit(ctx context.Context, l net.Listener, p *party, s *sent, log *logger) (err error) {
	t := &transmitter{party: p, now: o.now, progress: log.progress("transmitter")}
	s.sum, err = t.transmit(ctx, accepting(l, p.server(), &s.traffic, log), s.signals)
	return err
}

// readAccounts is the receiver's file as accounts.
func (o *options) readAccounts(p *party, log *logger) (*received, error) {
	r := &received{intake: o.intake("accounts", p.agreement, log)}
	file, err := o.open(o.accounts, func(m *madeUp) []byte { return m.accounts })
	if err != nil {
		return nil, fmt.Errorf("-accounts: %w", err)
	}
	defer file.Close()
	if r.accounts, err = readAccounts(r.intake, file); err != nil {
		return nil, err
	}
	log.printf("receiver: %d accounts read, %d rows refused", len(r.accounts.refs), r.intake.refusedRows)
	return r, nil
}

// receive is the receiver from its accounts to its decisions.
func (o *options) receive(ctx context.Context, address string, p *party, r *received, log *logger) (err error) {
	rc := &receiver{party: p, now: o.now, progress: log.progress("receiver"), log: log}
	if r.matches, r.sum, err = rc.receive(ctx, dialing(address, p.client(), &r.traffic), r.accounts); err != nil {
		return err
	}
	rc.tellUnreadable(r.sum)
	r.decisions = rc.decide(r.matches, r.accounts)
	log.printf("receiver: %d accounts matched and decided about", len(r.decisions))
	return nil
}

// intake makes the reader of a file. Only what is made up may have numbers that are
// reserved for fiction.
func (o *options) intake(name string, a *linkage.Agreement, log *logger) *intake {
	return &intake{
		name: name, strict: o.strict, log: log, admits: a.Admits,
		phones: hashing.PhoneParser{Region: o.region, Fiction: o.made()},
	}
}

// open opens a file, or the part of a made-up world that stands for it.
func (o *options) open(path string, half func(*madeUp) []byte) (io.ReadCloser, error) {
	if !o.made() {
		return os.Open(path)
	}
	return io.NopCloser(bytes.NewReader(half(makeUp(o.seed, o.size)))), nil
}
