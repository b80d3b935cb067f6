package watch

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
)

// parties are two services with an agreement.
type parties struct {
	agreement             *linkage.Agreement
	transmitter, receiver ed25519.PrivateKey
}

func newParties(t testing.TB, change func(a *linkage.Agreement)) *parties {
	t.Helper()
	key := func(name string) ed25519.PrivateKey {
		seed := sha256.Sum256([]byte(name))
		return ed25519.NewKeyFromSeed(seed[:])
	}
	p := &parties{transmitter: key("transmitter"), receiver: key("receiver")}
	p.agreement = &linkage.Agreement{
		EpochDays: 30, ID: uuid.MustParse("6f9ff7e8-5a0f-4a4b-9c6f-3d1b1f3f0a11"), Kinds: []hashing.Kind{hashing.Phone, hashing.IMEI},
		LabelBytes: 64, Normalisation: hashing.RulesVersion, Protocol: linkage.ProtocolEC, Purpose: linkage.FraudAndAbusePrevention,
		Limits:      linkage.Limits{AdditionsPerDay: 10_000, Identifiers: 100_000, Records: 100_000, SignalsPerDay: 10_000, SignalsPerIdentifier: 8},
		Transmitter: linkage.Party{Key: p.transmitter.Public().(ed25519.PublicKey), Name: "messenger.example"},
		Receiver:    linkage.Party{Key: p.receiver.Public().(ed25519.PublicKey), Name: "market.example"},
		ValidFrom:   time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), ValidUntil: time.Date(2027, 11, 1, 0, 0, 0, 0, time.UTC), Version: 1,
	}
	if change != nil {
		change(p.agreement)
	}
	require.NoError(t, p.agreement.Sign(linkage.Transmitter, p.transmitter))
	require.NoError(t, p.agreement.Sign(linkage.Receiver, p.receiver))
	return p
}

// selfSigned makes a certificate for a key; nobody vouches for it.
func selfSigned(t testing.TB, key ed25519.PrivateKey) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Unix(0, 0), NotAfter: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// book is the transmitter's own table of accounts.
type book struct {
	mu  sync.Mutex
	all map[string][]hashing.Identifier
}

func phoneOf(t testing.TB, n int) hashing.Identifier {
	t.Helper()
	id, err := hashing.ParsePhone(fmt.Sprintf("+33612%06d", n), "")
	require.NoError(t, err)
	return id
}

func (b *book) put(account string, ids ...hashing.Identifier) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all[account] = ids
}

func (b *book) identifiers(_ context.Context, account string) ([]hashing.Identifier, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	ids, ok := b.all[account]
	if !ok {
		return nil, ErrGone
	}
	return ids, nil
}

// service is a transmitter with what it stands on, which a restart keeps.
type service struct {
	*parties
	t      testing.TB
	store  abuse.Store
	dir    string
	key    hashing.Key
	book   *book
	at     atomic.Int64 // its clock, in seconds
	alarms sync.Map
	also   func(*TransmitterConfig)
}

func newService(t testing.TB, p *parties) *service {
	s := &service{parties: p, t: t, store: abuse.NewMemory(), dir: t.TempDir() + "/vault", key: hashing.NewKey(), book: &book{all: map[string][]hashing.Identifier{}}}
	s.at.Store(testNow.Unix())
	return s
}

func (s *service) now() time.Time { return time.Unix(s.at.Load(), 0).UTC() }

func (s *service) config() TransmitterConfig {
	vault, err := OpenVault(s.dir, s.key)
	require.NoError(s.t, err)
	cfg := TransmitterConfig{Agreement: s.agreement, Signer: s.transmitter, Store: s.store, Vault: vault, Identifiers: s.book.identifiers, Clock: s.now,
		Observe: Observe{Alarm: func(a Alarm) {
			n, _ := s.alarms.LoadOrStore(a.Kind, new(atomic.Int64))
			n.(*atomic.Int64).Add(1)
		}}}
	if s.also != nil {
		s.also(&cfg)
	}
	return cfg
}

