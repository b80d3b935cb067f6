package cases

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
)

// Rows are this package's own, and a database may give anything: an error gives nothing, and what
// can be read is written as it was read.
func FuzzRows(f *testing.F) {
	for _, seed := range []string{
		"", "{}", "null", `{"v":1,"row":{}}`, `{"v":2,"row":{}}`, `{"v":1,"row":[]}`,
		`{"v":1,"row":{"step":{"decision":"019a0000-0000-8000-8000-000000000000","action":"suspend","scope":"services","rule":"x","since":"2026-11-23T12:00:00Z"}}}`,
		`{"v":1,"row":{"step":{"decision":"019a0000-0000-8000-8000-000000000000","at":"2026-11-23T12:00:00.5Z","action":"limit","scope":"account","rule":"x","since":"2026-11-23T12:00:00Z"}}}`,
		`{"v":1,"row":{"ruling":{"action":"none","scope":"account","reviewer":"r","decision":"019a0000-0000-8000-8000-000000000000","at":"2026-11-23T12:00:00Z","rule":"x"}}}`,
		`{"v":1,"row":{"day":20780,"used":3,"mean":1.5,"days":4,"rang":{"cap_day":20780}}}`,
		`{"v":1,"row":{"at":"2026-11-23T12:00:00Z","bound":"cap_day","kind":"all","limit":1,"used":1}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		fuzzRow[held](t, value)
		fuzzRow[counter](t, value)
		fuzzRow[Mode](t, value)
		fuzzRow[Alarm](t, value)
		fuzzRow[receipt](t, value)
	})
}

func fuzzRow[T any](t *testing.T, value []byte) {
	row, err := parse[T](abuse.Bounds, value)
	if err != nil {
		var zero T
		var broken *abuse.StoreError
		require.ErrorAs(t, err, &broken)
		require.Equal(t, zero, row)
		return
	}
	first, err := json.Marshal(versioned[T]{rowVersion, row})
	if err != nil {
		return // read leniently, such as a step that is none
	}
	again, err := parse[T](abuse.Bounds, first)
	require.NoError(t, err)
	second, err := json.Marshal(versioned[T]{rowVersion, again})
	require.NoError(t, err)
	require.Equal(t, string(first), string(second))
}

// Keys are cut as they were put together, whatever is in them.
func FuzzCut(f *testing.F) {
	f.Add("anna", []byte{1, 2})
	f.Add("", []byte(nil))
	f.Fuzz(func(t *testing.T, word string, rest []byte) {
		if len(word) > 0xffff {
			return
		}
		got, tail, ok := cut(append(text(nil, word), rest...))
		require.True(t, ok)
		require.Equal(t, word, got)
		require.Equal(t, string(rest), string(tail))
		if got, tail, ok = cut(rest); ok {
			require.Equal(t, string(rest), string(append(text(nil, got), tail...)))
		}
		if len(word) > 0 && len(word) <= maxAccount {
			end := endKey(time.Unix(int64(len(rest)), 0), word)
			name, _, ok := cut(end[9:])
			require.True(t, ok)
			require.Equal(t, word, name)
		}
	})
}
