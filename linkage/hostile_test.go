package linkage_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
	"github.com/hueandcry/hueandcry/linkage/linkagetest"
)

// The types of the frames, as they stand in opening.go; a test speaks to the
// protocol from outside.
const (
	frameHello byte = iota + 1
	frameWelcome
	frameEnrol
	frameAccept
	frameRecords
	frameBlinded
	frameEvaluated
	frameDone
	frameLeave byte = 0xff
)

type frame struct {
	kind byte
	body []byte
}

func (f frame) bytes() []byte {
	return append(binary.BigEndian.AppendUint32([]byte{f.kind}, uint32(len(f.body))), f.body...)
}

// attack is what a hostile peer does. The peer is an honest one behind a relay
// that sees its frames: for its n-th frame of the type, counted from 0, the relay
// sends what bend gives instead. Nil means that the peer falls silent.
type attack struct {
	name string
	kind byte // which frame is bent
	nth  int
	bend func(body []byte) []byte
	// What the victim must say. The code is the error's, found by the victim itself.
	want linkage.Code
	idle time.Duration
}

// raw sends a body in a frame of the given type.
func raw(kind byte, body []byte) []byte { return frame{kind, body}.bytes() }

// edit changes the body within a frame of the same type.
func edit(kind byte, change func([]byte) []byte) func([]byte) []byte {
	return func(body []byte) []byte { return raw(kind, change(bytes.Clone(body))) }
}

func put(kind byte, at int, with ...byte) func([]byte) []byte {
	return edit(kind, func(b []byte) []byte { copy(b[at:], with); return b })
}

func flip(kind byte, at int) func([]byte) []byte {
	return edit(kind, func(b []byte) []byte {
		if at < 0 {
			at += len(b)
		}
		b[at] ^= 1
		return b
	})
}

func swap(kind byte, a, b, n int) func([]byte) []byte {
	return edit(kind, func(body []byte) []byte {
		x := bytes.Clone(body[a : a+n])
		copy(body[a:a+n], body[b:b+n])
		copy(body[b:b+n], x)
		return body
	})
}

var (
	silence   = func([]byte) []byte { return nil }
	garbage   = func([]byte) []byte { return bytes.Repeat([]byte("GET / HTTP/1.1\r\n"), 50) }
	identity  = make([]byte, 32)
	nonField  = bytes.Repeat([]byte{0xff}, 32)
	oversized = func(kind byte) func([]byte) []byte {
		return func([]byte) []byte { return append([]byte{kind}, 0xff, 0xff, 0xff, 0xff, 0) }
	}
	longer = func(kind byte) func([]byte) []byte {
		return edit(kind, func(b []byte) []byte { return append(b, 0) })
	}
	shorter = func(kind byte) func([]byte) []byte {
		return edit(kind, func(b []byte) []byte { return b[:len(b)-1] })
	}
)

// quick is how long a victim waits for a peer that is going to be silent: long
// beside what an honest chunk takes.
const quick = 700 * time.Millisecond

// soon is the same where a victim that lost patience too early is given more of it.
const soon = 150 * time.Millisecond

