package linkage_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
	"github.com/hueandcry/hueandcry/linkage/linkagetest"
)

// A transmitter that spoils the labels about numbers of its choice must not learn
// whether the receiver knows them: the session ends alike, to the last frame.
func TestNothingSaidDependsOnAMatch(t *testing.T) { eachProtocol(t, testNothingSaidDependsOnAMatch) }

func testNothingSaidDependsOnAMatch(t *testing.T, under func(*linkage.Agreement)) {
	p, w := hostileWorld(t, under)
	pub, err := linkage.Publish(t.Context(), p.TransmitterConfig(), linkage.Slice(w.signals))
	require.NoError(t, err)
	strangers := &world{signals: w.signals}
	for i := range w.accounts {
		a := linkage.Account{Ref: fmt.Sprint(i), Identifiers: []hashing.Identifier{device(t, hashing.InstallID, uint64(1000+i))}}
		if i < 5 {
			a.Identifiers = append(a.Identifiers, phone(t, uint64(1000+i)))
		}
		strangers.accounts = append(strangers.accounts, a)
	}
	// The shape of what the receiver says: types and lengths of its frames.
	shape := func(w *world, spoil bool) (string, outcome) {
		ctx := linkagetest.AllowPlain(t.Context())
		tConn, tFar := linkagetest.Pipe()
		rFar, rConn := linkagetest.Pipe()
		record := &linkagetest.Recorder{Conn: rConn}
		var wg sync.WaitGroup
		wg.Go(func() {
			relay(tFar, rFar, func(f frame) []byte {
				if spoil && f.kind == frameRecords {
					for at := recordBytes - 1; at < len(f.body); at += recordBytes {
						f.body[at] ^= 1
					}
				}
				return f.bytes()
			})
		})
		o := run(ctx, tConn, record, p.TransmitterConfig(), p.ReceiverConfig(), pub, linkage.Slice(w.accounts))
		wg.Wait()
		var b strings.Builder
		for said := record.Sent(); len(said) > 0; {
			n := int(said[1])<<24 | int(said[2])<<16 | int(said[3])<<8 | int(said[4])
			fmt.Fprintf(&b, "%d:%d ", said[0], n)
			said = said[5+n:]
		}
		require.NoError(t, o.errTransmit)
		require.NoError(t, o.errReceiver)
		return b.String(), o
	}
	held, o := shape(w, true)
	require.Empty(t, o.matches)
	require.Equal(t, 10, o.receiver.Unreadable, "every record is counted here, and nowhere else")
	unheld, o := shape(strangers, true)
	require.Zero(t, o.receiver.Unreadable)
	honest, o := shape(w, false)
	require.Len(t, o.matches, 5)
	require.Equal(t, held, unheld)
	require.Equal(t, held, honest)
}

// Nothing on the wire says which signal a record is of: not to receivers who compare what
// they have got, nor to one that gets several revisions, or one signal about two identifiers
// of which it holds one.
func TestSignalsAreNotRecognised(t *testing.T) { eachProtocol(t, testSignalsAreNotRecognised) }

func testSignalsAreNotRecognised(t *testing.T, under func(*linkage.Agreement)) {
	id := uuid.MustParse("0190a8f4-58a7-7b1f-9d5e-6f3c0a1b2c3d")
	w := &world{accounts: []linkage.Account{{Ref: "a", Identifiers: []hashing.Identifier{phone(t, 1)}}}}
	one, other := linkagetest.NewParties(under), linkagetest.NewParties(under)
	other.Key = one.Key
	const tagBytes = 16
	tags, labels := runs{}, runs{}
	for _, said := range []struct {
		p        *linkagetest.Parties
		sequence uint64
	}{{one, 1}, {one, 2}, {other, 1}} {
		w.signals = []linkage.Flagged{{ID: id, Sequence: said.sequence, Label: []byte("the label that both receive"), Identifiers: []hashing.Identifier{phone(t, 1), phone(t, 2)}}}
		ctx := linkagetest.AllowPlain(t.Context())
		pub, err := linkage.Publish(ctx, said.p.TransmitterConfig(), linkage.Slice(w.signals))
		require.NoError(t, err)
		tConn, rConn := linkagetest.Pipe()
		record := &linkagetest.Recorder{Conn: rConn}
		o := run(ctx, tConn, record, said.p.TransmitterConfig(), said.p.ReceiverConfig(), pub, linkage.Slice(w.accounts))
		requireJoin(t, w, o)
		all := record.Received()
		heard := runs{}
		heard.meet(all)
		require.False(t, heard.meet(id[:]), "the signal's ID")
		require.False(t, heard.meet(w.signals[0].Label), "the label")

		head := []byte{frameRecords, 0, 0, 2 * recordBytes >> 8, 2 * recordBytes & 0xff}
		at := bytes.Index(all, head)
		require.Positive(t, at)
		records := all[at+len(head):][:2*recordBytes]
		for i := range 2 {
			r := records[i*recordBytes:][:recordBytes]
			require.False(t, labels.meet(r[tagBytes:]), "sealed labels have nothing in common")
			// Tags are of an identifier, and under "ec" the same throughout an epoch.
			if said.sequence == 1 {
				require.False(t, tags.meet(r[:tagBytes]))
			}
		}
	}
}

