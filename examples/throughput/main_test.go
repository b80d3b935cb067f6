package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// outcome is what a run of the program left.
type outcome struct {
	code           int
	stdout, stderr string
}

// limit is how long a run may take: a fault that makes it wait for ever is to fail
// its test and not all of them.
const limit = 2 * time.Minute

// inside runs the program inside this process.
func inside(t *testing.T, args ...string) outcome {
	t.Helper()
	return altered(t, nil, args...)
}

// altered does so after something else than flags has been changed.
func altered(t *testing.T, change func(*options), args ...string) outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	var stdout, stderr bytes.Buffer
	if change == nil {
		return outcome{run(ctx, args, &stdout, &stderr), stdout.String(), stderr.String()}
	}
	o, err := parseFlags(args, &stderr)
	require.NoError(t, err)
	change(o)
	return outcome{o.run(ctx, &stdout, &stderr), stdout.String(), stderr.String()}
}

// members are those of the contract, in the order in which they are printed.
var members = []string{"protocol", "accounts", "flagged", "matched", "expected", "unit_seconds", "units", "seconds",
	"seconds_by_stage", "cpu_seconds", "peak_rss_bytes", "sent_bytes_receiver", "sent_bytes_transmitter",
	"bytes_per_account", "input"}

// report reads what -json has printed, and nothing but that.
func (o outcome) report(t *testing.T) (r report) {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(o.stdout))
	dec.DisallowUnknownFields()
	require.NoError(t, dec.Decode(&r), o.stderr)
	_, err := dec.Token()
	require.ErrorIs(t, err, io.EOF, "standard output must be one object and nothing else")
	at := 0
	for _, name := range members {
		next := strings.Index(o.stdout[at:], `"`+name+`":`)
		require.GreaterOrEqual(t, next, 0, "%s is missing or not in its place", name)
		at += next
	}
	var all map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(o.stdout), &all))
	require.Len(t, all, len(members))
	return r
}

// noTime stands for the measure of the unit where that is not what is tested.
func noTime() time.Duration { return time.Second }

// small are sizes at which a session takes a fraction of a second.
var small = []string{"-accounts", "2000", "-flagged", "700", "-overlap", "137"}

// TestFigures holds every figure to what it can be.
func TestFigures(t *testing.T) {
	for _, protocol := range protocols {
		for label, bytes := range map[string]int64{"0": 0, "64": 64, "256": 256, "1024": 1024} {
			t.Run(protocol+"/"+label, func(t *testing.T) {
				args := append([]string{"-json", "-protocol", protocol, "-label", label}, small...)
				var change func(*options)
				if label != "0" { // or the unit is measured, which takes longer than the session
					change = func(o *options) { o.unit = func() time.Duration { return 11 * time.Millisecond } }
				}
				start := time.Now()
				out := altered(t, change, args...)
				took := time.Since(start).Seconds()
				assert.Equal(t, exitOK, out.code)
				assert.Empty(t, out.stderr)
				r := out.report(t)
				assert.Equal(t, protocol, r.Protocol)
				assert.EqualValues(t, 2000, r.Accounts)
				assert.EqualValues(t, 700, r.Flagged)
				assert.EqualValues(t, 137, r.Matched)
				assert.EqualValues(t, 137, r.Expected)
				assert.Equal(t, inputPrepared, r.Input)
				assert.Greater(t, r.UnitSeconds, 0.01, "a hash in less than 10 ns")
				assert.Less(t, r.UnitSeconds, took)
				assert.Positive(t, r.Seconds)
				assert.Less(t, r.Seconds, took)
				assert.Positive(t, r.CPUSeconds)
				assert.Less(t, r.CPUSeconds, took*float64(runtime.NumCPU())+1)
				assert.InEpsilon(t, r.CPUSeconds/r.UnitSeconds, r.Units, 1e-9)
				assert.Greater(t, r.PeakRSSBytes, int64(4<<20))
				assert.Less(t, r.PeakRSSBytes, int64(8<<30))
				// What a session cannot do without, and many times that.
				assert.Greater(t, r.SentBytesReceiver, int64(16*2000))
				assert.Less(t, r.SentBytesReceiver, int64(8<<20))
				assert.Greater(t, r.SentBytesTransmitter, 700*(16+bytes))
				assert.Less(t, r.SentBytesTransmitter, int64(16<<20))
				assert.InEpsilon(t, float64(r.SentBytesReceiver)/2000, r.BytesPerAccount, 1e-9)
				for _, stages := range []map[string]float64{r.ByStage.Receiver, r.ByStage.Transmitter} {
					require.NotEmpty(t, stages)
					for name, seconds := range stages {
						assert.NotEmpty(t, name)
						assert.GreaterOrEqual(t, seconds, 0.0, name)
						assert.LessOrEqual(t, seconds, r.Seconds, name)
					}
				}
			})
		}
	}
}

