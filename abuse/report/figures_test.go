package report_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/report"
)

var from, to = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)

// Whatever three small categories hold: of all tables that are published alike, each suppressed cell
// takes more than one value. So none can be computed, also not by one who knows the rule.
func TestSuppressedCellsCannotBeComputed(t *testing.T) {
	const threshold, most = 3, 6
	type cells [3]int
	published := map[string][]cells{}
	for a := range most {
		for b := range most {
			for c := range most {
				tally := report.Tally{}
				for category, n := range (cells{a, b, c}) {
					for i := range n {
						require.NoError(t, tally.Count(report.Received, number(category*1000+i), abuse.Category(1+category)))
					}
				}
				f, err := tally.Figures(from, to, threshold)
				require.NoError(t, err)
				text, err := json.Marshal(f)
				require.NoError(t, err)
				published[string(text)+f.Text()] = append(published[string(text)+f.Text()], cells{a, b, c})
			}
		}
	}
	require.Greater(t, len(published), 20)
	for _, alike := range published {
		for at := range 3 {
			values := map[int]bool{}
			for _, one := range alike {
				values[one[at]] = true
			}
			if n := alike[0][at]; n > 0 && n < threshold {
				require.Len(t, values, threshold-1, "every number below the threshold")
			} else {
				require.Len(t, values, 1, "what is not small is shown")
			}
		}
	}
}

// Nor by one who knows that a column holds the next, and subtracts: of what is received some is matched, of that
// some actioned, of that some overturned; and of what is received some is retracted.
func TestSuppressedCellsOfNestedColumns(t *testing.T) {
	const threshold, most = 3, 8
	columns := []report.Column{report.Received, report.Matched, report.Actioned, report.Overturned, report.Retracted}
	published := map[string][][5]int{}
	for n := range most * most * most * most {
		counts := [5]int{n % most, n / most % most, n / most / most % most, n / most / most / most}
		if counts[1] > counts[0] || counts[2] > counts[1] || counts[3] > counts[2] {
			continue
		}
		counts[4] = counts[1]
		tally := report.Tally{}
		for i, n := range counts {
			for signal := range n {
				require.NoError(t, tally.Count(columns[i], number(signal), abuse.Spam))
			}
		}
		f, err := tally.Figures(from, to, threshold)
		require.NoError(t, err)
		data, err := json.Marshal(f)
		require.NoError(t, err)
		published[f.Text()+string(data)] = append(published[f.Text()+string(data)], counts)
		for i, c := range columns {
			if cell := f.Lines[abuse.Spam-1].Cells[c]; cell.Suppressed {
				require.LessOrEqual(t, cell.N, counts[i])
			} else {
				require.Equal(t, counts[i], cell.N)
			}
		}
	}
	require.Greater(t, len(published), 30)
	for text, alike := range published {
		different := func(of func([5]int) int) {
			values := map[int]bool{}
			for _, one := range alike {
				values[of(one)] = true
			}
			if n := of(alike[0]); n > 0 && n < threshold {
				require.Greater(t, len(values), 1, text)
			}
		}
		for at := range columns {
			different(func(c [5]int) int { return c[at] })
			for holder := range at {
				different(func(c [5]int) int { return c[holder] - c[at] })
			}
		}
	}
}

// What was decided again the day before it was undone has not begun then.
func TestUndoFromTheBeginning(t *testing.T) {
	tally := report.Tally{}
	for n := range 12 {
		d := decide(signal(n))
		tally.Decision(d)
		tally.Decision(abuse.Decision{ID: number(1000 + n), Action: abuse.None, Mode: abuse.Live, Undoes: d.ID,
			UndoneSince: d.At.AddDate(0, 0, -59), At: d.At.AddDate(0, 0, 1)})
	}
	f, err := tally.Figures(from, to, 0)
	require.NoError(t, err)
	require.True(t, f.MedianShown)
	require.Equal(t, 60*24*time.Hour, f.MedianUndo)
}

