package watch

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/abuse"
)

// A check that is owed is a row: the partner was down, or the account came or changed while a base
// was being prepared. It goes with the Update that makes up for it, and a crash before that leaves
// it. The row has the account's reference alone; the identifiers are asked for again.
//
// An account that the caller does not know is not forgotten at once: whoever signs up may be checked
// before the caller has stored him. That takes [Receiver.Remove], or goneAfter.
//
// rechecks: link ‖ account -> version ‖ BE32 attempts ‖ BE64 not before, seconds ‖ BE64 stamp ‖
// BE64 owed since, seconds ‖ BE64 first found gone, seconds; the zero time: it was not

const (
	recheckRun     = 64               // accounts in one Update
	recheckLater   = time.Minute      // when one is owed for a base that is not there yet
	recheckMost    = 10 * time.Minute // between tries where a callback fails
	recheckBlocked = 10               // tries after which it does not keep an epoch from ending
	recheckRefused = 3                // accounts that the day has no room for, before others are not tried
	goneAfter      = 6 * time.Hour    // how long an account may be gone before it is taken to be
)

type recheck struct {
	attempts  uint32
	notBefore time.Time
	stamp     uint64
	since     time.Time // it is owed, however often it was owed again
	gone      time.Time // the account was first found gone; zero: it was not
}

func (c *recheck) value() []byte {
	f := newFields(37)
	f.uint32(c.attempts)
	f.uint64(unixOf(c.notBefore))
	f.uint64(c.stamp)
	f.uint64(unixOf(c.since))
	f.uint64(unixOf(c.gone))
	return f
}

// parseRecheck reads a row. One that is damaged still says by its key who is owed a check: it counts as
// owed from the beginning, and goes when that is made. One of a newer version is an error.
func parseRecheck(value []byte) (c recheck, err error) {
	p := newRow(value)
	c.attempts, c.notBefore, c.stamp, c.since, c.gone = p.u32(), timeOf(p.u64()), p.u64(), timeOf(p.u64()), timeOf(p.u64())
	if err = p.end(); err != nil {
		c = recheck{}
	}
	if errors.Is(err, abuse.ErrStoreDamaged) {
		err = nil
	}
	return c, err
}

// owe stores that an account is to be checked, from a time on. Whether it was found gone before
// does not count any more.
func owe(w abuse.Writer, link uuid.UUID, account string, now, notBefore time.Time) (stamp []byte, err error) {
	c := recheck{notBefore: notBefore, stamp: rand.Uint64(), since: now}
	key := recheckKey(link, account)
	have, err := get(w, abuse.Rechecks, key)
	if err != nil {
		return nil, err
	}
	if have != nil {
		old, err := parseRecheck(have)
		if err != nil {
			return nil, err
		}
		c.since, c.attempts = old.since, old.attempts
	}
	stamp = c.value()
	return stamp, w.Put(abuse.Rechecks, key, stamp)
}

// outdated says whether the check that a subject is made up for is not that which is owed any more:
// another was made meanwhile, or the account removed, and what was asked for before says nothing.
func outdated(r abuse.Reader, link uuid.UUID, s *subject) (bool, error) {
	if s.stamp == nil {
		return false, nil
	}
	have, err := get(r, abuse.Rechecks, recheckKey(link, s.account))
	return !bytes.Equal(have, s.stamp), err
}

// settleRecheck takes the row away of a subject that was checked, for that or at sign-up, unless a
// check is still owed. So each check changes or takes away the row, and outdates whoever has read it.
func settleRecheck(w abuse.Writer, link uuid.UUID, s *subject, owing bool, now time.Time) error {
	key := recheckKey(link, s.account)
	have, err := get(w, abuse.Rechecks, key)
	switch {
	case err != nil:
		return err
	case owing:
		s.left, err = owe(w, link, s.account, now, now.Add(recheckLater))
		return err
	case have != nil:
		return w.Delete(abuse.Rechecks, key)
	}
	return nil
}

// Recheck makes up for the checks that are owed and due, and gives how many it has made. It stops
// where the partner is down. Matches are left to the decider.
func (r *Receiver) Recheck(ctx context.Context) (n int, err error) {
	var failed []error
	prefix := append([]byte(nil), r.link[:]...)
	from, to := prefix, after(prefix)
	for {
		var rows []abuse.Row
		if err := r.cfg.Store.View(ctx, func(rd abuse.Reader) (err error) {
			rows, err = rd.Scan(abuse.Rechecks, from, to, recheckRun)
			return err
		}); err != nil {
			return n, errors.Join(append(failed, err)...)
		}
		if len(rows) == 0 {
			return n, errors.Join(failed...)
		}
		from = append(rows[len(rows)-1].Key, 0)
		run, errs := r.due(ctx, rows)
		failed = keep(failed, errs...)
		done, err := r.recheckRun(ctx, run, new(int))
		n += done
		r.tel.rechecks.Add(ctx, int64(done), r.tel.set)
		if done > 0 {
			r.cfg.Decider.rouse()
		}
		failed = keep(failed, err)
		if down(err) || ctx.Err() != nil {
			return n, errors.Join(failed...)
		}
	}
}

