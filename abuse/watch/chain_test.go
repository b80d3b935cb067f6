package watch

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/linkage"
)

// flagged gives a batch with other flags, as a transmitter would sign it that does not keep to them.
func (w *town) flagged(data []byte, flags byte) []byte {
	data = bytes.Clone(data)
	data[106] = flags
	head := data[6 : 180+16*int(data[107])]
	digest := sha256.Sum256(append([]byte("H&C/b1\x00"), head...))
	sig := ed25519.Sign(w.transmitter, append([]byte("hueandcry/batch/v1\x00"), digest[:]...))
	return append(data[:len(data)-ed25519.SignatureSize], sig...)
}

// A batch that is not complete after one that was would count against no day: it is not taken in.
func TestCompleteStaysSo(t *testing.T) {
	w := newTown(t, linkage.ProtocolVOLE)
	w.people.put("a", ids(t, 1))
	w.report(1, 1, ids(t, 1))
	require.NoError(t, w.base(0))
	w.settle()
	w.check()
	w.report(2, 1, ids(t, 1))
	require.NoError(t, w.tr.Cut(t.Context()))
	before := w.cursor()
	require.True(t, before.complete)
	w.partner.change = func(_ uint64, _ bool, data []byte) []byte { return w.flagged(data, 0) }
	require.ErrorIs(t, w.rec.Follow(t.Context()), errBatch)
	require.Equal(t, before, w.cursor())
	w.partner.change = nil
	w.settle()
	w.check()
	require.Len(t, w.known(), 2)
}

// Nothing that comes after a final batch is asked for or taken in, also if it is there.
func TestNothingAfterTheFinalBatch(t *testing.T) {
	w := newTown(t, linkage.ProtocolVOLE)
	w.people.put("a", ids(t, 1))
	require.NoError(t, w.base(0))
	w.settle()
	last := w.cursor().at.batch
	for n := range 2 {
		w.report(1+n, 1, ids(t, 1))
		require.NoError(t, w.tr.Cut(t.Context()))
	}
	var asked []uint64
	w.partner.change = func(number uint64, _ bool, data []byte) []byte {
		asked = append(asked, number)
		return w.flagged(data, 3)
	}
	for range 2 {
		require.NoError(t, w.rec.Follow(t.Context()))
		c := w.cursor()
		require.True(t, c.final)
		require.Equal(t, last+1, c.at.batch)
	}
	require.Equal(t, []uint64{last + 1}, asked)

	// Also when it was fetched already by the time that the feed is final.
	b, err := w.tr.batch(t.Context(), w.course().feed, last+2)
	require.NoError(t, err)
	next, err := linkage.ParseBatch(w.agreement, b.data)
	require.NoError(t, err)
	require.ErrorIs(t, w.rec.accept(t.Context(), w.course(), fetched{batch: next}), errBatch, "of another chain")
	c := w.cursor()
	c.digest = next.Header().Previous
	require.NoError(t, w.mine.Update(t.Context(), func(s abuse.Writer) error { return s.Put(abuse.Cursors, cursorKey(w.course().number), c.value()) }))
	require.NoError(t, w.rec.accept(t.Context(), w.course(), fetched{batch: next}))
	require.Equal(t, c, w.cursor())
}

// course is the one that is followed.
func (w *town) course() *course {
	w.t.Helper()
	all, err := w.rec.active(w.t.Context())
	require.NoError(w.t, err)
	require.Len(w.t, all, 1)
	return all[0]
}

func (w *town) cursor() cursor {
	w.t.Helper()
	c, ok, err := w.rec.where(w.t.Context(), w.course())
	require.NoError(w.t, err)
	require.True(w.t, ok)
	return c
}