func TestFigures(t *testing.T) {
	tally := report.Tally{}
	for n := range 12 {
		require.NoError(t, tally.Count(report.Received, number(n), abuse.Phishing))
		require.NoError(t, tally.Count(report.Received, number(n), abuse.Phishing), "again")
		d := decide(signal(n))
		tally.Decision(d)
		tally.Decision(d)
		undo := abuse.Decision{ID: number(1000 + n), Action: abuse.None, Mode: abuse.Live, Undoes: d.ID, At: d.At.Add(time.Duration(n) * time.Hour)}
		tally.Decision(undo)
		undo.ID = number(2000 + n)
		tally.Decision(undo)
	}
	require.NoError(t, tally.Count(report.Received, number(50), abuse.Spam))
	require.NoError(t, tally.Count(report.Retracted, number(50), abuse.Spam))
	f, err := tally.Figures(from, to, 0)
	require.NoError(t, err)
	require.Equal(t, report.Cell{N: 12}, f.Lines[abuse.Phishing-1].Cells[report.Actioned])
	require.Equal(t, report.Cell{Suppressed: true}, f.Lines[abuse.Spam-1].Cells[report.Received])
	require.Equal(t, report.Cell{N: 12, Suppressed: true}, f.Total.Cells[report.Received])
	require.Equal(t, report.Cell{N: 12}, f.Total.Cells[report.Undone])
	require.True(t, f.MedianShown)
	require.Equal(t, 6*time.Hour, f.MedianUndo, "between 5 and 6 hours, rounded")
	var b bytes.Buffer
	require.NoError(t, f.CSV(&b))
	rows, err := csv.NewReader(&b).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 17)
	require.Equal(t, []string{"spam", "<10", "0", "0", "<10", "0", "0"}, rows[1])
	require.Equal(t, []string{"total", ">=12", "12", "12", ">=0", "0", "12"}, rows[16])
	require.Contains(t, f.Text(), "median time to undo: 6 h")
	require.NotContains(t, f.Text(), "harassment")

	few := report.Tally{}
	few.Decision(decide(signal(1)))
	g, err := few.Figures(from, to, 3)
	require.NoError(t, err)
	require.False(t, g.MedianShown)

	_, err = tally.Figures(from, to, 2)
	require.Error(t, err)
	_, err = tally.Figures(to, from, 0)
	require.Error(t, err)
	require.Error(t, tally.Count(0, uuid.Nil, abuse.Spam))
	require.Error(t, tally.Count(report.Undone, uuid.Nil, abuse.Spam))
	require.Error(t, tally.Count(report.Received, uuid.Nil, 0))
	require.Equal(t, "invalid", report.Column(99).String())
	require.True(t, strings.HasPrefix(report.Received.String(), "rec"))
}

// Nor does the median depend on what a suppressed cell holds.
func TestMedianOfShownCellsOnly(t *testing.T) {
	published := func(spam ...time.Duration) string {
		tally, undos := report.Tally{}, 0
		undone := func(category abuse.Category, after time.Duration) {
			undos++
			s := signal(undos)
			s.Category = category
			d := decide(s)
			tally.Decision(d)
			tally.Decision(abuse.Decision{ID: number(1000 + undos), Action: abuse.None, Mode: abuse.Live, Undoes: d.ID, At: d.At.Add(after)})
		}
		for n := range 3 {
			undone(abuse.Phishing, time.Duration(n+1)*time.Hour)
		}
		for _, after := range spam {
			undone(abuse.Spam, after)
		}
		f, err := tally.Figures(from, to, 3)
		require.NoError(t, err)
		require.True(t, f.MedianShown)
		require.Equal(t, len(spam) < 3, f.MedianUndo == 2*time.Hour, "those that are shown are in it")
		return f.Text()[strings.Index(f.Text(), "median"):]
	}
	require.Equal(t, published(), published(900*time.Hour))
	require.Equal(t, published(), published(900*time.Hour, 901*time.Hour))
	require.NotEqual(t, published(), published(900*time.Hour, 901*time.Hour, 902*time.Hour))
}