// due asks the caller for the identifiers of accounts whose time has come.
func (r *Receiver) due(ctx context.Context, rows []abuse.Row) (run []*subject, failed []error) {
	now := r.cfg.Clock()
	for _, row := range rows {
		account, _, ok := splitAccount(row.Key[16:])
		c, err := parseRecheck(row.Value)
		if !ok {
			err = damaged("recheck")
		}
		if err != nil {
			failed = append(failed, err)
			continue
		}
		if c.notBefore.After(now) {
			continue
		}
		ids, err := r.cfg.Accounts.Identifiers(ctx, account)
		if errors.Is(err, ErrGone) {
			if err := r.foundGone(ctx, account, row, c); err != nil {
				failed = append(failed, err)
			}
			continue
		}
		c.gone = time.Time{}
		var s *subject
		if err == nil {
			s, err = r.subject(ctx, account, ids)
		}
		if err != nil {
			failed = append(failed, err, r.postpone(ctx, row, c))
			continue
		}
		s.stamp = row.Value
		run = append(run, s)
	}
	return run, failed
}

// foundGone forgets an account that has been gone for so long that the caller will not store it any
// more, or that was removed; any other is asked for again.
func (r *Receiver) foundGone(ctx context.Context, account string, row abuse.Row, c recheck) error {
	now := r.cfg.Clock()
	if c.gone.IsZero() {
		c.gone = now
	}
	if now.Sub(c.gone) >= goneAfter {
		return r.remove(ctx, account, row.Value)
	}
	return r.postpone(ctx, row, c)
}

// recheckRun enrols a run of accounts, and one by one if that fails for a reason that lies in one: that
// one is put off, or the partner would be asked about it all day.
func (r *Receiver) recheckRun(ctx context.Context, run []*subject, refused *int) (n int, err error) {
	if len(run) == 0 {
		return 0, nil
	}
	var store *abuse.StoreError
	err = r.enrolAll(ctx, run, true)
	if exhausted(err) {
		return r.recheckSome(ctx, run, refused, err)
	}
	switch {
	case err == nil:
		for _, s := range run {
			if !s.outdated {
				n++
			}
		}
		return n, nil
	case down(err) || errors.As(err, &store) && !isolated(err) || ctx.Err() != nil:
		return 0, err
	case len(run) == 1:
		return 0, errors.Join(err, r.putOff(ctx, run[0]))
	}
	var failed []error
	for i := range run {
		one, err := r.recheckRun(ctx, run[i:i+1], refused)
		n += one
		failed = append(failed, err)
	}
	return n, errors.Join(failed...)
}

// recheckSome goes on with less, where the day's budget has no room for a run. An account that has
// more than there is room for waits, and keeps neither others from their turn nor, for ever, an
// epoch from ending.
func (r *Receiver) recheckSome(ctx context.Context, run []*subject, refused *int, why error) (n int, err error) {
	run = slices.DeleteFunc(run, func(s *subject) bool { return s.outdated })
	if len(run) == 0 {
		return 0, why
	}
	if len(run) == 1 {
		*refused++
		return 0, errors.Join(why, r.putOff(ctx, run[0]))
	}
	half := len(run) / 2
	n, err = r.recheckRun(ctx, run[:half], refused)
	if err == nil || exhausted(err) && *refused < recheckRefused {
		more, also := r.recheckRun(ctx, run[half:], refused)
		n, err = n+more, errors.Join(err, also)
	}
	return n, err
}

// errShare says that checks that are owed have used what they may of a day.
var errShare = errors.New("watch: what is left of the day is for sign-ups")

// budgetShare is the budget row that counts what was asked for because it was owed.
const budgetShare = "owed"

// share takes from what checks that are owed may use of a day: three quarters of it, and where that
// is little, as much as one account may need. Below zero it gives back what the partner has refused.
func (r *Receiver) share(ctx context.Context, n int) error {
	day := r.cfg.Agreement.Limits.AdditionsPerDay
	s := spending{r.link, budgetShare, dayOf(r.cfg.Clock()), int64(n), max(day-day/4, min(day, maxIdentifiers)), true}
	var granted int64
	err := r.cfg.Store.Update(ctx, func(w abuse.Writer) (err error) {
		granted, _, err = spend(w, s)
		return err
	})
	if err == nil && n > 0 && granted == 0 {
		err = errShare
	}
	return err
}

// putOff postpones the check that a subject is made up for.
func (r *Receiver) putOff(ctx context.Context, s *subject) error {
	c, err := parseRecheck(s.stamp)
	if err != nil {
		return err
	}
	return r.postpone(ctx, abuse.Row{Key: recheckKey(r.link, s.account), Value: s.stamp}, c)
}

// postpone puts a check off, the longer the more often it has failed.
func (r *Receiver) postpone(ctx context.Context, row abuse.Row, c recheck) error {
	return r.cfg.Store.Update(ctx, func(w abuse.Writer) error {
		have, err := get(w, abuse.Rechecks, row.Key)
		if err != nil || !bytes.Equal(have, row.Value) {
			return err
		}
		later := c
		later.attempts++
		later.notBefore = r.cfg.Clock().Add(min(time.Second<<min(c.attempts, 20), recheckMost))
		return w.Put(abuse.Rechecks, row.Key, later.value())
	})
}
