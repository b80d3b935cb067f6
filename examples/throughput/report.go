package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"text/tabwriter"

	"github.com/hueandcry/hueandcry/linkage"
)

// Where the identifiers came from.
const (
	inputPrepared  = "prepared"  // in memory before the clock started
	inputGenerated = "generated" // made while it ran
)

// report is the object that -json prints. Figures are of both parties together
// where they are not said to be of one.
type report struct {
	Protocol     string  `json:"protocol"`
	Accounts     int64   `json:"accounts"`
	Flagged      int64   `json:"flagged"`
	Matched      int64   `json:"matched"`
	Expected     int64   `json:"expected"`
	UnitSeconds  float64 `json:"unit_seconds"` // 2^20 SHA-256 of 32 bytes on one core
	Units        float64 `json:"units"`        // of processor time
	Seconds      float64 `json:"seconds"`      // on the clock
	ByStage      stages  `json:"seconds_by_stage"`
	CPUSeconds   float64 `json:"cpu_seconds"`    // user and system
	PeakRSSBytes int64   `json:"peak_rss_bytes"` // of the process, with the input
	// On the wire, TLS included.
	SentBytesReceiver    int64   `json:"sent_bytes_receiver"`
	SentBytesTransmitter int64   `json:"sent_bytes_transmitter"`
	BytesPerAccount      float64 `json:"bytes_per_account"` // of what the receiver sends
	Input                string  `json:"input"`             // "prepared" or "generated"

	procs, label int
}

// stages are the seconds on the clock of each party, stage by stage.
type stages struct {
	Receiver    map[string]float64 `json:"receiver"`
	Transmitter map[string]float64 `json:"transmitter"`
}

// take takes from a session that has ended what it came to.
func (r *report) take(s *session) {
	r.Matched = int64(len(s.matches))
	r.Units = r.CPUSeconds / r.UnitSeconds
	r.ByStage = stages{stageSeconds(s.received), stageSeconds(s.sent)}
	r.SentBytesReceiver, r.SentBytesTransmitter = s.client.sent.Load(), s.server.sent.Load()
	if r.Accounts > 0 {
		r.BytesPerAccount = float64(r.SentBytesReceiver) / float64(r.Accounts)
	}
}

func stageSeconds(sum linkage.Summary) map[string]float64 {
	seconds := map[string]float64{}
	for name, took := range sum.Stages {
		seconds[name] = took.Seconds()
	}
	return seconds
}

// check says whether the session has found what there was.
func (r *report) check() error {
	if r.Matched != r.Expected {
		return fmt.Errorf("%d accounts matched, and %d should", r.Matched, r.Expected)
	}
	return nil
}

func (r *report) print(w io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(r)
	}
	b := bufio.NewWriter(w)
	r.text(b)
	return b.Flush()
}

// text tells people.
func (r *report) text(w io.Writer) {
	fmt.Fprintf(w, "%s accounts, %s flagged, %s, enrolled by %s: %s matched, %s expected\n\n", grouped(r.Accounts),
		grouped(r.Flagged), r.labels(), r.Protocol, grouped(r.Matched), grouped(r.Expected))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0) // what it writes to keeps the error
	fmt.Fprintf(t, "  time\t%.2f s\tboth parties at once on %s\n", r.Seconds, r.processors())
	fmt.Fprintf(t, "  processor\t%.2f s\t%.1f units; a unit is 2^20 SHA-256 of 32 bytes, here %.4f s\n", r.CPUSeconds, r.Units, r.UnitSeconds)
	fmt.Fprintf(t, "  memory\t%s MiB\tat its peak, both parties and the input\n", grouped(r.PeakRSSBytes>>20))
	fmt.Fprintf(t, "  the receiver sent\t%s bytes\t%.1f an account\n", grouped(r.SentBytesReceiver), r.BytesPerAccount)
	fmt.Fprintf(t, "  the transmitter sent\t%s bytes\t\n", grouped(r.SentBytesTransmitter))
	_ = t.Flush()
	r.textStages(w)
	if r.Input == inputGenerated {
		fmt.Fprintln(w, "\nThe identifiers, too many to hold, were made while the clock ran.")
	} else {
		fmt.Fprintln(w, "\nThe identifiers were made before the clock started.")
	}
}

func (r *report) labels() string {
	if r.label == 0 {
		return "tags alone"
	}
	return fmt.Sprintf("labels of %d bytes", r.label)
}

func (r *report) processors() string {
	if r.procs == 1 {
		return "1 processor"
	}
	return fmt.Sprintf("%d processors", r.procs)
}

// textStages prints what took how long, for each party the longest first.
func (r *report) textStages(w io.Writer) {
	for _, party := range []struct {
		role    linkage.Role
		seconds map[string]float64
	}{{linkage.Receiver, r.ByStage.Receiver}, {linkage.Transmitter, r.ByStage.Transmitter}} {
		if len(party.seconds) == 0 {
			continue
		}
		fmt.Fprintf(w, "\nThe %s's time, waiting included\n\n", party.role)
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
		for _, name := range slices.SortedFunc(maps.Keys(party.seconds), func(a, b string) int {
			return cmp.Or(cmp.Compare(party.seconds[b], party.seconds[a]), cmp.Compare(a, b))
		}) {
			fmt.Fprintf(t, "  %s\t%.2f s\t\n", name, party.seconds[name])
		}
		_ = t.Flush()
	}
}

// grouped writes a number of many digits in groups of three.
func grouped(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
