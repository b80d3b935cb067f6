package watch

import (
	"bytes"
	"context"
	"errors"
	"math"
	"slices"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/linkage"
)

// maxCutBytes is how much of real records goes into one batch: what is left is for padding.
const maxCutBytes = linkage.MaxBatch / 4 * 3

var errOutrun = errors.New("watch: what was to be published has changed meanwhile")

// Cut publishes what is new in every open feed now, in one batch or, where there is very much,
// several; where there is nothing new, a batch of padding alone, so that who looks at the feed does
// not see which. Over the agreement's signals a day the rest waits for the next day, with an alarm.
// When Cut returns nil all of it is durable; after an error part of it may be.
func (t *Transmitter) Cut(ctx context.Context) error {
	ctx, span := t.tel.span(ctx, "hueandcry.cut")
	defer span.End()
	t.cutting.Lock()
	defer t.cutting.Unlock()
	if err := t.turn(ctx); err != nil {
		return err
	}
	t.mu.Lock()
	feeds := make([]*openFeed, 0, len(t.feeds))
	for _, f := range t.feeds {
		feeds = append(feeds, f)
	}
	t.mu.Unlock()
	slices.SortFunc(feeds, func(a, b *openFeed) int { return bytes.Compare(a.id[:], b.id[:]) })
	var all []error
	for _, f := range feeds {
		err := t.fill(ctx, f)
		for more := err == nil; more && err == nil; {
			more, err = t.cutOne(ctx, f)
		}
		all = append(all, err)
	}
	return errors.Join(all...)
}

// cutOne publishes a batch, made anew while others outrun it, and says whether there is more.
func (t *Transmitter) cutOne(ctx context.Context, f *openFeed) (more bool, err error) {
	for range 16 {
		c := &cut{t: t, f: f}
		if err = t.cfg.Store.View(ctx, c.collect); err != nil || c.head.final {
			return false, err
		}
		if err = c.make(); err != nil {
			return false, err
		}
		if err = t.update(ctx, c.publish); errors.Is(err, errOutrun) {
			continue
		}
		if err != nil {
			return false, err
		}
		c.tell(ctx)
		return c.more, nil
	}
	return false, err
}

// cut is a batch that is being made.
type cut struct {
	t    *Transmitter
	f    *openFeed
	head head // before it
	news []news
	more bool // than this batch can have, now

	period    int64
	adds      int64 // records that are not retractions, padding included
	opening   bool  // counts against the cap on records and not against that of a day
	padding   int
	overCap   bool
	ordinals  map[string]uint16 // of identifiers, by key, after the batch
	header    linkage.BatchHeader
	batch     []byte
	digest    [32]byte
	published map[linkage.Operation]int64
}

// news is a signal of which something is to be published.
type news struct {
	id     uuid.UUID
	key    []byte // in Unpublished
	stamp  []byte
	signal signalRow
	about  aboutRow
	gone   bool // of a signal that is no more: there is nothing to publish
	value  []byte
}

// collect reads what there is to publish.
func (c *cut) collect(r abuse.Reader) (err error) {
	*c = cut{t: c.t, f: c.f, ordinals: map[string]uint16{}, published: map[linkage.Operation]int64{}}
	if c.head, err = headOf(r, c.t.link, c.f.id); err != nil || c.head.final {
		return err
	}
	at := wholeSecond(c.t.now(context.Background()))
	if at.Before(c.head.time) {
		at = c.head.time
	}
	c.header = linkage.BatchHeader{Number: c.head.number + 1, Previous: c.head.digest, Time: at, Final: c.head.ending}
	c.period = dayOf(at)
	return c.admit(r)
}

