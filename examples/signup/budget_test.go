package main

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse/abusetest"
	"github.com/hueandcry/hueandcry/abuse/sqlstore"
	"github.com/hueandcry/hueandcry/abuse/watch"
	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
)

// The cap of a day holds over loopback TLS and on both databases: for parallel clients, for two
// processes' transmitters on one store, and through their restarts.
func TestBudgetOnDatabases(t *testing.T) {
	attempts := int64(1500)
	if os.Getenv("HUEANDCRY_FULL") != "" {
		attempts = 100_000
	}
	for what, address := range map[string]func() string{
		"sqlite":   func() string { return "sqlite:" + filepath.Join(t.TempDir(), "budget.db") },
		"postgres": func() string { return "" },
	} {
		t.Run(what, func(t *testing.T) {
			dsn := address()
			if dsn == "" {
				dsn = abusetest.Postgres(t)
			}
			const most = 60
			w, err := newWorld(7, "ec")
			require.NoError(t, err)
			w.agreement.Limits.AdditionsPerDay = most
			require.NoError(t, w.agreement.Sign(linkage.Transmitter, w.keys[linkage.Transmitter]))
			require.NoError(t, w.agreement.Sign(linkage.Receiver, w.keys[linkage.Receiver]))
			ctx := t.Context()
			store, err := sqlstore.Open(ctx, dsn)
			require.NoError(t, err)
			defer func() { require.NoError(t, store.Close()) }()
			key, dir := hashing.NewKey(), t.TempDir()+"/vault"
			noon := time.Now().UTC().Truncate(24 * time.Hour).Add(12 * time.Hour)
			start := func() *watch.Transmitter {
				vault, err := watch.OpenVault(dir, key)
				require.NoError(t, err)
				tr, err := watch.NewTransmitter(ctx, watch.TransmitterConfig{
					Agreement: w.agreement, Signer: w.keys[linkage.Transmitter], Store: store, Vault: vault, Clock: func() time.Time { return noon },
					Identifiers: func(context.Context, string) ([]hashing.Identifier, error) { return nil, watch.ErrGone },
				})
				require.NoError(t, err)
				return tr
			}
			var mu sync.Mutex
			running := []*watch.Transmitter{start(), start()}
			s := &services{cancel: func() {}}
			defer func() { require.NoError(t, s.stop()) }()
			var turn atomic.Int64
			host, err := s.listen("127.0.0.1:0", http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				mu.Lock()
				tr := running[turn.Add(1)%2]
				mu.Unlock()
				tr.Handler().ServeHTTP(rw, r)
			}), watch.ServerTLS(w.certs[linkage.Transmitter]))
			require.NoError(t, err)
			client, err := watch.NewClient(watch.ClientConfig{URL: "https://" + host, Agreement: w.agreement, Certificate: w.certs[linkage.Receiver]})
			require.NoError(t, err)
			defer client.Close()
			epoch, _ := w.agreement.Epoch(noon)
			opening, err := client.Opening(ctx, epoch)
			require.NoError(t, err)
			blinder, err := linkage.NewBlinder(linkage.Config{Agreement: w.agreement, Signer: w.keys[linkage.Receiver], Now: noon}, epoch, opening)
			require.NoError(t, err)
			ids, err := w.identifiers(1)
			require.NoError(t, err)
			blinding, err := blinder.Blind(ctx, ids)
			require.NoError(t, err)
			request := blinding.Request()
			var tried, evaluated atomic.Int64
			var all sync.WaitGroup
			for range 8 {
				all.Go(func() {
					for n := tried.Add(1); n <= attempts; n = tried.Add(1) {
						if n%50 == 0 { // killed
							tr := start()
							mu.Lock()
							running[n/50%2] = tr
							mu.Unlock()
						}
						var id [16]byte
						rand.Read(id[:])
						if _, err := client.Evaluate(ctx, epoch, id, request); err == nil {
							evaluated.Add(2)
						} else if !errors.Is(err, watch.BudgetExhausted) {
							t.Error(err)
						}
					}
				})
			}
			all.Wait()
			require.LessOrEqual(t, evaluated.Load(), int64(most))
			require.GreaterOrEqual(t, evaluated.Load(), int64(most/2), "restarts waste something, and not all")
		})
	}
}

// Neither service's files hold an identifier in any spelling, or a tag as it was published.
func TestFilesHoldNoIdentifier(t *testing.T) {
	dir := t.TempDir()
	o, err := parseFlags([]string{"-flagged", "20", "-store", "sqlite:" + filepath.Join(dir, "signup.db")}, &discarded{})
	require.NoError(t, err)
	w, err := newWorld(3, "ec")
	require.NoError(t, err)
	ctx := t.Context()
	s, err := start(ctx, o, w, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	o.load, o.rps = 40, 100
	require.Equal(t, 40, s.drive(ctx, o).Decisions)

	var secrets [][]byte
	for n := range 20 {
		national := phone(n)[1:]
		secrets = append(secrets, []byte("+33"+national), []byte(w.device(n)))
	}
	client, err := watch.NewClient(watch.ClientConfig{URL: s.partnerURL, Agreement: w.agreement, Certificate: w.certs[linkage.Receiver]})
	require.NoError(t, err)
	epoch, _ := w.agreement.Epoch(time.Now())
	feed := linkage.NewFeedID(w.agreement, epoch, []linkage.GenerationID{linkage.LiveGeneration(w.agreement, epoch)})
	data, err := client.Batch(ctx, feed, 1, false)
	require.NoError(t, err)
	batch, err := linkage.ParseBatch(w.agreement, data)
	require.NoError(t, err)
	for i := range batch.Len() {
		for j := range batch.Record(i).Identifiers() {
			tag := batch.Record(i).Tag(j, 0)
			secrets = append(secrets, tag[:])
		}
	}
	client.Close()
	require.Greater(t, len(secrets), 60)
	abusetest.Scan(t, dir, secrets...) // while it runs: the log of what is not in its place yet too
	require.NoError(t, s.stop())
	abusetest.Scan(t, dir, secrets...)
}

type discarded struct{}

func (discarded) Write(p []byte) (int, error) { return len(p), nil }
