package cases

import (
	"bytes"
	"encoding/binary"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/abuse"
)

// A ruling of the desk's holds back the signals that its person has seen for as long as it stands. One
// with an end ("limit for two days") would let them suspend the account again on the day after, over
// the person's head. So they are put down here, and left out of the evidence once no ruling has them.
//
// A finding is what was seen, and not a signal's ID alone: what the same partner sends is the same
// finding if it is made of the signal that was seen or has its cause in common with it; so is what the
// origin says itself, where it was the origin that was heard, and then every copy of that. What came by
// another is that one's word alone, whatever origin and ID he gives it: it stands for what the origin
// says, or others pass on, only where they say the same to the letter. So no partner clears an account
// of what others will say, by a signal with their name and ID that nobody would believe.

// findings appends what was seen with the signals of a decision: each as it came, its cause, and of one
// that was passed on what it says. What is the origin's own is from nobody.
func findings(seen []Carrier, signals []abuse.Weighed) []Carrier {
	for i := range signals {
		s, from := &signals[i].Signal, ""
		seen = append(seen, Carrier{signals[i].From, s.Origin, s.ID})
		if signals[i].From != s.Origin {
			from = signals[i].From
			seen = append(seen, Carrier{Origin: s.Origin, Signal: claimID(s)})
		}
		if s.Cause != uuid.Nil {
			seen = append(seen, Carrier{from, s.Origin, s.Cause})
		}
	}
	return seen
}

// claimID names what a signal says, whoever has passed it on and with whatever revision: a digest, of
// version 8, where signals have version 7.
func claimID(s *abuse.Signal) uuid.UUID {
	said := *s
	said.Path, said.Revision = nil, 1
	form, err := said.MarshalBinary()
	if err != nil {
		form = s.ID[:] // it is no signal, and nothing was weighed that is like it
	}
	return digestID("claim", form)
}

// covered says whether a signal is of a finding that was seen.
func covered(seen []Carrier, x *abuse.Sighting) bool {
	s, claim := &x.Signal, uuid.Nil
	return slices.ContainsFunc(seen, func(c Carrier) bool {
		same := c.Signal == s.ID || s.Cause != uuid.Nil && c.Signal == s.Cause
		switch {
		case same && c.From == x.From:
			return true
		case c.Origin != s.Origin:
			return false
		case same:
			return c.From == "" || c.From == c.Origin
		case c.From != "" || c.Signal.Version() != 8:
			return false
		case claim == uuid.Nil:
			claim = claimID(s)
		}
		return c.Signal == claim
	})
}

const clearedBytes = 24 // finding 16, BE64 seconds: when it was seen

// clearedAs is how a finding is put down: a digest of what it is compared by. In rows of before there
// were these the signal's own ID stands.
func clearedAs(how, name string, id uuid.UUID) uuid.UUID {
	return digestID("cleared "+how, []byte(name), id[:])
}

// clears gives what is put down of a signal, so that [cleared] finds what covered would.
func clears(x *abuse.Sighting) []uuid.UUID {
	s, how, name := &x.Signal, "found", x.Signal.Origin
	all := []uuid.UUID{clearedAs("sent", x.From, s.ID)}
	if x.From == s.Origin {
		all = append(all, clearedAs("found", s.Origin, s.ID))
	} else {
		how, name = "sent", x.From
		all = append(all, claimID(s))
	}
	if s.Cause != uuid.Nil {
		all = append(all, clearedAs(how, name, s.Cause))
	}
	return all
}

// cleared says whether a signal is of a finding that was put down.
func cleared(all map[uuid.UUID]int64, x *abuse.Sighting) bool {
	s := &x.Signal
	keys := []uuid.UUID{s.ID, claimID(s), clearedAs("found", s.Origin, s.ID), clearedAs("sent", x.From, s.ID)}
	if s.Cause != uuid.Nil {
		keys = append(keys, s.Cause, clearedAs("found", s.Origin, s.Cause), clearedAs("sent", x.From, s.Cause))
	}
	return slices.ContainsFunc(keys, func(key uuid.UUID) bool { _, ok := all[key]; return ok })
}

// readCleared gives the findings that do not count against the account any more.
func readCleared(r abuse.Reader, account string) (map[uuid.UUID]int64, error) {
	got, err := r.Get(abuse.Cases, text([]byte{clearRow}, account))
	if err != nil || got[0] == nil {
		return nil, err
	}
	b := got[0]
	if len(b)%clearedBytes != 0 {
		return nil, damaged("cleared signals")
	}
	all := make(map[uuid.UUID]int64, len(b)/clearedBytes)
	for ; len(b) > 0; b = b[clearedBytes:] {
		all[uuid.UUID(b[:16])] = int64(binary.BigEndian.Uint64(b[16:]))
	}
	return all, nil
}

// clearSeen puts down what a person has seen who took a step back or changed it. What was put down
// longer ago than a signal can be valid is dropped.
func clearSeen(w abuse.Writer, d *abuse.Decision, now time.Time) error {
	all, err := readCleared(w, d.Account)
	if err != nil {
		return err
	}
	value := make([]byte, 0, clearedBytes*(len(all)+3*len(d.Explanation.Signals)))
	put := func(id uuid.UUID, at int64) {
		value = binary.BigEndian.AppendUint64(append(value, id[:]...), uint64(at))
	}
	done := make(map[uuid.UUID]bool)
	for i := range d.Explanation.Signals {
		for _, id := range clears(&d.Explanation.Signals[i].Sighting) {
			if !done[id] {
				done[id] = true
				delete(all, id)
				put(id, now.Unix())
			}
		}
	}
	ids := make([]uuid.UUID, 0, len(all))
	for id, at := range all {
		if at > now.Add(-abuse.MaxValidity).Unix() {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	for _, id := range ids {
		put(id, all[id])
	}
	if len(value) == 0 {
		return nil
	}
	return w.Put(abuse.Cases, text([]byte{clearRow}, d.Account), value)
}

// withoutCleared leaves out of the evidence what was seen under a ruling that has run out. The caller's
// slices are left alone.
func (h *Hearings) withoutCleared(r abuse.Reader, e abuse.Evidence, now time.Time) (abuse.Evidence, error) {
	if len(e.Account) > maxAccount {
		return e, nil // the desk says so
	}
	all, err := readCleared(r, e.Account)
	if err != nil || len(all) == 0 {
		return e, err
	}
	ruling, _, err := h.cfg.Desk.Ruling(r, e.Account, now)
	if err != nil {
		return e, err
	}
	return without(e, func(x *abuse.Sighting) bool {
		return cleared(all, x) && !ruling.saw(x)
	}), nil
}
