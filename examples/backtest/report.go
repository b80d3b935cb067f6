package main

import (
	_ "embed"
	"errors"
	"html/template"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

//go:embed report.html
var reportText string

var reportTemplate = template.Must(template.New("report").Funcs(template.FuncMap{
	"rate": rateText, "days": daysText, "count": count,
}).Parse(reportText))

// page is what the report's template is given.
type page struct {
	*result
	Levels []reportLevel
	Charts []reportChart
}

type reportLevel struct {
	Name string
	*figures
	Caps string
}

// reportChart is a drawing with the words for those who do not see it, and its figures.
type reportChart struct {
	Title, Says string
	SVG         template.HTML
	Head        []string
	Rows        [][]string
}

// writeReport writes report.html into a directory, which is made if it is not there.
func writeReport(dir string, r *result) error {
	p := page{result: r, Levels: []reportLevel{
		{"Hard: suspend or harsher", &r.HardFigures, strings.TrimPrefix(r.caps(true), "; caps: ")},
		{"Soft: limit or harsher", &r.SoftFigures, strings.TrimPrefix(r.caps(false), "; caps: ")},
	}}
	for _, draw := range []func(*result) (reportChart, error){thresholdChart, leadChart, dailyChart, guardChart} {
		c, err := draw(r)
		if err != nil {
			return errors.New("-report: a chart cannot be drawn")
		}
		p.Charts = append(p.Charts, c)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return errors.New("-report: the directory cannot be made")
	}
	var b strings.Builder
	if err := reportTemplate.Execute(&b, p); err != nil {
		return errors.New("-report: the page cannot be made")
	}
	if err := os.WriteFile(filepath.Join(dir, "report.html"), []byte(b.String()), 0o644); err != nil {
		return errors.New("-report: the page cannot be written")
	}
	return nil
}

// RefusedRows lists refused numbers by reason, for the template.
func (p page) RefusedRows() [][2]string {
	var rows [][2]string
	for _, name := range slices.Sorted(maps.Keys(p.Refused)) {
		rows = append(rows, [2]string{name, count(p.Refused[name])})
	}
	return rows
}
