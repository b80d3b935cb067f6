package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
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

func (o outcome) summary(t *testing.T) (s summary) {
	t.Helper()
	require.Equal(t, exitOK, o.code, o.stderr)
	dec := json.NewDecoder(strings.NewReader(o.stdout))
	dec.DisallowUnknownFields()
	require.NoError(t, dec.Decode(&s))
	_, err := dec.Token()
	require.ErrorIs(t, err, io.EOF, "standard output must be one object and nothing else")
	return s
}

// limit is how long a run may take: a fault that makes it wait for ever is to fail
// its test and not all of them.
const limit = 2 * time.Minute

// inside runs the program inside this process.
func inside(t *testing.T, args ...string) outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	var stdout, stderr bytes.Buffer
	code := run(ctx, args, &stdout, &stderr)
	return outcome{code, stdout.String(), stderr.String()}
}

// small runs the program inside this process on made-up services of some hundred
// accounts.
func small(t *testing.T, args ...string) outcome {
	t.Helper()
	var stdout, stderr bytes.Buffer
	o, err := parseFlags(args, &stderr)
	require.NoError(t, err)
	o.size = size{accounts: 900, flagged: 400}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	if err := o.run(ctx, &stdout, newLogger(&stderr)); err != nil {
		complain(&stderr, err)
		return outcome{exitFailure, stdout.String(), stderr.String()}
	}
	return outcome{exitOK, stdout.String(), stderr.String()}
}

// isProgram is set for the processes that are the program.
const isProgram = "HUEANDCRY_TEST_TWOSERVICES"

// The test binary is also the program, which thus need not be linked once more.
func TestMain(m *testing.M) {
	if os.Getenv(isProgram) != "" {
		main()
	}
	os.Exit(m.Run())
}

// full says that the larger numbers are wanted, which take longer than a plain run should.
func full() bool { return os.Getenv("HUEANDCRY_FULL") != "" }

// command makes a process of the program, which ends with the test at the latest.
func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	path, err := os.Executable()
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(os.Environ(), isProgram+"=1")
	return cmd
}

// process starts the program and returns what waits for its end.
func process(t *testing.T, args ...string) (stderr *watched, wait func() outcome) {
	t.Helper()
	cmd := command(t, args...)
	var stdout bytes.Buffer
	stderr = &watched{}
	cmd.Stdout, cmd.Stderr = &stdout, stderr
	require.NoError(t, cmd.Start())
	return stderr, func() outcome {
		_ = cmd.Wait() // the exit code says it
		return outcome{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
	}
}

// watched is a buffer that one goroutine writes and another reads.
type watched struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(p)
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.String()
}

