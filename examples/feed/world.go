package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/watch"
	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
)

const (
	transmitterName = "messenger.example"
	receiverName    = "network.example"
)

// start is when the days begin.
var start = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// world is what both services know: the agreement, and each its own keys.
type world struct {
	agreement             *linkage.Agreement
	transmitter, receiver ed25519.PrivateKey
	seed                  uint64
}

func newWorld(o *options) (*world, error) {
	w := &world{seed: o.seed}
	w.transmitter = ed25519.NewKeyFromSeed(w.secret("transmitter"))
	w.receiver = ed25519.NewKeyFromSeed(w.secret("receiver"))
	w.agreement = &linkage.Agreement{
		EpochDays: o.epochDays, ID: uuid.UUID(w.secret("agreement")[:16]), Kinds: []hashing.Kind{hashing.Phone}, LabelBytes: 64,
		Limits:        linkage.Limits{AdditionsPerDay: 1 << 20, Identifiers: 1 << 26, Records: 1 << 26, SignalsPerDay: 1 << 24, SignalsPerIdentifier: 200},
		Normalisation: hashing.RulesVersion, Protocol: o.protocol, Purpose: linkage.FraudAndAbusePrevention,
		Transmitter: linkage.Party{Name: transmitterName, Key: w.transmitter.Public().(ed25519.PublicKey)},
		Receiver:    linkage.Party{Name: receiverName, Key: w.receiver.Public().(ed25519.PublicKey)},
		ValidFrom:   start, ValidUntil: start.AddDate(3, 0, 0), Version: 1,
	}
	if err := w.agreement.Sign(linkage.Transmitter, w.transmitter); err != nil {
		return nil, err
	}
	return w, w.agreement.Sign(linkage.Receiver, w.receiver)
}

// secret derives 32 bytes for a use from the seed.
func (w *world) secret(use string) []byte {
	sum := sha256.Sum256(fmt.Appendf(nil, "examples/feed/%s/%d", use, w.seed))
	return sum[:]
}

func (w *world) vault(dir, role string) (*watch.Vault, error) {
	key, err := hashing.KeyFromSecret(w.secret("vault/" + role))
	if err != nil {
		return nil, err
	}
	return watch.OpenVault(dir, key)
}

// certificate is one that nobody vouches for: the agreement names the key in it.
func certificate(key ed25519.PrivateKey) (tls.Certificate, error) {
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Unix(0, 0), NotAfter: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

// Persons are numbers. Each has one telephone number, and is "u" and the number at the receiver, "t"
// and the number at the transmitter: so a service that starts again knows its accounts. From elsewhere
// on are those whom the receiver never gets to know.
const elsewhere = 100_000_000

func phone(person int) (hashing.Identifier, error) {
	id, err := hashing.ParsePhone(number(person), "")
	if err != nil { // of some there are too few digits that differ
		prefix, n := line(person)
		id, err = hashing.ParsePhone(fmt.Sprintf("+44%s%08d", prefix, (n*32452843+27182818)%elsewhere), "")
	}
	return id, err
}

// number is the telephone number of nearly all.
func number(person int) string {
	prefix, n := line(person)
	return fmt.Sprintf("+33%s%08d", prefix[1:], (n*67280421+31415926)%elsewhere)
}

func line(person int) (prefix string, n int) {
	if person >= elsewhere {
		return "77", person - elsewhere
	}
	return "76", person
}

func person(account string) (int, bool) {
	n, err := strconv.Atoi(strings.TrimLeft(account, "tu"))
	return n, err == nil
}

func receiverAccount(person int) string { return "u" + strconv.Itoa(person) }

// saying is what the transmitter finds about one of its accounts.
type saying struct {
	Signal   int    `json:"signal"`
	About    int    `json:"about"`
	Revision uint64 `json:"revision"`
	First    int64  `json:"first"` // when it was found
	Until    int64  `json:"until"`
	Retract  bool   `json:"retract,omitempty"`
}

// id is a UUID of version 7.
func (s *saying) id() (id uuid.UUID) {
	binary.BigEndian.PutUint64(id[:], uint64(s.First*1000)<<16)
	binary.BigEndian.PutUint64(id[8:], uint64(s.Signal))
	id[6], id[8] = 0x70, 0x80
	return id
}

func (s *saying) form() abuse.Signal {
	observed := time.Unix(s.First, 0).UTC()
	return abuse.Signal{
		ID: s.id(), Origin: transmitterName, Category: abuse.Phishing, Class: abuse.Confirmed, Confidence: 60 + int(s.Revision%5)*8,
		Severity: abuse.High, Review: abuse.ReviewAutomatic, Reports: 4, FirstObserved: observed, LastObserved: observed,
		ValidUntil: time.Unix(s.Until, 0).UTC(), Permitted: abuse.PermitDirect, ActionTaken: abuse.Suspend, Revision: s.Revision,
	}
}