// admit reads as much as the caps of the agreement leave room for. Withdrawals are under none, and
// come first: no backlog of what is said holds them up.
func (c *cut) admit(r abuse.Reader) error {
	limits := c.t.cfg.Agreement.Limits
	day, err := counted(r, c.t.link, budgetSignals+string(c.f.id[:]))
	if err != nil {
		return err
	}
	c.period = max(c.period, day.period)
	left := limits.SignalsPerDay
	if day.period == c.period {
		left -= day.used
	}
	records, err := counted(r, c.t.link, budgetRecords+string(c.f.id[:]))
	if err != nil {
		return err
	}
	most, all := left, limits.Records-records.used
	if !c.head.complete {
		most = max(most, all)
	}
	withdrawn, err := c.read(r, true, linkage.MaxRecords)
	if err != nil {
		return err
	}
	// One more than may be said, to see whether something is left over.
	limit := int(min(int64(linkage.MaxRecords-withdrawn), max(0, most)+1))
	read, err := c.read(r, false, limit)
	if err != nil {
		return err
	}
	adds := int64(0)
	for i := range c.news {
		if !c.news[i].gone && !c.news[i].signal.retracted {
			adds++
		}
	}
	c.more = read == limit
	// The opening of a feed has its own cap, for it says again what was said on many days.
	c.opening = !c.head.complete && (!c.head.opened || c.more || adds > left)
	if c.opening {
		left, c.more = all, true
	}
	if adds > left {
		c.overCap = true
		c.more = withdrawn == linkage.MaxRecords
		for i := len(c.news) - 1; i >= 0 && adds > max(0, left); i-- {
			if !c.news[i].gone && !c.news[i].signal.retracted {
				c.news = slices.Delete(c.news, i, i+1)
				adds--
			}
		}
	}
	n := len(c.news)
	c.padding = int(max(0, min(int64(linkage.PaddedCount(n)-n), left-adds, int64(linkage.MaxRecords-n))))
	c.header.Complete = !c.opening
	return c.readOrdinals(r)
}

// read reads what there is to withdraw, or to say, and gives how many rows that were.
func (c *cut) read(r abuse.Reader, retracted bool, limit int) (int, error) {
	from, to := newsKey(c.f.id, retracted, uuid.Nil), after(newsKey(c.f.id, retracted, uuid.Max))
	rows, err := r.Scan(abuse.Unpublished, from, to, limit)
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	signals, abouts := make([][]byte, len(rows)), make([][]byte, len(rows))
	for i, row := range rows {
		id := uuid.UUID(row.Key[17:])
		signals[i], abouts[i] = signalKey(c.t.link, id), feedKey(c.f.id, id[:])
	}
	if signals, err = r.Get(abuse.Signals, signals...); err != nil {
		return 0, err
	}
	if abouts, err = r.Get(abuse.About, abouts...); err != nil {
		return 0, err
	}
	for i, row := range rows {
		n := news{id: uuid.UUID(row.Key[17:]), key: row.Key, stamp: row.Value}
		if n.gone = signals[i] == nil || abouts[i] == nil; !n.gone {
			if n.signal, err = parseSignalRow(signals[i]); err != nil {
				return 0, err
			}
			if n.about, err = parseAboutRow(abouts[i]); err != nil {
				return 0, err
			}
		}
		c.news = append(c.news, n)
	}
	return len(rows), nil
}

// readOrdinals reads how many signals the identifiers of first publications have had.
func (c *cut) readOrdinals(r abuse.Reader) error {
	var keys [][]byte
	for i := range c.news {
		n := &c.news[i]
		if n.gone || n.signal.retracted || n.about.published {
			continue
		}
		all, err := c.f.openAbout(n.id, n.about)
		if err != nil {
			return err
		}
		for _, a := range all {
			keys = append(keys, feedKey(c.f.id, a.Token[:]))
		}
	}
	counts, err := ordinalsAt(r, keys)
	for i, n := range counts {
		c.ordinals[string(keys[i])] = n.published
	}
	return err
}

// make makes records and batch. The numbers of signals on an identifier are given here and not
// when they are reported: so the one before is always in the feed, and none is left out.
func (c *cut) make() error {
	var records []linkage.Sealed
	size := 0
	kept := c.news[:0]
	for i := range c.news {
		n := c.news[i]
		if n.gone {
			kept = append(kept, n)
			continue
		}
		if size >= maxCutBytes {
			c.more = true
			break
		}
		op, about, label := linkage.Retract, []linkage.About(nil), []byte(nil)
		if !n.signal.retracted {
			var err error
			if about, err = c.f.openAbout(n.id, n.about); err != nil {
				return err
			}
			op, label = linkage.Revise, n.signal.label
			if !n.about.published {
				op = linkage.Add
				for i := range about {
					key := string(feedKey(c.f.id, about[i].Token[:]))
					about[i].Nth = c.ordinals[key]
					c.ordinals[key]++
				}
				sealed, err := parseAboutRow(c.f.sealAbout(n.id, about))
				if err != nil {
					return err
				}
				sealed.published = true
				n.value = sealed.value()
			}
			c.adds++
		}
		record, err := c.f.sealer.Record(c.f.keeper, op, n.id, n.signal.sequence, label, about)
		if err != nil {
			return err
		}
		c.published[op]++
		size += record.Len()
		records = append(records, record)
		kept = append(kept, n)
	}
	c.news = kept
	c.adds += int64(c.padding)
	var err error
	c.batch, c.digest, err = c.f.sealer.Batch(c.header, records, c.padding)
	return err
}

