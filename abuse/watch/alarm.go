package watch

import (
	"context"
	"sync"
	"time"
)

// pattern looks for what a scan looks like. It forgets with the process: it rings, and the
// budgets, which do not forget, are what stops.
type pattern struct {
	mu       sync.Mutex
	minutes  [10]int64 // identifiers asked about, by minute
	at       int64     // the minute of the last one
	rung     int64     // the minute in which a burst was told
	hour     int64
	bad      int64 // malformed requests in the hour
	emptyDay int64 // the day of which was told that the budget is used up
}

const (
	burstShare = 4   // a quarter of the day's additions
	burstLeast = 100 // and so many at least: a small service may have all its sign-ups at once
	badAnHour  = 100
)

// asked counts identifiers asked about, and says how many there were in ten minutes if that is a
// burst, once in ten minutes.
func (p *pattern) asked(now time.Time, n, cap int64) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	minute := now.Unix() / 60
	if minute > p.at {
		for m := max(p.at+1, minute-9); m <= minute; m++ {
			p.minutes[m%10] = 0
		}
		p.at = minute
	}
	p.minutes[p.at%10] += n
	sum := int64(0)
	for _, m := range p.minutes {
		sum += m
	}
	if sum < max(burstLeast, cap/burstShare) || p.rung > 0 && p.at < p.rung+10 {
		return 0
	}
	p.rung = p.at
	return sum
}

// malformed counts a malformed request, and says whether it is the hundredth of an hour.
func (p *pattern) malformed(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if hour := now.Unix() / 3600; hour != p.hour {
		p.hour, p.bad = hour, 0
	}
	p.bad++
	return p.bad == badAnHour
}

// exhausted says whether it is the first time in a day.
func (p *pattern) exhausted(day int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	first := day != p.emptyDay
	p.emptyDay = day
	return first
}

// ring tells of what was asked.
func (t *Transmitter) ring(ctx context.Context, n int64) {
	now := t.now(ctx)
	if sum := t.pattern.asked(now, n, t.cfg.Agreement.Limits.AdditionsPerDay); sum > 0 {
		t.tel.alarm(ctx, AlarmBurst, now, sum)
	}
}
