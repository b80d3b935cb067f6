package main

import (
	"encoding/json"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/watch"
)

// A change that comes again is one change, and a later decision that it comes with is carried out.
func TestInbox(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.jsonl")
	b, err := openInbox(path)
	require.NoError(t, err)
	decision := func(minute int) (carried, json.RawMessage) {
		e := abuse.Evidence{Account: "a"}
		d := abuse.Decide(e, abuse.DefaultPolicy(receiverName, abuse.Live), start.Add(time.Duration(minute)*time.Minute))
		body, err := d.MarshalJSON()
		require.NoError(t, err)
		return carried{d.ID, d.At}, body
	}
	first, body := decision(0)
	e := watch.Event{ID: uuid.New(), Account: "a", Signal: uuid.New(), Sequence: 1, Change: watch.Matched, Decision: first.ID, Body: body}
	again := func(body json.RawMessage, stands carried) {
		t.Helper()
		e.Body = body
		for range 2 {
			require.NoError(t, b.deliver(t.Context(), e))
			require.Len(t, b.all, 1)
			require.Zero(t, b.sum().Violations)
			require.Equal(t, map[string]int{"a": 1}, b.decided())
			require.Equal(t, stands.ID, b.stands["a"].ID)
			require.True(t, stands.At.Equal(b.stands["a"].At))
			require.NoError(t, b.close()) // and after a restart
			b, err = openInbox(path)
			require.NoError(t, err)
		}
	}
	again(body, first)
	later, other := decision(1)
	again(other, later)
	again(body, later)

	e.Body = []byte(`{"decision":"`)
	require.Error(t, b.deliver(t.Context(), e))
	require.NoError(t, b.close())
}
