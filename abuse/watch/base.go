package watch

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
)

// EnrolBase enrols the accounts there are as the base of an epoch: the present one, or the next
// one beside it. The feed of that epoch is followed from then on, from its beginning. Accounts that
// sign up, change or go meanwhile are looked at again afterwards. An empty source is a base too, of
// a service that has sign-ups alone; before there is a base nothing can be checked.
//
// A base is enrolled once an epoch. One that is enrolled again takes the place of the first when its
// feed has been caught up with, and is charged again; its source must have all accounts. Whatever
// fails, also the process, nothing is left of the attempt but what the partner has counted: under
// "ec" the identifiers that were evaluated. Where the store or the vault did not allow that at once,
// or the process has died, the rest is dropped by the next EnrolBase or within a minute by [Receiver.Run],
// also of another process that has its vault in the same folder, on a system with flock(2); elsewhere
// by the next [NewReceiver]. Until then checks stay owed, and no epoch ends. Errors are the [*linkage.Error] of the session,
// the store's or the vault's, or [ErrNotOpen] for an epoch of neither kind.
func (r *Receiver) EnrolBase(ctx context.Context, epoch uint32, accounts linkage.Source[linkage.Account]) (linkage.Summary, error) {
	ctx, span := r.tel.span(ctx, "hueandcry.base")
	defer span.End()
	now := r.cfg.Clock()
	if at, ok := r.cfg.Agreement.Epoch(now); !ok || epoch != at && epoch != at+1 {
		return linkage.Summary{}, ErrNotOpen
	} else if epoch > at {
		now = r.cfg.Agreement.EpochStart(epoch)
	}
	slots := 1
	if r.cfg.Agreement.Protocol == linkage.ProtocolVOLE {
		slots = 2 // sign-ups are enrolled under the live generation
	}
	if err := r.finish(ctx); err != nil { // it is tried again, and stops no other base
		r.tel.log.WarnContext(ctx, "hueandcry.base", "error", plain(err))
	}
	e, keys, release, err := r.build(ctx, epoch, slots)
	if err != nil {
		return linkage.Summary{}, err
	}
	defer release()
	sum, err := r.enrolBase(ctx, &e, keys, linkage.Config{
		Agreement: r.cfg.Agreement, Signer: r.cfg.Signer, OptOut: r.cfg.OptOut, Now: now,
	}, accounts)
	if err != nil {
		// What is left is dropped now if that is possible, and else by finish or when a process starts.
		return linkage.Summary{}, errors.Join(err, r.abandon(context.WithoutCancel(ctx), e))
	}
	_, err = r.active(ctx)
	return sum, err
}

// build takes numbers and makes the keys. From its Update on, sign-ups leave a note to be looked at
// again when the era is there. Until release, other processes see that somebody is building it: from
// before it can be seen at all, so that none takes it for what a dead process has left.
func (r *Receiver) build(ctx context.Context, epoch uint32, slots int) (e era, keys []hashing.Key, release func(), err error) {
	var h *held
	err = r.cfg.Store.Update(ctx, func(w abuse.Writer) (err error) {
		h.release() // of a try before this one
		h = nil
		if e, err = newEra(w, r.link, epoch, slots); err != nil {
			return err
		}
		if h, err = r.cfg.Vault.hold(r.keyName(e.number)); err != nil {
			return err
		}
		if h == nil { // in a store that was put back to what it was before, perhaps
			return errHeld
		}
		return w.Delete(abuse.Generations, liveKeyKey(r.link, epoch))
	})
	written := err == nil
	r.unpin(epoch)
	for slot := 0; slot < slots && err == nil; slot++ {
		key := hashing.NewKey()
		keys = append(keys, key)
		err = r.cfg.Vault.Save(r.keyName(e.number+uint64(slot)), []byte(key.ExposeText()))
	}
	if err == nil || h == nil {
		return e, keys, h.release, err
	}
	// An Update that has failed may have been written all the same. That the number is still ours
	// the lock says, where there is one.
	if written || flocks {
		if _, also := r.dropUnfinished(context.WithoutCancel(ctx), e); also != nil {
			h.leave()
			return era{}, nil, nil, errors.Join(err, also)
		}
	}
	h.release()
	return era{}, nil, nil, err
}

func (r *Receiver) enrolBase(ctx context.Context, e *era, keys []hashing.Key, cfg linkage.Config, accounts linkage.Source[linkage.Account]) (linkage.Summary, error) {
	conn, err := r.cfg.Partner.Base(ctx, e.epoch)
	if err != nil {
		return linkage.Summary{}, err
	}
	enrolled, sum, err := linkage.Enrol(ctx, conn, cfg, bounded(accounts))
	if err != nil {
		return linkage.Summary{}, err
	}
	defer enrolled.Close()
	generations := []linkage.GenerationID{linkage.LiveGeneration(r.cfg.Agreement, e.epoch)}
	if e.slots == 2 {
		generations = append(generations, enrolled.Generation())
	}
	keeper := linkage.NewKeeper(r.cfg.Agreement, e.epoch, keys[e.slots-1])
	if err := r.load(ctx, e.number+uint64(e.slots-1), enrolled, keeper); err != nil {
		return linkage.Summary{}, err
	}
	e.feed = linkage.NewFeedID(r.cfg.Agreement, e.epoch, generations)
	if err := r.adopted(ctx, e.feed); err != nil {
		return linkage.Summary{}, err
	}
	building := e.row()
	e.status = eraActive
	return sum, r.cfg.Store.Update(ctx, func(w abuse.Writer) error {
		row := e.row()
		have, err := get(w, abuse.Generations, row.Key)
		if err != nil {
			return err
		}
		if !bytes.Equal(have[:min(len(have), 2)], building.Value[:2]) {
			return errDropped // its keys are erased
		}
		if err := w.Put(abuse.Generations, row.Key, row.Value); err != nil {
			return err
		}
		return w.Put(abuse.Cursors, cursorKey(e.number), (&cursor{}).value())
	})
}

