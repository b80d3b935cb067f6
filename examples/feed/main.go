// Command feed lives some days of two services at an accelerated clock: a transmitter that
// reports, revises and withdraws signals about its accounts, and a receiver that has enrolled its own
// once, checks those that sign up, and follows the feed. Both are stopped now and then, without
// warning, and started again. After each day what the receiver was handed is compared with a plain
// join of all that is true: nothing may be missing, and nothing there that is not so.
//
//	go run ./examples/feed
//	go run ./examples/feed -accounts 1000000 -signals 10000 -days 30 -processes -json
//
// With -processes each service is a process of its own, stopped by SIGKILL, and the CPU time is that
// of the receiver's process alone. The use of the library is in transmitter.go and receiver.go.
//
// The keys of the demonstration come from its seed, so that a process that starts again has them. A
// service takes them from its secret manager.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/hueandcry/hueandcry/linkage"
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
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// options are the flags.
type options struct {
	days, accounts, signals, signups, restarts int
	overlap                                    float64
	epochDays                                  int
	protocol                                   string
	store, transmitterStore                    string
	seed                                       uint64
	json, strict, processes                    bool

	role, dir string // of a process that the driver has started
	at        int64  // what its clock shows first
}

// run is the program without its process.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	o, err := parseFlags(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		complain(stderr, err)
		return exitUsage
	}
	if o.role != "" {
		err = serveRole(ctx, o, stdin, stdout)
	} else {
		err = o.tell(ctx, stdout, stderr)
	}
	if err != nil {
		complain(stderr, err)
		return exitFailure
	}
	return exitOK
}

var errDiffers = errors.New("a day ended with other matches than the plain join")

// tell lives the days and prints what came of it.
func (o *options) tell(ctx context.Context, stdout, stderr io.Writer) error {
	res, err := live(ctx, o, stderr)
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx) // what stopped it, and not what that has led to
	}
	if err != nil {
		return err
	}
	if o.json {
		err = json.NewEncoder(stdout).Encode(res)
	} else {
		err = res.print(stdout)
	}
	if err == nil && res.Equal < res.Days {
		err = errDiffers
	}
	return err
}

const intro = `feed lives some days of two services at an accelerated clock, stops them now and then
without warning, and compares what the receiver was handed with a plain join each day.

`

const outro = `
A store is to be a new one: its keys go with the run, and without them it is of no use.
Exit status: 0 done, 1 failed or a day that differs, 2 wrong usage.
`

// help prints what the program does, and the flags that are for people.
func help(w io.Writer, f *flag.FlagSet) {
	shown := flag.NewFlagSet("", flag.ContinueOnError)
	shown.SetOutput(w)
	f.VisitAll(func(x *flag.Flag) {
		if x.Name != "role" && x.Name != "dir" && x.Name != "at" { // for processes that the program starts
			shown.Var(x.Value, x.Name, x.Usage)
			shown.Lookup(x.Name).DefValue = x.DefValue
		}
	})
	fmt.Fprint(w, intro)
	shown.PrintDefaults()
	fmt.Fprint(w, outro)
}

// parseFlags reads the command line. Errors are usage errors.
func parseFlags(args []string, stderr io.Writer) (*options, error) {
	o := &options{}
	f := flag.NewFlagSet("feed", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.IntVar(&o.days, "days", 30, "`number` of days to live, 1 to 365")
	f.IntVar(&o.accounts, "accounts", 20_000, "`number` of accounts of the receiver's base, up to 10 million")
	f.IntVar(&o.signals, "signals", 1000, "`number` of signals reported, revised or withdrawn a day, up to 100,000")
	f.IntVar(&o.signups, "signups", 50, "`number` of accounts that sign up a day, up to 10,000")
	f.Float64Var(&o.overlap, "overlap", 0.05, "`share` of the signals that are about accounts of the receiver, 0 to 1")
	f.IntVar(&o.restarts, "restarts", 3, "`number` of times that a service is stopped without warning, up to 10,000")
	f.IntVar(&o.epochDays, "epoch-days", 60, "`number` of days of an epoch, 5 to 366; the next base is enrolled three days\nbefore its end")
	f.StringVar(&o.protocol, "protocol", linkage.ProtocolVOLE, "how the base is enrolled: `vole|ec`")
	f.StringVar(&o.store, "store", "", "`address` of the receiver's store, sqlite:FILE or postgres://… (default SQLite in\na temporary folder)")
	f.StringVar(&o.transmitterStore, "transmitter-store", "", "`address` of the transmitter's store, likewise; never the same")
	f.Uint64Var(&o.seed, "seed", 1, "`number` from which all is made up")
	f.BoolVar(&o.json, "json", false, "print one JSON object and nothing else")
	f.BoolVar(&o.strict, "strict", false, "stop after the first day that differs")
	f.BoolVar(&o.processes, "processes", false, "a process for each service")
	f.StringVar(&o.role, "role", "", "serve commands on standard input as transmitter or receiver: used by the program itself")
	f.StringVar(&o.dir, "dir", "", "the role's folder")
	f.Int64Var(&o.at, "at", start.Unix(), "what the role's clock shows first, in seconds since 1970")
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			help(stderr, f)
		}
		return nil, err
	}
	between := func(name string, n, from, to int) error {
		if n < from || n > to {
			return fmt.Errorf("-%s: must be %d to %d", name, from, to)
		}
		return nil
	}
	err := errors.Join(between("days", o.days, 1, 365), between("accounts", o.accounts, 0, 10_000_000), between("signals", o.signals, 0, 100_000),
		between("signups", o.signups, 0, 10_000), between("restarts", o.restarts, 0, 10_000), between("epoch-days", o.epochDays, 5, 366))
	switch {
	case err != nil:
	case f.NArg() > 0:
		err = errors.New("there are only flags, no arguments; -help lists them")
	case o.protocol != linkage.ProtocolEC && o.protocol != linkage.ProtocolVOLE:
		err = errors.New("-protocol: must be ec or vole")
	case o.overlap < 0 || o.overlap > 1:
		err = errors.New("-overlap: must be 0 to 1")
	case o.role != "" && o.role != roleTransmitter && o.role != roleReceiver:
		err = errors.New("-role: must be transmitter or receiver")
	case (o.role != "") != (o.dir != ""):
		err = errors.New("-role and -dir go together")
	case o.store != "" && o.store == o.transmitterStore:
		err = errors.New("-transmitter-store: must be another than -store")
	}
	return o, err
}

// complain prints an error as one line.
func complain(w io.Writer, err error) {
	fmt.Fprintln(w, "feed: "+strings.ReplaceAll(err.Error(), "\n", "; "))
}
