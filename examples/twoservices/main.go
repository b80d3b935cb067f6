// Command twoservices shows the whole path from two lists of accounts to
// decisions: a transmitter, who has flagged accounts of its own, and a receiver,
// who learns which of its accounts are meant, and decides about them. Neither
// shows the other an identifier.
//
//	go run ./examples/twoservices
//
// makes two services up and runs them as two parties over TLS. With files, and in
// two processes:
//
//	go build ./examples/twoservices
//	./twoservices -make-certs certs
//	./twoservices -role transmitter -listen 127.0.0.1:7171 \
//	    -cert certs/transmitter.pem -key certs/transmitter.key -peer-ca certs/ca.pem -flagged flagged.csv
//	./twoservices -role receiver -connect 127.0.0.1:7171 \
//	    -cert certs/receiver.pem -key certs/receiver.key -peer-ca certs/ca.pem -accounts accounts.csv \
//	    -decisions decisions.jsonl
//
// With -protocol vole the receiver's accounts are enrolled in bulk, which for a
// million of them is a matter of seconds and not of minutes.
//
// The use of the library is in transmitter.go and receiver.go; what stands around
// it reads files, opens connections and prints. The columns of the files are
// described in flagged.go and accounts.go.
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
	if err := o.run(ctx, stdout, newLogger(stderr)); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx) // what stopped it, and not what that has led to
		}
		complain(stderr, err)
		if _, usage := errors.AsType[usageError](err); usage {
			return exitUsage
		}
		return exitFailure
	}
	return exitOK
}

// usageError is a fault of the command line that only a file has shown.
type usageError string

func (e usageError) Error() string { return string(e) }

// complain prints an error as one line.
func complain(w io.Writer, err error) {
	fmt.Fprintln(w, "twoservices: "+strings.ReplaceAll(err.Error(), "\n", "; "))
}
