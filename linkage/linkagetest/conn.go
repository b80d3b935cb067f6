package linkagetest

import (
	"bytes"
	"errors"
	"net"
	"sync"
	"sync/atomic"
)

// ErrInjected is what a [Faulty] connection fails with.
var ErrInjected = errors.New("linkagetest: injected fault")

// Faulty is a connection that fails for good at its n-th read or write, counted
// from 0, half of the bytes of a failing write having been sent.
type Faulty struct {
	net.Conn
	At    int64
	count atomic.Int64
}

// Reached reports whether the fault has happened.
func (f *Faulty) Reached() bool { return f.count.Load() > f.At }

// Read fails from the n-th operation on.
func (f *Faulty) Read(p []byte) (int, error) {
	if f.count.Add(1) > f.At {
		_ = f.Conn.Close()
		return 0, ErrInjected
	}
	return f.Conn.Read(p)
}

// Write fails from the n-th operation on.
func (f *Faulty) Write(p []byte) (int, error) {
	if f.count.Add(1) > f.At {
		n, _ := f.Conn.Write(p[:len(p)/2])
		_ = f.Conn.Close()
		return n, ErrInjected
	}
	return f.Conn.Write(p)
}

// Recorder is a connection that keeps every byte of both directions.
type Recorder struct {
	net.Conn
	mu             sync.Mutex
	sent, received bytes.Buffer
}

// Read keeps what it reads.
func (r *Recorder) Read(p []byte) (int, error) {
	n, err := r.Conn.Read(p)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.received.Write(p[:n])
	return n, err
}

// Write keeps what it writes.
func (r *Recorder) Write(p []byte) (int, error) {
	n, err := r.Conn.Write(p)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sent.Write(p[:n])
	return n, err
}

// Sent gives a copy of what was written.
func (r *Recorder) Sent() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return bytes.Clone(r.sent.Bytes())
}

// Received gives a copy of what was read.
func (r *Recorder) Received() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return bytes.Clone(r.received.Bytes())
}

// Counter is a connection that counts what is sent.
type Counter struct {
	net.Conn
	sent atomic.Int64
}

// Write counts what it writes.
func (c *Counter) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.sent.Add(int64(n))
	return n, err
}

// Sent gives the bytes written so far.
func (c *Counter) Sent() int64 { return c.sent.Load() }
