package watch

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
)

// hit is a record about an identifier of an account.
type hit struct {
	candidateTag
	enrolment
	token [16]byte // of the identifier
}

// match looks candidates up and takes in the records that are about accounts here. Of each
// identifier that was hit the next signal is to be found too: its tag is enrolled, and looked for
// in the whole batch, where records have no order, and the next one may have come before.
//
// A tag is good for one signal, the first that comes under it: else a partner could say any number of
// signals about one identifier. Whether the tag was hit before is told by the next one, which is
// enrolled then and not before. Beyond the last signal that the agreement allows one tag more is
// enrolled, as a mark, under which nothing is heard.
//
// So many hits are in memory at once and no more: a device that ten thousand accounts share may have as
// many signals in one batch as the agreement allows, and each is about all of them.
func (t *intake) match(w abuse.Writer, c *cursor, all []candidateTag, out *stretchResult) error {
	if len(all) == 0 {
		return nil
	}
	hits, err := t.lookUp(w, all, out)
	for err == nil && len(hits) > 0 {
		n := min(len(hits), t.r.atOnce)
		var next []hit
		if next, err = t.take(w, c, hits[:n], out); err == nil {
			hits = append(next, hits[n:]...)
		}
	}
	return err
}

const hitsAtOnce = 10_000

// take takes hits in, and gives those of the tags that are enrolled for them, where the batch has these.
func (t *intake) take(w abuse.Writer, c *cursor, hits []hit, out *stretchResult) (further []hit, err error) {
	var heard []heardHit
	var next []enrolledNext
	seen := make(map[hitTag][]uint32, len(hits)) // records, by what they hit
	for _, h := range hits {
		what := hitTag{h.slot, h.tag, h.account}
		by := seen[what]
		if slices.Contains(by, h.record) {
			continue
		}
		seen[what] = append(by, h.record)
		if int64(h.nth) >= t.r.cfg.Agreement.Limits.SignalsPerIdentifier {
			out.unreadable++
			continue
		}
		keeper, rec := t.c.keepers[h.slot], t.b.Record(int(h.record))
		kept := linkage.Kept{Tag: h.tag, Value: h.value}
		o, err := keeper.Open(kept, int(h.nth), int(h.identifier), int(h.slot), rec)
		if err != nil {
			out.unreadable++ // the transmitter's fault; what comes after it is still looked for
		} else {
			n := name{t.c.number, t.c.keepers[0].Tag(rec.Alias())}
			heard = append(heard, heardHit{hit: h, word: word{o.Signal, rec.Sequence(), o.Label, n}, next: -1})
		}
		if len(by) > 0 {
			continue
		}
		if err == nil {
			heard[len(heard)-1].next = len(next)
		}
		h.nth++
		h.tag = keeper.Nth(kept, int(h.nth)).Tag
		next = append(next, enrolledNext{int(h.slot), h.tag, h.enrolment, h.token})
	}
	added, err := t.c.enrol(w, c, next, &out.fresh)
	if err != nil {
		return nil, err
	}
	firsts := make([]bool, len(next))
	for _, i := range added {
		firsts[i] = true
		// One that was enrolled before was looked for then, or is among the candidates of its stretch.
		e := &next[i]
		if s, ok := t.spot(e.tag); ok && int(s.slot) == e.slot {
			further = append(further, hit{candidateTag{s, e.tag}, e.enrolment, e.token})
		}
	}
	for i := range heard {
		h := &heard[i]
		h.first = h.next >= 0 && firsts[h.next]
	}
	return further, t.hear(w, heard, out)
}

// hitTag is a tag of an account that was hit.
type hitTag struct {
	slot    uint8
	tag     [16]byte
	account string
}

type heardHit struct {
	hit
	word
	next  int  // which of the tags that are to be enrolled comes after this one; -1: it was another hit's
	first bool // under its tag
}