// TestSizes: nothing and everything are sizes as well, and the input made while the
// clock runs is the same.
func TestSizes(t *testing.T) {
	for _, protocol := range protocols {
		for _, c := range []struct{ accounts, flagged, overlap, matched string }{
			{"0", "0", "0", "0"},
			{"0", "5", "0", "0"},
			{"5", "0", "0", "0"},
			{"1", "1", "1", "1"},
			{"1", "1", "0", "0"},
			{"300", "300", "300", "300"},
			{"300", "7", "7", "7"},
			{"7", "300", "7", "7"},
			{"9", "300", "", "9"}, // as many as there can be
		} {
			for _, held := range []int64{mostHeld, 0} {
				args := []string{"-json", "-protocol", protocol, "-accounts", c.accounts, "-flagged", c.flagged}
				if c.overlap != "" {
					args = append(args, "-overlap", c.overlap)
				}
				out := altered(t, func(o *options) { o.held, o.unit = held, noTime }, args...)
				require.Equal(t, exitOK, out.code, "%v: %s", c, out.stderr)
				require.Contains(t, out.stdout, `"matched":`+c.matched+`,`)
				generated := held == 0 && c.accounts+c.flagged != "00"
				require.Equal(t, generated, out.report(t).Input == inputGenerated)
			}
		}
	}
}

func TestForPeople(t *testing.T) {
	out := inside(t, small...)
	require.Equal(t, exitOK, out.code, out.stderr)
	assert.Empty(t, out.stderr)
	for _, part := range []string{"2,000 accounts", "700 flagged", "137 matched", "units", "MiB", "an account",
		"The receiver's time", "The transmitter's time", "before the clock"} {
		assert.Contains(t, out.stdout, part)
	}
	out = altered(t, func(o *options) { o.held, o.unit = 0, noTime }, append([]string{"-label", "0"}, small...)...)
	require.Equal(t, exitOK, out.code, out.stderr)
	assert.Contains(t, out.stdout, "while the clock ran")
	assert.Contains(t, out.stdout, "tags alone")
}

// TestOtherThanExpected: the figures are printed, and the exit says that they are
// for nothing.
func TestOtherThanExpected(t *testing.T) {
	for _, by := range []int64{-1, 1} {
		out := altered(t, func(o *options) { o.expected += by; o.unit = noTime }, append([]string{"-json"}, small...)...)
		assert.Equal(t, exitFailure, out.code)
		assert.Equal(t, 1, strings.Count(out.stderr, "\n"), out.stderr)
		assert.Contains(t, out.stderr, "137 accounts matched")
		r := out.report(t)
		assert.EqualValues(t, 137, r.Matched)
		assert.EqualValues(t, 137+by, r.Expected)
	}
}

