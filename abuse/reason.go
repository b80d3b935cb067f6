package abuse

import (
	"cmp"
	"strconv"
	"time"

	"github.com/hueandcry/hueandcry/hashing"
)

// writer puts a decision into two sentences. All that it prints of a signal are
// words of closed lists, numbers, dates and names of services, which hold nothing
// but a-z, 0-9, '-' and '.'.
type writer struct {
	policy   *Policy
	decision *Decision
	rule     *Rule // nil: none was met
	carriers []int
	lead     *Weighed // the signal to speak of; nil: there is none
}

// strongest picks the signal to speak of: of those that met the rule, or of all,
// the one that could go furthest, then the surest.
func (w *writer) strongest() *Weighed {
	all := w.decision.Explanation.Signals
	var lead *Weighed
	better := func(a, b *Weighed) bool {
		s, t := &a.Signal, &b.Signal
		return cmp.Or(cmp.Compare(a.Reach, b.Reach), cmp.Compare(a.Cap, b.Cap), cmp.Compare(s.Confidence, t.Confidence),
			cmp.Compare(s.Severity, t.Severity), cmp.Compare(s.Reports, t.Reports), cmp.Compare(s.Review, t.Review)) > 0
	}
	try := func(c *Weighed) {
		if lead == nil || better(c, lead) {
			lead = c
		}
	}
	if w.rule == nil {
		for i := range all {
			try(&all[i])
		}
	}
	for _, n := range w.carriers {
		try(&all[n])
	}
	return lead
}

func (w *writer) reason() string {
	b := make(sentence, 0, 512)
	switch {
	case w.lead == nil && w.decision.Explanation.Unreadable > 0:
		b.add("No step taken: no signal about this account could be read")
	case w.lead == nil:
		b.add("No step taken: no signal is about this account")
	case w.rule == nil && w.lead.Reach == None:
		b.add("No step taken: ")
		w.whyOut(&b)
		w.others(&b)
	case w.rule == nil:
		b.add("No step taken: no rule is met by the signal of ", w.lead.Signal.Origin, " (", w.lead.Signal.Category.String(), ", ")
		w.strength(&b)
		b.add(")")
		w.holdsBack(&b)
	default:
		w.step(&b)
		b.add(" because ")
		w.claim(&b)
		w.about(&b)
		if w.rule.asks(LeafCorroborated) {
			by := &w.decision.Explanation.Signals[w.lead.by].Signal
			b.add(", and ", by.Origin, " independently ", verb(by.Class), " ", categoryWords[by.Category])
		}
		w.holdsBack(&b)
	}
	b.add(".")
	return string(b)
}

var doneWords = []string{"", "", "Labelled", "Extra checks", "Limited", "Suspended", "Disabled"}
var wouldWords = []string{"", "", "Would be labelled", "Would get extra checks", "Would be limited", "Would be suspended", "Would be disabled"}

func (w *writer) step(b *sentence) {
	words := wouldWords
	if w.decision.Mode == Live {
		words = doneWords
	}
	b.add(words[w.rule.Action], " ")
	if lasts := w.decision.Until.Sub(w.decision.At); lasts == w.rule.For && lasts%day == 0 {
		b.add("for ", count(int(lasts/day), "day"))
	} else {
		b.add("until ", minute(w.decision.Until))
	}
}

func (w *writer) claim(b *sentence) {
	s := &w.lead.Signal
	b.add(s.Origin, " ", verb(s.Class), " ", categoryWords[s.Category], " (")
	w.strength(b)
	b.add(")")
}

func verb(c Class) string {
	if c == Confirmed {
		return "confirmed"
	}
	return "predicts"
}

func (w *writer) strength(b *sentence) {
	s := &w.lead.Signal
	b.add("confidence ", strconv.Itoa(s.Confidence), ", severity ", s.Severity.String())
	if s.Review == ReviewHuman {
		b.add(", seen by a person there")
	}
	if s.Reports > 0 {
		b.add(", ", countReports(s.Reports))
	}
}

// about says which identifier ties the signal to the account, and how well.
func (w *writer) about(b *sentence) {
	phone, device := w.lead.Phone, w.lead.Device
	switch {
	case phone == Yes && device == Yes:
		b.add(" about the phone number and the device that this account has held since before the reports")
	case phone == Yes:
		b.add(" about the phone number that this account has held since before the reports")
	case device == Yes:
		b.add(" about the device that this account has been used on since before the reports")
	case phone == Unknown && device == Unknown:
		b.add(" about a phone number and a device of this account")
	case phone == Unknown:
		b.add(" about a phone number of this account")
	default:
		b.add(" about a device of this account")
	}
}

// holdsBack says what kept the decision from going further, if a guard did.
func (w *writer) holdsBack(b *sentence) {
	if w.lead.Cap != w.decision.Action && w.rule != nil {
		return
	}
	lead := w.lead
	for _, f := range lead.Findings {
		if f.Kind == 0 && f.Spoke == Yes && f.Cap == lead.Cap {
			switch f.Guard {
			case GuardPermitted:
				b.add("; ", lead.Signal.sender(), " permits no more than ", lead.Signal.Permitted.String())
				return
			case GuardPredictive:
				b.add("; a prediction carries no more")
				return
			case GuardDeviceOnly:
				b.add("; a device alone carries no more")
				return
			}
		}
	}
	if lead.Cap != Friction && lead.Cap != Limit {
		return
	}
	for _, f := range lead.Findings {
		if f.Spoke == Unknown && f.Kind != 0 {
			b.add("; it goes no further because ")
			w.doubt(b, f)
			return
		}
	}
}

