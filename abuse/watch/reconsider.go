package watch

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/abuse"
)

const reconsiderRun = 500 // accounts that are marked in one Update

// Reconsider says that something has changed that only the caller can know: how many accounts hold an
// identifier, or whether it is verified; the service's own reports; the rules; a person's ruling or a
// step that has ended; a cap that has room again. When it returns nil that is stored, and the next
// Step decides on these accounts anew, as it does when a match has changed: under Settle the decision
// is bounded, charged and undone like any other.
//
// It is recorded, and told by an [Event] with [Reconsidered], only where it comes to something else
// than what stands: another step, scope, rule, end or other signals. A later end alone is no reason,
// as long as the signals, the holdings, the own reports and the rules are as they were: a step for
// seven days is not drawn out by asking every day. One that has ended begins again.
//
// An account without a match costs one look, and nothing is kept of it: where all are meant, as after new
// rules, hand over those that [Decider.Matched] gives. An error is that of a
// reference without 1 to [MaxAccount] bytes, and then none is marked, or the store's, and then some may be.
func (d *Decider) Reconsider(ctx context.Context, accounts ...string) error {
	for _, account := range accounts {
		if !validAccount(account) {
			return errAccount
		}
	}
	for run := range slices.Chunk(accounts, reconsiderRun) {
		var some []string
		err := d.cfg.Store.View(ctx, func(r abuse.Reader) error {
			some = nil
			for _, account := range run {
				prefix := accountKey(account)
				rows, err := r.Scan(abuse.Matches, prefix, after(prefix), 1)
				if err != nil {
					return err
				}
				if len(rows) > 0 {
					some = append(some, account)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		if len(some) == 0 {
			continue
		}
		err = d.cfg.Store.Update(ctx, func(w abuse.Writer) error {
			for _, account := range some {
				// What the decider has asked the caller before this is not used after it.
				u := undecided{stamp: rand.Uint64()}
				if err := w.Put(abuse.Undecided, againKey(account), u.value()); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		d.rouse()
	}
	return nil
}

// Matched gives accounts that have matches, of whatever partner, also such as were withdrawn or have run
// out but may be heard of again: a page of at most limit, in an order of its own, and those alone that
// come after an account in it, which need not have a match any more; "" is before all. After the last there
// are none, nor with a limit below 1. So they are walked over, from wherever an earlier process has come to:
//
//	for last := ""; ; {
//		page, err := d.Matched(ctx, last, 500)
//		if err == nil {
//			err = d.Reconsider(ctx, page...)
//		}
//		if err != nil || len(page) == 0 {
//			return err
//		}
//		last = page[len(page)-1]
//	}
//
// Who comes to have a match meanwhile may be on no page: he is decided on for that. Errors are the
// store's, or that of a reference with more than [MaxAccount] bytes.
func (d *Decider) Matched(ctx context.Context, after string, limit int) (accounts []string, err error) {
	if len(after) > MaxAccount {
		return nil, errAccount
	}
	err = d.cfg.Store.View(ctx, func(r abuse.Reader) error {
		accounts = nil
		from := past(after)
		for len(accounts) < limit {
			n := min(limit-len(accounts), matchedSlice)
			rows, err := r.Scan(abuse.Matches, from, nil, n)
			if err != nil {
				return err
			}
			for _, row := range rows {
				account, _, ok := splitAccount(row.Key)
				if !ok {
					return damaged("match")
				}
				if len(accounts) == 0 || accounts[len(accounts)-1] != account {
					accounts = append(accounts, account)
				}
			}
			if len(rows) < n {
				return nil
			}
			from = past(accounts[len(accounts)-1]) // however many matches it has
		}
		return nil
	})
	return accounts, err
}

const matchedSlice = 256 // matches that are read at once

// past is the key after all of an account's.
func past(account string) []byte { return after(accountKey(account)) }

// reconsider decides on an account anew within an Update, and records that if it comes to something
// else. Where a match has changed meanwhile, that is decided on first.
func (d *Decider) reconsider(w abuse.Writer, c *candidate) (v verdict, err error) {
	now, err := d.now(w, c.account)
	if err != nil {
		return v, err
	}
	x, err := d.weigh(newLedger(w), c.account, c.facts, now)
	if err != nil || x.changed {
		return v, err
	}
	drop := func() error { return w.Delete(abuse.Undecided, c.key) }
	if len(x.matches) == 0 {
		return v, drop()
	}
	last, err := lastDecision(w, c.account)
	if err != nil {
		return v, err
	}
	var fresh, standing abuse.Decision
	kept := newDraft(w) // Settle's rows hold if and only if the decision is recorded
	if d.cfg.Settle == nil {
		fresh, standing = d.cfg.Decide(x.evidence, now), last
	} else {
		if standing, err = d.cfg.Settle(w, x.evidence, now, false); err != nil {
			return v, err
		}
		if fresh, err = d.cfg.Settle(kept, x.evidence, now, true); err != nil {
			return v, err
		}
	}
	other, err := differs(fresh, last, standing, now)
	if err != nil || !other {
		if err == nil {
			err = drop()
		}
		return v, err
	}
	if err := kept.apply(); err != nil {
		return v, err
	}
	e := Event{Account: c.account, Change: Reconsidered, At: now, Decision: fresh.ID}
	e.ID = e.name()
	v = verdict{decision: fresh, matched: x.live, events: []Event{e}}
	if err := record(w, c.account, now, &v); err != nil {
		return verdict{}, err
	}
	return v, drop()
}

// lastDecision is the last one on an account, or the zero Decision.
func lastDecision(r abuse.Reader, account string) (last abuse.Decision, err error) {
	prefix := accountKey(account)
	rows, err := r.Scan(abuse.Decisions, prefix, after(prefix), 1)
	if err == nil && len(rows) > 0 && json.Unmarshal(rows[0].Value, &last) != nil {
		err = damaged("decision")
	}
	return last, err
}

// differs says whether a fresh decision comes to something else than the last one that was recorded,
// or than what stands.
func differs(fresh, last, standing abuse.Decision, now time.Time) (bool, error) {
	body, err := fresh.MarshalJSON() // in the form of those that it is compared with
	if err != nil || json.Unmarshal(body, &fresh) != nil {
		return true, err
	}
	same := sameFacts(&fresh, &last)
	is, was, stands := stepOf(&fresh, now), stepOf(&last, now), stepOf(&standing, now)
	switch {
	case is.differs(was, same), is.differs(stands, same), is.action != abuse.None && fresh.Reviewer != standing.Reviewer:
		return true, nil
	case last.Reviewer == "" && proposed(&fresh) != proposed(&last):
		return true, nil
	case is.action != abuse.None && fresh.Reviewer == "" && !sameSignals(&fresh, &last):
		return true, nil
	}
	// A person's word hides what lies beneath it, and that may have become another.
	return fresh.Reviewer != "" && !same, nil
}

// step is what a decision puts in force.
type step struct {
	action abuse.Action
	scope  abuse.Scope
	rule   string
	until  time.Time
}

func acts(m abuse.Mode) bool { return m == abuse.Live || m == abuse.Backtest }

func stepOf(d *abuse.Decision, now time.Time) step {
	if !acts(d.Mode) || d.Action <= abuse.None || !d.Until.IsZero() && !now.Before(d.Until) {
		return step{action: abuse.None}
	}
	return step{d.Action, d.Scope, d.Rule, d.Until}
}

// differs says whether a step is another than one before; with the same facts it may end later.
func (s step) differs(was step, same bool) bool {
	later := !was.until.IsZero() && (s.until.IsZero() || s.until.After(was.until))
	ends := s.until.Equal(was.until) || same && later && !s.until.IsZero()
	return s.action != was.action || s.scope != was.scope || s.rule != was.rule || !ends
}

// proposed is the harshest step that the rules came to, and that is not carried out.
func proposed(d *abuse.Decision) (most abuse.Action) {
	if !acts(d.Mode) {
		most = d.Action
	}
	for _, b := range d.Bounds {
		most = max(most, b.Proposed)
	}
	return max(most, abuse.None)
}

func sameSignals(a, b *abuse.Decision) bool {
	return slices.Equal(sorted(a.Signals), sorted(b.Signals))
}

func sorted(ids []uuid.UUID) []uuid.UUID {
	return slices.SortedFunc(slices.Values(ids), func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
}

// sameFacts says whether two decisions, as they are stored, rest on the same rules, signals, holdings
// and own reports.
func sameFacts(a, b *abuse.Decision) bool {
	rests := func(d *abuse.Decision) []any {
		all := []any{d.PolicyHash, d.Explanation.Own, d.Explanation.Unreadable}
		for _, h := range d.Explanation.Holdings {
			all = append(all, h)
		}
		for i := range d.Explanation.Signals {
			s := &d.Explanation.Signals[i]
			all = append(all, s.From, s.Signal.ID, s.Signal.Revision, s.Kinds, s.Places)
		}
		return all
	}
	return reflect.DeepEqual(rests(a), rests(b))
}
