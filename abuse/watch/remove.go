package watch

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/hueandcry/hueandcry/abuse"
)

// Remove forgets an account: what it has enrolled with any partner of this store, its matches, what is
// still to be decided on or handed on, and checks that are owed. Of an identifier that no other account
// has, no tag or part of a tag is left in the store, but in what partners have said: their records are
// kept for whoever signs up later, sealed, with the tags as they are keyed here, until the epoch's feed
// is dropped. With a partner whose base is being enrolled just then, that is so when the base is there
// and the check has been made that is owed for it. Running processes have eight bytes of each tag in
// their memory until they end, or its epoch does. Decisions stay: they are the service's own record, and
// hold no identifier. An account that is not known is no error.
//
// Remove is for accounts that are gone: it undoes no step. Of a user who stays and has opted out of a
// purpose, Check takes out what was enrolled under the agreement, and nothing of other agreements.
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
	return r.update(ctx, func(w abuse.Writer, old *oldLog) error {
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
		if err := unenrolAll(w, old, account, held); err != nil {
			return err
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

// unenrolAll takes all that an account holds out of the tables. What it holds of a base that is being
// enrolled it has not got to the end of: the check that is owed for that comes back to it.
func unenrolAll(w abuse.Writer, old *oldLog, account string, held []holding) error {
	if len(held) == 0 {
		return nil
	}
	links, err := linksIn(w, abuse.Generations)
	if err != nil {
		return err
	}
	of := map[uint64]era{}
	for _, link := range links {
		all, err := eras(w, link)
		if err != nil {
			return err
		}
		for _, e := range all {
			for slot := range e.slots {
				of[e.number+uint64(slot)] = e
			}
		}
	}
	for _, h := range held {
		e := of[h.generation]
		if e.status == eraBuilding {
			continue
		}
		if err := unenrol(w, old, e, account, h); err != nil {
			return err
		}
	}
	return nil
}

// unenrol takes a tag of an account out of the tables, and out of what filters are made of as well, unless
// another account has it: of that others nothing is read but the list. A filter that there is already has
// a tag too many then, which is harmless.
func unenrol(w abuse.Writer, old *oldLog, e era, account string, h holding) error {
	key := tagKey(h.generation, h.tag)
	left, err := dropFromList(w, abuse.Enrolments, key, accountKey(account))
	if err != nil {
		return err
	}
	if err := w.Delete(abuse.Holdings, holdingKey(account, h.generation, h.tag)); err != nil || left > 0 {
		return err
	}
	base, err := findHead(w, h.generation, head64(h.tag))
	if err != nil {
		return err
	}
	c, slot := &course{era: e}, int(h.generation-e.number)
	if h.logged {
		err = w.Delete(abuse.Generations, c.logRow(h.in, slot, h.tag))
	} else {
		err = old.drop(w, e, enrolledTag{slot, h.tag}, !base.found)
	}
	if err != nil || !base.found {
		return err
	}
	prefix := key[:8+8] // of all tags with that head
	others, err := w.Scan(abuse.Enrolments, prefix, after(prefix), 1)
	if err != nil || len(others) > 0 {
		return err
	}
	return base.drop(w)
}

// oldLog knows where in the logs those tags are of which an earlier version did not write that down. No
// tag comes to be one of these any more, and none is moved: so they are looked for before the Update, and
// not while others wait for it, in each log once for all; and only if one is known to be in a log.
type oldLog struct {
	found  map[oldTag][][]byte // keys of the log, of those that were looked for
	wanted map[oldTag]era      // those that are to be looked for
	short  bool                // one of them is in the log
}

type oldTag struct {
	era uint64
	enrolledTag
}

var errOldLog = errors.New("watch: it is not known where in the log a tag is") // and the Update is made again

// update makes an Update that unenrols.
func (r *Receiver) update(ctx context.Context, do func(abuse.Writer, *oldLog) error) error {
	old := &oldLog{found: map[oldTag][][]byte{}}
	for {
		err := r.cfg.Store.Update(ctx, func(w abuse.Writer) error {
			old.wanted, old.short = map[oldTag]era{}, false
			if err := do(w, old); err != nil || !old.short {
				return err
			}
			return errOldLog
		})
		if !errors.Is(err, errOldLog) {
			return err
		}
		if err := old.find(ctx, r.cfg.Store); err != nil {
			return err
		}
	}
}

// drop takes a tag that nobody has any more out of the log of an era. It may be there, or is so.
func (o *oldLog) drop(w abuse.Writer, e era, tag enrolledTag, is bool) error {
	t := oldTag{e.number, tag}
	keys, ok := o.found[t]
	if !ok {
		o.wanted[t], o.short = e, o.short || is
		return nil
	}
	for _, key := range keys {
		if err := w.Delete(abuse.Generations, key); err != nil {
			return err
		}
	}
	return nil
}

// find looks for all that are wanted, a slice of a log in each View.
func (o *oldLog) find(ctx context.Context, store abuse.Store) error {
	logs := map[uint64]*course{}
	for t, e := range o.wanted {
		logs[t.era], o.found[t] = &course{era: e}, nil
	}
	for _, c := range logs {
		err := eachRow(ctx, store, abuse.Generations, c.logs(), scanSlice, func(row abuse.Row) error {
			e, err := c.logged(row)
			if err != nil {
				return err
			}
			t := oldTag{c.number, e}
			if _, ok := o.wanted[t]; ok {
				o.found[t] = append(o.found[t], row.Key)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func removeMatches(w abuse.Writer, account string) error {
	prefix := accountKey(account)
	return scanAll(w, abuse.Matches, prefix, func(row abuse.Row) error {
		m, err := parseMatch(row.Key, row.Value)
		if err != nil {
			return err
		}
		for _, n := range m.names {
			if _, err := dropFromList(w, abuse.Aliases, aliasKey(n.era, n.alias), prefix); err != nil {
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
