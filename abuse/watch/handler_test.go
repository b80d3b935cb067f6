package watch

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
)

// raw asks over TLS with the certificate of a key.
func raw(t testing.TB, srv *httptest.Server, p *parties, key ed25519.PrivateKey, method, path string, body []byte, change func(*http.Request)) (*http.Response, []byte) {
	t.Helper()
	// Without keep-alive a server that refuses a body unread resets the connection, maybe before it is written.
	transport := &http.Transport{TLSClientConfig: ClientTLS(p.agreement, selfSigned(t, key))}
	defer transport.CloseIdleConnections()
	c := &http.Client{Transport: transport}
	r, err := http.NewRequestWithContext(t.Context(), method, srv.URL+path, bytes.NewReader(body))
	require.NoError(t, err)
	if body != nil {
		r.Header.Set("Content-Type", mediaType)
	}
	if change != nil {
		change(r)
	}
	resp, err := c.Do(r)
	require.NoError(t, err)
	out, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp, out
}

func (p *parties) blinded(t testing.TB, c Partner, epoch uint32, ids ...hashing.Identifier) []byte {
	t.Helper()
	opening, err := c.Opening(t.Context(), epoch)
	require.NoError(t, err)
	b, err := linkage.NewBlinder(linkage.Config{Agreement: p.agreement, Signer: p.receiver, Now: p.agreement.EpochStart(epoch)}, epoch, opening)
	require.NoError(t, err)
	blinding, err := b.Blind(t.Context(), ids)
	require.NoError(t, err)
	return blinding.Request()
}

