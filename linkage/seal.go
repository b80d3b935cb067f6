package linkage

import (
	"bytes"
	"cmp"
	"context"
	"crypto/cipher"
	"math/bits"
	"slices"
)

// sealing makes records of signals, in two steps: arrange computes all tags and sorts
// them, records seals what belongs to them in that order. So records can be sent as
// they are made, and sorted all the same.
type sealing struct {
	signals *signals
	outputs []prf // of the function, by item
	scope   scope
	class   int // size class of labels; of 0, there are tags alone
	aliases cipher.Block
	workers int
}

// entry is a record that is still to be made: what it is sorted by, and whence it
// comes.
type entry struct {
	head uint64 // of the tag
	item uint32
	hold uint32 // which holding of the item, as book.holding takes it
}

// tag gives the whole tag of an entry.
func (s *sealing) tag(e *entry) tag {
	return s.outputs[e.item].tag(s.signals.holding(e.item, e.hold).place)
}

// entries calls f for every record that there is to make, in no useful order.
func (s *sealing) entries(f func(entry)) {
	for i := range s.outputs {
		item := uint32(i)
		for hold := uint32(0); ; {
			h := s.signals.holding(item, hold)
			t := s.outputs[i].tag(h.place)
			f(entry{t.head(), item, hold})
			if hold = h.next; hold == 0 || s.class == 0 {
				break
			}
		}
	}
}

// bucketed is how many entries fall into one bucket of the first pass of arrange: few
// enough to be sorted in no time.
const bucketed = 8

// arrange gives the entries of all records, sorted by tag. Tags are uniform, so that
// counting by their highest bits brings each close to its place. The tags are computed
// twice instead of kept, for all but repeats are there already.
func (s *sealing) arrange() []entry {
	n := 0
	if s.class == 0 {
		n = len(s.outputs)
	} else {
		n = s.signals.first.len() + s.signals.more.len()
	}
	shift := 64 - min(16, bits.Len(uint(n/bucketed)))
	starts := make([]uint32, 1+1<<(64-shift))
	s.entries(func(e entry) { starts[1+e.head>>shift]++ })
	for b := 1; b < len(starts); b++ {
		starts[b] += starts[b-1]
	}
	out := make([]entry, n)
	next := slices.Clone(starts)
	s.entries(func(e entry) {
		at := &next[e.head>>shift]
		out[*at] = e
		*at++
	})
	spread(s.workers, len(starts)-1, 1, func(from, to int) {
		for b := from; b < to; b++ {
			slices.SortFunc(out[starts[b]:starts[b+1]], func(a, b entry) int {
				if c := cmp.Compare(a.head, b.head); c != 0 {
					return c
				}
				return s.compare(&a, &b)
			})
		}
	})
	return out
}

// compare compares whole tags, for the case that heads are the same.
func (s *sealing) compare(a, b *entry) int {
	at, bt := s.tag(a), s.tag(b)
	return bytes.Compare(at[:], bt[:])
}

// records seals what arrange has given, and hands it on in order: batches of so many
// records, the last of fewer. What emit is given is its own.
func (s *sealing) records(ctx context.Context, arranged []entry, batch int, emit func([]byte) error) error {
	c := newCrew(ctx, func() {})
	pipeline(c, s.workers, func() (func() ([]byte, error), error) {
		if len(arranged) == 0 {
			return nil, nil
		}
		part := arranged[:min(batch, len(arranged))]
		arranged = arranged[len(part):]
		return func() ([]byte, error) { return s.seal(part), nil }, nil
	}, emit, nil)
	return c.wait()
}

// record makes a single record.
func (p *publisher) record(f *prf, nth uint32, signal *Flagged) []byte {
	l := newLabels(&p.scope, p.cfg.Agreement.LabelBytes)
	defer l.close()
	t := f.tag(nth)
	out := append(make([]byte, 0, recordSize(l.class)), t[:]...)
	if l.class == 0 {
		return out
	}
	return l.seal(out, f, header{l.alias(p.aliases, signal.ID), signal.Sequence, opAdd}, signal.ID, signal.Label)
}

// seal makes the records of a run of entries.
func (s *sealing) seal(part []entry) []byte {
	out := make([]byte, 0, len(part)*recordSize(s.class))
	l := newLabels(&s.scope, s.class)
	defer l.close()
	for i := range part {
		e := &part[i]
		f, h := &s.outputs[e.item], s.signals.holding(e.item, e.hold)
		t := f.tag(h.place)
		out = append(out, t[:]...)
		if s.class == 0 {
			continue
		}
		id := *s.signals.ids.at(h.owner)
		out = l.seal(out, f, header{l.alias(s.aliases, id), *s.signals.sequences.at(h.owner), opAdd}, id, s.signals.labels.at(h.owner))
	}
	return out
}
