package linkage_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
	"github.com/hueandcry/hueandcry/linkage/linkagetest"
)

// onceOnly is a source that may be read once.
func onceOnly(t testing.TB, accounts []linkage.Account) linkage.Source[linkage.Account] {
	var once sync.Once
	return func(yield func(linkage.Account, error) bool) {
		fresh := false
		once.Do(func() { fresh = true })
		require.True(t, fresh, "the accounts are read again")
		linkage.Slice(accounts)(yield)
	}
}

// trial is a bulk session of several chunks that may break off and go on.
type trial struct {
	t        *testing.T
	ctx      context.Context
	p        *linkagetest.Parties
	w        *world
	pub      *linkage.Publication
	tr, rr   linkage.Resume
	state    file
	accounts linkage.Source[linkage.Account]
	chunks   []int // by identifiers done, as the receiver is told
	idle     time.Duration
}

const trialChunks = 3

func newTrial(t *testing.T) *trial {
	x := &trial{t: t, ctx: linkagetest.Chunks(linkagetest.AllowPlain(t.Context()), trialChunks)}
	x.p, x.w = hostileWorld(t, inBulk)
	var err error
	x.pub, err = linkage.Publish(x.ctx, x.p.TransmitterConfig(), linkage.Slice(x.w.signals))
	require.NoError(t, err)
	x.accounts = onceOnly(t, x.w.accounts)
	return x
}

// once is one try, over connections that are wrapped.
func (x *trial) once(wrap func(tConn, rConn net.Conn) (net.Conn, net.Conn)) outcome {
	tConn, rConn := linkagetest.Pipe()
	if wrap != nil {
		tConn, rConn = wrap(tConn, rConn)
	}
	tc, rc := x.p.TransmitterConfig(), x.p.ReceiverConfig()
	tc.Resume, rc.Resume, tc.State = &x.tr, &x.rr, &x.state
	tc.IdleTimeout, rc.IdleTimeout = x.idle, x.idle
	rc.Progress = func(g linkage.Progress) {
		if g.Round == "enrolment" {
			x.chunks = append(x.chunks, g.Done)
		}
	}
	return run(x.ctx, tConn, rConn, tc, rc, x.pub, x.accounts)
}

// Either connection breaks at its n-th operation, for n = 0, 1, 2, … until the session
// succeeds at once. Wherever it broke, the next try ends it: no account is read
// again, no finished chunk enrolled again, and the state is whole. Without HUEANDCRY_FULL it is
// every fifth n, from a random one on: over the heads and the bodies of frames alike.
func TestResumeAfterAFaultAtEveryOperation(t *testing.T) {
	for _, side := range []string{"transmitter", "receiver"} {
		t.Run(side, func(t *testing.T) { t.Parallel(); resumeAfterFaults(t, side) })
	}
}

func resumeAfterFaults(t *testing.T, side string) {
	first, step := from(t, map[bool]int64{false: 5, true: 7}[testing.Short()])
	gone := 0
	for n := first; ; n += step {
		x := newTrial(t)
		fault := &linkagetest.Faulty{At: n}
		o := x.once(func(tConn, rConn net.Conn) (net.Conn, net.Conn) {
			if side == "transmitter" {
				fault.Conn = tConn
				return fault, rConn
			}
			fault.Conn = rConn
			return tConn, fault
		})
		if !fault.Reached() {
			requireJoin(t, x.w, o)
			require.False(t, x.rr.Pending() || x.tr.Pending())
			require.Equal(t, trialChunks, len(x.chunks))
			require.Greater(t, n, int64(30))
			require.Greater(t, gone, 20/int(step), "sessions that went on")
			break
		}
		before := len(x.chunks)
		if o.errReceiver == nil { // only the last word was lost
			requireJoin(t, x.w, outcome{matches: o.matches})
			continue
		}
		if !x.rr.Pending() { // it broke before anything was agreed on
			require.Zero(t, before)
			x.accounts = onceOnly(t, x.w.accounts)
		} else {
			gone++
		}
		again := x.once(nil)
		if again.errReceiver != nil {
			// The transmitter was through with the session, or had not begun it.
			require.ErrorIs(t, again.errReceiver, linkage.ErrResume, "%s %d", side, n)
			require.False(t, x.rr.Pending())
			require.True(t, o.errTransmit == nil || before == 0, "%s %d: %v", side, n, o.errTransmit)
			x.accounts, x.chunks = onceOnly(t, x.w.accounts), nil
			again = x.once(nil)
		}
		requireJoin(t, x.w, again)
		require.Equal(t, trialChunks, len(x.chunks), "%s %d: every chunk once", side, n)
		require.False(t, x.rr.Pending() || x.tr.Pending())
		state, err := linkage.OpenState(x.p.TransmitterConfig(), &x.state)
		require.NoError(t, err)
		_, err = state.Record(x.w.signals[0].Identifiers[0], 0, x.w.signals[0])
		require.NoError(t, err)
	}
}

