package watch

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
)

// The vault of a transmitter holds, for each agreement: "<link>-epoch", the key of the lowest
// epoch that is open, from which those of later ones follow and those of earlier ones do not;
// "<link>-feed-<feed>", the key under which the rows of a feed are sealed; and
// "<link>-base-<epoch>-<random>", state files.

func (t *Transmitter) keyName() string { return t.link.String() + "-epoch" }

func (t *Transmitter) feedName(feed linkage.FeedID) string {
	return t.link.String() + "-feed-" + hex.EncodeToString(feed[:])
}

func (t *Transmitter) stateName(epoch uint32, state [8]byte) string {
	return fmt.Sprintf("%s-base-%d-%x", t.link, epoch, state)
}

// due gives the epochs that should be open at a time, of which there are none before and after
// the agreement.
func (t *Transmitter) due(now time.Time) (from, to uint32) {
	a := t.cfg.Agreement
	last, _ := a.Epoch(a.ValidUntil.Add(-time.Second))
	at := func(now time.Time) uint32 {
		switch e, ok := a.Epoch(now); {
		case ok:
			return e
		case now.Before(a.ValidFrom):
			return 0
		}
		return last + 1
	}
	// An epoch is open from Prepare before it to Grace after it.
	from, to = at(now.Add(-t.cfg.Grace)), at(now.Add(t.cfg.Prepare))
	if now.Add(t.cfg.Prepare).Before(a.ValidFrom) {
		return 0, 0
	}
	return from, min(to, last) + 1
}

// turn opens the epochs that are due and closes those that are over: their keys are erased, and
// with them all that was sealed or enrolled under them is noise, wherever copies of it lie.
func (t *Transmitter) turn(ctx context.Context) error {
	t.turning.Lock()
	defer t.turning.Unlock()
	heads, err := t.heads(ctx)
	if err != nil {
		return err
	}
	t.mu.Lock()
	for _, h := range heads {
		if h.time.After(t.seen) {
			t.seen = h.time // so that a clock that was set back before the start does not count
		}
	}
	t.mu.Unlock()
	from, to := t.due(t.now(ctx))
	if err := t.doubt(ctx, heads, from); err != nil {
		return err
	}
	for _, h := range heads {
		to = max(to, h.epoch+1) // what was opened stays open until it is closed, whatever the clock says
	}
	t.mu.Lock()
	settled := t.turned && t.lowest == from && len(t.keys) == int(max(to, from)-from)
	t.mu.Unlock()
	if !settled {
		if err := t.turnKeys(ctx, from, to); err != nil {
			return err
		}
	}
	return t.loadFeeds(ctx)
}

// doubt refuses to close an epoch by a clock that is far ahead of what was last written: keys that
// are erased do not come back when the clock is set right.
func (t *Transmitter) doubt(ctx context.Context, heads []storedHead, from uint32) error {
	closes := false
	var last time.Time
	for _, h := range heads {
		closes = closes || h.epoch < from
		for _, at := range []time.Time{h.time, t.cfg.Agreement.EpochStart(h.epoch).Add(-t.cfg.Prepare)} { // none is opened earlier
			if at.After(last) {
				last = at
			}
		}
	}
	now := t.now(ctx)
	if !closes || now.Sub(last) <= t.cfg.Cadence+t.cfg.Grace || !now.After(t.cfg.TrustClockUntil) {
		return nil
	}
	t.mu.Lock()
	t.seen = last // so that the clock counts again when it is right
	t.mu.Unlock()
	t.tel.alarm(ctx, AlarmClockAhead, now, int64(now.Sub(last)/time.Second))
	return ErrClockAhead
}

func (t *Transmitter) turnKeys(ctx context.Context, from, to uint32) error {
	from, key, err := t.loadKey(ctx, from) // what is erased stays so, whatever the clock says
	if err != nil {
		return err
	}
	keys := map[uint32]hashing.Key{}
	for e := from; e < to; e++ {
		keys[e] = key
		key = linkage.Ratchet(key)
	}
	t.mu.Lock()
	t.keys, t.lowest, t.turned = keys, from, true
	for e := range t.asked {
		if _, ok := keys[e]; !ok {
			delete(t.asked, e)
		}
	}
	t.mu.Unlock()
	return t.dropBefore(ctx, from)
}

