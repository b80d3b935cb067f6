//go:build unix

package sqlstore_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/abusetest"
	"github.com/hueandcry/hueandcry/abuse/sqlstore"
)

// The test binary is its own child: what is killed, limited or without rights.
const childJob, childAddress = "HUEANDCRY_CHILD", "HUEANDCRY_CHILD_ADDRESS"

func child(t testing.TB, job, address string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestChild$")
	cmd.Env = append(os.Environ(), childJob+"="+job, childAddress+"="+address)
	cmd.Stderr = os.Stderr
	return cmd
}

// TestChild is what a child does.
func TestChild(t *testing.T) {
	address := os.Getenv(childAddress)
	switch os.Getenv(childJob) {
	case "commit":
		commitForEver(address)
	case "load":
		s, err := sqlstore.Open(t.Context(), address)
		require.NoError(t, err)
		fmt.Println("begins")
		require.NoError(t, s.Load(t.Context(), abuse.Enrolments, enrolments(1<<40)))
	case "limit":
		signal.Ignore(syscall.SIGXFSZ)
		require.NoError(t, unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 400_000, Max: 400_000}))
		s, err := sqlstore.Open(t.Context(), address)
		require.NoError(t, err)
		n, err := untilError(t, s, 1000)
		quiet(t, err, abuse.ErrStoreFull)
		holds(t, s, n)
		_ = s.Close()
		fmt.Println("acknowledged", n)
	case "other user":
		require.NoError(t, errors.Join(syscall.Setgid(65534), syscall.Setuid(65534)))
		fallthrough
	case "read only":
		_, err := sqlstore.Open(t.Context(), address)
		quiet(t, err, abuse.ErrStoreReadOnly)
		fmt.Println("refused")
	default:
		t.Skip("for the other tests")
	}
}

func TestLimitOfFileSize(t *testing.T) {
	address := "sqlite:" + filepath.Join(t.TempDir(), "db")
	out, err := child(t, "limit", address).Output()
	require.NoError(t, err, string(out))
	var n int
	_, err = fmt.Sscan(string(out[strings.Index(string(out), "acknowledged"):]), new(string), &n)
	require.NoError(t, err)
	s, err := sqlstore.Open(t.Context(), address)
	require.NoError(t, err)
	holds(t, s, n)
	_, err = untilError(t, s, 1000)
	require.NoError(t, err)
	require.NoError(t, s.Close())
}

func TestReadOnly(t *testing.T) {
	job := "read only"
	if os.Geteuid() == 0 {
		job = "other user" // to whom rights mean something
	}
	refused := func(file string) {
		out, err := child(t, job, "sqlite:"+file).Output()
		require.NoError(t, err, string(out))
		require.Contains(t, string(out), "refused")
	}
	dir, err := os.MkdirTemp("", "readonly-")
	require.NoError(t, err)
	t.Cleanup(func() { os.Chmod(dir, 0o700); os.RemoveAll(dir) })
	file := filepath.Join(dir, "db")
	s, err := sqlstore.Open(t.Context(), "sqlite:"+file)
	require.NoError(t, err)
	fill(t, s, abuse.Tables())
	require.NoError(t, s.Close())
	before := hashes(t, file)
	for _, mode := range [][2]os.FileMode{{0o777, 0o444}, {0o555, 0o444}, {0o555, 0o666}, {0o777, 0}} { // of the folder, of the file
		require.NoError(t, errors.Join(os.Chmod(file, mode[1]), os.Chmod(dir, mode[0])))
		refused(file)
	}
	require.NoError(t, os.Chmod(dir, 0o555))
	refused(filepath.Join(dir, "new"))
	require.NoError(t, errors.Join(os.Chmod(dir, 0o700), os.Chmod(file, 0o600)))
	require.Equal(t, before, hashes(t, file))
}

// commitForEver adds to counters and says so; each addition is rows in three tables.
func commitForEver(address string) {
	ctx := context.Background()
	s, err := sqlstore.Open(ctx, address)
	if err != nil {
		fmt.Fprintln(os.Stderr, "child:", err)
		os.Exit(2)
	}
	var out sync.Mutex
	var group sync.WaitGroup
	for g := range goroutines {
		group.Go(func() {
			for {
				var n int
				err := s.Update(ctx, func(w abuse.Writer) (err error) {
					if n, err = counter(w, g); err != nil {
						return err
					}
					n++
					if n > 50 { // some rows go again
						err = w.Delete(abuse.Matches, addition(g, n-50))
					}
					return errors.Join(err, w.Put(abuse.Budgets, fmt.Append(nil, g), fmt.Append(nil, n)),
						w.Put(abuse.Kept, addition(g, n), make([]byte, n%7*1000)), w.Put(abuse.Matches, addition(g, n), []byte("v")))
				})
				if err != nil { // the server was killed
					return
				}
				out.Lock()
				fmt.Println("done", g, n)
				out.Unlock()
			}
		})
	}
	group.Wait()
	os.Exit(1)
}

