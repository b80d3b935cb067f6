package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/hueandcry/hueandcry/linkage"
)

// options are the flags, checked.
type options struct {
	protocol string
	accounts int64 // of the receiver, with one identifier each
	flagged  int64 // of the transmitter, the same
	overlap  int64 // identifiers that are in both
	label    int   // bytes of each label, and size class of the agreement
	procs    int   // 0: all
	json     bool

	// What only tests set otherwise.
	expected int64                // matches that are right: the overlap
	held     int64                // identifiers that a party holds ready at most: mostHeld
	unit     func() time.Duration // measures the unit
	terminal bool                 // standard error is one
}

// most bounds both sizes, far beyond what one process can hold.
const most = 1 << 30

// protocols are the ways to enrol, the default first.
var protocols = []string{linkage.ProtocolVOLE, linkage.ProtocolEC}

// labels are the size classes of labels; 0 stands for none.
var labels = []int{0, 64, 256, 1024}

// sizes are those of a run.
type sizes struct{ accounts, flagged, overlap int64 }

// firstRun gives the sizes where none are given: of a run of some seconds.
func firstRun(protocol string) sizes {
	if protocol == linkage.ProtocolEC {
		return sizes{accounts: 1 << 14, flagged: 1 << 12, overlap: 1 << 8}
	}
	return sizes{accounts: 1 << 20, flagged: 1 << 16, overlap: 1 << 12}
}

const intro = `throughput runs a session between two made-up parties in this process, over TLS on
this machine, and prints what it cost: time, processor, memory, bytes on the wire.

`

const outro = `
Exit status: 0 done, 1 failed or other matches than expected, 2 wrong usage.
`

// parseFlags reads the command line. Errors are usage errors, in one line.
func parseFlags(args []string, stderr io.Writer) (*options, error) {
	o := &options{}
	f := flag.NewFlagSet("throughput", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.StringVar(&o.protocol, "protocol", protocols[0], "how to enrol: `"+strings.Join(protocols, "|")+"`")
	first, ec := firstRun(protocols[0]), firstRun(linkage.ProtocolEC)
	f.Int64Var(&o.accounts, "accounts", first.accounts, fmt.Sprintf("`number` of accounts of the receiver, of one identifier each; by ec %d if not given", ec.accounts))
	f.Int64Var(&o.flagged, "flagged", first.flagged, fmt.Sprintf("`number` of flagged accounts of the transmitter, the same; by ec %d if not given", ec.flagged))
	f.Int64Var(&o.overlap, "overlap", first.overlap, fmt.Sprintf("`number` of flagged accounts that the receiver has too; if not given at most\nthe lesser of the two, and by ec %d", ec.overlap))
	f.IntVar(&o.label, "label", 64, "`bytes` of what is said of each flagged account: 0 (tags alone), 64, 256 or 1024")
	f.IntVar(&o.procs, "procs", 0, "`processors` to use, both parties together; 0 for all")
	f.BoolVar(&o.json, "json", false, "print one JSON object")

	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			f.SetOutput(stderr)
			fmt.Fprint(stderr, intro)
			f.PrintDefaults()
			fmt.Fprint(stderr, outro)
		}
		return nil, err
	}
	if f.NArg() > 0 {
		return nil, errors.New("there are only flags, no arguments; -help lists them")
	}
	given := map[string]bool{}
	f.Visit(func(g *flag.Flag) { given[g.Name] = true })
	o.fillIn(given)
	if err := o.check(); err != nil {
		return nil, err
	}
	o.expected, o.held, o.unit = o.overlap, mostHeld, unit
	return o, nil
}

// fillIn gives what was not given the sizes of a first run by the protocol.
func (o *options) fillIn(given map[string]bool) {
	first := firstRun(o.protocol)
	if !given["accounts"] {
		o.accounts = first.accounts
	}
	if !given["flagged"] {
		o.flagged = first.flagged
	}
	if !given["overlap"] {
		o.overlap = max(0, min(first.overlap, o.accounts, o.flagged))
	}
}

func (o *options) check() error {
	switch {
	case !slices.Contains(protocols, o.protocol):
		return errors.New("-protocol must be " + strings.Join(protocols, " or "))
	case o.accounts < 0 || o.accounts > most:
		return fmt.Errorf("-accounts must be 0 to %d", most)
	case o.flagged < 0 || o.flagged > most:
		return fmt.Errorf("-flagged must be 0 to %d", most)
	case o.overlap < 0 || o.overlap > min(o.accounts, o.flagged):
		return fmt.Errorf("-overlap must be 0 to %d, the lesser of -accounts and -flagged", min(o.accounts, o.flagged))
	case !slices.Contains(labels, o.label):
		return errors.New("-label must be 0, 64, 256 or 1024")
	case o.procs < 0:
		return errors.New("-procs must be 1 or more, or 0 for all")
	}
	return nil
}
