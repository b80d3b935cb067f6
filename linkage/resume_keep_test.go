package linkage_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/davecgh/go-spew/spew"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/linkage"
	"github.com/hueandcry/hueandcry/linkage/linkagetest"
)

// The head of a state file that is written again, because the last word of the session was lost,
// is sealed under another key.
func TestStateAfterResume(t *testing.T) {
	x := newTrial(t)
	var heads [][]byte
	for range 2 {
		tConn, tFar := linkagetest.Pipe()
		rFar, rConn := linkagetest.Pipe()
		tc, rc := x.p.TransmitterConfig(), x.p.ReceiverConfig()
		tc.Resume, rc.Resume, tc.State = &x.tr, &x.rr, &x.state
		var wg sync.WaitGroup
		wg.Go(func() {
			relay(rFar, tFar, func(f frame) []byte {
				if f.kind == frameReady {
					_ = tFar.Close()
				}
				return f.bytes()
			})
		})
		o := run(x.ctx, tConn, rConn, tc, rc, x.pub, x.accounts)
		wg.Wait()
		require.Error(t, o.errTransmit)
		require.True(t, x.tr.Pending())
		heads = append(heads, append([]byte(nil), x.state.data[:200]...))
	}
	require.Equal(t, heads[0][:38], heads[1][:38], "magic, version and salt")
	require.NotEqual(t, heads[0][38:70], heads[1][38:70], "the salt of the head")
	requireJoin(t, x.w, x.once(nil))
	_, err := linkage.OpenState(x.p.TransmitterConfig(), &x.state)
	require.NoError(t, err)
}

// broken gives a trial whose first session broke off in the middle.
func broken(t *testing.T) *trial {
	x := newTrial(t)
	o := x.once(func(tConn, rConn net.Conn) (net.Conn, net.Conn) {
		return tConn, &linkagetest.Faulty{Conn: rConn, At: 25}
	})
	require.ErrorIs(t, o.errReceiver, linkage.ErrConn)
	require.True(t, x.rr.Pending() && x.tr.Pending())
	return x
}

// Dialing again may fail too, in any way, before the peers have agreed to go on: nothing is lost.
func TestFailedRedialLosesNothing(t *testing.T) {
	x := broken(t)
	_, client := linkagetest.TLS()
	server, _ := linkagetest.TLS() // which the client does not trust
	for range 3 {
		o := x.once(func(tConn, rConn net.Conn) (net.Conn, net.Conn) {
			return tls.Server(tConn, server), tls.Client(rConn, client)
		})
		require.ErrorIs(t, o.errReceiver, linkage.ErrTransport)
		require.True(t, x.rr.Pending() && x.tr.Pending())

		o = x.once(func(tConn, rConn net.Conn) (net.Conn, net.Conn) { _ = tConn.Close(); return tConn, rConn })
		require.Error(t, o.errReceiver)
		require.True(t, x.rr.Pending() && x.tr.Pending())

		// A peer whose key is not the agreement's.
		other := linkagetest.NewParties(inBulk)
		tConn, rConn := linkagetest.Pipe()
		rc := x.p.ReceiverConfig()
		rc.Resume = &x.rr
		pub, err := linkage.Publish(x.ctx, other.TransmitterConfig(), linkage.Slice(x.w.signals))
		require.NoError(t, err)
		o = run(x.ctx, tConn, rConn, other.TransmitterConfig(), rc, pub, x.accounts)
		require.ErrorIs(t, o.errReceiver, linkage.ErrAgreement)
		require.True(t, x.rr.Pending() && x.tr.Pending())
	}
	requireJoin(t, x.w, x.once(nil))
}

// A disk that is full loses nothing either: when there is room the session goes on.
func TestResumeAfterDiskFull(t *testing.T) {
	x := newTrial(t)
	x.state.left = 3000
	o := x.once(nil)
	require.ErrorIs(t, o.errTransmit, errDisk)
	require.ErrorIs(t, o.errReceiver, linkage.ErrLeft)
	require.True(t, x.rr.Pending() && x.tr.Pending())
	before := len(x.chunks)
	require.NotZero(t, before)
	x.state.left = 0
	requireJoin(t, x.w, x.once(nil))
	require.Len(t, x.chunks, trialChunks, "every chunk once")
	_, err := linkage.OpenState(x.p.TransmitterConfig(), &x.state)
	require.NoError(t, err)
}

// A session that goes on keeps its state where it began, or not at all.
func TestResumeKeepsItsState(t *testing.T) {
	x := broken(t)
	tc := x.p.TransmitterConfig()
	tc.Resume = &x.tr
	for _, state := range []io.WriterAt{nil, &file{}, uncomparable{}} {
		tc.State = state
		conn, far := linkagetest.Pipe()
		_, err := linkage.Transmit(x.ctx, conn, tc, x.pub)
		require.ErrorIs(t, err, linkage.ErrInput)
		require.True(t, x.tr.Pending())
		_ = far.Close()
	}
	requireJoin(t, x.w, x.once(nil))
}

type uncomparable struct{ _ []byte }

func (uncomparable) WriteAt(b []byte, _ int64) (int, error) { return len(b), nil }

// What a Resume holds does not print, nor through a configuration.
func TestResumeDoesNotPrint(t *testing.T) {
	x := broken(t)
	for _, r := range []*linkage.Resume{&x.rr, &x.tr} {
		cfg := linkage.Config{Resume: r}
		holder := struct{ r *linkage.Resume }{r}
		printed := spew.Sdump(r, cfg, holder) + fmt.Sprintf("%v %+v %#v %s %x", r, r, r, r, cfg) + fmt.Sprintf("%+v", holder)
		require.Less(t, len(printed), 3000)
		require.NotContains(t, printed, "account")
	}
}
