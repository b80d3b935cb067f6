package main

import (
	"encoding/binary"
	"encoding/hex"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
)

// TestIdentifiers: every number has an identifier and no two have the same, also
// where package hashing refuses the first text of one.
func TestIdentifiers(t *testing.T) {
	const n = 400_000 // the first text of number 367,489 is refused
	seen := make(map[hashing.Identifier]struct{}, n)
	refused := 0
	for i := range int64(n) {
		id, err := identifier(i)
		require.NoError(t, err)
		seen[id] = struct{}{}
		text := hex.EncodeToString(binary.BigEndian.AppendUint64(nil, stir(uint64(i)*tries)))
		if _, err := hashing.ParseDevice(hashing.InstallID, text); err != nil {
			refused++
		}
	}
	assert.Len(t, seen, n)
	assert.Positive(t, refused, "or the second text of a number has not been tried")
	assert.Less(t, refused, 50)
}

// TestOverlap: by whatever way the input is made, what both parties bring has just
// the overlap in common, spread over the receiver's accounts.
func TestOverlap(t *testing.T) {
	for _, w := range []world{
		{accounts: 0, flagged: 9}, {accounts: 9, flagged: 0}, {accounts: 1, flagged: 1, overlap: 1},
		{accounts: 1000, flagged: 1000, overlap: 1000}, {accounts: 1000, flagged: 300, overlap: 299},
		{accounts: 1000, flagged: 300, overlap: 1}, {accounts: 997, flagged: 500, overlap: 101},
		{accounts: 40, flagged: 700, overlap: 40}, {accounts: 1000, flagged: 600, overlap: 600},
	} {
		held := w
		require.NoError(t, held.prepare(t.Context(), mostHeld))
		require.True(t, held.prepared())
		require.NoError(t, w.prepare(t.Context(), -1))
		require.False(t, w.prepared())
		accounts, flagged := all(t, w.receiverAccounts(nil)), all(t, w.signals(nil))
		require.Equal(t, accounts, all(t, held.receiverAccounts(nil)))
		require.Equal(t, flagged, all(t, held.signals(nil)))

		owner := map[hashing.Identifier]int64{}
		for i, a := range accounts {
			require.Equal(t, ref(int64(i)), a.Ref)
			require.Len(t, a.Identifiers, 1)
			owner[a.Identifiers[0]] = int64(i)
		}
		require.Len(t, owner, int(w.accounts))
		distinct := map[hashing.Identifier]bool{}
		var common []int64
		for j, f := range flagged {
			distinct[f.Identifiers[0]] = true
			i, ok := owner[f.Identifiers[0]]
			require.Equal(t, int64(j) < w.overlap, ok)
			if ok {
				common = append(common, i)
				back, ok := w.pair(i)
				require.True(t, ok)
				require.EqualValues(t, j, back)
			}
		}
		require.Len(t, distinct, int(w.flagged))
		require.True(t, slices.IsSorted(common))
		for k := 1; k < len(common); k++ {
			require.InDelta(t, float64(w.accounts)/float64(w.overlap), common[k]-common[k-1], 1)
		}
		paired := 0
		for i := int64(-1); i <= w.accounts; i++ {
			if _, ok := w.pair(i); ok {
				paired++
			}
		}
		require.EqualValues(t, w.overlap, paired)
	}
}

// TestLargest: nothing overflows at the largest sizes that the flags let through.
func TestLargest(t *testing.T) {
	w := world{accounts: most, flagged: most, overlap: most - 1}
	for _, j := range []int64{0, 1, most / 2, most - 2} {
		back, ok := w.pair(w.at(j))
		require.True(t, ok)
		require.Equal(t, j, back)
	}
	assert.Equal(t, int64(most), w.whose(most-1))
	assert.NotEqual(t, signalID(most-1), signalID(most-2))
	_, err := identifier(2 * most)
	assert.NoError(t, err)
}

func all[T any](t *testing.T, source linkage.Source[T]) (out []T) {
	t.Helper()
	for v, err := range source {
		require.NoError(t, err)
		out = append(out, v)
	}
	return out
}

func TestVerifyTags(t *testing.T) {
	w := &world{accounts: 100, flagged: 50, overlap: 10}
	m := linkage.Match{Account: ref(30), Signals: []linkage.MatchedSignal{{Kinds: []hashing.Kind{hashing.InstallID}, Places: []int{0}}}}
	require.NoError(t, w.verify([]linkage.Match{m}))
	for _, s := range []linkage.MatchedSignal{{ID: signalID(3)}, {Sequence: 1}, {Label: []byte{0}}} {
		m.Signals[0] = s
		assert.Error(t, w.verify([]linkage.Match{m}))
	}
	m.Account = ref(31)
	assert.Error(t, w.verify([]linkage.Match{m}))
}

// TestVerify: a match that is not one of those that there should be is found, also
// where their number is right.
func TestVerify(t *testing.T) {
	w := &world{accounts: 100, flagged: 50, overlap: 10, label: 64}
	right := func() *linkage.Match {
		return &linkage.Match{Account: ref(30), Signals: []linkage.MatchedSignal{{
			ID: signalID(3), Sequence: 1, Kinds: []hashing.Kind{hashing.InstallID}, Places: []int{0}, Label: w.labelOf(3)}}}
	}
	require.NoError(t, w.verify([]linkage.Match{*right()}))
	for name, change := range map[string]func(*linkage.Match){
		"account of nobody":  func(m *linkage.Match) { m.Account = ref(31) },
		"another account":    func(m *linkage.Match) { m.Account = ref(40) },
		"account not there":  func(m *linkage.Match) { m.Account = ref(100) },
		"account below":      func(m *linkage.Match) { m.Account = ref(-30) },
		"other spelling":     func(m *linkage.Match) { m.Account = "0" + m.Account },
		"no reference":       func(m *linkage.Match) { m.Account = "" },
		"no signal":          func(m *linkage.Match) { m.Signals = nil },
		"two signals":        func(m *linkage.Match) { m.Signals = append(m.Signals, m.Signals[0]) },
		"another signal":     func(m *linkage.Match) { m.Signals[0].ID = signalID(4) },
		"another revision":   func(m *linkage.Match) { m.Signals[0].Sequence = 2 },
		"another label":      func(m *linkage.Match) { m.Signals[0].Label = w.labelOf(4) },
		"label cut short":    func(m *linkage.Match) { m.Signals[0].Label = m.Signals[0].Label[:63] },
		"label is not there": func(m *linkage.Match) { m.Signals[0].Label = nil },
	} {
		m := right()
		change(m)
		assert.Error(t, w.verify([]linkage.Match{*m}), name)
	}
	assert.Error(t, w.verify([]linkage.Match{*right(), *right()}), "twice")
	first := &linkage.Match{Account: ref(0), Signals: []linkage.MatchedSignal{{ID: signalID(0), Sequence: 1, Label: w.labelOf(0)}}}
	assert.NoError(t, w.verify([]linkage.Match{*first, *right()}))
	assert.Error(t, w.verify([]linkage.Match{*right(), *first}))
}