// runs are all the runs of eight bytes in some texts.
type runs map[[8]byte]bool

// meet adds those of one more text, and says whether one of them was there already.
func (r runs) meet(text []byte) (met bool) {
	own := runs{}
	for ; len(text) >= 8; text = text[1:] {
		own[[8]byte(text)] = true
	}
	for run := range own {
		met = met || r[run]
		r[run] = true
	}
	return met
}

// Whoever ends TLS in the middle, with certificates that both sides trust, cannot
// sit between them: what they sign holds the TLS connection that each of them has.
func TestTLSIsBoundIntoTheSession(t *testing.T) {
	p, w := hostileWorld(t)
	server, client := linkagetest.TLS()
	pub, err := linkage.Publish(t.Context(), p.TransmitterConfig(), linkage.Slice(w.signals))
	require.NoError(t, err)
	tConn, tFar := linkagetest.Pipe()
	rFar, rConn := linkagetest.Pipe()
	var wg sync.WaitGroup
	wg.Go(func() {
		// It holds the keys of both certificates.
		toReceiver, toTransmitter := tls.Server(rFar, server), tls.Client(tFar, client)
		relay(toTransmitter, toReceiver, frame.bytes)
	})
	o := run(t.Context(), tls.Server(tConn, server), tls.Client(rConn, client), p.TransmitterConfig(), p.ReceiverConfig(), pub, linkage.Slice(w.accounts))
	wg.Wait()
	requireVictim(t, o, linkage.Receiver, linkage.ErrPeer)
	require.Error(t, o.errTransmit)
}

// A peer that completes the TCP connection and never says a word of TLS.
func TestSilentHandshake(t *testing.T) {
	p, w := hostileWorld(t)
	server, client := linkagetest.TLS()
	pub, err := linkage.Publish(t.Context(), p.TransmitterConfig(), linkage.Slice(w.signals))
	require.NoError(t, err)
	near, far := linkagetest.Pipe()
	defer func() { _ = far.Close() }()
	tc, rc := p.TransmitterConfig(), p.ReceiverConfig()
	tc.IdleTimeout, rc.IdleTimeout = 30*time.Millisecond, 30*time.Millisecond
	_, err = linkage.Transmit(t.Context(), tls.Server(near, server), tc, pub)
	require.ErrorIs(t, err, linkage.ErrTimeout)
	near, far2 := linkagetest.Pipe()
	defer func() { _ = far2.Close() }()
	_, _, err = linkage.Receive(t.Context(), tls.Client(near, client), rc, linkage.Slice(w.accounts))
	require.ErrorIs(t, err, linkage.ErrTimeout)
}

// What a stranger has put into a certificate does not come out of our errors.
func TestStrangersTextIsNotPrinted(t *testing.T) {
	p, w := hostileWorld(t)
	server, _ := linkagetest.TLS()
	_, client := linkagetest.TLS() // which trusts another transmitter
	tConn, rConn := linkagetest.Pipe()
	var wg sync.WaitGroup
	wg.Go(func() {
		_ = tls.Server(tConn, server).Handshake()
		_ = tConn.Close()
	})
	_, _, err := linkage.Receive(t.Context(), tls.Client(rConn, client), p.ReceiverConfig(), linkage.Slice(w.accounts))
	wg.Wait()
	require.ErrorIs(t, err, linkage.ErrTransport)
	require.NotContains(t, err.Error(), "x509")
	var untrusted *tls.CertificateVerificationError
	require.ErrorAs(t, err, &untrusted, "and can still be looked into")
}

