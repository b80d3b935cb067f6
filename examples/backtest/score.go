package main

import (
	"cmp"
	"slices"
	"sort"
)

// horizon is within how many days after an action a further complaint must come for it to
// have been right.
const horizon = 30

// score is how well actions did.
type score struct {
	Actions   int      `json:"actions"`
	Right     int      `json:"right"` // B had a further complaint within 30 days
	Precision *float64 `json:"precision"`
	Caught    int      `json:"complaints_after"` // B's complaints on a later day than an action on their number
	Recall    *float64 `json:"recall"`
	// Of the first action on each number alone, and of those that have 30 days of history after them.
	Numbers           int      `json:"numbers"`
	PrecisionFirst    *float64 `json:"precision_first"`
	Complete          int      `json:"actions_complete"`
	PrecisionComplete *float64 `json:"precision_complete"`
}

// part gives a/b, or nothing where b is none.
func part(a, b int) *float64 {
	if b == 0 {
		return nil
	}
	x := float64(a) / float64(b)
	return &x
}

// rate scores actions, given the days of B's complaints about each number, ascending, and the
// first day after the history.
func rate(actions []action, own [][]day, end day) (s score) {
	actions = slices.Clone(actions)
	slices.SortFunc(actions, func(a, b action) int { return cmp.Or(cmp.Compare(a.number, b.number), cmp.Compare(a.day, b.day)) })
	total, firstRight, completeRight := 0, 0, 0
	for _, days := range own {
		total += len(days)
	}
	for i, a := range actions {
		days := own[a.number]
		later := sort.Search(len(days), func(k int) bool { return days[k] > a.day })
		right := later < len(days) && days[later] <= a.day+horizon
		s.Actions++
		if right {
			s.Right++
		}
		if a.day+horizon < end {
			s.Complete++
			if right {
				completeRight++
			}
		}
		if i == 0 || actions[i-1].number != a.number {
			s.Numbers++
			s.Caught += len(days) - later
			if right {
				firstRight++
			}
		}
	}
	s.Precision, s.Recall = part(s.Right, s.Actions), part(s.Caught, total)
	s.PrecisionFirst, s.PrecisionComplete = part(firstRight, s.Numbers), part(completeRight, s.Complete)
	return s
}

// lead is how much earlier B came to a level with A's signals than it would have by itself, at a
// threshold at which it is as precise by itself.
type lead struct {
	Both       int      `json:"both"`         // numbers on which it would have come to it too
	OnlyShared int      `json:"only_shared"`  // on which it never would have
	OnlyAlone  int      `json:"only_alone"`   // on which it would have, and with A's signals did not
	Earlier    int      `json:"earlier"`      // of both: earlier with A's signals
	Later      int      `json:"later"`        // of both: later
	Median     *float64 `json:"median"`       // days gained on both; negative: lost
	MedianGain *float64 `json:"median_early"` // of those that were earlier
	days       []int    // of both, ascending
}

// firsts gives the first day of each number.
func firsts(actions []action) map[number]day {
	first := map[number]day{}
	for _, a := range actions {
		if d, ok := first[a.number]; !ok || a.day < d {
			first[a.number] = a.day
		}
	}
	return first
}

// compare sets first actions beside those of B by itself.
func compare(shared, byItself []action) (l lead) {
	first, alone := firsts(shared), firsts(byItself)
	var gains []int
	for n, d := range first {
		own, ok := alone[n]
		if !ok {
			l.OnlyShared++
			continue
		}
		gain := int(own - d)
		l.Both++
		l.days = append(l.days, gain)
		switch {
		case gain > 0:
			l.Earlier++
			gains = append(gains, gain)
		case gain < 0:
			l.Later++
		}
	}
	for n := range alone {
		if _, ok := first[n]; !ok {
			l.OnlyAlone++
		}
	}
	slices.Sort(l.days)
	slices.Sort(gains)
	l.Median, l.MedianGain = median(l.days), median(gains)
	return l
}

// median gives the middle of what is in order, or nothing.
func median(sorted []int) *float64 {
	n := len(sorted)
	if n == 0 {
		return nil
	}
	m := float64(sorted[(n-1)/2]+sorted[n/2]) / 2
	return &m
}
