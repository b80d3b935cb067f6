package abusetest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Postgres gives the address of a new, empty database, which is gone when the tests end. It is
// made on the server of the environment variable HUEANDCRY_POSTGRES (an address by which psql
// may create databases), or else on one that is started here, on loopback, and ends with this
// process. Where there is neither, the test is skipped with the reason. The server started here
// does not sync, which a test of crashes of the machine would miss and no other.
func Postgres(t testing.TB) string {
	t.Helper()
	server := os.Getenv("HUEANDCRY_POSTGRES")
	if server == "" {
		shared.once.Do(func() { shared.server, shared.err = start() })
		orSkip(t, shared.err)
		server = shared.server.DSN
	}
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal("HUEANDCRY_POSTGRES is no address") // which may hold a password
	}
	psql, err := program("psql")
	orSkip(t, err)
	name := fmt.Sprintf("hueandcry_test_%d_%d_%d", os.Getpid(), time.Now().UnixNano(), shared.made.Add(1))
	run := func(statement string) {
		cmd := exec.Command(psql, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", server, "-c", statement)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("psql: %v: %s", err, out)
		}
	}
	run("CREATE DATABASE " + name + " TEMPLATE template0") // to which nobody is connected: that would be in the way
	if os.Getenv("HUEANDCRY_POSTGRES") != "" {             // the others go with their server, which takes less time
		t.Cleanup(func() { run("DROP DATABASE " + name + " WITH (FORCE)") })
	}
	u.Path = "/" + name
	return u.String()
}

// errMissing says that the machine has no PostgreSQL that could be started.
var errMissing = errors.New("no PostgreSQL")

// orSkip skips where there is none, and fails where there is one that does not work.
func orSkip(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, errMissing) {
		t.Skip(err)
	}
	noError(t, err)
}

// shared is the server of this process, started by the first test that needs it.
var shared struct {
	once   sync.Once
	made   atomic.Int64 // databases
	server *PostgresServer
	err    error
}

// PostgresServer is a server of one test's own.
type PostgresServer struct {
	DSN string // of its database
	Dir string // where its files are

	port  int
	bin   string
	stdin io.WriteCloser // of the keeper, held open while the server is to run
	cmd   *exec.Cmd
}

// NewPostgres starts a server that the test may kill, and whose files it may look at. It ends with
// the test. Where there is none the test is skipped with the reason.
func NewPostgres(t testing.TB) *PostgresServer {
	t.Helper()
	s, err := start()
	orSkip(t, err)
	t.Cleanup(func() { s.stop() })
	return s
}

// Kill ends the server and all of its processes at once (SIGKILL).
func (s *PostgresServer) Kill(t testing.TB) {
	t.Helper()
	lines, err := s.postmaster()
	noError(t, err)
	pid, err := strconv.Atoi(lines[0])
	noError(t, err)
	noError(t, kill(pid))
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		// The others end when they see that the first has; a new server waits for that too.
		if c, err := net.DialTimeout("tcp", s.listen(), time.Second); err != nil {
			break
		} else if c.Close(); time.Now().After(deadline) {
			t.Fatal("the server is still there")
		}
	}
	s.end(keep)
}

// Start starts a server that was killed.
func (s *PostgresServer) Start(t testing.TB) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		err := s.run()
		if err == nil {
			return
		}
		if time.Now().After(deadline) { // shared memory is in use till the last process has ended
			t.Fatal(err)
		}
	}
}

func (s *PostgresServer) listen() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// postmaster gives the lines of the file that a server has while it runs: the first is the number
// of its process, the eighth says whether it is ready.
func (s *PostgresServer) postmaster() ([]string, error) {
	b, err := os.ReadFile(filepath.Join(s.Dir, "postmaster.pid"))
	return strings.Split(string(b), "\n"), err
}

