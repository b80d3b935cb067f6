package hashing

import (
	"compress/gzip"
	"encoding/csv"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Google's own libphonenumber, in Java, is the oracle of these tests. Its verdicts,
// and the real numbers they are about, lie in a folder beside the checkout and never
// in it; where the folder is absent the tests are skipped.

func phoneData(t *testing.T, name string) []map[string]string {
	t.Helper()
	root := os.Getenv("HUEANDCRY_DATA")
	for dir, err := filepath.Abs("."); root == "" && err == nil; dir = filepath.Dir(dir) {
		beside := filepath.Join(dir, "..", "shared", "data")
		if info, err := os.Stat(beside); err == nil && info.IsDir() {
			root = beside
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	if root == "" {
		t.Skip("no data folder: set HUEANDCRY_DATA, or put shared/data beside the checkout")
	}
	files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(name)))
	require.NoError(t, err)
	if len(files) == 0 {
		t.Skipf("no file %s in the data folder", name)
	}
	var out []map[string]string
	for _, file := range files {
		f, err := os.Open(file)
		require.NoError(t, err)
		defer f.Close()
		var text io.Reader = f
		if strings.HasSuffix(file, ".gz") {
			text, err = gzip.NewReader(f)
			require.NoError(t, err)
		}
		r := csv.NewReader(text)
		head, err := r.Read()
		require.NoError(t, err)
		for {
			row, err := r.Read()
			if err == io.EOF {
				break
			}
			require.NoError(t, err)
			m := map[string]string{}
			for i, cell := range row {
				m[head[i]] = cell
			}
			out = append(out, m)
		}
	}
	require.NotEmpty(t, out)
	return out
}

// formOf is the match form of a spelling in clear, or the reason of its refusal.
func formOf(text, region string) (string, Reason) {
	id, err := ParsePhone(text, region)
	if err != nil {
		var e *Error
		if !errors.As(err, &e) || id != (Identifier{}) {
			panic("an error that is none")
		}
		return "", e.Reason
	}
	f := id.open()
	return strings.TrimRight(string(f[:]), "\x00"), ""
}

// verdict is what the oracle says about one row.
type verdict struct {
	text, region string
	possible     string // IS_POSSIBLE, another word, or "" where it cannot parse
	e164         string
	kind         string // FIXED_LINE and so on
}

var (
	someLetter = regexp.MustCompile(`\p{L}`)
	someMask   = regexp.MustCompile(`[xX*?_#]`)
)

// explain gives the class of a row: "as the oracle", or the rule of ours that makes
// the difference. ok is false where none does.
func explain(v verdict) (class string, ok bool) {
	got, reason := formOf(v.text, v.region)
	if v.possible != "IS_POSSIBLE" {
		if reason != "" {
			return "not possible, and refused", true
		}
		for _, r := range matchRules {
			if v.e164 != "" && strings.HasPrefix(v.e164, "+"+strconv.Itoa(r.code)) {
				// An old spelling that the oracle finds too long or too short.
				if want, reason := formOf(v.e164, ""); reason == "" && want == got {
					return "match form: " + r.name, true
				}
			}
		}
		return "accepted, though the oracle says " + v.possible, false
	}
	switch reason {
	case "":
	case ReasonLetters:
		return "refused: letters", someLetter.MatchString(v.text)
	case ReasonMasked:
		return "refused: masked", someMask.MatchString(v.text)
	case ReasonPremium:
		return "refused: premium", v.kind == "PREMIUM_RATE"
	case ReasonFiction:
		_, again := formOf(v.e164, "")
		return "refused: fiction", again == ReasonFiction
	case ReasonLowEntropy:
		l, known := splitCode(v.e164[1:])
		return "refused: low_entropy", known && modelPlaceholder(l.nsn)
	case ReasonShortCode:
		return "refused: short_code", v.kind == "UNKNOWN" && len(v.e164) <= 1+3+longestShort
	case ReasonLength:
		// Canada's 310-1234 is valid to the oracle, and possible only locally.
		l, known := splitCode(v.e164[1:])
		return "refused: local only", known && !plans()[l.code].possible(len(l.nsn))
	default:
		return "refused: " + string(reason), false
	}
	want, reason := formOf(v.e164, "")
	switch {
	case reason != "":
		return "the oracle's own number is refused: " + string(reason), false
	case got != want:
		return "another line", false
	case "+"+got == v.e164:
		return "as the oracle", true
	}
	for _, r := range matchRules {
		if strings.HasPrefix(got, strconv.Itoa(r.code)) {
			return "match form: " + r.name, true
		}
	}
	l, known := splitCode(v.e164[1:])
	if known && plans()[l.code].mayStrip(l.nsn) {
		return "a trunk prefix written twice", true
	}
	return "another line", false
}

func checkVerdicts(t *testing.T, all []verdict) {
	t.Helper()
	counts := map[string]int{}
	for i, v := range all {
		class, ok := explain(v)
		counts[class]++
		if !ok {
			// The row's place and not its number: test output is copied about.
			t.Errorf("row %d (region %q): %s", i+2, v.region, class)
		}
	}
	for class, n := range counts {
		t.Logf("%6d  %s", n, class)
	}
	require.Positive(t, counts["as the oracle"])
}

func TestOracleParseCases(t *testing.T) {
	var all []verdict
	for _, r := range phoneData(t, "phone_normalisation/*parse_cases*.csv") {
		all = append(all, verdict{r["input"], r["default_region"], r["prod_possible"], r["prod_e164"], r["prod_type"]})
	}
	checkVerdicts(t, all)
}

func TestOracleExampleNumbers(t *testing.T) {
	var all []verdict
	for _, r := range phoneData(t, "phone_normalisation/*example_numbers*.csv") {
		all = append(all, verdict{r["input"], r["default_region"], "IS_POSSIBLE", r["expected_e164"], r["lpn_type"]})
	}
	checkVerdicts(t, all)
}

func TestOracleComplaints(t *testing.T) {
	var all []verdict
	for _, r := range phoneData(t, "phone_complaints/ftc_raw_numbers_with_libphonenumber*.csv") {
		all = append(all, verdict{r["number_raw"], r["default_region"], r["lpn_possible"], r["lpn_e164"], r["lpn_type"]})
	}
	checkVerdicts(t, all)
}
