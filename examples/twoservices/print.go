package main

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/linkage"
)

// explained is how many decisions are printed in full.
const explained = 5

// print tells people what happened.
func (res *results) print(w io.Writer) error {
	b := bufio.NewWriter(w)
	if r := res.received; r != nil {
		r.printTable(b)
		r.printExplained(b)
	}
	fmt.Fprintln(b, "What each side learned")
	if res.sent != nil {
		res.sent.printLearned(b, res.protocol)
	}
	if res.received != nil {
		res.received.printLearned(b)
	}
	if res.optOut != nil {
		res.optOut.print(b)
	}
	res.printRefusals(b)
	res.printCost(b)
	return b.Flush()
}

// cause is what decided about an account: a rule, or what kept all rules from it.
type cause struct {
	action abuse.Action
	why    string
}

func causeOf(d *abuse.Decision) cause {
	if d.Action != abuse.None {
		return cause{d.Action, d.Rule}
	}
	for _, s := range d.Explanation.Signals {
		for _, f := range s.Findings {
			if f.Spoke == abuse.Yes && f.Cap == abuse.None {
				return cause{d.Action, "guard " + f.Guard.String()}
			}
		}
	}
	return cause{d.Action, "no rule met"}
}

func (r *received) printTable(w io.Writer) {
	fmt.Fprintf(w, "Decisions about %d of %d accounts, on %d published records\n\n",
		len(r.decisions), len(r.accounts.refs), r.sum.Records)
	counts := map[cause]int{}
	for i := range r.decisions {
		counts[causeOf(&r.decisions[i])]++
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "  action\tby\taccounts")
	for _, c := range slices.SortedFunc(maps.Keys(counts), func(a, b cause) int {
		return cmp.Or(cmp.Compare(b.action, a.action), cmp.Compare(counts[b], counts[a]), cmp.Compare(a.why, b.why))
	}) {
		fmt.Fprintf(table, "  %s\t%s\t%d\n", c.action, c.why, counts[c])
	}
	_ = table.Flush() // what it writes to keeps the error
	fmt.Fprintln(w)
}

// printExplained prints decisions in full, of as many actions as there are.
func (r *received) printExplained(w io.Writer) {
	var chosen []*abuse.Decision
	for _, wanted := range []cause{
		{action: abuse.Disable}, {action: abuse.Suspend}, {action: abuse.Limit}, {action: abuse.Friction},
		// That nothing is done needs its reason most, and this one above all.
		{abuse.None, "guard " + abuse.GuardRecycled.String()}, {action: abuse.None}, {action: abuse.Label},
	} {
		i := slices.IndexFunc(r.decisions, func(d abuse.Decision) bool {
			c := causeOf(&d)
			return c.action == wanted.action && (wanted.why == "" || c.why == wanted.why)
		})
		if i >= 0 && len(chosen) < explained {
			chosen = append(chosen, &r.decisions[i])
		}
	}
	if len(chosen) == 0 {
		return
	}
	fmt.Fprintf(w, "Decisions in full: %d\n\n", len(chosen))
	for _, d := range chosen {
		fmt.Fprintln(w, d.Text())
	}
}

func (s *sent) printLearned(w io.Writer, protocol string) {
	kinds := "and how\n  many of them are of which kind." // by ec each kind has a key of its own
	if protocol == linkage.ProtocolVOLE {
		kinds = "and not\n  how many of them are of which kind."
	}
	fmt.Fprintf(w, `
  The transmitter learned that the receiver asked about %d identifiers, %s
  It did not learn any of them, nor whether any is one that it has flagged, nor which
  accounts they belong to, nor what was decided.
`, s.sum.Identifiers, kinds)
}

func (r *received) printLearned(w io.Writer) {
	known := map[uuid.UUID]bool{}
	for _, m := range r.matches {
		for _, s := range m.Signals {
			known[s.ID] = true
		}
	}
	fmt.Fprintf(w, `
  The receiver learned %d signals about %d of its own accounts: what the
  transmitter says, and by which kinds of identifier it matched. It also learned
  that %d records are published in all, but of those that did not match neither
  whom they are about, nor what they say, nor which belong to one signal. It
  learned no identifier that it did not hold.
`, len(known), len(r.matches), r.sum.Records)
}

func (t *optOutTrial) print(w io.Writer) {
	fmt.Fprintf(w, `
  Users who have opted out: nobody can opt out of the prevention of abuse, so %d
  matched accounts of such users are among those above. Under a second agreement,
  on advertising, %d of the matched accounts were tried again: %d were left out
  unread because their users opted out here, and %d of the rest matched, because the
  transmitter left out its own. Not a byte of one agreement's is of use under the other.
`, t.all, t.tried, t.leftOut, t.matched)
}

// printRefusals counts what was not used, by file and reason.
func (res *results) printRefusals(w io.Writer) {
	var files []*intake
	if res.received != nil {
		files = append(files, res.received.intake)
	}
	if res.sent != nil {
		files = append(files, res.sent.intake)
	}
	fmt.Fprint(w, "\nRefused input\n\n")
	for _, in := range files {
		fmt.Fprintf(w, "  %s: %d of %d rows", in.name, in.refusedRows, in.rows)
		for _, reason := range slices.Sorted(maps.Keys(in.refusals)) {
			fmt.Fprintf(w, ", %s %d", reason, in.refusals[reason])
		}
		fmt.Fprintln(w)
	}
}

func (res *results) printCost(w io.Writer) {
	s := res.summary()
	who := "receiver"
	if res.received == nil {
		who = "transmitter"
	}
	fmt.Fprintf(w, "\nThe %s sent %d bytes and received %d, in %.1f seconds, enrolling by %s.\n",
		who, s.SentBytes, s.ReceivedBytes, s.Seconds, s.Protocol)
}
