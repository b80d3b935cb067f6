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
// nobody has signed up meanwhile. While a base is being built with any partner, which may have it, a
// check is owed for it there, which finds that the account is gone and comes here again.
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
		for _, key := range [][]byte{prefix, againKey(account)} {
			if err := w.Delete(abuse.Undecided, key); err != nil {
				return err
			}
		}
		if err := scanAll(w, abuse.Outbox, prefix, func(row abuse.Row) error { return w.Delete(abuse.Outbox, row.Key) }); err != nil {
			return err
		}
		return r.removeRechecks(w, account, stamp)
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

// removeRechecks takes away the checks that are owed, with all partners, or leaves one for a base
// that is being built: the account is known to be gone, and not waited for.
func (r *Receiver) removeRechecks(w abuse.Writer, account string, stamp []byte) error {
	var all [][16]byte
	for _, table := range []abuse.Table{abuse.Generations, abuse.Rechecks} {
		some, err := linksIn(w, table)
		if err != nil {
			return err
		}
		all = append(all, some...)
	}
	now := r.cfg.Clock()
	for _, link := range all {
		bases, err := eras(w, link)
		if err != nil {
			return err
		}
		key := recheckKey(link, account)
		if stamp != nil && link != r.link { // found gone, not removed: a check that is owed there finds out by itself
			if have, err := get(w, abuse.Rechecks, key); err != nil || have != nil {
				if err != nil {
					return err
				}
				continue
			}
		}
		if !slices.ContainsFunc(bases, func(e era) bool { return e.status == eraBuilding }) {
			if err := w.Delete(abuse.Rechecks, key); err != nil {
				return err
			}
			continue
		}
		c := recheck{notBefore: now, stamp: rand.Uint64(), since: now, gone: time.Unix(1, 0)}
		if stamp != nil {
			c.notBefore = now.Add(recheckLater)
		}
		if err := w.Put(abuse.Rechecks, key, c.value()); err != nil {
			return err
		}
	}
	return nil
}

// linksIn gives the links that have rows in a table whose keys begin with them: of each the first
// row is read alone. Rows of no link have zeros there.
func linksIn(r abuse.Reader, table abuse.Table) (all [][16]byte, err error) {
	for from := after(make([]byte, 16)); ; {
		rows, err := r.Scan(table, from, nil, 1)
		if err != nil || len(rows) == 0 {
			return all, err
		}
		if len(rows[0].Key) < 16 {
			return all, damaged(table.String())
		}
		link := [16]byte(rows[0].Key)
		all = append(all, link)
		if from = after(link[:]); from == nil {
			return all, nil
		}
	}
}