// lookUp finds which candidates are enrolled, and for whom. Under one tag the first record of the
// stretch may be about whoever has it, and each later one only about those who have its alias: nobody
// else can hear it, and a partner who says thousands of records under the tag of a device that thousands
// share would have each multiplied by all of them. Of an honest partner no two come under one tag.
func (t *intake) lookUp(w abuse.Writer, all []candidateTag, out *stretchResult) ([]hit, error) {
	tags, of, later := t.group(all)
	keys := make([][]byte, len(tags))
	for i := range tags {
		keys[i] = tagKey(t.c.number+uint64(tags[i].slot), tags[i].tag)
	}
	found, err := lists(w, abuse.Enrolments, keys)
	if err != nil {
		return nil, err
	}
	wide, several := 0, slices.ContainsFunc(all, func(c candidateTag) bool { return c.record != all[0].record })
	for i := range found {
		wide += len(found[i])
	}
	if wide > t.r.atOnce && several {
		return nil, errWide
	}
	if err := t.holders(w, tags, found); err != nil {
		return nil, err
	}
	aliases, err := t.aliases(w, all, tags, of, later)
	if err != nil {
		return nil, err
	}
	var hits []hit
	for i, c := range all {
		switch {
		case of[i] < 0:
		case len(hits) > t.r.atOnce && several:
			return nil, errWide // as of signals that all have, revised under one tag
		case !later[i]:
			for _, h := range tags[of[i]].holders {
				hits = append(hits, hit{c, h.enrolment, h.token})
			}
		default:
			n := len(hits)
			if hits, err = tags[of[i]].known(hits, c, aliases[c.record]); err != nil {
				return nil, err
			}
			if len(hits) == n && len(tags[of[i]].holders) > 0 {
				out.unreadable++
			}
		}
	}
	return hits, nil
}

// tagHit is a tag that records of a stretch have, and who has enrolled it.
type tagHit struct {
	slot    uint8
	tag     [16]byte
	last    uint32 // record under it
	holders []holder
	where   map[string]int // of the holders, by account; made for the first record but one
}

type holder struct {
	enrolment
	token [16]byte
}

// group gives the tags of candidates, and of each candidate which of them it has, -1 if its record came
// under it before, and whether another record did.
func (t *intake) group(all []candidateTag) (tags []tagHit, of []int, later []bool) {
	type slotTag struct {
		slot uint8
		tag  [16]byte
	}
	at := make(map[slotTag]int, len(all))
	of, later = make([]int, len(all)), make([]bool, len(all))
	for i, c := range all {
		n, ok := at[slotTag{c.slot, c.tag}]
		switch {
		case !ok:
			n = len(tags)
			at[slotTag{c.slot, c.tag}] = n
			tags = append(tags, tagHit{slot: c.slot, tag: c.tag})
		case c.record <= tags[n].last:
			n = -1 // all records under a tag come in order, and once more if it is new and in the filter too
		default:
			later[i] = true
		}
		if of[i] = n; n >= 0 {
			tags[n].last = c.record
		}
	}
	return tags, of, later
}

// holders puts down who has enrolled tags, as their lists say.
func (t *intake) holders(w abuse.Writer, tags []tagHit, found [][][]byte) error {
	var keys [][]byte
	for i, items := range found {
		at := &tags[i]
		for _, item := range items {
			e, err := parseEnrolment(item)
			if err != nil {
				return err
			}
			at.holders = append(at.holders, holder{enrolment: e})
			keys = append(keys, holdingKey(e.account, t.c.number+uint64(at.slot), at.tag))
		}
	}
	if len(keys) == 0 {
		return nil
	}
	values, err := w.Get(abuse.Holdings, keys...)
	if err != nil {
		return err
	}
	for i := range tags {
		for n := range tags[i].holders {
			h, err := parseHolding(abuse.Row{Key: keys[0], Value: values[0]})
			if err != nil {
				return err
			}
			tags[i].holders[n].token = h.token
			keys, values = keys[1:], values[1:]
		}
	}
	return nil
}

// aliases gives who has the alias of each record that is not the first under a tag that is enrolled.
func (t *intake) aliases(rd abuse.Reader, all []candidateTag, tags []tagHit, of []int, later []bool) (map[uint32][][]byte, error) {
	about := map[uint32][][]byte{}
	var records []uint32
	var keys [][]byte
	for i, c := range all {
		if _, ok := about[c.record]; ok || !later[i] || len(tags[of[i]].holders) == 0 {
			continue
		}
		about[c.record] = nil
		records = append(records, c.record)
		keys = append(keys, aliasKey(t.c.number, t.c.keepers[0].Tag(t.b.Record(int(c.record)).Alias())))
	}
	if len(keys) == 0 {
		return about, nil
	}
	found, err := lists(rd, abuse.Aliases, keys)
	for i := range found {
		about[records[i]] = found[i]
	}
	return about, err
}

