package watch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/linkage"
)

const (
	outboxSlice = 200 // changes that are handed on between two Updates
	laterSlice  = 16  // later decisions that are read at a time
	// A decision that this process has committed no longer ago than that is handed on as it is. Any
	// other may have been overtaken, by a person's for instance, and the store is asked.
	justMade = time.Second
)

// parcel is a change to be handed on.
type parcel struct {
	Event
	key  []byte
	body uuid.UUID // the decision that Body is
	made time.Time // when this process has committed the event's decision; zero: it has not
	err  error     // why it cannot be handed on
}

func (p *parcel) justMade() bool { return time.Since(p.made) < justMade }

// deliver goes once through the outbox. Of an account whose change was not taken, or cannot be read,
// the later ones wait; other accounts do not.
func (d *Decider) deliver(ctx context.Context, said *bodies) (handed int, err error) {
	var failed []error
	var from []byte
	stuck := "" // no account's name
	l := overtakers{all: map[string]*overtaker{}}
	for {
		var all []parcel
		err := d.cfg.Store.View(ctx, func(r abuse.Reader) (err error) {
			all, err = outbox(r, from, said, &l)
			return err
		})
		if err != nil || len(all) == 0 {
			return handed, errors.Join(append(failed, err)...)
		}
		var done []parcel
		for _, p := range all {
			if p.Account == stuck {
				continue
			}
			if ctx.Err() != nil {
				break
			}
			err := p.err
			if err == nil {
				if err = d.cfg.Deliver(ctx, p.Event); err != nil {
					err = fmt.Errorf("watch: a change was not taken: %w", err)
				}
			}
			if err != nil {
				failed, stuck = keep(failed, err), p.Account
				continue
			}
			done = append(done, p)
		}
		n, unread, err := d.handed(ctx, done, &l)
		failed = keep(failed, unread...)
		if err != nil {
			return handed, errors.Join(append(failed, err)...)
		}
		handed += n
		if ctx.Err() != nil {
			return handed, errors.Join(append(failed, context.Cause(ctx))...)
		}
		if len(all) < outboxSlice {
			return handed, errors.Join(failed...)
		}
		last := &all[len(all)-1]
		if from = append(bytes.Clone(last.key), 0); last.Account == stuck {
			from = after(accountKey(stuck))
		}
		l.keep(last.Account)
	}
}

// errorsKept is how many errors of one pass are kept: what fails for one account may fail for a million.
const errorsKept = 100

func keep(failed []error, more ...error) []error {
	for _, err := range more {
		if err != nil && len(failed) < errorsKept {
			failed = append(failed, err)
		}
	}
	return failed
}

// isolated says whether an error may be about one account's rows alone, as where a later version has
// written them: others need not wait.
func isolated(err error) bool {
	return errors.Is(err, abuse.ErrStoreDamaged) || errors.Is(err, abuse.ErrStoreVersion)
}

// handed puts down that changes were taken, and gives how many. Where a later decision was recorded
// while an older one was on its way, and may have come in front of it, the change stays, to be handed
// on once more with the later one. So does one of an account whose decisions cannot be read, and
// unread says why.
func (d *Decider) handed(ctx context.Context, done []parcel, l *overtakers) (n int, unread []error, err error) {
	if len(done) == 0 {
		return 0, nil, nil
	}
	err = d.cfg.Store.Update(ctx, func(w abuse.Writer) error {
		n, unread = 0, nil
		stays := ""
		l.begin()
		for i := range done {
			p := &done[i]
			if p.Account == stays {
				continue
			}
			if !p.justMade() {
				last, err := l.of(w, &p.Event)
				if err != nil && !isolated(err) {
					return err
				}
				if err != nil {
					unread = append(unread, err)
				}
				if err != nil || last != nil && last.id != p.body {
					stays = p.Account
					continue
				}
			}
			if err := w.Delete(abuse.Outbox, p.key); err != nil {
				return err
			}
			n++
		}
		return nil
	})
	if err != nil {
		return 0, nil, err
	}
	if n < len(done) {
		d.rouse()
	}
	return n, unread, nil
}

// outbox reads a slice of what is to be handed on, each change with the decision to carry out, or with
// an error that is isolated: then what follows of the account is left without.
func outbox(r abuse.Reader, from []byte, said *bodies, l *overtakers) (all []parcel, err error) {
	rows, err := r.Scan(abuse.Outbox, from, nil, outboxSlice)
	if err != nil {
		return nil, err
	}
	var asked [][]byte
	var whose []int
	bad := ""
	l.begin()
	for _, row := range rows {
		e, err := parseEvent(row)
		if e.Account == "" {
			return nil, damaged("event")
		}
		p := parcel{Event: e, key: row.Key, body: e.Decision, err: err}
		if e.Account != bad && err == nil {
			key := decisionKey(e.Account, e.At, e.Decision)
			made := said.all[string(key)]
			if p.Body, p.made = made.body, made.at; !p.justMade() {
				var last *overtaker
				if last, p.err = l.of(r, &e); last != nil {
					p.Body, p.body = last.body, last.id
				}
			}
			if p.err == nil && p.Body == nil {
				asked, whose = append(asked, key), append(whose, len(all))
			}
		}
		if p.err != nil {
			if !isolated(p.err) {
				return nil, p.err
			}
			bad = e.Account
		}
		all = append(all, p)
	}
	if len(asked) == 0 {
		return all, nil
	}
	found, err := r.Get(abuse.Decisions, asked...)
	if err != nil {
		return nil, err
	}
	for n, i := range whose {
		if all[i].Body = found[n]; found[n] == nil {
			all[i].err = damaged("decision")
		}
	}
	return all, nil
}

