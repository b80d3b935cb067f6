package main

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/hashing"
)

// One complaint a day at both. On the third day A's points are 10+2·3+5·3+3 = 34 and B's own
// days add 18: limit, from 48 on. On the fifth they are 10+2·5+5·5+5 = 50 and 30: suspend, from 76 on.
func TestKnownHistory(t *testing.T) {
	p := playHistory(t, read(t, sustained(1, 0, 20)...))
	require.Equal(t, []action{{0, first + 2}}, p.actions[soft])
	require.Equal(t, []action{{0, first + 4}}, p.actions[hard])
	require.Equal(t, []int{15, 17}, []int{p.inForce[hard], p.inForce[soft]})
	require.Equal(t, 1, p.sentSignals, "one signal")
	require.Equal(t, 18, p.revisions, "said anew on each further day from the second on")
	require.Equal(t, 1, p.matched)
	require.Zero(t, p.undone)

	r := p.result()
	require.Equal(t, 20, r.Days)
	require.Equal(t, 20, r.AtB)
	require.Equal(t, 1.0, *r.Precision)
	require.InDelta(t, 15.0/20, *r.Recall, 1e-12)
	require.InDelta(t, 17.0/20, *r.SoftFigures.Recall, 1e-12)
	require.Empty(t, r.PreventedByGuard)
}

// A number that is only reported to one of the two carries nothing.
func TestOneServiceAloneCarriesNothing(t *testing.T) {
	var rows []string
	for d := range 30 {
		rows = append(rows, row(d, line(1), 200+2*d), row(d, line(2), 201+2*d))
	}
	p := playHistory(t, read(t, rows...))
	require.Empty(t, p.actions[soft])
	require.Equal(t, 1, p.sentSignals)
	require.Zero(t, p.matched, "B has no account with A's number")
}

// What is valid for a week is over after a week of silence, and new complaints lead to another action.
func TestStepEndsAndComesAgain(t *testing.T) {
	rows := append(sustained(1, 0, 10), sustained(1, 40, 10)...)
	p := playHistory(t, read(t, rows...))
	require.Len(t, p.actions[hard], 2)
	require.Equal(t, first+4, p.actions[hard][0].day)
	require.GreaterOrEqual(t, p.actions[hard][1].day, first+40)
	require.Equal(t, 2, p.sentSignals, "the first had run out")
	require.Zero(t, p.undone, "it came to its own end")
	s := p.result().HardFigures.score
	require.Equal(t, 2, s.Actions)
	require.Equal(t, 1, s.Numbers)
	require.Equal(t, 15, s.Caught, "after the first action, however long ago")
}

func TestWithdrawalTakesBack(t *testing.T) {
	h := read(t, sustained(1, 0, 12)...)
	h.withdrawn = map[day][]number{first + 11: {0}}
	h.complaints = h.complaints[:len(h.complaints)-2] // the last day has nothing else
	h.end = first + 12
	p := playHistory(t, h)
	require.Equal(t, 1, p.withdrawn)
	require.Equal(t, [levels]int{1, 1}, p.undone)
	require.Empty(t, p.held)
}

func TestGuardsPrevent(t *testing.T) {
	usual := abuse.Holding{Kind: hashing.Phone, Since: time.Date(2010, 1, 1, 0, 0, 0, 0, time.UTC), Verified: abuse.Yes, Accounts: 1}
	for name, edit := range map[string]func(*abuse.Holding){
		"unverified":  func(h *abuse.Holding) { h.Verified = abuse.No },
		"over_shared": func(h *abuse.Holding) { h.Accounts = 40 },
		"recycled":    func(h *abuse.Holding) { h.Since = (first + 300).midnight() },
	} {
		h := read(t, sustained(1, 0, 20)...)
		x := usual
		edit(&x)
		h.holdings = map[number]abuse.Holding{0: x}
		p := playHistory(t, h)
		require.Empty(t, p.actions[soft], name)
		require.Equal(t, map[string]int{name: 18}, p.prevented, "from the third day on")
	}
}

// A day on which very many numbers come up is held to the caps, and none is lost for ever.
func TestCapsHold(t *testing.T) {
	var rows []string
	for n := range 40 {
		rows = append(rows, sustained(n, 0, 20)...)
	}
	p := playHistory(t, read(t, rows...))
	r := p.result()
	// 40 accounts: one in a hundred of them a day, and at least one.
	require.Equal(t, 1, r.SoftFigures.DayMost)
	require.NotZero(t, p.prevented["cap_partner_day"]+p.prevented["cap_base_day"])
	require.Equal(t, total(p.prevented), total(map[string]int{"a": p.prevented["cap_partner_day"], "b": p.prevented["cap_base_day"]}))
	require.NotEmpty(t, p.alarms)
}

func TestPlayingTwiceIsTheSame(t *testing.T) {
	_, once, _ := program("-seed", "3", "-json")
	_, twice, _ := program("-seed", "3", "-json")
	require.Equal(t, once, twice)
	_, other, _ := program("-seed", "4", "-json")
	require.NotEqual(t, once, other)
}

// The table of points, written down again as plainly as it can be.
func slowPoints(entries []entry, today day) (confidence, reports int) {
	areas, week, quarter := map[uint16]bool{}, map[day]bool{}, map[day]bool{}
	for _, e := range entries {
		age := today - e.day
		if age < 30 {
			areas[e.area] = true
			reports++
		}
		if age < 7 {
			week[e.day] = true
		}
		if age < 90 {
			quarter[e.day] = true
		}
	}
	return 10 + 2*min(len(areas), 15) + 5*len(week) + min(len(quarter), 20), reports
}

func TestPoints(t *testing.T) {
	seed := rand.Uint64()
	t.Log("seed", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 2_000 {
		b := make(book, 1)
		var all []entry
		today := first
		for range rng.IntN(200) {
			today += day(rng.IntN(4) / 2 * rng.IntN(20))
			e := entry{today, uint16(rng.IntN(100))}
			all = append(all, e)
			b.hear(0, e)
		}
		today += day(rng.IntN(12))
		got := b.assess(0, today)
		confidence, reports := slowPoints(all, today)
		require.Equal(t, confidence, got.confidence)
		require.Equal(t, reports, int(got.reports))
		require.Equal(t, reports, b.recent(0, today))
		require.LessOrEqual(t, got.confidence, 95)

		days, groups, n := map[day]bool{}, map[uint16]bool{}, 0
		for _, e := range all {
			if today-e.day < 60 {
				n++
				days[e.day], groups[e.area] = true, true
			}
		}
		own := b.own(0, today)
		require.Equal(t, []int{n, len(days), len(groups)}, []int{own.Reports, own.Days, own.Groups})
	}
}

// A signal is in order, whatever the points are.
func TestSignalsAreInOrder(t *testing.T) {
	for confidence := 10; confidence <= 95; confidence++ {
		a := assessment{confidence: confidence, reports: 2, first: first, last: first + 3}
		s := a.signal(serviceA, signalID(first.evening(), uint64(confidence)), 1)
		require.NoError(t, s.Validate())
	}
}
