package main

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/csv"
	"encoding/hex"
	"index/suffixarray"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/linkage"
	"github.com/hueandcry/hueandcry/linkage/linkagetest"
)

// minNeedle is the shortest text that is looked for, and minBytes the shortest
// binary form: what is shorter is met by chance.
const (
	minNeedle = 7
	minBytes  = 5
)

// spellingsOf gives the ways in which an identifier could be written.
func spellingsOf(cell string) []string {
	digits := strings.Map(func(r rune) rune {
		for _, zero := range "0０٠" {
			if r >= zero && r <= zero+9 {
				return '0' + r - zero
			}
		}
		return -1
	}, cell)
	plain := strings.NewReplacer("-", "", " ", "", ".", "", "(", "", ")", "").Replace(cell)
	all := []string{cell, strings.TrimSpace(cell), plain, strings.ToLower(plain), strings.ToUpper(plain),
		strings.ToLower(cell), strings.ToUpper(cell)}
	if !strings.ContainsAny(strings.ToLower(cell), "abcdf") { // a number, and no hexadecimal id
		trimmed := strings.TrimLeft(digits, "0")
		all = append(all, digits, "+"+digits, trimmed, "+"+trimmed, "00"+trimmed, "0"+trimmed)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// formsOf gives the bytes in which a spelling could travel: as it is, in other
// encodings, and as any unkeyed hash that people use for identifiers.
func formsOf(spelling string) [][]byte {
	raw := []byte(spelling)
	wide := utf16.Encode([]rune(spelling))
	little, _ := binary.Append(nil, binary.LittleEndian, wide)
	big, _ := binary.Append(nil, binary.BigEndian, wide)
	forms := [][]byte{raw, little, big, upper(hex.EncodeToString(raw)), []byte(hex.EncodeToString(raw))}
	forms = append(forms, base64Of(raw)...)
	if packed, err := hex.DecodeString(strings.ReplaceAll(spelling, "-", "")); err == nil {
		forms = append(forms, packed, swapped(packed)) // digits or hexadecimal, two a byte
		reversed := slices.Clone(packed)
		slices.Reverse(reversed)
		forms = append(forms, reversed)
	} else if packed, err := hex.DecodeString(strings.TrimPrefix(spelling, "+") + "f"); err == nil {
		forms = append(forms, packed[:len(packed)-1], swapped(packed)) // as GSM packs an odd number of digits
	}
	s256, s1, m5 := sha256.Sum256(raw), sha1.Sum(raw), md5.Sum(raw)
	for _, sum := range [][]byte{s256[:], s1[:], m5[:]} {
		forms = append(forms, sum, sum[:16], []byte(hex.EncodeToString(sum)), upper(hex.EncodeToString(sum)))
		forms = append(forms, base64Of(sum)...)
	}
	return forms
}

func upper(s string) []byte { return []byte(strings.ToUpper(s)) }

func base64Of(b []byte) [][]byte {
	return [][]byte{
		[]byte(base64.RawStdEncoding.EncodeToString(b)),
		[]byte(base64.RawURLEncoding.EncodeToString(b)),
	}
}

func swapped(b []byte) []byte {
	out := make([]byte, len(b))
	for i, c := range b {
		out[i] = c<<4 | c>>4
	}
	return out
}

// needles are the forms of identifiers, each with the identifier.
type needles map[string]string

// needlesOf gives every form of every identifier.
func needlesOf(identifiers []string) needles {
	all := needles{}
	for _, cell := range identifiers {
		for _, spelling := range spellingsOf(cell) {
			if len(spelling) < minNeedle {
				continue
			}
			for _, form := range formsOf(spelling) {
				if len(form) >= minBytes {
					all[string(form)] = cell
				}
			}
		}
	}
	return all
}

// in gives the identifiers of which a form is in what was seen.
func (all needles) in(seen []byte) (found []string) {
	index := suffixarray.New(seen)
	for form, cell := range all {
		if len(index.Lookup([]byte(form), 1)) > 0 {
			found = append(found, cell)
		}
	}
	return found
}

// identifierCells collects every phone and device cell of a CSV file, and beside
// them all spellings that the made-up lines have.
func identifierCells(t *testing.T, file []byte) (cells []string) {
	t.Helper()
	rows, err := csv.NewReader(bytes.NewReader(file)).ReadAll()
	require.NoError(t, err)
	for _, name := range []string{"phone", "device"} {
		i := slices.Index(rows[0], name)
		require.GreaterOrEqual(t, i, 0)
		for _, row := range rows[1:] {
			if !slices.ContainsFunc(spoiltDevices, func(g gadget) bool { return g.id == row[i] }) {
				cells = append(cells, row[i])
			}
		}
	}
	return cells
}

// worldCells gives the identifiers of a made-up world as cells of both files, and
// its lines in E.164 and nationally.
func worldCells(t *testing.T, seed uint64, n size) []string {
	t.Helper()
	world := makeUp(seed, n)
	cells := append(identifierCells(t, world.flagged), identifierCells(t, world.accounts)...)
	for _, line := range linesOf(seed, n) {
		cells = append(cells, line.plain(), line.grouped(" "), line.in.trunk+line.nsn, line.nsn)
		if line.in.other != nil {
			cells = append(cells, "+"+line.in.code+line.in.other(line.nsn))
		}
	}
	return cells
}

// linesOf gives the lines of a made-up world.
func linesOf(seed uint64, n size) (all []number) {
	w := newWorld(seed, n)
	for _, f := range w.flagged {
		all = append(all, f.phone)
	}
	for _, a := range w.account {
		all = append(all, a.phones...)
	}
	return all
}

// TestScannerFinds plants an identifier in every form and looks for it: a scan that
// finds nothing anywhere would pass for a proof.
func TestScannerFinds(t *testing.T) {
	noise := bytes.Repeat([]byte("a stream of other bytes "), 100)
	for _, cell := range []string{"+1 202-555-0143", "٠٧٧٠٠٩٠٠١٢٣", someIDFA, strings.ToUpper(someSSAID)} {
		require.Empty(t, needlesOf([]string{cell}).in(noise))
		planted := 0
		for _, spelling := range spellingsOf(cell) {
			if len(spelling) < minNeedle {
				continue
			}
			for _, form := range formsOf(spelling) {
				if len(form) < minBytes {
					continue
				}
				planted++
				require.NotEmpty(t, needlesOf([]string{cell}).in(slices.Concat(noise, form, noise)))
			}
		}
		require.Greater(t, planted, 50)
	}
}

// TestNothingLeaksInside looks at what the two parties say below TLS, where there is
// no encryption of the transport's, in both directions.
func TestNothingLeaksInside(t *testing.T) {
	n := size{accounts: 500, flagged: 250}
	world, forms := makeUp(11, n), needlesOf(worldCells(t, 11, n))
	t.Logf("%d forms", len(forms))
	require.Greater(t, len(forms), 50_000)
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) { nothingLeaksInside(t, protocol, n, world, forms) })
	}
}

