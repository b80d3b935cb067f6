package cases

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"slices"
	"time"

	"github.com/hueandcry/hueandcry/abuse"
)

// ReceiptRound is what the counts of a receipt are rounded down to a multiple of; fewer are none.
const ReceiptRound = 10

// Receipt tells an origin how many steps that its signals carried have been undone in a week that is
// over. Each count is rounded down to a multiple of [ReceiptRound], so that an origin does not learn
// that one signal hit an account here, nor when. What remains: one who knows all but one of what is
// counted, as by signals about accounts of his own here, may tell by a count that just reaches a
// multiple that there is one more. The zero Receipt is none.
type Receipt struct {
	Week       time.Time `json:"week"` // its beginning, a Monday, UTC
	Undone     int64     `json:"undone"`
	Softened   int64     `json:"softened"`   // made milder or shorter, and not taken back in whole
	Overturned int64     `json:"overturned"` // undone or softened by a person
}

// receipt is the row of an origin and a day.
type receipt struct {
	Undone     int64 `json:"undone,omitempty"`
	Softened   int64 `json:"softened,omitempty"`
	Overturned int64 `json:"overturned,omitempty"`
}

// Receipts gives an origin's receipts, week by week, of the weeks that are over by the desk's clock
// and have something to show.
func (d *Desk) Receipts(ctx context.Context, origin string) ([]Receipt, error) {
	store, err := d.store()
	if err != nil {
		return nil, err
	}
	if origin == "" || len(origin) > abuse.MaxName {
		return nil, &abuse.Error{Field: "origin", Problem: "must have 1 to 64 bytes"}
	}
	var all []Receipt
	now := d.now()
	err = store.View(ctx, func(r abuse.Reader) error {
		all = nil
		var week time.Time
		var sum receipt
		flush := func() {
			r := Receipt{week, rounded(sum.Undone), rounded(sum.Softened), rounded(sum.Overturned)}
			if r != (Receipt{Week: week}) {
				all = append(all, r)
			}
			sum = receipt{}
		}
		prefix := text(nil, origin)
		rows, err := r.Scan(abuse.Receipts, prefix, after(prefix), 366*100)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if len(row.Key) != len(prefix)+8 {
				return damaged("receipts")
			}
			c, err := parse[receipt](abuse.Receipts, row.Value)
			if err != nil {
				return err
			}
			day := int64(binary.BigEndian.Uint64(row.Key[len(prefix):]))
			monday := day - (day+3)%7 // day 0 was a Thursday
			if monday+7 > dayOf(now) {
				break // not over yet
			}
			if at := time.Unix(monday*24*60*60, 0).UTC(); !at.Equal(week) {
				flush()
				week = at
			}
			sum.Undone += c.Undone
			sum.Softened += c.Softened
			sum.Overturned += c.Overturned
		}
		flush()
		return nil
	})
	return all, err
}

func rounded(n int64) int64 { return n / ReceiptRound * ReceiptRound }

// receipt counts an undo for the origins whose signals have no part in what is in force now; where
// all of them still have, for all.
func (s *settling) receipt(w abuse.Writer, is *held) error {
	gone := slices.DeleteFunc(slices.Clone(s.current.Carriers), func(c Carrier) bool { return slices.Contains(is.Step.Carriers, c) })
	if len(gone) == 0 {
		gone = s.current.Carriers
	}
	whole := is.current(s.now).Action <= abuse.None
	return count(w, gone, s.now, func(c *receipt) {
		if whole {
			c.Undone++
		} else {
			c.Softened++
		}
	})
}

// count changes the receipt of each origin.
func count(w abuse.Writer, carriers []Carrier, now time.Time, change func(*receipt)) error {
	var origins []string
	for _, c := range carriers {
		if c.Origin != "" && !slices.Contains(origins, c.Origin) {
			origins = append(origins, c.Origin)
		}
	}
	for _, origin := range origins {
		key := binary.BigEndian.AppendUint64(text(nil, origin), uint64(max(dayOf(now), 0)))
		c, _, err := load[receipt](w, abuse.Receipts, key)
		if err != nil {
			return err
		}
		change(&c)
		if err := save(w, abuse.Receipts, key, c); err != nil {
			return err
		}
	}
	return nil
}

// tidy sorts carriers and keeps each once.
func tidy(carriers []Carrier) []Carrier {
	slices.SortFunc(carriers, func(a, b Carrier) int {
		return cmp.Or(cmp.Compare(a.From, b.From), bytes.Compare(a.Signal[:], b.Signal[:]), cmp.Compare(a.Origin, b.Origin))
	})
	return slices.Compact(carriers)
}
