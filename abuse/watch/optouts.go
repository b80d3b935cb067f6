package watch

import (
	"context"
	"time"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/linkage"
)

// OptOuts is an opt-out register in a store, for services that have none of their own. Its rows
// are in table OptOuts: BE16 n ‖ account ‖ purpose, with the version byte for a value; who has not
// opted out has no row. Package optout has more, on the same rows: those who follow, and who takes part
// in the exchange at all, in a row of purpose zero, version ‖ state ‖ BE64 since ‖ BE64 effective; whoever
// is out there is out of every purpose here.
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
// It holds from then on. Signals that were reported before stay: see [Transmitter.Remove]. A purpose that
// nobody can opt out of is an [*abuse.Error].
func (o *OptOuts) Set(ctx context.Context, account string, purpose linkage.Purpose, out bool) error {
	if !purpose.OptOutApplies() {
		return &abuse.Error{Field: "opt-out", Problem: "must be of a purpose that users can opt out of"}
	}
	key, err := optOutKey(account, purpose)
	if err != nil {
		return err
	}
	return o.store.Update(ctx, func(w abuse.Writer) error {
		// Package optout's row of when the user chose is about the choice before this one.
		const chosen = 0x80
		if err := w.Delete(abuse.OptOuts, append(sized(account), chosen|byte(purpose))); err != nil {
			return err
		}
		if out {
			return w.Put(abuse.OptOuts, key, []byte{rowVersion})
		}
		return w.Delete(abuse.OptOuts, key)
	})
}

// OptedOut says whether an account's user has opted out of a purpose, or of the exchange.
func (o *OptOuts) OptedOut(ctx context.Context, account string, purpose linkage.Purpose) (out bool, err error) {
	key, err := optOutKey(account, purpose)
	if err != nil {
		return false, err
	}
	err = o.store.View(ctx, func(r abuse.Reader) error {
		got, err := r.Get(abuse.OptOuts, key, append(sized(account), 0))
		if err != nil {
			return err
		}
		if out = got[0] != nil; out {
			return newRow(got[0]).end()
		}
		if got[1] == nil {
			return nil
		}
		const in = 1
		row := newRow(got[1])
		state, _, effective := row.u8(), row.u64(), row.u64()
		out = purpose.OptOutApplies() && state != in && effective <= uint64(time.Now().Unix())
		return row.end()
	})
	return out, err
}
