package watch

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"sync/atomic"
	"time"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/linkage"
)

// maxUnsigned is how many session records may wait for the receiver's signature before it gets
// no evaluation any more.
const maxUnsigned = 24

// recordEvery is how much time a session record covers at most, where there is something to say.
const recordEvery = time.Hour

func recordKey(link [16]byte, sequence uint64) []byte { return joined(link[:], be64(sequence)) }

func recordValue(r *linkage.SessionRecord) ([]byte, error) {
	form, err := r.MarshalBinary()
	return append([]byte{rowVersion}, form...), err
}

func parseRecordValue(value []byte) (linkage.SessionRecord, error) {
	r := newRow(value)
	form := r.rest()
	if r.bad {
		return linkage.SessionRecord{}, r.fault()
	}
	return linkage.ParseSessionRecord(form)
}

// recordAt reads a session record; nil if there is none.
func recordAt(r abuse.Reader, link [16]byte, sequence uint64) (*linkage.SessionRecord, error) {
	got, err := r.Get(abuse.SessionRecords, recordKey(link, sequence))
	if err != nil || got[0] == nil {
		return nil, err
	}
	record, err := parseRecordValue(got[0])
	return &record, err
}

// closeHourly closes a session record if the last one is of another hour or day.
func (t *Transmitter) closeHourly(ctx context.Context) error {
	var last *linkage.SessionRecord
	now := t.now(ctx)
	err := t.cfg.Store.View(ctx, func(r abuse.Reader) error {
		n, err := counted(r, t.link, countRecords)
		if err == nil && n.total > 0 {
			last, err = recordAt(r, t.link, uint64(n.total))
		}
		return err
	})
	if err != nil || last != nil && now.Sub(last.Until) < recordEvery && dayOf(now) == last.Day {
		return err
	}
	return t.CloseRecord(ctx)
}

// CloseRecord closes a session record now, if anything was counted since the last one; [Transmitter.Run]
// does it every hour and day. The receiver fetches and countersigns it, but no more than one a minute on
// the whole, and a thousand.
func (t *Transmitter) CloseRecord(ctx context.Context) error {
	if err := t.budget.flush(ctx, func(abuse.Writer) error { return nil }); err != nil {
		return err
	}
	for range 8 {
		next, err := t.draftRecord(ctx)
		if err != nil || next == nil {
			return err
		}
		if err := next.Sign(t.cfg.Agreement, linkage.Transmitter, t.cfg.Signer); err != nil {
			return err
		}
		value, err := recordValue(next)
		if err != nil {
			return err
		}
		err = t.update(ctx, func(w abuse.Writer) error {
			n, err := counted(w, t.link, countRecords)
			if err != nil {
				return err
			}
			if uint64(n.total)+1 != next.Sequence {
				return errOutrun // another process has closed one
			}
			_, _, err = spend(w, spending{t.link, countRecords, 0, 1, math.MaxInt64, true})
			return errors.Join(err, w.Put(abuse.SessionRecords, recordKey(t.link, next.Sequence), value))
		})
		if !errors.Is(err, errOutrun) {
			return errors.Join(err, t.unsigned.look(ctx, t))
		}
	}
	return errOutrun
}

