package watch

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/linkage"
)

// pointed is a store that counts what is read of it, and in which nothing is scanned.
type pointed struct {
	abuse.Store
	gets *int
}

type pointedReader struct {
	abuse.Reader
	gets *int
}

func (p pointed) View(ctx context.Context, f func(abuse.Reader) error) error {
	return p.Store.View(ctx, func(r abuse.Reader) error { return f(pointedReader{r, p.gets}) })
}

func (r pointedReader) Get(t abuse.Table, keys ...[]byte) ([][]byte, error) {
	*r.gets += len(keys)
	return r.Reader.Get(t, keys...)
}

func (pointedReader) Scan(abuse.Table, []byte, []byte, int) ([]abuse.Row, error) {
	return nil, errors.New("a scan")
}

// The last record is found by a few reads, however many there are.
func TestLastRecord(t *testing.T) {
	p := newParties(t, nil)
	gets := 0
	r := &Receiver{link: p.agreement.ID, cfg: ReceiverConfig{Store: pointed{abuse.NewMemory(), &gets}}}
	for n := range uint64(300) {
		gets = 0
		last, err := r.lastRecord(t.Context())
		require.NoError(t, err)
		require.LessOrEqual(t, gets, 20)
		if n == 0 {
			require.Nil(t, last)
		} else {
			require.Equal(t, n, last.Sequence)
		}
		next := linkage.SessionRecord{Agreement: p.agreement.Digest(), Sequence: n + 1, From: testNow, Until: testNow.Add(time.Hour)}
		require.NoError(t, next.Sign(p.agreement, linkage.Transmitter, p.transmitter))
		value, err := recordValue(&next)
		require.NoError(t, err)
		require.NoError(t, r.cfg.Store.Update(t.Context(), func(w abuse.Writer) error {
			return w.Put(abuse.SessionRecords, recordKey(r.link, n+1), value)
		}))
	}
}

// endless is a partner that has always one more session record.
type endless struct {
	Partner
	p    *parties
	last linkage.SessionRecord
}

func (e *endless) Records(context.Context, uint64) (all []linkage.SessionRecord, err error) {
	for range 3 {
		next := e.last
		next.Sequence, next.Previous, next.From, next.Receiver = next.Sequence+1, e.last.Hash(), next.Until, nil
		if err := next.Sign(e.p.agreement, linkage.Transmitter, e.p.transmitter); err != nil {
			return nil, err
		}
		all, e.last = append(all, next), next
	}
	return all, nil
}

func (e *endless) Cosign(context.Context, linkage.SessionRecord) error { return nil }

// A partner that goes on making session records fills no store, and keeps nobody in one call.
func TestCosignPace(t *testing.T) {
	p := newParties(t, nil)
	from := p.agreement.ValidFrom
	now := from
	e := &endless{p: p, last: linkage.SessionRecord{Agreement: p.agreement.Digest(), From: from, Until: from, Day: dayOf(from)}}
	alarms := 0
	r := &Receiver{link: p.agreement.ID, cfg: ReceiverConfig{
		Agreement: p.agreement, Signer: p.receiver, Store: abuse.NewMemory(), Partner: e, Clock: func() time.Time { return now },
	}, tel: Observe{Alarm: func(a Alarm) { alarms++ }}.telemetry(p.agreement.ID, linkage.Receiver)}
	require.NoError(t, r.cfg.Store.Update(t.Context(), func(w abuse.Writer) error {
		for range recordsAhead - 40 {
			e.last.Sequence++
			value, err := recordValue(&e.last)
			if err != nil {
				return err
			}
			if err := w.Put(abuse.SessionRecords, recordKey(r.link, e.last.Sequence), value); err != nil {
				return err
			}
		}
		return nil
	}))
	kept := func() uint64 {
		last, err := r.lastRecord(t.Context())
		require.NoError(t, err)
		return last.Sequence
	}
	require.NoError(t, r.Cosign(t.Context()))
	require.EqualValues(t, recordsAhead-40+3*cosignMost, kept())
	require.ErrorIs(t, r.Cosign(t.Context()), errPace)
	require.EqualValues(t, recordsAhead, kept())
	require.Equal(t, 1, alarms)
	last, err := r.lastRecord(t.Context())
	require.NoError(t, err)
	e.last, now = *last, from.Add(5*time.Minute)
	require.ErrorIs(t, r.Cosign(t.Context()), errPace)
	require.EqualValues(t, recordsAhead+5, kept())
}
