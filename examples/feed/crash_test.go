//go:build unix

package main

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse/abusetest"
	"github.com/hueandcry/hueandcry/abuse/watch"
	"github.com/hueandcry/hueandcry/linkage"
)

// limitVariable is how large a role's files may become, in bytes.
const limitVariable = "HUEANDCRY_FEED_LIMIT"

// limitFiles makes a disk that is full of the variable.
func limitFiles() {
	if n, err := strconv.ParseUint(os.Getenv(limitVariable), 10, 64); err == nil {
		signal.Ignore(syscall.SIGXFSZ)
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: n, Max: n}); err != nil {
			panic(err)
		}
	}
}

// accident is a story whose services die at any moment.
type accident struct {
	*story
	t     *testing.T
	rng   *rand.Rand
	died  int
	place uint64 // how far the receiver was
	feeds int
}

func newAccident(t *testing.T, edit ...func(*options)) *accident {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	o := &options{days: 1000, accounts: 60, signals: 100, overlap: 0.7, epochDays: 300, protocol: linkage.ProtocolVOLE, seed: seed, processes: true}
	for _, e := range edit {
		e(o)
	}
	a := &accident{story: newStory(o, t.TempDir(), io.Discard), t: t, rng: rand.New(rand.NewPCG(seed, 2))}
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		_ = a.transmitter.kill(ctx)
		_ = a.receiver.kill(ctx)
	})
	a.raise(a.transmitter)
	a.raise(a.receiver)
	return a
}

// raise starts a service.
func (a *accident) raise(p *party) {
	a.t.Helper()
	_ = p.kill(a.t.Context())
	require.NoError(a.t, a.start(a.t.Context(), p))
}

// must gives a command until it is done, whatever dies meanwhile. What was not acknowledged is
// said again.
func (a *accident) must(p *party, req request) reply {
	a.t.Helper()
	var err error
	for try := range 100 {
		var out reply
		if out, _, err = a.ask(a.t.Context(), p, req); err == nil {
			return out
		}
		if errors.Is(err, errDied) {
			a.died++
			a.raise(p)
		} else if _, _, dead := a.ask(a.t.Context(), a.transmitter, request{Op: "address"}); dead != nil {
			a.died++
			a.raise(a.transmitter)
		} else {
			time.Sleep(time.Duration(try) * 10 * time.Millisecond) // the breaker is open
		}
	}
	require.NoError(a.t, err)
	return reply{}
}

// enrol enrols a base until there is one whose feed goes on.
func (a *accident) enrol() {
	a.t.Helper()
	for out := a.must(a.receiver, request{Op: "status"}); out.Due; out = a.must(a.receiver, request{Op: "status"}) {
		a.must(a.receiver, request{Op: "people", Count: a.people})
		if _, _, err := a.ask(a.t.Context(), a.receiver, request{Op: "base", Epoch: out.Epoch}); err != nil {
			a.must(a.transmitter, request{Op: "address"})
		}
	}
}

// hour is a part of a day. Clocks go wrong in it.
func (a *accident) hour() {
	a.t.Helper()
	a.enrol()
	a.now = a.now.Add(time.Hour)
	right := a.now
	if a.rng.IntN(4) == 0 {
		a.now = a.now.Add(-3 * time.Hour)
	}
	all := a.sayings(3)
	for i := range all {
		a.must(a.transmitter, request{Op: "say", Say: all[i : i+1]})
	}
	a.now = right
	a.must(a.receiver, request{Op: "check", First: a.people, Count: 1})
	a.people++
	a.must(a.transmitter, request{Op: "cut"})
	for _, op := range []string{"follow", "recheck", "decide"} {
		a.must(a.receiver, request{Op: op})
	}
}

// equal says that nothing was lost, and nothing done twice.
func (a *accident) equal() {
	a.t.Helper()
	a.must(a.transmitter, request{Op: "cut"})
	for _, op := range []string{"follow", "recheck", "decide"} {
		a.must(a.receiver, request{Op: op})
	}
	out := a.must(a.receiver, request{Op: "status"})
	require.Equal(a.t, a.truth(), out.Matches)
	require.Zero(a.t, out.Violations)
	require.Zero(a.t, out.Rechecks)
	if out.Feeds == a.feeds {
		require.GreaterOrEqual(a.t, out.Position, a.place, "cursors do not go back")
	}
	a.place, a.feeds = out.Position, out.Feeds
}

// doom kills the process of a service after a while.
func doom(p *party, after time.Duration) {
	cmd := p.cmd
	time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
}

