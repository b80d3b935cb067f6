package main

import (
	"encoding/csv"
	"encoding/json"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/hashing"
)

// TestSpellings: all spellings of a made-up number give one identifier, and no real
// number is among them where a range is kept for fiction.
func TestSpellings(t *testing.T) {
	const seed = 7
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	fiction := map[string]bool{}
	for range 3000 {
		n := newNumber(rng)
		parser := hashing.PhoneParser{Fiction: true}
		want, err := parser.Parse(n.plain())
		require.NoError(t, err, "%s", n.plain())
		for range 8 {
			text, region := n.spell(rng)
			got, err := hashing.PhoneParser{Region: region, Fiction: true}.Parse(text)
			require.NoError(t, err, "%q in %q", text, region)
			require.Equal(t, want, got, "%q in %q is another line than %s", text, region, n.plain())
		}
		if _, err := hashing.ParsePhone(n.plain(), ""); err != nil {
			require.ErrorIs(t, err, hashing.ReasonFiction)
			fiction[n.in.region] = true
		}
	}
	// Of the countries without a range for fiction all have numbers that are not
	// given out.
	for _, c := range countries {
		assert.Equal(t, c.other == nil, fiction[c.region], c.region)
	}
}

func TestGadgets(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 0))
	for range 1000 {
		g := newGadget(rng)
		kind, err := hashing.ParseKind(g.kind)
		require.NoError(t, err)
		want, err := hashing.ParseDevice(kind, g.id)
		require.NoError(t, err)
		name, id := g.spell(rng)
		kind, err = parseDeviceKind(name)
		require.NoError(t, err)
		got, err := hashing.ParseDevice(kind, id)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

func TestFilesOfASeed(t *testing.T) {
	a, b, other := makeUp(3, size{300, 100}), makeUp(3, size{300, 100}), makeUp(4, size{300, 100})
	assert.Equal(t, a, b)
	assert.NotEqual(t, a.accounts, other.accounts)
	assert.NotEqual(t, a.flagged, other.flagged)
	for _, file := range [][]byte{a.flagged, a.accounts} {
		rows, err := csv.NewReader(strings.NewReader(string(file))).ReadAll()
		require.NoError(t, err)
		assert.Greater(t, len(rows), 100)
	}
}

// TestSameDecisions: one process or two, with parties of the seed or with
// certificates, the decisions are the same bytes.
func TestSameDecisions(t *testing.T) {
	world := makeUp(5, size{700, 300})
	flagged, accounts := worldFiles(t, world)
	now := []string{"-now", "2026-11-01T00:00:00Z", "-seed", "5", "-json"}
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name+".jsonl") }

	both := inside(t, append(now, "-flagged", flagged, "-accounts", accounts, "-decisions", file("both"))...)
	whole := both.summary(t)
	want := readFile(t, file("both"))
	require.Greater(t, *whole.MatchedAccounts, 30)

	_, received := pair(t, nil, append(now, "-flagged", flagged),
		append(now, "-accounts", accounts, "-decisions", file("demo")))
	require.Equal(t, exitOK, received.code, received.stderr)
	assert.Equal(t, want, readFile(t, file("demo")))

	certs := certificates(t)
	sent, received := pair(t, nil, slices.Concat(now, partyFlags(certs, "transmitter"), []string{"-flagged", flagged}),
		slices.Concat(now, partyFlags(certs, "receiver"), []string{"-accounts", accounts, "-decisions", file("certs")}))
	assert.Equal(t, want, readFile(t, file("certs")))

	// Each half of the summary is what the whole has; the other half is null.
	s, r := sent.summary(t), received.summary(t)
	assert.Equal(t, whole.Flagged, s.Flagged)
	assert.Equal(t, whole.Accounts, r.Accounts)
	assert.Equal(t, whole.Actions, r.Actions)
	assert.Nil(t, s.Accounts)
	assert.Nil(t, s.MatchedAccounts)
	assert.Nil(t, s.Actions)
	assert.Nil(t, r.Flagged)
	assert.Nil(t, r.RowsRefusedFlagged)
	// What one sends the other receives, but for the last words of TLS.
	assert.InDelta(t, s.SentBytes, r.ReceivedBytes, 64)
	assert.InDelta(t, s.ReceivedBytes, r.SentBytes, 64)

	again := inside(t, append(now, "-flagged", flagged, "-accounts", accounts, "-decisions", file("again"))...)
	require.Equal(t, exitOK, again.code)
	assert.Equal(t, want, readFile(t, file("again")))
	later := inside(t, "-now", "2026-11-02T00:00:00Z", "-flagged", flagged, "-accounts", accounts, "-decisions", file("later"))
	require.Equal(t, exitOK, later.code)
	assert.NotEqual(t, want, readFile(t, file("later")))
}