// manyRecords is a publication of several frames, larger than a connection buffers.
func manyRecords(t *testing.T) (*linkagetest.Parties, *linkage.Publication) {
	p := linkagetest.NewParties(func(a *linkage.Agreement) {
		a.LabelBytes, a.Limits.SignalsPerIdentifier, a.Kinds = 1024, 256, []hashing.Kind{hashing.Phone}
	})
	var signals []linkage.Flagged
	for i := range 40 * 256 {
		signals = append(signals, linkage.Flagged{ID: uuid.UUID{1, byte(i >> 8), byte(i)}, Identifiers: []hashing.Identifier{phone(t, uint64(i/256))}})
	}
	pub, err := linkage.Publish(t.Context(), p.TransmitterConfig(), linkage.Slice(signals))
	require.NoError(t, err)
	require.Equal(t, len(signals), pub.Records())
	return p, pub
}

// A peer that never reads, and one whose second frame of records begins before
// the end of the first.
func TestManyRecords(t *testing.T) {
	p, pub := manyRecords(t)
	w := &world{accounts: []linkage.Account{{Ref: "a", Identifiers: []hashing.Identifier{phone(t, 0)}}}}
	o := behind(t, p, w, pub, linkage.Receiver, 0, frame.bytes)
	require.NoError(t, o.errReceiver)
	require.Len(t, o.matches[0].Signals, 256)

	n := 0
	o = behind(t, p, w, pub, linkage.Receiver, 0, func(f frame) []byte {
		if f.kind == frameRecords {
			if n++; n == 2 {
				clear(f.body[:16])
			}
		}
		return f.bytes()
	})
	require.Greater(t, n, 1)
	requireVictim(t, o, linkage.Receiver, linkage.ErrRecord)

	ctx := linkagetest.AllowPlain(t.Context())
	tConn, tFar := linkagetest.Pipe()
	rFar, rConn := linkagetest.Pipe()
	tc := p.TransmitterConfig()
	tc.IdleTimeout = quick
	var wg sync.WaitGroup
	wg.Go(func() { // the receiver's words pass, the transmitter's only as far as the first two frames
		go func() { _, _ = io.Copy(tFar, rFar) }()
		for range 2 {
			var head [5]byte
			if _, err := io.ReadFull(tFar, head[:]); err != nil {
				return
			}
			_, _ = rFar.Write(head[:])
			_, _ = io.CopyN(rFar, tFar, int64(head[1])<<24|int64(head[2])<<16|int64(head[3])<<8|int64(head[4]))
		}
	})
	done := make(chan struct{})
	go func() {
		_, _, _ = linkage.Receive(ctx, rConn, p.ReceiverConfig(), linkage.Slice(w.accounts))
		close(done)
	}()
	_, err := linkage.Transmit(ctx, tConn, tc, pub)
	require.ErrorIs(t, err, linkage.ErrTimeout)
	_, _ = tFar.Close(), rFar.Close()
	wg.Wait()
	<-done
}

func TestConfigDoesNotPrint(t *testing.T) {
	p := linkagetest.NewParties()
	cfg := p.TransmitterConfig()
	var logged bytes.Buffer
	slog.New(slog.NewTextHandler(&logged, nil)).Info("starting", "config", cfg)
	seed := fmt.Sprint([]byte(p.Transmitter[:8]))
	for _, printed := range []string{fmt.Sprint(cfg), fmt.Sprintf("%+v", cfg), fmt.Sprintf("%#v", cfg), logged.String()} {
		require.Contains(t, printed, "linkage.Config")
		require.NotContains(t, printed, strings.Trim(seed, "[]"))
	}
}

// Matches and summaries are made to be logged and kept: nothing of an identifier
// is in them. Both sides close the connection.
func TestResultsHoldNoIdentifier(t *testing.T) { eachProtocol(t, testResultsHoldNoIdentifier) }

func testResultsHoldNoIdentifier(t *testing.T, under func(*linkage.Agreement)) {
	p, w := hostileWorld(t, under)
	o := runPlain(t, p, w)
	require.Len(t, o.matches, 5)
	text, err := json.Marshal(o.matches)
	require.NoError(t, err)
	require.NotContains(t, string(text)+fmt.Sprintf("%+v %+v", o.matches, o.receiver), "5550")

	ctx := linkagetest.AllowPlain(t.Context())
	tConn, rConn := linkagetest.Pipe()
	_, _, err = linkage.Receive(ctx, rConn, linkage.Config{}, linkage.Slice(w.accounts))
	require.ErrorIs(t, err, linkage.ErrInput)
	_, err = rConn.Write([]byte("x"))
	require.ErrorIs(t, err, net.ErrClosed)
	_, err = linkage.Transmit(ctx, tConn, linkage.Config{}, nil)
	require.ErrorIs(t, err, linkage.ErrInput)
	_, err = tConn.Write([]byte("x"))
	require.ErrorIs(t, err, net.ErrClosed)
	require.False(t, errors.Is(err, context.Canceled))
}