// Every problem, its status, and that nothing is in the document but its code.
func TestProblems(t *testing.T) {
	s := newService(t, newParties(t, func(a *linkage.Agreement) { a.Limits.AdditionsPerDay = 3 }))
	f := &flaky{Store: s.store, before: true}
	s.store = f
	tr := s.start()
	require.NoError(t, tr.Cut(t.Context()))
	srv, c := serveTLS(t, s.parties, tr)
	request := s.blinded(t, c, 0, phoneOf(t, 1))
	_, stranger, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	at := pathPrefix + s.agreement.ID.String() + "/"
	feed := fmt.Sprintf("%x", s.feedOf(0))
	evaluation := func(id byte) []byte { return joined([]byte{1}, bytes.Repeat([]byte{id}, 16), request) }
	bad := evaluation(9)
	copy(bad[len(bad)-32:], bytes.Repeat([]byte{0xff}, 32))
	for _, row := range []struct {
		what, method, path string
		body               []byte
		key                ed25519.PrivateKey
		change             func(*http.Request)
		before             func()
		want               Problem
	}{
		{what: "other certificate", path: at + "status", key: stranger, want: Forbidden},
		{what: "own certificate", path: at + "status", key: s.transmitter, want: Forbidden},
		{what: "other agreement", path: pathPrefix + "6f9ff7e8-5a0f-4a4b-9c6f-3d1b1f3f0a12/status", want: UnknownAgreement},
		{what: "nothing", path: at + "nothing", want: NotFound},
		{what: "outside", path: "/elsewhere", want: NotFound},
		{what: "number", path: at + "feeds/" + feed + "/0", want: NotFound},
		{what: "feed name", path: at + "feeds/zz", want: NotFound},
		{what: "method", method: "PUT", path: at + "status", want: MethodNotAllowed},
		{what: "early epoch", path: at + "epochs/3/opening", want: EpochNotOpen},
		{what: "no such batch", path: at + "feeds/" + feed + "/9", want: BatchUnknown},
		{what: "no such feed", path: at + "feeds/" + strings.Repeat("ab", 16) + "?after=0", want: FeedEnded},
		{what: "no such feed's batch", path: at + "feeds/" + strings.Repeat("ab", 16) + "/1", want: FeedEnded},
		{what: "query", path: at + "feeds/" + feed + "?after=x", want: BadRequest},
		{what: "long wait", path: at + "feeds/" + feed + "?wait=56", want: BadRequest},
		{what: "type", method: "POST", path: at + "epochs/0/evaluations", body: evaluation(1), want: UnsupportedVersion,
			change: func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }},
		{what: "version", method: "POST", path: at + "epochs/0/evaluations", body: append([]byte{2}, evaluation(1)[1:]...), want: UnsupportedVersion},
		{what: "empty", method: "POST", path: at + "epochs/0/evaluations", body: []byte{}, want: BadRequest},
		{what: "short", method: "POST", path: at + "epochs/0/evaluations", body: []byte{1, 2}, want: BadRequest},
		{what: "cut", method: "POST", path: at + "epochs/0/evaluations", body: evaluation(1)[:30], want: BadRequest},
		{what: "long", method: "POST", path: at + "epochs/0/evaluations", body: append([]byte{1}, make([]byte, maxRequest)...), want: TooLarge},
		{what: "long, unsaid", method: "POST", path: at + "epochs/0/evaluations", body: append([]byte{1}, make([]byte, maxRequest)...), want: TooLarge,
			change: func(r *http.Request) { r.ContentLength = -1 }},
		{what: "element", method: "POST", path: at + "epochs/0/evaluations", body: bad, want: BadElement},
		{what: "no upgrade", path: at + "epochs/0/base", want: BadRequest},
		{what: "record", method: "PUT", path: at + "records/1", body: []byte{1, 1, 2}, want: BadRequest},
		{what: "store", path: at + "status", want: "", before: func() { f.n.Store(0) }},
		{what: "budget", method: "POST", path: at + "epochs/0/evaluations", body: evaluation(4), want: BudgetExhausted, before: func() {
			for i := range byte(2) { // the malformed element was charged
				_, err := c.Evaluate(t.Context(), 0, [16]byte{i}, request)
				require.NoError(t, err)
			}
		}},
		{what: "storage", method: "POST", path: at + "epochs/0/evaluations", body: evaluation(5), want: Storage, before: func() {
			s.at.Add(24 * 3600) // a new day, for which the store is asked
			f.n.Store(1)
		}},
		{what: "over", path: at + "epochs/0/opening", want: EpochClosed, before: func() {
			s.at.Store(s.agreement.EpochStart(1).Add(25 * time.Hour).Unix())
		}},
	} {
		if row.before != nil {
			row.before()
		}
		if row.method == "" {
			row.method = http.MethodGet
		}
		if row.key == nil {
			row.key = s.receiver
		}
		resp, out := raw(t, srv, s.parties, row.key, row.method, row.path, row.body, row.change)
		if row.want == "" {
			require.Equal(t, http.StatusOK, resp.StatusCode, row.what)
			continue
		}
		require.Equal(t, problems[row.want].status, resp.StatusCode, "%s: %s", row.what, out)
		require.Equal(t, "application/problem+json", resp.Header.Get("Content-Type"), row.what)
		var doc map[string]any
		require.NoError(t, json.Unmarshal(out, &doc))
		require.Equal(t, map[string]any{"type": problemPrefix + string(row.want), "title": problems[row.want].title, "status": float64(problems[row.want].status)}, doc, row.what)
	}
	require.Positive(t, s.alarmed(AlarmBudgetExhausted))
	require.Positive(t, s.alarmed(AlarmStoreFailing))

	// Without TLS, and with TLS that asks for no certificate.
	w := httptest.NewRecorder()
	tr.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, at+"status", nil))
	require.Equal(t, http.StatusUnauthorized, w.Code)
	// With ServerTLS a client without a certificate gets no connection, and a server with another
	// key than the agreement's is not spoken to.
	bare := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	_, err = bare.Get(srv.URL + at + "status")
	require.Error(t, err)
	posing := httptest.NewUnstartedServer(tr.Handler())
	posing.TLS = ServerTLS(selfSigned(t, stranger))
	posing.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	posing.StartTLS()
	defer posing.Close()
	other, err := NewClient(ClientConfig{URL: posing.URL, Agreement: s.agreement, Certificate: selfSigned(t, s.receiver), Attempts: 1})
	require.NoError(t, err)
	_, err = other.Opening(t.Context(), 0)
	require.ErrorIs(t, err, ErrPartnerDown)
	require.NotContains(t, err.Error(), "http")
}

