package watch

import (
	"time"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/linkage"
)

// era is one base enrolment, all that was enrolled after it, and the feed that goes with them.
type era struct {
	link   uuid.UUID
	number uint64
	status eraStatus
	epoch  uint32
	feed   linkage.FeedID // zero while it is built
	slots  int            // generations, 1 or 2
}

// eraStatus says where an era is in its life.
type eraStatus byte

const (
	eraBuilding eraStatus = 1 // the base is being enrolled; after a crash it is dropped
	eraActive   eraStatus = 2 // followed
	eraRetired  eraStatus = 3 // its keys are erased, and its rows being dropped
)

func (e *era) row() abuse.Row {
	f := newFields(24)
	f.byte(byte(e.status))
	f.uint32(e.epoch)
	f.raw(e.feed[:])
	f.byte(byte(e.slots))
	return abuse.Row{Key: eraKey(e.link, e.number), Value: f}
}

func parseEra(row abuse.Row) (e era, err error) {
	if len(row.Key) != 25 {
		return era{}, damaged("era")
	}
	e.link = uuid.UUID(row.Key[:16])
	k := newRow(append([]byte{rowVersion}, row.Key[17:]...))
	e.number = k.u64()
	p := newRow(row.Value)
	e.status, e.epoch, e.feed, e.slots = eraStatus(p.u8()), p.u32(), p.id(), int(p.u8())
	return e, p.end()
}

// eras gives those of a link, the oldest first.
func eras(r abuse.Reader, link uuid.UUID) (all []era, err error) {
	prefix := append(append([]byte(nil), link[:]...), eraRow)
	err = scanAll(r, abuse.Generations, prefix, func(row abuse.Row) error {
		e, err := parseEra(row)
		all = append(all, e)
		return err
	})
	return all, err
}

// newEra takes a number for an era of so many generations.
func newEra(w abuse.Writer, link uuid.UUID, epoch uint32, slots int) (era, error) {
	v, err := get(w, abuse.Generations, nextNumberKey())
	if err != nil {
		return era{}, err
	}
	e := era{link: link, number: 1, status: eraBuilding, epoch: epoch, slots: slots}
	if v != nil {
		p := newRow(v)
		e.number = p.u64()
		if err := p.end(); err != nil {
			return era{}, err
		}
	}
	next := newFields(9)
	next.uint64(e.number + uint64(slots))
	if err := w.Put(abuse.Generations, nextNumberKey(), next); err != nil {
		return era{}, err
	}
	row := e.row()
	return e, w.Put(abuse.Generations, row.Key, row.Value)
}

// cursor is how far a feed has been followed.
type cursor struct {
	at       position
	mark     uint32    // goes up with each batch that is begun: log entries below it are complete
	digest   [32]byte  // of the last whole batch
	time     time.Time // of that batch
	complete bool      // the opening snapshot is over
	final    bool      // the feed has ended
	records  int64     // in the opening snapshot
	day      int64     // the day of the last batch, and
	signals  int64     // the records in it
}

// tip is the last whole batch.
func (c *cursor) tip() linkage.Tip {
	return linkage.Tip{Number: c.at.batch, Digest: c.digest, Time: c.time, Complete: c.complete, Final: c.final}
}

func (c *cursor) value() []byte {
	f := newFields(96)
	f.uint64(c.at.batch)
	f.uint32(c.at.record)
	f.uint32(c.mark)
	f.raw(c.digest[:])
	f.uint64(uint64(c.time.Unix()))
	flags := byte(0)
	if c.complete {
		flags |= 1
	}
	if c.final {
		flags |= 2
	}
	f.byte(flags)
	f.uint64(uint64(c.records))
	f.uint64(uint64(c.day))
	f.uint64(uint64(c.signals))
	return f
}

func parseCursor(value []byte) (c cursor, err error) {
	p := newRow(value)
	c.at = position{p.u64(), p.u32()}
	c.mark = p.u32()
	c.digest = [32]byte(p.take(32))
	c.time = timeOf(p.u64())
	flags := p.u8()
	c.complete, c.final = flags&1 != 0, flags&2 != 0
	c.records, c.day, c.signals = int64(p.u64()), int64(p.u64()), int64(p.u64())
	return c, p.end()
}

// cursorOf reads a cursor; of an era that is not followed there is none.
func cursorOf(r abuse.Reader, era uint64) (c cursor, ok bool, err error) {
	v, err := get(r, abuse.Cursors, cursorKey(era))
	if err != nil || v == nil {
		return cursor{}, false, err
	}
	c, err = parseCursor(v)
	return c, err == nil, err
}

// claims gives how many records of a batch say something: a retraction is free, so that none has to wait.
func claims(b *linkage.Batch) (n int) {
	for i := range b.Len() {
		if b.Record(i).Operation() != linkage.Retract {
			n++
		}
	}
	return n
}

// admit counts a batch that is begun against what the agreement allows. The opening snapshot
// repeats what was said on other days: it counts against Records, all else against the day.
func (c *cursor) admit(a *linkage.Agreement, h linkage.BatchHeader, n int) bool {
	if !h.Complete {
		c.records += int64(n)
		return c.records <= a.Limits.Records
	}
	if day := h.Time.Unix() / (24 * 60 * 60); day > c.day || !c.complete {
		c.day, c.signals = day, 0
	}
	c.signals += int64(n)
	return c.signals <= a.Limits.SignalsPerDay
}