func nothingLeaksInside(t *testing.T, protocol string, n size, world *madeUp, forms needles) {
	o := &options{seed: 11, now: madeNow, size: n}
	var log watched
	tp, err := o.party(linkage.Transmitter, protocol)
	require.NoError(t, err)
	rp, err := o.party(linkage.Receiver, protocol)
	require.NoError(t, err)
	flagged, err := readFlagged(o.intake("flagged", tp.agreement, newLogger(&log)), bytes.NewReader(world.flagged), tp, o.now)
	require.NoError(t, err)
	accounts, err := readAccounts(o.intake("accounts", rp.agreement, newLogger(&log)), bytes.NewReader(world.accounts))
	require.NoError(t, err)

	a, b := linkagetest.Pipe()
	recorder := &linkagetest.Recorder{Conn: b}
	t.Cleanup(func() { _ = a.Close(); _ = b.Close() })
	given := func(c net.Conn) connector { return func(context.Context) (net.Conn, error) { return c, nil } }
	parties, ctx := errgroup.WithContext(linkagetest.AllowPlain(t.Context()))
	parties.Go(func() error {
		tr := &transmitter{party: tp, now: o.now}
		_, err := tr.transmit(ctx, given(a), flagged)
		return err
	})
	var matches []linkage.Match
	parties.Go(func() (err error) {
		r := &receiver{party: rp, now: o.now}
		matches, _, err = r.receive(ctx, given(recorder), accounts)
		return err
	})
	require.NoError(t, parties.Wait())
	require.Greater(t, len(matches), 20)

	r := &receiver{party: rp, now: o.now, log: newLogger(&log)}
	decisions := r.decide(matches, accounts)
	var written bytes.Buffer
	require.NoError(t, encodeDecisions(&written, decisions))
	for i := range decisions {
		written.WriteString(decisions[i].Text())
		whole, err := decisions[i].MarshalJSON()
		require.NoError(t, err)
		written.Write(whole)
	}
	for name, seen := range map[string][]byte{
		"to the transmitter": recorder.Sent(),
		"to the receiver":    recorder.Received(),
		"decisions":          written.Bytes(),
		"log":                []byte(log.String()),
	} {
		t.Logf("%s: %d bytes", name, len(seen))
		assert.Empty(t, forms.in(seen), name)
	}
	// What the transmitter alone knows of its accounts is not said either.
	sent, received := recorder.Sent(), recorder.Received()
	for _, f := range flagged {
		assert.False(t, bytes.Contains(received, []byte(f.Ref)))
	}
	for _, ref := range accounts.refs {
		assert.False(t, bytes.Contains(sent, []byte(ref)))
	}
}

