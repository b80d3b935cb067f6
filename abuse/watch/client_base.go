package watch

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"time"
)

// maxUpgrade bounds what the server says before the session.
const maxUpgrade = 8 << 10

// Base gives a connection for [linkage.Enrol]: a new one, on which the partner has agreed to
// speak the protocol of package linkage. It goes through no proxy.
func (c *Client) Base(ctx context.Context, epoch uint32) (net.Conn, error) {
	done, err := c.breaker.Allow()
	if err != nil {
		return nil, &downError{cause: err, left: true}
	}
	limited, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	conn, err := c.upgrade(limited, epoch)
	if _, ok := err.(*RemoteError); ok || err == nil {
		done(nil)
		return conn, err
	}
	done(err)
	return nil, &downError{cause: err}
}

func (c *Client) upgrade(ctx context.Context, epoch uint32) (net.Conn, error) {
	host := c.base.Host
	if c.base.Port() == "" {
		host = net.JoinHostPort(c.base.Hostname(), "443")
	}
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", host)
	if err != nil {
		return nil, err
	}
	cfg := ClientTLS(c.cfg.Agreement, c.cfg.Certificate)
	cfg.ServerName = c.base.Hostname()
	conn := tls.Client(raw, cfg)
	stop := context.AfterFunc(ctx, func() { _ = raw.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := c.askUpgrade(ctx, conn, epoch); err != nil {
		_ = conn.Close()
		return nil, err
	}
	if !stop() {
		_ = conn.Close()
		return nil, context.Cause(ctx)
	}
	return conn, nil
}

func (c *Client) askUpgrade(ctx context.Context, conn *tls.Conn, epoch uint32) error {
	if err := conn.HandshakeContext(ctx); err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base.JoinPath(epochPath(epoch, "base")...).String(), nil)
	if err != nil {
		return err
	}
	r.Header.Set("Connection", "Upgrade")
	r.Header.Set("Upgrade", baseProtocol)
	if err := r.Write(conn); err != nil {
		return err
	}
	// One byte at a time: what follows the answer is the session's.
	var head []byte
	one := make([]byte, 1)
	for !bytes.HasSuffix(head, []byte("\r\n\r\n")) {
		if len(head) > maxUpgrade {
			return errAnswer
		}
		if _, err := io.ReadFull(conn, one); err != nil {
			return err
		}
		head = append(head, one[0])
	}
	resp, err := http.ReadResponse(bufio.NewReader(io.MultiReader(bytes.NewReader(head), io.LimitReader(conn, maxProblem))), r)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusSwitchingProtocols {
		return remoteError(resp)
	}
	return nil
}