// known appends a candidate's hits on those who have the tag and are on a list.
func (g *tagHit) known(hits []hit, c candidateTag, items [][]byte) ([]hit, error) {
	if g.where == nil {
		g.where = make(map[string]int, len(g.holders))
		for i, h := range g.holders {
			g.where[h.account] = i
		}
	}
	for _, item := range items {
		account, _, ok := splitAccount(item)
		if !ok {
			return nil, damaged("alias")
		}
		if i, ok := g.where[account]; ok {
			hits = append(hits, hit{c, g.holders[i].enrolment, g.holders[i].token})
		}
	}
	return hits, nil
}

// hear takes the words in: the first under their tag, and later ones of the same signals.
func (t *intake) hear(w abuse.Writer, heard []heardHit, out *stretchResult) error {
	l := newLedger(w)
	touched, names := make([]key, len(heard)), make([]naming, len(heard))
	for i, h := range heard {
		touched[i], names[i] = key{h.account, t.r.link, h.signal}, naming{h.name, h.account, h.signal, h.first}
	}
	if err := l.load(touched); err != nil {
		return err
	}
	named, err := nameAll(w, names)
	if err != nil {
		return err
	}
	for i, h := range heard {
		m, err := l.match(h.account, t.r.link, h.signal)
		if err != nil {
			return err
		}
		by := ground{t.c.number + uint64(h.slot), h.token, h.kind, h.place}
		if !named[i] || !h.first && !slices.ContainsFunc(m.grounds, by.same) {
			out.unreadable++
			continue
		}
		m.hear(t.r.cfg.Agreement.Transmitter.Name, h.word, by)
	}
	out.changed = out.changed || len(heard) > 0
	return l.write()
}

// naming says that a signal about an account has a name.
type naming struct {
	name
	account string
	signal  uuid.UUID
	first   bool // or the account must have it under this name already
}

// nameAll puts down of which signals about whom names are, in the order given, and says which hold: for
// an account a name is that of one signal, the first.
func nameAll(w abuse.Writer, all []naming) ([]bool, error) {
	keys := make([][]byte, len(all))
	for i, n := range all {
		keys[i] = aliasKey(n.era, n.alias)
	}
	known, order, err := openLists(w, abuse.Aliases, keys)
	if err != nil {
		return nil, err
	}
	hold := make([]bool, len(all))
	for i, n := range all {
		about := accountKey(n.account)
		item := append(about[:len(about):len(about)], n.signal[:]...)
		l := known[string(keys[i])]
		if has := l.get(string(about)); has != nil || !n.first {
			hold[i] = bytes.Equal(has, item)
			continue
		}
		l.put(string(about), item)
		hold[i] = true
	}
	return hold, writeLists(w, abuse.Aliases, order)
}

// enrolledNext is a tag of an identifier of an account that is to be enrolled.
type enrolledNext struct {
	slot int
	tag  [16]byte
	enrolment
	token [16]byte
}

