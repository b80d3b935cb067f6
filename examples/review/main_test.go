package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/cases"
	"github.com/hueandcry/hueandcry/abuse/sqlstore"
)

func program(args ...string) (code int, stdout, stderr string) {
	var out, log bytes.Buffer
	code = run(context.Background(), args, &out, &log)
	return code, out.String(), log.String()
}

func TestFigures(t *testing.T) {
	code, out, log := program("-json")
	require.Equal(t, exitOK, code)
	require.Empty(t, log)
	var f map[string]any
	decoder := json.NewDecoder(strings.NewReader(out))
	require.NoError(t, decoder.Decode(&f))
	require.False(t, decoder.More(), "one object and nothing else")
	for _, key := range []string{"open", "reviews", "appeals", "contested", "late", "upheld", "overturned", "changed", "partners"} {
		require.Contains(t, f, key)
	}
	require.Len(t, f["partners"], 3)
	require.Greater(t, f["open"], 10.0)
	_, again, _ := program("-json")
	require.Equal(t, out, again, "the world is the same at every start")
}

// The console is served until the program is told to end.
func TestServe(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	r, w := io.Pipe()
	ended := make(chan int, 1)
	go func() { ended <- run(ctx, []string{"-listen", "127.0.0.1:0"}, w, io.Discard) }()
	line, err := bufio.NewReader(r).ReadString('\n')
	require.NoError(t, err)
	answer, err := http.Get(strings.TrimSpace(line))
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusOK, answer.StatusCode)
	require.Equal(t, "/queue", answer.Request.URL.Path)
	stop()
	require.Equal(t, exitOK, <-ended)
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{{"-listen", "0.0.0.0:80"}, {"-listen", "example.com:80"}, {"-listen", "127.0.0.1"}, {"-nothing"}, {"file"}} {
		code, out, log := program(args...)
		require.Equal(t, exitUsage, code, "%v", args)
		require.Empty(t, out)
		require.NotEmpty(t, log)
	}
	code, _, _ := program("-help")
	require.Equal(t, exitOK, code)
	for _, args := range [][]string{{"-json", "-store", "mysql:x"}, {"-json", "-store", "sqlite:" + t.TempDir() + "/no/such/file"}, {"-json", "-self", "No Name"}} {
		code, out, log := program(args...)
		require.Equal(t, exitFailure, code, "%v", args)
		require.Empty(t, out)
		require.Equal(t, 1, strings.Count(log, "\n"), "one clear line: %s", log)
	}
}

// A service's own store, beside which the console runs: what its process has put into the queue is
// there, and answers stay.
func TestStore(t *testing.T) {
	file := filepath.Join(t.TempDir(), "service.db")
	code, out, log := program("-json", "-store", "sqlite:"+file)
	require.Equal(t, exitOK, code, log)
	require.JSONEq(t, `{"open":0,"reviews":0,"appeals":0,"contested":0,"late":0,"upheld":0,"overturned":0,"changed":0,"partners":[]}`, out)

	ctx := context.Background()
	store, err := sqlstore.Open(ctx, "sqlite:"+file)
	require.NoError(t, err)
	office, err := newOffice(store, "social.example", time.Now, false)
	require.NoError(t, err)
	w := &world{office: office, clock: &worldClock{}, r: seeded(t), now: time.Now().UTC()}
	d, err := w.decide(ctx, "member-one", w.signal("messenger.example"))
	require.NoError(t, err)
	require.GreaterOrEqual(t, d.Action, abuse.Limit)
	if d.Action < abuse.Suspend {
		t.Fatal("the signal of the world does not suspend any more")
	}
	_, err = office.hearings.Open(ctx, "member-one", d.ID)
	require.NoError(t, err)
	queue, err := office.hearings.Queue(ctx, 10)
	require.NoError(t, err)
	c, err := office.hearings.Claim(ctx, queue[0].ID, "Agatha")
	require.NoError(t, err)
	_, err = office.hearings.Resolve(ctx, c.ID, cases.Resolution{Version: c.Version, Reviewer: "Agatha", Outcome: cases.Overturned, Ground: cases.WrongSignal})
	require.NoError(t, err)
	require.NoError(t, store.Close())

	code, out, log = program("-json", "-store", "sqlite:"+file)
	require.Equal(t, exitOK, code, log)
	var f figures
	require.NoError(t, json.Unmarshal([]byte(out), &f))
	require.Equal(t, cases.Figures{Overturned: 2}, f.Figures, "the review, and the appeal with it")
	require.Len(t, f.Partners, 1)
	body, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NotEmpty(t, body)
}

// The console beside a service opens no review by rules of its own, and none is lost: the service's
// process, which wants milder steps reviewed too, finds what the console has left.
func TestBesideService(t *testing.T) {
	ctx := context.Background()
	store, err := sqlstore.Open(ctx, "sqlite:"+filepath.Join(t.TempDir(), "service.db"))
	require.NoError(t, err)
	defer func() { require.NoError(t, store.Close()) }()
	service, err := newOffice(store, "social.example", time.Now, false)
	require.NoError(t, err)
	service.hearings, err = cases.NewHearings(cases.HearingsConfig{Desk: service.desk, Self: "social.example", Key: make([]byte, 32), ReviewFrom: abuse.Label})
	require.NoError(t, err)
	w := &world{office: service, clock: &worldClock{}, r: seeded(t), now: time.Now().UTC()}
	mild := w.signal("bank.example")
	mild.Confidence, mild.Review = 60, abuse.ReviewAutomatic
	other := mild
	other.ID, other.Origin, other.Confidence = w.id(), "market.example", 61
	first, err := w.decide(ctx, "member-one", mild)
	require.NoError(t, err)
	require.True(t, first.Action > abuse.None && first.Action < abuse.Suspend, first.Action)

	console, err := newOffice(store, "social.example", time.Now, true)
	require.NoError(t, err)
	queue, err := console.hearings.Queue(ctx, 10)
	require.NoError(t, err)
	require.Len(t, queue, 1)
	second, err := w.decide(ctx, "member-one", other)
	require.NoError(t, err)
	require.Equal(t, first.Action, second.Action)
	c, err := console.hearings.Claim(ctx, queue[0].ID, "Agatha")
	require.NoError(t, err)
	_, err = console.hearings.Resolve(ctx, c.ID, cases.Resolution{Version: c.Version, Reviewer: "Agatha", Outcome: cases.Overturned, Ground: cases.WrongSignal})
	require.NoError(t, err)
	require.NoError(t, console.hearings.Work(ctx))
	queue, err = console.hearings.Queue(ctx, 10)
	require.NoError(t, err)
	require.Empty(t, queue)
	require.NoError(t, service.hearings.Work(ctx))
	queue, err = console.hearings.Queue(ctx, 10)
	require.NoError(t, err)
	require.Len(t, queue, 1)
	require.Equal(t, second.ID, queue[0].Decision.ID)
}
