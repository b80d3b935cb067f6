package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestJSON(t *testing.T) {
	code, stdout, stderr := program("-json")
	require.Equal(t, exitOK, code)
	require.Empty(t, stderr)
	var r map[string]any
	require.NoError(t, json.Unmarshal([]byte(stdout), &r))
	for _, key := range []string{"days", "signals", "matched", "actions", "precision", "recall", "lead_days_median"} {
		require.IsType(t, 0.0, r[key], key)
	}
	require.IsType(t, map[string]any{}, r["prevented_by_guard"])
	for _, level := range []string{"hard", "limit"} {
		for _, key := range []string{"actions", "precision", "recall", "precision_first", "recall_in_force", "undone"} {
			require.IsType(t, 0.0, r[level].(map[string]any)[key], key)
		}
	}
	require.Equal(t, r["precision"], r["hard"].(map[string]any)["precision"])
	require.Equal(t, 1, strings.Count(stdout, "\n"), "one object and nothing else")
}

func TestText(t *testing.T) {
	code, stdout, _ := program("-seed", "2")
	require.Equal(t, exitOK, code)
	for _, words := range []string{"hard: suspend or harsher", "soft: limit or harsher", "days gained", "caps: suspend_sustained at most 100, 50 by one partner", "made milder by a guard"} {
		require.Contains(t, stdout, words)
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{{"-split", "number"}, {"-from", "yesterday"}, {"-from", "2020-02-01", "-to", "2020-01-01"}, {"file.csv"}, {"-unknown"}} {
		code, stdout, stderr := program(args...)
		require.Equal(t, exitUsage, code, args)
		require.Empty(t, stdout)
		require.Equal(t, 1, strings.Count(stderr, "\n"), stderr)
	}
	code, stdout, stderr := program("-help")
	require.Equal(t, exitOK, code)
	require.Empty(t, stdout)
	require.Contains(t, stderr, "-complaints")
}

func TestFailures(t *testing.T) {
	broken := filepath.Join(t.TempDir(), "rules.yaml")
	require.NoError(t, os.WriteFile(broken, []byte("schema: 1\nname: x\nrules:\n  - id: a\n    version: 1\n    status: live\n    when: own.dayz > 1\n    action: limit\n    for: 1d\n"), 0o600))
	secret := line(77)
	for name, args := range map[string][]string{
		"no file":        {"-complaints", "nowhere.csv"},
		"no rules":       {"-rules", "nowhere.yaml"},
		"broken rules":   {"-rules", broken},
		"empty":          {"-complaints", file(t)},
		"only outside":   {"-complaints", file(t, row(0, secret, 200)), "-from", "2050-01-01"},
		"unknown column": {"-complaints", raw(t, "complaint_date,number_raw,consumer_area_code,"+secret+"\n")},
		"column twice":   {"-complaints", raw(t, "complaint_date,number_raw,number_raw\n")},
		"no header":      {"-complaints", raw(t, row(0, secret, 200))},
		"column missing": {"-complaints", raw(t, "complaint_date,number_raw\n")},
		"nothing":        {"-complaints", raw(t, "")},
		"strict":         {"-complaints", file(t, row(0, secret, 200), "yesterday,"+secret+",200\n"), "-strict"},
		"strict masked":  {"-complaints", file(t, row(0, "317456XXXX", 200)), "-strict"},
	} {
		code, stdout, stderr := program(args...)
		require.Equal(t, exitFailure, code, name)
		require.Empty(t, stdout, name)
		require.Equal(t, 1, strings.Count(stderr, "\n"), name)
		require.NotContains(t, stderr, secret, name)
	}
	_, _, stderr := program("-rules", broken)
	require.Contains(t, stderr, ":7:", "line and column of the rules")
}

func raw(t testing.TB, text string) string {
	name := filepath.Join(t.TempDir(), "complaints.csv")
	require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	return name
}

// Bad rows are told by line and never by what stands in them.
func TestBadRows(t *testing.T) {
	rows := append(sustained(1, 0, 20),
		"2020-13-01,"+line(2)+",200\n", // line 42
		row(0, "1 (900) 555-XXXX", 200),
		row(0, "", 200),
		"x\n",
		row(0, line(3), 70_000),
		first.String()+`,"`+line(4)+",200\n", // a quote that nobody closes
		first.String()+","+strings.Repeat("9", 1<<17)+",200\n",
		"\n",
		first.String()+`,"(999) 212-3456",200`+"\r\n")
	code, stdout, stderr := program("-complaints", file(t, rows...), "-json")
	require.Equal(t, exitOK, code)
	for _, words := range []string{"line 42: complaint_date", "line 43: number_raw is refused: masked", "line 44: number_raw is refused: empty", "line 45: not a row", "line 46: consumer_area_code", "line 47: not a row", "line 48: not a row"} {
		require.Contains(t, stderr, words)
	}
	require.NotRegexp(t, regexp.MustCompile(`\d{5}`), stderr)
	require.NotContains(t, stdout, line(1)[3:])
	var r result
	require.NoError(t, json.Unmarshal([]byte(stdout), &r))
	require.Equal(t, []int{48, 5, 2, 41}, []int{r.Rows, r.BadRows, total(r.Refused), r.Complaints})
	require.Equal(t, 1, r.Actions)
}

// Spellings of one number are one; a mark, other orders of columns, an hour and gzip are read.
func TestSpellings(t *testing.T) {
	text := "\ufeffconsumer_area_code,complaint_date,number_raw\n" +
		"200,2024-10-04 10:11:12,(999) 234-5678\n202,2024-10-04T00:00:00Z,+1 999 234 5678\n201,2024-10-05,9992345678\n"
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := z.Write([]byte(text))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	h, err := (&options{complaints: raw(t, b.String()), split: "area"}).history(os.Stderr)
	require.NoError(t, err)
	require.Equal(t, 1, h.numbers)
	require.Len(t, h.complaints, 3)
	require.Equal(t, []bool{false, false, true}, []bool{h.complaints[0].own, h.complaints[1].own, h.complaints[2].own})

	h, err = (&options{complaints: raw(t, text), split: "date"}).history(os.Stderr)
	require.NoError(t, err)
	require.Equal(t, h.complaints[0].own, h.complaints[1].own)
	require.NotEqual(t, h.complaints[0].own, h.complaints[2].own)
}

func TestFromTo(t *testing.T) {
	name := file(t, sustained(1, 0, 20)...)
	_, stdout, _ := program("-complaints", name, "-from", (first + 2).String(), "-to", (first + 11).String(), "-json")
	var r result
	require.NoError(t, json.Unmarshal([]byte(stdout), &r))
	require.Equal(t, []int{10, 20, 20}, []int{r.Days, r.Complaints, r.Outside})
	require.Equal(t, (first + 2).String(), r.First)
}

// Whoever is sent the page sees all of it without a network, and no number in it.
func TestReportStandsAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "report")
	name := file(t, sustained(1, 0, 20)...)
	for _, args := range [][]string{{}, {"-complaints", name}} {
		code, _, stderr := program(append(args, "-report", dir, "-json")...)
		require.Equal(t, exitOK, code, stderr)
		page, err := os.ReadFile(filepath.Join(dir, "report.html"))
		require.NoError(t, err)
		require.Equal(t, 4, strings.Count(string(page), "<svg"))
		require.NotRegexp(t, regexp.MustCompile(`(?i)https?:|//[a-z]|\bsrc=|href|@import|url\(|<script|<link|<iframe|<object`), string(page))
		require.NotContains(t, string(page), line(1)[3:])
		for _, words := range []string{"Precision and recall of thresholds", "Days gained by sharing", "Actions a day, and the caps", "What each guard and bound prevented", "suspend_sustained",
			`<td class="n">rules, hard</td>`, `<td class="n">rules, soft</td>`} { // also where their recall is high
			require.Contains(t, string(page), words)
		}
	}
}