// When the records have gone out no chunk is enrolled anew: a receiver that says that it has
// finished fewer would otherwise enrol other identifiers in the place of those that it
// has heard about.
func TestNoChunkAnewAfterTheRecords(t *testing.T) {
	for _, done := range []byte{0, trialChunks - 1, trialChunks, trialChunks + 1} {
		x := newTrial(t)
		// The connection breaks when the receiver has the records.
		tc, rc := x.p.TransmitterConfig(), x.p.ReceiverConfig()
		tc.Resume, rc.Resume = &x.tr, &x.rr
		tConn, tFar := linkagetest.Pipe()
		rFar, rConn := linkagetest.Pipe()
		var wg sync.WaitGroup
		wg.Go(func() {
			relay(tFar, rFar, func(f frame) []byte {
				if f.kind == frameDone {
					_ = rFar.Close()
				}
				return f.bytes()
			})
		})
		o := run(x.ctx, tConn, rConn, tc, rc, x.pub, x.accounts)
		wg.Wait()
		require.ErrorIs(t, o.errReceiver, linkage.ErrConn)
		require.True(t, x.rr.Pending() && x.tr.Pending())

		tConn, tFar = linkagetest.Pipe()
		rFar, rConn = linkagetest.Pipe()
		wg.Go(func() {
			relay(rFar, tFar, func(f frame) []byte {
				if f.kind == frameEnrol {
					require.Equal(t, byte(trialChunks), f.body[len(f.body)-1])
					f.body[len(f.body)-1] = done
				}
				return f.bytes()
			})
		})
		o = run(x.ctx, tConn, rConn, tc, rc, x.pub, x.accounts)
		wg.Wait()
		if done == trialChunks {
			requireJoin(t, x.w, o)
			continue
		}
		requireVictim(t, o, linkage.Transmitter, linkage.ErrResume)
		require.False(t, x.tr.Pending(), "whoever tries this is not given a second try")
	}
}

// What was said in the broken session cannot be said again in the next.
func TestReplayedChunkAfterResume(t *testing.T) {
	x := newTrial(t)
	var first [][]byte // the receiver's messages of the chunk that was under way
	tConn, tFar := linkagetest.Pipe()
	rFar, rConn := linkagetest.Pipe()
	tc, rc := x.p.TransmitterConfig(), x.p.ReceiverConfig()
	tc.Resume, rc.Resume = &x.tr, &x.rr
	var wg sync.WaitGroup
	wg.Go(func() {
		relay(rFar, tFar, func(f frame) []byte {
			if f.kind == frameBulk && f.body[3] == 1 {
				first = append(first, f.bytes())
				if len(first) == 3 {
					_ = tFar.Close()
				}
			}
			return f.bytes()
		})
	})
	o := run(x.ctx, tConn, rConn, tc, rc, x.pub, x.accounts)
	wg.Wait()
	require.ErrorIs(t, o.errReceiver, linkage.ErrConn)
	require.Len(t, first, 3)

	tConn, tFar = linkagetest.Pipe()
	rFar, rConn = linkagetest.Pipe()
	wg.Go(func() {
		n := 0
		relay(rFar, tFar, func(f frame) []byte {
			if f.kind == frameBulk {
				n++
				return first[n-1]
			}
			return f.bytes()
		})
	})
	o = run(x.ctx, tConn, rConn, tc, rc, x.pub, x.accounts)
	wg.Wait()
	requireVictim(t, o, linkage.Transmitter, linkage.ErrFrame)
}

