package sqlstore

import (
	"context"
	"time"

	"github.com/hueandcry/hueandcry/abuse"
)

// Tests have less patience.
func init() { truncateEach = time.Second }

// OpenAt opens a store at an older version, and with pragmas that come before all others.
func OpenAt(ctx context.Context, address string, version int, pragmas ...string) (abuse.Store, error) {
	return open(ctx, address, version, pragmas...)
}

// Versions gives how many there are.
func Versions() int {
	all, err := steps()
	if err != nil {
		panic(err)
	}
	return len(all)
}
