package watch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
)

// loadFeeds opens, under "ec", the feeds of open epochs that have none, and makes ready all that
// are in the store: another process may have opened them.
func (t *Transmitter) loadFeeds(ctx context.Context) error {
	heads, err := t.heads(ctx)
	if err != nil {
		return err
	}
	t.mu.Lock()
	epochs := make([]uint32, 0, len(t.keys))
	for e := range t.keys {
		epochs = append(epochs, e)
	}
	t.mu.Unlock()
	slices.Sort(epochs)
	if t.cfg.Agreement.Protocol == linkage.ProtocolEC {
		for _, e := range epochs {
			if slices.ContainsFunc(heads, func(h storedHead) bool { return h.epoch == e }) {
				continue
			}
			feed, err := t.newFeed(ctx, e, nil, [8]byte{}, linkage.GenerationID{}, nil)
			if err != nil {
				return err
			}
			heads = append(heads, storedHead{feed, head{epoch: e}})
		}
	}
	for _, h := range heads {
		if err := t.loadFeed(h); err != nil {
			return err
		}
	}
	return nil
}

// loadFeed makes a feed ready, if it is open and is not.
func (t *Transmitter) loadFeed(h storedHead) error {
	t.mu.Lock()
	_, ready := t.feeds[h.feed]
	_, open := t.keys[h.epoch]
	t.mu.Unlock()
	if ready || !open {
		return nil
	}
	f := &openFeed{id: h.feed, epoch: h.epoch, close: func() {}}
	keeper, err := t.keeper(h.feed, h.epoch)
	if err != nil {
		return err
	}
	f.keeper = keeper
	cfg, err := t.config(h.epoch)
	if err != nil {
		return err
	}
	var base *linkage.State
	if h.base != (linkage.GenerationID{}) {
		file, err := t.cfg.Vault.OpenState(t.stateName(h.epoch, h.state))
		if err != nil {
			return err
		}
		f.close = func() { _ = file.Close() }
		if base, err = linkage.OpenState(cfg, file); err != nil {
			f.close()
			return err
		}
	}
	if f.sealer, err = linkage.NewSealer(cfg, base); err != nil {
		f.close()
		return err
	}
	if f.sealer.Feed() != h.feed {
		f.close()
		return fmt.Errorf("watch: the store has a feed of another agreement: %w", errRow)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.feeds[h.feed] != nil {
		f.close()
		return nil
	}
	t.feeds[h.feed] = f
	return nil
}

func (t *Transmitter) keeper(feed linkage.FeedID, epoch uint32) (*linkage.Keeper, error) {
	secret, err := t.cfg.Vault.Load(t.feedName(feed))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, lost("the key of a feed")
	}
	if err != nil {
		return nil, err
	}
	defer clear(secret)
	key, err := hashing.ParseKey(string(secret))
	if err != nil {
		return nil, ErrVault
	}
	return linkage.NewKeeper(t.cfg.Agreement, epoch, key), nil
}

// newFeed opens a feed: its key first, then its head, and with that whatever also belongs to it.
// Feeds of older bases of the epoch end then. A feed that another process has opened is that one.
func (t *Transmitter) newFeed(ctx context.Context, epoch uint32, generations []linkage.GenerationID, state [8]byte,
	base linkage.GenerationID, also func(w abuse.Writer) error) (linkage.FeedID, error) {
	if generations == nil {
		generations = []linkage.GenerationID{linkage.LiveGeneration(t.cfg.Agreement, epoch)}
	}
	feed := linkage.NewFeedID(t.cfg.Agreement, epoch, generations)
	secret, err := t.cfg.Vault.alter(t.feedName(feed), func(old []byte) ([]byte, error) {
		if old != nil {
			return old, nil
		}
		return []byte(hashing.NewKey().ExposeText()), nil
	})
	clear(secret)
	if err != nil {
		return feed, err
	}
	return feed, t.update(ctx, func(w abuse.Writer) error {
		heads, err := headsOf(w, t.link[:])
		if err != nil {
			return err
		}
		for _, h := range heads {
			if h.feed == feed {
				return nil
			}
			if h.epoch == epoch && !h.ending {
				h.ending = true
				if err := w.Put(abuse.Heads, headKey(t.link, h.feed), h.value()); err != nil {
					return err
				}
			}
		}
		if also != nil {
			if err := also(w); err != nil {
				return err
			}
		}
		return w.Put(abuse.Heads, headKey(t.link, feed), (&head{epoch: epoch, base: base, state: state}).value())
	})
}

