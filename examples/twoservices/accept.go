package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"sync"
	"time"
)

const (
	greetTimeout = 10 * time.Second // for the handshake of a connection
	mostGreeted  = 16               // connections in their handshake at once
	mostTold     = 10               // strangers told of on standard error
)

// door is where the transmitter waits for the receiver. Health checks and scanners
// come by as well, and must neither end the wait nor hold up the receiver: each
// connection has its own handshake, and the first that ends well, with a certificate
// that is vouched for, is the receiver's.
type door struct {
	listener net.Listener
	tls      *tls.Config
	log      *logger

	greeting sync.WaitGroup
	greeted  chan struct{} // holds one for each connection in its handshake
	guest    chan *tls.Conn
	failed   chan error

	mu        sync.Mutex
	strangers int
}

// accepting waits for the receiver, and closes the door when it is there.
func accepting(l net.Listener, cfg *tls.Config, t *traffic, log *logger) connector {
	return func(ctx context.Context) (net.Conn, error) {
		d := &door{
			listener: l, tls: cfg, log: log, greeted: make(chan struct{}, mostGreeted),
			guest: make(chan *tls.Conn), failed: make(chan error, 1),
		}
		open, shut := context.WithCancel(ctx)
		defer d.greeting.Wait()
		defer shut()
		d.greeting.Go(func() { d.accept(open) })
		select {
		case conn := <-d.guest:
			conn.NetConn().(*counted).countTo(t)
			return conn, nil
		case err := <-d.failed:
			if ctx.Err() == nil {
				return nil, fmt.Errorf("-listen: %w", err)
			}
		case <-ctx.Done():
		}
		return nil, context.Cause(ctx)
	}
}

// accept lets connections in until the door is shut.
func (d *door) accept(open context.Context) {
	stop := context.AfterFunc(open, func() { _ = d.listener.Close() })
	defer stop()
	for {
		select {
		case d.greeted <- struct{}{}:
		case <-open.Done():
			return
		}
		conn, err := d.listener.Accept()
		if err != nil {
			d.failed <- err // nobody reads it if the door is shut
			return
		}
		d.greeting.Go(func() {
			defer func() { <-d.greeted }()
			d.greet(open, conn)
		})
	}
}

// greet completes the handshake of a connection, and closes those that fail or come
// too late.
func (d *door) greet(open context.Context, raw net.Conn) {
	conn := tls.Server(&counted{raw, new(traffic)}, d.tls)
	limited, cancel := context.WithTimeout(open, greetTimeout)
	defer cancel()
	err := conn.HandshakeContext(limited)
	if err == nil {
		select {
		case d.guest <- conn:
			return
		case <-open.Done():
		}
	} else if open.Err() == nil {
		d.tellOf(raw.RemoteAddr())
	}
	_ = raw.Close()
}

// tellOf tells of a stranger, without what he has said.
func (d *door) tellOf(from net.Addr) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.strangers++
	switch {
	case d.strangers < mostTold:
		d.log.printf("transmitter: closed a connection from %s that is not the receiver's", from)
	case d.strangers == mostTold:
		d.log.printf("transmitter: closed a connection from %s that is not the receiver's; of more nothing is told", from)
	}
}
