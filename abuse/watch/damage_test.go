package watch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
)

// spoil makes of the value of the first row with a prefix what cannot be read, and gives its key.
func spoil(t testing.TB, s abuse.Store, table abuse.Table, prefix []byte, version byte) (key []byte) {
	t.Helper()
	require.NoError(t, s.Update(t.Context(), func(w abuse.Writer) error {
		rows, err := w.Scan(table, prefix, after(prefix), 1)
		require.NoError(t, err)
		require.Len(t, rows, 1)
		key = rows[0].Key
		return w.Put(table, key, append([]byte{version}, rows[0].Value[1:len(rows[0].Value)-1]...))
	}))
	return key
}

// A match that cannot be read keeps its own account back and no other: what runs out is told of those,
// and of this one when it can be read again.
func TestExpireBesideDamage(t *testing.T) {
	for version, kind := range map[byte]error{rowVersion: abuse.ErrStoreDamaged, rowVersion + 1: abuse.ErrStoreVersion} {
		store, c, h := abuse.NewMemory(), &clock{testNow}, &handedOn{}
		d := testDecider(t, store, c, h)
		for n := range expirySlice + 2 { // beyond one slice
			hear(t, store, fmt.Sprintf("a-%03d", n), testSignal(0, 1), 0)
		}
		handed, err := d.Step(t.Context())
		require.NoError(t, err)
		require.Equal(t, expirySlice+2, handed)
		var before []abuse.Row
		require.NoError(t, store.View(t.Context(), func(r abuse.Reader) (err error) {
			before, err = r.Scan(abuse.Matches, accountKey("a-007"), nil, 1)
			return err
		}))
		spoil(t, store, abuse.Matches, accountKey("a-007"), version)
		c.at = testNow.AddDate(0, 0, 21)
		handed, err = d.Step(t.Context())
		require.ErrorIs(t, err, kind)
		require.Equal(t, expirySlice+1, handed)
		_, err = d.Step(t.Context())
		require.ErrorIs(t, err, kind, "it is told again")
		require.NoError(t, store.Update(t.Context(), func(w abuse.Writer) error {
			return w.Put(abuse.Matches, before[0].Key, before[0].Value)
		}))
		handed, err = d.Step(t.Context())
		require.NoError(t, err)
		require.Equal(t, 1, handed)
		consistent(t, h)
	}
}

// Where nothing is taken, of very many errors some are kept.
func TestErrorsKept(t *testing.T) {
	store, c, h := abuse.NewMemory(), &clock{testNow}, &handedOn{}
	refused := errors.New("refused")
	d := testDecider(t, store, c, h, func(cfg *DeciderConfig) {
		cfg.Deliver = func(context.Context, Event) error { return refused }
	})
	for n := range 2 * errorsKept {
		hear(t, store, fmt.Sprint("a-", n), testSignal(0, 1), 0)
	}
	_, err := d.Step(t.Context())
	require.ErrorIs(t, err, refused)
	require.LessOrEqual(t, strings.Count(err.Error(), "refused"), errorsKept)
}

// A check that is owed and whose row cannot be read is made like any other, at once, and keeps nobody
// else's back; one that a newer version has written is left to that.
func TestRecheckBesideDamage(t *testing.T) {
	for version, left := range map[byte]int{rowVersion: 0, rowVersion + 1: 1} {
		w := newTown(t, linkage.ProtocolEC)
		require.NoError(t, w.base(0))
		w.settle()
		w.partner.set(nil)
		for n := range 5 {
			name := fmt.Sprint("a-", n)
			w.people.put(name, ids(t, n))
			_, err := w.rec.Check(t.Context(), name, w.people.all[name])
			require.NoError(t, err)
		}
		spoil(t, w.mine, abuse.Rechecks, recheckKey(w.rec.link, "a-0"), version)
		answer, err := w.rec.Check(t.Context(), "a-0", w.people.all["a-0"])
		if left == 0 {
			require.NoError(t, err)
			require.True(t, answer.Pending)
			spoil(t, w.mine, abuse.Rechecks, recheckKey(w.rec.link, "a-0"), version)
		} else {
			require.ErrorIs(t, err, abuse.ErrStoreVersion)
		}
		w.partner.set(w.tr)
		n, err := w.rec.Recheck(t.Context())
		require.Equal(t, 5-left, n)
		require.Equal(t, left > 0, err != nil)
		s, err := w.rec.Status(t.Context())
		require.NoError(t, err)
		require.Equal(t, left, s.Rechecks)
	}
}

// tally counts what the partner is asked for.
type tally struct {
	*local
	asked int
}

func (c *tally) Evaluate(ctx context.Context, epoch uint32, id [16]byte, request []byte) ([]byte, error) {
	c.asked++
	return c.local.Evaluate(ctx, epoch, id, request)
}

