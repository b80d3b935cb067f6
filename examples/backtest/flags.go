package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"time"
)

// options are the flags, checked.
type options struct {
	complaints string // file; "": a made-up history
	rules      string // file; "": those that are shipped
	split      string
	from, to   day // zero: no bound; both are inside
	report     string
	json       bool
	strict     bool
	seed       uint64
}

const intro = `backtest plays complaints about telephone numbers day by day through the code that decides
in earnest, and prints how often the rules would have been right and how early. Service A
has one half of the complaints and sends signals, B has the other and would act.

`

const outro = `
Exit status: 0 done, 1 failed, 2 wrong usage.
`

// parseFlags reads the command line. Errors are usage errors, in one line.
func parseFlags(args []string, stderr io.Writer) (*options, error) {
	o := &options{}
	var from, to string
	f := flag.NewFlagSet("backtest", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.StringVar(&o.complaints, "complaints", "", "`FILE`.csv or .csv.gz with the columns complaint_date, number_raw and\nconsumer_area_code; without it a history is made up")
	f.StringVar(&o.rules, "rules", "", "`FILE` of rules for package policy, YAML or JSON; without it those that are shipped")
	f.StringVar(&o.split, "split", "area", "what parts the complaints: `area` (A has even area codes, B odd ones)\nor date (A has even days since 1970, B odd ones)")
	f.StringVar(&from, "from", "", "first `day` to play, as 2020-03-01")
	f.StringVar(&to, "to", "", "last `day` to play")
	f.StringVar(&o.report, "report", "", "write report.html, which needs no network, into this `DIR`")
	f.BoolVar(&o.json, "json", false, "print one JSON object")
	f.BoolVar(&o.strict, "strict", false, "stop at the first bad row")
	f.Uint64Var(&o.seed, "seed", 1, "of the made-up history")
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
	if o.split != "area" && o.split != "date" {
		return nil, errors.New("-split must be area or date")
	}
	for _, d := range []struct {
		name, text string
		to         *day
	}{{"from", from, &o.from}, {"to", to, &o.to}} {
		if d.text == "" {
			continue
		}
		t, err := time.Parse(time.DateOnly, d.text)
		if err != nil || dayOf(t) <= 0 {
			return nil, errors.New("-" + d.name + " must be a day after 1970-01-01, as 2020-03-01")
		}
		*d.to = dayOf(t)
	}
	if o.from > 0 && o.to > 0 && o.from > o.to {
		return nil, errors.New("-from must not be after -to")
	}
	return o, nil
}
