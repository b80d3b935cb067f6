package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/linkage"
	"github.com/hueandcry/hueandcry/linkage/linkagetest"
)

// export makes an agreement and the records of some days, each changed before both sign it.
func export(t *testing.T, days int, change func(i int, r *linkage.SessionRecord)) (agreement string, lines []string) {
	t.Helper()
	p := linkagetest.NewParties(func(a *linkage.Agreement) { a.Limits.AdditionsPerDay = 100 })
	form, err := json.Marshal(p.Agreement)
	require.NoError(t, err)
	agreement = filepath.Join(t.TempDir(), "agreement.json")
	require.NoError(t, os.WriteFile(agreement, form, 0o600))
	start := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	var before linkage.SessionRecord
	for i := range days {
		at := start.AddDate(0, 0, i)
		epoch, _ := p.Agreement.Epoch(at)
		r := linkage.SessionRecord{Agreement: p.Agreement.Digest(), Sequence: uint64(i + 1), Epoch: epoch, Day: at.Unix() / 86400,
			From: at, Until: at.AddDate(0, 0, 1), Evaluated: before.Evaluated + 60, Requests: before.Requests + 10, EvaluatedDay: 60, SpentDay: 64}
		if i > 0 {
			r.Previous = before.Hash()
		}
		change(i, &r)
		require.NoError(t, r.Sign(p.Agreement, linkage.Transmitter, p.Transmitter))
		require.NoError(t, r.Sign(p.Agreement, linkage.Receiver, p.Receiver))
		line, err := json.Marshal(r)
		require.NoError(t, err)
		lines, before = append(lines, string(line)), r
	}
	return agreement, lines
}

func unchanged(int, *linkage.SessionRecord) {}

func TestAuditPasses(t *testing.T) {
	agreement, lines := export(t, 30, unchanged)
	var out, errs bytes.Buffer
	require.Equal(t, exitOK, run([]string{"-agreement", agreement, "-json"}, strings.NewReader(strings.Join(lines, "\n")+"\n"), &out, &errs), errs.String())
	form, err := os.ReadFile(agreement)
	require.NoError(t, err)
	a, err := linkage.ParseAgreement(form)
	require.NoError(t, err)
	digest := fmt.Sprintf("%x", a.Digest())
	require.JSONEq(t, `{"agreement":"`+digest+`","from":"2026-11-23T00:00:00Z","until":"2026-12-23T00:00:00Z","records":30,"days":30,"evaluated":1800,"ok":true}`, out.String())
	require.Empty(t, errs.String())
	out.Reset()
	require.Equal(t, exitOK, run([]string{"-agreement", agreement, "-digest", strings.ToUpper(digest)}, strings.NewReader(strings.Join(lines, "\n")), &out, &errs))
	require.Equal(t, "agreement "+digest+"\nfrom 2026-11-23T00:00:00Z until 2026-12-23T00:00:00Z\n30 records over 30 days, 1800 identifiers evaluated one by one: both signatures, the chain and every cap hold\n", out.String())
	out.Reset()
	require.Equal(t, exitFailure, run([]string{"-agreement", agreement, "-digest", digest[:63] + "x"}, strings.NewReader(strings.Join(lines, "\n")), &out, &errs))
	require.Equal(t, "audit: the agreement is another: its digest is "+digest+"\n", errs.String())
	require.Empty(t, out.String())
}

// Whatever is wrong, the audit ends with one line that says where.
func TestAuditFindsIt(t *testing.T) {
	for name, c := range map[string]struct {
		sign func(i int, r *linkage.SessionRecord) // before it is signed
		edit func(lines []string) []string         // of what was exported
		line string
	}{
		"more than the cap": {sign: func(i int, r *linkage.SessionRecord) {
			if i == 4 {
				r.Evaluated, r.EvaluatedDay, r.SpentDay = r.Evaluated+60, 120, 120
			}
		}, line: "line 5: linkage: limit of the agreement passed: AdditionsPerDay: 120 asked for, 100 allowed\n"},
		"one left out":   {edit: func(l []string) []string { return append(l[:3:3], l[4:]...) }, line: "line 4: linkage: message out of order: it does not follow the line before, or is not the first\n"},
		"first left out": {edit: func(l []string) []string { return l[1:] }, line: "line 1: linkage: message out of order: it does not follow the line before, or is not the first\n"},
		"swapped":        {edit: func(l []string) []string { l[2], l[3] = l[3], l[2]; return l }, line: "line 3: linkage: message out of order: it does not follow the line before, or is not the first\n"},
		"changed": {edit: func(l []string) []string {
			l[6] = strings.Replace(l[6], `"requests":70`, `"requests":71`, 1)
			return l
		}, line: "line 7: linkage: peer not authenticated: the signature of the transmitter\n"},
		"not signed": {edit: func(l []string) []string {
			l[0] = l[0][:strings.Index(l[0], `"receiver_signature"`)] + `"receiver_signature":null}`
			return l
		}, line: "line 1: linkage: peer not authenticated: the signature of the receiver\n"},
		"no record":  {edit: func(l []string) []string { l[1] = "{}"; return l }, line: "line 2: no session record: linkage: bad frame\n"},
		"no records": {edit: func([]string) []string { return nil }, line: "there are no records\n"},
		"very long":  {edit: func(l []string) []string { l[9] = strings.Repeat("x", maxLine); return l }, line: "line 10: bufio.Scanner: token too long\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.sign == nil {
				c.sign = unchanged
			}
			agreement, lines := export(t, 10, c.sign)
			if c.edit != nil {
				lines = c.edit(lines)
			}
			var out, errs bytes.Buffer
			require.Equal(t, exitFailure, run([]string{"-agreement", agreement, "-json"}, strings.NewReader(strings.Join(lines, "\n")), &out, &errs))
			require.Equal(t, "audit: "+c.line, errs.String())
			var got result
			require.NoError(t, json.Unmarshal(out.Bytes(), &got))
			require.False(t, got.OK)
		})
	}
}

func TestAuditUsage(t *testing.T) {
	var out, errs bytes.Buffer
	require.Equal(t, exitUsage, run(nil, nil, &out, &errs))
	require.Equal(t, exitUsage, run([]string{"-what"}, nil, &out, &errs))
	require.Equal(t, exitOK, run([]string{"-h"}, nil, &out, &errs))
	require.Equal(t, exitFailure, run([]string{"-agreement", filepath.Join(t.TempDir(), "none")}, strings.NewReader(""), &out, &errs))
	agreement, _ := export(t, 1, unchanged)
	form, err := os.ReadFile(agreement)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(agreement, bytes.Replace(form, []byte(`"epoch_days":30`), []byte(`"epoch_days":31`), 1), 0o600))
	errs.Reset()
	require.Equal(t, exitFailure, run([]string{"-agreement", agreement}, strings.NewReader(""), &out, &errs))
	require.Contains(t, errs.String(), "signatures.transmitter: does not verify")
	require.Empty(t, out.String())
}
