package watch

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
)

// intake takes one batch in, stretch by stretch, each in one Update: the cursor is read, tags are
// looked up, and what follows from them is written together with the cursor. So a stretch is taken
// in once, whatever fails and whoever else does the same.
type intake struct {
	r     *Receiver
	c     *course
	b     *linkage.Batch
	head  linkage.BatchHeader
	tags  [][16]byte        // keyed, of the records' identifiers, of each in every slot
	first []int             // where those of a record begin
	spots map[[16]byte]spot // where each keyed tag of the batch is; made for the first hit
	width int               // of the next stretch: less than Receiver.Stretch after what was about very many accounts
}

// spot is one tag of a batch.
type spot struct {
	record           uint32
	identifier, slot uint8
}

var (
	// errCursor says that the cursor is not where it was: somebody else has taken the batch in.
	errCursor = errors.New("watch: the cursor has moved")
	// errOverCap says that the partner sends more than the agreement allows, or takes back more than it said.
	errOverCap = errors.New("watch: more signals than the agreement allows")
	// errWide says that what a stretch begins with is about too many accounts for one Update.
	errWide = errors.New("watch: a stretch that is about very many accounts")
)

// stretchResult is what one Update came to, kept aside till it is committed.
type stretchResult struct {
	fresh      []enrolledTag // tags to find from now on
	unreadable int
	changed    bool // some match was touched
	at         position
}

// enrolledTag is a keyed tag of one of the era's generations.
type enrolledTag struct {
	slot int
	tag  [16]byte
}

// takeIn takes in what is left of the batch, which is the one after the cursor's.
func (r *Receiver) takeIn(ctx context.Context, c *course, b *linkage.Batch) error {
	t := &intake{r: r, c: c, b: b, head: b.Header(), width: r.cfg.Stretch}
	t.key()
	at, err := t.begin(ctx)
	if errors.Is(err, errBehind) {
		if err = c.shelf.refresh(ctx, r.cfg.Store); err == nil {
			at, err = t.begin(ctx)
		}
	}
	for err == nil && at.batch < t.head.Number {
		from := int(at.record)
		next, serr := t.stretch(ctx, from, min(from+t.width, b.Len()))
		if errors.Is(serr, errWide) {
			t.width = max(1, t.width/2)
			continue
		}
		at, err, t.width = next, serr, min(2*t.width, r.cfg.Stretch)
	}
	return err
}

// key makes the keyed tags of the batch.
func (t *intake) key() {
	slots := len(t.c.keepers)
	t.tags, t.first = make([][16]byte, 0, t.b.Len()*slots), make([]int, t.b.Len())
	for i := range t.first {
		t.first[i] = len(t.tags)
		rec := t.b.Record(i)
		for identifier := range rec.Identifiers() {
			for slot, k := range t.c.keepers {
				t.tags = append(t.tags, k.Tag(rec.Tag(identifier, slot)))
			}
		}
	}
}

// tag gives one of them.
func (t *intake) tag(s spot) [16]byte {
	return t.tags[t.first[s.record]+int(s.identifier)*len(t.c.keepers)+int(s.slot)]
}

// begin looks whether the batch may be taken in, makes the filter complete, and gives where to go on.
func (t *intake) begin(ctx context.Context) (position, error) {
	shelved := t.c.shelf.totals()
	return t.c.sweep(ctx, t.r.cfg.Store, func(c cursor) error {
		switch {
		case c.at.batch+1 != t.head.Number:
			return errCursor
		case !c.admit(t.r.cfg.Agreement, t.head, claims(t.b)):
			return errOverCap
		}
		return t.covered(c.at, shelved)
	})
}

// covered says whether of each signal that the batch takes back there was an Add before, as far as
// numbers tell. Retractions are under no cap, and are kept as long as the era: so they are under that of
// what they take back. What came before is on the shelf, all of it, if that stands at the place.
func (t *intake) covered(at position, shelved totals) error {
	if at.record > 0 {
		return nil // it was looked at when it was begun
	}
	if shelved.at != at {
		return errBehind
	}
	if shelved.retracts+int64(t.b.Len()-claims(t.b)) > shelved.adds {
		return errOverCap
	}
	return nil
}