// helloAttacks are those that either side can make with its hello, which is at
// the start of the frame.
func helloAttacks(kind byte, size int) []attack {
	return []attack{
		{name: "garbage", kind: kind, bend: garbage, want: linkage.ErrOrder},
		{name: "garbage in a frame", kind: kind, bend: edit(kind, func(b []byte) []byte { return bytes.Repeat([]byte{7}, len(b)) }), want: linkage.ErrFrame},
		{name: "an empty hello", kind: kind, bend: edit(kind, func([]byte) []byte { return nil }), want: linkage.ErrFrame},
		{name: "silence", kind: kind, bend: silence, want: linkage.ErrTimeout, idle: soon},
		{name: "an oversized frame", kind: kind, bend: oversized(kind), want: linkage.ErrFrame},
		{name: "wrong version", kind: kind, bend: put(kind, 3, 1), want: linkage.ErrVersion},
		{name: "the same role", kind: kind, bend: edit(kind, func(b []byte) []byte { b[4] ^= 3; return b }), want: linkage.ErrRole},
		{name: "no role", kind: kind, bend: put(kind, 4, 0), want: linkage.ErrRole},
		{name: "another protocol", kind: kind, bend: put(kind, 5, 2), want: linkage.ErrProtocol},
		{name: "another agreement", kind: kind, bend: flip(kind, 6), want: linkage.ErrAgreement},
		{name: "another epoch", kind: kind, bend: flip(kind, 41), want: linkage.ErrEpoch},
		{name: "other rules", kind: kind, bend: flip(kind, 75), want: linkage.ErrNormalisation},
		{name: "rules longer than the frame", kind: kind, bend: put(kind, 74, 255), want: linkage.ErrFrame},
		{name: "rules longer than any", kind: kind, bend: put(kind, 74, 33), want: linkage.ErrFrame},
		{name: "rules cut short", kind: kind, bend: edit(kind, func(b []byte) []byte { b[74] = 32; return b[:80] }), want: linkage.ErrFrame},
		{name: "a hello cut short", kind: kind, bend: edit(kind, func(b []byte) []byte { return b[:40] }), want: linkage.ErrFrame},
		{name: "a hello too long", kind: kind, bend: longer(kind), want: linkage.ErrFrame},
		{name: "another type of frame", kind: kind, bend: func(b []byte) []byte { return raw(frameDone, nil) }, want: linkage.ErrOrder},
		{name: "a leave without a known reason", kind: kind, bend: func(b []byte) []byte { return raw(frameLeave, []byte{200}) }, want: linkage.ErrFrame},
	}
}

