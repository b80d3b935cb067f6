package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/linkage"
)

// TestProtocols: whatever the way to enrol and wherever it is said, the decisions are
// the same bytes, and the summary names it.
func TestProtocols(t *testing.T) {
	flagged, accounts := worldFiles(t, makeUp(6, size{400, 200}))
	args := []string{"-now", "2026-11-01T00:00:00Z", "-seed", "6", "-json"}
	var want string
	same := func(name string, protocol string, run func(args ...string) []outcome) {
		path := filepath.Join(t.TempDir(), "d.jsonl")
		for _, out := range run("-decisions", path) {
			assert.Equal(t, protocol, out.summary(t).Protocol, name)
		}
		got := readFile(t, path)
		require.NotEmpty(t, got)
		if want == "" {
			want = got
		}
		assert.Equal(t, want, got, name)
	}
	for _, protocol := range protocols {
		by := []string{"-protocol", protocol}
		same("both", protocol, func(more ...string) []outcome {
			return []outcome{inside(t, slices.Concat(args, by, []string{"-flagged", flagged, "-accounts", accounts}, more)...)}
		})
		same("two", protocol, func(more ...string) []outcome {
			sent, received := pair(t, nil, slices.Concat(args, by, []string{"-flagged", flagged}),
				slices.Concat(args, by, []string{"-accounts", accounts}, more))
			return []outcome{sent, received}
		})
		certs := certificates(t, by...)
		for name, flag := range map[string][]string{"agreement": nil, "agreement and flag": by} {
			same(name, protocol, func(more ...string) []outcome {
				sent, received := pair(t, nil,
					slices.Concat(args, flag, partyFlags(certs, "transmitter"), []string{"-flagged", flagged}),
					slices.Concat(args, partyFlags(certs, "receiver"), []string{"-accounts", accounts}, more))
				return []outcome{sent, received}
			})
		}
	}
}

// TestWhatTheTransmitterLearned: by ec each kind of identifier is asked about under a
// key of its own, and by vole all are in one vector.
func TestWhatTheTransmitterLearned(t *testing.T) {
	for protocol, text := range map[string]string{
		linkage.ProtocolEC:   "identifiers, and how\n  many of them are of which kind.",
		linkage.ProtocolVOLE: "identifiers, and not\n  how many of them are of which kind.",
	} {
		out := small(t, "-protocol", protocol)
		require.Equal(t, exitOK, out.code, out.stderr)
		assert.Contains(t, out.stdout, text)
		assert.Contains(t, out.stdout, "enrolling by "+protocol+".")
	}
}

// TestProtocolOfTheAgreement: a flag that is not what both have signed is told at
// once, before anything is listened for or read.
func TestProtocolOfTheAgreement(t *testing.T) {
	for _, signed := range protocols {
		certs := certificates(t, "-protocol", signed)
		assert.Contains(t, readFile(t, filepath.Join(certs, agreementFile)), `"protocol": "`+signed+`"`)
		for _, flag := range protocols {
			if flag == signed {
				continue
			}
			for _, args := range [][]string{
				append(partyFlags(certs, "transmitter"), "-role", "transmitter", "-listen", "127.0.0.1:0", "-flagged", "none.csv"),
				append(partyFlags(certs, "receiver"), "-role", "receiver", "-connect", "127.0.0.1:1", "-accounts", "none.csv"),
			} {
				out := inside(t, append(args, "-protocol", flag)...)
				assert.Equal(t, exitUsage, out.code)
				assert.Empty(t, out.stdout)
				assert.Regexp(t, `^twoservices: -protocol `+flag+` .* `+signed+`\n$`, out.stderr)
			}
		}
	}
}

// TestProtocolsThatDiffer: two who do not mean the same have no session.
func TestProtocolsThatDiffer(t *testing.T) {
	sent, received := pair(t, nil, []string{"-protocol", protocols[0], "-flagged", writeFile(t, "f.csv", headFlagged)},
		[]string{"-protocol", protocols[1], "-accounts", writeFile(t, "a.csv", headAccount)})
	for _, out := range []outcome{sent, received} {
		assert.Equal(t, exitFailure, out.code)
		assert.Empty(t, out.stdout)
		assert.Contains(t, out.stderr, "twoservices: ")
	}
}

// TestProtocolBySize: where nobody has said how to enrol, the number of accounts does,
// and that of the rows does not.
func TestProtocolBySize(t *testing.T) {
	for _, c := range []struct {
		flag     string
		accounts int
		want     string
	}{
		{"", 0, linkage.ProtocolEC}, {"", bulkFrom - 1, linkage.ProtocolEC}, {"", bulkFrom, linkage.ProtocolVOLE},
		{linkage.ProtocolEC, bulkFrom, linkage.ProtocolEC}, {linkage.ProtocolVOLE, 1, linkage.ProtocolVOLE},
	} {
		assert.Equal(t, c.want, (&options{protocol: c.flag}).protocolFor(c.accounts), c)
	}
	// Area code 999 is allocated to nobody.
	var rows strings.Builder
	rows.WriteString("account,phone\n")
	for i := range bulkFrom {
		fmt.Fprintf(&rows, "n%d,+1999%07d\n", i, 2_300_000+37*i)
	}
	many := writeFile(t, "accounts.csv", rows.String())
	flagged := writeFile(t, "flagged.csv", "account,phone\na,+19992300037\nb,+19992300038\n")
	out := inside(t, "-json", "-flagged", flagged, "-accounts", many).summary(t)
	assert.Equal(t, linkage.ProtocolVOLE, out.Protocol)
	assert.Equal(t, bulkFrom, *out.Accounts)
	assert.Equal(t, 1, *out.MatchedAccounts)

	few := writeFile(t, "accounts.csv", strings.ReplaceAll("account,phone\n"+strings.Repeat("a,+1999230NNNN\n", bulkFrom+1), "NNNN", "0037"))
	out = inside(t, "-json", "-flagged", flagged, "-accounts", few).summary(t)
	assert.Equal(t, linkage.ProtocolEC, out.Protocol)
	assert.Equal(t, 1, *out.MatchedAccounts)
}
