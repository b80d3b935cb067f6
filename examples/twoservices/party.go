package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
)

// party is what one service needs to meet the other.
type party struct {
	agreement *linkage.Agreement
	signer    ed25519.PrivateKey // of the certificate and of the agreement
	key       hashing.Key        // the transmitter's secret behind all tags; zero for the receiver
	ids       []byte             // the transmitter's key of the ids of signals; nil for the receiver
	cert      tls.Certificate
	peers     *x509.CertPool // who vouches for the other
}

// party gives the party that a role plays in this process. Parties made from the
// seed enrol by the protocol; the others by their agreement's.
func (o *options) party(role linkage.Role, protocol string) (*party, error) {
	if o.demo() {
		return demoParty(role, o.seed, linkage.FraudAndAbusePrevention, protocol)
	}
	return loadParty(role, o)
}

// loadParty reads what -make-certs has written, or what the services have made for
// themselves in its place.
func loadParty(role linkage.Role, o *options) (*party, error) {
	cert, err := tls.LoadX509KeyPair(o.cert, o.key)
	if err != nil {
		return nil, fmt.Errorf("-cert and -key: %w", err)
	}
	signer, ok := cert.PrivateKey.(ed25519.PrivateKey)
	if !ok {
		return nil, errors.New("-key: must be an Ed25519 key, for it signs the agreement too")
	}
	ca, err := os.ReadFile(o.peerCA)
	if err != nil {
		return nil, fmt.Errorf("-peer-ca: %w", err)
	}
	peers := x509.NewCertPool()
	if !peers.AppendCertsFromPEM(ca) {
		return nil, errors.New("-peer-ca: there is no certificate in the file")
	}
	text, err := os.ReadFile(o.agreement)
	if err != nil {
		return nil, fmt.Errorf("-agreement: %w", err)
	}
	agreement, err := linkage.ParseAgreement(text)
	if err != nil {
		return nil, fmt.Errorf("-agreement: %w", err)
	}
	if o.protocol != "" && o.protocol != agreement.Protocol {
		return nil, usageError("-protocol " + o.protocol + " is not what the agreement says: " + agreement.Protocol)
	}
	p := &party{agreement: agreement, signer: signer, cert: cert, peers: peers}
	if role == linkage.Transmitter {
		// One secret to keep and not two. What is derived says nothing of the
		// signing key.
		root, err := hashing.KeyFromSecret(signer.Seed())
		if err != nil {
			return nil, err
		}
		p.key = root.Derive("twoservices/linkage")
		p.ids = root.Secret("twoservices/signal ids", 32)
		if o.seeded {
			p.ids = signalSecret(o.seed)
		}
	}
	return p, p.check(role)
}

// check says early and plainly what a session would refuse.
func (p *party) check(role linkage.Role) error {
	if err := p.agreement.Verify(); err != nil {
		return fmt.Errorf("-agreement: %w", err)
	}
	own := p.agreement.Transmitter.Key
	if role == linkage.Receiver {
		own = p.agreement.Receiver.Key
	}
	if !bytes.Equal(own, p.signer.Public().(ed25519.PublicKey)) {
		return fmt.Errorf("-key: is not the key of the %s in the agreement", role)
	}
	return nil
}

// seedSecret gives 32 bytes for one use, that come from the seed and from nothing
// else: they are secret to nobody.
func seedSecret(seed uint64, use string) []byte {
	b := binary.BigEndian.AppendUint64([]byte("hueandcry/examples/twoservices/v1\x00"), seed)
	sum := sha256.Sum256(append(b, use...))
	return sum[:]
}

// signalSecret is the key of the ids of signals where they come from a seed: whoever
// knows it can tell from an id which line of the file a signal stood in.
func signalSecret(seed uint64) []byte { return seedSecret(seed, "signal ids") }

// demoParty makes a party of the seed. Every process with that seed makes the same
// two, so a demonstration needs no files; and whoever knows the seed can pose as
// either, so it stays on loopback addresses (see checkParty).
func demoParty(role linkage.Role, seed uint64, purpose linkage.Purpose, protocol string) (*party, error) {
	keyOf := func(use string) ed25519.PrivateKey { return ed25519.NewKeyFromSeed(seedSecret(seed, use)) }
	keys := map[linkage.Role]ed25519.PrivateKey{
		linkage.Transmitter: keyOf("transmitter"),
		linkage.Receiver:    keyOf("receiver"),
	}
	ca, err := newAuthority(keyOf("authority"), demoLife)
	if err != nil {
		return nil, err
	}
	cert, err := ca.issue(role, keys[role].Public().(ed25519.PublicKey))
	if err != nil {
		return nil, err
	}
	id := uuid.NewSHA1(uuid.Nil, seedSecret(seed, "agreement/"+purpose.String()+"/"+protocol))
	agreement, err := newAgreement(id, purpose, protocol, keys[linkage.Transmitter], keys[linkage.Receiver])
	if err != nil {
		return nil, err
	}
	p := &party{
		agreement: agreement,
		signer:    keys[role],
		cert:      tls.Certificate{Certificate: [][]byte{cert}, PrivateKey: keys[role]},
		peers:     x509.NewCertPool(),
	}
	p.peers.AddCert(ca.cert)
	if role == linkage.Transmitter {
		p.ids = signalSecret(seed)
		p.key, err = hashing.KeyFromSecret(seedSecret(seed, "linkage"))
	}
	return p, err
}

// server is the transmitter's side of TLS: version 1.3, and a certificate of the
// receiver's that its authority vouches for. That the peer is the very party of
// the agreement is proved by the opening of the session, which both sign.
func (p *party) server() *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		Certificates:           []tls.Certificate{p.cert},
		ClientAuth:             tls.RequireAndVerifyClientCert,
		ClientCAs:              p.peers,
		SessionTicketsDisabled: true, // one session a connection
	}
}

// client is the receiver's side of TLS. The certificate must be for the name of
// the role, so that a receiver's cannot stand in for the transmitter's.
func (p *party) client() *tls.Config {
	return &tls.Config{
		MinVersion:   tls.VersionTLS13,
		Certificates: []tls.Certificate{p.cert},
		RootCAs:      p.peers,
		ServerName:   linkage.Transmitter.String(),
	}
}
