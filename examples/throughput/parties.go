package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
)

// party is one of the two: a key, and a certificate of itself, which the other knows.
type party struct {
	key  ed25519.PrivateKey
	cert *x509.Certificate
}

// newParty draws a party that lives as long as the process.
func newParty(role linkage.Role) (*party, error) {
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(int64(role)),
		Subject:      pkix.Name{CommonName: role.String()},
		NotBefore:    now.Add(-time.Hour), NotAfter: now.AddDate(0, 0, 30),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		DNSNames:    []string{role.String()},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return &party{key, cert}, err
}

// tls is the party's side of TLS: version 1.3, and the other's certificate and no
// other.
func (p *party) tls(other *party) *tls.Config {
	known := x509.NewCertPool()
	known.AddCert(other.cert)
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		Certificates:           []tls.Certificate{{Certificate: [][]byte{p.cert.Raw}, PrivateKey: p.key}},
		RootCAs:                known,
		ClientCAs:              known,
		ClientAuth:             tls.RequireAndVerifyClientCert,
		ServerName:             linkage.Transmitter.String(),
		SessionTicketsDisabled: true,
	}
}

// agreement has the caps at what the sizes need, and both signatures.
func (o *options) agreement(transmitter, receiver *party) (*linkage.Agreement, error) {
	a := &linkage.Agreement{
		Version:       1,
		ID:            uuid.New(),
		Transmitter:   linkage.Party{Name: "transmitter.example", Key: transmitter.key.Public().(ed25519.PublicKey)},
		Receiver:      linkage.Party{Name: "receiver.example", Key: receiver.key.Public().(ed25519.PublicKey)},
		Purpose:       linkage.FraudAndAbusePrevention,
		Kinds:         []hashing.Kind{hashing.InstallID},
		SameVendor:    true, // or install ids are nothing that two services share
		Normalisation: hashing.RulesVersion,
		Protocol:      o.protocol,
		LabelBytes:    o.label,
		EpochDays:     30,
		Limits: linkage.Limits{
			Identifiers:          linkage.Encodable(o.protocol, max(1, o.accounts)),
			AdditionsPerDay:      1,
			Records:              max(1, o.flagged),
			SignalsPerDay:        1,
			SignalsPerIdentifier: 1,
		},
		ValidFrom:  time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC),
		ValidUntil: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	err := errors.Join(a.Sign(linkage.Transmitter, transmitter.key), a.Sign(linkage.Receiver, receiver.key))
	return a, err
}

// counted is a connection that counts what is sent on the wire.
type counted struct {
	net.Conn
	sent atomic.Int64
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.sent.Add(int64(n))
	return n, err
}

// connect gives both ends of a TCP connection on this machine.
func connect(ctx context.Context) (server, client *counted, err error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	defer l.Close()
	var d net.Dialer
	to, err := d.DialContext(ctx, "tcp", l.Addr().String()) // which is there before it is accepted
	if err != nil {
		return nil, nil, err
	}
	from, err := l.Accept()
	if err != nil {
		_ = to.Close()
		return nil, nil, err
	}
	return &counted{Conn: from}, &counted{Conn: to}, nil
}
