package abuse

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/hashing"
)

// Weighing is evidence with what the guards made of it, for rules whose conditions
// this package does not test: package policy has such. Who knows which signals carry
// a step has all of a decision from it but the texts, as [DecideBook] has. The zero
// Weighing is empty. It keeps its room from one [Weighing.Weigh] to the next, and is
// for one goroutine.
type Weighing struct {
	judge      judge
	weighed    []Weighed
	unreadable int
	own        Own

	forms    []byte
	digested []byte
	kinds    []hashing.Kind
	places   []int
	holdings []Holding
}

// Weigh lets the guards of the policy speak about the evidence as of now, in the
// place of what was weighed before. The policy must be valid; its rules are not
// asked.
func (g *Weighing) Weigh(e *Evidence, p *Policy, now time.Time) {
	g.gather(e.Sightings)
	g.unreadable += max(e.Unreadable, 0)
	g.own = tidyOwn(e.Own)
	g.holdings = tidyHoldings(e.Holdings, g.holdings[:0])
	g.judge = judge{policy: p, now: now.UTC().Round(0), holdings: g.holdings, room: g.judge.room[:0]}
	for start := 0; start < len(g.weighed); {
		end := start + 1
		for end < len(g.weighed) && g.weighed[end].From == g.weighed[start].From {
			end++
		}
		for i := start; i < end; i++ {
			g.weighed[i].start, g.weighed[i].end = start, end
			g.judge.weigh(&g.weighed[i])
		}
		start = end
	}
}

// Signals gives the signals by partner and id, each once, without those that
// cannot be read and those that a higher revision replaces. They are good until
// the next Weigh.
func (g *Weighing) Signals() []Weighed { return g.weighed }

// Own gives the service's own reports, without what makes no sense.
func (g *Weighing) Own() Own { return g.own }

// Unreadable counts signals that could not be read.
func (g *Weighing) Unreadable() int { return g.unreadable }

// Clear forgets the evidence and keeps the room.
func (g *Weighing) Clear() {
	for i := range g.weighed {
		g.weighed[i].Sighting = Sighting{}
	}
	g.weighed, g.judge = g.weighed[:0], judge{room: g.judge.room[:0]}
}

// Corroborated says whether an independent signal says what signal i says, as the
// categories and the step of the rule have it, and which; -1: none.
func (g *Weighing) Corroborated(r *Rule, i int) (Truth, int) {
	w := &g.weighed[i]
	g.judge.seek(r, w, g.weighed, w.start, w.end)
	if w.corroborated != Yes {
		return w.corroborated, -1
	}
	return Yes, w.by
}

// Carrier is a signal that meets a rule, by index, and the one that corroborates
// it, where the rule would not be met without; else -1.
type Carrier struct{ Signal, By int }

// Until is when a step ends: after the rule's time, and not later than the signals
// that carry it say anything.
func (g *Weighing) Until(lasts time.Duration, carriers []Carrier) time.Time {
	var last time.Time
	for _, c := range carriers {
		until := g.weighed[c.Signal].Signal.ValidUntil
		if c.By >= 0 {
			if by := g.weighed[c.By].Signal.ValidUntil; by.Before(until) {
				until = by
			}
		}
		if until.After(last) {
			last = until
		}
	}
	if until := g.judge.now.Add(lasts); until.Before(last) {
		return until
	}
	return last.UTC()
}

// Carried gives the ids of the signals that carry a step, and of those that they
// lean on: ascending, each once. Where no signal does, the step is [None], and it
// gives those of all signals. The slice is the caller's, and never nil.
func (g *Weighing) Carried(carriers []Carrier) []uuid.UUID {
	n := len(carriers)
	for _, c := range carriers {
		if c.By >= 0 {
			n++
		}
	}
	if n == 0 {
		n = len(g.weighed)
	}
	ids := make([]uuid.UUID, 0, n)
	for _, c := range carriers {
		ids = append(ids, g.weighed[c.Signal].Signal.ID)
		if c.By >= 0 {
			ids = append(ids, g.weighed[c.By].Signal.ID)
		}
	}
	if len(carriers) == 0 {
		for i := range g.weighed {
			ids = append(ids, g.weighed[i].Signal.ID)
		}
	}
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	return slices.Compact(ids)
}

// Matched gives the kinds of identifier by which the signals matched, ascending,
// each once. The slice is the caller's, and never nil.
func (g *Weighing) Matched() []hashing.Kind {
	var matched kindSet
	for i := range g.weighed {
		matched |= g.weighed[i].kinds
	}
	return matched.list()
}

// DecisionID gives the id of the decision about an account under a policy: a UUID
// of version 8 made of the SHA-256 of all that the decision depends on, which are
// these two and what was weighed, with its instant. The digest is that of
// [Policy.Hash], or what stands for it in a [Book].
func (g *Weighing) DecisionID(account string, policy Digest) (id uuid.UUID) {
	const head = "hueandcry/abuse/decision/1"
	size := len(head) + len(policy) + 40 + len(account) + 26*len(g.holdings) + 59
	for i := range g.weighed {
		w := &g.weighed[i]
		size += 32 + len(w.From) + 8*len(w.Places) + len(w.form)
	}
	var room [1024]byte
	b := room[:0]
	if size > len(room) {
		g.digested = slices.Grow(g.digested[:0], size)
		b = g.digested
	}
	number := func(n int64) { b = binary.BigEndian.AppendUint64(b, uint64(n)) }
	instant := func(t time.Time) { number(t.Unix()); number(int64(t.Nanosecond())) }
	text := func(s string) { number(int64(len(s))); b = append(b, s...) }

	b = append(b, head...)
	b = append(b, policy[:]...)
	text(account)
	instant(g.judge.now)
	number(int64(g.unreadable))
	number(int64(len(g.holdings)))
	for _, h := range g.holdings {
		b = append(b, byte(h.Kind), byte(h.Verified))
		instant(h.Since)
		number(int64(h.Accounts))
	}
	for i := range g.weighed {
		w := &g.weighed[i]
		text(w.From)
		number(int64(w.kinds))
		number(int64(len(w.Places)))
		for _, p := range w.Places {
			number(int64(p))
		}
		number(int64(len(w.form)))
		b = append(b, w.form...)
	}
	if o := &g.own; *o != (Own{}) {
		b = append(b, "own"...)
		number(int64(o.Reports))
		number(int64(o.Days))
		number(int64(o.Groups))
		instant(o.First)
		instant(o.Last)
	}
	sum := sha256.Sum256(b)
	copy(id[:], sum[:])
	id[6] = id[6]&0x0f | 0x80
	id[8] = id[8]&0x3f | 0x80
	return id
}