var hostileTransmitters = append(helloAttacks(frameWelcome, 0),
	attack{name: "an old nonce", kind: frameWelcome, bend: flip(frameWelcome, 50), want: linkage.ErrPeer},
	attack{name: "another public key", kind: frameWelcome, bend: flip(frameWelcome, -64-32), want: linkage.ErrPeer},
	attack{name: "a bad signature", kind: frameWelcome, bend: flip(frameWelcome, -1), want: linkage.ErrPeer},
	attack{name: "no base", kind: frameAccept, bend: edit(frameAccept, func(b []byte) []byte { return b[:8] }), want: linkage.ErrFrame},
	attack{name: "a base that is the identity", kind: frameAccept, bend: put(frameAccept, 8, identity...), want: linkage.ErrElement},
	attack{name: "a base that is no element", kind: frameAccept, bend: put(frameAccept, 8, nonField...), want: linkage.ErrElement},
	attack{name: "a base with another proof", kind: frameAccept, bend: flip(frameAccept, 8+32), want: linkage.ErrProof},
	attack{name: "the bases of two kinds swapped", kind: frameAccept, bend: swap(frameAccept, 8, 8+96, 96), want: linkage.ErrProof},
	attack{name: "more records than the agreement allows", kind: frameAccept, bend: put(frameAccept, 0, 0, 0, 0, 0, 1), want: linkage.ErrLimit},
	attack{name: "2^64-1 records", kind: frameAccept, bend: put(frameAccept, 0, 255, 255, 255, 255, 255, 255, 255, 255), want: linkage.ErrLimit},
	attack{name: "fewer records than announced", kind: frameRecords, bend: edit(frameRecords, func(b []byte) []byte { return b[:len(b)-recordBytes] }), want: linkage.ErrFrame},
	attack{name: "more records than announced", kind: frameRecords, bend: edit(frameRecords, func(b []byte) []byte { return append(b, b[:recordBytes]...) }), want: linkage.ErrFrame},
	attack{name: "no records at all", kind: frameRecords, bend: silence, want: linkage.ErrTimeout, idle: soon},
	attack{name: "records out of order", kind: frameRecords, bend: swap(frameRecords, 0, recordBytes, recordBytes), want: linkage.ErrRecord},
	attack{name: "a record twice", kind: frameRecords, bend: edit(frameRecords, func(b []byte) []byte { copy(b[recordBytes:], b[:recordBytes]); return b }), want: linkage.ErrRecord},
	attack{name: "the next round before its turn", kind: frameRecords, bend: func([]byte) []byte { return raw(frameEvaluated, make([]byte, 100)) }, want: linkage.ErrOrder},
	attack{name: "an answer that is the identity", kind: frameEvaluated, bend: put(frameEvaluated, 5, identity...), want: linkage.ErrElement},
	attack{name: "an answer that is no element", kind: frameEvaluated, bend: put(frameEvaluated, 5, nonField...), want: linkage.ErrElement},
	attack{name: "two answers swapped", kind: frameEvaluated, bend: swap(frameEvaluated, 5, 5+32, 32), want: linkage.ErrProof},
	attack{name: "one answer for another", kind: frameEvaluated, bend: edit(frameEvaluated, func(b []byte) []byte { copy(b[5:37], b[37:69]); return b }), want: linkage.ErrProof},
	attack{name: "a bad proof", kind: frameEvaluated, nth: 1, bend: flip(frameEvaluated, -64), want: linkage.ErrProof},
	attack{name: "a proof that is no scalar", kind: frameEvaluated, bend: edit(frameEvaluated, func(b []byte) []byte { copy(b[len(b)-32:], nonField); return b }), want: linkage.ErrProof},
	attack{name: "a chunk of another number", kind: frameEvaluated, bend: flip(frameEvaluated, 3), want: linkage.ErrOrder},
	attack{name: "a chunk of another kind", kind: frameEvaluated, bend: flip(frameEvaluated, 4), want: linkage.ErrOrder},
	attack{name: "an answer too long", kind: frameEvaluated, bend: longer(frameEvaluated), want: linkage.ErrFrame},
	attack{name: "an answer too short", kind: frameEvaluated, bend: shorter(frameEvaluated), want: linkage.ErrFrame},
	attack{name: "an oversized answer", kind: frameEvaluated, bend: oversized(frameEvaluated), want: linkage.ErrFrame},
	attack{name: "a leave that speaks of our own caller", kind: frameEvaluated, bend: func([]byte) []byte { return raw(frameLeave, []byte{byte(linkage.ErrCanceled)}) }, want: linkage.ErrFrame},
	attack{name: "silence in the middle", kind: frameEvaluated, nth: 1, bend: silence, want: linkage.ErrTimeout, idle: soon},
	attack{name: "half an answer and silence", kind: frameEvaluated, nth: 1, bend: func(b []byte) []byte { return raw(frameEvaluated, b)[:200] }, want: linkage.ErrTimeout, idle: soon},
	attack{name: "silence at the end", kind: frameDone, bend: silence, want: linkage.ErrTimeout, idle: soon},
	attack{name: "an end with words", kind: frameDone, bend: longer(frameDone), want: linkage.ErrFrame},
)

