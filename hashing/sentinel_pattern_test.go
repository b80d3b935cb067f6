package hashing

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestPatternsAgainstModel compares each measure with the dumbest way to take it, on
// short strings of few symbols, where patterns are common.
func TestPatternsAgainstModel(t *testing.T) {
	const seed = 7
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	seen := map[int]int{}
	for range 100_000 {
		values := make([]byte, 1+r.IntN(12))
		base := []int{3, 10, 16, 256}[r.IntN(4)]
		for i := range values {
			values[i] = byte(r.IntN(min(base+1, 256)))
		}
		if i := r.IntN(len(values)); r.IntN(2) == 0 { // plant a progression
			step := r.IntN(base)
			for ; i+1 < len(values); i++ {
				values[i+1] = byte((int(values[i]) + step) % base)
			}
		}
		run := modelRun(values, base)
		seen[run]++
		sorted := slices.Sorted(slices.Values(values))
		if run != longestRun(values, base) || modelPeriodic(values) != periodic(values) || len(slices.Compact(sorted)) != distinct(values) {
			require.Fail(t, "other than the model", "base %d: %v", base, values)
		}
	}
	require.Greater(t, len(seen), 10, "runs of all lengths came up")
}

// modelRun tries every stretch.
func modelRun(values []byte, base int) int {
	longest := 0
	for from := range values {
	stretch:
		for to := from + 1; to <= len(values); to++ {
			part := values[from:to]
			for i, v := range part {
				if int(v) >= base || i > 0 && (int(v)-int(part[i-1])-int(part[min(1, len(part)-1)])+int(part[0])+2*base)%base != 0 {
					break stretch
				}
			}
			longest = max(longest, len(part))
		}
	}
	return longest
}

// modelPeriodic looks for the text inside itself, moved.
func modelPeriodic(values []byte) bool {
	for p := 1; p <= len(values)/2; p++ {
		block := string(values[:p])
		if strings.HasPrefix(strings.Repeat(block, len(values)), string(values)) {
			return true
		}
	}
	return false
}

// TestListsAreFindable: an entry that no text leads to would be a dead letter.
func TestListsAreFindable(t *testing.T) {
	for _, id := range sharedIMEIs {
		assert.Len(t, id, 15)
		_, err := ParseDevice(IMEI, id)
		assert.ErrorIs(t, err, ReasonSentinel, id)
		_, err = ParseDevice(IMEI, id[:14]+"01")
		assert.ErrorIs(t, err, ReasonSentinel, "%s as IMEISV", id)
	}
	for _, id := range sharedIDs {
		for kind := IMEI; kind < kindEnd; kind++ {
			_, err := ParseDevice(kind, strings.ToUpper(id))
			assert.ErrorIs(t, err, ReasonSentinel, "%s as %s", id, kind)
		}
	}
	all := append(slices.Clone(sharedIMEIs[:]), sharedIDs[:]...)
	slices.Sort(all)
	assert.Len(t, slices.Compact(slices.Clone(all)), len(all), "no entry twice")
}

// TestMatchForms pins what is sealed, for it is on the wire by way of the digest.
func TestMatchForms(t *testing.T) {
	for _, row := range []struct {
		kind       Kind
		text, form string
	}{
		{IMEI, "35-182940-736195-2", "35182940736195\x00\x00"},
		{MEID, "A1B03F7C2D94E6", "a1b03f7c2d94e6\x00\x00"},
		{AndroidID, "7C3E91F05AB2D846", "\x7c\x3e\x91\xf0\x5a\xb2\xd8\x46\x00\x00\x00\x00\x00\x00\x00\x00"},
		{InstallID, "7C3E91F05AB2D846", "\x7c\x3e\x91\xf0\x5a\xb2\xd8\x46\x00\x00\x00\x00\x00\x00\x00\x00"},
		{VendorID, "5D1C9A52-8E07-4B3F-A4D6-27F0B9638CE1", "\x5d\x1c\x9a\x52\x8e\x07\x4b\x3f\xa4\xd6\x27\xf0\xb9\x63\x8c\xe1"},
	} {
		id, err := ParseDevice(row.kind, row.text)
		require.NoError(t, err)
		f := id.open()
		assert.Equal(t, row.form, string(f[:]), row.kind)
	}
}
