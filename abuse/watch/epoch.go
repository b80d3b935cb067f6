package watch

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/abuse"
)

// Eras end when a newer one has taken their place: first the keys are erased, with which all that was
// stored under them is noise, then the rows are dropped, in slices. What a crash leaves of that is
// finished when a receiver is made.

const dropSlice = 500 // rows in one Update

// turn ends the eras whose place newer ones have taken: those whose epoch is over, or the same as
// that of the newer one, when the newer one has all that was said and no check is owed that was
// before it had. Then no signal is lost, and none withdrawn that the newer one has; and sign-ups,
// which are enrolled under the newer one by then, do not put it off. What becomes of them then is for drop.
func (r *Receiver) turn(ctx context.Context, active []*course, drop func(context.Context, era) error) error {
	now, ok := r.cfg.Agreement.Epoch(r.cfg.Clock())
	if len(active) < 2 || !ok {
		return nil
	}
	newest := active[len(active)-1]
	var old []*course
	for _, c := range active[:len(active)-1] {
		if c.epoch < now || c.epoch == newest.epoch {
			old = append(old, c)
		}
	}
	if len(old) == 0 || newest.epoch > now {
		return nil
	}
	ready := false
	may := func(rd abuse.Reader) error {
		ready = false
		c, ok, err := cursorOf(rd, newest.number)
		if err != nil || !ok || !c.complete || c.at.record != 0 {
			return err
		}
		if newest.complete.IsZero() {
			newest.complete = r.cfg.Clock()
		}
		owed, err := r.owed(rd, newest.complete)
		ready = err == nil && !owed
		return err
	}
	// Mostly it is too early, and then nobody is kept from writing.
	if err := r.cfg.Store.View(ctx, may); err != nil || !ready {
		return err
	}
	err := r.cfg.Store.Update(ctx, func(w abuse.Writer) error {
		if err := may(w); err != nil || !ready {
			return err
		}
		for _, o := range old {
			e := o.era
			if err := retire(w, e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || !ready {
		return err
	}
	r.tel.log.InfoContext(ctx, "hueandcry.base", "epoch", newest.epoch, "retired", len(old))
	var failed []error
	for _, o := range old {
		failed = append(failed, drop(ctx, o.era))
	}
	r.cfg.Decider.rouse()
	_, err = r.active(ctx)
	return errors.Join(append(failed, err)...)
}

// owed says whether checks are owed since some time or before. One that has failed very often does
// not count: a callback that is broken for one account must not keep old keys alive.
func (r *Receiver) owed(rd abuse.Reader, since time.Time) (bool, error) {
	err := scanAll(rd, abuse.Rechecks, r.link[:], func(row abuse.Row) error {
		c, err := parseRecheck(row.Value)
		if err == nil && c.attempts < recheckBlocked && !c.since.After(since) {
			err = errOwed
		}
		return err
	})
	if errors.Is(err, errOwed) {
		return true, nil
	}
	return false, err
}

var errOwed = errors.New("watch: a check is owed") // ends the scan

// retire ends an era. Without its cursor nothing is taken in any more.
func retire(w abuse.Writer, e era) error {
	e.status = eraRetired
	row := e.row()
	if err := w.Put(abuse.Generations, row.Key, row.Value); err != nil {
		return err
	}
	return w.Delete(abuse.Cursors, cursorKey(e.number))
}

// abandon drops a base that was not enrolled to its end.
func (r *Receiver) abandon(ctx context.Context, e era) error {
	if err := r.cfg.Store.Update(ctx, func(w abuse.Writer) error { return retire(w, e) }); err != nil {
		return err
	}
	return r.drop(ctx, e)
}

// finish drops what is left of eras that have retired, and what others have left that died or failed, in a
// process that lives. A base that nobody
// enrols any more keeps every check owed, and so the keys of old epochs alive. Whether somebody does the
// locks in the vault's folder say alone: where there are none, and of a base that this folder has no
// sign of, that is left to [NewReceiver].
func (r *Receiver) finish(ctx context.Context) error {
	var all []era
	if err := r.cfg.Store.View(ctx, func(rd abuse.Reader) (err error) {
		all, err = eras(rd, r.link)
		return err
	}); err != nil {
		return err
	}
	var failed []error
	for _, e := range all {
		if e.status == eraRetired || flocks && e.status == eraBuilding && r.cfg.Vault.knows(r.keyName(e.number)) {
			dropped, err := r.dropDead(ctx, e)
			if failed = append(failed, err); dropped {
				r.cfg.Decider.rouse() // of what was known by it alone
			}
		}
	}
	return errors.Join(failed...)
}

// clean finishes, in a process that starts, what an earlier one left, and leaves alone what another is
// at. Keys of no era are erased as well: of one whose era was never written, or whose last row was
// dropped right before a crash.
func (r *Receiver) clean(ctx context.Context) error {
	// Names first: an era is written before its keys are, so that a key that is listed has its era, if any.
	names, err := r.cfg.Vault.Names(r.keyPrefix())
	if err != nil {
		return err
	}
	var all []era
	if err := r.cfg.Store.View(ctx, func(rd abuse.Reader) (err error) {
		all, err = eras(rd, r.link)
		return err
	}); err != nil {
		return err
	}
	known := map[uint64]bool{}
	for _, e := range all {
		switch e.status {
		case eraActive:
			for slot := range e.slots {
				known[e.number+uint64(slot)] = true
			}
		case eraBuilding:
			dropped, err := r.dropDead(ctx, e)
			if err != nil {
				return err
			}
			for slot := 0; slot < e.slots && !dropped; slot++ {
				known[e.number+uint64(slot)] = true
			}
		default:
			if err := r.dropRetired(ctx, e); err != nil {
				return err
			}
		}
	}
	for _, name := range names {
		n, err := strconv.ParseUint(strings.TrimPrefix(name, r.keyPrefix()), 10, 64)
		if err == nil && !known[n] {
			if err := r.cfg.Vault.Erase(name); err != nil {
				return err
			}
		}
	}
	return nil
}

// dropDead drops a base that was not enrolled to its end, or the rest of an era that has retired, unless
// a process is still at it, or has come to the end of the base meanwhile.
func (r *Receiver) dropDead(ctx context.Context, e era) (dropped bool, err error) {
	h, err := r.cfg.Vault.hold(r.keyName(e.number))
	if err != nil || h == nil {
		return false, err
	}
	if e.status == eraBuilding {
		dropped, err = r.dropUnfinished(ctx, e)
	} else {
		dropped, err = true, r.drop(ctx, e)
	}
	if err != nil {
		h.leave()
		return false, err
	}
	h.release()
	return dropped, nil
}

// dropUnfinished drops a base that nobody is at any more, unless it has come to its end meanwhile.
func (r *Receiver) dropUnfinished(ctx context.Context, e era) (dropped bool, err error) {
	building := e.row()
	if err := r.cfg.Store.Update(ctx, func(w abuse.Writer) error {
		have, err := get(w, abuse.Generations, building.Key)
		if dropped = err == nil && bytes.Equal(have, building.Value); !dropped {
			return err
		}
		return retire(w, e)
	}); err != nil || !dropped {
		return false, err
	}
	return true, r.drop(ctx, e)
}

// dropRetired drops an era that has retired, while others leave that alone if they can be told to.
func (r *Receiver) dropRetired(ctx context.Context, e era) error {
	if h, err := r.cfg.Vault.hold(r.keyName(e.number)); err == nil {
		defer h.release()
	}
	return r.drop(ctx, e)
}

// dropLater erases the keys of an era that has retired, and leaves its rows, of which there may be very
// many, to housekeep: intake has the newer feed to follow meanwhile.
func (r *Receiver) dropLater(_ context.Context, e era) error {
	select {
	case r.retired <- struct{}{}:
	default:
	}
	return r.erase(e)
}

// erase erases the keys of an era.
func (r *Receiver) erase(e era) error {
	for slot := range e.slots {
		if err := r.cfg.Vault.Erase(r.keyName(e.number + uint64(slot))); err != nil {
			return err
		}
	}
	return nil
}

// drop erases the keys of a retired era and drops its rows. It may be done again.
func (r *Receiver) drop(ctx context.Context, e era) error {
	if err := r.erase(e); err != nil {
		return err
	}
	// A row that is damaged must not keep a process from starting, nor what is left of the era in the
	// store: a match stays for whoever can mend it, and has nothing that opens any more.
	unread := map[string]bool{}
	skip := func(f func(abuse.Writer, *ledger, abuse.Row) error) func(abuse.Writer, *ledger, abuse.Row) error {
		return func(w abuse.Writer, l *ledger, row abuse.Row) error {
			err := f(w, l, row)
			if errors.Is(err, abuse.ErrStoreDamaged) {
				unread[string(row.Key)], err = true, nil
			}
			return err
		}
	}
	if err := r.slices(ctx, abuse.Matches, nil, skip(func(_ abuse.Writer, l *ledger, row abuse.Row) error {
		return l.forget(row, e)
	})); err != nil {
		return err
	}
	for slot := range e.slots {
		if err := r.slices(ctx, abuse.Enrolments, be64(e.number+uint64(slot)), skip(dropEnrolment)); err != nil {
			return err
		}
	}
	last := e.number + uint64(e.slots) - 1
	plain := func(t abuse.Table) func(abuse.Writer, *ledger, abuse.Row) error {
		return func(w abuse.Writer, _ *ledger, row abuse.Row) error { return w.Delete(t, row.Key) }
	}
	logs := (&course{era: e}).logs()
	for _, d := range []struct {
		table  abuse.Table
		prefix []byte
	}{{abuse.Generations, headsKey(e.number)}, {abuse.Generations, headsKey(last)}, {abuse.Kept, be64(e.number)}, {abuse.Aliases, be64(e.number)}, {abuse.Generations, logs}} {
		if err := r.slices(ctx, d.table, d.prefix, plain(d.table)); err != nil {
			return err
		}
	}
	if len(unread) > 0 {
		r.tel.alarm(ctx, AlarmRowDamaged, r.cfg.Clock(), int64(len(unread)))
	}
	return r.cfg.Store.Update(ctx, func(w abuse.Writer) error { return w.Delete(abuse.Generations, e.row().Key) })
}

// slices gives every row with the prefix to f, a slice in each Update. A prefix of nil is the table.
func (r *Receiver) slices(ctx context.Context, t abuse.Table, prefix []byte, f func(abuse.Writer, *ledger, abuse.Row) error) error {
	from := prefix
	var to []byte
	if prefix != nil {
		to = after(prefix)
	}
	for {
		var last []byte
		err := r.cfg.Store.Update(ctx, func(w abuse.Writer) error {
			rows, err := w.Scan(t, from, to, dropSlice)
			if err != nil {
				return err
			}
			last = nil
			l := newLedger(w)
			for _, row := range rows {
				if err := f(w, l, row); err != nil {
					return err
				}
				last = row.Key
			}
			if len(rows) < dropSlice {
				last = nil
			}
			return l.write()
		})
		if err != nil || last == nil {
			return err
		}
		from = append(append([]byte(nil), last...), 0)
	}
}

// forget takes out of a match what it has of an era. What nothing more can be heard of, and of which
// nothing is to be told, goes altogether.
func (l *ledger) forget(row abuse.Row, e era) error {
	account, rest, ok := splitAccount(row.Key)
	if !ok || len(rest) != 32 {
		return damaged("match")
	}
	link, signal := uuid.UUID(rest[:16]), uuid.UUID(rest[16:])
	if link != e.link {
		return nil
	}
	known, err := l.match(account, link, signal)
	if err != nil {
		return err
	}
	if known.forget(e); known.live() || known.toldLive || len(known.names) > 0 {
		return nil
	}
	if err := l.w.Delete(abuse.Matches, row.Key); err != nil {
		return err
	}
	known.state = 0 // and is not written again
	if known.until == 0 {
		return nil
	}
	return l.w.Delete(abuse.Expiries, expiryKey(known.until, account, link, signal))
}

func (m *match) forget(e era) {
	grounds, names := m.grounds[:0], m.names[:0]
	for _, g := range m.grounds {
		if g.generation < e.number || g.generation >= e.number+uint64(e.slots) {
			grounds = append(grounds, g)
		}
	}
	for _, n := range m.names {
		if n.era != e.number {
			names = append(names, n)
		}
	}
	m.grounds, m.names = grounds, names
}

// dropEnrolment drops a page of a tag, and the holdings of those on it. Of one that cannot be read these stay.
func dropEnrolment(w abuse.Writer, _ *ledger, row abuse.Row) error {
	_, items, err := parsePage(row.Value)
	if errors.Is(err, abuse.ErrStoreVersion) {
		return err
	}
	if derr := w.Delete(abuse.Enrolments, row.Key); derr != nil || err != nil {
		return errors.Join(derr, err)
	}
	if len(row.Key) != 8+16+4 {
		return damaged("enrolment")
	}
	k := newRow(append([]byte{rowVersion}, row.Key...))
	generation, tag := k.u64(), k.id()
	for _, item := range items {
		e, err := parseEnrolment(item)
		if err != nil {
			return err
		}
		if err := w.Delete(abuse.Holdings, holdingKey(e.account, generation, tag)); err != nil {
			return err
		}
	}
	return nil
}
