package watch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/abuse"
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
}

func (p *parcel) justMade() bool { return time.Since(p.made) < justMade }

// deliver goes once through the outbox. Of an account whose change was not taken the later ones
// wait; other accounts do not.
func (d *Decider) deliver(ctx context.Context, said *bodies) (handed int, err error) {
	var failed []error
	var from []byte
	stuck := ""
	for {
		var all []parcel
		err := d.cfg.Store.View(ctx, func(r abuse.Reader) (err error) {
			all, err = outbox(r, from, said)
			return err
		})
		if err != nil || len(all) == 0 {
			return handed, errors.Join(append(failed, err)...)
		}
		from = append(append([]byte(nil), all[len(all)-1].key...), 0)
		var done []parcel
		for _, p := range all {
			if p.Account == stuck {
				continue
			}
			if ctx.Err() != nil {
				break
			}
			if err := d.cfg.Deliver(ctx, p.Event); err != nil {
				failed = append(failed, fmt.Errorf("watch: a change was not taken: %w", err))
				stuck = p.Account
				continue
			}
			done = append(done, p)
		}
		n, err := d.handed(ctx, done)
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
	}
}

// handed puts down that changes were taken, and gives how many. Where a later decision was recorded
// while an older one was on its way, and may have come in front of it, the change stays, to be handed
// on once more with the later one.
func (d *Decider) handed(ctx context.Context, done []parcel) (n int, err error) {
	if len(done) == 0 {
		return 0, nil
	}
	err = d.cfg.Store.Update(ctx, func(w abuse.Writer) error {
		n = 0
		stays := ""
		for i := range done {
			p := &done[i]
			if p.Account == stays {
				continue
			}
			if !p.justMade() {
				_, last, err := overtaking(w, &p.Event)
				if err != nil {
					return err
				}
				if last != uuid.Nil && last != p.body {
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
	if err == nil && n < len(done) {
		d.rouse()
	}
	return n, err
}

// outbox reads a slice of what is to be handed on, each change with the decision to carry out.
func outbox(r abuse.Reader, from []byte, said *bodies) (all []parcel, err error) {
	rows, err := r.Scan(abuse.Outbox, from, nil, outboxSlice)
	if err != nil {
		return nil, err
	}
	var asked [][]byte
	var whose []int
	for i, row := range rows {
		e, err := parseEvent(row)
		if err != nil {
			return nil, err
		}
		key := decisionKey(e.Account, e.At, e.Decision)
		made := said.all[string(key)]
		e.Body = made.body
		p := parcel{e, row.Key, e.Decision, made.at}
		if !p.justMade() {
			last, id, err := overtaking(r, &e)
			if err != nil {
				return nil, err
			}
			if last != nil {
				p.Body, p.body = last, id
			}
		}
		if p.Body == nil {
			asked, whose = append(asked, key), append(whose, i)
		}
		all = append(all, p)
	}
	if len(asked) == 0 {
		return all, nil
	}
	found, err := r.Get(abuse.Decisions, asked...)
	for n, i := range whose {
		if err == nil && found[n] == nil {
			err = damaged("decision")
		}
		if err != nil {
			return nil, err
		}
		all[i].Body = found[n]
	}
	return all, nil
}

// overtaking gives the last live decision on the account that is later than the event's, nil if there
// is none. One in background says what would have been done, and takes the place of none.
func overtaking(r abuse.Reader, e *Event) (json.RawMessage, uuid.UUID, error) {
	for from, to := accountKey(e.Account), decisionKey(e.Account, e.At, e.Decision); ; {
		rows, err := r.Scan(abuse.Decisions, from, to, laterSlice)
		if err != nil {
			return nil, uuid.Nil, err
		}
		for _, row := range rows {
			var d struct {
				Mode abuse.Mode `json:"mode"`
			}
			_, id, err := parseDecisionKey(row.Key)
			if err != nil || json.Unmarshal(row.Value, &d) != nil {
				return nil, uuid.Nil, damaged("decision")
			}
			if acts(d.Mode) {
				return row.Value, id, nil
			}
		}
		if len(rows) < laterSlice {
			return nil, uuid.Nil, nil
		}
		from = append(rows[len(rows)-1].Key, 0)
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
	var problem Problem
	switch {
	case errors.As(err, &store):
		return store.Error()
	case errors.As(err, &problem):
		return problem.Error()
	case errors.Is(err, ErrPartnerDown):
		return ErrPartnerDown.Error()
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return "context ended"
	}
	return "callback failed"
}
