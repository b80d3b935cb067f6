package abuse_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/hashing"
)

var rewrite = flag.Bool("rewrite", false, "write the transcripts anew; then read the difference")

// TestTranscripts decides what testdata/decide tells and compares with what it
// says came out. A file holds cases: lines of input, "----", the decision, and an
// empty line. A signal line starts from a strong signal of the messenger's about a
// phone number and names what is different; "same" goes on from the case before.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/decide/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	cases := 0
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			var out []string
			for _, c := range strings.Split(strings.TrimSpace(string(text)), "\n\n") {
				input, _, _ := strings.Cut(c, "\n----")
				out = append(out, input+"\n----\n"+play(t, input))
				cases++
			}
			got := strings.Join(out, "\n\n") + "\n"
			if *rewrite {
				require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
				return
			}
			require.Equal(t, string(text), got)
		})
	}
	require.GreaterOrEqual(t, cases, 30)
}

func play(t *testing.T, input string) string {
	e, p, at, full := abuse.Evidence{Account: "a-17"}, policy(t), now, false
	for _, line := range strings.Split(input, "\n") {
		verb, rest, _ := strings.Cut(line, " ")
		fields := strings.Fields(rest)
		switch verb {
		case "#":
		case "now":
			at = moment(t, rest)
		case "mode":
			require.NoError(t, p.Mode.UnmarshalText([]byte(rest)))
		case "full":
			full = true
		case "unreadable":
			e.Unreadable++
		case "holding":
			e.Holdings = append(e.Holdings, readHolding(t, fields))
		case "signal":
			e.Sightings = append(e.Sightings, readSighting(t, len(e.Sightings)+1, fields))
		default:
			t.Fatalf("unknown verb %q", verb)
		}
	}
	d := abuse.Decide(e, p, at)
	if full {
		return strings.TrimSpace(d.Text())
	}
	until := ""
	if !d.Until.IsZero() {
		until = " until " + d.Until.Format(time.RFC3339)
	}
	return fmt.Sprintf("%v (%v)%s by %s, matched %v\n%s\n%s", d.Action, d.Scope, until, d.Rule, d.Matched, d.Reason, d.Undo)
}

func moment(t *testing.T, s string) time.Time {
	if s == "unknown" {
		return time.Time{}
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if at, err := time.Parse(layout, s); err == nil {
			return at
		}
	}
	t.Fatalf("no time: %q", s)
	return time.Time{}
}

func readHolding(t *testing.T, fields []string) abuse.Holding {
	kind, err := hashing.ParseKind(fields[0])
	require.NoError(t, err)
	h := good(kind)
	for _, f := range fields[1:] {
		key, value, _ := strings.Cut(f, "=")
		switch key {
		case "since":
			h.Since = moment(t, value)
		case "verified":
			require.NoError(t, h.Verified.UnmarshalText([]byte(value)))
		case "accounts":
			h.Accounts, err = strconv.Atoi(value)
			require.NoError(t, err)
		default:
			t.Fatalf("unknown fact %q", key)
		}
	}
	return h
}

func readSighting(t *testing.T, n int, fields []string) abuse.Sighting {
	s, kinds, places := strong(n, "messenger"), []hashing.Kind{hashing.Phone}, []int(nil)
	text := func(to interface{ UnmarshalText([]byte) error }, value string) {
		require.NoError(t, to.UnmarshalText([]byte(value)), value)
	}
	number := func(value string) int {
		n, err := strconv.Atoi(value)
		require.NoError(t, err)
		return n
	}
	for _, f := range fields {
		key, value, _ := strings.Cut(f, "=")
		switch key {
		case "id":
			s.ID = id(number(value))
		case "cause":
			s.Cause = id(number(value))
		case "revision":
			s.Revision = uint64(number(value))
		case "origin":
			s.Origin = value
		case "path":
			s.Path = strings.Split(value, ",")
		case "kinds":
			kinds = nil
			for _, name := range strings.Split(value, ",") {
				k, err := hashing.ParseKind(name)
				require.NoError(t, err)
				kinds = append(kinds, k)
			}
		case "places":
			for _, p := range strings.Split(value, ",") {
				places = append(places, number(p))
			}
		case "category":
			text(&s.Category, value)
		case "class":
			text(&s.Class, value)
		case "confidence":
			s.Confidence = number(value)
		case "severity":
			text(&s.Severity, value)
		case "review":
			text(&s.Review, value)
		case "permitted":
			text(&s.Permitted, value)
		case "reports":
			s.Reports = uint32(number(value))
		case "first":
			s.FirstObserved = moment(t, value)
		case "observed":
			s.FirstObserved, s.LastObserved = moment(t, value), moment(t, value)
		case "until":
			s.ValidUntil = moment(t, value)
		default:
			t.Fatalf("unknown field %q", key)
		}
	}
	require.NoError(t, s.Validate())
	x := sighting(s, kinds...)
	x.Places = places
	return x
}