func (s *service) alarmed(kind AlarmKind) int64 {
	n, ok := s.alarms.Load(kind)
	if !ok {
		return 0
	}
	return n.(*atomic.Int64).Load()
}

// start starts it anew; nothing is closed, as after a kill, unless the caller does.
func (s *service) start() *Transmitter {
	s.t.Helper()
	tr, err := NewTransmitter(s.t.Context(), s.config())
	require.NoError(s.t, err)
	return tr
}

// serveTLS serves a transmitter over loopback TLS and gives a client of the receiver's.
func serveTLS(t testing.TB, p *parties, tr *Transmitter) (*httptest.Server, *Client) {
	t.Helper()
	srv := httptest.NewUnstartedServer(tr.Handler())
	srv.TLS = ServerTLS(selfSigned(t, p.transmitter))
	srv.StartTLS()
	t.Cleanup(srv.Close)
	c, err := NewClient(ClientConfig{URL: srv.URL, Agreement: p.agreement, Certificate: selfSigned(t, p.receiver)})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return srv, c
}

// feedOf gives the one feed of an epoch under "ec".
func (p *parties) feedOf(epoch uint32) linkage.FeedID {
	return linkage.NewFeedID(p.agreement, epoch, []linkage.GenerationID{linkage.LiveGeneration(p.agreement, epoch)})
}

// said is what a receiver that holds an identifier has read in a feed.
type said struct {
	sequence uint64
	op       linkage.Operation
	label    string
}

// read follows a whole feed through a partner's interface, checking the chain, and gives the last
// that was said in it, by alias, of identifiers that were enrolled one by one.
func (p *parties) read(t testing.TB, c Partner, epoch uint32, ids ...hashing.Identifier) map[string]said {
	t.Helper()
	ctx := t.Context()
	feed := p.feedOf(epoch)
	cfg := linkage.Config{Agreement: p.agreement, Signer: p.receiver, Now: p.agreement.EpochStart(epoch)}
	opening, err := c.Opening(ctx, epoch)
	require.NoError(t, err)
	blinder, err := linkage.NewBlinder(cfg, epoch, opening)
	require.NoError(t, err)
	keeper := linkage.NewKeeper(p.agreement, epoch, hashing.NewKey())
	var all []linkage.Kept
	if len(ids) > 0 {
		blinding, err := blinder.Blind(ctx, ids)
		require.NoError(t, err)
		var id [16]byte
		rand.Read(id[:])
		answer, err := c.Evaluate(ctx, epoch, id, blinding.Request())
		require.NoError(t, err)
		all, err = blinding.Finish(answer, keeper)
		require.NoError(t, err)
	}
	last, err := c.Latest(ctx, feed, 0, 0)
	require.NoError(t, err)
	out, byAlias := map[string]said{}, map[[16]byte]string{}
	var tip linkage.Tip
	for n := uint64(1); n <= last; n++ {
		data, err := c.Batch(ctx, feed, n, false)
		require.NoError(t, err)
		b, err := linkage.ParseBatch(p.agreement, data)
		require.NoError(t, err)
		require.NoError(t, b.Follows(feed, tip))
		tip = b.Tip()
		for i := range b.Len() {
			r := b.Record(i)
			if name, ok := byAlias[r.Alias()]; ok && r.Operation() == linkage.Retract {
				require.Greater(t, r.Sequence(), out[name].sequence)
				out[name] = said{r.Sequence(), linkage.Retract, ""}
				continue
			}
			for j := range r.Identifiers() {
				tag := keeper.Tag(r.Tag(j, 0))
				for _, k := range all {
					for nth := range int(p.agreement.Limits.SignalsPerIdentifier) {
						kept := keeper.Nth(k, nth)
						if kept.Tag != tag {
							continue
						}
						opened, err := keeper.Open(kept, nth, j, 0, r)
						require.NoError(t, err)
						name := opened.Signal.String()
						byAlias[r.Alias()] = name
						out[name] = said{r.Sequence(), r.Operation(), string(opened.Label)}
					}
				}
			}
		}
	}
	return out
}
