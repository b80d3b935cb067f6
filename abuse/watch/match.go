package watch

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
)

// match is what is known of one signal about one account, and what has been told of it. There is
// one for all feeds, epochs and identifiers by which the signal came: whatever came twice is merged
// in it, and the difference between known and told is what is still to be decided on.
type match struct {
	account      string
	link, signal uuid.UUID

	partner  string
	state    matchState
	sequence uint64 // the highest heard of
	until    int64  // seconds since 1970; 0: it does not run out
	label    []byte
	grounds  []ground // by which it matches, each once
	names    []name   // of the signal, each once

	toldLive bool
	told     [16]byte // digest of what was told
}

// matchState is what the partner's last word comes to. The zero state is none: nothing was heard.
type matchState byte

const (
	matchLive      matchState = 1
	matchWithdrawn matchState = 2
	matchExpired   matchState = 3
)

// ground is an identifier of the account by which the signal matches. When the account does not
// hold it any more, or the generation is erased, the ground is gone.
type ground struct {
	generation uint64
	token      [16]byte // of the identifier
	kind       hashing.Kind
	place      uint32
}

// name is what the feed of an era calls the signal.
type name struct {
	era   uint64
	alias [16]byte // under the key of the live generation, as tags are
}

// word is what a record says of a signal.
type word struct {
	signal   uuid.UUID
	sequence uint64
	label    []byte
	name     name
}

// hear takes in a record that was found by a ground. Of one sequence the first word counts; a
// lower one adds its ground alone.
func (m *match) hear(partner string, s word, by ground) {
	if i := slices.IndexFunc(m.grounds, by.same); i >= 0 {
		m.grounds[i] = by
	} else {
		m.grounds = append(m.grounds, by)
	}
	if !slices.Contains(m.names, s.name) {
		m.names = append(m.names, s.name)
	}
	if m.state != 0 && s.sequence <= m.sequence {
		return
	}
	m.partner, m.state, m.sequence, m.label, m.until = partner, matchLive, s.sequence, bytes.Clone(s.label), 0
	if signal, err := abuse.ParseSignal(s.label); err == nil {
		m.until = signal.ValidUntil.Unix()
	}
}

// retract takes in a retraction.
func (m *match) retract(sequence uint64) {
	if sequence > m.sequence {
		m.state, m.sequence, m.until, m.label = matchWithdrawn, sequence, 0, nil
	}
}

// expire ends the signal if its time is over.
func (m *match) expire(now int64) {
	if m.state == matchLive && m.until != 0 && m.until <= now {
		m.state = matchExpired
	}
}

func (g ground) same(h ground) bool { return g.generation == h.generation && g.token == h.token }

// live says whether the signal counts for the account.
func (m *match) live() bool { return m.state == matchLive && len(m.grounds) > 0 }

// matched gives what decisions are made on.
func (m *match) matched() linkage.MatchedSignal {
	s := linkage.MatchedSignal{ID: m.signal, Sequence: m.sequence, Label: m.label}
	for _, g := range m.grounds {
		s.Kinds, s.Places = append(s.Kinds, g.kind), append(s.Places, int(g.place))
	}
	slices.Sort(s.Kinds)
	slices.Sort(s.Places)
	s.Kinds, s.Places = slices.Compact(s.Kinds), slices.Compact(s.Places)
	return s
}

// digest stands for all that a decision rests on.
func (m *match) digest() (d [16]byte) {
	s := m.matched()
	b := binary.BigEndian.AppendUint64(nil, s.Sequence)
	for _, k := range s.Kinds {
		b = append(b, byte(k))
	}
	b = append(b, 0)
	for _, p := range s.Places {
		b = binary.BigEndian.AppendUint32(b, uint32(p))
	}
	sum := sha256.Sum256(append(b, s.Label...))
	copy(d[:], sum[:])
	return d
}

// change says what is to be told, 0 if nothing is.
func (m *match) change() Change {
	switch live := m.live(); {
	case live && !m.toldLive:
		return Matched
	case live && m.digest() != m.told:
		return Revised
	case !live && m.toldLive && m.state == matchExpired:
		return Expired
	case !live && m.toldLive:
		return Withdrawn
	}
	return 0
}

// tell marks the change as told with a decision, and gives its event.
func (m *match) tell(c Change, at time.Time, decision uuid.UUID) Event {
	e := Event{
		Account: m.account, Link: m.link, Partner: m.partner, Signal: m.signal, Sequence: m.sequence, Change: c,
		At: at, Decision: decision,
	}
	e.ID = e.name()
	m.toldLive, m.told = m.live(), [16]byte{}
	if m.toldLive {
		m.told = m.digest()
	}
	return e
}

// row gives the stored form. Grounds and names are sorted, so that equal matches are equal rows.
func (m *match) row() abuse.Row {
	slices.SortFunc(m.grounds, func(a, b ground) int {
		return cmp.Or(cmp.Compare(a.generation, b.generation), bytes.Compare(a.token[:], b.token[:]))
	})
	slices.SortFunc(m.names, func(a, b name) int {
		return cmp.Or(cmp.Compare(a.era, b.era), bytes.Compare(a.alias[:], b.alias[:]))
	})
	f := newFields(96 + len(m.partner) + len(m.label) + 32*len(m.grounds) + 32*len(m.names))
	f.bytes([]byte(m.partner))
	f.byte(byte(m.state))
	f.uint64(m.sequence)
	f.uint64(uint64(m.until))
	f.bytes(m.label)
	f.uint32(uint32(len(m.grounds)))
	for _, g := range m.grounds {
		f.uint64(g.generation)
		f.raw(g.token[:])
		f.byte(byte(g.kind))
		f.uint32(g.place)
	}
	f.uint32(uint32(len(m.names)))
	for _, n := range m.names {
		f.uint64(n.era)
		f.raw(n.alias[:])
	}
	told := byte(0)
	if m.toldLive {
		told = 1
	}
	f.byte(told)
	f.raw(m.told[:])
	return abuse.Row{Key: matchKey(m.account, m.link, m.signal), Value: f}
}

func parseMatch(key, value []byte) (*match, error) {
	account, rest, ok := splitAccount(key)
	if !ok || len(rest) != 32 {
		return nil, damaged("match")
	}
	m := &match{account: account, link: uuid.UUID(rest[:16]), signal: uuid.UUID(rest[16:])}
	p := newRow(value)
	m.partner, m.state, m.sequence, m.until = string(p.bytes()), matchState(p.u8()), p.u64(), int64(p.u64())
	m.label = bytes.Clone(p.bytes())
	for n := p.u32(); n > 0 && !p.bad; n-- {
		m.grounds = append(m.grounds, ground{p.u64(), p.id(), hashing.Kind(p.u8()), p.u32()})
	}
	for n := p.u32(); n > 0 && !p.bad; n-- {
		m.names = append(m.names, name{p.u64(), p.id()})
	}
	m.toldLive, m.told = p.u8() == 1, p.id()
	return m, p.end()
}