// sweep takes what was enrolled since into the filter, and moves the mark on, so that the stretches
// of the next batch have little to read while sign-ups wait for them. Every Update that moves the
// cursor or its mark reads the log up to its end: only so is an entry that was made at an earlier
// mark never overlooked, for a store may order transactions by what they have read.
func (c *course) sweep(ctx context.Context, store abuse.Store, may func(cursor) error) (position, error) {
	if err := c.fill(ctx, store); err != nil {
		return position{}, err
	}
	var at cursor
	var fresh []enrolledTag
	err := store.Update(ctx, func(w abuse.Writer) (err error) {
		var ok bool
		if at, ok, err = cursorOf(w, c.number); err != nil {
			return err
		}
		if !ok {
			return errCursor
		}
		if err := may(at); err != nil {
			return err
		}
		if fresh, err = c.log(w, c.read, c.mark); err != nil || len(fresh) < sweepFrom {
			return err
		}
		at.mark++
		return w.Put(abuse.Cursors, cursorKey(c.number), at.value())
	})
	if err != nil {
		return position{}, err
	}
	if len(fresh) < sweepFrom {
		return at.at, nil
	}
	c.add(fresh)
	c.read, c.mark = at.at, at.mark
	return at.at, nil
}

// sweepFrom is for how many tags a sweep is worth its commit: fewer are left to the next stretch.
const sweepFrom = 200

// cursor reads the cursor, which must stand within the batch or right before it.
func (t *intake) cursor(rd abuse.Reader) (cursor, error) {
	c, ok, err := cursorOf(rd, t.c.number)
	if err == nil && (!ok || c.at.batch+1 != t.head.Number) {
		err = errCursor
	}
	return c, err
}

// fill makes the filters of an era, if there are none yet, of the heads that were stored with its base
// and of the log. The cursor is read first: whatever is enrolled while the rest is being read is in
// the log from there on.
func (c *course) fill(ctx context.Context, store abuse.Store) error {
	if c.filters != nil {
		return nil
	}
	var from cursor
	if err := store.View(ctx, func(rd abuse.Reader) (err error) {
		from, _, err = cursorOf(rd, c.number)
		return err
	}); err != nil {
		return err
	}
	heads := make([][][]uint64, c.slots) // of each slot, row by row
	for slot := range heads {
		err := eachRow(ctx, store, abuse.Generations, headsKey(c.number+uint64(slot)), headsSlice, func(row abuse.Row) error {
			some, err := parseHeads(row.Value)
			heads[slot] = append(heads[slot], some)
			return err
		})
		if err != nil {
			return err
		}
	}
	logged := make([][]uint64, c.slots)
	err := eachRow(ctx, store, abuse.Generations, c.logs(), scanSlice, func(row abuse.Row) error {
		e, err := c.logged(row)
		if err == nil {
			logged[e.slot] = append(logged[e.slot], head64(e.tag))
		}
		return err
	})
	if err != nil {
		return err
	}
	c.filters = make([]filter, c.slots)
	for slot := range c.filters {
		c.filters[slot].build(slices.Concat(append(heads[slot], logged[slot])...))
	}
	c.read, c.mark = from.at, from.mark
	return nil
}

// eachRow gives every row with the prefix to f, a slice in each View: no transaction stays open.
func eachRow(ctx context.Context, store abuse.Store, t abuse.Table, prefix []byte, slice int, f func(abuse.Row) error) error {
	from, to := prefix, after(prefix)
	for {
		var rows []abuse.Row
		if err := store.View(ctx, func(rd abuse.Reader) (err error) {
			rows, err = rd.Scan(t, from, to, slice)
			return err
		}); err != nil {
			return err
		}
		for _, row := range rows {
			if err := f(row); err != nil {
				return err
			}
		}
		if len(rows) < slice {
			return nil
		}
		from = append(rows[len(rows)-1].Key, 0)
	}
}

