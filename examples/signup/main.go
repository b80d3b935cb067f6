// Command signup is a service whose sign-ups are checked against what a partner knows, with
// the partner beside it. Both run in this process, each on its own store, and speak over loopback
// TLS as they would across the world.
//
//	go run ./examples/signup                               serves until it is interrupted
//	go run ./examples/signup -load 6000 -rps 300 -json     drives itself, prints latencies
//	go run ./examples/signup -store sqlite:accounts.db     keeps what it learns
//
// A sign-up is POST /signup with {"account","phone","region","device_kind","device"}, and "since"
// where it is known; the answer is {"account","action"}: what a person who signs up may know, and not
// what is known of them. The use of the library is in services.go and signup.go.
//
// The two services are made up: keys, accounts and numbers come from -seed, so they are secret to
// nobody, and the program listens on loopback addresses alone.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"runtime/pprof"
	"strings"
	"syscall"
	"time"

	"github.com/hueandcry/hueandcry/abuse/watch"
)

// What the process ends with.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// options are what the command line says.
type options struct {
	load       int
	rps        float64
	json       bool
	store      string
	partner    string
	listen     string
	protocol   string
	flagged    int
	base       int
	seed       uint64
	fail       watch.WhenDown
	followers  int
	cpuprofile string
	child      string
}

const intro = `signup is a service whose sign-ups are checked against what a partner knows, with the
partner beside it, on loopback. It serves POST /signup until it is interrupted, or with
-load drives itself and prints how long a sign-up takes.

`

const outro = `
Keys are beside each store, in FILE.vault, or for a database in signup-receiver.vault
and signup-transmitter.vault in the working directory. A store is of no use without.
Exit status: 0 done, 1 failed, 2 wrong usage.
`

// internal is the flag with which the program starts itself.
const internal = "follow"

// help prints what the program does and the flags that are for people.
func help(w io.Writer, f *flag.FlagSet) {
	shown := flag.NewFlagSet("", flag.ContinueOnError)
	shown.SetOutput(w)
	f.VisitAll(func(x *flag.Flag) {
		if x.Name != internal {
			shown.Var(x.Value, x.Name, x.Usage)
			shown.Lookup(x.Name).DefValue = x.DefValue
		}
	})
	fmt.Fprint(w, intro)
	shown.PrintDefaults()
	fmt.Fprint(w, outro)
}

// parseFlags reads the command line. Errors are usage errors, in one line.
func parseFlags(args []string, stderr io.Writer) (*options, error) {
	o := &options{}
	f := flag.NewFlagSet("signup", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.IntVar(&o.load, "load", 0, "drive itself with this `number` of sign-ups, then print figures and end")
	f.Float64Var(&o.rps, "rps", 300, "`number` of sign-ups a second with -load")
	f.BoolVar(&o.json, "json", false, "print the figures of -load as one JSON object")
	f.StringVar(&o.store, "store", "", "`address` of the receiver's store, sqlite:FILE or postgres://… (default a file\nin a temporary folder)")
	f.StringVar(&o.partner, "partner-store", "", "`address` of the transmitter's store (default FILE.transmitter beside that of\n-store, or a file in a temporary folder)")
	f.StringVar(&o.listen, "listen", "127.0.0.1:0", "loopback `address` where /signup is served")
	f.StringVar(&o.protocol, "protocol", "ec", "how the base is enrolled: `ec|vole`")
	f.IntVar(&o.flagged, "flagged", 2000, "`number` of accounts that the transmitter has flagged")
	f.IntVar(&o.base, "base", 0, "`number` of accounts that the receiver has at the start")
	f.Uint64Var(&o.seed, "seed", 1, "`number` from which keys, accounts and telephone numbers come")
	fail := f.String("fail", "open", "what a sign-up gets while the partner is down: `open|closed`")
	f.IntVar(&o.followers, "followers", 0, "`number` of idle followers of the feed, in a process of their own")
	f.StringVar(&o.cpuprofile, "cpuprofile", "", "`file` to write a CPU profile to")
	f.StringVar(&o.child, internal, "", "the address that -followers follow")
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			help(stderr, f)
		}
		return nil, err
	}
	switch *fail {
	case "open":
		o.fail = watch.FailOpen
	case "closed":
		o.fail = watch.FailClosed
	default:
		return nil, errors.New("-fail must be open or closed")
	}
	host, _, err := net.SplitHostPort(o.listen)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return nil, errors.New("-listen must be a loopback address and a port")
	}
	switch {
	case f.NArg() > 0:
		return nil, errors.New("there are only flags, no arguments; -help lists them")
	case o.load < 0 || o.load > maxLoad:
		return nil, fmt.Errorf("-load must be 0 to %d", maxLoad)
	case !(o.rps > 0 && o.rps <= 100_000):
		return nil, errors.New("-rps must be above 0 and at most 100000")
	case o.flagged < 0 || o.flagged > maxFlagged || o.base < 0 || o.base > maxBase:
		return nil, fmt.Errorf("-flagged must be 0 to %d and -base 0 to %d", maxFlagged, maxBase)
	case o.followers < 0 || o.followers > 100_000:
		return nil, errors.New("-followers must be 0 to 100000")
	case o.store != "" && o.store == o.partner:
		return nil, errors.New("-partner-store must be another than -store")
	case o.protocol != "ec" && o.protocol != "vole":
		return nil, errors.New("-protocol must be ec or vole")
	}
	return o, nil
}

// run is the program without its process.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parseFlags(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		complain(stderr, err)
		return exitUsage
	}
	if err := o.run(ctx, stdout, stderr); err != nil {
		complain(stderr, err)
		return exitFailure
	}
	return exitOK
}

// complain prints an error as one line.
func complain(w io.Writer, err error) {
	fmt.Fprintln(w, "signup: "+strings.ReplaceAll(err.Error(), "\n", "; "))
}

func (o *options) run(ctx context.Context, stdout, stderr io.Writer) (err error) {
	w, err := newWorld(o.seed, o.protocol)
	if err != nil {
		return err
	}
	if o.child != "" {
		return follow(ctx, w, o.child, o.followers, stdout)
	}
	if o.cpuprofile != "" {
		f, err := os.Create(o.cpuprofile)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	s, err := start(ctx, o, w, log)
	if errors.Is(err, context.Canceled) {
		return context.Cause(ctx) // what stopped it
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	if o.load == 0 && o.followers == 0 {
		fmt.Fprintln(stdout, "POST http://"+s.address+"/signup")
		<-ctx.Done()
		return nil
	}
	var crowd *crowd
	if o.followers > 0 {
		if crowd, err = gather(ctx, o, s.partnerURL, stderr); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, crowd.leave()) }()
	}
	r := s.drive(ctx, o)
	if crowd != nil {
		r.Followers, r.RSSMB = o.followers, residentMB()
	}
	if ctx.Err() != nil {
		return context.Cause(ctx) // what stopped it
	}
	if o.json {
		return json.NewEncoder(stdout).Encode(r)
	}
	return r.print(stdout)
}

// patience is how long a stop may take.
const patience = 30 * time.Second
