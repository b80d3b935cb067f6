// Command backtest tries rules on history before they act: it plays complaints about telephone
// numbers day by day through the code that decides in earnest, and tells how often the rules
// would have been right, how early, and what the bounds would have held back.
//
//	go run ./examples/backtest                                 # a made-up history
//	go run ./examples/backtest -complaints complaints.csv.gz -report out
//	go run ./examples/backtest -complaints complaints.csv.gz -rules rules.yaml -json
//
// The complaints are split between two services. Service A has those of one half of the area
// codes (or of the days) and reports numbers to B as its table of points says, see points. Service B
// has the other half, and each number that it hears of is the telephone number of an account there. B puts A's
// signal beside its own reports and decides by the rules. Numbers are read by package hashing,
// signals go through their binary form, evidence is that of package abuse, the rules are those
// of package policy, and package cases keeps what is in force, bounds it and takes it back. Two
// things differ from a live service: what both sides know of a number is brought together by a keyed
// token of this process in the place of the protocol of package linkage, which is tested
// elsewhere, and decisions are counted and not kept.
//
// # How it counts
//
// An action is that an account comes under a level that it was not under before: hard (suspend
// or harsher) or soft (limit or harsher). It lasts as the rule says and never longer than the signal is
// valid. Once it has ended, new evidence may lead to another, which is counted again.
//
//	precision  the share of actions after which B receives a further complaint about the number within 30 days
//	recall     the share of all of B's complaints that come on a later day than an action on their number, however long ago
//
// Beside them are printed the precision of the first action on each number alone, that of the
// actions that have 30 days of history after them, and the recall while a step was in force.
//
// What came on the same day, and complaints whose number was refused, are in neither. Days gained are
// those by which B would have been later by itself: by the table of points on its own complaints, at the
// threshold at which its first actions are as precise as with A.
//
// A file of complaints says nothing of the accounts at B. They are taken to have held their
// number since before the history begins, verified and alone, which is where the rules go
// furthest. So what the guards about an account prevent shows in the made-up history alone,
// which has recycled, unverified and shared numbers, and signals that are withdrawn. A bound
// that has put A or a rule in background is lifted on the next morning, as if a person had looked.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
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

// run does what the flags say.
func (o *options) run(ctx context.Context, stdout, stderr io.Writer) error {
	rules, err := o.loadRules()
	if err != nil {
		return err
	}
	h, err := o.history(stderr)
	if err != nil {
		return err
	}
	p, err := play(ctx, h, rules)
	if err != nil {
		return err
	}
	r := p.result()
	if o.report != "" {
		if err := writeReport(o.report, r); err != nil {
			return err
		}
		fmt.Fprintln(stderr, "backtest: the report is "+filepath.Join(o.report, "report.html"))
	}
	return r.print(stdout, o.json)
}

// complain prints an error as one line.
func complain(w io.Writer, err error) {
	fmt.Fprintln(w, "backtest: "+strings.ReplaceAll(err.Error(), "\n", "; "))
}
