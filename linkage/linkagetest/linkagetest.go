// Package linkagetest holds what tests of sessions need and programs must not
// have: sessions without TLS, fixed randomness, connections that fail on
// purpose, and the plain intersection that every session must agree with.
package linkagetest

import (
	"bytes"
	"cmp"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"io"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
	"github.com/hueandcry/hueandcry/linkage/internal/testhook"
)

// AllowPlain lets the sessions of the context run on connections without TLS.
func AllowPlain(ctx context.Context) context.Context {
	h := testhook.From(ctx)
	h.AllowPlain = true
	return testhook.With(ctx, h)
}

// Chunks makes the bulk sessions of the context have so many chunks, or one for each
// identifier if these are fewer. Otherwise a session has more than one from
// 2^20 identifiers on.
func Chunks(ctx context.Context, n int) context.Context {
	h := testhook.From(ctx)
	h.Chunks = n
	return testhook.With(ctx, h)
}

// FixedRandom makes the sessions of the context draw their randomness from a
// seed, so that a session's bytes can be compared with an earlier one's. Such a
// session keeps no secret.
func FixedRandom(ctx context.Context, seed string) context.Context {
	h := testhook.From(ctx)
	h.Rand = func(step string, chunk uint32) io.Reader {
		b := binary.BigEndian.AppendUint32([]byte(seed+"\x00"+step+"\x00"), chunk)
		return mathrand.NewChaCha8(sha256.Sum256(b))
	}
	return testhook.With(ctx, h)
}

// Join is the plain intersection: the matches that a session must give, found by
// comparing every account with every signal.
func Join(accounts []linkage.Account, signals []linkage.Flagged) []linkage.Match {
	var out []linkage.Match
	for _, a := range accounts {
		m := linkage.Match{Account: a.Ref}
		for _, s := range signals {
			var kinds []hashing.Kind
			var places []int
			for i, id := range a.Identifiers {
				if !slices.Contains(s.Identifiers, id) || slices.Index(a.Identifiers, id) < i {
					continue
				}
				places = append(places, i)
				if !slices.Contains(kinds, id.Kind()) {
					kinds = append(kinds, id.Kind())
				}
			}
			if len(kinds) > 0 {
				slices.Sort(kinds)
				m.Signals = append(m.Signals, linkage.MatchedSignal{ID: s.ID, Sequence: s.Sequence, Kinds: kinds, Places: places, Label: s.Label})
			}
		}
		if len(m.Signals) > 0 {
			slices.SortFunc(m.Signals, func(a, b linkage.MatchedSignal) int { return bytes.Compare(a.ID[:], b.ID[:]) })
			out = append(out, m)
		}
	}
	slices.SortFunc(out, func(a, b linkage.Match) int { return cmp.Compare(a.Account, b.Account) })
	return out
}

// Parties is a signed agreement with all that both sides need to use it.
type Parties struct {
	Agreement             *linkage.Agreement
	Transmitter, Receiver ed25519.PrivateKey
	Key                   hashing.Key // the transmitter's
}

// NewParties makes an agreement between a messenger and a network of one family
// on all kinds of identifier, changed by each edit before both sign it. It
// panics if the agreement does not validate.
func NewParties(edit ...func(*linkage.Agreement)) *Parties {
	p := &Parties{Key: hashing.NewKey()}
	var tp, rp ed25519.PublicKey
	tp, p.Transmitter, _ = ed25519.GenerateKey(nil)
	rp, p.Receiver, _ = ed25519.GenerateKey(nil)
	p.Agreement = &linkage.Agreement{
		Version: 1, ID: uuid.New(),
		Transmitter: linkage.Party{Name: "messenger.example", Key: tp},
		Receiver:    linkage.Party{Name: "network.example", Key: rp},
		Purpose:     linkage.FraudAndAbusePrevention,
		Kinds: []hashing.Kind{hashing.Phone, hashing.IMEI, hashing.MEID, hashing.AdvertisingID,
			hashing.VendorID, hashing.AndroidID, hashing.InstallID},
		SameVendor:    true,
		Normalisation: hashing.RulesVersion,
		Protocol:      linkage.ProtocolEC,
		LabelBytes:    64,
		EpochDays:     30,
		Limits: linkage.Limits{Identifiers: 1 << 20, AdditionsPerDay: 1 << 16, Records: 1 << 20,
			SignalsPerDay: 1 << 16, SignalsPerIdentifier: 16},
		ValidFrom:  time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC),
		ValidUntil: time.Date(2120, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	for _, e := range edit {
		e(p.Agreement)
	}
	p.Sign()
	return p
}

// Sign signs the agreement anew, after a change.
func (p *Parties) Sign() {
	for role, key := range map[linkage.Role]crypto.Signer{linkage.Transmitter: p.Transmitter, linkage.Receiver: p.Receiver} {
		if err := p.Agreement.Sign(role, key); err != nil {
			panic(err)
		}
	}
}

// TransmitterConfig is the least that a transmitter needs.
func (p *Parties) TransmitterConfig() linkage.Config {
	return linkage.Config{Agreement: p.Agreement, Signer: p.Transmitter, Key: p.Key}
}

// ReceiverConfig is the least that a receiver needs.
func (p *Parties) ReceiverConfig() linkage.Config {
	return linkage.Config{Agreement: p.Agreement, Signer: p.Receiver}
}

// TLS makes a pair of TLS configurations that trust each other and nobody else.
func TLS() (server, client *tls.Config) {
	certificate := func(name string) (tls.Certificate, *x509.Certificate) {
		public, private, err := ed25519.GenerateKey(nil)
		if err != nil {
			panic(err)
		}
		template := &x509.Certificate{
			SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
			KeyUsage:    x509.KeyUsageDigitalSignature,
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		}
		der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
		if err != nil {
			panic(err)
		}
		leaf, err := x509.ParseCertificate(der)
		if err != nil {
			panic(err)
		}
		return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}, leaf
	}
	pool := func(c *x509.Certificate) *x509.CertPool {
		p := x509.NewCertPool()
		p.AddCert(c)
		return p
	}
	sc, sl := certificate("transmitter.example")
	cc, cl := certificate("receiver.example")
	server = &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{sc}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool(cl)}
	client = &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{cc}, RootCAs: pool(sl), ServerName: "transmitter.example"}
	return server, client
}

// Pipe gives the two ends of a loopback TCP connection. Unlike net.Pipe it has
// buffers, as a network has.
func Pipe() (transmitter, receiver net.Conn) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	defer func() { _ = l.Close() }()
	accepted := make(chan net.Conn, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			close(accepted)
			return
		}
		accepted <- c
	}()
	receiver, err = net.Dial("tcp", l.Addr().String())
	if err != nil {
		panic(err)
	}
	transmitter = <-accepted
	if transmitter == nil {
		panic("linkagetest: accept failed")
	}
	return transmitter, receiver
}
