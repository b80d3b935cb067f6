package watch

import (
	"bytes"
	"encoding/binary"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/linkage"
)

// A partner says how it stands: its clock and its feeds, with as many batches as it has published.
func TestPartnerStatus(t *testing.T) {
	s := newService(t, newParties(t, nil))
	tr := s.start()
	srv, c := serveTLS(t, s.parties, tr)
	ctx := t.Context()
	got, err := c.Status(ctx)
	require.NoError(t, err)
	require.Equal(t, PartnerStatus{Time: s.now(), Feeds: []PartnerFeed{{Feed: s.feedOf(0)}}}, got)

	require.NoError(t, tr.Cut(ctx))
	s.at.Store(s.agreement.EpochStart(1).Unix() + 60)
	for range 2 {
		require.NoError(t, tr.Cut(ctx))
	}
	got, err = c.Status(ctx)
	require.NoError(t, err)
	require.EqualValues(t, 1, got.Epoch)
	require.Equal(t, s.now(), got.Time)
	require.Greater(t, len(got.Feeds), 1)
	for _, f := range got.Feeds {
		require.Equal(t, s.feedOf(f.Epoch), f.Feed)
		last, err := c.Latest(ctx, f.Feed, 0, 0)
		require.NoError(t, err)
		require.Equal(t, last, f.Last)
		require.Positive(t, f.Last)
	}

	srv.Close()
	c.cfg.Attempts = 1
	_, err = c.Status(ctx)
	require.ErrorIs(t, err, ErrPartnerDown)
}

// answering serves TLS as the transmitter, with an answer of the test's to whatever is asked.
func answering(t testing.TB, p *parties, answer http.HandlerFunc) *Client {
	t.Helper()
	srv := httptest.NewUnstartedServer(answer)
	srv.TLS = ServerTLS(selfSigned(t, p.transmitter))
	srv.StartTLS()
	t.Cleanup(srv.Close)
	c, err := NewClient(ClientConfig{URL: srv.URL, Agreement: p.agreement, Certificate: selfSigned(t, p.receiver), Attempts: 1})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// Whatever the partner answers, the client takes a status or nothing, and no more bytes than one may have.
func TestPartnerStatusHostile(t *testing.T) {
	p := newParties(t, nil)
	feed := func(n byte, last uint64) []byte {
		return joined(bytes.Repeat([]byte{n}, 16), []byte{0, 0, 0, 1}, be64(last))
	}
	head := func(at uint64) []byte { return joined([]byte{wireVersion, 0, 0, 0, 1}, be64(at)) }
	full := head(1)
	for n := range maxHeads {
		f := feed(1, 1)
		binary.BigEndian.PutUint16(f, uint16(n))
		full = append(full, f...)
	}
	type given struct {
		what   string
		status int
		body   []byte // nil: one without an end
		want   error  // nil: a status
	}
	var now atomic.Pointer[given]
	var sent atomic.Int64
	c := answering(t, p, func(w http.ResponseWriter, _ *http.Request) {
		g := now.Load()
		w.WriteHeader(g.status)
		if g.body != nil {
			_, _ = w.Write(g.body)
			return
		}
		for {
			n, err := w.Write(make([]byte, 1<<16))
			if sent.Add(int64(n)); err != nil {
				return
			}
		}
	})
	for _, row := range []given{
		{what: "none", body: head(7)},
		{what: "two", body: joined(head(latestTime), feed(1, 0), feed(2, maxNumber))},
		{what: "as many as there may be", body: full},
		{what: "empty", body: []byte{}, want: errAnswer},
		{what: "nothing", status: http.StatusNoContent, body: []byte{}, want: errAnswer},
		{what: "version", body: joined([]byte{2}, head(7)[1:]), want: UnsupportedVersion},
		{what: "version alone", body: []byte{wireVersion}, want: errAnswer},
		{what: "cut", body: head(7)[:12], want: errAnswer},
		{what: "half a feed", body: joined(head(7), feed(1, 1)[:27]), want: errAnswer},
		{what: "too much", body: joined(head(7), feed(1, 1), []byte{0}), want: errAnswer},
		{what: "twice", body: joined(head(7), feed(1, 1), feed(2, 1), feed(1, 2)), want: errAnswer},
		{what: "number", body: joined(head(7), feed(1, maxNumber+1)), want: errAnswer},
		{what: "time", body: head(latestTime + 1), want: errAnswer},
		{what: "negative time", body: head(1 << 63), want: errAnswer},
		{what: "one too many", body: joined(full, feed(255, 1)), want: errAnswer},
		{what: "endless", want: errAnswer},
		{what: "elsewhere", status: http.StatusFound, body: head(7), want: &RemoteError{Status: http.StatusFound}},
	} {
		if row.status == 0 {
			row.status = http.StatusOK
		}
		now.Store(&row)
		got, err := c.Status(t.Context())
		if row.want == nil {
			require.NoError(t, err, row.what)
			require.Equal(t, (len(row.body)-13)/28, len(got.Feeds), row.what)
			require.Equal(t, binary.BigEndian.Uint64(row.body[5:]), uint64(got.Time.Unix()), row.what)
			continue
		}
		require.Zero(t, got, row.what)
		if remote, ok := row.want.(*RemoteError); ok {
			require.Equal(t, remote, err, row.what)
			continue
		}
		require.ErrorIs(t, err, row.want, row.what)
	}
	require.Less(t, sent.Load(), int64(16<<20), "what is in buffers on the way, and no more")
}

// A status that can be read is the one that was written.
func FuzzStatus(f *testing.F) {
	f.Add(make([]byte, statusHead))
	f.Add(slices.Concat(make([]byte, statusHead), bytes.Repeat([]byte{1}, statusFeed), bytes.Repeat([]byte{2}, statusFeed)))
	f.Fuzz(func(t *testing.T, in []byte) {
		s, err := parseStatus(in)
		if err != nil {
			require.Zero(t, s)
			return
		}
		out := append(binary.BigEndian.AppendUint32(nil, s.Epoch), be64(unixOf(s.Time))...)
		seen := map[linkage.FeedID]bool{}
		for _, feed := range s.Feeds {
			require.False(t, seen[feed.Feed])
			seen[feed.Feed] = true
			out = append(binary.BigEndian.AppendUint32(append(out, feed.Feed[:]...), feed.Epoch), be64(feed.Last)...)
		}
		require.Equal(t, in, out)
	})
}
