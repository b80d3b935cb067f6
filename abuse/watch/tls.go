package watch

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"errors"

	"github.com/hueandcry/hueandcry/linkage"
)

// ServerTLS is the TLS of a server that mounts [Transmitter.Handler]: version 1.3, and a client
// certificate of any issuer, for the handler itself compares its key with the agreement's. HTTP/1.1
// alone is offered, which the enrolment of a base needs. The certificate has the key of the
// agreement's transmitter, and may be signed by itself.
func ServerTLS(cert tls.Certificate) *tls.Config {
	return &tls.Config{
		MinVersion:   tls.VersionTLS13,
		Certificates: []tls.Certificate{cert},
		ClientAuth:   tls.RequireAnyClientCert,
		NextProtos:   []string{"http/1.1"},
	}
}

var errOtherKey = errors.New("watch: the server's certificate does not have the key of the agreement's transmitter")

// ClientTLS is the TLS of a receiver: version 1.3, its certificate, and for the server whatever
// certificate has the Ed25519 key of the agreement's transmitter. The agreement pins the key, so
// that neither an issuer nor a name is needed.
func ClientTLS(a *linkage.Agreement, cert tls.Certificate) *tls.Config {
	want := bytes.Clone(a.Transmitter.Key)
	return &tls.Config{
		MinVersion:         tls.VersionTLS13,
		Certificates:       []tls.Certificate{cert},
		NextProtos:         []string{"http/1.1"},
		InsecureSkipVerify: true, // the chain alone: VerifyConnection is called for every connection, a resumed one too
		VerifyConnection: func(s tls.ConnectionState) error {
			if !leafHas(s.PeerCertificates, want) {
				return errOtherKey
			}
			return nil
		},
	}
}

// certifies says whether a certificate of this side is for the key, and has its private key.
func certifies(cert tls.Certificate, key []byte) bool {
	if len(cert.Certificate) == 0 {
		return false
	}
	leaf, err := x509.ParseCertificate(cert.Certificate[0])
	signer, ok := cert.PrivateKey.(crypto.Signer)
	if err != nil || !ok || !leafHas([]*x509.Certificate{leaf}, key) {
		return false
	}
	own, ok := signer.Public().(ed25519.PublicKey)
	return ok && bytes.Equal(own, key)
}

// leafHas says whether the peer's own certificate is for the key. That it holds the key the
// handshake has shown.
func leafHas(chain []*x509.Certificate, key []byte) bool {
	if len(chain) == 0 {
		return false
	}
	public, ok := chain[0].PublicKey.(ed25519.PublicKey)
	return ok && bytes.Equal(public, key)
}
