package linkage_test

import (
	"context"
	"crypto/tls"
	"errors"
	"iter"
	"math/rand/v2"
	"net"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
	"github.com/hueandcry/hueandcry/linkage/linkagetest"
)

// The connection of either side fails at its n-th operation, for n = 0, 1, 2, …
// until the session succeeds: every failure is typed, gives no partial result on
// either side and leaves no goroutine behind.
func TestFaultAtEveryOperation(t *testing.T) { eachProtocol(t, testFaultAtEveryOperation) }

func testFaultAtEveryOperation(t *testing.T, under func(*linkage.Agreement)) {
	w := newWorld(t, rand.New(rand.NewPCG(3, 1)), 20, 20, 20)
	p := linkagetest.NewParties(under)
	server, client := linkagetest.TLS()
	plain := linkagetest.AllowPlain(t.Context())
	pub, err := linkage.Publish(plain, p.TransmitterConfig(), linkage.Slice(w.signals))
	require.NoError(t, err)
	before := runtime.NumGoroutine()
	for name, wrap := range map[string]func(tConn, rConn net.Conn) (net.Conn, net.Conn){
		"plain": func(tConn, rConn net.Conn) (net.Conn, net.Conn) { return tConn, rConn },
		"TLS": func(tConn, rConn net.Conn) (net.Conn, net.Conn) {
			return tls.Server(tConn, server), tls.Client(rConn, client)
		},
	} {
		// Base transfers take their time, more so under the race detector. What is below TLS has
		// each operation above; HUEANDCRY_FULL takes each of TLS as well.
		step, short := int64(1), testing.Short() && p.Agreement.Protocol == linkage.ProtocolVOLE
		if short && name == "TLS" {
			continue
		} else if short || name == "TLS" {
			step = 3
		}
		for _, side := range []string{"transmitter", "receiver"} {
			first, step := from(t, step)
			for n := first; ; n += step {
				tConn, rConn := linkagetest.Pipe()
				fault := &linkagetest.Faulty{At: n}
				if side == "transmitter" {
					fault.Conn, tConn = tConn, fault
				} else {
					fault.Conn, rConn = rConn, fault
				}
				tConn, rConn = wrap(tConn, rConn)
				o := run(plain, tConn, rConn, p.TransmitterConfig(), p.ReceiverConfig(), pub, linkage.Slice(w.accounts))
				settled(t, before)
				if !fault.Reached() {
					requireJoin(t, w, o)
					require.Greater(t, n, int64(8), "the session has several operations to fail at")
					break
				}
				failed := o.errReceiver
				if side == "transmitter" {
					failed = o.errTransmit
				}
				// Under TLS the last operations are those of closing the connection.
				if name == "plain" {
					var e *linkage.Error
					require.ErrorAs(t, failed, &e, "%s %s %d", name, side, n)
					require.ErrorIs(t, failed, linkage.ErrConn)
				}
				for _, err := range []error{o.errReceiver, o.errTransmit} {
					var e *linkage.Error
					require.True(t, err == nil || errors.As(err, &e), "%s %s %d: %v", name, side, n, err)
				}
				if o.errReceiver != nil {
					require.Nil(t, o.matches)
					require.Zero(t, o.receiver)
				} else {
					requireJoin(t, w, outcome{matches: o.matches})
				}
				require.Less(t, n, int64(1000))
			}
		}
	}
}

// stepping counts operations on a connection and calls at with each number.
type stepping struct {
	net.Conn
	count atomic.Int64
	at    func(int64)
}

func (s *stepping) Read(p []byte) (int, error) {
	s.at(s.count.Add(1) - 1)
	return s.Conn.Read(p)
}

func (s *stepping) Write(p []byte) (int, error) {
	s.at(s.count.Add(1) - 1)
	return s.Conn.Write(p)
}

// The context of either side ends at every operation in turn. That side says so,
// with the context's own cause; nothing is left running.
func TestCancelAtEveryOperation(t *testing.T) { eachProtocol(t, testCancelAtEveryOperation) }