// enrol puts tags into the tables, and gives the indices of those that are new; they are put in fresh as
// well. A tag that nobody has had is put into the log. One that somebody has is there already, or in the
// base, and stays there until the last who has it goes: so whoever comes to have it writes down the same.
func (c *course) enrol(w abuse.Writer, at *cursor, all []enrolledNext, fresh *[]enrolledTag) (added []int, err error) {
	keys := make([][]byte, len(all))
	for i := range all {
		keys[i] = tagKey(c.number+uint64(all[i].slot), all[i].tag)
	}
	known, order, err := openLists(w, abuse.Enrolments, keys)
	if err != nil {
		return nil, err
	}
	first := make(map[*list][]byte, len(order)) // who has had the tag
	for _, l := range order {
		first[l] = l.first()
	}
	where := make(map[*list]holding, len(order)) // of tags that somebody new has: as others have it
	var asked [][]byte
	var whose []*list
	for i := range all {
		e, l := &all[i], known[string(keys[i])]
		item := e.item()
		if !l.put(string(item[:2+len(e.account)]), item) {
			continue
		}
		added, *fresh = append(added, i), append(*fresh, enrolledTag{e.slot, e.tag})
		if _, ok := where[l]; ok {
			continue
		}
		where[l] = holding{logged: true, in: logPlace{at.at, at.mark}}
		if first[l] == nil {
			if err := c.putLog(w, at, e.slot, e.tag); err != nil {
				return nil, err
			}
			continue
		}
		other, err := parseEnrolment(first[l])
		if err != nil {
			return nil, err
		}
		asked, whose = append(asked, holdingKey(other.account, c.number+uint64(e.slot), e.tag)), append(whose, l)
	}
	if len(asked) > 0 {
		values, err := w.Get(abuse.Holdings, asked...)
		if err != nil {
			return nil, err
		}
		for i, v := range values {
			if where[whose[i]], err = parseHolding(abuse.Row{Key: asked[i], Value: v}); err != nil {
				return nil, err
			}
		}
	}
	for _, i := range added {
		e, as := &all[i], where[known[string(keys[i])]]
		h := holding{c.number + uint64(e.slot), e.tag, e.token, e.kind, e.place, e.nth, as.logged, as.in}
		row := h.row(e.account)
		if err := w.Put(abuse.Holdings, row.Key, row.Value); err != nil {
			return nil, err
		}
	}
	return added, writeLists(w, abuse.Enrolments, order)
}

// putLog tells intakes of a tag.
func (c *course) putLog(w abuse.Writer, at *cursor, slot int, tag [16]byte) error {
	return w.Put(abuse.Generations, c.logRow(logPlace{at.at, at.mark}, slot, tag), newFields(1))
}

// logRow gives the key of an entry of the log.
func (c *course) logRow(in logPlace, slot int, tag [16]byte) []byte {
	return append(append(logKey(c.link, c.number, in.at, in.mark), byte(slot)), tag[:]...)
}

// holding is an account's side of an enrolment. All tags of one identifier have its token.
type holding struct {
	generation uint64
	tag        [16]byte
	token      [16]byte
	kind       hashing.Kind
	place, nth uint32
	logged     bool     // the tag is in the log,
	in         logPlace // here, so that the last who has it can take it out
}

// logPlace is where in the log of its era a tag is: the cursor's place and mark when the first enrolled it
// of all those who have had it since.
type logPlace struct {
	at   position
	mark uint32
}

// holdingLogged is the version of a holding's row that says where in the log the tag is. One of rowVersion
// is of a tag of the base, or of one that was enrolled before that was written down.
const holdingLogged = rowVersion + 1

func (h *holding) row(account string) abuse.Row {
	f := newFields(42)
	f.raw(h.token[:])
	f.byte(byte(h.kind))
	f.uint32(h.place)
	f.uint32(h.nth)
	if h.logged {
		f[0] = holdingLogged
		f = h.in.at.append(f)
		f.uint32(h.in.mark)
	}
	return abuse.Row{Key: holdingKey(account, h.generation, h.tag), Value: f}
}

func parseHolding(r abuse.Row) (h holding, err error) {
	_, rest, ok := splitAccount(r.Key)
	if !ok || len(rest) != 24 {
		return holding{}, damaged("holding")
	}
	h.generation, h.tag = binary.BigEndian.Uint64(rest), [16]byte(rest[8:])
	p := newRow(r.Value)
	if h.logged = len(r.Value) > 0 && r.Value[0] == holdingLogged; h.logged {
		p = &row{b: r.Value[1:]}
	}
	h.token, h.kind, h.place, h.nth = p.id(), hashing.Kind(p.u8()), p.u32(), p.u32()
	if h.logged {
		h.in = logPlace{position{p.u64(), p.u32()}, p.u32()}
	}
	return h, p.end()
}

// spot finds the first record of the batch with a keyed tag.
func (t *intake) spot(tag [16]byte) (spot, bool) {
	if t.spots == nil {
		t.spots = make(map[[16]byte]spot, t.b.Len()*len(t.c.keepers))
		for _, c := range t.candidates(0, t.b.Len(), func(int, [16]byte) bool { return true }) {
			if _, ok := t.spots[c.tag]; !ok {
				t.spots[c.tag] = c.spot
			}
		}
	}
	s, ok := t.spots[tag]
	return s, ok
}
