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

// ReceiptRound is what the counts of a receipt are rounded up to a multiple of.
const ReceiptRound = 5

// Receipt tells an origin how many steps that its signals carried have been undone in a day. Each
// count is rounded up to the next multiple of [ReceiptRound], so that none points to an account.
// The zero Receipt is none.
type Receipt struct {
	Day        time.Time `json:"day"` // its beginning, UTC
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

// Receipts gives an origin's receipts, day by day, of the days that have something in them.
func (d *Desk) Receipts(ctx context.Context, origin string) ([]Receipt, error) {
	store, err := d.store()
	if err != nil {
		return nil, err
	}
	if origin == "" || len(origin) > abuse.MaxName {
		return nil, &abuse.Error{Field: "origin", Problem: "must have 1 to 64 bytes"}
	}
	var all []Receipt
	err = store.View(ctx, func(r abuse.Reader) error {
		all = nil
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
			day := time.Unix(int64(binary.BigEndian.Uint64(row.Key[len(prefix):]))*24*60*60, 0).UTC()
			all = append(all, Receipt{day, rounded(c.Undone), rounded(c.Softened), rounded(c.Overturned)})
		}
		return nil
	})
	return all, err
}

func rounded(n int64) int64 { return (n + ReceiptRound - 1) / ReceiptRound * ReceiptRound }

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