func testCancelAtEveryOperation(t *testing.T, under func(*linkage.Agreement)) {
	w := newWorld(t, rand.New(rand.NewPCG(3, 2)), 20, 20, 20)
	p := linkagetest.NewParties(under)
	plain := linkagetest.AllowPlain(t.Context())
	pub, err := linkage.Publish(plain, p.TransmitterConfig(), linkage.Slice(w.signals))
	require.NoError(t, err)
	before := runtime.NumGoroutine()
	cause := errors.New("the caller has seen enough")
	for n := int64(0); ; n++ {
		ctx, cancel := context.WithCancelCause(plain)
		tConn, rConn := linkagetest.Pipe()
		step := &stepping{Conn: rConn}
		reached := atomic.Bool{}
		step.at = func(i int64) {
			if i == n {
				reached.Store(true)
				cancel(cause)
			}
		}
		done := make(chan error, 1)
		go func() {
			_, err := linkage.Transmit(plain, tConn, p.TransmitterConfig(), pub)
			_ = tConn.Close()
			done <- err
		}()
		matches, _, err := linkage.Receive(ctx, step, p.ReceiverConfig(), linkage.Slice(w.accounts))
		_ = rConn.Close()
		transmitErr := <-done
		cancel(nil)
		if !reached.Load() {
			require.NoError(t, err)
			require.NoError(t, transmitErr)
			requireJoin(t, w, outcome{matches: matches})
			require.Greater(t, n, int64(8))
			break
		}
		// A session may still succeed where its last write was already under way.
		if err != nil {
			require.ErrorIs(t, err, linkage.ErrCanceled)
			require.ErrorIs(t, err, cause)
			require.Nil(t, matches)
			require.Error(t, transmitErr)
		}
	}
	settled(t, before)
}

func TestCancelBeforeAndWithoutAPeer(t *testing.T) { eachProtocol(t, testCancelBeforeAndWithoutAPeer) }

func testCancelBeforeAndWithoutAPeer(t *testing.T, under func(*linkage.Agreement)) {
	p := linkagetest.NewParties(under)
	before := runtime.NumGoroutine()
	ctx, cancel := context.WithCancel(linkagetest.AllowPlain(t.Context()))
	cancel()
	_, err := linkage.Publish(ctx, p.TransmitterConfig(), linkage.Slice([]linkage.Flagged{{ID: uuid.UUID{1}}}))
	require.ErrorIs(t, err, linkage.ErrCanceled)
	require.ErrorIs(t, err, context.Canceled)
	tConn, rConn := linkagetest.Pipe()
	_, _, err = linkage.Receive(ctx, rConn, p.ReceiverConfig(), linkage.Slice([]linkage.Account{{Ref: "a"}}))
	require.ErrorIs(t, err, linkage.ErrCanceled)

	// With a peer that says nothing, the caller's deadline holds.
	_ = tConn.Close()
	tConn, rConn = linkagetest.Pipe()
	ctx, cancel = context.WithTimeout(linkagetest.AllowPlain(t.Context()), 20*time.Millisecond)
	defer cancel()
	_, _, err = linkage.Receive(ctx, rConn, p.ReceiverConfig(), linkage.Slice([]linkage.Account{}))
	require.ErrorIs(t, err, linkage.ErrCanceled)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	_, _ = tConn.Close(), rConn.Close()
	settled(t, before)
}

