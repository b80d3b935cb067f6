package watch

import (
	"context"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/linkage"
)

// OptOuts is an opt-out register in a store, for services that have none of their own. Its rows
// are in table OptOuts: BE16 n ‖ account ‖ purpose, with the version byte for a value; who has not
// opted out has no row.
type OptOuts struct{ store abuse.Store }

var _ linkage.OptOutRegister = (*OptOuts)(nil)

// NewOptOuts gives the register of a store.
func NewOptOuts(store abuse.Store) *OptOuts { return &OptOuts{store} }

func optOutKey(account string, purpose linkage.Purpose) ([]byte, error) {
	if account == "" || len(account) > MaxAccount || !purpose.Valid() {
		return nil, &abuse.Error{Field: "opt-out", Problem: "must be of an account with 1 to 256 bytes and a purpose"}
	}
	return append(sized(account), byte(purpose)), nil
}

// Set puts down whether an account's user has opted out of a purpose; durable when it returns nil.
// It holds from then on. Signals that were reported before stay: see [Transmitter.Remove].
func (o *OptOuts) Set(ctx context.Context, account string, purpose linkage.Purpose, out bool) error {
	key, err := optOutKey(account, purpose)
	if err != nil {
		return err
	}
	return o.store.Update(ctx, func(w abuse.Writer) error {
		if out {
			return w.Put(abuse.OptOuts, key, []byte{rowVersion})
		}
		return w.Delete(abuse.OptOuts, key)
	})
}

// OptedOut says whether an account's user has opted out of a purpose.
func (o *OptOuts) OptedOut(ctx context.Context, account string, purpose linkage.Purpose) (out bool, err error) {
	key, err := optOutKey(account, purpose)
	if err != nil {
		return false, err
	}
	err = o.store.View(ctx, func(r abuse.Reader) error {
		got, err := r.Get(abuse.OptOuts, key)
		if err != nil || got[0] == nil {
			out = false
			return err
		}
		out = true
		return newRow(got[0]).end()
	})
	return out, err
}
