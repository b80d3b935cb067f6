package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
)

const (
	transmitterName = "messenger.example"
	receiverName    = "network.example"

	maxFlagged = 1_000_000
	maxBase    = 1_000_000
	maxLoad    = 4_000_000
	maxDaily   = 10_000_000
)

// The people of this world are numbers: those below maxFlagged may be flagged, those above
// firstOwn are accounts that the receiver has at the start, those above firstNew sign up.
const (
	firstOwn = 2_000_000
	firstNew = 4_000_000
)

// world is what both services are made of.
type world struct {
	seed      uint64
	agreement *linkage.Agreement
	keys      map[linkage.Role]ed25519.PrivateKey
	certs     map[linkage.Role]tls.Certificate
}

func (w *world) digest(use string, n int) [32]byte {
	b := binary.BigEndian.AppendUint64([]byte("hueandcry/examples/signup/v1\x00"), w.seed)
	b = binary.BigEndian.AppendUint64(b, uint64(n))
	return sha256.Sum256(append(b, use...))
}

func newWorld(seed uint64, protocol string) (*world, error) {
	w := &world{seed: seed, keys: map[linkage.Role]ed25519.PrivateKey{}, certs: map[linkage.Role]tls.Certificate{}}
	for _, role := range []linkage.Role{linkage.Transmitter, linkage.Receiver} {
		secret := w.digest(role.String(), 0)
		key := ed25519.NewKeyFromSeed(secret[:])
		// The other side knows the key from the agreement, so that nobody has to vouch for it.
		template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: validFrom, NotAfter: validUntil}
		der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		if err != nil {
			return nil, err
		}
		w.keys[role], w.certs[role] = key, tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	}
	name := w.digest("agreement/"+protocol, 0)
	w.agreement = &linkage.Agreement{
		Version: 1, ID: uuid.NewSHA1(uuid.Nil, name[:]), Protocol: protocol, Purpose: linkage.FraudAndAbusePrevention,
		Transmitter: linkage.Party{Name: transmitterName, Key: w.keys[linkage.Transmitter].Public().(ed25519.PublicKey)},
		Receiver:    linkage.Party{Name: receiverName, Key: w.keys[linkage.Receiver].Public().(ed25519.PublicKey)},
		Kinds:       []hashing.Kind{hashing.Phone, hashing.IMEI, hashing.AdvertisingID, hashing.InstallID},
		SameVendor:  true, Normalisation: hashing.RulesVersion, LabelBytes: 64, EpochDays: 30,
		// Wide, for whoever tries it asks himself. A real agreement has them near what there is.
		Limits: linkage.Limits{AdditionsPerDay: maxDaily, Identifiers: 10 * linkage.Encodable(protocol, 2*maxBase), Records: 2 * maxFlagged,
			SignalsPerDay: 2 * maxFlagged, SignalsPerIdentifier: 64},
		ValidFrom: validFrom, ValidUntil: validUntil,
	}
	return w, errors.Join(w.agreement.Sign(linkage.Transmitter, w.keys[linkage.Transmitter]), w.agreement.Sign(linkage.Receiver, w.keys[linkage.Receiver]))
}

var (
	validFrom  = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	validUntil = time.Date(2090, 1, 1, 0, 0, 0, 0, time.UTC)
)

// phone writes the telephone number of a person as people do.
func phone(n int) string {
	return fmt.Sprintf("06 %02d %02d %02d %02d", 10+n/1_000_000, n/10_000%100, n/100%100, n%100)
}

// device gives the install id of a person's device.
func (w *world) device(n int) string {
	d := w.digest("device", n)
	return hex.EncodeToString(d[:16])
}

// identifiers reads both of a person.
func (w *world) identifiers(n int) ([]hashing.Identifier, error) {
	p, err := hashing.ParsePhone(phone(n), "FR")
	if err != nil {
		return nil, err
	}
	d, err := hashing.ParseDevice(hashing.InstallID, w.device(n))
	return []hashing.Identifier{p, d}, err
}

// signal is what the transmitter says about one of its accounts.
func (w *world) signal(n int, now time.Time) abuse.Signal {
	d := w.digest("signal", n)
	id := uuid.UUID(d[:16])
	id[6], id[8] = id[6]&0x0f|0x70, id[8]&0x3f|0x80
	seen := now.Truncate(time.Second).UTC().AddDate(0, 0, -1)
	return abuse.Signal{
		ID: id, Origin: transmitterName, Category: abuse.Phishing, Class: abuse.Confirmed, Confidence: 70 + n%30, Severity: abuse.High,
		Review: abuse.ReviewHuman, Reports: uint32(3 + n%40), FirstObserved: seen, LastObserved: seen, ValidUntil: seen.AddDate(0, 2, 0),
		Permitted: abuse.PermitDirect, ActionTaken: abuse.Suspend, Revision: uint64(now.Unix()),
	}
}