// logs is what the era's log begins with.
func (c *course) logs() []byte { return logKey(c.link, c.number, position{}, 0)[:16+1+8] }

// logged reads an entry of the log.
func (c *course) logged(row abuse.Row) (e enrolledTag, err error) {
	if len(row.Key) != logEntry {
		return enrolledTag{}, damaged("log")
	}
	e = enrolledTag{int(row.Key[logEntry-17]), [16]byte(row.Key[logEntry-16:])}
	if e.slot >= c.slots {
		err = damaged("log")
	}
	return e, err
}

// log gives what was enrolled from a place and mark on.
func (c *course) log(rd abuse.Reader, at position, mark uint32) (all []enrolledTag, err error) {
	from, to := logKey(c.link, c.number, at, mark), after(c.logs())
	for {
		rows, err := rd.Scan(abuse.Generations, from, to, scanSlice)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			e, err := c.logged(row)
			if err != nil {
				return nil, err
			}
			all = append(all, e)
		}
		if len(rows) < scanSlice {
			return all, nil
		}
		from = append(rows[len(rows)-1].Key, 0)
	}
}

func (c *course) add(fresh []enrolledTag) {
	for _, f := range fresh {
		c.filters[f.slot].add(f.tag)
	}
}

// candidates gives the tags of records that may be enrolled.
func (t *intake) candidates(from, to int, has func(slot int, tag [16]byte) bool) (all []candidateTag) {
	for i := from; i < to; i++ {
		for identifier := range t.b.Record(i).Identifiers() {
			for slot := range t.c.keepers {
				s := spot{uint32(i), uint8(identifier), uint8(slot)}
				if tag := t.tag(s); has(slot, tag) {
					all = append(all, candidateTag{s, tag})
				}
			}
		}
	}
	return all
}

type candidateTag struct {
	spot
	tag [16]byte
}

// stretch takes in records from (inclusive) to (exclusive), and gives where the cursor is then.
func (t *intake) stretch(ctx context.Context, from, to int) (position, error) {
	start := time.Now()
	defer func() { t.r.tel.since(ctx, t.r.tel.advanceTime, start, t.r.tel.set) }()
	likely := t.candidates(from, to, func(slot int, tag [16]byte) bool { return t.c.filters[slot].has(tag) })
	records := make([]linkage.Record, 0, to-from)
	var retracted []linkage.Record
	for i := from; i < to; i++ {
		records = append(records, t.b.Record(i))
		if last := records[len(records)-1]; last.Operation() == linkage.Retract {
			retracted = append(retracted, last)
		}
	}
	kept := shelve(t.c.keepers[0], t.c.number, position{t.head.Number, uint32(from)}, records)
	for i, at := 0, from; i < len(kept); i++ {
		begin := at
		at += len(kept[i].records)
		kept[i].tag = func(n, identifier int) [16]byte {
			return t.tag(spot{record: uint32(begin + n), identifier: uint8(identifier)})
		}
	}
	var before position
	var out stretchResult
	t.r.moving.Lock()
	err := t.r.cfg.Store.Update(ctx, func(w abuse.Writer) error {
		out = stretchResult{}
		c, err := t.cursor(w)
		if err != nil {
			return err
		}
		if int(c.at.record) != from {
			return errCursor
		}
		if out.fresh, err = t.c.log(w, t.c.read, t.c.mark); err != nil {
			return err
		}
		all := likely
		if len(out.fresh) > 0 {
			all = append(all[:len(all):len(all)], t.late(from, to, out.fresh)...)
		}
		if err := t.match(w, &c, all, &out); err != nil {
			return err
		}
		if err := t.retract(w, retracted, &out); err != nil {
			return err
		}
		for _, row := range kept {
			if err := w.Put(abuse.Kept, row.key, row.value); err != nil {
				return err
			}
		}
		before = c.at
		t.advance(&c, to)
		out.at = c.at
		return w.Put(abuse.Cursors, cursorKey(t.c.number), c.value())
	})
	t.r.moving.Unlock()
	if err != nil {
		return position{}, err
	}
	t.c.add(out.fresh)
	t.c.read = out.at
	t.count(ctx, records, &out)
	if t.c.shelf.take(before, out.at, kept) {
		return out.at, nil
	}
	return out.at, t.c.shelf.refresh(ctx, t.r.cfg.Store)
}

