package watch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/linkage"
)

// ErrNoSignal says that no such signal was reported, or that it has run out.
var ErrNoSignal = errors.New("watch: no such signal")

var errFeedsMoved = errors.New("watch: the open feeds have changed meanwhile")

// Report says a signal about an account, or revises one that was said: then its Revision is
// higher than before, and it stays about the identifiers that the account had first. When Report
// returns nil the signal is durable, and the next batch of every open feed will have it; a
// report that is repeated changes nothing.
//
// A signal that is not valid, too long for the agreement's labels, retracted, revised without a
// higher Revision or of another [abuse.Signal.Sender] than the agreement's transmitter (a receiver
// could not read it), and an account without an identifier that the agreement names or with more
// than 32, give an [*abuse.Error]; a user who has opted out [ErrOptedOut]; and identifiers about
// which as many signals were reported in this epoch as the agreement allows, those withdrawn before
// they were published not counted, a [*linkage.LimitError].
func (t *Transmitter) Report(ctx context.Context, account string, s abuse.Signal) error {
	if err := s.Validate(); err != nil {
		return err
	}
	switch {
	case account == "" || len(account) > MaxAccount:
		return &abuse.Error{Field: "account", Problem: fmt.Sprintf("must have 1 to %d bytes", MaxAccount)}
	case s.Sender() != t.cfg.Agreement.Transmitter.Name:
		return &abuse.Error{Field: "signal origin", Problem: "must be the agreement's transmitter, or path end at it: no receiver reads it otherwise"}
	case s.Revision > maxSequence:
		return &abuse.Error{Field: "signal revision", Problem: "must be below 2^63 - 1"}
	case !s.ValidUntil.After(t.now(ctx)):
		return &abuse.Error{Field: "signal valid_until", Problem: "must not be past"}
	}
	label, err := s.MarshalBinary()
	if err != nil {
		return err
	}
	if len(label) > t.cfg.Agreement.LabelBytes {
		return &abuse.Error{Field: "signal", Problem: "must fit the agreement's labels: give it fewer or shorter names"}
	}
	row := signalRow{sequence: s.Revision, until: s.ValidUntil, account: account, label: label}
	for range 8 {
		if err = t.report(ctx, s.ID, row); !errors.Is(err, errFeedsMoved) {
			return err
		}
		if err := t.turn(ctx); err != nil {
			return err
		}
	}
	return err
}

// known gives the stored signal, and whether there is one.
func known(r abuse.Reader, link, id uuid.UUID) (s signalRow, ok bool, err error) {
	got, err := r.Get(abuse.Signals, signalKey(link, id))
	if err != nil || got[0] == nil {
		return s, false, err
	}
	s, err = parseSignalRow(got[0])
	return s, err == nil, err
}

// revises says whether the new row may take the place of the old one; false without an error:
// they are the same.
func (s *signalRow) revises(old signalRow) (bool, error) {
	switch {
	case old.retracted:
		return false, &abuse.Error{Field: "signal id", Problem: "must not be of a signal that was retracted"}
	case old.account != s.account:
		return false, &abuse.Error{Field: "signal id", Problem: "must not be of a signal about another account"}
	case s.sequence == old.sequence && bytes.Equal(s.label, old.label):
		return false, nil
	case s.sequence <= old.sequence:
		return false, &abuse.Error{Field: "signal revision", Problem: "must be higher than before"}
	}
	return true, nil
}

func (t *Transmitter) report(ctx context.Context, id uuid.UUID, row signalRow) error {
	var heads []storedHead
	has := map[linkage.FeedID]bool{}
	fresh := true
	err := t.cfg.Store.View(ctx, func(r abuse.Reader) error {
		old, ok, err := known(r, t.link, id)
		if err != nil {
			return err
		}
		if fresh = true; ok {
			if fresh, err = row.revises(old); err != nil || !fresh {
				return err
			}
		}
		if heads, err = headsOf(r, t.link[:]); err != nil {
			return err
		}
		for _, h := range heads {
			got, err := r.Get(abuse.About, feedKey(h.feed, id[:]))
			if err != nil {
				return err
			}
			has[h.feed] = got[0] != nil
		}
		return nil
	})
	if err != nil || !fresh {
		return err
	}
	open := t.open(heads)
	abouts, err := t.evaluate(ctx, row.account, open, has)
	if err != nil {
		return err
	}
	return t.update(ctx, func(w abuse.Writer) error {
		old, ok, err := known(w, t.link, id)
		if err != nil {
			return err
		}
		if ok {
			if fresh, err := row.revises(old); err != nil || !fresh {
				return err
			}
		}
		now, err := headsOf(w, t.link[:])
		if err != nil {
			return err
		}
		if !slices.EqualFunc(t.open(now), open, func(a, b storedHead) bool { return a.feed == b.feed }) {
			return errFeedsMoved
		}
		for _, h := range open {
			key := feedKey(h.feed, id[:])
			got, err := w.Get(abuse.About, key)
			if err != nil {
				return err
			}
			if got[0] == nil {
				if abouts[h.feed] == nil {
					return errFeedsMoved
				}
				if err := t.reserve(w, h.feed, id, abouts[h.feed]); err != nil {
					return err
				}
			}
			if err := w.Put(abuse.Unpublished, newsKey(h.feed, false, id), be64(row.sequence)); err != nil {
				return err
			}
		}
		return errors.Join(w.Put(abuse.Signals, signalKey(t.link, id), row.value()),
			w.Put(abuse.Signals, signalOfKey(t.link, row.account, id[:]), []byte{rowVersion}))
	})
}

