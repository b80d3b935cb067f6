package main

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// slowRate computes precision and recall by looking at everything, as the issue defines them.
func slowRate(actions []action, complaints []complaint) (precision, recall, precisionFirst float64) {
	right, after, all, firsts, firstsRight := 0, 0, 0, 0, 0
	for _, a := range actions {
		good, earliest := false, true
		for _, c := range complaints {
			if c.own && c.number == a.number && c.day > a.day && c.day <= a.day+30 {
				good = true
			}
		}
		for _, b := range actions {
			if b.number == a.number && b.day < a.day {
				earliest = false
			}
		}
		if good {
			right++
		}
		if earliest {
			firsts++
			if good {
				firstsRight++
			}
		}
	}
	for _, c := range complaints {
		if !c.own {
			continue
		}
		all++
		for _, a := range actions {
			if a.number == c.number && a.day < c.day {
				after++
				break
			}
		}
	}
	return float64(right) / float64(len(actions)), float64(after) / float64(all), float64(firstsRight) / float64(firsts)
}

func TestRateAgainstSlow(t *testing.T) {
	seed := rand.Uint64()
	t.Log("seed", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 300 {
		h := &history{split: "area", numbers: 1 + rng.IntN(8)}
		for range 2 + rng.IntN(150) {
			h.complaints = append(h.complaints, complaint{day: first + day(rng.IntN(120)), number: number(rng.IntN(h.numbers)), area: uint16(rng.IntN(10))})
		}
		h.complaints = append(h.complaints, complaint{day: first, area: 1})
		h.arrange()
		var actions []action
		for range 1 + rng.IntN(20) {
			a := action{number(rng.IntN(h.numbers)), first + day(rng.IntN(120))}
			if !slices.Contains(actions, a) {
				actions = append(actions, a)
			}
		}
		got := rate(actions, h.ownDays(), h.end)
		precision, recall, firstPrecision := slowRate(actions, h.complaints)
		require.InDelta(t, precision, *got.Precision, 1e-12)
		require.InDelta(t, recall, *got.Recall, 1e-12)
		require.InDelta(t, firstPrecision, *got.PrecisionFirst, 1e-12)
	}
}

// The same on what the program itself comes to.
func TestPlayedAgainstSlow(t *testing.T) {
	h, err := (&options{split: "area", seed: 5}).history(nil)
	require.NoError(t, err)
	p := playHistory(t, h)
	r := p.result()
	for l, got := range map[level]score{hard: r.HardFigures.score, soft: r.SoftFigures.score} {
		require.NotEmpty(t, p.actions[l])
		precision, recall, _ := slowRate(p.actions[l], h.complaints)
		require.InDelta(t, precision, *got.Precision, 1e-12)
		require.InDelta(t, recall, *got.Recall, 1e-12)
	}
	for _, guard := range []string{"recycled", "unverified", "over_shared"} {
		require.NotZero(t, r.PreventedByGuard[guard], guard)
	}
	require.NotZero(t, r.Withdrawn)
	require.NotZero(t, r.HardFigures.Undone)
}

func TestNothingToRate(t *testing.T) {
	s := rate(nil, [][]day{nil}, first)
	require.Nil(t, s.Precision)
	require.Nil(t, s.Recall)
}

func TestCompare(t *testing.T) {
	shared := []action{{1, first + 5}, {1, first + 2}, {2, first}, {3, first + 9}}
	alone := []action{{1, first + 6}, {3, first + 8}, {4, first}}
	l := compare(shared, alone)
	require.Equal(t, []int{2, 1, 1, 1, 1}, []int{l.Both, l.OnlyShared, l.OnlyAlone, l.Earlier, l.Later})
	require.Equal(t, []int{-1, 4}, l.days)
	require.Equal(t, 1.5, *l.Median)
	require.Equal(t, 4.0, *l.MedianGain)
}
