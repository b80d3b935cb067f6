package main

import (
	"cmp"
	"slices"
	"time"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/hashing"
)

// day counts days of UTC since 1970. The zero day is none.
type day int32

func dayOf(t time.Time) day { return day(t.Unix() / (24 * 60 * 60)) }

func (d day) midnight() time.Time { return time.Unix(int64(d)*24*60*60, 0).UTC() }

// evening is when a day's complaints are in and decided on.
func (d day) evening() time.Time { return d.midnight().Add(23 * time.Hour) }

func (d day) String() string { return d.midnight().Format(time.DateOnly) }

// number is an index into what is known of the numbers of a history. No number itself is kept.
type number int32

// complaint is one row.
type complaint struct {
	day    day
	number number
	area   uint16 // of who complains
	own    bool   // it is B's
}

// history is what is played. It is only read once it is made.
type history struct {
	split      string
	seed       uint64 // of a made-up one
	made       bool
	complaints []complaint // by day
	numbers    int
	holdings   map[number]abuse.Holding // what B knows that is not usual; see holding
	withdrawn  map[day][]number         // A finds that it was wrong
	first, end day                      // first <= day < end
	rows       int                      // of the file, without the header
	outside    int                      // of these before -from or after -to
	bad        int                      // of these not understood
	refused    map[string]int           // reason -> rows whose number was refused
}

// holding is what B knows of the account that has a number.
func (h *history) holding(n number) abuse.Holding {
	if x, ok := h.holdings[n]; ok {
		return x
	}
	return abuse.Holding{Kind: hashing.Phone, Since: (h.first - 1).midnight(), Verified: abuse.Yes, Accounts: 1}
}

// arrange puts the complaints in the order of days, parts them, and says how long the history is.
func (h *history) arrange() {
	slices.SortStableFunc(h.complaints, func(a, b complaint) int { return cmp.Compare(a.day, b.day) })
	for i := range h.complaints {
		c := &h.complaints[i]
		c.own = c.area%2 == 1
		if h.split == "date" {
			c.own = c.day%2 == 1
		}
	}
	if n := len(h.complaints); n > 0 {
		h.first, h.end = h.complaints[0].day, h.complaints[n-1].day+1
	}
}

// ownDays gives for each number the days of B's complaints, one entry for each complaint.
func (h *history) ownDays() [][]day {
	days := make([][]day, h.numbers)
	for i := range h.complaints {
		if c := &h.complaints[i]; c.own {
			days[c.number] = append(days[c.number], c.day)
		}
	}
	return days
}
