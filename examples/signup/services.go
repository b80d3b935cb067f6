package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/sqlstore"
	"github.com/hueandcry/hueandcry/abuse/watch"
	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
)

// services are the two of them, running.
type services struct {
	w           *world
	accounts    *accountBook
	transmitter *watch.Transmitter
	receiver    *watch.Receiver
	address     string // of /signup
	partnerURL  string
	storeKind   string
	log         *slog.Logger
	delivered   atomic.Int64 // changes that the decider has handed on
	matched     atomic.Int64 // sign-ups about which something was known
	pending     atomic.Int64 // sign-ups that are still to be checked

	cancel  context.CancelFunc
	running sync.WaitGroup
	closing []func() error // the last first
}

func (s *services) onStop(f func() error) { s.closing = append(s.closing, f) }

// stop ends all that start has begun.
func (s *services) stop() error {
	s.cancel()
	var all []error
	for i := len(s.closing) - 1; i >= 0; i-- {
		all = append(all, s.closing[i]())
	}
	return errors.Join(all...)
}

// start starts both services and waits until the receiver has read what there is.
func start(ctx context.Context, o *options, w *world, log *slog.Logger) (_ *services, err error) {
	ctx, cancel := context.WithCancel(ctx)
	s := &services{w: w, accounts: newAccountBook(), log: log, cancel: cancel}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.stop())
		}
	}()
	dir, err := os.MkdirTemp("", "signup-")
	if err != nil {
		return nil, err
	}
	s.onStop(func() error { return os.RemoveAll(dir) })
	if err := s.startTransmitter(ctx, o, dir); err != nil {
		return nil, fmt.Errorf("transmitter: %w", err)
	}
	if err := s.startReceiver(ctx, o, dir); err != nil {
		return nil, fmt.Errorf("receiver: %w", err)
	}
	return s, nil
}

// place is where a service keeps its store and its vault.
func (s *services) place(ctx context.Context, address, fallback, dir, role string) (abuse.Store, *watch.Vault, error) {
	if address == "" {
		address = fallback
	}
	if address == "" {
		address = "sqlite:" + filepath.Join(dir, role+".db")
	}
	store, err := sqlstore.Open(ctx, address)
	if err != nil {
		return nil, nil, err
	}
	s.onStop(store.Close)
	file, isFile := strings.CutPrefix(address, "sqlite:")
	if role == "receiver" {
		s.storeKind = "postgres"
		if isFile {
			s.storeKind = "sqlite"
		}
	}
	// Keys are beside the store and not in it. A store that is kept needs its vault kept, under a
	// key from a secret manager; the one here is as secret as the seed. Beside a database
	// server it is in the working directory.
	folder := file + ".vault"
	if !isFile {
		folder = "signup-" + role + ".vault"
	}
	secret := s.w.digest("vault/"+role, 0)
	key, err := hashing.KeyFromSecret(secret[:])
	if err != nil {
		return nil, nil, err
	}
	vault, err := watch.OpenVault(folder, key)
	return store, vault, err
}

// startTransmitter starts the service that has flagged accounts, on a port of its own.
func (s *services) startTransmitter(ctx context.Context, o *options, dir string) error {
	fallback := ""
	if strings.HasPrefix(o.store, "sqlite:") {
		fallback = o.store + ".transmitter"
	}
	store, vault, err := s.place(ctx, o.partner, fallback, dir, "transmitter")
	if err != nil {
		return err
	}
	s.transmitter, err = watch.NewTransmitter(ctx, watch.TransmitterConfig{
		Agreement: s.w.agreement, Signer: s.w.keys[linkage.Transmitter], Store: store, Vault: vault, Cadence: cadence,
		Identifiers: func(_ context.Context, account string) ([]hashing.Identifier, error) {
			var n int
			if _, err := fmt.Sscanf(account, "flagged-%d", &n); err != nil {
				return nil, watch.ErrGone
			}
			return s.w.identifiers(n)
		},
		Observe: watch.Observe{Log: s.log},
	})
	if err != nil {
		return err
	}
	s.onStop(func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		return s.transmitter.Close(ctx)
	})
	// In parallel, so that a store makes many durable at a time.
	var reports errgroup.Group
	reports.SetLimit(32)
	now := time.Now()
	for n := range o.flagged {
		reports.Go(func() error { return s.transmitter.Report(ctx, fmt.Sprintf("flagged-%d", n), s.w.signal(n, now)) })
	}
	if err := errors.Join(reports.Wait(), s.transmitter.Cut(ctx)); err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/hueandcry/v1/", s.transmitter.Handler())
	address, err := s.listen("127.0.0.1:0", mux, watch.ServerTLS(s.w.certs[linkage.Transmitter]))
	s.partnerURL = "https://" + address
	s.running.Go(func() { _ = s.transmitter.Run(ctx) })
	s.onStop(func() error { s.running.Wait(); return nil })
	return err
}

