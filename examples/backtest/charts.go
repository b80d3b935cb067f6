package main

import (
	"fmt"
	"html/template"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/go-analyze/charts"

	"github.com/hueandcry/hueandcry/abuse"
)

const (
	chartWidth  = 960
	chartHeight = 420
)

// drawing draws one chart as an SVG that stands in the page. The name of the format is
// left out: in HTML it says nothing, and so the page has no address in it.
func drawing(draw func(*charts.Painter) error) (template.HTML, error) {
	p := charts.NewPainter(charts.PainterOptions{OutputFormat: charts.ChartOutputSVG, Width: chartWidth, Height: chartHeight})
	if err := draw(p); err != nil {
		return "", err
	}
	b, err := p.Bytes()
	if err != nil {
		return "", err
	}
	s := strings.ReplaceAll(string(b), ` xmlns="http://www.w3.org/2000/svg"`, "")
	s = strings.ReplaceAll(s, ` xmlns:xlink="http://www.w3.org/1999/xlink"`, "")
	return template.HTML(s), nil // of numbers and of names that stand in this program or in a checked rules file
}

// curveSteps are the points of the scale of recall, such as 0, 0.005, ... 0.12.
const curveSteps = 25

// curveStep gives the finest scale on which the rules have room. Thresholds that go beyond it are in the
// figures below the chart.
func curveStep(r *result) float64 {
	most := 0.0
	for _, f := range []*figures{&r.HardFigures, &r.SoftFigures} {
		if f.Recall != nil {
			most = max(most, *f.Recall)
		}
	}
	step := 0.005
	for most > step*(curveSteps-1) {
		step *= 2
	}
	return step
}

// thresholdChart shows precision against recall for each family of thresholds, and the rules.
func thresholdChart(r *result) (reportChart, error) {
	c := reportChart{Title: "Precision and recall of thresholds",
		Says: "Each line tries the thresholds of one score, with one action on each number. The squares are the first actions of the rules on each number.",
		Head: []string{"score", "threshold", "actions", "precision", "recall"}}
	var series [][]float64
	var names []string
	step := curveStep(r)
	at := func(recall float64) int { return int(recall/step + 0.5) }
	empty := func() []float64 {
		s := make([]float64, curveSteps)
		for i := range s {
			s[i] = charts.GetNullValue()
		}
		return s
	}
	for f, points := range r.curves {
		line := empty()
		for i, p := range points {
			if p.Precision == nil || p.Recall == nil {
				continue
			}
			c.Rows = append(c.Rows, []string{familyNames[f], strconv.Itoa(p.threshold), count(p.Actions), rateText(p.Precision), rateText(p.Recall)})
			if i == 0 {
				continue
			}
			between(line, step, points[i-1].score, p.score)
		}
		series, names = append(series, line), append(names, familyNames[f])
	}
	for _, l := range []struct {
		name string
		of   *figures
	}{{"rules, hard", &r.HardFigures}, {"rules, soft", &r.SoftFigures}} {
		dot := empty()
		if l.of.PrecisionFirst != nil && l.of.Recall != nil {
			dot[at(*l.of.Recall)] = *l.of.PrecisionFirst
			c.Rows = append(c.Rows, []string{l.name, "", count(l.of.Numbers), rateText(l.of.PrecisionFirst), rateText(l.of.Recall)})
		}
		series, names = append(series, dot), append(names, l.name)
	}
	labels := make([]string, curveSteps)
	for i := range labels {
		labels[i] = fmt.Sprintf("%.3f", float64(i)*step)
	}
	var err error
	c.SVG, err = drawing(func(p *charts.Painter) error {
		opt := charts.NewLineChartOptionWithData(series)
		opt.XAxis.Labels, opt.XAxis.Title, opt.XAxis.LabelCount = labels, "recall", curveSteps
		opt.XAxis.LabelFontStyle.FontSize = 8
		opt.YAxis[0].Title, opt.YAxis[0].Min, opt.YAxis[0].Max = "precision", charts.Ptr(0.0), charts.Ptr(1.0)
		opt.YAxis[0].ValueFormatter = func(x float64) string { return fmt.Sprintf("%.1f", x) }
		opt.Legend.SeriesNames = names
		opt.Symbol.Shape = charts.SymbolNone
		for i := families; i < len(names); i++ {
			opt.SeriesList[i].Symbol = charts.Symbol{Shape: charts.SymbolSquare, Size: 6}
		}
		return p.LineChart(opt)
	})
	return c, err
}

// between fills a line from one point to the next, at each step of recall that lies between.
func between(line []float64, step float64, a, b score) {
	if a.Precision == nil || a.Recall == nil || *a.Recall <= *b.Recall {
		return
	}
	for i := range line {
		x := float64(i) * step
		if x >= *b.Recall && x <= *a.Recall {
			part := (x - *b.Recall) / (*a.Recall - *b.Recall)
			line[i] = *b.Precision + part*(*a.Precision-*b.Precision)
		}
	}
}

// leadBins are the bounds of days gained: from the first, up to and with the second.
var leadBins = []struct {
	name       string
	from, upto int
}{
	{"8 or more lost", -1 << 30, -8}, {"3 to 7 lost", -7, -3}, {"1 or 2 lost", -2, -1}, {"same day", 0, 0}, {"1 or 2", 1, 2},
	{"3 to 7", 3, 7}, {"8 to 14", 8, 14}, {"15 to 30", 15, 30}, {"31 or more", 31, 1 << 30},
}