// TestNothingLeaksOutside looks at all that two processes leave: the wire, both
// outputs, the logs and the decisions file, with files that hold every sort of bad
// row.
func TestNothingLeaksOutside(t *testing.T) {
	flaggedRows := [][]string{
		{"m1", "+14155552671", "", "ssaid", someSSAID, "phishing", "confirmed", "95", "high", "2026-10-01", "9"},
		{"m2", "(415) 555-2672", "US", "", "", "spam", "confirmed", "70", "medium", "2026-10-01", "3"},
		{"m3", "41555526XX", "US", "", "", "spam", "confirmed", "70", "medium", "2026-10-01", "3"},
		{"m4", "+14155552673", "", "", "", "4155552674", "confirmed", "70", "medium", "2026-10-01", "3"},
		{"m5", "+14155552675", "", "", "", "spam", "confirmed", "70", "medium", "4155552676", "3"},
	}
	accountRows := [][]string{
		{"n1", "415-555-2671", "US", "2020-01-01", "android_id", strings.ToUpper(someSSAID), "2020-01-01"},
		{"n2", "+1 415 555 2672", "", "2020-01-01", "", "", ""},
		{"n3", "call 4155552677", "", "", "4155552678", "4155552679", ""},
		{"n4", "+14155552680", "", "4155552681", "", "", ""},
		{"n5", "+33 6 39 98 12 34 5678901", "FR", "", "imei", "358142076391522", ""},
	}
	flagged := writeCSV(t, "flagged.csv", flaggedColumns, flaggedRows)
	accounts := writeCSV(t, "accounts.csv", accountColumns, accountRows)
	cells := append(identifierCells(t, []byte(readFile(t, flagged))), identifierCells(t, []byte(readFile(t, accounts)))...)
	for _, n := range []string{"2671", "2672", "2673", "2674", "2675", "2676", "2677", "2678", "2679", "2680", "2681"} {
		cells = append(cells, "+1415555"+n, "415555"+n, "555"+n)
	}

	var wire watched
	certs, path := certificates(t), filepath.Join(t.TempDir(), "d.jsonl")
	sent, received := pair(t, func(address string) string { return tapped(t, address, &wire) },
		append(partyFlags(certs, "transmitter"), "-flagged", flagged),
		append(partyFlags(certs, "receiver"), "-accounts", accounts, "-decisions", path))
	require.Equal(t, exitOK, sent.code, sent.stderr)
	require.Equal(t, exitOK, received.code, received.stderr)
	lines := decisionsOf(t, path)
	require.Len(t, lines, 2)
	assert.Equal(t, abuse.Disable, lines[0].Action)
	require.Greater(t, len(wire.String()), 3000)

	forms := needlesOf(cells)
	for name, seen := range map[string]string{
		"wire": wire.String(), "decisions": readFile(t, path),
		"transmitter's output": sent.stdout, "transmitter's log": sent.stderr,
		"receiver's output": received.stdout, "receiver's log": received.stderr,
	} {
		assert.Empty(t, forms.in([]byte(seen)), name)
	}
}

// tapped forwards one connection and keeps the bytes of both directions.
func tapped(t *testing.T, address string, to io.Writer) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var forwarding sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); forwarding.Wait() })
	forwarding.Go(func() {
		near, err := l.Accept()
		if err != nil {
			return
		}
		defer near.Close()
		far, err := net.Dial("tcp", address)
		if err != nil {
			return
		}
		defer far.Close()
		forwarding.Go(func() {
			_, _ = io.Copy(io.MultiWriter(far, to), near)
			_ = far.(*net.TCPConn).CloseWrite()
		})
		_, _ = io.Copy(io.MultiWriter(near, to), far)
	})
	return l.Addr().String()
}
