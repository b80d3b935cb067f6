// Command audit checks an export of session records: whether two services have kept to the
// caps of their agreement. It needs nothing from either but the signed agreement and the
// records, a JSON object in each line, from the first on.
//
//	go run ./examples/audit -agreement agreement.json < records.jsonl
//
// Each record must be signed by both, follow the one before and stay within the caps. At the
// first that does not, the program says which and why, and ends with 1: also at records at the end of
// an export that the receiver has not signed yet. What comes before that line has been verified. With -json it prints an
// object instead, with what was verified up to there: agreement, from, until, records, days, evaluated, ok.
//
// The keys are those in the agreement, so whoever gives you that gives you all: compare its digest, which
// is printed, with one that you have from each party, or give it as -digest. What passes is the joint
// word of both for the period that is printed. Records after it may have been kept back, and two who
// collude can sign anything: see linkage.SessionRecord.
package main

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/hueandcry/hueandcry/linkage"
)

// What the process ends with.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
)

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

const intro = `audit reads session records on standard input, a JSON object a line from the first on, and
says whether two services have kept to the caps of their agreement.

  audit -agreement agreement.json < records.jsonl

`

const outro = `
At the first record that does not hold it says which and why; those before it do hold. At the
end of an export that may be records that the receiver has not signed yet.
Exit status: 0 all hold, 1 one does not, 2 wrong usage.
`

// run is the program without its process.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("audit", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	file := flags.String("agreement", "", "`file` of the signed agreement, JSON")
	digest := flags.String("digest", "", "`digest` that the agreement must have, 64 hexadecimal digits")
	asJSON := flags.Bool("json", false, "print one JSON object on standard output")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			flags.SetOutput(stderr)
			fmt.Fprint(stderr, intro)
			flags.PrintDefaults()
			fmt.Fprint(stderr, outro)
			return exitOK
		}
		fmt.Fprintln(stderr, "audit:", err)
		return exitUsage
	}
	if *file == "" || flags.NArg() > 0 {
		fmt.Fprintln(stderr, "audit: give -agreement FILE and the records on standard input")
		return exitUsage
	}
	result, err := audit(*file, *digest, stdin)
	if err != nil {
		fmt.Fprintln(stderr, "audit: "+strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	result.OK = err == nil
	if *asJSON {
		if err := json.NewEncoder(stdout).Encode(result); err != nil {
			return exitFailure
		}
	} else if err == nil {
		fmt.Fprintf(stdout, "agreement %s\nfrom %s until %s\n", result.Agreement, result.From.Format(time.RFC3339), result.Until.Format(time.RFC3339))
		fmt.Fprintf(stdout, "%d records over %d days, %d identifiers evaluated one by one: both signatures, the chain and every cap hold\n",
			result.Records, result.Days, result.Evaluated)
	}
	if err != nil {
		return exitFailure
	}
	return exitOK
}

// result is what has been verified.
type result struct {
	Agreement string    `json:"agreement,omitempty"` // its digest
	From      time.Time `json:"from,omitzero"`
	Until     time.Time `json:"until,omitzero"`
	Records   int       `json:"records"`
	Days      int       `json:"days"` // on which a record ends its count
	Evaluated uint64    `json:"evaluated"`
	OK        bool      `json:"ok"`
}

// maxLine is the longest line that is read, in bytes: a record has about 900.
const maxLine = 64 << 10

// audit verifies all records and gives what it has verified up to an error.
func audit(file, digest string, records io.Reader) (result, error) {
	form, err := os.ReadFile(file)
	if err != nil {
		return result{}, err
	}
	agreement, err := linkage.ParseAgreement(form)
	if err == nil {
		err = agreement.Verify()
	}
	if err != nil {
		return result{}, err
	}
	own := agreement.Digest()
	done := result{Agreement: hex.EncodeToString(own[:])}
	if digest != "" && !strings.EqualFold(digest, done.Agreement) {
		return done, fmt.Errorf("the agreement is another: its digest is %s", done.Agreement)
	}
	var last *linkage.SessionRecord
	lines := bufio.NewScanner(records)
	lines.Buffer(nil, maxLine)
	for line := 1; lines.Scan(); line++ {
		record := new(linkage.SessionRecord)
		if err := record.UnmarshalJSON(lines.Bytes()); err != nil {
			return done, fmt.Errorf("line %d: no session record: %w", line, err)
		}
		if err := record.Verify(agreement, last); errors.Is(err, linkage.ErrOrder) {
			return done, fmt.Errorf("line %d: %w: it does not follow the line before, or is not the first", line, err)
		} else if err != nil {
			return done, fmt.Errorf("line %d: %w", line, err)
		}
		done.Records++
		if last == nil || record.Day != last.Day {
			done.Days++
		}
		if last == nil {
			done.From = record.From
		}
		done.Until, done.Evaluated = record.Until, record.Evaluated
		last = record
	}
	if err := lines.Err(); err != nil {
		return done, fmt.Errorf("line %d: %w", done.Records+1, err)
	}
	if done.Records == 0 {
		return done, errors.New("there are no records")
	}
	return done, nil
}