// Services are killed at any moment, also while a base is being enrolled: nothing that was
// acknowledged is lost, and nothing decided twice.
func TestKill(t *testing.T) {
	kills := 6
	if testing.Short() {
		kills = 2
	}
	if full() {
		kills = 200
	}
	for _, store := range []string{"sqlite", "postgres"} {
		for _, role := range []string{roleTransmitter, roleReceiver} {
			t.Run(store+"/"+role, func(t *testing.T) {
				t.Parallel()
				a := newAccident(t, func(o *options) {
					if store == "postgres" {
						o.store, o.transmitterStore = abusetest.Postgres(t), abusetest.Postgres(t)
					}
				})
				victim := map[string]*party{roleTransmitter: a.transmitter, roleReceiver: a.receiver}[role]
				doom(victim, time.Duration(a.rng.IntN(60))*time.Millisecond)
				a.enrol()
				for n := range kills {
					doom(victim, time.Duration(5+a.rng.IntN(145))*time.Millisecond)
					for before, hours := a.died, 0; a.died == before && hours < 50; hours++ {
						a.hour()
					}
					if n%5 == 4 || n == kills-1 {
						a.equal()
					}
				}
				require.GreaterOrEqual(t, a.died, kills)
				t.Logf("%d deaths, %d signals", a.died, len(a.signals))
			})
		}
	}
}

// A disk that is full: what cannot be stored is an error, and when there is room again nothing is missing.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	for _, role := range []string{roleTransmitter, roleReceiver} {
		t.Run(role, func(t *testing.T) {
			a := newAccident(t)
			victim := map[string]*party{roleTransmitter: a.transmitter, roleReceiver: a.receiver}[role]
			a.enrol()
			a.hour()
			require.NoError(t, victim.stop(t.Context()))
			info, err := os.Stat(filepath.Join(victim.o.dir, role+".sqlite"))
			require.NoError(t, err)
			victim.env = []string{limitVariable + "=" + strconv.FormatInt(info.Size()+1<<15, 10)}
			a.raise(victim)
			// Until it fails, the driver goes on; then there is room again, and all is said again.
			failed := false
			for range 40 {
				a.now = a.now.Add(time.Hour)
				all := a.sayings(20)
				if _, _, err := a.ask(t.Context(), a.transmitter, request{Op: "say", Say: all}); err != nil {
					failed = true
				}
				for _, op := range []string{"follow", "decide"} {
					if _, _, err := a.ask(t.Context(), a.transmitter, request{Op: "cut"}); err != nil {
						failed = true
					}
					if _, _, err := a.ask(t.Context(), a.receiver, request{Op: op}); err != nil {
						failed = true
					}
				}
				if failed {
					victim.env = nil
					a.raise(victim)
					a.must(a.transmitter, request{Op: "say", Say: all})
					break
				}
			}
			require.True(t, failed)
			a.equal()
			a.hour()
			a.equal()
		})
	}
}

// A database that cannot be written: the services say so, and go on when it can.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	a := newAccident(t, func(o *options) { o.store = abusetest.Postgres(t) })
	a.enrol()
	a.hour()
	address := a.receiver.o.store
	require.NoError(t, a.receiver.stop(t.Context()))
	a.receiver.o.store += "&default_transaction_read_only=on"
	if err := a.start(t.Context(), a.receiver); err == nil {
		_, _, err = a.ask(t.Context(), a.receiver, request{Op: "check", First: a.people, Count: 1})
		require.Error(t, err)
		require.NotErrorIs(t, err, errDied)
	}
	a.receiver.o.store = address
	a.raise(a.receiver)
	a.hour()
	a.equal()
}

// What both services leave on the disk, killed in the middle of their work, names nobody: not the
// databases, nor their logs, nor the vaults.
func TestNothingOnDisk(t *testing.T) {
	t.Parallel()
	a := newAccident(t, func(o *options) { o.protocol = linkage.ProtocolEC })
	a.enrol()
	for range 5 {
		a.hour()
	}
	a.equal()
	cert, err := certificate(mustWorld(t, a.o).receiver)
	require.NoError(t, err)
	agreement := mustWorld(t, a.o).agreement
	client, err := watch.NewClient(watch.ClientConfig{URL: a.address, Agreement: agreement, Certificate: cert})
	require.NoError(t, err)
	defer client.Close()
	feed := linkage.NewFeedID(agreement, 0, []linkage.GenerationID{linkage.LiveGeneration(agreement, 0)})
	var secrets [][]byte
	for n := uint64(1); n <= a.place; n++ {
		data, err := client.Batch(t.Context(), feed, n, false)
		require.NoError(t, err)
		b, err := linkage.ParseBatch(agreement, data)
		require.NoError(t, err)
		for i := range b.Len() {
			r := b.Record(i)
			for j := range r.Identifiers() {
				tag := r.Tag(j, 0)
				secrets = append(secrets, tag[:])
			}
		}
	}
	require.NotEmpty(t, secrets)
	for n := range 40 {
		for _, about := range []int{n, a.signals[n%len(a.signals)].About} {
			secrets = append(secrets, []byte(number(about)))
		}
	}
	a.hour()
	dir := a.receiver.o.dir
	require.NoError(t, a.transmitter.kill(t.Context()))
	require.NoError(t, a.receiver.kill(t.Context()))
	abusetest.Scan(t, dir, secrets...)
}

func mustWorld(t *testing.T, o *options) *world {
	w, err := newWorld(o)
	require.NoError(t, err)
	return w
}