// loadKey gives the key of an epoch, and leaves in the vault no earlier one; or that of the lowest
// epoch there is a key of, if that is later. At the first start it is a new one. Other processes may
// do the same at the same time: what is on the disk counts.
func (t *Transmitter) loadKey(ctx context.Context, from uint32) (epoch uint32, key hashing.Key, err error) {
	secret, err := t.cfg.Vault.alter(t.keyName(), func(old []byte) ([]byte, error) {
		if old == nil {
			heads, err := t.heads(ctx)
			if err == nil && len(heads) > 0 {
				err = lost("the key under which the store's feeds were made")
			}
			return formKey(from, hashing.NewKey()), err
		}
		epoch, key, err := parseKey(old)
		for ; epoch < from && err == nil; epoch++ {
			key = linkage.Ratchet(key)
		}
		return formKey(epoch, key), err
	})
	if err != nil {
		return 0, hashing.Key{}, err
	}
	defer clear(secret)
	return parseKey(secret)
}

func formKey(epoch uint32, key hashing.Key) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{rowVersion}, epoch), key.ExposeText()...)
}

func parseKey(secret []byte) (uint32, hashing.Key, error) {
	switch {
	case len(secret) >= 1 && secret[0] > rowVersion:
		return 0, hashing.Key{}, ErrVaultVersion
	case len(secret) < 5 || secret[0] != rowVersion:
		return 0, hashing.Key{}, ErrVault
	}
	key, err := hashing.ParseKey(string(secret[5:]))
	return binary.BigEndian.Uint32(secret[1:]), key, err
}

// config is that of a session in an epoch.
func (t *Transmitter) config(epoch uint32) (linkage.Config, error) {
	t.mu.Lock()
	key, ok := t.keys[epoch]
	t.mu.Unlock()
	if !ok {
		return linkage.Config{}, ErrNotOpen
	}
	return linkage.Config{Agreement: t.cfg.Agreement, Signer: t.cfg.Signer, Key: key, OptOut: t.cfg.OptOut,
		Now: t.cfg.Agreement.EpochStart(epoch)}, nil
}

// evaluator gives the one of an epoch.
func (t *Transmitter) evaluator(epoch uint32) (*linkage.Evaluator, error) {
	t.mu.Lock()
	e := t.asked[epoch]
	t.mu.Unlock()
	if e != nil {
		return e, nil
	}
	cfg, err := t.config(epoch)
	if err != nil {
		return nil, err
	}
	if e, err = linkage.NewEvaluator(cfg); err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.asked[epoch] == nil {
		t.asked[epoch] = e
	}
	return t.asked[epoch], nil
}

// stateIdle is how long a state file must not have been written to before it is taken to be of a
// session that nobody goes on with.
const stateIdle = time.Hour

// storedHead is a head with its feed.
type storedHead struct {
	feed linkage.FeedID
	head
}

// maxHeads bounds the feeds of an agreement: one or two an epoch, and few epochs are open.
const maxHeads = 10_000

func headsOf(r abuse.Reader, link []byte) ([]storedHead, error) {
	rows, err := r.Scan(abuse.Heads, link, after(link), maxHeads)
	if err != nil {
		return nil, err
	}
	all := make([]storedHead, len(rows))
	for i, row := range rows {
		h, err := parseHead(row.Value)
		if err == nil && len(row.Key) != 32 {
			err = errRow
		}
		if err != nil {
			return nil, err
		}
		all[i] = storedHead{linkage.FeedID(row.Key[16:]), h}
	}
	return all, nil
}

func (t *Transmitter) heads(ctx context.Context) (all []storedHead, err error) {
	err = t.cfg.Store.View(ctx, func(r abuse.Reader) error {
		all, err = headsOf(r, t.link[:])
		return err
	})
	return all, err
}

