package watch

import (
	"context"
	"net"
	"time"

	"github.com/hueandcry/hueandcry/linkage"
)

// Partner is the transmitter as a receiver needs it. [Client] is it over HTTP. All calls may
// be repeated; errors that the partner gives are a [*RemoteError], and whoever cannot be
// reached is [ErrPartnerDown].
type Partner interface {
	// Opening gives what a [linkage.Blinder] of the epoch begins with.
	Opening(ctx context.Context, epoch uint32) ([]byte, error)
	// Evaluate answers a blinded request. A request that is repeated under the same id is not
	// charged again, for some minutes.
	Evaluate(ctx context.Context, epoch uint32, id [16]byte, request []byte) ([]byte, error)
	// Latest gives the number of the feed's last batch as soon as that is greater than after,
	// and after itself if it is not by the end of wait, which is at most [MaxWait].
	Latest(ctx context.Context, feed linkage.FeedID, after uint64, wait time.Duration) (uint64, error)
	// Batch gives a batch, byte for byte as it was published. With fresh set no cache on
	// the way may answer.
	Batch(ctx context.Context, feed linkage.FeedID, number uint64, fresh bool) ([]byte, error)
	// Base gives a connection, TLS 1.3 with both certificates, for [linkage.Enrol].
	Base(ctx context.Context, epoch uint32) (net.Conn, error)
	// Records gives the session records after a number, some of them if there are many.
	Records(ctx context.Context, after uint64) ([]linkage.SessionRecord, error)
	// Cosign hands back a record with the receiver's signature.
	Cosign(ctx context.Context, r linkage.SessionRecord) error
}

// MaxWait is how long a follower may wait for a batch.
const MaxWait = 55 * time.Second