func TestUsage(t *testing.T) {
	for name, args := range map[string][]string{
		"unknown flag":          {"-nonsense"},
		"argument":              {"1000"},
		"protocol":              {"-protocol", "hash"},
		"no protocol":           {"-protocol", ""},
		"accounts below":        {"-accounts", "-1"},
		"accounts above":        {"-accounts", "1073741825"},
		"accounts, no number":   {"-accounts", "many"},
		"flagged below":         {"-flagged", "-1"},
		"flagged above":         {"-flagged", "1073741825"},
		"overlap below":         {"-overlap", "-1"},
		"overlap over accounts": {"-accounts", "10", "-flagged", "100", "-overlap", "11"},
		"overlap over flagged":  {"-accounts", "100", "-flagged", "10", "-overlap", "11"},
		"label of no class":     {"-label", "65"},
		"label below":           {"-label", "-64"},
		"label with a unit":     {"-label", "64B"},
		"processors below":      {"-procs", "-1"},
		"json with a value":     {"-json=perhaps"},
	} {
		t.Run(name, func(t *testing.T) {
			out := inside(t, args...)
			assert.Equal(t, exitUsage, out.code)
			assert.Empty(t, out.stdout)
			assert.Equal(t, 1, strings.Count(out.stderr, "\n"), "one line: %s", out.stderr)
			assert.True(t, strings.HasPrefix(out.stderr, "throughput: "))
		})
	}
	help := inside(t, "-help")
	assert.Equal(t, exitOK, help.code)
	assert.Empty(t, help.stdout)
	for _, name := range []string{"-protocol", "-accounts", "-flagged", "-overlap", "-label", "-procs", "-json"} {
		assert.Contains(t, help.stderr, "\n  "+name)
	}
	for _, protocol := range protocols {
		o, err := parseFlags([]string{"-protocol", protocol}, io.Discard)
		require.NoError(t, err)
		assert.Equal(t, firstRun(protocol), sizes{o.accounts, o.flagged, o.overlap})
	}
	o, err := parseFlags(nil, io.Discard)
	require.NoError(t, err)
	assert.Equal(t, protocols[0], o.protocol)
}

// TestStopped: whoever stops it gets one line and no figures.
func TestStopped(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	for _, args := range [][]string{small, {"-json", "-accounts", "1000000", "-flagged", "1000"}} {
		var stdout, stderr bytes.Buffer
		assert.Equal(t, exitFailure, run(ctx, args, &stdout, &stderr))
		assert.Empty(t, stdout.String())
		assert.Equal(t, 1, strings.Count(stderr.String(), "\n"), stderr.String())
	}
}

// TestSettingsAreGivenBack: what a run sets for the process is as before afterwards.
func TestSettingsAreGivenBack(t *testing.T) {
	procs := runtime.GOMAXPROCS(0)
	out := altered(t, func(o *options) { o.procs, o.unit = 1, noTime }, small...)
	require.Equal(t, exitOK, out.code, out.stderr)
	assert.Contains(t, out.stdout, "on 1 processor\n")
	assert.Equal(t, procs, runtime.GOMAXPROCS(0))
	assert.NotEqualValues(t, memoryGoal, debug.SetMemoryLimit(-1))
}

// TestBar: progress is drawn on terminals and nowhere else, and leaves no trace.
func TestBar(t *testing.T) {
	for _, args := range [][]string{small, append([]string{"-json"}, small...)} {
		plain := altered(t, func(o *options) { o.terminal, o.unit = false, noTime }, args...)
		assert.Empty(t, plain.stderr)
		seen := altered(t, func(o *options) { o.terminal, o.unit = true, noTime }, args...)
		assert.Equal(t, exitOK, seen.code)
		for _, part := range []string{"making identifiers", "receiver [##########] 100 % collect", "receiver [##########] 100 %", "transmitter [##########] 100 %"} {
			assert.Contains(t, seen.stderr, part)
		}
		assert.NotContains(t, seen.stderr, "\n")
		drawn := strings.Split(seen.stderr, "\r")
		assert.Empty(t, strings.TrimSpace(drawn[len(drawn)-2]), "cleared")
		assert.Empty(t, drawn[len(drawn)-1], "and back at its beginning")
		for _, line := range drawn {
			assert.Less(t, len(line), 80, "a line that is wrapped cannot be drawn over")
		}
	}
	failed := altered(t, func(o *options) { o.terminal, o.unit = true, noTime; o.expected++ }, small...)
	assert.Regexp(t, `\r *\rthroughput: [^\r]*\n$`, failed.stderr)
}

func TestTerminal(t *testing.T) {
	assert.False(t, terminal(&bytes.Buffer{}))
	file, err := os.Create(filepath.Join(t.TempDir(), "f"))
	require.NoError(t, err)
	defer file.Close()
	assert.False(t, terminal(file))
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	defer w.Close()
	assert.False(t, terminal(w))
	require.NoError(t, file.Close())
	assert.False(t, terminal(file), "and what cannot be asked is none")
	device, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	require.NoError(t, err)
	defer device.Close()
	assert.True(t, terminal(device), "a device for characters, as terminals are")
}
