package main

import (
	"encoding/binary"
	"time"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/abuse"
)

// A's table of points, by which it comes from complaints about a number to the confidence
// of its signal:
//
//	10  for having had them at all
//	 2  for each area code of those who complained in the last 30 days, at most 15 of them
//	 5  for each of the last 7 days with a complaint
//	 1  for each of the last 90 days with a complaint, at most 20 of them
//
// which makes 95 at most: a count of complaints is not proof, for callers write down numbers that
// are not theirs. The severity is high from 60 on, medium from 40 on, else low. A says
// something from the second complaint in 30 days on, says it anew on each day with a further one, and what it
// says is valid for 7 days after the last.
const (
	pointsBase     = 10
	pointsArea     = 2
	mostAreas      = 15
	pointsWeekday  = 5
	mostDays       = 20
	pointsHigh     = 60
	pointsMedium   = 40
	leastReports   = 2
	daysWeek       = 7
	daysMonth      = 30
	daysBook       = 90 // how long complaints are kept
	validDays      = 7
	ownDaysCounted = 60 // of what B puts beside the signal
)

// entry is one complaint in a book.
type entry struct {
	day  day
	area uint16
}

// book is what one service has heard of each number, by day, for as long as it keeps it.
type book [][]entry

// hear takes a complaint in. Days never go back.
func (b book) hear(n number, e entry) {
	list := b[n]
	gone := 0
	for gone < len(list) && list[gone].day <= e.day-daysBook {
		gone++
	}
	b[n] = append(list[gone:], e)
}

// assessment is what A makes of the complaints of a number.
type assessment struct {
	confidence  int
	reports     uint32 // in the last 30 days
	first, last day    // of these
}

// assess applies the table of points as of the end of a day.
func (b book) assess(n number, today day) (a assessment) {
	var areas seen
	days, weekdays, before := 0, 0, day(0)
	for _, e := range b[n] {
		if e.day <= today-daysBook {
			continue
		}
		if e.day != before {
			before = e.day
			days++
			if e.day > today-daysWeek {
				weekdays++
			}
		}
		if e.day > today-daysMonth {
			if a.reports == 0 {
				a.first = e.day
			}
			a.reports++
			a.last = e.day
			areas.add(e.area)
		}
	}
	a.confidence = pointsBase + pointsArea*min(areas.n, mostAreas) + pointsWeekday*weekdays + min(days, mostDays)
	return a
}

func (a assessment) severity() abuse.Severity {
	switch {
	case a.confidence >= pointsHigh:
		return abuse.High
	case a.confidence >= pointsMedium:
		return abuse.Medium
	}
	return abuse.Low
}

// own is what B puts beside a signal: its own complaints of the last 60 days.
func (b book) own(n number, today day) abuse.Own {
	var areas seen
	var o abuse.Own
	before := day(0)
	for _, e := range b[n] {
		if e.day <= today-ownDaysCounted {
			continue
		}
		if o.Reports == 0 {
			o.First = e.day.midnight()
		}
		o.Reports++
		if e.day != before {
			before = e.day
			o.Days++
		}
		areas.add(e.area)
		o.Last = e.day.midnight()
	}
	o.Groups = areas.n
	return o
}

// recent counts the complaints of the last 30 days.
func (b book) recent(n number, today day) (count int) {
	for i := len(b[n]) - 1; i >= 0 && b[n][i].day > today-daysMonth; i-- {
		count++
	}
	return count
}

// seen counts different area codes. The first 64 are in a list: hardly any number has more.
type seen struct {
	list [64]uint16
	more map[uint16]bool
	n    int
}

func (s *seen) add(area uint16) {
	for _, a := range s.list[:min(s.n, len(s.list))] {
		if a == area {
			return
		}
	}
	if s.n < len(s.list) {
		s.list[s.n] = area
	} else {
		if s.more == nil {
			s.more = map[uint16]bool{}
		}
		if s.more[area] {
			return
		}
		s.more[area] = true
	}
	s.n++
}

// signal is A's signal about a number.
func (a assessment) signal(origin string, id uuid.UUID, revision uint64) abuse.Signal {
	return abuse.Signal{
		ID: id, Origin: origin, Category: abuse.Spam, Class: abuse.Confirmed, Confidence: a.confidence, Severity: a.severity(),
		Review: abuse.ReviewAutomatic, Reports: a.reports, FirstObserved: a.first.midnight(), LastObserved: a.last.midnight(),
		ValidUntil: (a.last + validDays).midnight(), Permitted: abuse.PermitDirect, ActionTaken: abuse.None, Revision: revision,
	}
}

// signalID names a signal by when it was first sent and which it is of the run: the same history
// gives the same names.
func signalID(at time.Time, serial uint64) (id uuid.UUID) {
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(at.UnixMilli()))
	copy(id[:6], ms[2:])
	binary.BigEndian.PutUint64(id[8:], serial)
	id[6], id[8] = 0x70, id[8]&0x3f|0x80
	return id
}
