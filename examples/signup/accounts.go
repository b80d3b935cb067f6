package main

import (
	"context"
	"sync"
	"time"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/watch"
	"github.com/hueandcry/hueandcry/hashing"
)

// accountBook is the service's own table of accounts: in memory here, and in a real service the
// database that it has anyway.
type accountBook struct {
	mu      sync.RWMutex
	held    map[string]held
	holders map[hashing.Identifier]int
}

// held is what an account has.
type held struct {
	ids   []hashing.Identifier
	since time.Time
}

var _ watch.Accounts = (*accountBook)(nil)

func newAccountBook() *accountBook {
	return &accountBook{held: map[string]held{}, holders: map[hashing.Identifier]int{}}
}

// put puts an account in, in the place of what it was.
func (b *accountBook) put(account string, ids []hashing.Identifier, since time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, id := range b.held[account].ids {
		b.holders[id]--
	}
	b.held[account] = held{ids, since}
	for _, id := range ids {
		b.holders[id]++
	}
}

// Identifiers gives those of an account.
func (b *accountBook) Identifiers(_ context.Context, account string) ([]hashing.Identifier, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	h, ok := b.held[account]
	if !ok {
		return nil, watch.ErrGone
	}
	return h.ids, nil
}

// Holdings says since when the account has each of them, and how many accounts share it.
func (b *accountBook) Holdings(_ context.Context, account string) ([]abuse.Holding, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	h, ok := b.held[account]
	if !ok {
		return nil, watch.ErrGone
	}
	out := make([]abuse.Holding, len(h.ids))
	for i, id := range h.ids {
		out[i] = abuse.Holding{Kind: id.Kind(), Since: h.since, Verified: abuse.Yes, Accounts: b.holders[id]}
	}
	return out, nil
}
