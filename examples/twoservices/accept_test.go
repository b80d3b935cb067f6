package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/linkage"
)

// TestStrangers: whoever comes by without a certificate that is vouched for gets no
// session, and neither ends nor holds up that of the receiver.
func TestStrangers(t *testing.T) {
	ours, theirs := certificates(t), certificates(t)
	flagged := writeFile(t, "flagged.csv", "account,phone\na,+14155552671\n")
	accounts := writeFile(t, "accounts.csv", "account,phone\nb,+14155552671\n")
	log, wait := process(t, append(partyFlags(ours, "transmitter"),
		"-role", "transmitter", "-listen", "127.0.0.1:0", "-flagged", flagged, "-json")...)
	address := log.address(t)

	for _, says := range []string{"", "GET / HTTP/1.1\r\n\r\n", strings.Repeat("\x16\x03\x01", 2000)} {
		conn, err := net.Dial("tcp", address)
		require.NoError(t, err)
		_, _ = io.WriteString(conn, says)
		_ = conn.Close()
	}
	silent, err := net.Dial("tcp", address) // and stays
	require.NoError(t, err)
	defer silent.Close()

	decisions := filepath.Join(t.TempDir(), "d.jsonl")
	as := func(dir string) outcome {
		_, wait := process(t, append(partyFlags(dir, "receiver"), "-role", "receiver", "-connect", address,
			"-accounts", accounts, "-decisions", decisions, "-json")...)
		return wait()
	}
	stranger := as(theirs)
	assert.Equal(t, exitFailure, stranger.code)
	assert.NoFileExists(t, decisions)
	left, err := os.ReadDir(filepath.Dir(decisions))
	require.NoError(t, err)
	assert.Empty(t, left, "no temporary file stays")

	assert.Equal(t, 1, *as(ours).summary(t).MatchedAccounts)
	assert.Len(t, decisionsOf(t, decisions), 1)
	sent := wait()
	sent.summary(t)
	assert.Equal(t, 4, strings.Count(sent.stderr, "that is not the receiver's"), sent.stderr)
	assert.NotContains(t, sent.stderr, "GET")
}

// TestFailedSession: once the receiver is there, what goes wrong is not passed over.
func TestFailedSession(t *testing.T) {
	certs := certificates(t)
	log, wait := process(t, append(partyFlags(certs, "transmitter"),
		"-role", "transmitter", "-listen", "127.0.0.1:0", "-flagged", writeFile(t, "f.csv", headFlagged))...)
	p, err := loadParty(linkage.Receiver, &options{cert: filepath.Join(certs, "receiver.pem"),
		key: filepath.Join(certs, "receiver.key"), peerCA: filepath.Join(certs, "ca.pem"), agreement: filepath.Join(certs, "agreement.json")})
	require.NoError(t, err)
	conn, err := tls.Dial("tcp", log.address(t), p.client())
	require.NoError(t, err)
	_, _ = io.WriteString(conn, "hello")
	_ = conn.Close()
	sent := wait()
	assert.Equal(t, exitFailure, sent.code)
	assert.Contains(t, sent.stderr, "twoservices: ")
}

// TestStrangersAreToldOfInBounds: who knocks all day does not fill the log.
func TestStrangersAreToldOfInBounds(t *testing.T) {
	p, err := testParty()
	require.NoError(t, err)
	l, err := listen(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	var log watched
	done := make(chan error)
	go func() {
		_, err := accepting(l, p.server(), new(traffic), newLogger(&log))(ctx)
		done <- err
	}()
	for range 3 * mostTold {
		conn, err := net.Dial("tcp", l.Addr().String())
		require.NoError(t, err)
		_, _ = io.WriteString(conn, "no\r\n\r\n")
		_, _ = io.Copy(io.Discard, conn) // until it is closed
		_ = conn.Close()
	}
	for range mostGreeted + 1 { // more than are let in at once, and silent
		conn, err := net.Dial("tcp", l.Addr().String())
		require.NoError(t, err)
		defer conn.Close()
	}
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
	assert.Equal(t, mostTold, strings.Count(log.String(), "\n"))
	assert.Contains(t, log.String(), "of more nothing is told\n")
}

// handshake brings two sides of TLS together, and gives what each makes of it.
func handshake(t *testing.T, server, client *tls.Config) (atServer, atClient error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	served := make(chan error, 1)
	go func() {
		conn, err := l.Accept()
		if err == nil {
			err = tls.Server(conn, server).HandshakeContext(ctx)
			_ = conn.Close()
		}
		served <- err
	}()
	conn, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	atClient = tls.Client(conn, client).HandshakeContext(ctx)
	if atClient != nil {
		_ = conn.Close()
	}
	return <-served, atClient
}

// TestCertificates: each side of TLS takes the other's certificate and no other.
func TestCertificates(t *testing.T) {
	transmitter, err := demoParty(linkage.Transmitter, 1, linkage.FraudAndAbusePrevention, linkage.ProtocolEC)
	require.NoError(t, err)
	receiver, err := demoParty(linkage.Receiver, 1, linkage.FraudAndAbusePrevention, linkage.ProtocolEC)
	require.NoError(t, err)
	stranger, err := demoParty(linkage.Receiver, 2, linkage.FraudAndAbusePrevention, linkage.ProtocolEC)
	require.NoError(t, err)

	atServer, atClient := handshake(t, transmitter.server(), receiver.client())
	require.NoError(t, errors.Join(atServer, atClient))

	// The transmitter: a receiver whom nobody vouches for, and none at all.
	with := receiver.client()
	with.Certificates = stranger.client().Certificates
	with.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &with.Certificates[0], nil }
	atServer, _ = handshake(t, transmitter.server(), with)
	var unknown x509.UnknownAuthorityError
	require.ErrorAs(t, atServer, &unknown)
	without := receiver.client()
	without.Certificates = nil
	atServer, _ = handshake(t, transmitter.server(), without)
	require.Error(t, atServer)
	// The receiver: a transmitter whom nobody vouches for.
	other := stranger.client()
	_, atClient = handshake(t, transmitter.server(), other)
	require.ErrorAs(t, atClient, &unknown)

	// A receiver cannot stand in for the transmitter: not with its certificate, and
	// not with one that is good for servers under the receiver's name.
	as := transmitter.server()
	as.Certificates = receiver.client().Certificates
	_, atClient = handshake(t, as, receiver.client())
	require.Error(t, atClient)
	ca, err := newAuthority(ed25519.NewKeyFromSeed(seedSecret(1, "authority")), demoLife)
	require.NoError(t, err)
	public, key, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	der, err := x509.CreateCertificate(nil, &x509.Certificate{
		SerialNumber: big.NewInt(9), NotBefore: demoLife.from, NotAfter: demoLife.until,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, KeyUsage: x509.KeyUsageDigitalSignature,
		DNSNames: []string{linkage.Receiver.String(), "localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}, ca.cert, public, ca.key)
	require.NoError(t, err)
	as.Certificates = []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}
	_, atClient = handshake(t, as, receiver.client())
	var wrong x509.HostnameError
	require.ErrorAs(t, atClient, &wrong)
}