const goroutines = 4

func addition(g, n int) []byte { return fmt.Appendf(nil, "%d %08d", g, n) }

func counter(r abuse.Reader, g int) (int, error) {
	v, err := r.Get(abuse.Budgets, fmt.Append(nil, g))
	if err != nil || v[0] == nil {
		return 0, err
	}
	return strconv.Atoi(string(v[0]))
}

// crashes lets children commit, ends them as crash does, and looks. A server may still commit one
// for each goroutine of a child that is no more, and late: after the look.
func crashes(t *testing.T, address string, times, late int, crash func(*exec.Cmd)) {
	var acknowledged [goroutines]int
	for range times {
		cmd := child(t, "commit", address)
		stdout, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		lines := bufio.NewReader(stdout)
		first, err := lines.ReadString('\n')
		require.NoError(t, err)
		crashed := make(chan struct{})
		go func() {
			defer close(crashed)
			time.Sleep(time.Duration(rand.Int64N(int64(60 * time.Millisecond))))
			crash(cmd)
		}()
		rest, err := io.ReadAll(lines)
		require.NoError(t, err)
		_ = cmd.Wait()
		<-crashed
		var seen [goroutines]bool
		for line := range strings.Lines(first + string(rest)) {
			var g, n int
			if k, err := fmt.Sscanf(line, "done %d %d\n", &g, &n); err == nil && k == 2 {
				if !seen[g] && n > acknowledged[g]+1 {
					acknowledged[g] += late
				}
				require.Equal(t, acknowledged[g]+1, n, "each is made once")
				acknowledged[g], seen[g] = n, true
			}
		}
		s, err := sqlstore.Open(t.Context(), address)
		require.NoError(t, err)
		require.NoError(t, s.View(t.Context(), func(r abuse.Reader) error {
			for g := range goroutines {
				n, err := counter(r, g)
				require.NoError(t, err)
				require.GreaterOrEqual(t, n, acknowledged[g], "acknowledged and lost")
				require.LessOrEqual(t, n, acknowledged[g]+1+late)
				acknowledged[g] = n
				for table, from := range map[abuse.Table]int{abuse.Kept: 1, abuse.Matches: max(1, n-49)} {
					rows, err := r.Scan(table, addition(g, 0), addition(g+1, 0), 1<<20)
					require.NoError(t, err)
					require.Len(t, rows, n-from+1, "in part")
					for i, row := range rows {
						require.Equal(t, addition(g, from+i), row.Key)
					}
				}
			}
			return nil
		}))
		require.NoError(t, s.Close())
	}
	t.Logf("%d crashes, acknowledged %v", times, acknowledged)
}

func full() bool { return os.Getenv("HUEANDCRY_FULL") != "" }

func kill(cmd *exec.Cmd) { _ = cmd.Process.Kill() }

func TestCrashSQLite(t *testing.T) {
	times := 5
	if full() {
		times = 200
	}
	crashes(t, "sqlite:"+filepath.Join(t.TempDir(), "db"), times, 0, kill)
}

func TestCrashPostgres(t *testing.T) {
	times := 3
	if full() {
		times = 200
	}
	crashes(t, abusetest.Postgres(t), times, 1, kill)
}

// Of a Load that was killed the first so many rows are there.
func TestCrashOfLoad(t *testing.T) {
	for name, make := range addresses() {
		t.Run(name, func(t *testing.T) {
			address := make(t)
			for range 2 { // the second over what the first has left
				cmd := child(t, "load", address)
				stdout, err := cmd.StdoutPipe()
				require.NoError(t, err)
				require.NoError(t, cmd.Start())
				_, err = bufio.NewReader(stdout).ReadString('\n')
				require.NoError(t, err)
				time.Sleep(time.Duration(rand.Int64N(int64(400 * time.Millisecond))))
				kill(cmd)
				_ = cmd.Wait()
				s, err := sqlstore.Open(t.Context(), address)
				require.NoError(t, err)
				n := 0
				require.NoError(t, s.View(t.Context(), func(r abuse.Reader) error {
					for {
						rows, err := r.Scan(abuse.Enrolments, enrolled(n), nil, 10_000)
						if err != nil || len(rows) == 0 {
							return err
						}
						for _, row := range rows {
							require.Equal(t, enrolled(n), row.Key)
							n++
						}
					}
				}))
				t.Log(n, "rows")
				require.NoError(t, s.Close())
			}
		})
	}
}

// The server is killed with all that it was doing.
func TestCrashOfPostgres(t *testing.T) {
	if !full() {
		t.Skip("it takes a minute; HUEANDCRY_FULL=1")
	}
	server := abusetest.NewPostgres(t)
	crashes(t, server.DSN, 25, 0, func(cmd *exec.Cmd) {
		server.Kill(t)
		kill(cmd)
		server.Start(t)
	})
}
