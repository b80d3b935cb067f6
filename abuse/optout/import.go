package optout

import (
	"context"
	"slices"
	"time"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/linkage"
)

// importSkew is how far the clocks of two registers may be apart: of two choices that are nearer to each
// other nobody knows which came first.
const importSkew = 5 * time.Minute

// Import merges accounts into the register, such as a copy of it or another one's; each change is told to
// those who follow. It never opts anybody back in against a choice that may be newer. About the exchange, and
// about each purpose by itself:
//
//   - of two choices the newer one stands, where both have a time (Since, or Chosen) and these are more than
//     five minutes apart;
//   - otherwise (one of them has no time, or the clocks of two hosts may explain the difference) the one that
//     keeps more from being shared stands;
//   - a time more than five minutes ahead of this register's clock, in a row or here, is taken for none;
//   - a purpose that a row says nothing about, and an account without a row, stay as they are.
//
// So accounts can come in parts, in any order, again and with an old copy among them. What comes without a time and opts
// out is taken to be of now, than which it is not later; what comes without one and opts in changes nothing. An
// Effective further away than a grace can be is brought nearer, so that no row keeps a user from leaving.
//
// After an error some are there; again is no harm. Invalid ones are an [*abuse.Error], before anything is written.
func (b *Book) Import(ctx context.Context, all []Listed) error { return b.bring(ctx, all, false) }

// Replace puts accounts in the place of what the register has of them, whichever is newer: a user who has opted
// out since is opted back in. It is for an empty register, for a file without times that is the whole truth, and for putting right
// what an import has got wrong. Otherwise it is as [Book.Import].
func (b *Book) Replace(ctx context.Context, all []Listed) error { return b.bring(ctx, all, true) }

