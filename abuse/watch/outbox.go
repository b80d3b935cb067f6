package watch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/hueandcry/hueandcry/abuse"
)

const outboxSlice = 200 // changes that are handed on between two Updates

// deliver goes once through the outbox. Of an account whose change was not taken the later ones
// wait; other accounts do not.
func (d *Decider) deliver(ctx context.Context, said bodies) (handed int, err error) {
	var failed []error
	var from []byte
	stuck := ""
	for {
		var events []Event
		var keys [][]byte
		err := d.cfg.Store.View(ctx, func(r abuse.Reader) (err error) {
			events, keys, err = outbox(r, from, said)
			return err
		})
		if err != nil || len(keys) == 0 {
			return handed, errors.Join(append(failed, err)...)
		}
		from = append(append([]byte(nil), keys[len(keys)-1]...), 0)
		var done [][]byte
		for i, e := range events {
			if e.Account == stuck {
				continue
			}
			if ctx.Err() != nil {
				break
			}
			if err := d.cfg.Deliver(ctx, e); err != nil {
				failed = append(failed, fmt.Errorf("watch: a change was not taken: %w", err))
				stuck = e.Account
				continue
			}
			done = append(done, keys[i])
		}
		if err := d.handed(ctx, done); err != nil {
			return handed, errors.Join(append(failed, err)...)
		}
		handed += len(done)
		if ctx.Err() != nil {
			return handed, errors.Join(append(failed, context.Cause(ctx))...)
		}
		if len(keys) < outboxSlice {
			return handed, errors.Join(failed...)
		}
	}
}

// handed puts down that changes were taken.
func (d *Decider) handed(ctx context.Context, keys [][]byte) error {
	if len(keys) == 0 {
		return nil
	}
	return d.cfg.Store.Update(ctx, func(w abuse.Writer) error {
		for _, k := range keys {
			if err := w.Delete(abuse.Outbox, k); err != nil {
				return err
			}
		}
		return nil
	})
}

// outbox reads a slice of what is to be handed on, each change with its decision.
func outbox(r abuse.Reader, from []byte, said bodies) (events []Event, keys [][]byte, err error) {
	rows, err := r.Scan(abuse.Outbox, from, nil, outboxSlice)
	if err != nil {
		return nil, nil, err
	}
	var asked [][]byte
	var whose []int
	for i, row := range rows {
		e, err := parseEvent(row)
		if err != nil {
			return nil, nil, err
		}
		if e.Body = said[e.Decision]; e.Body == nil {
			asked, whose = append(asked, decisionKey(e.Account, e.At, e.Decision)), append(whose, i)
		}
		events, keys = append(events, e), append(keys, row.Key)
	}
	if len(asked) == 0 {
		return events, keys, nil
	}
	found, err := r.Get(abuse.Decisions, asked...)
	for n, i := range whose {
		if err == nil && found[n] == nil {
			err = damaged("decision")
		}
		if err != nil {
			return nil, nil, err
		}
		events[i].Body = found[n]
	}
	return events, keys, nil
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