// leadChart shows how many days were gained.
func leadChart(r *result) (reportChart, error) {
	c := reportChart{Title: "Days gained by sharing",
		Says: "On how many numbers B came to the level so much earlier with A's signals than by itself at the same precision. Only with A: B by itself never came to it.",
		Head: []string{"days gained", "hard", "soft"}}
	var labels []string
	series := make([][]float64, 2)
	both := []*figures{&r.HardFigures, &r.SoftFigures}
	add := func(name string, counts ...int) {
		labels = append(labels, name)
		row := []string{name}
		for i, n := range counts {
			series[i] = append(series[i], float64(n))
			row = append(row, count(n))
		}
		c.Rows = append(c.Rows, row)
	}
	for _, bin := range leadBins {
		var counts []int
		for _, f := range both {
			n := 0
			for _, d := range f.Lead.days {
				if d >= bin.from && d <= bin.upto {
					n++
				}
			}
			counts = append(counts, n)
		}
		add(bin.name, counts...)
	}
	add("only with A", r.HardFigures.Lead.OnlyShared, r.SoftFigures.Lead.OnlyShared)
	var err error
	c.SVG, err = drawing(func(p *charts.Painter) error {
		return p.BarChart(bars(series, labels, "numbers", []string{"hard", "soft"}))
	})
	return c, err
}

func bars(series [][]float64, labels []string, what string, names []string) charts.BarChartOption {
	opt := charts.NewBarChartOptionWithData(series)
	opt.CategoryAxis.Labels, opt.CategoryAxis.LabelCount = labels, len(labels)
	opt.CategoryAxis.LabelFontStyle.FontSize = 9
	opt.ValueAxis[0].Title, opt.ValueAxis[0].Min = what, charts.Ptr(0.0)
	opt.ValueFormatter = func(x float64) string { return strconv.Itoa(int(x)) }
	opt.Legend.SeriesNames = names
	return opt
}

// dailyChart shows actions a day, and the caps of the rules of each level.
func dailyChart(r *result) (reportChart, error) {
	c := reportChart{Title: "Actions a day, and the caps",
		Says: "New actions of each day, and how many of them the caps of the rules leave to one partner. A cap is of one rule; where a level has several, the line is their sum.",
		Head: []string{"day", "hard", "soft"}}
	labels := make([]string, r.Days)
	series := [][]float64{make([]float64, r.Days), make([]float64, r.Days)}
	for i := range labels {
		labels[i] = (r.first + day(i)).String()
		h, s := r.HardFigures.perDay[i], r.SoftFigures.perDay[i]
		series[0][i], series[1][i] = float64(h), float64(s)
		c.Rows = append(c.Rows, []string{labels[i], count(h), count(s)})
	}
	names := []string{"hard", "soft"}
	caps := map[string]int{}
	for _, x := range r.Rules {
		switch {
		case x.Cap == 0 || x.Action < abuse.Limit:
		case x.Action >= abuse.Suspend:
			caps["A's cap, hard rules"] += x.share()
		default:
			caps["A's cap, soft rules"] += x.share()
		}
	}
	for _, name := range slices.Sorted(maps.Keys(caps)) {
		line := make([]float64, r.Days)
		for i := range line {
			line[i] = float64(caps[name])
		}
		series, names = append(series, line), append(names, name)
	}
	var err error
	c.SVG, err = drawing(func(p *charts.Painter) error {
		opt := charts.NewLineChartOptionWithData(series)
		opt.XAxis.Labels, opt.XAxis.LabelCount = labels, 8
		opt.YAxis[0].Title, opt.YAxis[0].Min = "actions", charts.Ptr(0.0)
		opt.ValueFormatter = func(x float64) string { return strconv.Itoa(int(x)) }
		opt.Legend.SeriesNames = names
		opt.Symbol.Shape = charts.SymbolNone
		opt.LineStrokeWidth = 1.2
		return p.LineChart(opt)
	})
	return c, err
}

// guardChart shows what guards and bounds have made milder.
func guardChart(r *result) (reportChart, error) {
	c := reportChart{Title: "What each guard and bound prevented",
		Says: "Decisions that would have been harsher without it. A file of complaints knows nothing of the accounts, so that the guards about them have nothing to say there.",
		Head: []string{"guard or bound", "decisions"}}
	var labels []string
	var values []float64
	for _, name := range slices.Sorted(maps.Keys(r.PreventedByGuard)) {
		n := r.PreventedByGuard[name]
		labels, values = append(labels, strings.ReplaceAll(name, "_", " ")), append(values, float64(n))
		c.Rows = append(c.Rows, []string{name, count(n)})
	}
	if labels == nil {
		labels, values = []string{"none"}, []float64{0}
		c.Rows = append(c.Rows, []string{"none", "0"})
	}
	var err error
	c.SVG, err = drawing(func(p *charts.Painter) error {
		return p.BarChart(bars([][]float64{values}, labels, "decisions", []string{"decisions"}))
	})
	return c, err
}
