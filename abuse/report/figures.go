package report

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/abuse"
)

// Column is what [Figures] count. The zero Column is invalid.
type Column uint8

// The columns. All but the last count signals, so that each of the first three holds the next.
const (
	Received   Column = 1 // signals that partners have sent
	Matched    Column = 2 // of these, those about an account here
	Actioned   Column = 3 // of these, those that carried a live step
	Retracted  Column = 4 // of those received, those that were withdrawn or revoked
	Overturned Column = 5 // of those actioned, those whose step a person found wrong
	Undone     Column = 6 // decisions whose step was taken back or made milder
	columnEnd  Column = 7
)

var columnNames = [columnEnd]string{"invalid", "received", "matched", "actioned", "retracted", "overturned", "undone"}

// String gives the name, such as "received", and "invalid" for anything else.
func (c Column) String() string {
	if c < columnEnd {
		return columnNames[c]
	}
	return columnNames[0]
}

const categoryEnd = abuse.Other + 1

// Tally counts what [Figures] are made of. A signal counts once in a column, however often it was
// revised or weighed. It keeps the names of signals and decisions, and of no account. The zero Tally
// is empty and ready; it is for one goroutine.
type Tally struct {
	counts  [columnEnd][categoryEnd]int
	seen    [columnEnd]map[uuid.UUID]bool
	decided map[uuid.UUID]verdict
	undone  [categoryEnd][]time.Duration // by category, as a suppressed one must not tell on itself
}

// verdict is what an undo needs to know of the decision that it undoes.
type verdict struct {
	category abuse.Category
	at       time.Time
}

// Count counts a signal in a column; again is nothing. An invalid column or category, or Undone, is an
// [*abuse.Error]: [Tally.Decision] counts that.
func (t *Tally) Count(c Column, signal uuid.UUID, category abuse.Category) error {
	if c == 0 || c >= Undone || category == 0 || category >= categoryEnd {
		return &abuse.Error{Field: "figures", Problem: "must count a signal of a known category in a column of signals"}
	}
	t.count(c, signal, category)
	return nil
}

// count says whether this was counted: it is new, and of a known category.
func (t *Tally) count(c Column, id uuid.UUID, category abuse.Category) bool {
	if t.seen[c] == nil {
		t.seen[c] = map[uuid.UUID]bool{}
	}
	if t.seen[c][id] || category == 0 || category >= categoryEnd {
		return false
	}
	t.seen[c][id] = true
	t.counts[c][category]++
	return true
}

// Decision counts a decision, live or not: its signals as matched, those that carried a live step as
// actioned, and, if it undoes one that was counted before, that one as undone. Decisions are to be
// given in the order in which they were made. Again is nothing. The undoing of a step that was taken before the
// first of them is not counted: so a short period says too little of those that took long.
func (t *Tally) Decision(d abuse.Decision) {
	if _, again := t.decided[d.ID]; again {
		return
	}
	if t.decided == nil {
		t.decided = map[uuid.UUID]verdict{}
	}
	v := verdict{category: abuse.Other, at: d.At}
	for _, w := range d.Explanation.Signals {
		t.count(Matched, w.Signal.ID, w.Signal.Category)
	}
	carried := carriers(&d)
	for i, w := range carried {
		if i == 0 {
			v.category = w.Signal.Category
		}
		if d.Mode == abuse.Live && d.Action > abuse.None {
			t.count(Actioned, w.Signal.ID, w.Signal.Category)
		}
	}
	t.decided[d.ID] = v
	if was, known := t.decided[d.Undoes]; known && d.Undoes != d.ID {
		if t.count(Undone, d.Undoes, was.category) {
			since := was.at
			if !d.UndoneSince.IsZero() {
				since = d.UndoneSince
			}
			t.undone[was.category] = append(t.undone[was.category], max(d.At.Sub(since), 0))
		}
	}
}

// MinThreshold is the lowest threshold of [Tally.Figures], DefaultThreshold what zero means.
const (
	MinThreshold     = 3
	DefaultThreshold = 10
)