// doubt says what a guard would have to know.
func (w *writer) doubt(b *sentence, f Finding) {
	what := thing(f.Kind)
	switch f.Guard {
	case GuardOverShared:
		b.add("it is not known how many accounts here share the ", what)
	case GuardUnverified:
		b.add("this account has not been shown to hold the ", what)
	default:
		if w.lead.Signal.LastObserved.IsZero() {
			b.add("it is not known when the abuse was seen")
			return
		}
		b.add("it is not known whether this account held the ", what, " before the reports")
	}
}

// whyOut says why the guards let nothing of the signal through.
func (w *writer) whyOut(b *sentence) {
	s := &w.lead.Signal
	for _, f := range w.lead.Findings {
		if f.Cap != None || f.Kind != 0 {
			continue
		}
		switch f.Guard {
		case GuardExpired:
			b.add("the signal of ", s.Origin, " expired on ", date(s.ValidUntil))
		case GuardFuture:
			b.add("the signal of ", s.Origin, " speaks of ", date(s.LastObserved), ", which is still to come")
		case GuardEcho:
			b.add("the signal that ", w.lead.From, " sent is this service's own word come back")
		case GuardPermitted:
			b.add(s.sender(), " permits no action on its signal")
		}
		return
	}
	said := false
	for _, f := range w.lead.Findings {
		if f.Kind == 0 || f.Spoke != Yes {
			continue
		}
		if said {
			b.add("; ")
		}
		said = true
		what := thing(f.Kind)
		if f.Guard == GuardRecycled {
			b.add("the ", what, " came to this account on ", date(w.latest(f.Kind).Since),
				", after the reports of ", date(s.LastObserved), ", so they are about its former holder")
			continue
		}
		most := w.policy.PhoneAccounts
		if f.Kind.Device() {
			most = w.policy.DeviceAccounts
		}
		b.add("the ", what, " is held by ", count(w.fewest(f.Kind), "account"), " here, more than the ",
			strconv.Itoa(most), " up to which it points to one of them")
	}
	if !said {
		b.add("nothing by which the signal of ", s.Origin, " matched points to this account alone")
	}
}

// others says that there were more signals: none of them could go further.
func (w *writer) others(b *sentence) {
	switch n := len(w.decision.Explanation.Signals) - 1; n {
	case 0:
	case 1:
		b.add("; the other signal does not count either")
	default:
		b.add("; the other ", strconv.Itoa(n), " signals do not count either")
	}
}

// fewest gives the least number of accounts that hold an identifier of a kind.
func (w *writer) fewest(k hashing.Kind) (n int) {
	for _, h := range w.decision.Explanation.Holdings {
		if h.Kind == k && (n == 0 || h.Accounts < n) {
			n = h.Accounts
		}
	}
	return n
}

// latest gives the holding of a kind that came last.
func (w *writer) latest(k hashing.Kind) (latest Holding) {
	for _, h := range w.decision.Explanation.Holdings {
		if h.Kind == k {
			latest = h
		}
	}
	return latest
}

func (w *writer) undo() string {
	b := make(sentence, 0, 512)
	if w.rule == nil {
		b.add("There is nothing to undo; ")
		if w.lead == nil {
			b.add("a signal that can be read is decided on when it comes.")
		} else {
			b.add("a new or revised signal, or a new fact about this account, is decided on when it comes.")
		}
		return string(b)
	}
	s := &w.lead.Signal
	b.add("Ends by itself on ", minute(w.decision.Until), "; ends sooner if ")
	if w.rule.asks(LeafCorroborated) {
		b.add(s.Origin, " or ", w.decision.Explanation.Signals[w.lead.by].Signal.Origin, " withdraws")
	} else {
		b.add(s.Origin, " withdraws")
	}
	b.add(" the signal or makes it milder and no other carries the step")
	what := "phone number"
	if w.lead.Phone != Yes && (w.lead.Device == Yes || w.lead.Phone == No) {
		what = "device"
	}
	if s.LastObserved.IsZero() {
		b.add(", if the ", what, " turns out to have been somebody else's at the time")
	} else {
		b.add(", if the ", what, " turns out to have come to this account after ", date(s.LastObserved))
	}
	b.add(", or if an appeal is upheld.")
	return string(b)
}

// thing is what a kind of identifier is called in a sentence.
func thing(k hashing.Kind) string {
	if k.Device() {
		return "device"
	}
	return "phone number"
}

func minute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

func count(n int, of string) string {
	if n == 1 {
		return "1 " + of
	}
	return strconv.Itoa(n) + " " + of + "s"
}

type sentence []byte

func (b *sentence) add(parts ...string) {
	for _, p := range parts {
		*b = append(*b, p...)
	}
}
