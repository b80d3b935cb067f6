package watch

import (
	"context"
	"crypto/tls"
	"net"
	"time"

	"github.com/hueandcry/hueandcry/linkage"
)

// ClientConfig is what a [Client] needs: all but Timeout, Attempts and Observe.
type ClientConfig struct {
	URL         string // "https://host:port", where the handler is mounted under /hueandcry/v1/
	Agreement   *linkage.Agreement
	Certificate tls.Certificate
	Timeout     time.Duration // of one try; zero means 10 seconds
	Attempts    int           // zero means 4
	Observe
}

// Client is the partner over HTTP.
type Client struct{}

var _ Partner = (*Client)(nil)

// NewClient makes one.
func NewClient(cfg ClientConfig) (*Client, error) { panic("not yet") }

// Close gives idle connections back.
func (c *Client) Close() { panic("not yet") }

// Opening is [Partner]'s.
func (c *Client) Opening(ctx context.Context, epoch uint32) ([]byte, error) { panic("not yet") }

// Evaluate is [Partner]'s.
func (c *Client) Evaluate(ctx context.Context, epoch uint32, id [16]byte, request []byte) ([]byte, error) {
	panic("not yet")
}

// Latest is [Partner]'s.
func (c *Client) Latest(ctx context.Context, feed linkage.FeedID, after uint64, wait time.Duration) (uint64, error) {
	panic("not yet")
}

// Batch is [Partner]'s.
func (c *Client) Batch(ctx context.Context, feed linkage.FeedID, number uint64, fresh bool) ([]byte, error) {
	panic("not yet")
}

// Base is [Partner]'s.
func (c *Client) Base(ctx context.Context, epoch uint32) (net.Conn, error) { panic("not yet") }

// Records is [Partner]'s.
func (c *Client) Records(ctx context.Context, after uint64) ([]linkage.SessionRecord, error) {
	panic("not yet")
}

// Cosign is [Partner]'s.
func (c *Client) Cosign(ctx context.Context, r linkage.SessionRecord) error { panic("not yet") }