// What the caller gets wrong is said before anything is sent.
func TestOwnInputIsChecked(t *testing.T) {
	p := linkagetest.NewParties(func(a *linkage.Agreement) {
		a.Limits = linkage.Limits{Identifiers: 3, AdditionsPerDay: 1, Records: 3, SignalsPerDay: 1, SignalsPerIdentifier: 2}
	})
	broken := errors.New("source is broken")
	one := []hashing.Identifier{phone(t, 1)}
	signal := func(n byte, ids ...hashing.Identifier) linkage.Flagged {
		return linkage.Flagged{ID: uuid.UUID{n}, Identifiers: ids}
	}
	four := []hashing.Identifier{phone(t, 1), phone(t, 2), phone(t, 3), phone(t, 4)}

	for name, c := range map[string]struct {
		edit     func(*linkage.Config)
		accounts []linkage.Account
		signals  []linkage.Flagged
		source   error
		want     linkage.Code
		limit    string
	}{
		"no agreement":       {edit: func(c *linkage.Config) { c.Agreement = nil }, want: linkage.ErrInput},
		"unsigned agreement": {edit: func(c *linkage.Config) { a := *c.Agreement; a.Signatures = linkage.Signatures{}; c.Agreement = &a }, want: linkage.ErrInput},
		"no signer":          {edit: func(c *linkage.Config) { c.Signer = nil }, want: linkage.ErrInput},
		"not in force":       {edit: func(c *linkage.Config) { c.Now = time.Date(2019, 1, 1, 0, 0, 0, 0, time.UTC) }, want: linkage.ErrEpoch},
		"negative workers":   {edit: func(c *linkage.Config) { c.Workers = -1 }, want: linkage.ErrInput},
		"source fails":       {source: broken, want: linkage.ErrInput},
		"zero identifier": {
			accounts: []linkage.Account{{Ref: "a", Identifiers: make([]hashing.Identifier, 1)}},
			signals:  []linkage.Flagged{signal(1, hashing.Identifier{})}, want: linkage.ErrInput,
		},
		"given twice": {
			accounts: []linkage.Account{{Ref: "a"}, {Ref: "a"}},
			signals:  []linkage.Flagged{signal(1, one...), signal(1, one...)}, want: linkage.ErrInput,
		},
		"too many": {
			accounts: []linkage.Account{{Ref: "a", Identifiers: four}},
			signals:  []linkage.Flagged{signal(1, four...)}, want: linkage.ErrLimit, limit: "Identifiers Records",
		},
		"too many about one": {signals: []linkage.Flagged{signal(1, one...), signal(2, one...), signal(3, one...)}, want: linkage.ErrLimit, limit: "SignalsPerIdentifier"},
		"label too long":     {signals: []linkage.Flagged{{ID: uuid.UUID{1}, Identifiers: one, Label: make([]byte, 65)}}, want: linkage.ErrLimit, limit: "LabelBytes"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := linkagetest.AllowPlain(t.Context())
			check := func(err error) {
				var e *linkage.Error
				require.ErrorAs(t, err, &e)
				require.Equal(t, c.want, e.Code)
				require.Equal(t, "setup", e.Round)
				if c.limit != "" {
					var l *linkage.LimitError
					require.ErrorAs(t, err, &l)
					require.Contains(t, c.limit, l.Limit)
					require.Greater(t, l.Got, l.Max)
				}
				if c.source != nil {
					require.ErrorIs(t, err, c.source)
				}
			}
			edit := c.edit
			if edit == nil {
				edit = func(*linkage.Config) {}
			}
			if c.signals != nil || c.accounts == nil {
				cfg := p.TransmitterConfig()
				edit(&cfg)
				pub, err := linkage.Publish(ctx, cfg, failing(c.signals, c.source))
				check(err)
				require.Nil(t, pub)
			}
			if c.accounts != nil || c.signals == nil {
				tConn, rConn := linkagetest.Pipe()
				defer func() { _, _ = tConn.Close(), rConn.Close() }()
				record := &linkagetest.Recorder{Conn: rConn}
				cfg := p.ReceiverConfig()
				edit(&cfg)
				matches, _, err := linkage.Receive(ctx, record, cfg, failing(c.accounts, c.source))
				check(err)
				require.Nil(t, matches)
				require.Empty(t, record.Sent())
			}
		})
	}

	cfg := p.TransmitterConfig()
	cfg.Key = hashing.Key{}
	_, err := linkage.Publish(t.Context(), cfg, failing[linkage.Flagged](nil, nil))
	require.ErrorIs(t, err, linkage.ErrInput)

	tConn, rConn := linkagetest.Pipe()
	defer func() { _, _ = tConn.Close(), rConn.Close() }()
	other := linkagetest.NewParties()
	pub, err := linkage.Publish(t.Context(), other.TransmitterConfig(), failing[linkage.Flagged](nil, nil))
	require.NoError(t, err)
	_, err = linkage.Transmit(t.Context(), tConn, p.TransmitterConfig(), pub)
	require.ErrorIs(t, err, linkage.ErrInput, "a publication of another agreement")
	_, err = linkage.Transmit(t.Context(), tConn, p.TransmitterConfig(), nil)
	require.ErrorIs(t, err, linkage.ErrInput)
}

// failing is a source that ends with an error, if it is given one.
func failing[T any](all []T, err error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, v := range all {
			if !yield(v, nil) {
				return
			}
		}
		if err != nil {
			var none T
			yield(none, err)
		}
	}
}
