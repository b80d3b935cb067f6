package watch

import (
	"bytes"
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/hueandcry/hueandcry/abuse"
)

// Remove forgets an account: what it has enrolled with any partner of this store, its matches, what is
// still to be decided on or handed on, and checks that are owed. Decisions stay: they are the
// service's own record, and hold no identifier. An account that is not known is no error.
func (r *Receiver) Remove(ctx context.Context, account string) error {
	if !validAccount(account) {
		return errAccount
	}
	return r.remove(ctx, account, nil)
}

// remove forgets an account; with a stamp only if the check that is owed is still that one, and
// nobody has signed up meanwhile. While a base is being built, which may have it, a check is owed
// for it, which finds that the account is gone and comes here again.
func (r *Receiver) remove(ctx context.Context, account string, stamp []byte) error {
	return r.cfg.Store.Update(ctx, func(w abuse.Writer) error {
		if stamp != nil {
			have, err := get(w, abuse.Rechecks, recheckKey(r.link, account))
			if err != nil || !bytes.Equal(have, stamp) {
				return err
			}
		}
		held, err := holdingsOf(w, account)
		if err != nil {
			return err
		}
		for _, h := range held {
			if err := unenrol(w, account, h); err != nil {
				return err
			}
		}
		if err := removeMatches(w, account); err != nil {
			return err
		}
		prefix := accountKey(account)
		if err := w.Delete(abuse.Undecided, prefix); err != nil {
			return err
		}
		if err := scanAll(w, abuse.Outbox, prefix, func(row abuse.Row) error { return w.Delete(abuse.Outbox, row.Key) }); err != nil {
			return err
		}
		return r.removeRecheck(w, account, stamp)
	})
}

func removeMatches(w abuse.Writer, account string) error {
	prefix := accountKey(account)
	return scanAll(w, abuse.Matches, prefix, func(row abuse.Row) error {
		m, err := parseMatch(row.Key, row.Value)
		if err != nil {
			return err
		}
		for _, n := range m.names {
			if err := dropFromList(w, abuse.Aliases, aliasKey(n.era, n.alias), prefix); err != nil {
				return err
			}
		}
		if m.until != 0 {
			if err := w.Delete(abuse.Expiries, expiryKey(m.until, account, m.link, m.signal)); err != nil {
				return err
			}
		}
		return w.Delete(abuse.Matches, row.Key)
	})
}

// removeRecheck takes away the check that is owed, or leaves one for the base that is being built:
// the account is known to be gone, and not waited for.
func (r *Receiver) removeRecheck(w abuse.Writer, account string, stamp []byte) error {
	all, err := eras(w, r.link)
	if err != nil {
		return err
	}
	key := recheckKey(r.link, account)
	if !slices.ContainsFunc(all, func(e era) bool { return e.status == eraBuilding }) {
		return w.Delete(abuse.Rechecks, key)
	}
	now := r.cfg.Clock()
	c := recheck{notBefore: now, stamp: rand.Uint64(), since: now, gone: time.Unix(1, 0)}
	if stamp != nil {
		c.notBefore = now.Add(recheckLater)
	}
	return w.Put(abuse.Rechecks, key, c.value())
}
