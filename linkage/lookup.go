package linkage

import (
	"bytes"
	"cmp"
	"context"
	"slices"

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
	r.records.makeIndex()
	var all findings
	c := newCrew(context.Background(), func() {})
	next := 0
	pipeline(c, r.cfg.Workers, func() (func() (*findings, error), error) {
		from := next
		if next = min(next+lookRun, r.book.len()); from == next {
			return nil, nil
		}
		to := next
		return func() (*findings, error) { return r.look(from, to), nil }, nil
	}, func(f *findings) error {
		all.append(f)
		return nil
	}, nil)
	_ = c.wait() // none of these fails
	r.sum.Unreadable += all.unreadable
	return r.merge(&all)
}

// findings is what has been found about some items: signals, and whom they are about.
type findings struct {
	said       []content
	hits       []hit
	unreadable int
}

// hit says that a signal is about an account, by one identifier.
type hit struct {
	account, place uint32
	said           uint32 // which of findings.said
	kind           hashing.Kind
}

func (f *findings) append(more *findings) {
	base := uint32(len(f.said))
	f.said = append(f.said, more.said...)
	for _, h := range more.hits {
		h.said += base
		f.hits = append(f.hits, h)
	}
	f.unreadable += more.unreadable
}

const (
	lookRun   = 1 << 14 // items in a job
	lookAhead = 64      // items whose memory is asked for before the first is searched for
)

// look looks some items up. Where in the index they belong is far apart, and the processor
// waits for many of them at once.
func (r *receiver) look(from, to int) *findings {
	f := new(findings)
	l := newLabels(&r.scope, r.cfg.Agreement.LabelBytes)
	defer l.close()
	var maybe [lookAhead]uint32
	for ; from < to; from += lookAhead {
		n := 0
		for i := from; i < min(from+lookAhead, to); i++ {
			t := r.book.value(uint32(i)).tag(0)
			maybe[n] = uint32(i)
			n += r.records.index.mayHave(t.head())
		}
		for _, i := range maybe[:n] {
			t := r.book.value(i).tag(0)
			if sealed, ok := r.records.find(&t); ok {
				r.hear(f, l, i, sealed)
			}
		}
	}
	return f
}

// hear adds what is said about an item, of which the first record is given: the
// labels under its tags 0, 1, 2 …, of which the first that is missing ends them.
func (r *receiver) hear(f *findings, l *labels, item uint32, sealed []byte) {
	heard := len(f.said)
	if l.class == 0 {
		f.said = append(f.said, content{}) // all that a tag says
	} else {
		secret := r.book.value(item)
		for j, ok := uint32(1), true; ok; j++ {
			if o, err := l.open(secret, sealed); err != nil || o.op != Add {
				// Under a tag that only the holder of the key can make: its fault.
				f.unreadable++
			} else {
				f.said = append(f.said, o)
			}
			if int64(j) >= r.cfg.Agreement.Limits.SignalsPerIdentifier {
				break
			}
			t := secret.tag(j)
			sealed, ok = r.records.find(&t)
		}
	}
	kind := *r.book.kinds.at(item)
	for ; heard < len(f.said); heard++ {
		for at := uint32(0); ; {
			h := r.book.holding(item, at)
			f.hits = append(f.hits, hit{h.owner, h.place, uint32(heard), kind})
			if at = h.next; at == 0 {
				break
			}
		}
	}
}

// merge brings together what was found about each account by each of its identifiers.
func (r *receiver) merge(all *findings) []Match {
	slices.SortFunc(all.hits, func(a, b hit) int {
		if c := cmp.Compare(a.account, b.account); c != 0 {
			return c
		}
		return bytes.Compare(all.said[a.said].id[:], all.said[b.said].id[:])
	})
	// What the matches consist of lies together, for there may be very many.
	parts := parts{make([]MatchedSignal, 0, len(all.hits)), make([]hashing.Kind, 0, len(all.hits)), make([]int, 0, len(all.hits))}
	out := []Match{}
	for rest := all.hits; len(rest) > 0; {
		account := rest[0].account
		first := len(parts.signals)
		for len(rest) > 0 && rest[0].account == account {
			f := finding{kinds: len(parts.kinds), places: len(parts.places)}
			id := all.said[rest[0].said].id
			for ; len(rest) > 0 && rest[0].account == account && all.said[rest[0].said].id == id; rest = rest[1:] {
				f.add(&parts, &all.said[rest[0].said], rest[0].kind, int(rest[0].place))
			}
			if f.contradicts {
				r.sum.Unreadable++
				continue
			}
			parts.signals = append(parts.signals, f.signal(&parts))
		}
		if end := len(parts.signals); end > first {
			out = append(out, Match{string(r.refs.at(account)), parts.signals[first:end:end]})
		}
	}
	slices.SortFunc(out, func(a, b Match) int { return cmp.Compare(a.Account, b.Account) })
	return out
}

// parts is where the parts of matches lie, one after the other.
type parts struct {
	signals []MatchedSignal
	kinds   []hashing.Kind
	places  []int
}

// finding is a signal about an account as it is put together from the
// identifiers by which it was opened.
type finding struct {
	said          *content // of the highest revision
	kinds, places int      // where those of this finding begin, the last in parts
	contradicts   bool     // one revision says two things
}

// add puts what one more identifier has opened. Of two revisions the higher
// counts.
func (f *finding) add(p *parts, o *content, kind hashing.Kind, place int) {
	if f.said == nil || o.sequence > f.said.sequence {
		f.said, f.contradicts = o, false
		p.kinds, p.places = p.kinds[:f.kinds], p.places[:f.places]
	}
	if o.sequence < f.said.sequence {
		return
	}
	f.contradicts = f.contradicts || !bytes.Equal(o.label, f.said.label)
	p.kinds, p.places = append(p.kinds, kind), append(p.places, place)
}

// signal gives what was put together. Kinds come once each, and places too: several
// signals about one identifier may have one ID.
func (f *finding) signal(p *parts) MatchedSignal {
	kinds, places := p.kinds[f.kinds:], p.places[f.places:]
	slices.Sort(kinds)
	slices.Sort(places)
	kinds, places = slices.Compact(kinds), slices.Compact(places)
	p.kinds, p.places = p.kinds[:f.kinds+len(kinds)], p.places[:f.places+len(places)]
	return MatchedSignal{ID: f.said.id, Sequence: f.said.sequence, Label: f.said.label, Kinds: slices.Clip(kinds), Places: slices.Clip(places)}
}
