package watch

import (
	"context"
	"io"
	"net"
	"net/http"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/linkage"
)

// Transmitter is the side that has found abuse.
type Transmitter struct{}

// NewTransmitter makes one.
func NewTransmitter(ctx context.Context, cfg TransmitterConfig) (*Transmitter, error) {
	panic("not yet")
}

// Report says or revises a signal.
func (t *Transmitter) Report(ctx context.Context, account string, s abuse.Signal) error {
	panic("not yet")
}

// Retract withdraws a signal.
func (t *Transmitter) Retract(ctx context.Context, id uuid.UUID) error { panic("not yet") }

// Remove retracts all signals about an account and forgets it.
func (t *Transmitter) Remove(ctx context.Context, account string) error { panic("not yet") }

// Cut publishes a batch of every open feed now.
func (t *Transmitter) Cut(ctx context.Context) error { panic("not yet") }

// Run cuts at the cadence until ctx ends.
func (t *Transmitter) Run(ctx context.Context) error { panic("not yet") }

// Handler serves the receiver.
func (t *Transmitter) Handler() http.Handler { panic("not yet") }

// ServeBase serves the enrolment of a base.
func (t *Transmitter) ServeBase(ctx context.Context, conn net.Conn, epoch uint32) (linkage.Summary, error) {
	panic("not yet")
}

// Records writes the session records as JSON lines.
func (t *Transmitter) Records(ctx context.Context, w io.Writer) error { panic("not yet") }

// Close gives back what is left of leases, and erases keys in memory.
func (t *Transmitter) Close(ctx context.Context) error { panic("not yet") }
