package watch

import (
	"context"
	"math"
	"sync"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/abuse"
)

// countAsked is the budget row that counts the identifiers that the partner was asked for.
const countAsked = "asked"

// askedFor counts them before the partner is asked, some ahead: what a crash loses was counted, so
// that the count is never below what the partner has seen, and its session records can be checked.
type askedFor struct {
	mu   sync.Mutex
	left int64
}

const askedAhead = 256

func (a *askedFor) count(ctx context.Context, store abuse.Store, link uuid.UUID, n int64) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.left >= n {
		a.left -= n
		return nil
	}
	more := n + askedAhead
	err := store.Update(ctx, func(w abuse.Writer) error {
		_, _, err := spend(w, spending{link: link, name: countAsked, n: more, cap: math.MaxInt64})
		return err
	})
	if err == nil {
		a.left += more - n
	}
	return err
}