// An account that cannot be enrolled, for what is stored about it, is put off: it keeps none of its run
// from being checked, and does not use up the day by being asked about again and again.
func TestRecheckBesideDamagedMatch(t *testing.T) {
	w := newTown(t, linkage.ProtocolEC)
	require.NoError(t, w.base(0))
	w.report(1, 1, ids(t, 1))
	w.settle()
	w.people.put("a-1", ids(t, 1))
	_, err := w.rec.Check(t.Context(), "a-1", w.people.all["a-1"])
	require.NoError(t, err)
	w.partner.set(nil)
	for n := range 5 {
		name := fmt.Sprint("a-", n)
		w.people.put(name, ids(t, n+3))
		_, err := w.rec.Check(t.Context(), name, w.people.all[name])
		require.NoError(t, err)
	}
	spoil(t, w.mine, abuse.Matches, accountKey("a-1"), rowVersion)
	w.partner.set(w.tr)
	asked := &tally{local: w.partner}
	w.rec.cfg.Partner = asked
	n, err := w.rec.Recheck(t.Context())
	require.ErrorIs(t, err, abuse.ErrStoreDamaged)
	require.Equal(t, 4, n)
	before := asked.asked
	for range 5 {
		n, err = w.rec.Recheck(t.Context())
		require.NoError(t, err)
		require.Zero(t, n)
	}
	require.Equal(t, before, asked.asked)
}

// A match that cannot be read stops neither the end of an era nor the start of a process.
func TestEraEndsBesideDamage(t *testing.T) {
	w := newTown(t, linkage.ProtocolVOLE)
	w.people.put("a", ids(t, 1))
	w.people.put("b", ids(t, 2))
	require.NoError(t, w.base(0))
	w.report(1, 1, ids(t, 1), ids(t, 2))
	w.settle()
	require.Len(t, w.known(), 2)
	bad := spoil(t, w.mine, abuse.Matches, accountKey("a"), rowVersion)
	old := w.rec.courses
	require.Len(t, old, 1)
	var e era
	for _, c := range old {
		e = c.era
	}
	spoil(t, w.mine, abuse.Enrolments, be64(e.number+1), rowVersion)
	require.NoError(t, w.rec.abandon(t.Context(), e))
	w.startReceiver()
	require.NoError(t, w.mine.View(t.Context(), func(r abuse.Reader) error {
		all, err := eras(r, w.rec.link)
		require.NoError(t, err)
		require.Empty(t, all)
		for _, table := range []abuse.Table{abuse.Enrolments, abuse.Kept, abuse.Aliases} {
			rows, err := r.Scan(table, nil, nil, 10)
			require.NoError(t, err)
			require.Empty(t, rows, table)
		}
		rows, err := r.Scan(abuse.Matches, nil, nil, 10)
		require.NoError(t, err)
		require.Len(t, rows, 2, "b's is to be told of, and a's is left for whoever can mend it")
		require.Equal(t, bad, rows[0].Key)
		return nil
	}))
}

// What stops intake says what it is, and to the people here alone: the partner is not asked for the
// batch again.
func TestIntakeOnDamage(t *testing.T) {
	var log bytes.Buffer
	alarms := map[AlarmKind]int{}
	w := newTown(t, linkage.ProtocolEC, func(w *town) {
		w.observe = Observe{Log: slog.New(slog.NewTextHandler(&log, nil)), Alarm: func(a Alarm) { alarms[a.Kind]++ }}
	})
	w.people.put("a", ids(t, 1))
	require.NoError(t, w.base(0))
	w.report(1, 1, ids(t, 1))
	w.settle()
	spoil(t, w.mine, abuse.Matches, accountKey("a"), rowVersion)
	w.report(1, 2)
	require.NoError(t, w.tr.Cut(t.Context()))
	err := w.rec.Follow(t.Context())
	require.ErrorIs(t, err, abuse.ErrStoreDamaged)
	require.Positive(t, alarms[AlarmFeedStalled])
	require.Empty(t, w.rec.refused)
	require.Contains(t, plain(err), "damaged")
}

// What is logged of an error is what it is: only of what others have made there is no text.
func TestPlain(t *testing.T) {
	for _, err := range []error{
		errRow, errNewer, errBatch, ErrBatchAhead, ErrOtherKey, ErrNotOpen, ErrClockAhead, ErrVault, ErrVaultVersion,
		&RemoteLimitError{1}, &RemoteError{Status: 418}, BadElement, errDisputed, errShare, errHeld, errDropped,
	} {
		require.Equal(t, err.Error(), plain(fmt.Errorf("of account anna: %w", err)))
	}
	id, err := hashing.ParsePhone("+33612000001", "")
	require.NoError(t, err)
	require.Equal(t, "callback failed", plain(fmt.Errorf("of %v", id)))
	require.Equal(t, "callback failed", plain(errors.New("of account anna")))
	require.NotContains(t, plain(&linkage.Error{Code: linkage.ErrPeer}), "callback")
}