var hostileReceivers = append(helloAttacks(frameHello, 0),
	attack{name: "a bad signature", kind: frameEnrol, bend: flip(frameEnrol, 0), want: linkage.ErrPeer},
	attack{name: "no sizes", kind: frameEnrol, bend: edit(frameEnrol, func(b []byte) []byte { return b[:64] }), want: linkage.ErrFrame},
	attack{name: "sizes too long", kind: frameEnrol, bend: longer(frameEnrol), want: linkage.ErrFrame},
	attack{name: "more identifiers than the agreement allows", kind: frameEnrol, bend: put(frameEnrol, 64+4, 1), want: linkage.ErrLimit},
	attack{name: "2^64-1 identifiers", kind: frameEnrol, bend: put(frameEnrol, 64, 255, 255, 255, 255, 255, 255, 255, 255), want: linkage.ErrLimit},
	attack{name: "too many identifiers over all kinds", kind: frameEnrol, bend: edit(frameEnrol, func(b []byte) []byte {
		for at := 64; at < len(b); at += 8 {
			binary.BigEndian.PutUint64(b[at:], hostileLimit-1)
		}
		return b
	}), want: linkage.ErrLimit},
	attack{name: "an identity to evaluate", kind: frameBlinded, bend: put(frameBlinded, 5, identity...), want: linkage.ErrElement},
	attack{name: "something that is no element", kind: frameBlinded, nth: 1, bend: put(frameBlinded, 5, nonField...), want: linkage.ErrElement},
	attack{name: "too many items", kind: frameBlinded, bend: edit(frameBlinded, func(b []byte) []byte { return append(b, b[5:37]...) }), want: linkage.ErrFrame},
	attack{name: "too few items", kind: frameBlinded, bend: edit(frameBlinded, func(b []byte) []byte { return b[:len(b)-32] }), want: linkage.ErrFrame},
	attack{name: "a chunk of another number", kind: frameBlinded, bend: flip(frameBlinded, 3), want: linkage.ErrOrder},
	attack{name: "a chunk of another kind", kind: frameBlinded, bend: flip(frameBlinded, 4), want: linkage.ErrOrder},
	attack{name: "an oversized chunk", kind: frameBlinded, bend: oversized(frameBlinded), want: linkage.ErrFrame},
	attack{name: "silence in the middle", kind: frameBlinded, nth: 1, bend: silence, want: linkage.ErrTimeout, idle: soon},
	attack{name: "the end instead of a chunk", kind: frameBlinded, bend: func([]byte) []byte { return raw(frameDone, nil) }, want: linkage.ErrOrder},
	attack{name: "one more chunk at the end", kind: frameDone, bend: func([]byte) []byte { return raw(frameBlinded, make([]byte, 37)) }, want: linkage.ErrOrder},
	attack{name: "no end", kind: frameDone, bend: silence, want: linkage.ErrConn},
)

const (
	hostileLimit = 5000
	recordBytes  = 16 + 32 + 27 + 64
)

// hostileWorld is small, so that an honest peer answers at once also under the
// race detector: two chunks, one a kind, and matches in both.
func hostileWorld(t *testing.T, edit ...func(*linkage.Agreement)) (*linkagetest.Parties, *world) {
	p := linkagetest.NewParties(append([]func(*linkage.Agreement){func(a *linkage.Agreement) {
		a.Kinds = []hashing.Kind{hashing.Phone, hashing.InstallID}
		a.Limits.Identifiers, a.Limits.Records = hostileLimit, hostileLimit
	}}, edit...)...)
	w := &world{}
	for i := range uint64(6) {
		ids := []hashing.Identifier{device(t, hashing.InstallID, i)}
		if i < 5 {
			ids = append(ids, phone(t, i))
			w.signals = append(w.signals, linkage.Flagged{ID: uuid.UUID{1, byte(i)}, Identifiers: ids, Label: []byte("label")})
		}
		w.accounts = append(w.accounts, linkage.Account{Ref: fmt.Sprint(i), Identifiers: ids})
	}
	return p, w
}

// relay copies frames between two connections, bending those that one side sends.
func relay(hostile, victim net.Conn, bend func(frame) []byte) {
	var wg sync.WaitGroup
	closeBoth := func() { _, _ = hostile.Close(), victim.Close() }
	wg.Go(func() {
		defer closeBoth()
		for {
			var head [5]byte
			if _, err := io.ReadFull(hostile, head[:]); err != nil {
				return
			}
			f := frame{head[0], make([]byte, binary.BigEndian.Uint32(head[1:]))}
			if _, err := io.ReadFull(hostile, f.body); err != nil {
				return
			}
			out := bend(f)
			if out == nil { // silent from here on, and still listening
				_, _ = io.Copy(io.Discard, hostile)
				return
			}
			if _, err := victim.Write(out); err != nil {
				return
			}
		}
	})
	wg.Go(func() {
		defer closeBoth()
		_, _ = io.Copy(hostile, victim)
	})
	wg.Wait()
}

