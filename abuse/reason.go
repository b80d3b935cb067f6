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
	judge    *judge
	book     *Book
	decision *Decision
	rule     *Rule // nil: none was met
	carriers []Carrier
	lead     *Weighed // the signal to speak of; nil: there is none
	second   *Signal  // the one that corroborates it, where the rule leans on that; else nil
	text     []byte   // the sentence so far
}

func (w *writer) add(parts ...string) {
	for _, p := range parts {
		w.text = append(w.text, p...)
	}
}

// done gives the sentence and begins another.
func (w *writer) done() string {
	s := string(w.text)
	w.text = w.text[:0]
	return s
}

// strongest picks the signal to speak of: of those that met the rule, or of all,
// the one that could go furthest, then the surest.
func (w *writer) strongest() *Weighed {
	all := w.decision.Explanation.Signals
	var lead *Weighed
	try := func(c *Weighed) {
		if lead == nil || c.further(lead) {
			lead = c
		}
	}
	if w.rule == nil {
		for i := range all {
			try(&all[i])
		}
	}
	for _, c := range w.carriers {
		try(&all[c.Signal])
	}
	for _, c := range w.carriers {
		if lead == &all[c.Signal] && c.By >= 0 {
			w.second = &all[c.By].Signal
		}
	}
	return lead
}

// further says whether a signal could go further than another, or is surer.
func (w *Weighed) further(than *Weighed) bool {
	s, t := &w.Signal, &than.Signal
	return cmp.Or(cmp.Compare(w.Reach, than.Reach), cmp.Compare(w.Cap, than.Cap), cmp.Compare(s.Confidence, t.Confidence),
		cmp.Compare(s.Severity, t.Severity), cmp.Compare(s.Reports, t.Reports), cmp.Compare(s.Review, t.Review)) > 0
}

func (w *writer) reason() string {
	switch {
	case w.lead == nil && w.decision.Explanation.Unreadable > 0:
		w.add("No step taken: no signal about this account could be read")
	case w.lead == nil:
		w.add("No step taken: no signal is about this account")
	case w.rule == nil && w.lead.Reach == None:
		w.add("No step taken: ")
		w.whyOut()
		w.others()
	case w.rule == nil:
		w.add("No step taken: no rule is met by the signal of ", w.lead.Signal.Origin, " (", w.lead.Signal.Category.String(), ", ")
		w.strength()
		w.add(")")
		w.holdsBack()
	default:
		w.step()
		w.add(" because ")
		w.claim()
		w.about()
		if by := w.second; by != nil {
			w.add(", and ")
			w.passedOn(by)
			w.add(by.Origin, " independently ", verb(by.Class), " ", categoryWords[by.Category])
		}
		w.holdsBack()
	}
	w.add(".")
	return w.done()
}

var doneWords = []string{"", "", "Labelled", "Extra checks", "Limited", "Suspended", "Disabled"}
var wouldWords = []string{"", "", "Would be labelled", "Would get extra checks", "Would be limited", "Would be suspended", "Would be disabled"}

func (w *writer) step() {
	words := wouldWords
	if w.decision.Mode == Live {
		words = doneWords
	}
	w.add(words[w.rule.Action], " ")
	if lasts := w.decision.Until.Sub(w.decision.At); lasts == w.rule.For && lasts%day == 0 {
		w.add("for ", count(int(lasts/day), "day"))
	} else {
		w.add("until ", minute(w.decision.Until))
	}
}

func (w *writer) claim() {
	s := &w.lead.Signal
	w.passedOn(s)
	w.add(s.Origin, " ", verb(s.Class), " ", categoryWords[s.Category], " (")
	w.strength()
	w.add(")")
}

// passedOn says by whose word it is known what the origin says, if not by its own.
func (w *writer) passedOn(s *Signal) {
	if from := s.Sender(); from != s.Origin {
		w.add(from, " passes on that ")
	}
}

func verb(c Class) string {
	if c == Confirmed {
		return "confirmed"
	}
	return "predicts"
}

func (w *writer) strength() {
	s := &w.lead.Signal
	w.add("confidence ", strconv.Itoa(s.Confidence), ", severity ", s.Severity.String())
	if s.Review == ReviewHuman {
		w.add(", seen by a person there")
	}
	if s.Reports > 0 {
		w.add(", ", countReports(s.Reports))
	}
}

