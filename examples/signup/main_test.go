package main

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse/abusetest"
)

func figures(t *testing.T, args ...string) result {
	t.Helper()
	var out, complaints bytes.Buffer
	require.Equal(t, exitOK, run(t.Context(), append(args, "-json"), &out, &complaints), complaints.String())
	var r result
	dec := json.NewDecoder(&out)
	dec.DisallowUnknownFields()
	require.NoError(t, dec.Decode(&r))
	for _, name := range []string{`"p50_ms"`, `"p99_ms"`, `"p999_ms"`, `"rps"`, `"decisions"`} {
		require.Contains(t, func() string { b, _ := json.Marshal(r); return string(b) }(), name)
	}
	return r
}

// Every sign-up is decided, and who is flagged is found, under both protocols and on every store.
func TestLoad(t *testing.T) {
	for what, args := range map[string][]string{
		"ec":       nil,
		"vole":     {"-protocol", "vole", "-base", "200"},
		"file":     {"-store", "sqlite:" + filepath.Join(t.TempDir(), "signup.db")},
		"postgres": {"-store", "postgres", "-partner-store", "sqlite:" + filepath.Join(t.TempDir(), "partner.db")},
	} {
		t.Run(what, func(t *testing.T) {
			if what == "postgres" {
				t.Chdir(t.TempDir()) // where its vault goes
				args[1] = abusetest.Postgres(t)
			}
			r := figures(t, append([]string{"-load", "60", "-rps", "100", "-flagged", "40"}, args...)...)
			require.Equal(t, 60, r.Decisions)
			require.Zero(t, r.Errors)
			if r.Pending == 0 { // a slow machine may owe checks
				require.Positive(t, r.Matched)
				require.EqualValues(t, 120, r.Evaluations)
				require.Less(t, r.ByAction["none"], 60)
			}
		})
	}
}

// A store that is kept is gone on with, by the next process too.
func TestStoreIsKept(t *testing.T) {
	file := "sqlite:" + filepath.Join(t.TempDir(), "signup.db")
	first := figures(t, "-load", "20", "-rps", "100", "-flagged", "20", "-store", file)
	second := figures(t, "-load", "20", "-rps", "100", "-flagged", "20", "-store", file)
	require.Equal(t, 20, second.Decisions)
	require.GreaterOrEqual(t, second.Evaluations, first.Evaluations, "the session records count on")
}

func TestSignupRefuses(t *testing.T) {
	w, err := newWorld(1, "ec")
	require.NoError(t, err)
	o, err := parseFlags([]string{"-flagged", "3"}, &bytes.Buffer{})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s, err := start(ctx, o, w, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	defer func() { require.NoError(t, s.stop()) }()
	for body, want := range map[string]int{
		`{}`:                           http.StatusBadRequest,
		`{"account":"a","name":"x"}`:   http.StatusBadRequest,
		`{"account":"a","phone":"12"}`: http.StatusUnprocessableEntity,
		`{"account":"a","device":"x"}`: http.StatusUnprocessableEntity,
		`{"account":"a","device_kind":"imei","device":"1"}`: http.StatusUnprocessableEntity,
		`{"account":"a"}`: http.StatusOK,
		`{"account":"` + strings.Repeat("a", 5000) + `"}`: http.StatusBadRequest,
	} {
		resp, err := http.Post("http://"+s.address+"/signup", "application/json", strings.NewReader(body))
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, want, resp.StatusCode, body)
	}
}

// Whoever signs up learns what is done and nothing else: an answer about somebody who is known differs
// from one about nobody in the action alone.
func TestAnswerTellsTheActionAlone(t *testing.T) {
	w, err := newWorld(1, "ec")
	require.NoError(t, err)
	o, err := parseFlags([]string{"-flagged", "3"}, &bytes.Buffer{})
	require.NoError(t, err)
	s, err := start(t.Context(), o, w, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	defer func() { require.NoError(t, s.stop()) }()
	headers := map[string]bool{}
	for who, account := range map[int]string{1: "known", firstNew + 1: "new"} {
		body, err := json.Marshal(signup{Account: account, Phone: phone(who), Region: "FR", DeviceKind: "install_id", Device: w.device(who),
			Since: time.Now().AddDate(-1, 0, 0)})
		require.NoError(t, err)
		resp, err := http.Post("http://"+s.address+"/signup", "application/json", bytes.NewReader(body))
		require.NoError(t, err)
		var got map[string]any
		require.NoError(t, json.NewDecoder(resp.Body).Decode(&got))
		require.NoError(t, resp.Body.Close())
		require.Len(t, got, 2)
		require.Equal(t, account, got["account"])
		require.IsType(t, "", got["action"])
		for name := range resp.Header {
			headers[name] = true
		}
	}
	require.Len(t, headers, 3, "Content-Type, Content-Length and Date")
	require.Positive(t, s.matched.Load()+s.pending.Load(), "it is known here")
}

func TestFlagsRefuse(t *testing.T) {
	for _, args := range [][]string{
		{"-load", "-1"}, {"-rps", "0"}, {"-fail", "maybe"}, {"-listen", "0.0.0.0:80"}, {"-listen", "localhost:1"}, {"-protocol", "x"},
		{"-flagged", "-1"}, {"-followers", "-2"}, {"more"}, {"-nothing"},
		{"-store", "sqlite:x", "-partner-store", "sqlite:x"},
	} {
		var out, complaints bytes.Buffer
		require.Equal(t, exitUsage, run(t.Context(), args, &out, &complaints), args)
		require.Equal(t, 1, strings.Count(complaints.String(), "\n"), complaints.String())
	}
	var out, help bytes.Buffer
	require.Equal(t, exitOK, run(t.Context(), []string{"-help"}, &out, &help))
	require.Empty(t, out.String())
	require.Contains(t, help.String(), "\n  -followers number\n")
	require.NotContains(t, help.String(), "\n  -"+internal+" ")
}