// behind runs a session in which one side's frames are bent, and gives what the
// other, the victim, came to.
func behind(t *testing.T, p *linkagetest.Parties, w *world, pub *linkage.Publication, victim linkage.Role, idle time.Duration, bend func(frame) []byte) outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(linkagetest.AllowPlain(t.Context()), 2*time.Minute)
	defer cancel()
	tConn, tFar := linkagetest.Pipe()
	rFar, rConn := linkagetest.Pipe()
	hostile, against := tFar, rFar
	tc, rc := p.TransmitterConfig(), p.ReceiverConfig()
	if victim == linkage.Transmitter {
		hostile, against = rFar, tFar
		tc.IdleTimeout = idle
	} else {
		rc.IdleTimeout = idle
	}
	var wg sync.WaitGroup
	wg.Go(func() { relay(hostile, against, bend) })
	o := run(ctx, tConn, rConn, tc, rc, pub, linkage.Slice(w.accounts))
	wg.Wait()
	return o
}

func requireVictim(t *testing.T, o outcome, victim linkage.Role, want linkage.Code) {
	t.Helper()
	err := o.errReceiver
	if victim == linkage.Transmitter {
		err = o.errTransmit
		require.Zero(t, o.transmitter)
	} else {
		require.Zero(t, o.receiver)
		require.Nil(t, o.matches, "nothing partial")
	}
	var e *linkage.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, want, e.Code, "%v", err)
	require.False(t, e.Remote, "%v", err)
}

func TestHostilePeers(t *testing.T) {
	p, w := hostileWorld(t)
	pub, err := linkage.Publish(t.Context(), p.TransmitterConfig(), linkage.Slice(w.signals))
	require.NoError(t, err)
	require.Equal(t, 10, pub.Records())
	before := runtime.NumGoroutine()
	t.Run("victim", func(t *testing.T) {
		hostilePeers(t, p, w, pub, map[linkage.Role][]attack{linkage.Receiver: hostileTransmitters, linkage.Transmitter: hostileReceivers})
	})
	settled(t, before)

	o := behind(t, p, w, pub, linkage.Receiver, 0, frame.bytes)
	requireJoin(t, w, o) // the relay by itself does no harm
}

func hostilePeers(t *testing.T, p *linkagetest.Parties, w *world, pub *linkage.Publication, all map[linkage.Role][]attack) {
	for victim, attacks := range all {
		for _, a := range attacks {
			t.Run(victim.String()+"/"+a.name, func(t *testing.T) {
				t.Parallel()
				var o outcome
				n, bent := 0, false
				// On a busy machine a victim may lose patience before its peer is silent.
				for idle := a.idle; !bent && idle <= 300*a.idle; idle = 4*idle + 1 {
					n = 0
					o = behind(t, p, w, pub, victim, idle, func(f frame) []byte {
						if f.kind == a.kind {
							n++
							if n == a.nth+1 {
								bent = true
								return a.bend(f.body)
							}
						}
						return f.bytes()
					})
				}
				require.True(t, bent, "the attack was made")
				requireVictim(t, o, victim, a.want)
			})
		}
	}
}

// A peer that goes away after its n-th frame, or in the middle of it.
func TestTruncationAtEachFrame(t *testing.T) { eachProtocol(t, testTruncationAtEachFrame) }

