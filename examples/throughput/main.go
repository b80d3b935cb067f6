// Command throughput measures what a session costs: two parties in one process
// match made-up accounts over TLS 1.3 on this machine, and what comes out is time,
// processor, memory and bytes on the wire, and whether the matches are right.
//
//	go run ./examples/throughput
//	go run ./examples/throughput -accounts 16777216 -flagged 1000000 -overlap 10000 -json
//
// Machines differ, so that the processor's time is also given in units: one unit is
// what 2^20 SHA-256 hashes of 32 bytes take on one core in the same run.
//
// What is measured runs from identifiers in memory to matches: [linkage.Publish],
// [linkage.Transmit] and [linkage.Receive], both parties together. Nobody's
// identifiers are in it: all are made from a counter.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
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
	o.terminal = terminal(stderr)
	return o.run(ctx, stdout, stderr)
}

// run does what the flags say.
func (o *options) run(ctx context.Context, stdout, stderr io.Writer) int {
	bar := newBar(stderr, o.terminal)
	r, err := o.measure(ctx, bar)
	bar.clear()
	if err == nil {
		err = r.print(stdout, o.json)
	}
	if err == nil {
		err = r.check()
	}
	if err != nil {
		complain(stderr, err)
		return exitFailure
	}
	return exitOK
}

// complain prints an error as one line.
func complain(w io.Writer, err error) {
	fmt.Fprintln(w, "throughput: "+strings.ReplaceAll(err.Error(), "\n", "; "))
}