// open gives the feeds that take news, in the order of their epochs: all that are in the store and
// not closed, whether this process has them ready or not.
func (t *Transmitter) open(heads []storedHead) []storedHead {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := slices.DeleteFunc(heads, func(h storedHead) bool {
		return h.epoch < t.lowest || h.ending || h.final
	})
	slices.SortFunc(out, func(a, b storedHead) int { return int(a.epoch) - int(b.epoch) })
	return out
}

func (t *Transmitter) ready(feed linkage.FeedID) *openFeed {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.feeds[feed]
}

// admitted is ErrOptedOut if nothing may be said of the account for the agreement's purpose.
func (t *Transmitter) admitted(ctx context.Context, account string) error {
	purpose := t.cfg.Agreement.Purpose
	if !purpose.OptOutApplies() {
		return nil
	}
	out, err := t.cfg.OptOut.OptedOut(ctx, account, purpose)
	if err == nil && out {
		err = ErrOptedOut
	}
	return err
}

// whom gives the identifiers of an account that may be used: of kinds of the agreement, each once.
func (t *Transmitter) whom(ctx context.Context, account string) ([]hashing.Identifier, error) {
	a := t.cfg.Agreement
	if err := t.admitted(ctx, account); err != nil {
		return nil, err
	}
	all, err := t.cfg.Identifiers(ctx, account)
	if err != nil {
		return nil, err
	}
	ids := make([]hashing.Identifier, 0, len(all))
	for _, id := range all {
		if !id.IsZero() && a.Admits(id.Kind()) == nil && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return nil, &abuse.Error{Field: "signal", Problem: "must be about an identifier of a kind that the agreement names"}
	}
	if len(ids) > linkage.MaxIdentifiers {
		return nil, &abuse.Error{Field: "signal", Problem: fmt.Sprintf("must be about %d identifiers at most", linkage.MaxIdentifiers)}
	}
	return ids, nil
}

