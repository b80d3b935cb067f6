package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// first is the first day of histories that tests write.
const first = day(20_000)

// row is a row of a file: n days after the first. Even area codes are A's.
func row(n int, raw string, area int) string {
	return fmt.Sprintf("%s,%s,%d\n", first+day(n), raw, area)
}

// line gives a number that nobody has.
func line(n int) string { return fmt.Sprintf("9992%06d", 100_000+n) }

// file writes rows below a header.
func file(t testing.TB, rows ...string) string {
	var b bytes.Buffer
	b.WriteString("complaint_date,number_raw,consumer_area_code\n")
	for _, r := range rows {
		b.WriteString(r)
	}
	name := filepath.Join(t.TempDir(), "complaints.csv")
	require.NoError(t, os.WriteFile(name, b.Bytes(), 0o600))
	return name
}

// program runs the program.
func program(args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = run(context.Background(), args, &out, &err)
	return code, out.String(), err.String()
}

// read reads a history from rows, and edits it before it is played.
func read(t testing.TB, rows ...string) *history {
	o := &options{complaints: file(t, rows...), split: "area"}
	var log bytes.Buffer
	h, err := o.history(&log)
	require.NoError(t, err)
	require.Empty(t, log.String())
	return h
}

// played plays a history by the shipped rules.
func playHistory(t testing.TB, h *history) *player {
	rules, err := (&options{}).loadRules()
	require.NoError(t, err)
	p, err := play(context.Background(), h, rules)
	require.NoError(t, err)
	return p
}

// sustained is a number about which A and B have a complaint on each of so many days, at A each
// from another area.
func sustained(number, from, days int) (rows []string) {
	for d := range days {
		rows = append(rows, row(from+d, line(number), 200+2*d), row(from+d, line(number), 201))
	}
	return rows
}
