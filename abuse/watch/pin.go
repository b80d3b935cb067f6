package watch

import (
	"context"
	"errors"

	"github.com/hueandcry/hueandcry/abuse"
)

// ErrOtherKey says that the partner answers or publishes under another live key than it had before
// in the epoch. Nothing that it says under that is used: its tags would meet nobody's, or, where it
// has a key for each of its askers, tell it who asks.
var ErrOtherKey = errors.New("watch: the partner has another key than before")

// pin compares the digest of the partner's live key with the first that was seen in the epoch, by
// any process.
func (r *Receiver) pin(ctx context.Context, epoch uint32, digest [32]byte) error {
	r.mu.Lock()
	known, ok := r.pinned[epoch]
	r.mu.Unlock()
	if !ok {
		if err := r.cfg.Store.Update(ctx, func(w abuse.Writer) error {
			key := liveKeyKey(r.cfg.Agreement.ID, epoch)
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
		r.mu.Lock()
		r.pinned[epoch] = known
		r.mu.Unlock()
	}
	if known != digest {
		r.tel.alarm(ctx, AlarmOtherKey, r.cfg.Clock(), int64(epoch))
		return ErrOtherKey
	}
	return nil
}
