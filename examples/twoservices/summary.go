package main

import (
	"encoding/json"
	"io"
	"time"
)

// results are what a run came to. A process in one role has one half.
type results struct {
	sent     *sent     // nil in the receiver's process
	received *received // nil in the transmitter's
	optOut   *optOutTrial
	elapsed  time.Duration
	protocol string
}

// summary is the object that -json prints. What only the other process knows is
// null.
type summary struct {
	Accounts            *int           `json:"accounts"`              // with at least one usable identifier
	Flagged             *int           `json:"flagged"`               // signals, one a row
	RowsRefusedAccounts *int           `json:"rows_refused_accounts"` // rows of which nothing is used
	RowsRefusedFlagged  *int           `json:"rows_refused_flagged"`
	Refusals            map[string]int `json:"refusals"` // reason -> cells or rows, of the files read here
	MatchedAccounts     *int           `json:"matched_accounts"`
	Actions             map[string]int `json:"actions"`    // action -> accounts
	SentBytes           int64          `json:"sent_bytes"` // on the wire with TLS, by the receiver where both are here
	ReceivedBytes       int64          `json:"received_bytes"`
	Seconds             float64        `json:"seconds"`
	Protocol            string         `json:"protocol"` // by which the identifiers were enrolled
}

func (res *results) summary() *summary {
	s := &summary{Refusals: map[string]int{}, Seconds: res.elapsed.Seconds(), Protocol: res.protocol}
	add := func(in *intake) {
		for reason, n := range in.refusals {
			s.Refusals[reason] += n
		}
	}
	if t := res.sent; t != nil {
		add(t.intake)
		s.Flagged, s.RowsRefusedFlagged = count(len(t.signals)), count(t.intake.refusedRows)
		s.SentBytes, s.ReceivedBytes = t.traffic.sent.Load(), t.traffic.received.Load()
	}
	if r := res.received; r != nil {
		add(r.intake)
		s.Accounts, s.RowsRefusedAccounts = count(len(r.accounts.refs)), count(r.intake.refusedRows)
		s.MatchedAccounts = count(len(r.decisions))
		s.Actions = map[string]int{}
		for i := range r.decisions {
			s.Actions[r.decisions[i].Action.String()]++
		}
		s.SentBytes, s.ReceivedBytes = r.traffic.sent.Load(), r.traffic.received.Load()
	}
	return s
}

func count(n int) *int { return &n }

func (s *summary) print(w io.Writer) error { return json.NewEncoder(w).Encode(s) }
