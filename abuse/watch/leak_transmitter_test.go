package watch

import (
	"bytes"
	"context"
	"encoding/hex"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric/noop"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/linkage"
)

// heard keeps what handlers say and what they are told.
type heard struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (h *heard) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.all.Write(p)
}

func (h *heard) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.all.String()
}

type tee struct {
	http.ResponseWriter
	h *heard
}

func (t tee) Write(p []byte) (int, error) {
	_, _ = t.h.Write(p)
	return t.ResponseWriter.Write(p)
}

// Nothing that names a subject goes out or is written: not into answers, logs, measures or rows.
func TestNoSubjectLeaves(t *testing.T) {
	var logs, wire heard
	reader := sdk.NewManualReader()
	s := newService(t, newParties(t, func(a *linkage.Agreement) { a.Limits.AdditionsPerDay = 2 }))
	s.also = func(c *TransmitterConfig) {
		c.Log = slog.New(slog.NewTextHandler(&logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
		c.Meter = sdk.NewMeterProvider(sdk.WithReader(reader))
	}
	f := &flaky{Store: s.store, before: true}
	s.store = f
	tr := s.start()
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { tr.serve(tee{w, &wire}, r) }))
	srv.TLS = ServerTLS(selfSigned(t, s.transmitter))
	srv.StartTLS()
	defer srv.Close()
	c, err := NewClient(ClientConfig{URL: srv.URL, Agreement: s.agreement, Certificate: selfSigned(t, s.receiver), Attempts: 1})
	require.NoError(t, err)
	defer c.Close()
	ctx := t.Context()
	for n := range 3 {
		require.NoError(t, tr.Report(ctx, s.account(n), testSignal(n, 0)))
	}
	require.NoError(t, tr.Cut(ctx))
	require.NoError(t, tr.Retract(ctx, testSignal(0, 0).ID))
	require.NoError(t, tr.Cut(ctx))
	require.Len(t, s.read(t, c, 0, s.phones(2)...), 2)
	_, err = c.Evaluate(ctx, 0, [16]byte{9}, s.blinded(t, c, 0, phoneOf(t, 1)))
	require.ErrorIs(t, err, BudgetExhausted)
	f.n.Store(1)
	require.Error(t, tr.Cut(ctx))
	_, err = s.enrolBase(ctx, c, s.now(), s.phones(2)...)
	require.Error(t, err, "no hijacking through the test's writer")
	require.NoError(t, tr.CloseRecord(ctx))

	var measures metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(ctx, &measures))
	names := map[string]bool{}
	var said strings.Builder
	for _, scope := range measures.ScopeMetrics {
		require.Equal(t, instrumentation, scope.Scope.Name)
		for _, m := range scope.Metrics {
			names[m.Name] = true
			switch d := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range d.DataPoints {
					said.WriteString(p.Attributes.Encoded(attribute.DefaultEncoder()))
				}
			case metricdata.Histogram[float64]:
				for _, p := range d.DataPoints {
					said.WriteString(p.Attributes.Encoded(attribute.DefaultEncoder()))
				}
			}
		}
	}
	for _, name := range []string{"hueandcry.feed.records", "hueandcry.feed.bytes", "hueandcry.feed.batches", "hueandcry.evaluate.identifiers",
		"hueandcry.evaluate.refused", "hueandcry.evaluate.duration", "hueandcry.alarms", "hueandcry.budget.left"} {
		require.True(t, names[name], name)
	}
	rows := ""
	for _, table := range abuse.Tables() {
		require.NoError(t, s.store.View(ctx, func(r abuse.Reader) error {
			all, err := r.Scan(table, []byte{0}, nil, 1<<20)
			for _, row := range all {
				rows += string(row.Key) + "\x00" + string(row.Value) + "\x00"
			}
			return err
		}))
	}
	require.Contains(t, rows, "acc-1", "the transmitter's own reference is what it keeps")
	// Tags as published, of every batch.
	var secret []string
	for n := uint64(1); n <= 2; n++ {
		data, err := c.Batch(ctx, s.feedOf(0), n, false)
		require.NoError(t, err)
		b, err := linkage.ParseBatch(s.agreement, data)
		require.NoError(t, err)
		for i := range b.Len() {
			for j := range b.Record(i).Identifiers() {
				tag := b.Record(i).Tag(j, 0)
				secret = append(secret, string(tag[:]), hex.EncodeToString(tag[:]))
			}
		}
	}
	require.NotEmpty(t, secret)
	for _, hidden := range secret {
		require.NotContains(t, rows, hidden, "a tag in the store")
		require.NotContains(t, logs.String(), hidden)
	}
	for _, form := range []string{"33612000000", "33612000001", "612000001", "0612000001", "acc-0", "acc-1", testSignal(1, 0).ID.String()} {
		for what, text := range map[string]string{"log": logs.String(), "wire": wire.String(), "measure": said.String()} {
			require.NotContains(t, text, form, what)
			require.NotContains(t, text, hex.EncodeToString([]byte(form)), what)
		}
	}
	require.NotContains(t, rows, "33612000001")
	id := testSignal(1, 0).ID
	require.NotContains(t, wire.String(), string(id[:]))
	require.NotEmpty(t, logs.String())
}