// A Resume is dropped when it is of no more use: by the caller, by another epoch, by
// another publication, by a peer that deviates.
func TestResumeIsDropped(t *testing.T) {
	t.Run("by the caller, on both sides", func(t *testing.T) {
		x := broken(t)
		x.rr.Drop()
		x.tr.Drop()
		require.False(t, x.rr.Pending() || x.tr.Pending())
		x.accounts = onceOnly(t, x.w.accounts)
		requireJoin(t, x.w, x.once(nil))
	})
	t.Run("by the receiver alone", func(t *testing.T) {
		x := broken(t)
		x.rr.Drop()
		x.accounts = onceOnly(t, x.w.accounts)
		requireJoin(t, x.w, x.once(nil))
	})
	t.Run("by the transmitter alone", func(t *testing.T) {
		x := broken(t)
		x.tr.Drop()
		o := x.once(nil)
		requireVictim(t, o, linkage.Transmitter, linkage.ErrResume)
		var e *linkage.Error
		require.ErrorAs(t, o.errReceiver, &e)
		require.True(t, e.Remote)
		require.Equal(t, linkage.ErrResume, e.Code)
		x.accounts = onceOnly(t, x.w.accounts)
		requireJoin(t, x.w, x.once(nil))
	})
	t.Run("and none is held that never began", func(t *testing.T) {
		x := newTrial(t)
		o := x.once(func(tConn, rConn net.Conn) (net.Conn, net.Conn) { _ = tConn.Close(); return tConn, rConn })
		require.ErrorIs(t, o.errReceiver, linkage.ErrConn)
		require.False(t, x.rr.Pending() || x.tr.Pending())
	})
	t.Run("by a peer that deviates when it goes on", func(t *testing.T) {
		x := newTrial(t)
		x.state.left = 3000
		require.ErrorIs(t, x.once(nil).errTransmit, errDisk)
		require.True(t, x.rr.Pending() && x.tr.Pending())
		x.state.left = 0
		o := x.through(linkage.Receiver, func(f frame, _ func()) []byte {
			if f.kind == frameBulk && f.body[3] == 2 && f.body[4] == 2 {
				f.body[len(f.body)-33] ^= 1 // its proof of the extension
			}
			return f.bytes()
		})
		requireVictim(t, o, linkage.Transmitter, linkage.ErrCheck)
		require.False(t, x.rr.Pending() || x.tr.Pending())
	})
	t.Run("by another publication", func(t *testing.T) {
		x := broken(t)
		var err error
		x.pub, err = linkage.Publish(x.ctx, x.p.TransmitterConfig(), linkage.Slice(x.w.signals))
		require.NoError(t, err)
		require.ErrorIs(t, x.once(nil).errTransmit, linkage.ErrResume)
	})
	t.Run("by another epoch", func(t *testing.T) {
		x := broken(t)
		tc, rc := x.p.TransmitterConfig(), x.p.ReceiverConfig()
		tc.Resume, rc.Resume = &x.tr, &x.rr
		tc.Now = time.Now().AddDate(0, 0, 40)
		rc.Now = tc.Now
		pub, err := linkage.Publish(x.ctx, tc, linkage.Slice(x.w.signals))
		require.NoError(t, err)
		tConn, rConn := linkagetest.Pipe()
		requireJoin(t, x.w, run(x.ctx, tConn, rConn, tc, rc, pub, linkage.Slice(x.w.accounts)))
	})
	t.Run("by a peer that deviates", func(t *testing.T) {
		x := newTrial(t)
		tConn, tFar := linkagetest.Pipe()
		rFar, rConn := linkagetest.Pipe()
		tc, rc := x.p.TransmitterConfig(), x.p.ReceiverConfig()
		tc.Resume, rc.Resume = &x.tr, &x.rr
		var wg sync.WaitGroup
		wg.Go(func() {
			relay(rFar, tFar, func(f frame) []byte {
				if f.kind == frameBulk && f.body[3] == 2 && f.body[4] == 2 {
					f.body[len(f.body)-33] ^= 1 // its proof of the extension
				}
				return f.bytes()
			})
		})
		o := run(x.ctx, tConn, rConn, tc, rc, x.pub, x.accounts)
		wg.Wait()
		requireVictim(t, o, linkage.Transmitter, linkage.ErrCheck)
		require.False(t, x.tr.Pending())
		require.False(t, x.rr.Pending(), "it was told why")
	})
}