// usualFindings is how many guards there is room for at once: most signals have fewer.
const usualFindings = 4

// gather copies the sightings into one order, each once, and leaves out what is
// not in order (it is counted) and what a higher revision replaces.
func (g *Weighing) gather(sightings []Sighting) {
	g.weighed, g.unreadable = g.weighed[:0], 0
	if len(sightings) == 0 {
		return
	}
	if cap(g.weighed) < len(sightings) {
		g.weighed = make([]Weighed, 0, len(sightings))
		findings := make([]Finding, usualFindings*len(sightings))
		for i := range sightings {
			g.weighed[:len(sightings)][i].Findings = findings[:0:usualFindings]
			findings = findings[usualFindings:]
		}
	}
	g.forms, g.kinds, g.places = g.forms[:0], g.kinds[:0], g.places[:0]
	g.forms = slices.Grow(g.forms, 128*len(sightings))
	g.kinds = slices.Grow(g.kinds, 2*len(sightings))
	for i := range sightings {
		s := &sightings[i]
		kinds := kindsOf(s.Kinds)
		if s.Signal.Validate() != nil || s.Signal.Sender() != s.From || kinds == 0 {
			g.unreadable++
			continue
		}
		g.weighed = g.weighed[:len(g.weighed)+1]
		w := &g.weighed[len(g.weighed)-1]
		*w = Weighed{Sighting: *s, kinds: kinds, Findings: w.Findings[:0]}
		start := len(g.forms)
		g.forms = s.Signal.append(g.forms)
		w.form = g.forms[start:len(g.forms):len(g.forms)]
		start = len(g.kinds)
		g.kinds = kinds.append(g.kinds)
		w.Kinds = g.kinds[start:len(g.kinds):len(g.kinds)]
		w.Places = g.tidyPlaces(s.Places)
	}
	if len(g.weighed) < 2 {
		return
	}
	slices.SortFunc(g.weighed, func(a, b Weighed) int {
		return cmp.Or(cmp.Compare(a.From, b.From), bytes.Compare(a.Signal.ID[:], b.Signal.ID[:]),
			cmp.Compare(b.Signal.Revision, a.Signal.Revision), bytes.Compare(a.form, b.form), cmp.Compare(a.kinds, b.kinds),
			slices.Compare(a.Places, b.Places))
	})
	kept := g.weighed[:0]
	for i := range g.weighed {
		w := &g.weighed[i]
		if n := len(kept); n > 0 {
			last := &kept[n-1]
			if last.From == w.From && last.Signal.ID == w.Signal.ID &&
				(last.Signal.Revision > w.Signal.Revision || last.kinds == w.kinds && bytes.Equal(last.form, w.form) && slices.Equal(last.Places, w.Places)) {
				continue
			}
		}
		if len(kept) < i {
			// Changed round and not copied, so that no two have the room of one list.
			g.weighed[len(kept)], *w = *w, g.weighed[len(kept)]
		}
		kept = kept[:len(kept)+1]
	}
	g.weighed = kept
}

// tidyHoldings copies the holdings. What makes no sense is unknown.
func tidyHoldings(holdings, to []Holding) []Holding {
	to = slices.Grow(to, len(holdings))
	for _, h := range holdings {
		if !h.Kind.Valid() {
			to = append(to, Holding{}) // its place is not another's
			continue
		}
		h.Since = tidyTime(h.Since)
		if h.Verified > No {
			h.Verified = Unknown
		}
		h.Accounts = max(h.Accounts, 0)
		to = append(to, h)
	}
	return to
}

// tidyOwn takes the word of the service itself, but for what makes no sense.
func tidyOwn(o Own) Own {
	return Own{Reports: max(o.Reports, 0), Days: max(o.Days, 0), Groups: max(o.Groups, 0), First: tidyTime(o.First), Last: tidyTime(o.Last)}
}

// tidyTime gives a time in UTC without a monotonic reading, or zero where it is not
// of the years 1 to 9999, which are all that JSON has.
func tidyTime(t time.Time) time.Time {
	const first, last = -62135596800, 253402300799 // in Unix time
	t = t.UTC().Round(0)
	if s := t.Unix(); s < first || s > last {
		return time.Time{}
	}
	return t
}

// tidyPlaces copies places into one order, each once.
func (g *Weighing) tidyPlaces(places []int) []int {
	if len(places) == 0 {
		return nil
	}
	start := len(g.places)
	g.places = append(g.places, places...)
	tidy := g.places[start:len(g.places):len(g.places)]
	slices.Sort(tidy)
	return slices.Compact(tidy)
}