// The same request is not charged twice, also when it comes at the same time.
func TestRepeatedRequest(t *testing.T) {
	s := newService(t, newParties(t, func(a *linkage.Agreement) { a.Limits.AdditionsPerDay = 3 }))
	tr := s.start()
	_, c := serveTLS(t, s.parties, tr)
	request := s.blinded(t, c, 0, phoneOf(t, 1), phoneOf(t, 2))
	answers := make([][]byte, 8)
	var wg sync.WaitGroup
	for i := range answers {
		wg.Go(func() {
			var err error
			if answers[i], err = c.Evaluate(t.Context(), 0, [16]byte{1}, request); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, a := range answers {
		require.Equal(t, answers[0], a)
	}
	_, err := c.Evaluate(t.Context(), 0, [16]byte{2}, request)
	require.ErrorIs(t, err, BudgetExhausted)
	require.Equal(t, int64(1), tr.budget.held+s.agreement.Limits.AdditionsPerDay-tr.spentToday(t))
}

func (t *Transmitter) spentToday(tb testing.TB) int64 {
	var c counter
	require.NoError(tb, t.cfg.Store.View(context.Background(), func(r abuse.Reader) (err error) {
		c, err = counted(r, t.link, budgetAdditions)
		return err
	}))
	return c.used
}

// breaking is a way to the server on which every answer breaks off after some bytes.
type breaking struct {
	net.Listener
	left *atomic.Int64
}

func (b breaking) Accept() (net.Conn, error) {
	c, err := b.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &breakingConn{Conn: c, left: b.left.Load()}, nil
}

type breakingConn struct {
	net.Conn
	left int64
}

func (c *breakingConn) Write(p []byte) (int, error) {
	if c.left -= int64(len(p)); c.left < 0 {
		_ = c.Close()
		return 0, net.ErrClosed
	}
	return c.Conn.Write(p)
}

// A batch goes on where its transfer broke off, and is the same for every reader.
func TestBatchResumes(t *testing.T) {
	s := newService(t, newParties(t, func(a *linkage.Agreement) { a.LabelBytes = 1024 }))
	tr := s.start()
	for n := range 300 {
		require.NoError(t, tr.Report(t.Context(), s.account(n), testSignal(n, 0)))
	}
	require.NoError(t, tr.Cut(t.Context()))
	_, whole := serveTLS(t, s.parties, tr)
	want, err := whole.Batch(t.Context(), s.feedOf(0), 1, true)
	require.NoError(t, err)
	require.Greater(t, len(want), 300_000)
	srv := httptest.NewUnstartedServer(tr.Handler())
	srv.TLS = ServerTLS(selfSigned(t, s.transmitter))
	left := new(atomic.Int64)
	left.Store(150_000)
	srv.Listener = breaking{srv.Listener, left}
	srv.StartTLS()
	defer srv.Close()
	c, err := NewClient(ClientConfig{URL: srv.URL, Agreement: s.agreement, Certificate: selfSigned(t, s.receiver), Attempts: 5})
	require.NoError(t, err)
	defer c.Close()
	got, err := c.Batch(t.Context(), s.feedOf(0), 1, false)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

// A partner that is down is left alone, and nothing waits for it longer than the context.
func TestClientBreaker(t *testing.T) {
	p := newParties(t, nil)
	c, err := NewClient(ClientConfig{URL: "https://127.0.0.1:1", Agreement: p.agreement, Certificate: selfSigned(t, p.receiver), Attempts: 8})
	require.NoError(t, err)
	_, err = c.Opening(t.Context(), 0)
	require.ErrorIs(t, err, ErrPartnerDown)
	down, ok := err.(*downError)
	require.True(t, ok && down.left, "after five failures")
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, err = c.Latest(ctx, p.feedOf(0), 0, time.Second)
	require.ErrorIs(t, err, ErrPartnerDown)
	own := selfSigned(t, p.receiver)
	for _, url := range []string{"http://x", "https://", "https://u@x", "https://x/?q", "::"} {
		_, err := NewClient(ClientConfig{URL: url, Agreement: p.agreement, Certificate: own})
		require.ErrorContains(t, err, "URL", url)
	}
	for _, cert := range []tls.Certificate{{}, selfSigned(t, p.transmitter), {Certificate: own.Certificate},
		{Certificate: own.Certificate, PrivateKey: p.transmitter}, {Certificate: [][]byte{{1}}, PrivateKey: p.receiver}} {
		_, err := NewClient(ClientConfig{URL: "https://x", Agreement: p.agreement, Certificate: cert})
		require.ErrorContains(t, err, "certificate")
	}
}

// Followers are woken by a batch, also of another process, and by the end of the service.
func TestFollowers(t *testing.T) {
	s := newService(t, newParties(t, nil))
	tr, other := s.start(), s.start()
	_, c := serveTLS(t, s.parties, tr)
	feed := s.feedOf(0)
	for i, cutter := range []*Transmitter{tr, other} {
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				last, err := c.Latest(t.Context(), feed, uint64(i), MaxWait)
				if err != nil || last != uint64(i)+1 {
					t.Error(last, err)
				}
			})
		}
		require.Eventually(t, func() bool {
			tr.follow.mu.Lock()
			defer tr.follow.mu.Unlock()
			return tr.follow.waiting == 20
		}, time.Minute, time.Millisecond)
		require.NoError(t, cutter.Cut(t.Context()))
		wg.Wait()
	}
	last, err := c.Latest(t.Context(), feed, 2, 0)
	require.NoError(t, err)
	require.EqualValues(t, 2, last)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if last, err := c.Latest(t.Context(), feed, 2, MaxWait); err != nil || last != 2 {
			t.Error(last, err)
		}
	}()
	require.Eventually(t, func() bool {
		tr.follow.mu.Lock()
		defer tr.follow.mu.Unlock()
		return tr.follow.waiting == 1
	}, time.Minute, time.Millisecond)
	require.NoError(t, tr.Close(t.Context()))
	<-done
}
