package watch

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/linkage"
)

// FuzzServe: whatever the partner sends gives an answer or a problem that is the partner's, and
// nothing of what it sent comes back in a problem.
func FuzzServe(f *testing.F) {
	s := newService(f, newParties(f, func(a *linkage.Agreement) { a.Limits.AdditionsPerDay = 1 << 30 }))
	tr, err := NewTransmitter(f.Context(), s.config())
	require.NoError(f, err)
	require.NoError(f, tr.Cut(f.Context()))
	require.NoError(f, tr.CloseRecord(f.Context()))
	cert, err := x509.ParseCertificate(selfSigned(f, s.receiver).Certificate[0])
	require.NoError(f, err)
	state := &tls.ConnectionState{PeerCertificates: []*x509.Certificate{cert}}
	f.Add("POST", "epochs/0/evaluations", append([]byte{1}, make([]byte, 60)...))
	f.Add("POST", "epochs/0/evaluations", joined([]byte{1}, make([]byte, 16), []byte{1, 0, 1}, bytes.Repeat([]byte{7}, 32)))
	f.Add("PUT", "records/1", append([]byte{1}, make([]byte, 300)...))
	f.Add("GET", "feeds/00112233445566778899aabbccddeeff?after=1&wait=0", []byte(nil))
	f.Add("GET", "epochs/4294967296/opening", []byte(nil))
	f.Add("GET", "records?after=18446744073709551615", []byte(nil))
	f.Add("GET", "status", []byte{9})
	f.Fuzz(func(t *testing.T, method, path string, body []byte) {
		r, err := http.NewRequestWithContext(t.Context(), method, "https://x"+pathPrefix+s.agreement.ID.String()+"/"+path, bytes.NewReader(body))
		if err != nil || strings.Trim(r.URL.Query().Get("wait"), "0") != "" {
			return // it would wait
		}
		r.TLS = state
		r.Header.Set("Content-Type", mediaType)
		w := httptest.NewRecorder()
		tr.Handler().ServeHTTP(w, r)
		require.NotEqual(t, http.StatusInternalServerError, w.Code, "%s %s", method, path)
		if w.Code >= 400 {
			var doc problemBody
			require.NoError(t, json.Unmarshal(w.Body.Bytes(), &doc))
			known, ok := problems[Problem(strings.TrimPrefix(doc.Type, problemPrefix))]
			require.True(t, ok, doc.Type)
			require.Equal(t, known.title, doc.Title)
		}
	})
}

// FuzzRemoteError: of what a server says as a problem nothing but a code that is known goes on.
func FuzzRemoteError(f *testing.F) {
	f.Add(429, "5", []byte(`{"type":"urn:hueandcry:problem:budget-exhausted","detail":"+33612345678"}`))
	f.Add(500, "-1", []byte(`{"type":"urn:hueandcry:problem:+33612345678"}`))
	f.Add(503, "99999999999999999999", []byte("<html>"))
	f.Fuzz(func(t *testing.T, status int, retry string, body []byte) {
		w := httptest.NewRecorder()
		w.Body.Write(body)
		resp := &http.Response{StatusCode: status, Header: http.Header{"Retry-After": {retry}}, Body: http.NoBody}
		resp.Body = w.Result().Body
		err := remoteError(resp)
		remote, ok := err.(*RemoteError)
		require.True(t, ok)
		require.GreaterOrEqual(t, remote.RetryAfter, 0*maxRetryAfter)
		if remote.Problem != "" {
			require.Contains(t, problems, remote.Problem)
		}
	})
}