// start makes a folder and a server in it.
func start() (*PostgresServer, error) {
	initdb, err := program("initdb")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "hueandcry-postgres-")
	if err != nil {
		return nil, err
	}
	s := &PostgresServer{Dir: filepath.Join(dir, "data"), bin: filepath.Dir(initdb)}
	fail := func(err error) (*PostgresServer, error) {
		os.RemoveAll(dir)
		return nil, err
	}
	attributes, err := otherUser(dir)
	if err != nil {
		return fail(err)
	}
	cmd := exec.Command(initdb, "-D", s.Dir, "-U", "hueandcry", "-A", "trust", "-N", "--no-locale", "-E", "UTF8")
	cmd.SysProcAttr, cmd.Dir = attributes, dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fail(fmt.Errorf("initdb: %w: %s", err, out))
	}
	for try := 0; ; try++ {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return fail(err)
		}
		s.port = l.Addr().(*net.TCPAddr).Port
		l.Close()
		s.DSN = fmt.Sprintf("postgres://hueandcry@%s/postgres?sslmode=disable", s.listen())
		if err := s.run(); err == nil {
			return s, nil
		} else if try == 3 { // somebody else may have got the port
			return fail(err)
		}
	}
}

// The shell outlives a test process that is killed by just so long as it takes to stop the server
// and to remove its files: the pipe to its standard input then ends.
const keeper = `"$0" -D "$1" -p "$2" -h 127.0.0.1 -c unix_socket_directories= -c fsync=off -c shared_buffers=32MB \
-c max_connections=200 -c max_pred_locks_per_transaction=256 -c autovacuum_naptime=10 >"$1/log" 2>&1 </dev/null &
server=$!
read end
if [ "$end" = keep ]; then kill -KILL $server; wait; exit; fi
kill -INT $server
wait
rm -rf "$(dirname "$1")"`

// run starts the server and waits till it answers.
func (s *PostgresServer) run() error {
	attributes, err := otherUser("")
	if err != nil {
		return err
	}
	// What an earlier server has left, which was killed or did not start, is not taken for this one's.
	_ = os.Remove(filepath.Join(s.Dir, "log"))
	killed, _ := s.postmaster()
	s.cmd = exec.Command("/bin/sh", "-c", keeper, filepath.Join(s.bin, "postgres"), s.Dir, strconv.Itoa(s.port))
	s.cmd.SysProcAttr, s.cmd.Dir = attributes, filepath.Dir(s.Dir)
	stdin, err := s.cmd.StdinPipe()
	if err != nil {
		return err
	}
	s.stdin = stdin
	if err := s.cmd.Start(); err != nil {
		return err
	}
	// Its own file says so. To ask its port would be to hear any server that got it first.
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if lines, err := s.postmaster(); err == nil && len(lines) >= 8 && lines[0] != killed[0] && strings.TrimSpace(lines[7]) == "ready" {
			return nil
		}
		if log, err := os.ReadFile(filepath.Join(s.Dir, "log")); err == nil && bytes.Contains(log, []byte("FATAL:  could not")) ||
			bytes.Contains(log, []byte("pre-existing shared memory")) {
			break
		}
	}
	log, _ := os.ReadFile(filepath.Join(s.Dir, "log"))
	s.end(keep)
	return fmt.Errorf("the server does not start: %s", log)
}

// keep tells the keeper that the files are still needed.
const keep = "keep\n"

// end ends the keeper, and with it the server.
func (s *PostgresServer) end(word string) {
	_, _ = io.WriteString(s.stdin, word)
	s.stdin.Close()
	_ = s.cmd.Wait()
}

// stop ends the server and removes its files.
func (s *PostgresServer) stop() {
	s.end("")
	os.RemoveAll(filepath.Dir(s.Dir))
}

// program finds one of PostgreSQL's, which distributions keep off the path.
func program(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil && !strings.HasSuffix(path, "pg_wrapper") {
			return path, nil
		}
	}
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin/", "/usr/pgsql-*/bin/", "/opt/homebrew/opt/postgresql*/bin/"} {
		found, err := filepath.Glob(pattern + name)
		if err == nil && len(found) > 0 {
			return found[len(found)-1], nil
		}
	}
	return "", fmt.Errorf("%w: %s is not on this machine, and HUEANDCRY_POSTGRES not set", errMissing, name)
}
