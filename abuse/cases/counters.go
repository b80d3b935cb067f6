package cases

import (
	"encoding/binary"
	"math"
	"slices"
	"time"

	"github.com/hueandcry/hueandcry/abuse"
)

// subject is what a counter is of.
type subject struct {
	kind Kind
	name string // of the rule, the category, the partner or the signal
	by   string // the partner whose share it is
}

func (s subject) key(row byte) []byte {
	return text(text(append(make([]byte, 0, 6+len(s.name)+len(s.by)), row, byte(s.kind)), s.name), s.by)
}

func signalSubject(c Carrier) subject {
	return subject{KindSignal, c.From + "/" + c.Signal.String(), ""}
}

// counter is the row of a subject.
type counter struct {
	counted
	// Aside is what another clock has counted, that was more than a day away from this one.
	Aside *counted `json:"aside,omitempty"`
	// Rang has the last day on which each bound rang.
	Rang map[string]int64 `json:"rang,omitempty"`
}

// counted is what is known of a day and those before it.
type counted struct {
	Day      int64   `json:"day"`
	Used     int64   `json:"used"`               // new steps in it; of a signal: ever
	Forgiven int64   `json:"forgiven,omitempty"` // of these, before a person reset the band
	Mean     float64 `json:"mean,omitempty"`     // of the days before, weighted
	Days     int64   `json:"days,omitempty"`     // how many these are
}

// The parameters of a band; the package documentation has the formula and its sources.
const (
	bandWeight = 0.2
	bandZ      = 6
	bandTimes  = 3
)

// roll begins the day, if it is a later one. A clock that was set back by a day is charged to the
// day that there was.
func (c *counter) roll(day int64) { c.turn(day, (*counted).roll) }

// skip begins the day, if it is a later one, and those before are no history.
func (c *counter) skip(day int64) { c.turn(day, (*counted).skip) }

// turn begins a day. A clock that ran far ahead does not pin the counter to its day: what was counted
// before it is taken up again, with what it has counted itself on top, so that the two clocks
// together are not granted more than one. If they keep changing places each keeps its own count.
func (c *counter) turn(day int64, begin func(*counted, int64)) {
	was, aside := c.counted, c.Aside
	switch {
	case c.Day > day+1 && aside != nil && aside.Day <= day:
		c.counted = *aside
		begin(&c.counted, day)
		c.Used += was.Used
		c.Aside = &was
	case c.Day > day+1:
		c.Day = day
		c.Aside = &was
	case c.Day > 0 && day > c.Day+1:
		if aside != nil && aside.Day == day {
			c.counted = *aside
		} else {
			begin(&c.counted, day)
		}
		c.Aside = &was
	default:
		begin(&c.counted, day)
	}
}

func (c *counted) roll(day int64) {
	if day <= c.Day {
		return
	}
	if c.Day > 0 {
		empty := day - c.Day - 1
		c.Mean = bandWeight*float64(c.Used) + (1-bandWeight)*c.Mean
		if c.Days == 0 {
			c.Mean = float64(c.Used)
		}
		c.Mean *= math.Pow(1-bandWeight, float64(empty))
		c.Days += empty + 1
	}
	c.Day, c.Used, c.Forgiven = day, 0, 0
}

func (c *counted) skip(day int64) {
	if day > c.Day {
		c.Day, c.Used, c.Forgiven = day, 0, 0
	}
}

// band gives the greatest count of the day that lies within it, and false if there is none yet.
func (c *counted) band(l *Limits) (int64, bool) {
	if l.TripLeast < 0 || c.Days < l.TripDays {
		return 0, false
	}
	root := math.Sqrt(c.Mean+3.0/8) + bandZ/2.0
	return max(l.TripLeast, int64(bandTimes*c.Mean), int64(root*root-3.0/8)), true
}

// tally reads counters, changes them in memory, and writes them when a decision is recorded.
type tally struct {
	r        abuse.Reader
	desk     *Desk
	now      time.Time
	day      int64
	counters map[subject]*counter
	modes    map[subject]bool // in background
	touched  map[subject]bool
	alarms   []Alarm
	tripped  []subject
}

func (d *Desk) tally(r abuse.Reader, now time.Time) *tally {
	return &tally{r: r, desk: d, now: now, day: dayOf(now),
		counters: map[subject]*counter{}, modes: map[subject]bool{}, touched: map[subject]bool{}}
}

// fetch reads counters, and for partners and rules their modes, in one go.
func (t *tally) fetch(subjects ...subject) error {
	var keys, modeKeys [][]byte
	var want, wantModes []subject
	for _, s := range subjects {
		if t.counters[s] == nil && !slices.Contains(want, s) {
			want, keys = append(want, s), append(keys, s.key(counterRow))
			if s.kind == KindPartner || s.kind == KindRule {
				wantModes, modeKeys = append(wantModes, s), append(modeKeys, s.key(modeRow))
			}
		}
	}
	if len(want) == 0 {
		return nil
	}
	values, err := t.r.Get(abuse.Bounds, append(keys, modeKeys...)...)
	if err != nil {
		return err
	}
	for i, s := range want {
		c := counter{}
		if values[i] != nil {
			if c, err = parse[counter](abuse.Bounds, values[i]); err != nil {
				return err
			}
		}
		t.counters[s] = &c
	}
	for i, s := range wantModes {
		if value := values[len(want)+i]; value != nil {
			m, err := parse[Mode](abuse.Bounds, value)
			if err != nil {
				return err
			}
			t.modes[s] = m.Background()
		}
	}
	for _, s := range want {
		switch {
		case s.kind == KindSignal: // has no days
		case t.modes[s]:
			t.counters[s].skip(t.day)
		default:
			t.counters[s].roll(t.day)
		}
	}
	return nil
}

// ring notes an alarm, once a day and bound.
func (t *tally) ring(h hit) {
	c := t.counters[h.of]
	if day, ok := c.Rang[h.bound]; ok && day == t.day {
		return
	}
	if c.Rang == nil {
		c.Rang = map[string]int64{}
	}
	c.Rang[h.bound] = t.day
	t.touched[h.of] = true
	t.alarms = append(t.alarms, Alarm{At: t.now, Bound: h.bound, Kind: h.of.kind.String(), Name: h.of.name, Partner: h.of.by, Limit: h.limit, Used: h.used})
}

// write puts down what has changed.
func (t *tally) write(w abuse.Writer) error {
	for s := range t.touched {
		if err := save(w, abuse.Bounds, s.key(counterRow), *t.counters[s]); err != nil {
			return err
		}
	}
	for _, s := range t.tripped {
		if err := save(w, abuse.Bounds, s.key(modeRow), Mode{Tripped: t.now}); err != nil {
			return err
		}
	}
	for _, a := range t.alarms {
		key := append([]byte{alarmRow}, binary.BigEndian.AppendUint64(nil, uint64(t.day))...)
		key = text(text(text(key, a.Bound), a.Name), a.Partner)
		if err := save(w, abuse.Bounds, key, a); err != nil {
			return err
		}
	}
	return nil
}
