package watch

import (
	"context"
	"errors"
	"time"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/linkage"
)

var (
	// errDisputed says that a session record is not signed, because it is not what happened.
	errDisputed = errors.New("watch: a session record says other than what was counted here")
	// errPace says that there are more session records than anybody needs.
	errPace = errors.New("watch: more session records than one a minute")
)

const (
	cosignMost   = 10   // answers in one call
	recordsAhead = 1000 // records beyond one a minute since the agreement began
)

// Cosign fetches the partner's session records, keeps and signs those that agree with what was
// counted here, and hands them back. One that says that more was asked than was asked is not signed:
// then there is an alarm, and an error. So it is with records beyond one a minute since the agreement
// began and a thousand, or the partner could fill the store here. One call signs a thousand at most.
// A record that is handed back twice is no harm.
func (r *Receiver) Cosign(ctx context.Context) error {
	for range cosignMost {
		last, err := r.lastRecord(ctx)
		if err != nil {
			return err
		}
		sequence := uint64(0)
		if last != nil {
			sequence = last.Sequence
		}
		records, err := r.cfg.Partner.Records(ctx, sequence)
		if err != nil || len(records) == 0 {
			return err
		}
		for i := range records {
			if err := r.cosign(ctx, last, &records[i]); err != nil {
				return err
			}
			last = &records[i]
		}
	}
	return nil
}

func (r *Receiver) cosign(ctx context.Context, last, next *linkage.SessionRecord) error {
	var count counter
	if err := r.cfg.Store.View(ctx, func(rd abuse.Reader) (err error) {
		count, err = counted(rd, r.link, countAsked)
		return err
	}); err != nil {
		return err
	}
	next.Receiver = nil
	err := next.Sign(r.cfg.Agreement, linkage.Receiver, r.cfg.Signer)
	if err == nil {
		err = next.Verify(r.cfg.Agreement, last)
	}
	if err == nil && next.Evaluated > uint64(count.total) {
		err = errDisputed
	}
	minutes := max(0, r.cfg.Clock().Sub(r.cfg.Agreement.ValidFrom)/time.Minute)
	if err == nil && next.Sequence > recordsAhead+uint64(minutes) {
		err = errPace
	}
	if err != nil {
		r.tel.alarm(ctx, AlarmRecordDisputed, r.cfg.Clock(), int64(next.Sequence))
		return err
	}
	// Handed back first: a record that is kept here is not fetched again.
	if err := r.cfg.Partner.Cosign(ctx, *next); err != nil {
		return err
	}
	value, err := recordValue(next)
	if err != nil {
		return err
	}
	return r.cfg.Store.Update(ctx, func(w abuse.Writer) error {
		return w.Put(abuse.SessionRecords, recordKey(r.link, next.Sequence), value)
	})
}

// lastRecord gives the last that was signed here, nil if there is none. They are numbered from 1 on
// without a gap, so that it is found by halving, however many there are.
func (r *Receiver) lastRecord(ctx context.Context) (last *linkage.SessionRecord, err error) {
	err = r.cfg.Store.View(ctx, func(rd abuse.Reader) error {
		last = nil
		there, gone := uint64(0), uint64(1)
		for {
			record, err := recordAt(rd, r.link, gone)
			if err != nil {
				return err
			}
			if record == nil {
				break
			}
			last, there, gone = record, gone, 2*gone
		}
		for gone-there > 1 {
			middle := there + (gone-there)/2
			record, err := recordAt(rd, r.link, middle)
			if err != nil {
				return err
			}
			if record == nil {
				gone = middle
				continue
			}
			last, there = record, middle
		}
		return nil
	})
	return last, err
}
