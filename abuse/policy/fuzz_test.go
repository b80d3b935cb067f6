package policy_test

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse/policy"
)

// Whatever is in a file, it loads whole, and then decides, or is one error with a
// place that is in the file.
func FuzzParse(f *testing.F) {
	shipped, err := fs.ReadFile(policy.Shipped, "default.yaml")
	require.NoError(f, err)
	f.Add(shipped, false)
	for _, b := range broken {
		if text := strings.Replace(sound, b.old, b.by, 1); len(text) < 5000 {
			f.Add([]byte(text), false)
		}
	}
	f.Add([]byte(`{"schema": 1, "name": "j", "rules": [{"id": "a", "version": 1, "status": "live", "when": "true", "action": "label", "for": "1h"}]}`), true)
	f.Fuzz(func(t *testing.T, data []byte, json bool) {
		name := "f.yaml"
		if json {
			name = "f.json"
		}
		s, err := policy.Parse(name, data)
		if err == nil {
			agree(t, s.Explain(one(), now), s.Decide(one(), now))
			return
		}
		require.Nil(t, s)
		var e *policy.Error
		require.True(t, errors.As(err, &e))
		require.Equal(t, name, e.File)
		require.NotContains(t, e.Error(), "\n")
		require.GreaterOrEqual(t, e.Line, 1)
		require.GreaterOrEqual(t, e.Column, 1)
		require.LessOrEqual(t, e.Line, strings.Count(string(data), "\n")+2)
	})
}
