// Package wire frames the messages of a session on a stream: a type byte, the
// length of the body in four bytes, big-endian, and the body. Every length is
// checked against the caller's bound before anything is allocated for it.
package wire

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
)

// MaxBody is the longest body of any frame, in bytes.
const MaxBody = 1 << 20

const headerSize = 5

// Leave is the type of the frame with which a party ends a session early; its
// body is one byte, the reason.
const Leave byte = 0xff

// Errors of reading a frame, beside those of the stream itself.
var (
	ErrTooLong = errors.New("wire: frame too long")
	ErrType    = errors.New("wire: frame of another type than is due")
)

// LeaveError says that the peer has ended the session, and why.
type LeaveError struct{ Reason byte }

// Error says so without the reason, which is the caller's to name.
func (e *LeaveError) Error() string { return "wire: the peer ended the session" }

// Write sends one frame whose body is the parts one after the other, together at
// most MaxBody bytes; more is a bug of the caller and panics.
func Write(w io.Writer, kind byte, parts ...[]byte) error {
	_, err := WriteFrom(w, nil, kind, parts...)
	return err
}

// WriteFrom is Write from the memory of an earlier frame, if it is large enough; it gives
// the memory for the next.
func WriteFrom(w io.Writer, buf []byte, kind byte, parts ...[]byte) ([]byte, error) {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	if n > MaxBody {
		panic("wire: body too long")
	}
	// One buffer, one write: one TLS record or packet where it fits.
	buf = slices.Grow(buf[:0], headerSize+n)
	buf = binary.BigEndian.AppendUint32(append(buf, kind), uint32(n))
	for _, p := range parts {
		buf = append(buf, p...)
	}
	_, err := w.Write(buf)
	return buf, err
}

// Read reads one frame of the wanted type with a body of at most limit bytes,
// itself at most MaxBody. The body of a frame that breaks these bounds is neither
// read nor allocated. A stream that ends gives io.ErrUnexpectedEOF, also between
// frames: a session says when it is over.
func Read(r io.Reader, want byte, limit int) ([]byte, error) { return ReadInto(r, nil, want, limit) }

// ReadInto is Read into the memory of an earlier body, if it is large enough.
func ReadInto(r io.Reader, buf []byte, want byte, limit int) ([]byte, error) {
	var head [headerSize]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, ended(err)
	}
	n := binary.BigEndian.Uint32(head[1:])
	if head[0] == Leave && n == 1 {
		var reason [1]byte
		if _, err := io.ReadFull(r, reason[:]); err != nil {
			return nil, ended(err)
		}
		return nil, &LeaveError{reason[0]}
	}
	if head[0] != want {
		return nil, ErrType
	}
	if int64(n) > int64(min(limit, MaxBody)) {
		return nil, ErrTooLong
	}
	body := slices.Grow(buf[:0], int(n))[:n]
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, ended(err)
	}
	return body, nil
}

func ended(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, io.ErrClosedPipe) {
		return io.ErrUnexpectedEOF
	}
	return err
}