// publish writes the batch, if nothing that it is made of has changed since.
func (c *cut) publish(w abuse.Writer) error {
	t, f := c.t, c.f
	now, err := headOf(w, t.link, f.id)
	if err != nil {
		return err
	}
	if now != c.head {
		return errOutrun
	}
	keys := make([][]byte, len(c.news))
	for i := range c.news {
		keys[i] = c.news[i].key
	}
	if len(keys) > 0 {
		stamps, err := w.Get(abuse.Unpublished, keys...)
		if err != nil {
			return err
		}
		for i := range stamps {
			// Also where it was withdrawn before it was published: what is not in the table of
			// unpublished signals must not go out.
			if !bytes.Equal(stamps[i], c.news[i].stamp) {
				return errOutrun
			}
		}
	}
	for i := range c.news {
		n := &c.news[i]
		err := w.Delete(abuse.Unpublished, n.key)
		about := feedKey(f.id, n.id[:])
		switch {
		case err != nil:
		case n.gone || n.signal.retracted:
			err = w.Delete(abuse.About, about)
		case n.value != nil:
			err = w.Put(abuse.About, about, n.value)
		}
		if err != nil {
			return err
		}
	}
	if err := c.count(w); err != nil {
		return err
	}
	s := spending{t.link, budgetSignals + string(f.id[:]), c.period, c.adds, t.cfg.Agreement.Limits.SignalsPerDay, true}
	if c.opening {
		s.name, s.period, s.cap = budgetRecords+string(f.id[:]), 0, t.cfg.Agreement.Limits.Records
	}
	if granted, _, err := spend(w, s); err != nil {
		return err
	} else if granted < c.adds {
		return errOutrun
	}
	if _, _, err := spend(w, spending{t.link, countBatches, 0, 1, math.MaxInt64, true}); err != nil {
		return err
	}
	next := c.head
	next.number, next.digest, next.time = c.header.Number, c.digest, c.header.Time
	next.complete, next.final = c.header.Complete, c.header.Final
	key := batchKey(f.id, next.number)
	sealed := f.keeper.SealBytes(joined([]byte{rowVersion}, c.digest[:]), c.batch, key)
	return errors.Join(w.Put(abuse.Batches, key, sealed), w.Put(abuse.Heads, headKey(t.link, f.id), next.value()))
}

// count keeps the numbers that were given. What was reported meanwhile counts on.
func (c *cut) count(w abuse.Writer) error {
	keys := make([][]byte, 0, len(c.ordinals))
	for key := range c.ordinals {
		keys = append(keys, []byte(key))
	}
	counts, err := ordinalsAt(w, keys)
	for i := range counts {
		if err == nil {
			counts[i].published = c.ordinals[string(keys[i])]
			err = counts[i].putAt(w, keys[i])
		}
	}
	return err
}

// tell counts what was published, and wakes who follows.
func (c *cut) tell(ctx context.Context) {
	t := c.t
	t.follow.moved(c.f.id, c.header.Number)
	t.tel.batches.Add(ctx, 1, t.tel.set)
	t.tel.bytes.Add(ctx, int64(len(c.batch)), t.tel.set)
	for op, n := range c.published {
		t.tel.records.Add(ctx, n, t.tel.with("operation", operationName(op)))
	}
	t.tel.records.Add(ctx, int64(c.padding), t.tel.with("operation", "padding"))
	if c.overCap {
		t.tel.alarm(ctx, AlarmSignalsOverCap, c.header.Time, 0)
	}
}

// operationName is the attribute of an operation.
func operationName(op linkage.Operation) string {
	switch op {
	case linkage.Add:
		return "add"
	case linkage.Revise:
		return "revise"
	case linkage.Retract:
		return "retract"
	}
	return "invalid"
}