// adopted asks whether the partner has stored what it needs for the feed: it may have died at the very
// end of the session. A partner that cannot say so is believed: should it be otherwise, following ends
// with [FeedEnded].
func (r *Receiver) adopted(ctx context.Context, feed linkage.FeedID) error {
	for try := range 20 {
		_, err := r.cfg.Partner.Latest(ctx, feed, 0, 0)
		if err == nil || errors.Is(err, FeedEnded) || ctx.Err() != nil {
			return err
		}
		if errors.Is(err, ErrPartnerDown) {
			break
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(try) * 10 * time.Millisecond):
		}
	}
	return nil
}

var errDropped = errors.New("watch: another process was started meanwhile, and has dropped the base that was being enrolled")

var errHeld = errors.New("watch: another process is enrolling a base under the number that is next")

var errAccount = errors.New("watch: an account reference has 1 to 256 bytes")

// bounded refuses references that are too long to be kept.
func bounded(accounts linkage.Source[linkage.Account]) linkage.Source[linkage.Account] {
	return func(yield func(linkage.Account, error) bool) {
		for a, err := range accounts {
			if err == nil && !validAccount(a.Ref) {
				err = errAccount
			}
			if !yield(a, err) {
				return
			}
		}
	}
}

func validAccount(account string) bool { return len(account) >= 1 && len(account) <= MaxAccount }

// loadSlice is how many holdings are sorted at a time: they come in the order of their tags.
const loadSlice = 1 << 18

// load puts what was enrolled into the tables of a generation. Enrolments come in the table's order;
// holdings are sorted in slices, which are the cheaper to put in the longer they are.
func (r *Receiver) load(ctx context.Context, generation uint64, enrolled *linkage.Enrolment, k *linkage.Keeper) error {
	if err := r.cfg.Store.Load(ctx, abuse.Enrolments, pageRows(generation, enrolled.All(k))); err != nil {
		return err
	}
	held := make([]linkage.Enrolled, 0, min(loadSlice, enrolled.Len()))
	flush := func() error {
		slices.SortFunc(held, func(a, b linkage.Enrolled) int {
			return cmp.Or(cmp.Compare(len(a.Ref), len(b.Ref)), strings.Compare(a.Ref, b.Ref), slices.Compare(a.Kept.Tag[:], b.Kept.Tag[:]))
		})
		err := r.cfg.Store.Load(ctx, abuse.Holdings, holdingRows(generation, held))
		held = held[:0]
		return err
	}
	var heads []uint64
	for e := range enrolled.All(k) {
		if h := head64(e.Kept.Tag); len(heads) == 0 || heads[len(heads)-1] != h {
			heads = append(heads, h)
		}
		if held = append(held, e); len(held) == loadSlice {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if err := flush(); err != nil {
		return err
	}
	return r.cfg.Store.Load(ctx, abuse.Generations, headRows(generation, heads))
}

func holdingRows(generation uint64, held []linkage.Enrolled) iter.Seq[abuse.Row] {
	return func(yield func(abuse.Row) bool) {
		for i := range held {
			e := &held[i]
			h := holding{generation: generation, tag: e.Kept.Tag, token: e.Kept.Token, kind: e.Kind, place: uint32(e.Place)}
			if !yield(h.row(e.Ref)) {
				return
			}
		}
	}
}

// pageRows gives the lists of tags, page by page.
func pageRows(generation uint64, all iter.Seq[linkage.Enrolled]) iter.Seq[abuse.Row] {
	return func(yield func(abuse.Row) bool) {
		var tag [16]byte
		var items [][]byte
		list := func() bool {
			pages := uint32((len(items) + pageItems - 1) / pageItems)
			for n := range pages {
				page := items[n*pageItems : min(len(items), int(n+1)*pageItems)]
				if !yield(abuse.Row{Key: pageKey(tagKey(generation, tag), n), Value: formPage(pagesIn(n, pages), page)}) {
					return false
				}
			}
			items = items[:0]
			return true
		}
		for e := range all {
			if e.Kept.Tag != tag && !list() {
				return
			}
			tag = e.Kept.Tag
			one := enrolment{account: e.Ref, kind: e.Kind, place: uint32(e.Place), value: e.Kept.Value}
			items = append(items, one.item())
		}
		list()
	}
}