// address waits for the transmitter to say where it listens.
func (w *watched) address(t *testing.T) string {
	t.Helper()
	const says = "listening on "
	for range 3000 {
		if _, after, ok := strings.Cut(w.String(), says); ok {
			if address, _, ok := strings.Cut(after, "\n"); ok {
				return address
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	require.Fail(t, "the transmitter does not listen", w.String())
	return ""
}

// certificates makes the files of both parties in a folder.
func certificates(t *testing.T, more ...string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "certs")
	out := inside(t, append(more, "-make-certs", dir)...)
	require.Equal(t, exitOK, out.code, out.stderr)
	return dir
}

func partyFlags(dir, role string) []string {
	return []string{"-cert", filepath.Join(dir, role+".pem"), "-key", filepath.Join(dir, role+".key"),
		"-peer-ca", filepath.Join(dir, "ca.pem")}
}

// pair runs two processes against each other; route stands between them.
func pair(t *testing.T, route func(address string) string, transmitter, receiver []string) (sent, received outcome) {
	t.Helper()
	stderr, waitT := process(t, append([]string{"-role", "transmitter", "-listen", "127.0.0.1:0"}, transmitter...)...)
	address := stderr.address(t)
	if route != nil {
		address = route(address)
	}
	_, waitR := process(t, append([]string{"-role", "receiver", "-connect", address}, receiver...)...)
	return waitT(), waitR()
}

func writeFile(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func writeCSV(t *testing.T, name string, header []string, rows [][]string) string {
	t.Helper()
	var b strings.Builder
	w := csv.NewWriter(&b)
	require.NoError(t, w.Write(header))
	require.NoError(t, w.WriteAll(rows))
	return writeFile(t, name, b.String())
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(b)
}

// decisionsOf reads a decisions file strictly.
func decisionsOf(t *testing.T, path string) []decisionLine {
	t.Helper()
	var out []decisionLine
	for _, line := range strings.Split(strings.TrimSuffix(readFile(t, path), "\n"), "\n") {
		if line == "" {
			continue
		}
		var d decisionLine
		dec := json.NewDecoder(strings.NewReader(line))
		dec.DisallowUnknownFields()
		require.NoError(t, dec.Decode(&d))
		out = append(out, d)
	}
	return out
}

// dataFolder finds the real data beside the checkout, which are not part of it.
func dataFolder(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("HUEANDCRY_DATA"); dir != "" {
		return dir
	}
	dir, err := os.Getwd()
	require.NoError(t, err)
	for {
		candidate := filepath.Join(dir, "..", "shared", "data")
		if _, err := os.Stat(candidate); err == nil {
			return candidate
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Skip("the folder shared/data is not beside the checkout, and HUEANDCRY_DATA is not set")
		}
		dir = parent
	}
}

func TestUsage(t *testing.T) {
	for name, args := range map[string][]string{
		"unknown flag":              {"-nonsense"},
		"argument":                  {"accounts.csv"},
		"unknown role":              {"-role", "judge"},
		"transmitter, no address":   {"-role", "transmitter"},
		"receiver, no address":      {"-role", "receiver"},
		"transmitter that connects": {"-role", "transmitter", "-listen", "127.0.0.1:0", "-connect", "127.0.0.1:1"},
		"receiver that listens":     {"-role", "receiver", "-listen", "127.0.0.1:0", "-connect", "127.0.0.1:1"},
		"both that connects":        {"-connect", "127.0.0.1:1"},
		"receiver with flagged":     {"-role", "receiver", "-connect", "127.0.0.1:1", "-flagged", "f.csv"},
		"transmitter with accounts": {"-role", "transmitter", "-listen", "127.0.0.1:0", "-accounts", "a.csv"},
		"one file for both":         {"-flagged", "f.csv"},
		"demo parties in public":    {"-role", "transmitter", "-listen", "0.0.0.0:7171"},
		"demo parties, any port":    {"-role", "transmitter", "-listen", ":7171"},
		"certificate without key":   {"-role", "transmitter", "-listen", "127.0.0.1:0", "-cert", "c.pem"},
		"certificate for both":      {"-cert", "c.pem", "-key", "c.key", "-peer-ca", "ca.pem"},
		"agreement alone":           {"-agreement", "a.json"},
		"time":                      {"-now", "yesterday"},
		"seed":                      {"-seed", "x"},
		"protocol":                  {"-protocol", "hash"},
		"protocol of certs":         {"-make-certs", "d", "-protocol", "EC"},
		"region":                    {"-region", "USA", "-flagged", "f.csv", "-accounts", "a.csv"},
		"no such region":            {"-region", "UK", "-flagged", "f.csv", "-accounts", "a.csv"},
		"region of nowhere":         {"-region", "XX"},
		"region of the world":       {"-region", "001"},
		"certs and more":            {"-make-certs", "d", "-flagged", "f.csv"},
	} {
		t.Run(name, func(t *testing.T) {
			// A line that passes for good must not listen for long.
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			var stdout, stderr bytes.Buffer
			code := run(ctx, args, &stdout, &stderr)
			out := outcome{code, stdout.String(), stderr.String()}
			assert.Equal(t, exitUsage, out.code)
			assert.Empty(t, out.stdout)
			assert.Equal(t, 1, strings.Count(out.stderr, "\n"), "one line: %s", out.stderr)
			assert.True(t, strings.HasPrefix(out.stderr, "twoservices: "))
		})
	}
	help := inside(t, "-help")
	assert.Equal(t, exitOK, help.code)
	assert.Empty(t, help.stdout)
	assert.Contains(t, help.stderr, "-decisions")
	for _, column := range append(slices.Clone(flaggedColumns), accountColumns...) {
		assert.Contains(t, help.stderr, " "+column, "the columns are in the help")
	}
	for _, args := range [][]string{
		{"-region", "US"}, // of no effect, but no fault
		{"-region", "gb", "-flagged", "f.csv", "-accounts", "a.csv"},
		{"-make-certs", "d", "-json"},
		{"-make-certs", "d", "-protocol", "vole"},
	} {
		_, err := parseFlags(args, io.Discard)
		assert.NoError(t, err, args)
	}
}

func TestFailuresAreOneLine(t *testing.T) {
	good := writeFile(t, "accounts.csv", "account,phone\na,+14155552671\n")
	for name, args := range map[string][]string{
		"missing file":     {"-flagged", filepath.Join(t.TempDir(), "none.csv"), "-accounts", good},
		"empty file":       {"-flagged", writeFile(t, "f.csv", ""), "-accounts", good},
		"unknown column":   {"-flagged", writeFile(t, "f.csv", "account,phone,name\n"), "-accounts", good},
		"no account":       {"-flagged", writeFile(t, "f.csv", "phone\n"), "-accounts", good},
		"nothing to match": {"-flagged", writeFile(t, "f.csv", "account,region\n"), "-accounts", good},
		"column twice":     {"-flagged", writeFile(t, "f.csv", "account,phone,phone\n"), "-accounts", good},
		"device, no kind":  {"-flagged", writeFile(t, "f.csv", "account,device\n"), "-accounts", good},
		"strict":           {"-strict", "-flagged", writeFile(t, "f.csv", "account,phone\na,12\n"), "-accounts", good},
		"no folder": {"-flagged", good, "-accounts", good,
			"-decisions", filepath.Join(t.TempDir(), "none", "d.jsonl")},
		"not in force": {"-flagged", good, "-accounts", good, "-now", "1999-01-01T00:00:00Z"},
		"no certificate": append([]string{"-role", "receiver", "-connect", "127.0.0.1:1"},
			partyFlags(t.TempDir(), "receiver")...),
		"certificate of the other": append([]string{"-role", "transmitter", "-listen", "127.0.0.1:0"},
			partyFlags(certificates(t), "receiver")...),
	} {
		t.Run(name, func(t *testing.T) {
			out := inside(t, args...)
			assert.Equal(t, exitFailure, out.code)
			assert.Empty(t, out.stdout)
			last := strings.Split(strings.TrimSuffix(out.stderr, "\n"), "\n")
			var complaints int
			for _, line := range last {
				if strings.HasPrefix(line, "twoservices: ") {
					complaints++
				}
			}
			assert.Equal(t, 1, complaints, out.stderr)
			assert.NotContains(t, out.stderr, "4155552671")
		})
	}
}

func TestHeaderIsNotEchoed(t *testing.T) {
	// A file without a header begins with an identifier.
	path := writeFile(t, "f.csv", "a17,+14155552671\nb18,+14155552672\n")
	out := inside(t, "-flagged", path, "-accounts", path)
	assert.Equal(t, exitFailure, out.code)
	assert.NotContains(t, out.stderr, "a17")
	assert.NotContains(t, out.stderr, "4155552671")
}

func TestMakeCerts(t *testing.T) {
	dir := certificates(t)
	for name, mode := range map[string]fs.FileMode{
		"ca.pem": 0o644, "transmitter.pem": 0o644, "receiver.pem": 0o644, "agreement.json": 0o644,
		"transmitter.key": 0o600, "receiver.key": 0o600,
	} {
		info, err := os.Stat(filepath.Join(dir, name))
		require.NoError(t, err)
		assert.Equal(t, mode, info.Mode().Perm(), name)
	}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, entries, 6)
	before := readFile(t, filepath.Join(dir, "transmitter.key"))
	require.NoError(t, os.Remove(filepath.Join(dir, "ca.pem")))

	out := inside(t, "-make-certs", dir, "-json")
	assert.Equal(t, exitFailure, out.code)
	assert.Empty(t, out.stdout)
	assert.Equal(t, before, readFile(t, filepath.Join(dir, "transmitter.key")))
	assert.NoFileExists(t, filepath.Join(dir, "ca.pem"), "nothing is written where something is there")
}

func TestMakeCertsAsJSON(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "certs")
	out := inside(t, "-make-certs", dir, "-json")
	require.Equal(t, exitOK, out.code, out.stderr)
	var done written
	dec := json.NewDecoder(strings.NewReader(out.stdout))
	dec.DisallowUnknownFields()
	require.NoError(t, dec.Decode(&done))
	_, err := dec.Token()
	require.ErrorIs(t, err, io.EOF)
	assert.Equal(t, dir, done.Directory)
	assert.Len(t, done.Files, 6)
	for _, name := range done.Files {
		assert.FileExists(t, filepath.Join(dir, name))
	}
}

// spare is an address that is free, and stays so: systems give such ports to nobody who asks for any.
func spare(t *testing.T) string {
	t.Helper()
	for range 100 {
		address := fmt.Sprintf("127.0.0.1:%d", 20_000+rand.IntN(10_000))
		if l, err := net.Listen("tcp", address); err == nil {
			require.NoError(t, l.Close())
			return address
		}
	}
	require.Fail(t, "a hundred ports in a row are taken")
	return ""
}

// TestReceiverWaits: the receiver may be started first. Nothing is also a set.
func TestReceiverWaits(t *testing.T) {
	address := spare(t)
	_, waitR := process(t, "-json", "-role", "receiver", "-connect", address, "-accounts", writeFile(t, "a.csv", headAccount))
	time.Sleep(300 * time.Millisecond)
	_, waitT := process(t, "-json", "-role", "transmitter", "-listen", address, "-flagged", writeFile(t, "f.csv", headFlagged))
	sent, received := waitT().summary(t), waitR().summary(t)
	assert.Zero(t, *sent.Flagged)
	assert.Zero(t, *received.Accounts)
	assert.Zero(t, *received.MatchedAccounts)
}
