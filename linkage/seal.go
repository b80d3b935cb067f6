package linkage

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
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
	workers int
}

// entry is a record that is still to be made: what it is sorted by, and what it
// consists of.
type entry struct {
	head uint64 // of the tag
	rest uint64 // of the tag, where there are tags alone; otherwise item and place, 32 bits each
	text uint64 // where it is, see texts.starts
}

func (e *entry) of() (item, place uint32) { return uint32(e.rest >> 32), uint32(e.rest) }

// tag gives the whole tag of an entry.
func (s *sealing) tag(e *entry) (t tag) {
	if s.class == 0 {
		binary.BigEndian.PutUint64(t[:], e.head)
		binary.BigEndian.PutUint64(t[8:], e.rest)
		return t
	}
	item, place := e.of()
	return s.outputs[item].tag(place)
}

// entries calls f for all records that there are to make, some at a time and in no
// useful order. f does not keep what it is given.
func (s *sealing) entries(f func([]entry)) {
	some := make([]entry, 0, 256)
	for i := range s.outputs {
		if len(some) == cap(some) {
			f(some)
			some = some[:0]
		}
		t := s.outputs[i].tag(0)
		if s.class == 0 {
			some = append(some, entry{head: t.head(), rest: binary.BigEndian.Uint64(t[8:])})
			continue
		}
		item := uint32(i)
		for next := uint32(0); ; {
			h := s.signals.holding(item, next)
			if h.place > 0 {
				t = s.outputs[i].tag(h.place)
			}
			some = append(some, entry{t.head(), uint64(item)<<32 | uint64(h.place), *s.signals.names.starts.at(h.owner)})
			if next = h.next; next == 0 {
				break
			}
		}
	}
	f(some)
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
	high := max(0, min(11, bits.Len(uint(n))/2-2))
	starts := make([]uint32, 1+1<<high)
	s.entries(func(some []entry) {
		for i := range some {
			starts[1+some[i].head>>(64-high)]++
		}
	})
	for b := 1; b < len(starts); b++ {
		starts[b] += starts[b-1]
	}
	out := make([]entry, n)
	next := slices.Clone(starts)
	s.entries(func(some []entry) {
		for i := range some {
			at := &next[some[i].head>>(64-high)]
			out[*at] = some[i]
			*at++
		}
	})
	spread(s.workers, len(starts)-1, 1, func(from, to int) {
		var own sorter
		for b := from; b < to; b++ {
			own.sort(s, out[starts[b]:starts[b+1]], high)
		}
	})
	return out
}

// bucketed is how many entries at most fall into one bucket of the second pass, on the
// average. More than crowded of them are sorted in another way.
const (
	bucketed = 2
	crowded  = 32
)

// sorter is the room that the second pass needs.
type sorter struct {
	copied []entry
	ends   []uint32 // of buckets
}

// sort sorts entries whose heads have so many bits in common.
func (r *sorter) sort(s *sealing, part []entry, common int) {
	low := min(14, bits.Len(uint(len(part)/bucketed)))
	bucket := func(e *entry) uint64 { return e.head << common >> (64 - low) }
	r.copied = append(r.copied[:0], part...)
	r.ends = append(r.ends[:0], make([]uint32, 1+1<<low)...)
	for i := range r.copied {
		r.ends[1+bucket(&r.copied[i])]++
	}
	for b := range 1 << low {
		r.ends[b+1] += r.ends[b]
	}
	// They are starts still, and each moves to its bucket's end.
	for i := range r.copied {
		at := &r.ends[bucket(&r.copied[i])]
		part[*at] = r.copied[i]
		*at++
	}
	from := uint32(0)
	for _, end := range r.ends[:1<<low] {
		if end-from > crowded {
			slices.SortFunc(part[from:end], s.compare)
		}
		from = end
	}
	// Each is in its bucket now, and has few to pass.
	for i := 1; i < len(part); i++ {
		e, j := part[i], i
		for ; j > 0 && (e.head < part[j-1].head || e.head == part[j-1].head && s.compare(e, part[j-1]) < 0); j-- {
			part[j] = part[j-1]
		}
		part[j] = e
	}
}

// compare compares whole tags.
func (s *sealing) compare(a, b entry) int {
	if c := cmp.Compare(a.head, b.head); c != 0 {
		return c
	}
	at, bt := s.tag(&a), s.tag(&b)
	return bytes.Compare(at[:], bt[:])
}

// records seals what arrange has given, and hands it on in order: batches of so many
// records, the last of fewer. What emit is given is its own until it returns.
func (s *sealing) records(ctx context.Context, arranged []entry, batch int, emit func([]byte) error) error {
	c := newCrew(ctx, func() {})
	used := make(chan []byte, 4*s.workers) // buffers; the system is slow to find new memory
	pipeline(c, s.workers, func() (func() ([]byte, error), error) {
		if len(arranged) == 0 {
			return nil, nil
		}
		part := arranged[:min(batch, len(arranged))]
		arranged = arranged[len(part):]
		return func() ([]byte, error) {
			var buf []byte
			select {
			case buf = <-used:
			default:
			}
			return s.seal(buf, part), nil
		}, nil
	}, func(b []byte) error {
		err := emit(b)
		select {
		case used <- b:
		default:
		}
		return err
	}, nil)
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
	return l.seal(out, f, &content{signal.ID, signal.Sequence, Add, signal.Label})
}

// sealRun is how many records are sealed at a time. The function's value for one and
// its text are each far from where the last one's were: asked for in a row, the
// processor waits for many at once.
const sealRun = 64

// seal makes the records of a run of entries, in a buffer if that is large enough.
func (s *sealing) seal(buf []byte, part []entry) []byte {
	size := recordSize(s.class)
	out := slices.Grow(buf[:0], len(part)*size)[:len(part)*size]
	if s.class == 0 {
		for i := range part {
			binary.BigEndian.PutUint64(out[i*size:], part[i].head)
			binary.BigEndian.PutUint64(out[i*size+8:], part[i].rest)
		}
		return out
	}
	l := newLabels(&s.scope, s.class)
	defer l.close()
	l.reserve(min(sealRun, len(part)))
	most := binary.MaxVarintLen16 + textHead + s.class
	rest := out
	var fs [sealRun]prf
	for some := range slices.Chunk(part, sealRun) {
		for i := range some {
			item, _ := some[i].of()
			fs[i] = s.outputs[item]
			l.touched += s.signals.names.touch(some[i].text, most)
		}
		for i := range some {
			_, place := some[i].of()
			t := fs[i].tag(place)
			record := rest[i*size:][:size]
			copy(record, t[:])
			s.fill(l, i, &fs[i], record[tagSize:], some[i].text)
		}
		l.finish(fs[:len(some)], rest[tagSize:], size)
		rest = rest[len(some)*size:]
	}
	clear(fs[:])
	return out
}

// fill writes the text of a record, and puts it to be sealed as the n-th.
func (s *sealing) fill(l *labels, n int, f *prf, sealed []byte, at uint64) {
	walk := s.signals.names.from(at)
	text := sealed[commitmentSize:]
	clear(text[copy(text, walk.next()):])
	l.put(n, f, text)
}
