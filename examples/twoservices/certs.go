package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/linkage"
)

// agreementFile is the name of the agreement beside the certificates.
const agreementFile = "agreement.json"

// life is from when to when certificates are valid.
type life struct{ from, until time.Time }

// demoLife does not depend on the clock, so that every process makes the same
// authority of a seed.
var demoLife = life{time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)}

// authority signs certificates.
type authority struct {
	key  ed25519.PrivateKey
	cert *x509.Certificate
	life life
}

func newAuthority(key ed25519.PrivateKey, l life) (*authority, error) {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "twoservices authority"},
		NotBefore:    l.from, NotAfter: l.until,
		KeyUsage:              x509.KeyUsageCertSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}
	der, err := x509.CreateCertificate(nil, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return &authority{key: key, cert: cert, life: l}, err
}

// issue makes the certificate of a party: good for its side of TLS and under the
// name of its role.
func (a *authority) issue(role linkage.Role, public ed25519.PublicKey) ([]byte, error) {
	usage := x509.ExtKeyUsageServerAuth
	if role == linkage.Receiver {
		usage = x509.ExtKeyUsageClientAuth
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1 + int64(role)),
		Subject:      pkix.Name{CommonName: role.String()},
		NotBefore:    a.life.from, NotAfter: a.life.until,
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{usage},
		DNSNames:    []string{role.String(), "localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	return x509.CreateCertificate(nil, template, a.cert, public, a.key)
}

// makeCerts writes what two parties need to a folder, and prints what to do with
// it, or as JSON where and what it is. The authority's own key is kept nowhere.
// Services that are not on trial make their keys each for itself and sign the
// agreement one after the other.
func makeCerts(dir string, now time.Time, protocol string, asJSON bool, out io.Writer) error {
	files, err := newCredentials(now, protocol)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, f := range files {
		if _, err := os.Lstat(filepath.Join(dir, f.name)); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("-make-certs: %s is there already, nothing is overwritten", f.name)
		}
	}
	done := written{Directory: dir}
	for _, f := range files {
		if err := writeNew(filepath.Join(dir, f.name), f.content, f.mode); err != nil {
			return err
		}
		done.Files = append(done.Files, f.name)
	}
	if asJSON {
		return json.NewEncoder(out).Encode(done)
	}
	_, err = fmt.Fprint(out, nextSteps)
	return err
}

// written is the object that -make-certs prints with -json.
type written struct {
	Directory string   `json:"directory"`
	Files     []string `json:"files"` // names in it
}

const nextSteps = `Written. In that folder, with your own CSV files, run in two terminals:

  twoservices -role transmitter -listen 127.0.0.1:7171 -cert transmitter.pem -key transmitter.key -peer-ca ca.pem -flagged flagged.csv

  twoservices -role receiver -connect 127.0.0.1:7171 -cert receiver.pem -key receiver.key -peer-ca ca.pem -accounts accounts.csv -decisions decisions.jsonl
`

// credential is one file of makeCerts.
type credential struct {
	name    string
	content []byte
	mode    fs.FileMode
}

// newCredentials makes keys, certificates for a year, and the agreement.
func newCredentials(now time.Time, protocol string) ([]credential, error) {
	_, caKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	ca, err := newAuthority(caKey, life{now.Add(-time.Hour), now.AddDate(1, 0, 0)})
	if err != nil {
		return nil, err
	}
	files := []credential{{"ca.pem", pemOf("CERTIFICATE", ca.cert.Raw), 0o644}}
	keys := map[linkage.Role]ed25519.PrivateKey{}
	for _, role := range []linkage.Role{linkage.Transmitter, linkage.Receiver} {
		public, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return nil, err
		}
		cert, err := ca.issue(role, public)
		if err != nil {
			return nil, err
		}
		secret, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			return nil, err
		}
		keys[role] = key
		files = append(files,
			credential{role.String() + ".pem", pemOf("CERTIFICATE", cert), 0o644},
			credential{role.String() + ".key", pemOf("PRIVATE KEY", secret), 0o600})
	}
	agreement, err := newAgreement(uuid.New(), linkage.FraudAndAbusePrevention, protocol, keys[linkage.Transmitter], keys[linkage.Receiver])
	if err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(agreement, "", "  ")
	if err != nil {
		return nil, err
	}
	return append(files, credential{agreementFile, append(text, '\n'), 0o644}), nil
}

func pemOf(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// writeNew writes a file that must not exist.
func writeNew(path string, content []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Close())
}