// Figures are the counts of a period, fit to be published. The zero Figures are none.
//
// A cell that counts 1 to Threshold-1 is suppressed: that few may be somebody. A zero is shown, for
// it is about nobody. Where a cell of a column is suppressed its total is too, and only the sum of
// what is shown stands there, as a lower bound: so nothing that is published depends on what a
// suppressed cell holds, and it may be any number from 1 to Threshold-1, whatever else of these
// figures is known. Hiding a second cell beside the total instead would not do: who knows the rule by
// which it was chosen can in some cases still compute both. The median is of the undos that are shown,
// and shown if these are Threshold or more, in whole hours.
//
// What a column lacks of the one that holds it is a count too: of 12 signals that were actioned and 11
// that were overturned one was right. So a cell that lacks 1 to Threshold-1 of such a one that is shown is
// suppressed as well, and may be any of as many numbers: known is that it is at least N, or, where the other
// is below 2*Threshold-1 itself, no more than that it is less.
//
// That holds for one set of figures. Two sets about periods that overlap may be subtracted: publish none.
type Figures struct {
	From, To  time.Time // the period, as the caller names it
	Threshold int
	Lines     []Line // of every category
	Total     Line
	// MedianUndo is the median time from the beginning of a step to its undoing, in whole hours, of the
	// categories whose undos are shown; meaningful if MedianShown. A step begins when the account comes
	// to be under one as harsh; that it was decided again since, by other evidence or by a person, does
	// not begin it anew. Where a decision does not say so ([abuse.Decision].UndoneSince) it is the time
	// of the decision undone.
	MedianUndo  time.Duration
	MedianShown bool
}

// Line is the counts of a category, or of all together, by column; index 0 is not used.
type Line struct {
	Category abuse.Category // zero: all together
	Cells    [columnEnd]Cell
}

// Cell is a count. Suppressed: it is not known, but for N as a lower bound.
type Cell struct {
	N          int
	Suppressed bool
}

// Figures gives what was counted. A threshold of zero means [DefaultThreshold]; one below
// [MinThreshold], or a period that does not end after it begins, is an [*abuse.Error].
func (t *Tally) Figures(from, to time.Time, threshold int) (Figures, error) {
	if threshold == 0 {
		threshold = DefaultThreshold
	}
	if threshold < MinThreshold {
		return Figures{}, &abuse.Error{Field: "figures threshold", Problem: "must be 3 or more"}
	}
	if !to.After(from) {
		return Figures{}, &abuse.Error{Field: "figures period", Problem: "must end after it begins"}
	}
	f := Figures{From: from.UTC(), To: to.UTC(), Threshold: threshold}
	var undone []time.Duration // of the cells that are shown
	for category := abuse.Category(1); category < categoryEnd; category++ {
		line := Line{Category: category}
		for c := Received; c < columnEnd; c++ {
			cell, total := &line.Cells[c], &f.Total.Cells[c]
			n, holder := t.counts[c][category], line.holder(c)
			switch {
			case n > 0 && n < threshold:
				cell.Suppressed = true
			case n < holder && holder-n < threshold:
				cell.Suppressed = true
				if holder >= 2*threshold-1 {
					cell.N = holder - threshold + 1
				}
			default:
				cell.N = n
			}
			total.N, total.Suppressed = total.N+cell.N, total.Suppressed || cell.Suppressed
			if c == Undone && !cell.Suppressed {
				undone = append(undone, t.undone[category]...)
			}
		}
		f.Lines = append(f.Lines, line)
	}
	if f.Total.Cells[Undone].N >= threshold {
		f.MedianShown, f.MedianUndo = true, median(undone).Round(time.Hour)
	}
	return f, nil
}

// holders are the columns that hold all that another counts.
var holders = [columnEnd][]Column{Matched: {Received}, Actioned: {Received, Matched}, Retracted: {Received}, Overturned: {Received, Matched, Actioned}}

// holder gives the smallest count that is shown and not zero of the columns that hold another; 0 if there is none.
func (l *Line) holder(c Column) (least int) {
	for _, h := range holders[c] {
		if x := l.Cells[h]; !x.Suppressed && x.N > 0 && (least == 0 || x.N < least) {
			least = x.N
		}
	}
	return least
}