// TestSignalIDs: with certificates the ids of signals come from the transmitter's
// key, so that a partner cannot try seeds and learn in which line a signal stood. The
// same certificates give the same decisions.
func TestSignalIDs(t *testing.T) {
	flagged := writeFile(t, "flagged.csv", "account,phone\na,+14155552671\n")
	accounts := writeFile(t, "accounts.csv", "account,phone\nb,+14155552671\n")
	run := func(certs string, more ...string) string {
		path := filepath.Join(t.TempDir(), "d.jsonl")
		args := append([]string{"-json", "-now", "2026-11-01T00:00:00Z"}, more...)
		_, received := pair(t, nil, slices.Concat(args, partyFlags(certs, "transmitter"), []string{"-flagged", flagged}),
			slices.Concat(args, partyFlags(certs, "receiver"), []string{"-accounts", accounts, "-decisions", path}))
		require.Equal(t, exitOK, received.code, received.stderr)
		require.Len(t, decisionsOf(t, path), 1)
		return readFile(t, path)
	}
	ours, theirs := certificates(t), certificates(t)
	first := run(ours)
	assert.Equal(t, first, run(ours))
	assert.NotEqual(t, first, run(theirs))
	given := run(ours, "-seed", "1")
	assert.NotEqual(t, first, given, "1 is the default, but not for parties with keys")
	assert.Equal(t, given, run(theirs, "-seed", "1"))
}

// worldFiles writes a made-up world as files that pass for real ones: numbers that
// are kept for fiction would be refused there, so that only the others stay.
func worldFiles(t *testing.T, world *madeUp) (flagged, accounts string) {
	t.Helper()
	keep := func(file []byte, phone, region int) [][]string {
		rows, err := csv.NewReader(strings.NewReader(string(file))).ReadAll()
		require.NoError(t, err)
		return slices.DeleteFunc(rows[1:], func(row []string) bool {
			_, err := hashing.ParsePhone(row[phone], row[region])
			return err != nil && strings.Contains(err.Error(), string(hashing.ReasonFiction)) && row[len(row)-1] == ""
		})
	}
	return writeCSV(t, "flagged.csv", flaggedColumns, keep(world.flagged, 1, 2)),
		writeCSV(t, "accounts.csv", accountColumns, keep(world.accounts, 1, 2))
}

func TestMadeUpServices(t *testing.T) {
	dir := t.TempDir()
	run := func(name string, args ...string) (outcome, string) {
		path := filepath.Join(dir, name)
		out := small(t, append(args, "-decisions", path)...)
		require.Equal(t, exitOK, out.code, out.stderr)
		return out, readFile(t, path)
	}
	text, first := run("first")
	_, second := run("second")
	_, other := run("other", "-seed", "2")
	assert.Equal(t, first, second)
	assert.NotEqual(t, first, other)
	for _, heading := range []string{"Decisions about", "Decisions in full: 5", "What each side learned",
		"The transmitter learned", "The receiver learned", "Users who have opted out", "Refused input", "guard recycled"} {
		assert.Contains(t, text.stdout, heading)
	}
	assert.Contains(t, text.stderr, "enrolment")
}

