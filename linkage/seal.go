package linkage

import (
	"bytes"
	"cmp"
	"context"
	"crypto/cipher"
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/google/uuid"
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

// arrange gives the entries of all records, sorted by tag. Tags are uniform, so that
// counting by their highest bits brings each close to its place. The tags are computed
// twice instead of kept, for all but repeats are there already.
func (s *sealing) arrange() []entry {
	n := len(s.outputs)
	if s.class > 0 {
		n += s.signals.more.len()
	}
	// Two passes, in each of which the buckets that are being written to fit into the
	// nearer caches; then there are few left in each.
	high := min(11, bits.Len(uint(n))/2)
	starts := make([]uint32, 1+1<<high)
	s.entries(func(e entry) { starts[1+e.head>>(64-high)]++ })
	for b := 1; b < len(starts); b++ {
		starts[b] += starts[b-1]
	}
	out := make([]entry, n)
	next := slices.Clone(starts)
	s.entries(func(e entry) {
		at := &next[e.head>>(64-high)]
		out[*at] = e
		*at++
	})
	spread(s.workers, len(starts)-1, 1, func(from, to int) {
		var space []entry
		for b := from; b < to; b++ {
			part := out[starts[b]:starts[b+1]]
			space = append(space[:0], part...)
			s.sort(part, space, high)
		}
	})
	return out
}

// bucketed is how many entries fall into one bucket of the second pass.
const bucketed = 8

// sort sorts entries whose heads have so many bits in common. It uses a copy.
func (s *sealing) sort(part, copied []entry, common int) {
	low := min(14, bits.Len(uint(len(part)/bucketed)))
	bucket := func(e *entry) uint64 { return e.head << common >> (64 - low) }
	var starts [1<<14 + 1]uint32
	for i := range copied {
		starts[bucket(&copied[i])+1]++
	}
	for b := range 1 << low {
		starts[b+1] += starts[b]
	}
	for i := range copied {
		at := &starts[bucket(&copied[i])]
		part[*at] = copied[i]
		*at++
	}
	// Each start has moved to its bucket's end.
	for b, from := 0, uint32(0); b < 1<<low; b++ {
		slices.SortFunc(part[from:starts[b]], func(a, b entry) int {
			if c := cmp.Compare(a.head, b.head); c != 0 {
				return c
			}
			return s.compare(&a, &b)
		})
		from = starts[b]
	}
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

// sealAhead is how many records are looked for in memory before the first is sealed:
// what belongs to one is in four places, each far from where the last one's was, and
// the processor waits for many at once.
const sealAhead = 16

// seal makes the records of a run of entries.
func (s *sealing) seal(part []entry) []byte {
	out := make([]byte, 0, len(part)*recordSize(s.class))
	l := newLabels(&s.scope, s.class)
	defer l.close()
	var fs [sealAhead]prf
	var hs [sealAhead]holding
	var walks [sealAhead]textWalk
	for some := range slices.Chunk(part, sealAhead) {
		for i := range some {
			fs[i], hs[i] = s.outputs[some[i].item], *s.signals.holding(some[i].item, some[i].hold)
		}
		if s.class == 0 {
			for i := range some {
				t := fs[i].tag(0)
				out = append(out, t[:]...)
			}
			continue
		}
		for i := range some {
			walks[i] = s.signals.names.walk(hs[i].owner)
		}
		for i := range some {
			l.touched += walks[i].touch()
		}
		for i := range some {
			t := fs[i].tag(hs[i].place)
			said := walks[i].next()
			id, rest := uuid.UUID(said[:16]), said[16:]
			h := header{l.alias(s.aliases, id), binary.BigEndian.Uint64(rest), opAdd}
			out = l.seal(append(out, t[:]...), &fs[i], h, id, rest[8:])
		}
	}
	clear(fs[:])
	return out
}