// dropBefore erases what belongs to epochs before one: keys first, then rows, which are noise
// by then. What a crash leaves the next start finds.
func (t *Transmitter) dropBefore(ctx context.Context, epoch uint32) error {
	heads, err := t.heads(ctx)
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, h := range heads {
		if h.epoch >= epoch {
			known[t.stateName(h.epoch, h.state)] = true
			continue
		}
		t.mu.Lock()
		if f := t.feeds[h.feed]; f != nil {
			f.close()
			delete(t.feeds, h.feed)
		}
		t.mu.Unlock()
		t.batches.forget(h.feed)
		if err := t.cfg.Vault.Erase(t.feedName(h.feed)); err != nil {
			return err
		}
		if err := t.dropFeed(ctx, h.feed); err != nil {
			return err
		}
	}
	// State files that no feed has: of closed epochs, and of sessions that did not end. One that
	// was written lately may be of a session that another process serves.
	states, err := t.cfg.Vault.Names(t.link.String() + "-base-")
	if err != nil {
		return err
	}
	for _, name := range states {
		var of uint32
		if _, err := fmt.Sscanf(name[len(t.link.String()):], "-base-%d-", &of); err != nil {
			continue // not of this version
		}
		if known[name] || of >= epoch && (t.base.uses(name) || !t.cfg.Vault.idle(name, stateIdle)) {
			continue
		}
		if err := t.cfg.Vault.Erase(name); err != nil {
			return err
		}
	}
	return t.dropExpired(ctx)
}

// dropFeed removes the rows of a feed, some at a time, the head last.
func (t *Transmitter) dropFeed(ctx context.Context, feed linkage.FeedID) error {
	for _, table := range []abuse.Table{abuse.Batches, abuse.About, abuse.Ordinals, abuse.Unpublished} {
		limit := 1000
		if table == abuse.Batches {
			limit = 2 // they are large
		}
		for more := true; more; {
			err := t.update(ctx, func(w abuse.Writer) error {
				rows, err := w.Scan(table, feed[:], after(feed[:]), limit)
				for _, row := range rows {
					if err == nil {
						err = w.Delete(table, row.Key)
					}
				}
				more = len(rows) == limit
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return t.update(ctx, func(w abuse.Writer) error {
		for _, name := range []string{budgetRecords, budgetSignals} {
			if err := w.Delete(abuse.Budgets, budgetKey(t.link, name+string(feed[:]))); err != nil {
				return err
			}
		}
		return w.Delete(abuse.Heads, headKey(t.link, feed))
	})
}

// dropExpired removes signals that have run out, and whom they were about, also in the feeds that are
// open: receivers know from the label when. What has lost its place in the list of an account is gone,
// so that nothing is left that [Transmitter.Remove] does not find.
func (t *Transmitter) dropExpired(ctx context.Context) error {
	now := t.now(ctx)
	from := joined(t.link[:], []byte{0})
	for end := after(from); from != nil; {
		var next []byte
		err := t.update(ctx, func(w abuse.Writer) error {
			next = nil
			rows, err := w.Scan(abuse.Signals, from, end, dropRun)
			if err != nil {
				return err
			}
			if len(rows) == dropRun {
				next = append(rows[dropRun-1].Key, 0)
			}
			heads, err := headsOf(w, t.link[:])
			if err != nil {
				return err
			}
			for _, row := range rows {
				s, err := parseSignalRow(row.Value)
				if err != nil {
					return err
				}
				if s.until.Add(t.cfg.Grace).After(now) {
					continue
				}
				if !s.retracted {
					err = w.Delete(abuse.Signals, signalOfKey(t.link, s.account, row.Key[17:]))
				}
				if err = errors.Join(err, w.Delete(abuse.Signals, row.Key)); err == nil {
					err = t.unsay(w, heads, uuid.UUID(row.Key[17:]))
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		from = next
	}
	return nil
}

// unsay takes a signal that has run out from the rows of all feeds.
func (t *Transmitter) unsay(w abuse.Writer, heads []storedHead, id uuid.UUID) error {
	for _, h := range heads {
		key := feedKey(h.feed, id[:])
		got, err := w.Get(abuse.About, key)
		if err != nil {
			return err
		}
		if got[0] == nil {
			continue
		}
		about, err := parseAboutRow(got[0])
		if err == nil && !about.published {
			err = t.release(w, h.feed, id, about)
		}
		if err = errors.Join(err, w.Delete(abuse.About, key), w.Delete(abuse.Unpublished, newsKey(h.feed, false, id)),
			w.Delete(abuse.Unpublished, newsKey(h.feed, true, id))); err != nil {
			return err
		}
	}
	return nil
}

// dropRun is how many rows are looked at in one Update.
const dropRun = 500