// through is a try at which the frames of one side are bent, or the connection is cut where bend
// closes it.
func (x *trial) through(side linkage.Role, bend func(f frame, closeBoth func()) []byte) outcome {
	tConn, tFar := linkagetest.Pipe()
	rFar, rConn := linkagetest.Pipe()
	from, to := rFar, tFar
	if side == linkage.Transmitter {
		from, to = tFar, rFar
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		relay(from, to, func(f frame) []byte { return bend(f, func() { _, _ = from.Close(), to.Close() }) })
	})
	o := x.once(func(net.Conn, net.Conn) (net.Conn, net.Conn) { return tConn, rConn })
	wg.Wait()
	return o
}

// A transmitter goes on with the session that it has, and with no other: neither with one of
// another name nor with one of other sizes.
func TestResumeOfAnotherSession(t *testing.T) {
	const sizes = 64 + 32 // where they stand, and the name after them
	var fewer []byte
	other := newTrial(t)
	other.accounts = onceOnly(t, other.w.accounts[:3])
	other.through(linkage.Receiver, func(f frame, _ func()) []byte {
		if f.kind == frameEnrol {
			fewer = append(fewer, f.body[sizes:sizes+24]...)
		}
		return f.bytes()
	})
	for name, bend := range map[string]func(body []byte){
		"another name":      func(b []byte) { b[sizes+24] ^= 1 },
		"fewer identifiers": func(b []byte) { copy(b[sizes:], fewer) },
	} {
		x := broken(t)
		o := x.through(linkage.Receiver, func(f frame, _ func()) []byte {
			if f.kind == frameEnrol {
				bend(f.body)
			}
			return f.bytes()
		})
		require.ErrorIs(t, o.errTransmit, linkage.ErrResume, name)
		requireVictim(t, o, linkage.Transmitter, linkage.ErrResume)
		require.False(t, x.tr.Pending(), name)
	}
}

// The word that ends a chunk is lost, or arrives although writing it fails: either way the next try
// goes on where the receiver is.
func TestResumeAroundTheLastWordOfAChunk(t *testing.T) {
	last := func(body []byte) bool { return body[3] == 1 && body[4] == 7 }
	for name, first := range map[string]func(x *trial) outcome{
		"lost": func(x *trial) outcome {
			return x.through(linkage.Transmitter, func(f frame, closeBoth func()) []byte {
				if f.kind == frameBulk && last(f.body) {
					closeBoth()
				}
				return f.bytes()
			})
		},
		"arrives": func(x *trial) outcome {
			return x.once(func(tConn, rConn net.Conn) (net.Conn, net.Conn) {
				return &lastWord{tConn, func(b []byte) bool { return b[0] == frameBulk && last(b[5:]) }}, rConn
			})
		},
	} {
		x := newTrial(t)
		o := first(x)
		require.ErrorIs(t, o.errReceiver, linkage.ErrConn, name)
		require.ErrorIs(t, o.errTransmit, linkage.ErrConn, name)
		require.True(t, x.rr.Pending() && x.tr.Pending(), name)
		requireJoin(t, x.w, x.once(nil))
		require.Len(t, x.chunks, trialChunks, name)
	}
}