func (b *Book) bring(ctx context.Context, all []Listed, replace bool) error {
	for _, l := range all {
		if err := checkListed(l); err != nil {
			return err
		}
	}
	for run := range slices.Chunk(all, bookRun) {
		err := b.store.Update(ctx, func(w abuse.Writer) error {
			now := b.now()
			for _, l := range run {
				was, err := b.settle(w, l.Account, now)
				if err != nil {
					return err
				}
				m := merge{b, w, l.Account, now, replace}
				s, was := l.State.believed(now), was.passed(now)
				for p := linkage.Purpose(1); p.Valid(); p++ {
					if p.OptOutApplies() {
						err = m.purpose(p, &was, &s)
					}
					if err != nil {
						return err
					}
				}
				if err := m.participation(&was, &s); err != nil {
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

func checkListed(l Listed) error {
	s := l.State
	if err := checkAccount(l.Account); err != nil {
		return err
	}
	if s.Participation < In || s.Participation > Out || (s.Participation == In) != s.Effective.IsZero() {
		return &abuse.Error{Field: "opt-out state", Problem: "must be one, with a time if the user is out or has begun to be"}
	}
	for p, at := range s.Chosen {
		if !p.Valid() || !p.OptOutApplies() || !validTime(at.UTC()) {
			return &abuse.Error{Field: "opt-out state", Problem: "must have chosen about purposes that users can opt out of, in whole seconds after 1970"}
		}
	}
	for i, p := range s.OptedOut {
		if !p.Valid() || !p.OptOutApplies() || slices.Contains(s.OptedOut[:i], p) {
			return &abuse.Error{Field: "opt-out state", Problem: "must hold purposes that users can opt out of, each once"}
		}
	}
	return nil
}

// believed is a row as far as a register can believe it at a time.
func (s State) believed(now time.Time) State {
	s = s.at(now)
	latest := now.Add(maxGrace)
	if s.Participation == Out {
		latest = now
	}
	if s.Effective.After(latest) {
		s.Effective = latest
	}
	return s.passed(now)
}

// passed is a state without times that have not come yet: also of the register's own, whose clock may have
// been ahead.
func (s State) passed(now time.Time) State {
	ahead := now.Add(importSkew)
	if s.Since.After(ahead) {
		s.Since = time.Time{}
	}
	chosen := map[linkage.Purpose]time.Time{}
	for p, at := range s.Chosen {
		if !at.After(ahead) {
			chosen[p] = at.UTC()
		}
	}
	s.Chosen = chosen
	return s
}

// merge is the work on one account that is imported.
type merge struct {
	book    *Book
	w       abuse.Writer
	account string
	now     time.Time
	replace bool
}

func (m *merge) tell(step Step, p linkage.Purpose, effective time.Time) error {
	return m.book.tell(m.w, Change{Account: m.account, Step: step, Purpose: p, At: m.now, Effective: effective})
}

// stands says whether a row's choice stands against the register's: at and was are their times, and
// stricter says whether the row's keeps more from being shared.
func (m *merge) stands(at, was time.Time, stricter bool) bool {
	switch {
	case m.replace:
		return true
	case at.IsZero() || was.IsZero() || at.Sub(was).Abs() <= importSkew:
		return stricter
	}
	return at.After(was)
}

// purpose merges what the row s says of a purpose.
func (m *merge) purpose(p linkage.Purpose, was, s *State) error {
	has, wants := slices.Contains(was.OptedOut, p), slices.Contains(s.OptedOut, p)
	before, at := was.Chosen[p], s.Chosen[p]
	if has == wants {
		// Both say the same: then it was said at the later time. An opting out of which nobody knows when
		// may be later than either.
		if at.IsZero() || has && before.IsZero() && !m.replace || !at.After(before) && !m.replace {
			return nil
		}
		return putChosen(m.w, m.account, p, at)
	}
	if !m.stands(at, before, wants) {
		return nil
	}
	var err error
	switch {
	case !at.IsZero():
		err = putChosen(m.w, m.account, p, at)
	case wants:
		err = putChosen(m.w, m.account, p, m.now)
	default: // a time that is made up must not win at another place
		err = m.w.Delete(abuse.OptOuts, purposeKey(m.account, p|chosenBit))
	}
	if err != nil {
		return err
	}
	if wants {
		if err := m.w.Put(abuse.OptOuts, purposeKey(m.account, p), []byte{version}); err != nil {
			return err
		}
		return m.tell(PurposeOut, p, time.Time{})
	}
	if err := m.w.Delete(abuse.OptOuts, purposeKey(m.account, p)); err != nil {
		return err
	}
	return m.tell(PurposeIn, p, time.Time{})
}

// stricter says whether a state keeps more from being shared than another: out is, and sooner.
func (s *State) stricter(than *State) bool {
	return s.Participation != In && (than.Participation == In || s.Effective.Before(than.Effective))
}

// participation merges what the row s says of the exchange.
func (m *merge) participation(was, s *State) error {
	is := State{Participation: s.Participation, Since: s.Since, Effective: s.Effective}
	same := is.Participation == was.Participation && is.Effective.Equal(was.Effective)
	if same {
		if is.Since.IsZero() || was.Participation != In && was.Since.IsZero() && !m.replace || !is.Since.After(was.Since) && !m.replace {
			return nil
		}
		return m.book.putState(m.w, m.account, is)
	}
	if !m.stands(is.Since, was.Since, is.stricter(was)) {
		return nil
	}
	if is.Since.IsZero() && is.Participation != In {
		is.Since = m.now
	}
	if was.Participation == OutInitiated {
		if err := m.w.Delete(abuse.OptOuts, dueKey(was.Effective, m.account)); err != nil {
			return err
		}
	}
	if err := m.book.putState(m.w, m.account, is); err != nil {
		return err
	}
	if was.Participation == Out && is.Participation == Out {
		return nil // he is out as before
	}
	return m.tell(map[Participation]Step{In: OptIn, OutInitiated: Initiated, Out: Effective}[is.Participation], 0, is.Effective)
}