// late finds tags that were enrolled after the filter was made complete.
func (t *intake) late(from, to int, fresh []enrolledTag) []candidateTag {
	set := make(map[enrolledTag]bool, len(fresh))
	for _, f := range fresh {
		set[f] = true
	}
	return t.candidates(from, to, func(slot int, tag [16]byte) bool { return set[enrolledTag{slot, tag}] })
}

// advance moves the cursor, past the batch if that was its last stretch.
func (t *intake) advance(c *cursor, to int) {
	c.at.record = uint32(to)
	if to < t.b.Len() {
		return
	}
	c.admit(t.r.cfg.Agreement, t.head, claims(t.b))
	c.at = position{batch: t.head.Number}
	c.digest, c.time = t.b.Digest(), t.head.Time
	c.complete, c.final = t.head.Complete, t.head.Final
}

func (t *intake) count(ctx context.Context, records []linkage.Record, out *stretchResult) {
	var by [4]int64
	for _, r := range records {
		by[r.Operation()&3]++
	}
	for op, name := range map[linkage.Operation]string{linkage.Add: "add", linkage.Revise: "revise", linkage.Retract: "retract"} {
		t.r.tel.records.Add(ctx, by[op], t.r.tel.with("operation", name))
	}
	if out.unreadable > 0 {
		t.r.tel.unreadable.Add(ctx, int64(out.unreadable), t.r.tel.set)
	}
	if out.changed {
		t.r.cfg.Decider.rouse()
	}
}

// retract takes in retractions: the accounts that the signal was about are on a list by its alias.
func (t *intake) retract(w abuse.Writer, records []linkage.Record, out *stretchResult) error {
	if len(records) == 0 {
		return nil
	}
	keys := make([][]byte, len(records))
	for i, r := range records {
		keys[i] = aliasKey(t.c.number, t.c.keepers[0].Tag(r.Alias()))
	}
	about, err := lists(w, abuse.Aliases, keys)
	if err != nil {
		return err
	}
	var touched []key
	var sequences []uint64
	for i, items := range about {
		if len(touched)+len(items) > t.r.atOnce && len(records) > 1 {
			return errWide
		}
		for _, item := range items {
			account, rest, ok := splitAccount(item)
			if !ok || len(rest) != 16 {
				return damaged("alias")
			}
			touched, sequences = append(touched, key{account, t.r.link, uuid.UUID(rest)}), append(sequences, records[i].Sequence())
		}
	}
	for run := range slices.Chunk(touched, t.r.atOnce) {
		l := newLedger(w)
		if err := l.load(run); err != nil {
			return err
		}
		for _, k := range run {
			m, err := l.match(k.account, k.link, k.signal)
			if err != nil {
				return err
			}
			if m.state != 0 {
				m.retract(sequences[0])
			}
			sequences = sequences[1:]
		}
		if err := l.write(); err != nil {
			return err
		}
	}
	out.changed = out.changed || len(touched) > 0
	return nil
}

// enrolment is one identifier of one account, as the lists of enrolments have it.
type enrolment struct {
	account string
	kind    hashing.Kind
	place   uint32
	nth     uint32
	value   [32]byte
}

func (e *enrolment) item() []byte {
	b := accountKey(e.account)
	b = binary.BigEndian.AppendUint32(append(b, byte(e.kind)), e.place)
	return append(binary.BigEndian.AppendUint32(b, e.nth), e.value[:]...)
}

func parseEnrolment(item []byte) (e enrolment, err error) {
	account, rest, ok := splitAccount(item)
	if !ok || len(rest) != 1+4+4+32 {
		return enrolment{}, damaged("enrolment")
	}
	return enrolment{account, hashing.Kind(rest[0]), binary.BigEndian.Uint32(rest[1:]), binary.BigEndian.Uint32(rest[5:]), [32]byte(rest[9:])}, nil
}
