package strength_test

import (
	"encoding/csv"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/strength"
	"github.com/hueandcry/hueandcry/hashing"
)

// Open data of record linkage with known truth lie in a folder beside the checkout and never in it;
// where the folder is absent the test is skipped. No name and no address is read from them.
func linkageData(t *testing.T) string {
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
	folder := filepath.Join(root, "record_linkage")
	if _, err := os.Stat(folder); root == "" || err != nil {
		t.Skip("no folder data/record_linkage: set HUEANDCRY_DATA, or put shared/data beside the checkout")
	}
	return folder
}

// rows reads the columns that are asked for.
func rows(t *testing.T, file string, columns ...string) (all [][]string) {
	f, err := os.Open(file)
	require.NoError(t, err)
	defer f.Close()
	r := csv.NewReader(f)
	r.TrimLeadingSpace, r.LazyQuotes = true, true
	head, err := r.Read()
	require.NoError(t, err)
	at := make([]int, len(columns))
	for i, c := range columns {
		at[i] = -1
		for j, h := range head {
			if strings.TrimSpace(h) == c {
				at[i] = j
			}
		}
		require.GreaterOrEqual(t, at[i], 0, c)
	}
	for {
		row, err := r.Read()
		if err == io.EOF {
			return all
		}
		require.NoError(t, err)
		var out []string
		for _, j := range at {
			out = append(out, strings.TrimSpace(row[j]))
		}
		all = append(all, out)
	}
}

func digits(s string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
}

// accounts makes accounts of rows of truth, phone and device; what is empty is absent.
func accounts(all [][]string) (out []account) {
	for _, row := range all {
		a := account{person: row[0], ids: map[hashing.Kind]string{}}
		for i, k := range []hashing.Kind{hashing.Phone, hashing.InstallID} {
			if 1+i < len(row) && row[1+i] != "" {
				a.ids[k] = row[1+i]
			}
		}
		out = append(out, a)
	}
	return out
}

// What stands in for what, in data that were made for other ends:
//
//	Fodors/Zagats    phone: the telephone number; there is no device, nor an id number
//	FEBRL phones     phone: the telephone number; device: the social security number
//	FEBRL 1, 2       device: the social security number; there is no number. The date of birth, which
//	                 strangers share, stands in for a number that strangers share
//	Splink           device: the e-mail address; date of birth as above
func TestRecordLinkageData(t *testing.T) {
	folder := linkageData(t)
	file := func(name string) string { return filepath.Join(folder, name) }
	matches := map[string]string{}
	for _, m := range rows(t, file("fodors_zagats__fodors_zagats_matches.csv"), "fodors_id", "zagats_id") {
		matches[m[0]] = m[1]
	}
	fodors := rows(t, file("fodors_zagats__fodors.csv"), "id", "phone")
	zagats := rows(t, file("fodors_zagats__zagats.csv"), "id", "phone")
	for i := range fodors {
		if z, ok := matches[fodors[i][0]]; ok {
			fodors[i][0] = z
		} else {
			fodors[i][0] = "of Fodors alone " + fodors[i][0]
		}
	}
	for _, list := range [][][]string{fodors, zagats} {
		for i := range list {
			list[i][1] = digits(list[i][1])
			if len(list[i][1]) < 10 {
				list[i][1] = "" // cut short
			} else {
				list[i][1] = list[i][1][:10] // without an extension
			}
		}
	}
	febrl := func(name string) [][]string {
		all := rows(t, file(name), "rec_id", "phone_number", "soc_sec_id")
		for i := range all {
			all[i][1] = digits(all[i][1])
		}
		return all
	}
	numbered := func(name string) [][]string {
		all := rows(t, file(name), "rec_id", "date_of_birth", "soc_sec_id")
		for i := range all {
			all[i][0] = strings.Split(all[i][0], "-")[1]
		}
		return all
	}
	// The same as two services: originals at one, copies at the other; every second row.
	split := func(all [][]string, first func(int) bool) (a, b [][]string) {
		for i, row := range all {
			if first(i) {
				a = append(a, row)
			} else {
				b = append(b, row)
			}
		}
		return a, b
	}
	originals := func(name string) func(int) bool {
		ids := rows(t, file(name), "rec_id")
		return func(i int) bool { return strings.HasSuffix(ids[i][0], "-org") }
	}
	one, two := numbered("febrl_dataset1.csv"), numbered("febrl_dataset2.csv")
	oneHere, oneThere := split(one, originals("febrl_dataset1.csv"))
	twoHere, twoThere := split(two, originals("febrl_dataset2.csv"))
	splink := rows(t, file("splink_fake_1000.csv"), "cluster", "dob", "email")
	splinkHere, splinkThere := split(splink, func(i int) bool { return i%2 == 0 })
	for _, set := range []struct {
		name        string
		here, there [][]string
		right       int
		// The least precision and recall of the estimated model at .5.
		precision, recall float64
	}{
		{"Fodors/Zagats", fodors, zagats, 112, .98, .92},
		{"FEBRL phones", febrl("febrl_phone_dirty_1000_50_1.csv"), febrl("febrl_phone_dirty_1000_50_2.csv"), 500, .99, .99},
		{"FEBRL 1", one, nil, 500, .99, .89},
		{"FEBRL 2", two, nil, 1934, .99, .86},
		{"Splink 1000", splink, nil, 2031, .99, .49},
		{"FEBRL 1 as two services", oneHere, oneThere, 500, .99, .89},
		{"FEBRL 2 as two services", twoHere, twoThere, 1000, .99, .85},
		{"Splink as two services", splinkHere, splinkThere, 0, .98, .4},
	} {
		t.Run(set.name, func(t *testing.T) {
			here, there := accounts(set.here), accounts(set.there)
			same := set.there == nil
			if same {
				there = here
			}
			pairs, patterns, right := compareAll(here, there, same, abuse.Signal{})
			if set.right > 0 {
				require.Equal(t, set.right, right)
			}
			report := func(name string, take func(strength.Comparison) bool) (p, q float64) {
				p, q = score(pairs, right, take)
				t.Logf("%-26s precision %.4f recall %.4f", name, p, q)
				return p, q
			}
			report("naive: phone", agrees(hashing.Phone))
			naive := agrees(hashing.Phone, hashing.InstallID)
			before, _ := report("naive: phone or device", naive)
			report("shipped, .5", above(strength.Default(), .5))
			report("shipped, .9", above(strength.Default(), .9))
			m, fit, err := strength.Estimate(patterns, strength.Options{})
			require.NoError(t, err)
			report("estimated, .9", above(m, .9))
			p, q := report("estimated, .5", above(m, .5))
			require.GreaterOrEqual(t, p, before)
			t.Logf("%d pairs, %d right, estimated %.1f; identified %t, %d steps", fit.Pairs, right, fit.Matches, fit.Identified, fit.Steps)
			require.GreaterOrEqual(t, p, set.precision)
			require.GreaterOrEqual(t, q, set.recall)
		})
	}
}
