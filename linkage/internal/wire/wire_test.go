package wire_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/linkage/internal/wire"
)

func TestFramesRoundTrip(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, wire.Write(&b, 3, []byte("one"), nil, []byte("two")))
	require.NoError(t, wire.Write(&b, 4))
	require.NoError(t, wire.Write(&b, 5, make([]byte, wire.MaxBody)))
	body, err := wire.Read(&b, 3, 6)
	require.NoError(t, err)
	require.Equal(t, "onetwo", string(body))
	body, err = wire.Read(&b, 4, 0)
	require.NoError(t, err)
	require.Empty(t, body)
	body, err = wire.Read(&b, 5, wire.MaxBody)
	require.NoError(t, err)
	require.Len(t, body, wire.MaxBody)
	require.Panics(t, func() { _ = wire.Write(&b, 3, make([]byte, wire.MaxBody+1)) })
}

func frame(kind byte, n uint32, body ...byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{kind}, n), body...)
}

// countingReader counts what is taken from it.
type countingReader struct {
	io.Reader
	n int
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += n
	return n, err
}

func TestBadFramesAreRefusedUnread(t *testing.T) {
	for name, c := range map[string]struct {
		in    []byte
		limit int
		want  error
	}{
		"nothing":                  {nil, 10, io.ErrUnexpectedEOF},
		"half a head":              {[]byte{1, 0}, 10, io.ErrUnexpectedEOF},
		"head without body":        {frame(1, 4), 10, io.ErrUnexpectedEOF},
		"half a body":              {frame(1, 4, 9, 9), 10, io.ErrUnexpectedEOF},
		"one above the limit":      {frame(1, 11, make([]byte, 11)...), 10, wire.ErrTooLong},
		"four gigabytes":           {frame(1, 1<<32-1), 10, wire.ErrTooLong},
		"a limit above all limits": {frame(1, wire.MaxBody+1), 1 << 40, wire.ErrTooLong},
		"another type":             {frame(2, 1, 0), 10, wire.ErrType},
		"a leave without reason":   {frame(wire.Leave, 0), 10, wire.ErrType},
		"half a leave":             {frame(wire.Leave, 1), 10, io.ErrUnexpectedEOF},
	} {
		r := &countingReader{Reader: bytes.NewReader(c.in)}
		body, err := wire.Read(r, 1, c.limit)
		require.ErrorIs(t, err, c.want, name)
		require.Nil(t, body, name)
		if errors.Is(c.want, wire.ErrTooLong) {
			require.Equal(t, 5, r.n, "%s: nothing is read beyond the head", name)
		}
	}
}

func TestLeave(t *testing.T) {
	_, err := wire.Read(bytes.NewReader(frame(wire.Leave, 1, 7)), 1, 10)
	var leave *wire.LeaveError
	require.ErrorAs(t, err, &leave)
	require.Equal(t, byte(7), leave.Reason)
}

func FuzzRead(f *testing.F) {
	f.Add(frame(1, 3, 1, 2, 3), byte(1), 3)
	f.Add(frame(wire.Leave, 1, 3), byte(1), 3)
	f.Add([]byte{}, byte(0), 0)
	f.Fuzz(func(t *testing.T, in []byte, want byte, limit int) {
		body, err := wire.Read(bytes.NewReader(in), want, limit)
		if err != nil {
			require.Nil(t, body)
			return
		}
		var out bytes.Buffer
		require.NoError(t, wire.Write(&out, want, body))
		require.Equal(t, in[:out.Len()], out.Bytes())
		require.LessOrEqual(t, len(body), limit)
	})
}
