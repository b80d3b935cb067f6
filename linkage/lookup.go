package linkage

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/hashing"
)

// lookUp finds what was published about the enrolled identifiers.
//
// It runs when the session is over. Were it part of the session, a transmitter
// could publish a label that does not open, or very many, about a number of its
// choice, and tell by an error or a delay whether the receiver knows the number.
// For the same reason a record that cannot be read is counted and passed over: it
// must not change what the receiver does next.
func (r *receiver) lookUp() []Match {
	found := map[int]map[uuid.UUID]*finding{} // account -> signal
	for i := range r.secrets {
		for _, said := range r.said(&r.secrets[i]) {
			for _, by := range r.holders[r.ids[i]] {
				signals := found[by.account]
				if signals == nil {
					signals = map[uuid.UUID]*finding{}
					found[by.account] = signals
				}
				f := signals[said.id]
				if f == nil {
					f = new(finding)
					signals[said.id] = f
				}
				f.add(said, r.ids[i].Kind(), by.place)
			}
		}
	}
	out := make([]Match, 0, len(found))
	for account, signals := range found {
		m := Match{Account: r.refs[account]}
		for _, f := range signals {
			if f.contradicts {
				r.sum.Unreadable++
				continue
			}
			slices.Sort(f.Kinds)
			slices.Sort(f.Places)
			m.Signals = append(m.Signals, f.MatchedSignal)
		}
		if len(m.Signals) == 0 {
			continue
		}
		slices.SortFunc(m.Signals, func(a, b MatchedSignal) int { return bytes.Compare(a.ID[:], b.ID[:]) })
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b Match) int { return cmp.Compare(a.Account, b.Account) })
	return out
}

// said gives the labels about one identifier: those under its tags 0, 1, 2 …, of
// which the first that is missing ends them.
func (r *receiver) said(s *secret) []opened {
	var out []opened
	name := s.first
	for j := uint32(1); int64(j) <= r.cfg.Agreement.Limits.SignalsPerIdentifier; j++ {
		sealed, ok := r.records.find(name)
		if !ok {
			break
		}
		if o, err := s.prf.open(sealed, &r.scope, r.cfg.Agreement.LabelBytes); err != nil || o.op != opAdd {
			// Under a tag that only the holder of the key can make: its fault.
			r.sum.Unreadable++
		} else {
			out = append(out, o)
		}
		name = s.prf.tag(j)
	}
	return out
}

// finding is a signal about an account as it is put together from the
// identifiers by which it was opened.
type finding struct {
	MatchedSignal
	contradicts bool // one revision says two things
}

// add puts what one more identifier has opened. Of two revisions the higher
// counts.
func (f *finding) add(o opened, kind hashing.Kind, place int) {
	if f.Kinds == nil || o.sequence > f.Sequence {
		*f = finding{MatchedSignal: MatchedSignal{ID: o.id, Sequence: o.sequence, Label: o.label}}
	}
	if o.sequence < f.Sequence {
		return
	}
	f.contradicts = f.contradicts || !bytes.Equal(o.label, f.Label)
	if !slices.Contains(f.Kinds, kind) {
		f.Kinds = append(f.Kinds, kind)
	}
	if !slices.Contains(f.Places, place) { // several signals on one identifier may have one ID
		f.Places = append(f.Places, place)
	}
}
