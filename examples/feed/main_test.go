package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/linkage"
)

// The test binary is also the program that the driver starts as a role.
func TestMain(m *testing.M) {
	if os.Getenv(roleVariable) == "" {
		os.Exit(m.Run())
	}
	limitFiles()
	os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// full says that tests are to be at the size of the requirements.
func full() bool { return os.Getenv("HUEANDCRY_FULL") != "" }

func object(t *testing.T, args ...string) (r results) {
	t.Helper()
	var out, log bytes.Buffer
	code := run(t.Context(), append(args, "-json"), nil, &out, &log)
	require.Equal(t, exitOK, code, "%s", log.String())
	d := json.NewDecoder(&out)
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(&r))
	require.False(t, d.More(), "one object and nothing else")
	return r
}

// Days through three epochs and restarts of both, of which each ends with the plain join. With
// HUEANDCRY_FULL they are a month.
func TestMonth(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{linkage.ProtocolEC, linkage.ProtocolVOLE} {
		t.Run(protocol, func(t *testing.T) {
			days, epoch, accounts := "13", "6", "1000"
			switch {
			case full():
				days, epoch, accounts = "30", "11", "2000"
			case testing.Short():
				days, epoch = "8", "11"
			}
			r := object(t, "-days", days, "-accounts", accounts, "-signals", "40", "-signups", "8", "-overlap", "0.3", "-epoch-days", epoch,
				"-restarts", "8", "-protocol", protocol, "-seed", "7")
			require.Equal(t, r.Days, r.Equal)
			require.Zero(t, r.Violations)
			require.Equal(t, 8, r.Restarts)
			require.Positive(t, r.Matches)
			require.Positive(t, r.Withdrawn)
			if !testing.Short() {
				require.Equal(t, 3, r.Epochs)
			}
		})
	}
}

// A signal costs 250 bytes at most, padding and heads and all.
func TestBytesOfASignal(t *testing.T) {
	t.Parallel()
	r := object(t, "-days", "1", "-accounts", "100", "-signals", "1000", "-signups", "0", "-restarts", "0")
	require.LessOrEqual(t, r.BytesPerSignal, 250.0)
	require.Greater(t, r.BytesPerSignal, 100.0)
}

func TestOutput(t *testing.T) {
	var out, log bytes.Buffer
	require.Equal(t, exitOK, run(t.Context(), strings.Fields("-days 1 -accounts 50 -signals 20 -signups 2 -restarts 1"), nil, &out, &log), log.String())
	require.Contains(t, out.String(), "1 days, 1 of them with the matches of the plain join")
}

func TestUsage(t *testing.T) {
	for _, args := range []string{"-days 0", "-accounts -1", "-overlap 2", "-protocol psi", "-role nobody -dir .", "-role receiver", "extra", "-nonsense",
		"-store sqlite:x -transmitter-store sqlite:x"} {
		var out, log bytes.Buffer
		require.Equal(t, exitUsage, run(t.Context(), strings.Fields(args), nil, &out, &log), args)
		require.Empty(t, out.String())
		require.Equal(t, 1, strings.Count(log.String(), "\n"), log.String())
	}
	var out, log bytes.Buffer
	require.Equal(t, exitOK, run(t.Context(), []string{"-help"}, nil, &out, &log))
	require.Contains(t, log.String(), "\n  -store address\n")
	require.NotContains(t, log.String(), "\n  -role")
}
