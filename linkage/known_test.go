package linkage_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
	"github.com/hueandcry/hueandcry/linkage/linkagetest"
)

// fixedParties always holds the same keys and the same agreement.
func fixedParties(t testing.TB, edit ...func(*linkage.Agreement)) *linkagetest.Parties {
	seed := func(name string) []byte { s := sha256.Sum256([]byte(name)); return s[:] }
	p := linkagetest.NewParties(edit...)
	p.Transmitter, p.Receiver = ed25519.NewKeyFromSeed(seed("transmitter")), ed25519.NewKeyFromSeed(seed("receiver"))
	p.Agreement.Transmitter.Key = p.Transmitter.Public().(ed25519.PublicKey)
	p.Agreement.Receiver.Key = p.Receiver.Public().(ed25519.PublicKey)
	p.Agreement.ID = uuid.MustParse("0190a8f4-58a7-7b1f-9d5e-6f3c0a1b2c3d")
	p.Sign()
	var err error
	p.Key, err = hashing.KeyFromSecret(seed("key"))
	require.NoError(t, err)
	return p
}

// Every byte of a small session is pinned: identifiers, keys, randomness and
// time being fixed, a change here is a change of the protocol, which partners
// who have not made it would not understand. It needs a new version of the wire
// or of a label, and a line in the changelog.
func TestSessionKnownAnswer(t *testing.T) {
	t.Run("ec", func(t *testing.T) {
		knownSession(t, fixedParties(t), [3]string{
			"14300695a8790a97d0abc110f3ec5a43222bf3cba5512a8501ea64087d4e59b1",
			"138cba7340995c3f39892a4ff0d6b787798836d76aee5f36cdfe95092cdfda57",
			"e154de8ba4af1d6c9d9da205ddcc3bc1484d313418089f4c38acb00b9db275bc",
		})
	})
	t.Run("vole", func(t *testing.T) {
		knownSession(t, fixedParties(t, inBulk), [3]string{
			"66f1722dece18b8459698bcd9c3666314efb30aeccf0a96f2e1fe1350e928c79",
			"f65a4516c8efc4f668ef6bfc4008f9b0b0246c276b522b4f898b991e19b418da",
			"7f733ef29b07a48085a2f2fd4b6a618aff2a798b47a09f9a6231498c24b4d70d",
		})
	})
}

// knownSession runs a session and compares the hashes of the agreement, of what the receiver
// sent and of what it received.
func knownSession(t *testing.T, p *linkagetest.Parties, want [3]string) {
	digest := p.Agreement.Digest()
	require.Equal(t, want[0], hex.EncodeToString(digest[:]))

	w := &world{
		[]linkage.Account{{Ref: "a", Identifiers: []hashing.Identifier{phone(t, 1)}}},
		[]linkage.Flagged{{ID: uuid.UUID{1}, Sequence: 1, Identifiers: []hashing.Identifier{phone(t, 1)}, Label: []byte("label")}},
	}
	ctx := linkagetest.FixedRandom(linkagetest.AllowPlain(t.Context()), "known answer")
	tc, rc := p.TransmitterConfig(), p.ReceiverConfig()
	tc.Now = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	rc.Now = tc.Now
	pub, err := linkage.Publish(ctx, tc, linkage.Slice(w.signals))
	require.NoError(t, err)
	tConn, rConn := linkagetest.Pipe()
	record := &linkagetest.Recorder{Conn: rConn}
	o := run(ctx, tConn, record, tc, rc, pub, linkage.Slice(w.accounts))
	requireJoin(t, w, o)
	for i, said := range [][]byte{record.Sent(), record.Received()} {
		sum := sha256.Sum256(said)
		require.Equal(t, want[1+i], hex.EncodeToString(sum[:]))
	}
}

func BenchmarkSession(b *testing.B) {
	p := linkagetest.NewParties()
	var w world
	for i := range uint64(2000) {
		w.accounts = append(w.accounts, linkage.Account{Ref: string(rune(i)), Identifiers: []hashing.Identifier{device(b, hashing.InstallID, i)}})
	}
	for i := range uint64(200) {
		w.signals = append(w.signals, linkage.Flagged{ID: uuid.UUID{1, byte(i)}, Identifiers: []hashing.Identifier{device(b, hashing.InstallID, 10*i)}})
	}
	ctx := linkagetest.AllowPlain(b.Context())
	pub, err := linkage.Publish(ctx, p.TransmitterConfig(), linkage.Slice(w.signals))
	require.NoError(b, err)
	for b.Loop() {
		tConn, rConn := linkagetest.Pipe()
		o := run(ctx, tConn, rConn, p.TransmitterConfig(), p.ReceiverConfig(), pub, linkage.Slice(w.accounts))
		require.NoError(b, o.errReceiver)
		require.Len(b, o.matches, 200)
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/2000, "us/account")
}