// A chunk of the state that was enrolled anew cannot be put back to what it was before.
func TestStateOfAnEarlierTry(t *testing.T) {
	x := newTrial(t)
	x.through(linkage.Transmitter, func(f frame, closeBoth func()) []byte {
		if f.kind == frameBulk && f.body[3] == 1 && f.body[4] == 7 {
			closeBoth()
		}
		return f.bytes()
	})
	earlier := bytes.Clone(x.state.data)
	requireJoin(t, x.w, x.once(nil))
	_, err := linkage.OpenState(x.p.TransmitterConfig(), &x.state)
	require.NoError(t, err)

	const head, page = 32 + 64 + 16, 1024 // of a chunk
	size := head + (len(x.state.data)/trialChunks-head)/page*page
	at := len(x.state.data) - 2*size
	require.NotEqual(t, earlier[at:at+32], x.state.data[at:at+32], "the session ids")
	copy(x.state.data[at:at+size], earlier[at:])
	_, err = linkage.OpenState(x.p.TransmitterConfig(), &x.state)
	require.ErrorIs(t, err, linkage.ErrState)
}

// A peer that falls silent, and a caller who gives up, may go on as well.
func TestResumeAfterSilenceAndCancellation(t *testing.T) {
	halfway := func(f frame) bool { return f.kind == frameBulk && f.body[3] == 1 }
	for want, first := range map[linkage.Code]func(x *trial) outcome{
		linkage.ErrTimeout: func(x *trial) outcome {
			x.idle = quick
			return x.through(linkage.Receiver, func(f frame, _ func()) []byte {
				if halfway(f) {
					return nil
				}
				return f.bytes()
			})
		},
		linkage.ErrCanceled: func(x *trial) outcome {
			before := x.ctx
			defer func() { x.ctx = before }()
			var cancel context.CancelFunc
			x.ctx, cancel = context.WithCancel(before)
			return x.through(linkage.Receiver, func(f frame, _ func()) []byte {
				if halfway(f) {
					cancel()
				}
				return f.bytes()
			})
		},
	} {
		x := newTrial(t)
		o := first(x)
		require.ErrorIs(t, errors.Join(o.errReceiver, o.errTransmit), want) // whoever was first
		require.True(t, x.rr.Pending() && x.tr.Pending(), want)
		x.idle = 0
		requireJoin(t, x.w, x.once(nil))
		require.Len(t, x.chunks, trialChunks)
	}
}

// lastWord is a connection that sends one thing more, and then says that it could not.
type lastWord struct {
	net.Conn
	is func(b []byte) bool
}

func (c *lastWord) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	if err == nil && c.is(b) {
		_ = c.Close()
		return n, linkagetest.ErrInjected
	}
	return n, err
}

// More identifiers in a chunk than it takes, which chance does not do, are an error.
func TestBucketOverflow(t *testing.T) {
	x := broken(t)
	x.rr.Overfill(trialChunks)
	x.tr.Drop()
	o := x.once(nil)
	requireVictim(t, o, linkage.Receiver, linkage.ErrInternal)
	require.ErrorContains(t, o.errReceiver, "fell into one chunk")
	require.False(t, x.rr.Pending(), "another try needs another coin")
}

// Two sides of a session that broke are of one agreement and epoch; a third cannot go on with it.
func TestResumeNeedsTheSameParties(t *testing.T) {
	x := newTrial(t)
	o := x.once(func(tConn, rConn net.Conn) (net.Conn, net.Conn) {
		return tConn, &linkagetest.Faulty{Conn: rConn, At: 25}
	})
	require.Error(t, o.errReceiver)
	other := linkagetest.NewParties(inBulk)
	rc := other.ReceiverConfig()
	rc.Resume = &x.rr
	w := &world{[]linkage.Account{{Ref: "x", Identifiers: []hashing.Identifier{phone(t, 1)}}},
		[]linkage.Flagged{{ID: uuid.UUID{1}, Identifiers: []hashing.Identifier{phone(t, 1)}, Label: []byte(fmt.Sprint(1))}}}
	pub, err := linkage.Publish(x.ctx, other.TransmitterConfig(), linkage.Slice(w.signals))
	require.NoError(t, err)
	tConn, rConn := linkagetest.Pipe()
	requireJoin(t, w, run(x.ctx, tConn, rConn, other.TransmitterConfig(), rc, pub, linkage.Slice(w.accounts)))
}
