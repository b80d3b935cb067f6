package watch

import (
	"context"
	"errors"

	"github.com/hueandcry/hueandcry/abuse"
)

// ErrOtherKey says that the partner answers or publishes under another live key than it had before
// in the epoch. Until another base is enrolled nothing that it says under that is used: its tags
// would meet nobody's, or, where it has a key for each of its askers, tell it who asks.
var ErrOtherKey = errors.New("watch: the partner has another key than before")

// pin compares the digest of the partner's live key with the first that was seen in the epoch since
// a base was enrolled, by any process.
func (r *Receiver) pin(ctx context.Context, epoch uint32, digest [32]byte) error {
	r.mu.Lock()
	known := r.pinned[epoch]
	r.mu.Unlock()
	if known == digest {
		return nil
	}
	if err := r.cfg.Store.Update(ctx, func(w abuse.Writer) error {
		key := liveKeyKey(r.link, epoch)
		v, err := get(w, abuse.Generations, key)
		if err != nil {
			return err
		}
		if v == nil {
			f := newFields(33)
			f.raw(digest[:])
			known = digest
			return w.Put(abuse.Generations, key, f)
		}
		p := newRow(v)
		known = [32]byte(p.take(32))
		return p.end()
	}); err != nil {
		return err
	}
	if known != digest {
		r.tel.alarm(ctx, AlarmOtherKey, r.cfg.Clock(), int64(epoch))
		return ErrOtherKey
	}
	r.mu.Lock()
	r.pinned[epoch] = digest
	r.mu.Unlock()
	return nil
}

// unpin forgets the key of an epoch in which another base is enrolled, when the store has: that may
// be because the partner has lost its key.
func (r *Receiver) unpin(epoch uint32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.pinned, epoch)
	delete(r.blinders, epoch)
}