func median(all []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	n := len(sorted)
	if n%2 == 1 {
		return sorted[n/2]
	}
	return sorted[n/2-1] + (sorted[n/2]-sorted[n/2-1])/2
}

func (f *Figures) cell(l *Line, c Column) string {
	switch cell, holder := l.Cells[c], l.holder(c); {
	case cell.Suppressed && (l.Category == 0 || cell.N > 0):
		return ">=" + strconv.Itoa(cell.N)
	case cell.Suppressed && holder > f.Threshold && holder < 2*f.Threshold-1:
		return "<" + strconv.Itoa(holder) // it may be below the threshold, or be near the other
	case cell.Suppressed:
		return "<" + strconv.Itoa(f.Threshold)
	default:
		return strconv.Itoa(cell.N)
	}
}

func (l *Line) name() string {
	if l.Category == 0 {
		return "total"
	}
	return l.Category.String()
}

func (f *Figures) rows() [][]string {
	head := []string{"category"}
	for c := Received; c < columnEnd; c++ {
		head = append(head, c.String())
	}
	rows := [][]string{head}
	for _, l := range append(slices.Clone(f.Lines), f.Total) {
		row := []string{l.name()}
		for c := Received; c < columnEnd; c++ {
			row = append(row, f.cell(&l, c))
		}
		rows = append(rows, row)
	}
	return rows
}

func (f *Figures) medianHours() string {
	if !f.MedianShown {
		return ""
	}
	return strconv.Itoa(int(f.MedianUndo / time.Hour))
}

// Text gives the figures as a table for people, in lines of plain text. Categories in which nothing
// was counted are left out.
func (f Figures) Text() string {
	var b strings.Builder
	b.WriteString("from " + f.From.Format(time.DateOnly) + " to " + f.To.Format(time.DateOnly) + "; counts and differences below " + strconv.Itoa(f.Threshold) + " are not shown\n")
	for i, row := range f.rows() {
		if i > 0 && i <= len(f.Lines) && !slices.ContainsFunc(row[1:], func(s string) bool { return s != "0" }) {
			continue
		}
		line := row[0] + strings.Repeat(" ", 22-len(row[0]))
		for _, s := range row[1:] {
			line += strings.Repeat(" ", max(12-len(s), 1)) + s
		}
		b.WriteString(line + "\n")
	}
	if f.MedianShown {
		b.WriteString("median time to undo: " + f.medianHours() + " h\n")
	} else {
		b.WriteString("median time to undo: not shown\n")
	}
	return b.String()
}

// CSV writes the figures as RFC 4180 has it: a head, a row for every category, and the total. A
// suppressed cell is "<10" under a threshold of 10, one near to a cell that holds it "<15" or ">=91", a total that
// lacks one ">=1234". The error is the writer's.
func (f Figures) CSV(w io.Writer) error {
	out := csv.NewWriter(w)
	if err := out.WriteAll(f.rows()); err != nil {
		return err
	}
	return out.Error()
}

// MarshalJSON gives an object with "from", "to", "threshold", "categories", "total" and
// "median_undo_hours". A count that is suppressed is null; in the total, and where a lower bound is known, it is
// an object with "at_least".
func (f Figures) MarshalJSON() ([]byte, error) {
	line := func(l *Line) map[string]any {
		out := map[string]any{}
		for c := Received; c < columnEnd; c++ {
			switch cell := l.Cells[c]; {
			case cell.Suppressed && (l.Category == 0 || cell.N > 0):
				out[c.String()] = map[string]int{"at_least": cell.N}
			case cell.Suppressed:
				out[c.String()] = nil
			default:
				out[c.String()] = cell.N
			}
		}
		return out
	}
	by := map[string]any{}
	for i := range f.Lines {
		by[f.Lines[i].name()] = line(&f.Lines[i])
	}
	out := map[string]any{"from": f.From.Format(time.DateOnly), "to": f.To.Format(time.DateOnly), "threshold": f.Threshold,
		"categories": by, "total": line(&f.Total), "median_undo_hours": nil}
	if f.MedianShown {
		out["median_undo_hours"] = int(f.MedianUndo / time.Hour)
	}
	return json.Marshal(out)
}