// evaluate says whom a signal is about, for the feeds in which it is not. Where it is in each, nobody
// is asked for the account's identifiers: they stay those.
func (t *Transmitter) evaluate(ctx context.Context, account string, open []storedHead, has map[linkage.FeedID]bool) (map[linkage.FeedID][]linkage.About, error) {
	if len(open) > 0 && !slices.ContainsFunc(open, func(h storedHead) bool { return !has[h.feed] }) {
		return nil, t.admitted(ctx, account) // who has opted out since is not said anything of
	}
	ids, err := t.whom(ctx, account)
	if err != nil {
		return nil, err
	}
	out := map[linkage.FeedID][]linkage.About{}
	for _, h := range open {
		if has[h.feed] {
			continue
		}
		f := t.ready(h.feed)
		if f == nil {
			return nil, errFeedsMoved
		}
		if out[h.feed], err = f.about(ctx, account, ids); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// reserve writes whom a signal is about in a feed, those about whom there may be one more signal, and
// counts it. It is here and not at the publication that a signal is refused: what was acknowledged
// is published.
func (t *Transmitter) reserve(w abuse.Writer, feed linkage.FeedID, id uuid.UUID, all []linkage.About) error {
	f := t.ready(feed)
	if f == nil {
		return errFeedsMoved
	}
	limit := t.cfg.Agreement.Limits.SignalsPerIdentifier
	counts, err := ordinals(w, feed, all)
	if err != nil {
		return err
	}
	kept := make([]linkage.About, 0, len(all))
	for i, a := range all {
		if int64(counts[i].reported) >= limit {
			continue
		}
		kept = append(kept, a)
		counts[i].reported++
		if err := counts[i].put(w, feed, a); err != nil {
			return err
		}
	}
	if len(kept) == 0 {
		return &linkage.LimitError{Limit: "SignalsPerIdentifier", Max: limit, Got: limit + 1}
	}
	return w.Put(abuse.About, feedKey(feed, id[:]), f.sealAbout(id, kept))
}

// release gives back what reserve has counted for a signal that was not published, where that can be
// read: otherwise the feed keeps the count, till it ends.
func (t *Transmitter) release(w abuse.Writer, feed linkage.FeedID, id uuid.UUID, about aboutRow) error {
	f := t.ready(feed)
	if f == nil {
		return nil
	}
	all, err := f.openAbout(id, about)
	if err != nil {
		return nil // damaged: that does not keep it from being withdrawn
	}
	counts, err := ordinals(w, feed, all)
	if err != nil {
		return err
	}
	for i, a := range all {
		if counts[i].reported > counts[i].published {
			counts[i].reported--
		}
		if err := counts[i].put(w, feed, a); err != nil {
			return err
		}
	}
	return nil
}

// Retract withdraws a signal for good. When it returns nil that is durable, and the next batch of
// every feed in which the signal was published will say so. One that was retracted before is no
// error; one that was never reported, or has run out, is [ErrNoSignal].
func (t *Transmitter) Retract(ctx context.Context, id uuid.UUID) error {
	return t.update(ctx, func(w abuse.Writer) error { return t.retract(w, id) })
}

func (t *Transmitter) retract(w abuse.Writer, id uuid.UUID) error {
	s, ok, err := known(w, t.link, id)
	if err != nil {
		return err
	}
	if !ok {
		return ErrNoSignal
	}
	if s.retracted {
		return nil
	}
	heads, err := headsOf(w, t.link[:])
	if err != nil {
		return err
	}
	gone := signalRow{sequence: s.sequence + 1, retracted: true, until: s.until}
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
		switch {
		case err != nil:
		case about.published && !h.final:
			// Whom it was about is not needed any more: the alias alone is withdrawn.
			about.sealed = nil
			err = errors.Join(w.Put(abuse.About, key, about.value()), w.Delete(abuse.Unpublished, newsKey(h.feed, false, id)),
				w.Put(abuse.Unpublished, newsKey(h.feed, true, id), be64(gone.sequence)))
		default:
			if !about.published {
				err = t.release(w, h.feed, id, about)
			}
			err = errors.Join(err, w.Delete(abuse.About, key), w.Delete(abuse.Unpublished, newsKey(h.feed, false, id)))
		}
		if err != nil {
			return err
		}
	}
	return errors.Join(w.Put(abuse.Signals, signalKey(t.link, id), gone.value()),
		w.Delete(abuse.Signals, signalOfKey(t.link, s.account, id[:])))
}

// Remove retracts all signals about an account and forgets it: no reference to it is left in the
// store, nor whom its signals were about once the withdrawals are published. What stays until
// the epoch is closed is, for each identifier that was published, a number: how many signals the feed
// has had about it, under a token that only the feed's key in the vault tells from noise. Without it
// the next signal about that identifier would have a number again that the feed has had, and the
// receiver would not find it. When Remove returns nil all this is durable.
func (t *Transmitter) Remove(ctx context.Context, account string) error {
	from := signalOfKey(t.link, account, nil)
	for more := true; more; {
		err := t.update(ctx, func(w abuse.Writer) error {
			rows, err := w.Scan(abuse.Signals, from, after(from), 100)
			if err != nil {
				return err
			}
			more = len(rows) == 100
			for _, row := range rows {
				if err := t.retract(w, uuid.UUID(row.Key[len(row.Key)-16:])); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
