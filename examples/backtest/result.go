package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/hueandcry/hueandcry/abuse"
)

// figures are those of one level.
type figures struct {
	score
	RecallInForce *float64 `json:"recall_in_force"`
	DayMedian     float64  `json:"actions_a_day_median"`
	DayMost       int      `json:"actions_a_day_most"`
	Undone        int      `json:"undone"` // taken back before their end
	Lead          lead     `json:"lead"`
	// What B would have come to by itself, at the threshold of its own points at which its first actions
	// are as precise. Zero: there is none.
	AloneThreshold int   `json:"alone_threshold"`
	Alone          score `json:"alone"`

	perDay []int
}

// result is what is printed. Its JSON is the contract: Days, Signals, Matched, Actions, Precision,
// Recall, LeadDaysMedian and PreventedByGuard, where the figures are of the hard level.
type result struct {
	Days             int            `json:"days"`
	Signals          int            `json:"signals"` // different ones
	Matched          int            `json:"matched"` // of these, about an account at B
	Actions          int            `json:"actions"`
	Precision        *float64       `json:"precision"`
	Recall           *float64       `json:"recall"`
	LeadDaysMedian   *float64       `json:"lead_days_median"`
	PreventedByGuard map[string]int `json:"prevented_by_guard"` // decisions that were made milder

	First       string         `json:"first_day"`
	Last        string         `json:"last_day"`
	Split       string         `json:"split"`
	Made        bool           `json:"made_up"`
	Seed        uint64         `json:"seed,omitempty"`
	Rows        int            `json:"rows"`
	BadRows     int            `json:"rows_bad"`
	Outside     int            `json:"rows_outside"`
	Refused     map[string]int `json:"numbers_refused"` // rows by reason
	Complaints  int            `json:"complaints"`
	AtB         int            `json:"complaints_at_b"`
	Revisions   int            `json:"revisions"`
	Withdrawn   int            `json:"withdrawn"`
	Decisions   int            `json:"decisions"`
	Shortened   int            `json:"shortened"` // steps that came to end sooner
	Alarms      map[string]int `json:"alarms"`
	Resets      int            `json:"resets"` // mornings on which a background was lifted
	RulesHash   string         `json:"rules"`
	Rules       []ruleLine     `json:"rules_live"`
	HardFigures figures        `json:"hard"`  // suspend or harsher
	SoftFigures figures        `json:"limit"` // limit or harsher

	first  day
	curves [families][]point
}

// ruleLine is a rule as the result names it.
type ruleLine struct {
	ID     string       `json:"id"`
	Action abuse.Action `json:"action"`
	Cap    int          `json:"daily_cap,omitempty"`
	When   string       `json:"when"`
}

// share is what one partner may use of the rule's cap.
func (r *ruleLine) share() int { return int(partnerShare * float64(r.Cap)) }

// point is what one threshold comes to.
type point struct {
	threshold int
	score
}

// result puts all figures together.
func (p *player) result() *result {
	h := p.h
	r := &result{
		Days: int(h.end - h.first), Signals: p.sentSignals, Matched: p.matched, PreventedByGuard: p.prevented,
		First: h.first.String(), Last: (h.end - 1).String(), Split: h.split, Made: h.made, Seed: h.seed,
		Rows: h.rows, BadRows: h.bad, Outside: h.outside, Refused: h.refused, Complaints: len(h.complaints),
		Revisions: p.revisions, Withdrawn: p.withdrawn, Decisions: p.decisions, Shortened: p.shortened,
		Alarms: p.alarms, Resets: p.resets, RulesHash: p.rules.Hash().String(), first: h.first,
	}
	own := h.ownDays()
	for _, days := range own {
		r.AtB += len(days)
	}
	for _, i := range p.rules.Rules() {
		if i.Status.String() == "live" {
			r.Rules = append(r.Rules, ruleLine{i.ID, i.Action, i.DailyCap, strings.Join(strings.Fields(i.When), " ")})
		}
	}
	for l, to := range map[level]*figures{hard: &r.HardFigures, soft: &r.SoftFigures} {
		to.score = rate(p.actions[l], own, h.end)
		to.RecallInForce = part(p.inForce[l], r.AtB)
		to.Undone = p.undone[l]
		if to.PrecisionFirst != nil {
			if t, alone, ok := p.sweep.asPrecise(*to.PrecisionFirst, own, h.end); ok {
				to.AloneThreshold, to.Alone = t, rate(alone, own, h.end)
				to.Lead = compare(p.actions[l], alone)
			}
		}
		to.perDay = make([]int, r.Days)
		for _, a := range p.actions[l] {
			to.perDay[a.day-h.first]++
		}
		sorted := slices.Sorted(slices.Values(to.perDay))
		to.DayMedian, to.DayMost = *median(sorted), sorted[len(sorted)-1]
	}
	r.Actions, r.Precision, r.Recall = r.HardFigures.Actions, r.HardFigures.Precision, r.HardFigures.Recall
	r.LeadDaysMedian = r.HardFigures.Lead.Median
	for f := range r.curves {
		for _, t := range familyThresholds[f] {
			r.curves[f] = append(r.curves[f], point{t, rate(p.sweep.actions(family(f), t), own, h.end)})
		}
	}
	return r
}