// draftRecord says what the counters are; nil if they are as they were in the last record.
func (t *Transmitter) draftRecord(ctx context.Context) (next *linkage.SessionRecord, err error) {
	now := wholeSecond(t.now(ctx))
	if end := t.cfg.Agreement.ValidUntil.Add(24 * time.Hour); now.After(end) {
		now = end // beyond which no record verifies, and nothing is served
	}
	err = t.cfg.Store.View(ctx, func(r abuse.Reader) error {
		var c [6]counter
		for i, name := range []string{countRecords, countEvaluated, countRequests, countRefused, countBatches, budgetAdditions} {
			var err error
			if c[i], err = counted(r, t.link, name); err != nil {
				return err
			}
		}
		n := &linkage.SessionRecord{
			Agreement: t.cfg.Agreement.Digest(), Sequence: uint64(c[0].total) + 1, From: t.cfg.Agreement.ValidFrom, Until: now,
			Evaluated: uint64(c[1].total), Requests: uint64(c[2].total), Refused: uint64(c[3].total), Batches: uint64(c[4].total),
			Day: max(dayOf(now), c[5].period),
		}
		var last linkage.SessionRecord
		if c[0].total > 0 {
			before, err := recordAt(r, t.link, uint64(c[0].total))
			if err != nil {
				return err
			}
			if before == nil {
				return errRow
			}
			last = *before
			n.Previous, n.From, n.Day, n.Epoch = last.Hash(), last.Until, max(n.Day, last.Day), last.Epoch
		}
		// The clock may have been set back: neither a record nor a day does.
		for _, least := range []time.Time{n.From, time.Unix(n.Day*24*60*60, 0).UTC()} {
			if n.Until.Before(least) {
				n.Until = least
			}
		}
		if c[5].period == n.Day {
			n.SpentDay = uint64(c[5].used)
		}
		if c[1].period == n.Day {
			n.EvaluatedDay = min(uint64(c[1].used), n.Evaluated-last.Evaluated)
		}
		if e, ok := t.cfg.Agreement.Epoch(now); ok {
			n.Epoch = max(n.Epoch, e)
		}
		base, err := counted(r, t.link, baseName(n.Epoch))
		if err != nil {
			return err
		}
		n.BaseSpent = uint64(base.used)
		heads, err := headsOf(r, t.link[:])
		if err != nil {
			return err
		}
		for _, h := range heads {
			signals, err := counted(r, t.link, budgetSignals+string(h.feed[:]))
			if err != nil {
				return err
			}
			if signals.period == n.Day {
				n.SignalsDay = max(n.SignalsDay, uint64(signals.used))
			}
		}
		if n.Day == last.Day {
			// What was charged in the last moment of the day before and counted since is of this
			// one; and what is given back stays spent in what is said of it.
			n.EvaluatedDay = last.EvaluatedDay + n.Evaluated - last.Evaluated
			n.SpentDay, n.SignalsDay = max(n.SpentDay, last.SpentDay), max(n.SignalsDay, last.SignalsDay)
		}
		if n.SpentDay = max(n.SpentDay, n.EvaluatedDay); n.SpentDay > uint64(t.cfg.Agreement.Limits.AdditionsPerDay) {
			return nil // by that moment: it is of no day then, and waits for the next
		}
		same := last
		same.Sequence, same.Previous, same.From, same.Until = n.Sequence, n.Previous, n.From, n.Until
		same.Day, same.Epoch, same.Transmitter, same.Receiver = n.Day, n.Epoch, nil, nil
		if same.Agreement == n.Agreement && same.Evaluated == n.Evaluated && same.Requests == n.Requests && same.Refused == n.Refused &&
			same.Batches == n.Batches && same.BaseSpent == n.BaseSpent {
			return nil
		}
		next = n
		return nil
	})
	return next, err
}

// recordsAfter gives session records, at most so many.
func (t *Transmitter) recordsAfter(ctx context.Context, sequence uint64, limit int) (all []linkage.SessionRecord, err error) {
	err = t.cfg.Store.View(ctx, func(r abuse.Reader) error {
		all = all[:0]
		rows, err := r.Scan(abuse.SessionRecords, append(recordKey(t.link, sequence), 0), after(t.link[:]), limit)
		if err != nil {
			return err
		}
		for _, row := range rows {
			record, err := parseRecordValue(row.Value)
			if err != nil {
				return err
			}
			all = append(all, record)
		}
		return nil
	})
	return all, err
}

// Records writes all session records, oldest first, one JSON object a line, as examples/audit
// reads them. They hold counts and signatures, and nothing of any subject.
func (t *Transmitter) Records(ctx context.Context, w io.Writer) error {
	enc := json.NewEncoder(w)
	for last := uint64(0); ; {
		some, err := t.recordsAfter(ctx, last, 256)
		if err != nil {
			return err
		}
		for i := range some {
			if err := enc.Encode(&some[i]); err != nil {
				return err
			}
			last = some[i].Sequence
		}
		if len(some) < 256 {
			return nil
		}
	}
}

// cosign keeps the receiver's signature of a record: [RecordConflict] unless it is the one here.
func (t *Transmitter) cosign(ctx context.Context, signed linkage.SessionRecord) error {
	value, err := recordValue(&signed)
	if err != nil {
		return BadRequest
	}
	err = t.update(ctx, func(w abuse.Writer) error {
		own, err := recordAt(w, t.link, signed.Sequence)
		if err != nil {
			return err
		}
		if own == nil || own.Hash() != signed.Hash() {
			return RecordConflict
		}
		var before *linkage.SessionRecord
		if signed.Sequence > 1 {
			if before, err = recordAt(w, t.link, signed.Sequence-1); err != nil {
				return err
			}
		}
		if signed.Verify(t.cfg.Agreement, before) != nil {
			return RecordConflict
		}
		return w.Put(abuse.SessionRecords, recordKey(t.link, signed.Sequence), value)
	})
	if err != nil {
		return err
	}
	return t.unsigned.look(ctx, t)
}

// gate is closed while too many session records wait for the receiver's signature.
type gate struct{ closed atomic.Bool }

func (g *gate) look(ctx context.Context, t *Transmitter) error {
	return t.cfg.Store.View(ctx, func(r abuse.Reader) error {
		n, err := counted(r, t.link, countRecords)
		if err != nil {
			return err
		}
		if n.total < maxUnsigned {
			g.closed.Store(false)
			return nil
		}
		oldest, err := recordAt(r, t.link, uint64(n.total-maxUnsigned+1))
		if err == nil {
			g.closed.Store(oldest == nil || len(oldest.Receiver) == 0)
		}
		return err
	})
}
