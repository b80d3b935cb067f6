package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/watch"
	"github.com/hueandcry/hueandcry/hashing"
)

// transmitter is the service that finds abuse.
type transmitter struct {
	clock  setClock
	store  abuse.Store
	watch  *watch.Transmitter
	server *http.Server
	listen net.Listener
}

func newTransmitter(ctx context.Context, w *world, o *options, store abuse.Store) (service, error) {
	vault, err := w.vault(filepath.Join(o.dir, "vault-transmitter"), roleTransmitter)
	if err != nil {
		return nil, err
	}
	t := &transmitter{store: store}
	t.clock.at.Store(o.at)
	if t.watch, err = watch.NewTransmitter(ctx, watch.TransmitterConfig{
		Agreement: w.agreement, Signer: w.transmitter, Store: store, Vault: vault, Identifiers: identifiers, Clock: t.clock.now,
	}); err != nil {
		return nil, err
	}
	cert, err := certificate(w.transmitter)
	if err != nil {
		return nil, err
	}
	var lc net.ListenConfig
	if t.listen, err = lc.Listen(ctx, "tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	t.server = &http.Server{Handler: t.watch.Handler(), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	go func() { _ = t.server.Serve(tls.NewListener(t.listen, watch.ServerTLS(cert))) }() // until it is closed
	return t, nil
}

// identifiers is the callback of both services: an account's reference says who it is.
func identifiers(_ context.Context, account string) ([]hashing.Identifier, error) {
	n, ok := person(account)
	if !ok {
		return nil, watch.ErrGone
	}
	id, err := phone(n)
	return []hashing.Identifier{id}, err
}

func (t *transmitter) do(ctx context.Context, r request) (reply, error) {
	t.clock.at.Store(r.At)
	switch r.Op {
	case "address":
		return reply{Address: "https://" + t.listen.Addr().String()}, nil
	case "say":
		// Those who find abuse are many, and do not wait for each other; the store commits together
		// what comes at one time.
		all, ctx := errgroup.WithContext(ctx)
		all.SetLimit(32)
		for i := range r.Say {
			s := &r.Say[i]
			all.Go(func() error {
				if s.Retract {
					return t.watch.Retract(ctx, s.id())
				}
				return t.watch.Report(ctx, fmt.Sprint("t", s.About), s.form())
			})
		}
		return reply{}, all.Wait()
	case "cut":
		return reply{}, t.watch.Cut(ctx)
	}
	return reply{}, fmt.Errorf("no such command for a transmitter: %s", r.Op)
}

func (t *transmitter) close(ctx context.Context) error {
	return errors.Join(t.server.Close(), t.watch.Close(ctx), t.store.Close())
}