// When calls have returned, nothing of theirs goes on.
func TestNoGoroutineIsLeft(t *testing.T) {
	s := newService(t, newParties(t, nil))
	before := runtime.NumGoroutine()
	func() {
		tr := s.start()
		srv := httptest.NewUnstartedServer(tr.Handler())
		srv.TLS = ServerTLS(selfSigned(t, s.transmitter))
		srv.StartTLS()
		c, err := NewClient(ClientConfig{URL: srv.URL, Agreement: s.agreement, Certificate: selfSigned(t, s.receiver), Attempts: 1})
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { _ = tr.Run(ctx) })
		for range 5 {
			wg.Go(func() { _, _ = c.Latest(ctx, s.feedOf(0), 0, 20*time.Second) })
		}
		_, err = s.enrolBase(ctx, c, s.now(), s.phones(2)...)
		require.NoError(t, err)
		require.NoError(t, tr.Cut(ctx))
		cancel()
		wg.Wait()
		require.NoError(t, tr.Close(t.Context()))
		c.Close()
		srv.Close()
	}()
	for end := time.Now().Add(time.Minute); runtime.NumGoroutine() > before && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	if runtime.NumGoroutine() > before {
		stacks := make([]byte, 1<<20)
		t.Fatalf("%s", stacks[:runtime.Stack(stacks, true)])
	}
}

// A provider that measures nothing is good too.
func TestTelemetryOfNothing(t *testing.T) {
	tel := Observe{Meter: noop.NewMeterProvider()}.telemetry([16]byte{1}, linkage.Transmitter)
	tel.alarm(t.Context(), AlarmBurst, testNow, 1)
	_, span := tel.span(t.Context(), "hueandcry.cut")
	span.End()
}

// A scan is seen: by its pace, and by what is malformed.
func TestPattern(t *testing.T) {
	var p pattern
	rung := int64(0)
	for i := range 40 {
		rung += p.asked(testNow.Add(time.Duration(i)*time.Minute), 10, 1000)
	}
	require.Zero(t, rung, "a thousand in a day and more than that an hour are no burst")
	for i := range 60 {
		if sum := p.asked(testNow.Add(time.Hour+time.Duration(i)*10*time.Second), 10, 1000); sum > 0 {
			rung++
			require.GreaterOrEqual(t, sum, int64(250))
		}
	}
	require.EqualValues(t, 1, rung, "once in ten minutes")
	n := 0
	for range 250 {
		if p.malformed(testNow) {
			n++
		}
	}
	require.Equal(t, 1, n)
	require.True(t, p.exhausted(1))
	require.False(t, p.exhausted(1))
	require.True(t, p.exhausted(2))
}
