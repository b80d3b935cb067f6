package cases

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
)

func FuzzFeedbackRow(f *testing.F) {
	row := feedbackRow{Right, FromAppeal, true, 1_700_000_000}
	f.Add(row.value())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		row, err := parseFeedback(b)
		if err != nil {
			require.Zero(t, row)
			require.ErrorIs(t, err, abuse.ErrStoreDamaged)
			return
		}
		require.Equal(t, b, row.value())
	})
}

// A row that is not as it was written is an error and is not taken for another.
func TestDamagedRows(t *testing.T) {
	ctx := context.Background()
	id := uuid.UUID{7}
	due := time.Unix(1_700_000_000, 0)
	for name, rows := range map[string][]abuse.Row{
		"no case":     {{Key: dueKey(queueRow, due, id), Value: mark}},
		"not JSON":    {{Key: dueKey(queueRow, due, id), Value: mark}, {Key: idKey(caseRow, id), Value: []byte("{")}},
		"another":     {{Key: dueKey(queueRow, due, id), Value: mark}, {Key: idKey(caseRow, id), Value: []byte(`{"v":1,"row":{"case":"00000000-0000-0000-0000-000000000001","kind":"review"}}`)}},
		"kind":        {{Key: dueKey(queueRow, due, id), Value: mark}, {Key: idKey(caseRow, id), Value: []byte(`{"v":1,"row":{"kind":"party"}}`)}},
		"short index": {{Key: []byte{queueRow, 1}, Value: mark}},
	} {
		store := abuse.NewMemory()
		desk, err := New(Config{Store: store, Decide: func(abuse.Evidence, time.Time) abuse.Decision { return abuse.Decision{} }})
		require.NoError(t, err)
		h, err := NewHearings(HearingsConfig{Desk: desk, Self: "social", Key: make([]byte, 32)})
		require.NoError(t, err)
		require.NoError(t, store.Update(ctx, func(w abuse.Writer) error {
			for _, row := range rows {
				if err := w.Put(abuse.Cases, row.Key, row.Value); err != nil {
					return err
				}
			}
			return w.Put(abuse.Feedback, append(partnerName("bank"), id[:]...), []byte{9})
		}))
		_, err = h.Queue(ctx, 10)
		require.ErrorIs(t, err, abuse.ErrStoreDamaged, name)
		_, err = h.Cards(ctx)
		require.ErrorIs(t, err, abuse.ErrStoreDamaged, name)
	}
	store := abuse.NewMemory()
	require.NoError(t, store.Update(ctx, func(w abuse.Writer) error {
		require.NoError(t, w.Put(abuse.Cases, text([]byte{clearRow}, "a"), []byte{1}))
		_, err := readCleared(w, "a")
		require.ErrorIs(t, err, abuse.ErrStoreDamaged)
		require.NoError(t, w.Put(abuse.Cases, idKey(caseRow, id), []byte(`{"v":2,"row":{}}`)))
		_, err = readCase(w, id)
		require.ErrorIs(t, err, abuse.ErrStoreVersion)
		return nil
	}))
}

// A reference is another for every part that it is made of, and none is made for our own word.
func TestReferenceParts(t *testing.T) {
	h := &Hearings{cfg: HearingsConfig{Self: "social", Key: make([]byte, 32)}}
	one := h.reference(uuid.UUID{1}, "bank", uuid.UUID{2})
	require.Equal(t, one, h.reference(uuid.UUID{1}, "bank", uuid.UUID{2}))
	other := &Hearings{cfg: HearingsConfig{Self: "social", Key: append(make([]byte, 31), 1)}}
	for _, r := range []Reference{h.reference(uuid.UUID{3}, "bank", uuid.UUID{2}), h.reference(uuid.UUID{1}, "market", uuid.UUID{2}),
		h.reference(uuid.UUID{1}, "bank", uuid.UUID{3}), other.reference(uuid.UUID{1}, "bank", uuid.UUID{2})} {
		require.NotEqual(t, one, r)
	}
	ours := abuse.Weighed{Sighting: abuse.Sighting{From: "bank", Signal: abuse.Signal{ID: uuid.UUID{5}, Origin: "social", Path: []string{"bank"}}}}
	theirs := abuse.Weighed{Sighting: abuse.Sighting{From: "bank", Signal: abuse.Signal{ID: uuid.UUID{6}, Origin: "bank"}}}
	idle := abuse.Weighed{Sighting: abuse.Sighting{From: "bank", Signal: abuse.Signal{ID: uuid.UUID{7}, Origin: "bank"}}}
	c := Case{Kind: Appeal, Decision: abuse.Decision{Signals: []uuid.UUID{{5}, {6}}}}
	c.Decision.Explanation.Signals = []abuse.Weighed{theirs, ours, idle, theirs}
	refs := h.references(&c)
	require.Len(t, refs, 1, "of what carried the step, each once, and not of our own")
	require.Equal(t, uuid.UUID{6}, refs[0].Signal)
}