// print writes the result for a person, or as JSON.
func (r *result) print(w io.Writer, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		return e.Encode(r)
	}
	b := &strings.Builder{}
	line := func(format string, args ...any) { fmt.Fprintf(b, format+"\n", args...) }
	line("%s to %s, %s days, split by %s", r.First, r.Last, count(r.Days), r.Split)
	if r.Made {
		line("a made-up history of seed %d", r.Seed)
	} else {
		line("%s rows: %s bad, %s outside of the days, %s with a refused number%s", count(r.Rows), count(r.BadRows),
			count(r.Outside), count(total(r.Refused)), list(r.Refused))
	}
	line("%s complaints, of these %s at B", count(r.Complaints), count(r.AtB))
	line("%s signals of A (%s revisions, %s withdrawn), %s matched an account at B, %s decisions", count(r.Signals),
		count(r.Revisions), count(r.Withdrawn), count(r.Matched), count(r.Decisions))
	line("")
	for _, part := range []struct {
		name string
		of   *figures
	}{{"hard: suspend or harsher", &r.HardFigures}, {"soft: limit or harsher", &r.SoftFigures}} {
		f := part.of
		line("%s", part.name)
		line("  actions           %s on %s numbers; %s were taken back before their end", count(f.Actions), count(f.Numbers), count(f.Undone))
		line("  precision         %s (first on each number %s; with 30 days after it %s)", rateText(f.Precision), rateText(f.PrecisionFirst), rateText(f.PrecisionComplete))
		line("  recall            %s (while in force %s)", rateText(f.Recall), rateText(f.RecallInForce))
		line("  B alone           precision %s, recall %s, on %s numbers, from %d points on", rateText(f.Alone.Precision), rateText(f.Alone.Recall), count(f.Alone.Numbers), f.AloneThreshold)
		line("  days gained       median %s on %s numbers that B alone would have come to as well", daysText(f.Lead.Median), count(f.Lead.Both))
		line("                    earlier on %s of these (median %s), later on %s; %s only with A, %s only alone", count(f.Lead.Earlier),
			daysText(f.Lead.MedianGain), count(f.Lead.Later), count(f.Lead.OnlyShared), count(f.Lead.OnlyAlone))
		line("  actions a day     median %.0f, most %s%s", f.DayMedian, count(f.DayMost), r.caps(part.name[:4] == "hard"))
		line("")
	}
	line("made milder by a guard or a bound: %s decisions%s", count(total(r.PreventedByGuard)), list(r.PreventedByGuard))
	line("alarms: %s%s; backgrounds lifted in the morning: %s", count(total(r.Alarms)), list(r.Alarms), count(r.Resets))
	line("rules %s", r.RulesHash[:16])
	for _, x := range r.Rules {
		line("  %s (%s): %s", x.ID, x.Action, x.When)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// caps tells the daily caps of the rules of a level.
func (r *result) caps(hardOnly bool) string {
	var parts []string
	for _, x := range r.Rules {
		if x.Cap > 0 && x.Action >= abuse.Limit && (x.Action >= abuse.Suspend) == hardOnly {
			parts = append(parts, fmt.Sprintf("%s at most %d, %d by one partner", x.ID, x.Cap, x.share()))
		}
	}
	if parts == nil {
		return ""
	}
	return "; caps: " + strings.Join(parts, "; ")
}

func total(m map[string]int) (n int) {
	for _, k := range m {
		n += k
	}
	return n
}

// list names the counts of a map, as in " (a 1, b 2)".
func list(m map[string]int) string {
	if len(m) == 0 {
		return ""
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, name+" "+count(m[name]))
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

// count puts a comma between thousands.
func count(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func rateText(x *float64) string {
	if x == nil {
		return "none"
	}
	return fmt.Sprintf("%.4f", *x)
}

func daysText(x *float64) string {
	if x == nil {
		return "none"
	}
	return fmt.Sprintf("%.1f", *x)
}