// about evaluates identifiers of an account for a feed.
func (f *openFeed) about(ctx context.Context, account string, ids []hashing.Identifier) ([]linkage.About, error) {
	all := make([]linkage.About, len(ids))
	for i, who := range ids {
		var err error
		if all[i], err = f.sealer.ValuesFor(ctx, f.keeper, account, who); errors.Is(err, linkage.ErrOptedOut) {
			return nil, ErrOptedOut // a moment ago
		} else if err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (f *openFeed) sealAbout(id uuid.UUID, all []linkage.About) []byte {
	form := aboutForm(all)
	defer clear(form)
	row := aboutRow{sealed: f.keeper.SealBytes(nil, form, feedKey(f.id, id[:]))}
	return row.value()
}

func (f *openFeed) openAbout(id uuid.UUID, row aboutRow) ([]linkage.About, error) {
	form, err := f.keeper.OpenBytes(nil, row.sealed, feedKey(f.id, id[:]))
	if err != nil {
		return nil, err
	}
	return parseAboutForm(form)
}

// fillRun is how many signals are taken into a new feed at a time.
const fillRun = 200

// fill brings what was said before a feed was opened into it. It goes on where an earlier call,
// or another process, has come to.
func (t *Transmitter) fill(ctx context.Context, f *openFeed) error {
	for {
		var h head
		var rows []abuse.Row
		err := t.cfg.Store.View(ctx, func(r abuse.Reader) (err error) {
			if h, err = headOf(r, t.link, f.id); err != nil || h.opened {
				return err
			}
			from := joined(t.link[:], []byte{0})
			rows, err = r.Scan(abuse.Signals, append(signalKey(t.link, h.snapshot), 0), after(from), fillRun)
			if h.snapshot == uuid.Nil && err == nil {
				rows, err = r.Scan(abuse.Signals, from, after(from), fillRun)
			}
			return err
		})
		if err != nil || h.opened || h.ending {
			return err
		}
		abouts, err := t.abouts(ctx, f, rows)
		if err != nil {
			return err
		}
		if err := t.take(ctx, f, h.snapshot, rows, abouts); err != nil {
			return err
		}
	}
}

// abouts evaluates the identifiers of a run of signals, those that are still to be said.
func (t *Transmitter) abouts(ctx context.Context, f *openFeed, rows []abuse.Row) (map[uuid.UUID][]linkage.About, error) {
	now := t.now(ctx)
	var mu sync.Mutex
	out := map[uuid.UUID][]linkage.About{}
	workers, ctx := errgroup.WithContext(ctx)
	workers.SetLimit(runtime.GOMAXPROCS(0))
	for _, row := range rows {
		s, err := parseSignalRow(row.Value)
		if err != nil {
			return nil, errors.Join(err, workers.Wait())
		}
		if s.retracted || !s.until.After(now) {
			continue
		}
		id := uuid.UUID(row.Key[17:])
		workers.Go(func() error {
			ids, err := t.whom(ctx, s.account)
			var unfit *abuse.Error
			if errors.Is(err, ErrGone) || errors.Is(err, ErrOptedOut) || errors.As(err, &unfit) {
				return nil
			}
			if err != nil {
				return err
			}
			about, err := f.about(ctx, s.account, ids)
			mu.Lock()
			defer mu.Unlock()
			out[id] = about
			return err
		})
	}
	return out, workers.Wait()
}

// take writes a run of signals into a feed that has come to the signal before.
func (t *Transmitter) take(ctx context.Context, f *openFeed, before uuid.UUID, rows []abuse.Row, abouts map[uuid.UUID][]linkage.About) error {
	left := int64(0)
	err := t.update(ctx, func(w abuse.Writer) error {
		left = 0
		h, err := headOf(w, t.link, f.id)
		if err != nil {
			return err
		}
		if h.snapshot != before || h.opened {
			return nil // somebody else has
		}
		for _, row := range rows {
			id := uuid.UUID(row.Key[17:])
			got, err := w.Get(abuse.Signals, row.Key)
			if err != nil {
				return err
			}
			has, err := w.Get(abuse.About, feedKey(f.id, id[:]))
			if err != nil {
				return err
			}
			if abouts[id] == nil || got[0] == nil || has[0] != nil {
				continue
			}
			s, err := parseSignalRow(got[0])
			if err != nil {
				return err
			}
			if s.retracted {
				continue
			}
			err = t.reserve(w, f.id, id, abouts[id])
			if errors.Is(err, linkage.ErrLimit) {
				left++ // its identifiers have had new signals meanwhile, or are other accounts' too by now
				continue
			}
			if err == nil {
				err = w.Put(abuse.Unpublished, newsKey(f.id, false, id), be64(s.sequence))
			}
			if err != nil {
				return err
			}
		}
		if len(rows) > 0 {
			h.snapshot = uuid.UUID(rows[len(rows)-1].Key[17:])
		}
		h.opened = len(rows) < fillRun
		return w.Put(abuse.Heads, headKey(t.link, f.id), h.value())
	})
	if err == nil && left > 0 {
		t.tel.alarm(ctx, AlarmSignalsLeftOut, t.now(ctx), left)
	}
	return err
}

// errNoFeed says that there is no such feed, or no more.
var errNoFeed = errors.New("watch: no such feed")

func headOf(r abuse.Reader, link uuid.UUID, feed linkage.FeedID) (head, error) {
	got, err := r.Get(abuse.Heads, headKey(link, feed))
	if err != nil {
		return head{}, err
	}
	if got[0] == nil {
		return head{}, errNoFeed
	}
	return parseHead(got[0])
}

// lastOf gives the number of the last batch of a feed, for followers.
func (t *Transmitter) lastOf(ctx context.Context, feed linkage.FeedID) (n uint64, err error) {
	err = t.cfg.Store.View(ctx, func(r abuse.Reader) error {
		h, err := headOf(r, t.link, feed)
		n = h.number
		return err
	})
	return n, err
}

// wholeSecond rounds down, as times in headers are.
func wholeSecond(at time.Time) time.Time { return at.Truncate(time.Second) }