func testTruncationAtEachFrame(t *testing.T, under func(*linkage.Agreement)) {
	p, w := hostileWorld(t, under)
	pub, err := linkage.Publish(t.Context(), p.TransmitterConfig(), linkage.Slice(w.signals))
	require.NoError(t, err)
	for _, victim := range []linkage.Role{linkage.Receiver, linkage.Transmitter} {
		for _, half := range []bool{false, true} {
			total := 1 << 30
			for n := 0; n < total; n++ {
				ctx := linkagetest.AllowPlain(t.Context())
				tConn, tFar := linkagetest.Pipe()
				rFar, rConn := linkagetest.Pipe()
				hostile, against := tFar, rFar
				if victim == linkage.Transmitter {
					hostile, against = rFar, tFar
				}
				sent := 0
				var wg sync.WaitGroup
				wg.Go(func() {
					relay(hostile, against, func(f frame) []byte {
						sent++
						if sent != n+1 {
							return f.bytes()
						}
						if half {
							_, _ = against.Write(f.bytes()[:3+len(f.body)/2])
						}
						_ = against.Close()
						return f.bytes() // to a closed connection
					})
				})
				o := run(ctx, tConn, rConn, p.TransmitterConfig(), p.ReceiverConfig(), pub, linkage.Slice(w.accounts))
				wg.Wait()
				if sent <= n {
					require.NoError(t, o.errReceiver)
					total = n
					break
				}
				requireVictim(t, o, victim, linkage.ErrConn)
			}
			require.Greater(t, total, 3)
		}
	}
}

// Everything that one party of an earlier session said, said again by somebody
// who has recorded it: the nonces are others, so that the signature does not fit.
func TestReplay(t *testing.T) { eachProtocol(t, testReplay) }

func testReplay(t *testing.T, under func(*linkage.Agreement)) {
	p, w := hostileWorld(t, under)
	pub, err := linkage.Publish(t.Context(), p.TransmitterConfig(), linkage.Slice(w.signals))
	require.NoError(t, err)
	for _, victim := range []linkage.Role{linkage.Receiver, linkage.Transmitter} {
		ctx := linkagetest.AllowPlain(t.Context())
		tConn, rConn := linkagetest.Pipe()
		record := &linkagetest.Recorder{Conn: rConn}
		o := run(ctx, tConn, record, p.TransmitterConfig(), p.ReceiverConfig(), pub, linkage.Slice(w.accounts))
		requireJoin(t, w, o)

		said := record.Received()
		if victim == linkage.Transmitter {
			said = record.Sent()
		}
		near, far := linkagetest.Pipe()
		var wg sync.WaitGroup
		wg.Go(func() {
			_, _ = far.Write(said)
			_, _ = io.Copy(io.Discard, far)
			_ = far.Close()
		})
		var again outcome
		if victim == linkage.Transmitter {
			again.transmitter, again.errTransmit = linkage.Transmit(ctx, near, p.TransmitterConfig(), pub)
		} else {
			again.matches, again.receiver, again.errReceiver = linkage.Receive(ctx, near, p.ReceiverConfig(), linkage.Slice(w.accounts))
		}
		_ = near.Close()
		wg.Wait()
		requireVictim(t, again, victim, linkage.ErrPeer)
	}
}

// A peer under another agreement, a stranger's key or another clock, with
// nothing bent: both sides say so, and the one that is told says that it was told.
func TestPeersThatDoNotAgree(t *testing.T) {
	p, w := hostileWorld(t)
	for name, c := range map[string]struct {
		receiver func(*linkage.Config)
		want     linkage.Code
	}{
		"another agreement": {func(c *linkage.Config) {
			other := linkagetest.NewParties()
			c.Agreement, c.Signer = other.Agreement, other.Receiver
		}, linkage.ErrAgreement},
		"another epoch": {func(c *linkage.Config) { c.Now = p.Agreement.ValidFrom }, linkage.ErrEpoch},
	} {
		ctx := linkagetest.AllowPlain(t.Context())
		tc, rc := p.TransmitterConfig(), p.ReceiverConfig()
		c.receiver(&rc)
		pub, err := linkage.Publish(ctx, tc, linkage.Slice(w.signals))
		require.NoError(t, err)
		tConn, rConn := linkagetest.Pipe()
		o := run(ctx, tConn, rConn, tc, rc, pub, linkage.Slice(w.accounts))
		requireVictim(t, o, linkage.Transmitter, c.want)
		var e *linkage.Error
		require.ErrorAs(t, o.errReceiver, &e, name)
		require.Equal(t, c.want, e.Code, name)
		require.True(t, e.Remote, name)
		require.Contains(t, e.Error(), "says the peer")
	}
}
