package linkage

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hueandcry/hueandcry/linkage/internal/bulk"
	"github.com/hueandcry/hueandcry/linkage/internal/oprf"
	"github.com/hueandcry/hueandcry/linkage/internal/testhook"
	"github.com/hueandcry/hueandcry/linkage/internal/vole"
	"github.com/hueandcry/hueandcry/linkage/internal/wire"
)

// The rounds of a session, as errors name them.
const (
	roundSetup     = "setup"
	roundOpening   = "opening"
	roundRecords   = "records"
	roundEnrolment = "enrolment"
	roundClosing   = "closing"
)

// channel is the rim of a session: the one place that touches the connection and
// its deadlines. Reads and writes may run beside each other.
type channel struct {
	conn           net.Conn
	idle           time.Duration
	binding        []byte // exported from TLS; nil on a plain connection
	sent, received atomic.Int64

	writing sync.Mutex
	frame   []byte // the last one written, for its memory

	mu      sync.Mutex
	stopped bool // the context has ended: deadlines stay in the past
}

// exporterLabel names our use of the TLS exporter (RFC 8446, section 7.5).
const exporterLabel = "EXPORTER-hueandcry-session-v1"

// connect completes the TLS handshake and refuses what is not TLS 1.3 with
// certificates on both sides. The returned function ends the watch on the
// context; it must be called, also after an error.
func connect(ctx context.Context, conn net.Conn, idle time.Duration) (ch *channel, unwatch func() bool, err error) {
	ch = &channel{conn: conn, idle: idle}
	unwatch = context.AfterFunc(ctx, ch.stop)
	t, ok := conn.(*tls.Conn)
	if !ok {
		if !testhook.From(ctx).AllowPlain {
			return nil, unwatch, &Error{Code: ErrTransport, Round: roundSetup}
		}
		return ch, unwatch, nil
	}
	limited, cancel := context.WithTimeout(ctx, idle)
	defer cancel()
	if err := t.HandshakeContext(limited); err != nil {
		e := failure(ctx, roundSetup, err)
		if e.Code == ErrConn && !errors.Is(err, io.EOF) {
			// A certificate that is not trusted, say. Its text is a stranger's.
			e = &Error{Code: ErrTransport, Round: roundSetup, cause: &quietError{err}}
		}
		return nil, unwatch, e
	}
	state := t.ConnectionState()
	if state.Version != tls.VersionTLS13 || len(state.PeerCertificates) == 0 {
		return nil, unwatch, &Error{Code: ErrTransport, Round: roundSetup}
	}
	ch.binding, err = state.ExportKeyingMaterial(exporterLabel, nil, 32)
	if err != nil {
		return nil, unwatch, &Error{Code: ErrTransport, Round: roundSetup, cause: err}
	}
	return ch, unwatch, nil
}

// stop makes every read and write under way return, now and from now on.
func (ch *channel) stop() {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	ch.stopped = true
	_ = ch.conn.SetDeadline(time.Unix(1, 0))
}

// extend gives the peer another idle period, unless the session has been stopped.
func (ch *channel) extend(set func(time.Time) error) {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	if !ch.stopped {
		_ = set(time.Now().Add(ch.idle))
	}
}

func (ch *channel) write(kind byte, parts ...[]byte) error {
	ch.extend(ch.conn.SetWriteDeadline)
	ch.writing.Lock()
	defer ch.writing.Unlock()
	buf, err := wire.WriteFrom(counter{ch}, ch.frame, kind, parts...)
	ch.frame = buf
	return err
}

func (ch *channel) read(kind byte, limit int) ([]byte, error) {
	ch.extend(ch.conn.SetReadDeadline)
	return wire.Read(counter{ch}, kind, limit)
}

// readInto is read into the memory of a body that is needed no more.
func (ch *channel) readInto(buf []byte, kind byte, limit int) ([]byte, error) {
	ch.extend(ch.conn.SetReadDeadline)
	return wire.ReadInto(counter{ch}, buf, kind, limit)
}

// counter counts the bytes of the session; TLS adds its own below.
type counter struct{ ch *channel }

func (c counter) Write(p []byte) (int, error) {
	n, err := c.ch.conn.Write(p)
	c.ch.sent.Add(int64(n))
	return n, err
}

func (c counter) Read(p []byte) (int, error) {
	n, err := c.ch.conn.Read(p)
	c.ch.received.Add(int64(n))
	return n, err
}

// failure makes an Error of whatever ended a round. A context that has ended
// explains every error that follows from it.
func failure(ctx context.Context, round string, err error) *Error {
	var own *Error
	var code Code
	var leave *wire.LeaveError
	switch {
	case ctx.Err() != nil:
		return &Error{Code: ErrCanceled, Round: round, cause: context.Cause(ctx)}
	case errors.As(err, &own):
		if own.Round == "" {
			own.Round = round
		}
		return own
	case errors.As(err, &code):
		return &Error{Code: code, Round: round}
	case errors.As(err, &leave):
		if code = Code(leave.Reason); code != code.public() {
			return &Error{Code: ErrFrame, Round: round}
		}
		return &Error{Code: code, Round: round, Remote: true}
	case errors.Is(err, wire.ErrType):
		return &Error{Code: ErrOrder, Round: round}
	case errors.Is(err, wire.ErrTooLong):
		return &Error{Code: ErrFrame, Round: round}
	case errors.Is(err, oprf.ErrElement), errors.Is(err, vole.ErrPoint):
		return &Error{Code: ErrElement, Round: round}
	case errors.Is(err, oprf.ErrProof):
		return &Error{Code: ErrProof, Round: round}
	case errors.Is(err, vole.ErrFormat), errors.Is(err, vole.ErrSession), errors.Is(err, bulk.ErrFormat):
		return &Error{Code: ErrFrame, Round: round}
	case errors.Is(err, vole.ErrExtension), errors.Is(err, vole.ErrCommitment), errors.Is(err, vole.ErrConsistency),
		errors.Is(err, bulk.ErrCommitment), errors.Is(err, bulk.ErrVector):
		return &Error{Code: ErrCheck, Round: round}
	case errors.Is(err, bulk.ErrEncode):
		return &Error{Code: ErrInternal, Round: round, cause: err}
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return &Error{Code: ErrTimeout, Round: round}
	case errors.Is(err, io.ErrUnexpectedEOF):
		return &Error{Code: ErrConn, Round: round, cause: io.ErrUnexpectedEOF}
	}
	return &Error{Code: ErrConn, Round: round, cause: err}
}

// leave tells the peer, if it still listens, why the session ends here.
func (ch *channel) leave(e *Error) {
	if e.Remote || e.Code == ErrConn || e.Code == ErrTransport {
		return
	}
	// A second at the most, also after the context has ended.
	_ = ch.conn.SetDeadline(time.Now().Add(time.Second))
	_ = wire.Write(ch.conn, wire.Leave, []byte{byte(e.Code.public())})
}

// quietError is a cause that errors.As finds and that does not print: it holds
// what somebody unknown has sent.
type quietError struct{ err error }

func (q *quietError) Error() string { return "handshake failed" }
func (q *quietError) Unwrap() error { return q.err }
