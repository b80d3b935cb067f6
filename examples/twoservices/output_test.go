package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/linkage"
)

// oneMatch gives flags for two files with one match.
func oneMatch(t *testing.T) []string {
	t.Helper()
	path := writeFile(t, "f.csv", "account,phone\na,+14155552671\n")
	return []string{"-json", "-flagged", path, "-accounts", path, "-decisions"}
}

// TestDecisionsThroughLinks: a link stays, and what it points to is replaced, also
// where it does not exist yet.
func TestDecisionsThroughLinks(t *testing.T) {
	for name, old := range map[string]bool{"there": true, "not there": false} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, os.MkdirAll(filepath.Join(dir, "deep", "er"), 0o700))
			require.NoError(t, os.Symlink(filepath.Join("deep", "er"), filepath.Join(dir, "folder")))
			// Through a folder that is a link, and up from where that one leads.
			require.NoError(t, os.Symlink(filepath.Join("..", "file"), filepath.Join(dir, "deep", "er", "link")))
			file := filepath.Join(dir, "deep", "file")
			if old {
				require.NoError(t, os.WriteFile(file, []byte("old"), 0o644))
			}
			link := dir + "/folder/link"
			out := inside(t, append(oneMatch(t), link)...)
			require.Equal(t, exitOK, out.code, out.stderr)
			info, err := os.Lstat(link)
			require.NoError(t, err)
			assert.NotZero(t, info.Mode()&os.ModeSymlink)
			info, err = os.Lstat(file)
			require.NoError(t, err)
			assert.Equal(t, os.FileMode(0o600), info.Mode())
			assert.Len(t, decisionsOf(t, file), 1)
		})
	}
}

// TestDecisionsIntoDevices: /dev/null stays what it is. For the superuser the fault
// that this test is for would break the machine.
func TestDecisionsIntoDevices(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("not as the superuser, who can replace /dev/null; pipes are tested all the same")
	}
	dir := t.TempDir()
	null := filepath.Join(dir, "null")
	require.NoError(t, os.Symlink(os.DevNull, null))
	for _, path := range []string{os.DevNull, null} {
		out := inside(t, append(oneMatch(t), path)...)
		require.Equal(t, exitOK, out.code, out.stderr)
	}
	info, err := os.Stat(os.DevNull)
	require.NoError(t, err)
	assert.NotZero(t, info.Mode()&os.ModeDevice)
	info, err = os.Lstat(null)
	require.NoError(t, err)
	assert.NotZero(t, info.Mode()&os.ModeSymlink)
}

// TestDecisionsIntoOutput: /dev/stdout means the output, wherever that goes. A file
// keeps both the decisions and the summary.
func TestDecisionsIntoOutput(t *testing.T) {
	if _, err := os.Stat("/dev/stdout"); err != nil {
		t.Skip("no /dev/stdout here")
	}
	_, wait := process(t, append(oneMatch(t), "/dev/stdout")...) // a pipe
	both := wait()
	require.Equal(t, exitOK, both.code, both.stderr)
	assert.Contains(t, both.stdout, `"account":"a"`)
	assert.Contains(t, both.stdout, `"matched_accounts":1`)

	path := filepath.Join(t.TempDir(), "out")
	f, err := os.Create(path)
	require.NoError(t, err)
	defer f.Close()
	cmd := command(t, append(oneMatch(t), "/dev/stdout")...)
	cmd.Stdout = f
	require.NoError(t, cmd.Run())
	text := readFile(t, path)
	assert.Contains(t, text, `"account":"a"`)
	assert.Contains(t, text, `"matched_accounts":1`)
}

// TestDecisionsNowhere: what cannot be written to is known before the session.
func TestDecisionsNowhere(t *testing.T) {
	dir := t.TempDir()
	loop := filepath.Join(dir, "loop")
	require.NoError(t, os.Symlink("loop", loop))
	paths := map[string]string{
		"directory": dir, "no folder": filepath.Join(dir, "none", "d"), "loop": loop,
		"file for a folder": filepath.Join(writeFile(t, "f", ""), "d"), "to be a folder": filepath.Join(dir, "new") + "/",
	}
	shut := filepath.Join(dir, "shut")
	require.NoError(t, os.Mkdir(shut, 0o500))
	if os.Geteuid() != 0 { // to whom no folder is shut
		paths["folder that is shut"] = filepath.Join(shut, "d")
	}
	for name, path := range paths {
		t.Run(name, func(t *testing.T) {
			out := inside(t, append(oneMatch(t), path)...)
			assert.Equal(t, exitFailure, out.code)
			assert.Regexp(t, `^twoservices: -decisions: .*\n$`, out.stderr, "nothing else was begun")
		})
	}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, entries, 2, "nothing is left behind")
}

// TestReasons: each line of the file has the reason of its decision.
func TestReasons(t *testing.T) {
	o, err := parseFlags(nil, io.Discard)
	require.NoError(t, err)
	o.size = size{accounts: 300, flagged: 200}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	res, err := o.runRole(ctx, newLogger(io.Discard))
	require.NoError(t, err)
	require.NotEmpty(t, res.received.decisions)
	path := filepath.Join(t.TempDir(), "d.jsonl")
	file, err := newDecisionsFile(ctx, path)
	require.NoError(t, err)
	require.NoError(t, file.write(res.received.decisions))
	file.discard()
	lines := decisionsOf(t, path)
	require.Len(t, lines, len(res.received.decisions))
	for i, d := range res.received.decisions {
		until := time.Time{}
		if lines[i].Until != nil {
			until = *lines[i].Until
		}
		assert.NotEmpty(t, lines[i].Reason)
		assert.True(t, until.Equal(d.Until))
		lines[i].Until = nil
		assert.Equal(t, decisionLine{Decision: d.ID, Account: d.Account, Action: d.Action, Scope: d.Scope, Mode: d.Mode,
			Rule: d.Rule, Matched: d.Matched, Signals: d.Signals, Reason: d.Reason}, lines[i])
		assert.Equal(t, d.Action == abuse.None, d.Until.IsZero())
	}
}

// TestUnreadable: faults of the transmitter's are told of. No transmitter of ours
// makes any, see package linkage for those that do.
func TestUnreadable(t *testing.T) {
	var log watched
	r := &receiver{log: newLogger(&log)}
	r.tellUnreadable(linkage.Summary{})
	assert.Empty(t, log.String())
	r.tellUnreadable(linkage.Summary{Unreadable: 3})
	assert.Contains(t, log.String(), "contradict each other: 3\n")
}
