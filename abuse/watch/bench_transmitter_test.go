package watch

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/linkage"
)

// BenchmarkHandlerSingle is an evaluation of a single identifier with its proof, from the request
// that has been read to the answer that is to be written. The bar is 2,500 a second on one core.
func BenchmarkHandlerSingle(b *testing.B) {
	s := newService(b, newParties(b, func(a *linkage.Agreement) { a.Limits.AdditionsPerDay = 1 << 39 }))
	tr := s.start()
	e, err := tr.evaluator(0)
	require.NoError(b, err)
	blinder, err := linkage.NewBlinder(linkage.Config{Agreement: s.agreement, Signer: s.receiver, Now: s.now()}, 0, e.Opening())
	require.NoError(b, err)
	blinding, err := blinder.Blind(b.Context(), s.phones(1))
	require.NoError(b, err)
	cert, err := x509.ParseCertificate(selfSigned(b, s.receiver).Certificate[0])
	require.NoError(b, err)
	state := &tls.ConnectionState{PeerCertificates: []*x509.Certificate{cert}}
	in := joined([]byte{1}, make([]byte, 16), blinding.Request())
	path := pathPrefix + s.agreement.ID.String() + "/epochs/0/evaluations"
	handler := tr.Handler()
	b.ReportAllocs()
	for i := uint64(1); b.Loop(); i++ {
		binary.BigEndian.PutUint64(in[1:], i)
		r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, path, bytes.NewReader(in))
		r.TLS = state
		r.Header.Set("Content-Type", mediaType)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			b.Fatal(w.Code, w.Body.String())
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "evaluations/s")
}

// BenchmarkCut is a batch of a thousand new signals.
func BenchmarkCut(b *testing.B) {
	s := newService(b, newParties(b, func(a *linkage.Agreement) { a.Limits.SignalsPerDay = 1 << 39 }))
	tr := s.start()
	n := 0
	for b.Loop() {
		b.StopTimer()
		for range 1000 {
			require.NoError(b, tr.Report(b.Context(), s.account(n%900_000), testSignal(n, 0)))
			n++
		}
		b.StartTimer()
		require.NoError(b, tr.Cut(b.Context()))
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "signals/s")
}
