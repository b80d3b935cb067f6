// Command review is a small web console for the step that a person has in a decision: a queue of
// cases at review, the evidence and the explanation of each, and the answer under the reviewer's
// name; appeals; partners' scorecards.
//
//	go run ./examples/review                            some made-up cases to try it on
//	go run ./examples/review -store sqlite:service.db   those of a service, beside its process
//	go run ./examples/review -json                      prints the figures and ends
//
// Beside a service it takes answers and puts them into force. What follows from them, a review of what
// an answer leaves or a decision on what came in meanwhile, is under the service's own rules, and so it
// is owed to the service's process, whose Hearings.Work does it.
//
// It never shows an identifier: there is none in a decision, and a reference to an account that
// looks like one is withheld. It listens on a loopback address alone and refuses other names for it,
// but does not know who sits before it: whoever can open a connection to this machine's loopback can
// answer cases under any name. A service puts its own sign-in before it.
//
// Everything can be done by keyboard: j and k go through the queue or from case to case, Enter opens,
// c takes a case in hand, u, o and x go to upholding, overturning and changing, q, a and p are the
// queue, the appeals and the partners, and ? lists the keys, where they can also be switched off.
//
// With -json it prints one object: open, reviews, appeals, contested, late, upheld, overturned,
// changed (in the last 30 days) and partners, each with partner, right, wrong, by, relayed, precision,
// low, high and weight.
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/cases"
	"github.com/hueandcry/hueandcry/abuse/policy"
	"github.com/hueandcry/hueandcry/abuse/sqlstore"
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
	store  string
	self   string
	listen string
	json   bool
}

func parseFlags(args []string, stderr io.Writer) (*options, error) {
	o := &options{}
	f := flag.NewFlagSet("review", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&o.store, "store", "", "the service's store, sqlite:FILE or postgres://…; default: made-up cases in memory")
	f.StringVar(&o.self, "self", "social.example", "the service's name, as in its agreements")
	f.StringVar(&o.listen, "listen", "127.0.0.1:8642", "where the console is served; a loopback address and a port")
	f.BoolVar(&o.json, "json", false, "print the figures as JSON and end")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	host, _, err := net.SplitHostPort(o.listen)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return nil, errors.New("-listen must be a loopback address and a port")
	}
	if f.NArg() > 0 {
		return nil, errors.New("there are arguments that no flag takes")
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
		fmt.Fprintln(stderr, "review:", err)
		return exitUsage
	}
	if err := o.run(ctx, stdout, stderr); err != nil {
		fmt.Fprintln(stderr, "review:", err)
		return exitFailure
	}
	return exitOK
}

func (o *options) run(ctx context.Context, stdout, stderr io.Writer) (err error) {
	office, err := o.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, office.store.Close()) }()
	if o.json {
		figures, err := office.figures(ctx)
		if err != nil {
			return err
		}
		return json.NewEncoder(stdout).Encode(figures)
	}
	return o.serve(ctx, office, stdout, stderr)
}

// open opens the service's store, or makes a world.
func (o *options) open(ctx context.Context) (*office, error) {
	if o.store == "" {
		return newWorld(ctx, o.self, time.Now())
	}
	store, err := sqlstore.Open(ctx, o.store)
	if err != nil {
		return nil, err
	}
	office, err := newOffice(store, o.self, time.Now, true)
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return office, nil
}

// serve serves the console until the context ends.
func (o *options) serve(ctx context.Context, office *office, stdout, stderr io.Writer) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", o.listen)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: newConsole(office, stderr), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10}
	stopped := make(chan error, 1)
	defer context.AfterFunc(ctx, func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		stopped <- server.Shutdown(end)
	})()
	fmt.Fprintf(stdout, "http://%s/\n", listener.Addr())
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
}

// office is the store with those who work on it.
type office struct {
	store    abuse.Store
	desk     *cases.Desk
	hearings *cases.Hearings
	rules    *policy.Current
	clock    func() time.Time
}

// newOffice opens what a console needs. Beside a service it decides nothing by rules, hands nothing to
// partners and delivers nothing: it does not know the service's policy, nor which decisions the service
// wants to be reviewed. What is owed and what follows from an answer is left to the Work of the service's
// own process. Of the made-up world it is the whole service.
func newOffice(store abuse.Store, self string, clock func() time.Time, beside bool) (*office, error) {
	set, err := policy.Default().With(policy.Options{Self: self, Mode: abuse.Live})
	if err != nil {
		return nil, err
	}
	rules, err := policy.NewCurrent(set)
	if err != nil {
		return nil, err
	}
	desk, err := cases.New(cases.Config{Store: store, Clock: clock, Decide: rules.Explain, RuleCap: rules.RuleCap})
	if err != nil {
		return nil, err
	}
	key := make([]byte, 32) // references are the service's to make
	if _, err := rand.Read(key); err != nil {
		return nil, err
	}
	hearings, err := cases.NewHearings(cases.HearingsConfig{Desk: desk, Self: self, Key: key, Clock: clock, Console: beside})
	return &office{store, desk, hearings, rules, clock}, err
}

// figures are what the console shows and -json prints.
type figures struct {
	cases.Figures
	Partners []cases.Card `json:"partners"`
}

// since is how far back outcomes are counted.
const since = 30 * 24 * time.Hour

func (o *office) figures(ctx context.Context) (f figures, err error) {
	if f.Figures, err = o.hearings.Figures(ctx, o.clock().Add(-since)); err != nil {
		return f, err
	}
	cards, err := o.hearings.Cards(ctx)
	f.Partners = append([]cases.Card{}, cards...) // in JSON never null
	return f, err
}
