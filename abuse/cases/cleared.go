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
// A finding is what was seen, and not a signal's ID alone: what the same partner sends, or the same
// origin has found, is the same finding if it is made of the signal that was seen, and so is what has
// its cause in common with a signal of the same origin, or is a copy that came another way. What
// another origin makes of it is a finding of its own, for no partner may clear an account of what
// others will say by giving a signal of its own their ID.

// findings appends what was seen with the signals of a decision: each as it came, and its cause, by
// its origin and from nobody.
func findings(seen []Carrier, signals []abuse.Weighed) []Carrier {
	for i := range signals {
		s := &signals[i].Signal
		seen = append(seen, Carrier{signals[i].From, s.Origin, s.ID})
		if s.Cause != uuid.Nil {
			seen = append(seen, Carrier{Origin: s.Origin, Signal: s.Cause})
		}
	}
	return seen
}

// covered says whether a signal is of a finding that was seen.
func covered(seen []Carrier, x *abuse.Sighting) bool {
	s := &x.Signal
	return slices.ContainsFunc(seen, func(c Carrier) bool {
		return (c.Signal == s.ID || s.Cause != uuid.Nil && c.Signal == s.Cause) && (c.From == x.From || c.Origin == s.Origin)
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
	s := &x.Signal
	all := []uuid.UUID{clearedAs("found", s.Origin, s.ID), clearedAs("sent", x.From, s.ID)}
	if s.Cause != uuid.Nil {
		all = append(all, clearedAs("found", s.Origin, s.Cause))
	}
	return all
}

// cleared says whether a signal is of a finding that was put down.
func cleared(all map[uuid.UUID]int64, x *abuse.Sighting) bool {
	s := &x.Signal
	keys := []uuid.UUID{s.ID, clearedAs("found", s.Origin, s.ID), clearedAs("sent", x.From, s.ID)}
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