// overtakers are the last live decisions on the accounts of a slice of the outbox. Each is looked for
// once in a transaction, and again only among the decisions that have come since: however many changes
// of an account wait, each of its decisions is read once.
type overtakers struct {
	all   map[string]*overtaker
	round int // counts transactions
}

// overtaker is the last live decision on an account, of those later than some change. Keys of
// decisions are in the order of time, the last one first.
type overtaker struct {
	to    []byte // where the change's own decision is
	top   []byte // the last decision of all, when this was looked for
	round int
	key   []byte // nil: none is live
	id    uuid.UUID
	body  json.RawMessage
}

func (l *overtakers) begin() { l.round++ }

// keep forgets all accounts but one.
func (l *overtakers) keep(account string) {
	x := l.all[account]
	if clear(l.all); x != nil {
		l.all[account] = x
	}
}

// of gives the last live decision on the event's account that is later than the event's, nil if there
// is none. One in background says what would have been done, and takes the place of none.
func (l *overtakers) of(r abuse.Reader, e *Event) (*overtaker, error) {
	own := decisionKey(e.Account, e.At, e.Decision)
	x := l.all[e.Account]
	if x == nil || bytes.Compare(own, x.to) > 0 {
		x = &overtaker{to: own, top: own}
		l.all[e.Account] = x
	}
	if x.round != l.round {
		if err := x.look(r, e.Account); err != nil {
			return nil, err
		}
		x.round = l.round
	}
	if x.key == nil || bytes.Compare(x.key, own) >= 0 {
		return nil, nil
	}
	return x, nil
}

// look goes through the decisions that have come since the last look.
func (x *overtaker) look(r abuse.Reader, account string) error {
	top := x.top
	for from := accountKey(account); ; {
		rows, err := r.Scan(abuse.Decisions, from, x.top, laterSlice)
		if err != nil {
			return err
		}
		for _, row := range rows {
			var d struct {
				Mode abuse.Mode `json:"mode"`
			}
			_, id, err := parseDecisionKey(row.Key)
			if err != nil || json.Unmarshal(row.Value, &d) != nil {
				return damaged("decision")
			}
			if bytes.Compare(row.Key, top) < 0 {
				top = bytes.Clone(row.Key)
			}
			if acts(d.Mode) {
				x.top, x.key, x.id, x.body = top, row.Key, id, row.Value
				return nil
			}
		}
		if len(rows) < laterSlice {
			x.top = top
			return nil
		}
		from = append(bytes.Clone(rows[len(rows)-1].Key), 0)
	}
}

// Decisions gives what was decided on an account, the last one first, as JSON, at most limit.
func (d *Decider) Decisions(ctx context.Context, account string, limit int) (all []json.RawMessage, err error) {
	err = d.cfg.Store.View(ctx, func(r abuse.Reader) error {
		all = nil
		prefix := accountKey(account)
		rows, err := r.Scan(abuse.Decisions, prefix, after(prefix), limit)
		for _, row := range rows {
			all = append(all, row.Value)
		}
		return err
	})
	return all, err
}

// plain gives what may be logged of an error: its text only where this library has made it, for a
// callback's may name an account.
func plain(err error) string {
	var store *abuse.StoreError
	var remote *RemoteError
	var problem Problem
	var over *RemoteLimitError
	var session *linkage.Error
	switch {
	case errors.As(err, &store):
		return store.Error()
	case errors.As(err, &remote):
		return remote.Error()
	case errors.As(err, &problem):
		return problem.Error()
	case errors.As(err, &over):
		return over.Error()
	}
	for _, known := range own {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	switch {
	case errors.As(err, &session):
		return session.Code.Error() // what is beside it may be of a callback
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return "context ended"
	}
	return "callback failed"
}

// own are the errors of this package that name nobody.
var own = []error{
	ErrPartnerDown, ErrNotOpen, ErrClockAhead, ErrBatchAhead, ErrOtherKey, ErrVault, ErrVaultVersion, errBatch, errDisputed,
	errPace, errShare, errHeld, errDropped, errCursor, errBehind, errOutrun, errFeedsMoved, errNoFeed,
}
