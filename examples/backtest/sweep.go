package main

// A family is a way to come to a score by which thresholds can be tried. Beside what the rules
// do, the report shows how precise and how complete each threshold of each would be.
type family int

const (
	byCount    family = iota // complaints at A and B together in the last 30 days
	byPartner                // the confidence of A's signal
	byPoints                 // that and six for each of B's own days, as the shipped rules have it
	byItself                 // what the table of points makes of B's own complaints, and six for each of its days
	families   = 4
	ownDayPart = 6
	quietDays  = 7
)

var familyNames = [families]string{"complaints in 30 days, both together", "confidence of A's signal alone", "A's confidence + 6 x own days", "B alone: own points + 6 x own days"}

// familyThresholds are those that are tried.
var familyThresholds = [families][]int{
	{3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50},
	{25, 30, 35, 40, 45, 50, 55, 60, 65, 70, 75, 80, 85, 90},
	{36, 40, 44, 48, 52, 56, 60, 64, 68, 72, 76, 80, 84, 88, 92, 96, 100, 110, 120},
	{40, 44, 48, 52, 56, 60, 64, 68, 72, 76, 80, 84, 88, 92, 96, 100, 110, 120},
}

// rise is a day on which a number had a higher score than ever before.
type rise struct {
	day   day
	score int
}

// sweep notes how scores rise.
type sweep [families]map[number][]rise

func newSweep() *sweep {
	var s sweep
	for f := range s {
		s[f] = map[number][]rise{}
	}
	return &s
}

// note takes the scores of a number at the end of a day.
func (s *sweep) note(p *player, n number, today day) {
	if !p.account[n] {
		return // B could not act
	}
	s.add(byCount, n, today, p.a.recent(n, today)+p.b.recent(n, today))
	signal, ok := p.signals[n]
	if !ok || today >= signal.valid {
		return
	}
	s.add(byPartner, n, today, signal.said)
	if own := p.b.own(n, today); own.Days > 0 && today-dayOf(own.Last) < quietDays {
		s.add(byPoints, n, today, signal.said+ownDayPart*own.Days)
	}
}

// alone takes what B makes of its own complaints alone. It has to be reported twice here too.
func (s *sweep) alone(p *player, n number, today day) {
	if a := p.b.assess(n, today); a.reports >= leastReports {
		s.add(byItself, n, today, a.confidence+ownDayPart*p.b.own(n, today).Days)
	}
}

// mostAlone is the highest score that B alone can come to.
const mostAlone = 95 + ownDayPart*ownDaysCounted

// asPrecise gives what B by itself would have done by the lowest threshold at which its first actions
// are as precise; false where there is none.
func (s *sweep) asPrecise(precision float64, own [][]day, end day) (threshold int, actions []action, ok bool) {
	for t := familyThresholds[byItself][0]; t <= mostAlone; t++ {
		actions := s.actions(byItself, t)
		if got := rate(actions, own, end).PrecisionFirst; got != nil && *got >= precision {
			return t, actions, true
		}
	}
	return 0, nil, false
}

func (s *sweep) add(f family, n number, today day, score int) {
	list := s[f][n]
	if score < familyThresholds[f][0] || len(list) > 0 && list[len(list)-1].score >= score {
		return
	}
	s[f][n] = append(list, rise{today, score})
}

// actions gives the first day on which each number reached the threshold.
func (s *sweep) actions(f family, threshold int) (list []action) {
	for n, rises := range s[f] {
		for _, r := range rises {
			if r.score >= threshold {
				list = append(list, action{n, r.day})
				break
			}
		}
	}
	return list
}
