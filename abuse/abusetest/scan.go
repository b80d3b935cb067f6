package abusetest

import (
	"bytes"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
)

// Scan fails the test if a file in dir (or dir itself, if it is one) holds one of the secrets: see
// [Find].
func Scan(t testing.TB, dir string, secrets ...[]byte) {
	t.Helper()
	found, err := Find(dir, secrets...)
	noError(t, err)
	for _, f := range found {
		t.Error(f)
	}
}

// Find looks through all files beneath dir (a database, its WAL, what it leaves in temporary
// folders) for each secret, in each of its spellings. A secret is an identifier, as text, or the
// bytes of a tag. Found are:
//
//   - the bytes as they are, and reversed;
//   - in hexadecimal of both cases, in base64 of both alphabets (wherever in a longer text) and in
//     base32;
//   - texts also in upper and lower case, in UTF-16, and quoted for a URL;
//   - texts of which at least eight characters are letters and digits also without all others, which
//     are the spaces, dashes and brackets of telephone numbers and the like, and the bytes for
//     which these stand if they are hexadecimal; telephone numbers with a plus sign also with 00 in
//     its place and (as the length of the country's code is not known here) without the first 1, 2
//     and 3 digits, with a 0 before them and without if that leaves nine.
//
// A secret must have at least 8 bytes: shorter ones are found by chance, and are an error. The
// answer names files, and secrets by their place in the list.
func Find(dir string, secrets ...[]byte) ([]string, error) {
	// Candidates by their first eight bytes, behind a filter that keeps nearly all places off the map.
	type spelling struct {
		text   []byte
		secret int
	}
	heads := make(map[uint64][]spelling)
	filter := make([]bool, 1<<20)
	slot := func(head uint64) uint64 { return head * 0x9e3779b97f4a7c15 >> 44 }
	for i, s := range secrets {
		if len(s) < 8 {
			return nil, fmt.Errorf("abusetest: secret %d is too short to be looked for", i)
		}
		for _, text := range Spellings(s) {
			head := binary.LittleEndian.Uint64([]byte(text))
			heads[head] = append(heads[head], spelling{[]byte(text), i})
			filter[slot(head)] = true
		}
	}
	var found []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var hits []int
		for at := 0; at+8 <= len(data); at++ {
			head := binary.LittleEndian.Uint64(data[at:])
			if !filter[slot(head)] {
				continue
			}
			for _, s := range heads[head] {
				if bytes.HasPrefix(data[at:], s.text) && !slices.Contains(hits, s.secret) {
					hits = append(hits, s.secret)
					found = append(found, fmt.Sprintf("%s holds secret %d at %d", path, s.secret, at))
				}
			}
		}
		return nil
	})
	return found, err
}

// Spellings gives the spellings of a secret that [Find] looks for, those of at least 8 bytes, each once.
func Spellings(secret []byte) []string {
	forms := []string{string(secret)}
	if text := string(secret); printable(text) {
		forms = append(forms, texts(text)...)
	}
	var all []string
	for _, f := range forms {
		reversed := []byte(f)
		slices.Reverse(reversed)
		h := hex.EncodeToString([]byte(f))
		all = append(all, f, string(reversed), h, strings.ToUpper(h), unaligned32(f))
		all = append(all, unaligned64(f)...)
		if printable(f) {
			var le, be []byte
			for _, u := range utf16.Encode([]rune(f)) {
				le, be = binary.LittleEndian.AppendUint16(le, u), binary.BigEndian.AppendUint16(be, u)
			}
			all = append(all, string(le), string(be), strings.ReplaceAll(f, "+", "%2B"), strings.ReplaceAll(f, "+", "%2b"))
		}
	}
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(s string) bool { return len(s) < 8 })
}

func printable(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) < 0
}

// texts gives other ways to write a text.
func texts(text string) (forms []string) {
	forms = []string{strings.ToUpper(text), strings.ToLower(text)}
	bare := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return -1
	}, text)
	if len(bare) < 8 {
		return forms
	}
	forms = append(forms, bare, strings.ToUpper(bare), strings.ToLower(bare))
	if b, err := hex.DecodeString(bare); err == nil {
		forms = append(forms, string(b))
	}
	if strings.HasPrefix(text, "+") {
		forms = append(forms, "+"+bare, "00"+bare)
		for code := 1; code <= 3; code++ {
			if national := bare[min(code, len(bare)):]; len(national) >= 9 {
				forms = append(forms, national, "0"+national)
			}
		}
	}
	return forms
}

// unaligned64 gives what a text is in base64 wherever it begins: without the characters that also
// stand for what is around it.
func unaligned64(s string) (all []string) {
	for _, e := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for before := range 3 {
			encoded := e.EncodeToString(append(make([]byte, before), s...))
			from, to := (before*8+5)/6, (before+len(s))*8/6
			all = append(all, encoded[from:to])
		}
	}
	return all
}

func unaligned32(s string) string {
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString([]byte(s))[:len(s)*8/5]
}
