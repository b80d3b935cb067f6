package cases

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"math"
	"time"

	"github.com/hueandcry/hueandcry/abuse"
)

// Alarm says that a bound was met. It holds no account. The zero Alarm is none.
type Alarm struct {
	At      time.Time `json:"at"`
	Bound   string    `json:"bound"`             // such as [CapPartner]
	Kind    string    `json:"kind"`              // of what it is: as of [Kind.String]
	Name    string    `json:"name,omitempty"`    // the rule, the category, the partner or "partner/signal"
	Partner string    `json:"partner,omitempty"` // whose share of a rule or a category it is
	Limit   int64     `json:"limit"`
	Used    int64     `json:"used"`
}

const alarmSlice = 100

// Alarms hands on what has rung and was not taken yet, in the order of days, until f gives an
// error or nothing is left. An alarm for which f has given nil is not handed on again, unless the
// process or the store fails in between. Alarms of one day and bound are one. One that is damaged keeps
// no other from being handed on; it stays, and is in the error.
func (d *Desk) Alarms(ctx context.Context, f func(context.Context, Alarm) error) error {
	store, err := d.store()
	if err != nil {
		return err
	}
	var damage error
	for from := []byte{alarmRow}; ; {
		var rows []abuse.Row
		err := store.View(ctx, func(r abuse.Reader) (err error) {
			rows, err = r.Scan(abuse.Bounds, from, []byte{alarmRow + 1}, alarmSlice)
			return err
		})
		if err != nil || len(rows) == 0 {
			return errors.Join(damage, err)
		}
		var taken [][]byte
		var refused error
		for _, row := range rows {
			a, err := parse[Alarm](abuse.Bounds, row.Value)
			if err != nil {
				damage = cmp.Or(damage, err)
				continue
			}
			if refused = f(ctx, a); refused != nil {
				break
			}
			taken = append(taken, row.Key)
		}
		err = store.Update(ctx, func(w abuse.Writer) error {
			for _, key := range taken {
				if err := w.Delete(abuse.Bounds, key); err != nil {
					return err
				}
			}
			return nil
		})
		if refused != nil {
			err = refused
		}
		if err != nil {
			return errors.Join(damage, err)
		}
		from = append(bytes.Clone(rows[len(rows)-1].Key), 0)
	}
}

// Mode says since when a partner or a rule is in background, or who has ended that. The zero Mode
// is that of one that never was.
type Mode struct {
	Tripped  time.Time `json:"tripped"`
	Reset    time.Time `json:"reset,omitzero"`
	Reviewer string    `json:"reviewer,omitempty"` // who reset it
}

// Background says whether it is in background now.
func (m Mode) Background() bool { return !m.Tripped.IsZero() && m.Reset.Before(m.Tripped) }

// Mode gives the mode of a partner (kind [KindPartner]) or a rule ([KindRule]).
func (d *Desk) Mode(r abuse.Reader, kind Kind, name string) (Mode, error) {
	m, _, err := load[Mode](r, abuse.Bounds, subject{kind, name, ""}.key(modeRow))
	return m, err
}

// forgive does not hold against anyone what a partner has done under rules, or partners under a rule.
func forgive(w abuse.Writer, of subject, day int64) error {
	prefix := []byte{counterRow, byte(rulePartner)}
	if of.kind == KindRule {
		prefix = text(prefix, of.name)
	}
	rows, err := w.Scan(abuse.Bounds, prefix, after(prefix), math.MaxInt32)
	if err != nil {
		return err
	}
	for _, row := range rows {
		name, rest, ok := cut(row.Key[2:])
		by, rest, also := cut(rest)
		if !ok || !also || len(rest) > 0 {
			return damaged("bounds")
		}
		if of.kind == KindPartner && by != of.name {
			continue
		}
		c, err := parse[counter](abuse.Bounds, row.Value)
		if err != nil {
			return err
		}
		c.roll(day)
		gone := c.Used - c.Forgiven
		if gone <= 0 {
			continue
		}
		c.Forgiven = c.Used
		if err := save(w, abuse.Bounds, row.Key, c); err != nil {
			return err
		}
		if of.kind == KindRule {
			continue // all of it is forgiven
		}
		whole := subject{KindRule, name, ""}.key(counterRow)
		r, _, err := load[counter](w, abuse.Bounds, whole)
		if err != nil {
			return err
		}
		if r.Day == c.Day {
			r.Forgiven = min(r.Forgiven+gone, r.Used)
			if err := save(w, abuse.Bounds, whole, r); err != nil {
				return err
			}
		}
	}
	return nil
}

// Reset ends the background of a partner or a rule, or the quarantine of a signal ([KindSignal], named
// "partner/uuid" as its alarm has it), by the word of a named person. What it did in this day is
// not held against its band again; caps still hold. What was held back meanwhile is decided again
// when its evidence next changes, or when the caller asks: see [Desk.HeldBack]. An [*abuse.Error]
// says that the kind has no mode, or the name is missing.
func (d *Desk) Reset(ctx context.Context, kind Kind, name, reviewer string) error {
	store, err := d.store()
	if err != nil {
		return err
	}
	switch {
	case kind != KindPartner && kind != KindRule && kind != KindSignal:
		return &abuse.Error{Field: "kind", Problem: "must be a partner, a rule or a signal"}
	case name == "" || len(name) > 128:
		return &abuse.Error{Field: "name", Problem: "must have 1 to 128 bytes"}
	case reviewer == "" || len(reviewer) > MaxReviewer:
		return &abuse.Error{Field: "reviewer", Problem: "must have 1 to 128 bytes"}
	}
	of, now := subject{kind, name, ""}, d.now()
	return store.Update(ctx, func(w abuse.Writer) error {
		m, _, err := load[Mode](w, abuse.Bounds, of.key(modeRow))
		if err != nil {
			return err
		}
		c, _, err := load[counter](w, abuse.Bounds, of.key(counterRow))
		if err != nil {
			return err
		}
		switch {
		case kind == KindSignal:
			c.Used = 0
		case m.Background():
			c.skip(dayOf(now))
			c.Forgiven = c.Used
		default:
			c.roll(dayOf(now))
			c.Forgiven = c.Used
		}
		m.Reset, m.Reviewer = now, reviewer
		if m.Tripped.After(now) {
			m.Reset = m.Tripped // the clock has been set back
		}
		if err := save(w, abuse.Bounds, of.key(counterRow), c); err != nil {
			return err
		}
		if kind != KindSignal {
			if err := forgive(w, of, dayOf(now)); err != nil {
				return err
			}
		}
		return save(w, abuse.Bounds, of.key(modeRow), m)
	})
}