// TestSummaryKeys holds the summary and the decisions to the keys of the contract.
func TestSummaryKeys(t *testing.T) {
	path := filepath.Join(t.TempDir(), "d.jsonl")
	out := small(t, "-json", "-decisions", path)
	out.summary(t)
	assert.ElementsMatch(t, []string{"accounts", "flagged", "rows_refused_accounts", "rows_refused_flagged", "refusals",
		"matched_accounts", "actions", "sent_bytes", "received_bytes", "seconds", "protocol"}, keys(t, out.stdout))
	lines := strings.Split(strings.TrimSpace(readFile(t, path)), "\n")
	require.Greater(t, len(lines), 20)
	for _, line := range lines {
		assert.ElementsMatch(t, []string{"decision", "account", "action", "scope", "until", "mode", "rule", "matched",
			"signals", "reason"}, keys(t, line))
	}
}

func keys(t *testing.T, object string) (names []string) {
	t.Helper()
	var fields map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(object), &fields))
	for name := range fields {
		names = append(names, name)
	}
	return names
}

// TestWholeDemonstration runs what the README's first command runs, on a smaller world without
// HUEANDCRY_FULL, and checks each decision against what the made-up world knows.
func TestWholeDemonstration(t *testing.T) {
	if testing.Short() {
		t.Skip("the whole demonstration takes some seconds")
	}
	o, err := parseFlags([]string{"-json"}, t.Output())
	require.NoError(t, err)
	require.Equal(t, size{accounts: 20_000, flagged: 2_000}, o.size)
	if !full() {
		o.size = size{accounts: 5_000, flagged: 2_000}
	}
	start := time.Now()
	res, err := o.runRole(t.Context(), newLogger(t.Output()))
	require.NoError(t, err)
	t.Logf("%v", time.Since(start))

	actions, guards := map[abuse.Action]int{}, map[abuse.Guard]int{}
	for _, d := range res.received.decisions {
		actions[d.Action]++
		assert.Equal(t, d.Action == abuse.None, d.Until.IsZero())
		for _, s := range d.Explanation.Signals {
			for _, f := range s.Findings {
				guards[f.Guard]++
				if f.Guard == abuse.GuardRecycled && f.Spoke == abuse.Yes && f.Kind == hashing.Phone && len(s.Kinds) == 1 && len(d.Explanation.Signals) == 1 {
					assert.Equal(t, abuse.None, d.Action, "a recycled number is not acted on")
				}
			}
		}
	}
	for a := abuse.None; a <= abuse.Disable; a++ {
		assert.Positive(t, actions[a], a)
	}
	// Echo and permitted actions cannot come up: the file has no column for them.
	for _, g := range []abuse.Guard{abuse.GuardRecycled, abuse.GuardOverShared, abuse.GuardUnverified, abuse.GuardExpired,
		abuse.GuardFuture, abuse.GuardPredictive, abuse.GuardDeviceOnly} {
		assert.Positive(t, guards[g], g)
	}
	for _, in := range []*intake{res.received.intake, res.sent.intake} {
		for _, reason := range []hashing.Reason{hashing.ReasonSentinel, hashing.ReasonMasked, hashing.ReasonLetters,
			hashing.ReasonShortCode, hashing.ReasonUnknownKind} {
			assert.Positive(t, in.refusals[string(reason)], "%s: %s", in.name, reason)
		}
	}
	assert.InEpsilon(t, o.size.accounts, len(res.received.accounts.refs), 0.01)
	assert.InEpsilon(t, o.size.flagged, len(res.sent.signals), 0.01)

	// The register is asked for advertising and for nothing else.
	require.NotNil(t, res.optOut)
	assert.Positive(t, res.optOut.all)
	assert.Equal(t, mostTried, res.optOut.tried)
	assert.Positive(t, res.optOut.leftOut)
	assert.Positive(t, res.optOut.matched)
	assert.Less(t, res.optOut.matched, mostTried-res.optOut.leftOut, "the transmitter leaves out its own")
}