// cadence is short, so that one sees something; a real one is a quarter of an hour.
const cadence = 2 * time.Second

// startReceiver starts the service that people sign up at.
func (s *services) startReceiver(ctx context.Context, o *options, dir string) error {
	store, vault, err := s.place(ctx, o.store, "", dir, "receiver")
	if err != nil {
		return err
	}
	client, err := watch.NewClient(watch.ClientConfig{URL: s.partnerURL, Agreement: s.w.agreement, Certificate: s.w.certs[linkage.Receiver]})
	if err != nil {
		return err
	}
	s.onStop(func() error { client.Close(); return nil })
	policy := abuse.DefaultPolicy(receiverName, abuse.Live)
	decider, err := watch.NewDecider(watch.DeciderConfig{
		Store: store, Accounts: s.accounts,
		Decide: func(e abuse.Evidence, now time.Time) abuse.Decision { return abuse.Decide(e, policy, now) },
		// Here a service would act: log the account out, ask for a captcha, tell its people.
		Deliver: func(context.Context, watch.Event) error { s.delivered.Add(1); return nil },
		Observe: watch.Observe{Log: s.log},
	})
	if err != nil {
		return err
	}
	s.receiver, err = watch.NewReceiver(ctx, watch.ReceiverConfig{
		Agreement: s.w.agreement, Signer: s.w.keys[linkage.Receiver], Store: store, Vault: vault, Partner: client, Decider: decider,
		Accounts: s.accounts, WhenDown: o.fail, Observe: watch.Observe{Log: s.log},
	})
	if err != nil {
		return err
	}
	if err := s.enrolBase(ctx, o); err != nil {
		return err
	}
	if err := s.catchUp(ctx); err != nil {
		return err
	}
	s.running.Go(func() { _ = s.receiver.Run(ctx) })
	s.running.Go(func() { _ = decider.Run(ctx) })
	s.onStop(func() error { s.running.Wait(); return nil })
	mux := http.NewServeMux()
	mux.Handle("POST /signup", http.HandlerFunc(s.serveSignup))
	s.address, err = s.listen(o.listen, mux, nil)
	return err
}

// enrolBase enrols the accounts there are, none at a service that begins, once an epoch.
func (s *services) enrolBase(ctx context.Context, o *options) error {
	status, err := s.receiver.Status(ctx)
	if err != nil || !status.Due {
		return err
	}
	now := time.Now()
	epoch, _ := s.w.agreement.Epoch(now)
	_, err = s.receiver.EnrolBase(ctx, epoch, func(yield func(linkage.Account, error) bool) {
		for n := range o.base {
			account := fmt.Sprintf("own-%d", n)
			ids, err := s.w.identifiers(firstOwn + n)
			s.accounts.put(account, ids, now.AddDate(-1, 0, 0))
			if !yield(linkage.Account{Ref: account, Identifiers: ids}, err) {
				return
			}
		}
	})
	return err
}

// catchUp waits until the receiver has read all that the transmitter said before. The feed of a base
// that was just enrolled in bulk is opened a moment later.
func (s *services) catchUp(ctx context.Context) error {
	for {
		if err := errors.Join(s.transmitter.Cut(ctx), s.receiver.Follow(ctx)); err != nil {
			return err
		}
		status, err := s.receiver.Status(ctx)
		if err != nil || len(status.Feeds) == 0 || status.Feeds[len(status.Feeds)-1].Complete {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// listen serves until stop, and gives the address.
func (s *services) listen(address string, handler http.Handler, cfg *tls.Config) (string, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return "", err
	}
	srv := &http.Server{Handler: handler, TLSConfig: cfg, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		ErrorLog: slog.NewLogLogger(slog.NewTextHandler(io.Discard, nil), slog.LevelError)}
	s.onStop(srv.Close)
	go func() {
		if cfg != nil {
			_ = srv.ServeTLS(l, "", "")
			return
		}
		_ = srv.Serve(l)
	}()
	return l.Addr().String(), nil
}
