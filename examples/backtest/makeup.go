package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/hashing"
)

// The made-up world: what its numbers do, and how many there are of each kind.
const (
	madeDays      = 150
	madeStrangers = 8_000 // one to three complaints, as about a wrong number
	madeBursts    = 150   // very many in one to three days, and nothing after
	madeCampaigns = 160   // for weeks
)

var madeFirst = dayOf(time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC))

// maker makes a world.
type maker struct {
	rng *rand.Rand
	in  *intake
	n   int
}

// makeUp makes the history of a seed. Its rows are read like those of a file. Area code 999 is
// allocated to nobody, so that no number in it is anybody's.
func makeUp(o *options) *history {
	m := &maker{rng: rand.New(rand.NewPCG(o.seed, 1)), in: newIntake(o, io.Discard)}
	h := m.in.h
	h.made, h.seed = true, o.seed
	h.holdings, h.withdrawn = map[number]abuse.Holding{}, map[day][]number{}
	for range madeStrangers {
		raw, d := m.number(), m.rng.IntN(madeDays)
		if m.rng.IntN(40) == 0 {
			raw = "317456XXXX" // somebody did not remember it all
		}
		for range 1 + m.rng.IntN(8)/6 + m.rng.IntN(20)/19 {
			m.complain(raw, d+m.rng.IntN(20))
		}
	}
	for range madeBursts {
		raw, d, days := m.number(), m.rng.IntN(madeDays), 1+m.rng.IntN(3)
		for range 5 + m.rng.IntN(40) {
			m.complain(raw, d+m.rng.IntN(days))
		}
	}
	for range madeCampaigns {
		m.campaign()
	}
	return h
}

// campaign makes a number that calls for weeks, and what B knows of it.
func (m *maker) campaign() {
	raw, begin, days, rate := m.number(), m.rng.IntN(madeDays), 10+m.rng.IntN(80), 0.4+3*m.rng.Float64()
	for d := range days {
		for m.rng.Float64()*4 < rate {
			m.complain(raw, begin+d)
			if m.rng.IntN(3) == 0 {
				break
			}
		}
	}
	p, ok := m.in.spelt[raw]
	if !ok {
		return // all of it lies outside of the days
	}
	known := abuse.Holding{Kind: hashing.Phone, Since: (madeFirst - 900).midnight(), Verified: abuse.Yes, Accounts: 1}
	switch m.rng.IntN(12) {
	case 0: // somebody else has the number by now
		known.Since = (madeFirst + day(begin+days/2)).midnight()
	case 1:
		known.Verified = abuse.No
	case 2: // an office
		known.Accounts = 4 + m.rng.IntN(30)
	case 3: // A finds out that the number was not the caller's own
		d := madeFirst + day(begin+days/2)
		m.in.h.withdrawn[d] = append(m.in.h.withdrawn[d], p.number)
		return
	default:
		return
	}
	m.in.h.holdings[p.number] = known
}

func (m *maker) number() string {
	m.n++
	return fmt.Sprintf("(999) 2%02d-%04d", 10+m.n/10_000, m.n%10_000)
}

// complain adds a row. What would come after the last day is left out.
func (m *maker) complain(raw string, d int) {
	if d < madeDays {
		m.in.h.rows++
		m.in.row((madeFirst + day(d)).String(), raw, fmt.Sprint(200+m.rng.IntN(780)))
	}
}