func FuzzComplaints(f *testing.F) {
	head := "complaint_date,number_raw,consumer_area_code\n"
	seeds := []string{head, head + row(0, line(1), 200) + row(1, "(999) 234-5678", 201), head + "\"2024-01-01", head + "a,b\n" + row(3, "317456XXXX", 1),
		"number_raw,complaint_date,consumer_area_code\n", "\ufeff" + head + "2024-01-01T,,\n", ""}
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var log bytes.Buffer
		o := &options{split: "area"}
		in := newIntake(o, &log)
		if err := in.read(strings.NewReader(text)); err != nil {
			require.NotRegexp(t, regexp.MustCompile(`\d{7}`), err.Error())
			return
		}
		h := in.h
		require.Equal(t, h.rows, len(h.complaints)+h.bad+h.outside+total(h.refused))
		require.LessOrEqual(t, h.numbers, len(h.complaints))
		h.arrange()
		if len(h.complaints) > 0 && h.end-h.first < 400 {
			playHistory(t, h)
		}
	})
}

// The figures on real complaints, where these are at hand: the bar of the rules that are shipped.
func TestBarOnRealComplaints(t *testing.T) {
	const name = "../../../shared/data/phone_complaints/ftc_dnc_2020_open.csv.gz"
	if _, err := os.Stat(name); err != nil {
		t.Skip("the complaints are not here")
	}
	if os.Getenv("HUEANDCRY_FULL") != "1" {
		t.Skip("takes half a minute: HUEANDCRY_FULL=1 plays them")
	}
	code, stdout, stderr := program("-complaints", name, "-split", "area", "-json")
	require.Equal(t, exitOK, code, stderr)
	var r result
	require.NoError(t, json.Unmarshal([]byte(stdout), &r))
	t.Logf("hard %.4f at %.4f, soft %.4f at %.4f", *r.Precision, *r.Recall, *r.SoftFigures.Precision, *r.SoftFigures.Recall)
	require.GreaterOrEqual(t, *r.Precision, 0.80)
	require.GreaterOrEqual(t, *r.HardFigures.PrecisionFirst, 0.80)
	require.GreaterOrEqual(t, *r.Recall, 0.038)
	require.GreaterOrEqual(t, *r.SoftFigures.Precision, 0.65)
	require.GreaterOrEqual(t, *r.SoftFigures.Recall, 0.055)
	require.NotRegexp(t, regexp.MustCompile(`\d{10}`), stderr)
}