// about says which identifier ties the signal to the account, and how well.
func (w *writer) about() {
	phone, device := w.lead.Phone, w.lead.Device
	ofPhone, ofDevice := shared(w.lead.phoneAccounts), shared(w.lead.deviceAccounts)
	switch {
	case phone == Yes && device == Yes:
		w.add(" about the phone number", ofPhone, " and the device", ofDevice, " that this account has held since before the reports")
	case phone == Yes:
		w.add(" about the phone number", ofPhone, " that this account has held since before the reports")
	case device == Yes:
		w.add(" about the device", ofDevice, " that this account has been used on since before the reports")
	case phone == Unknown && device == Unknown:
		w.add(" about a phone number", ofPhone, " and a device", ofDevice, " of this account")
	case phone == Unknown:
		w.add(" about a phone number", ofPhone, " of this account")
	default:
		w.add(" about a device", ofDevice, " of this account")
	}
}

// shared says that an identifier is not the account's alone.
func shared(accounts int) string {
	if accounts < 2 {
		return ""
	}
	return " (shared by " + strconv.Itoa(accounts) + " accounts here)"
}

// whyOut says why the guards let nothing of the signal through.
func (w *writer) whyOut() {
	s := &w.lead.Signal
	for _, f := range w.lead.Findings {
		if f.Cap != None || f.Kind != 0 {
			continue
		}
		switch f.Guard {
		case GuardExpired:
			w.add("the signal of ", s.Origin, " expired on ", date(s.ValidUntil))
		case GuardFuture:
			w.add("the signal of ", s.Origin, " speaks of ", minute(s.LastObserved), ", which is still to come")
		case GuardEcho:
			w.add("the signal that ", w.lead.From, " sent is this service's own word come back")
		case GuardPermitted:
			w.add(s.Sender(), " permits no action on its signal")
		}
		return
	}
	said := false
	for _, f := range w.lead.Findings {
		if f.Kind == 0 || f.Spoke != Yes {
			continue
		}
		if said {
			w.add("; ")
		}
		said = true
		what := thing(f.Kind)
		if f.Guard == GuardRecycled {
			first, last := w.since(f.Places)
			on := " on "
			if !first.Equal(last) {
				on = " by "
			}
			w.add("the ", what, " came to this account", on, date(last), ", after the reports of ", date(s.LastObserved), ", so they are about its former holder")
			continue
		}
		most := w.judge.policy.PhoneAccounts
		if f.Kind.Device() {
			most = w.judge.policy.DeviceAccounts
		}
		w.add("the ", what, " is held by ", count(w.fewest(f.Places), "account"), " here, more than the ",
			strconv.Itoa(most), " up to which it points to one of them")
	}
	if !said {
		w.add("nothing by which the signal of ", s.Origin, " matched points to this account alone")
	}
}

// others says that there were more signals: none of them could go further.
func (w *writer) others() {
	switch n := len(w.decision.Explanation.Signals) - 1; n {
	case 0:
	case 1:
		w.add("; the other signal does not count either")
	default:
		w.add("; the other ", strconv.Itoa(n), " signals do not count either")
	}
}

// since gives the days on which the first and the last of the holdings came.
func (w *writer) since(places []int) (first, last time.Time) {
	for i, p := range places {
		came := midnight(w.judge.at(p).Since)
		if i == 0 || came.Before(first) {
			first = came
		}
		if came.After(last) {
			last = came
		}
	}
	return first, last
}

// fewest gives the least number of accounts that hold an identifier at the places.
func (w *writer) fewest(places []int) (n int) {
	for i, p := range places {
		if accounts := w.judge.at(p).Accounts; i == 0 || accounts < n {
			n = accounts
		}
	}
	return n
}

func (w *writer) undo() string {
	if w.rule == nil {
		w.add("There is nothing to undo; ")
		if w.lead == nil {
			w.add("a signal that can be read is decided on when it comes.")
		} else {
			w.add("a new or revised signal, or a new fact about this account, is decided on when it comes.")
		}
		return w.done()
	}
	s := &w.lead.Signal
	if w.decision.Mode == Live {
		w.add("Ends by itself on ", minute(w.decision.Until), "; ends sooner if ")
	} else {
		w.add("Would end by itself on ", minute(w.decision.Until), "; would end sooner if ")
	}
	if w.second != nil {
		w.add(s.Origin, " or ", w.second.Origin, " withdraws")
	} else {
		w.add(s.Origin, " withdraws")
	}
	w.add(" the signal or makes it milder and no other carries the step")
	what := "phone number"
	if w.lead.Phone != Yes && (w.lead.Device == Yes || w.lead.Phone == No) {
		what = "device"
	}
	if s.LastObserved.IsZero() {
		w.add(", if the ", what, " turns out to have been somebody else's at the time")
	} else {
		w.add(", if the ", what, " turns out to have come to this account after ", date(s.LastObserved))
	}
	w.add(", or if an appeal is upheld.")
	return w.done()
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
