package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	dialPatience = 10 * time.Second // how long the receiver waits for the transmitter to be there
	dialPause    = 100 * time.Millisecond
	dialTimeout  = 10 * time.Second
)

// traffic counts the bytes on the wire, those of TLS included.
type traffic struct{ sent, received atomic.Int64 }

// counted is a connection that counts.
type counted struct {
	net.Conn
	t *traffic
}

// countTo goes on counting elsewhere. Nobody may use the connection meanwhile.
func (c *counted) countTo(t *traffic) {
	t.sent.Store(c.t.sent.Load())
	t.received.Store(c.t.received.Load())
	c.t = t
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.t.received.Add(int64(n))
	return n, err
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.t.sent.Add(int64(n))
	return n, err
}

// connector gives the connection of a session, once its side is ready for it.
type connector func(context.Context) (net.Conn, error)

// listen opens the transmitter's port.
func listen(ctx context.Context, address string) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("-listen: %w", err)
	}
	return l, nil
}

// dialing goes to the transmitter, and tries again while nobody listens there yet.
func dialing(address string, cfg *tls.Config, t *traffic) connector {
	return func(ctx context.Context) (net.Conn, error) {
		d := net.Dialer{Timeout: dialTimeout}
		for start := time.Now(); ; {
			conn, err := d.DialContext(ctx, "tcp", address)
			if err == nil {
				return tls.Client(&counted{conn, t}, cfg), nil
			}
			if !errors.Is(err, syscall.ECONNREFUSED) || time.Since(start) > dialPatience {
				return nil, fmt.Errorf("-connect: %w", err)
			}
			select {
			case <-ctx.Done():
				return nil, context.Cause(ctx)
			case <-time.After(dialPause):
			}
		}
	}
}
