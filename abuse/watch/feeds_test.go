package watch

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/linkage"
)

// Feeds are joined by ID: the highest sequence counts, of one sequence the first word, and an alias
// stands for what it opened to in its own feed (linkage/PROTOCOL.md, section 15).
func TestFeedsAreJoinedByID(t *testing.T) {
	signal := uuid.New()
	old, young := era{number: 1, slots: 2}, era{number: 3, slots: 2}
	m := &match{account: "a", link: testLink, signal: signal}
	hear := func(e era, slot uint64, sequence uint64, label string) {
		m.hear("p", word{signal, sequence, []byte(label), name{e.number, [16]byte{byte(e.number)}}}, ground{generation: e.number + slot, token: [16]byte{9}})
	}
	is := func(live bool, sequence uint64, label string, grounds, names int) {
		t.Helper()
		require.Equal(t, []any{live, sequence, label, grounds, names}, []any{m.live(), m.sequence, string(m.label), len(m.grounds), len(m.names)})
	}
	hear(old, 1, 2, "second")
	hear(young, 1, 1, "first")
	is(true, 2, "second", 2, 2)
	hear(young, 1, 2, "another second")
	is(true, 2, "second", 2, 2)
	hear(young, 0, 3, "third")
	is(true, 3, "third", 3, 2)
	m.retract(3)
	is(true, 3, "third", 3, 2)
	m.retract(4)
	is(false, 4, "", 3, 2)
	hear(old, 1, 3, "third")
	is(false, 4, "", 3, 2)
	hear(young, 0, 5, "again")
	is(true, 5, "again", 3, 2)
	m.forget(old)
	is(true, 5, "again", 2, 1)
	m.forget(young)
	is(false, 5, "again", 0, 0)
}

// A signal that was revised and withdrawn while two feeds were open is in both, under one ID and with
// the same sequence; in a feed that began later the first that is said of it is an add.
func TestSignalInTwoFeeds(t *testing.T) {
	w := newTown(t, linkage.ProtocolVOLE)
	w.people.put("a", ids(t, 1))
	w.report(1, 1, ids(t, 1))
	w.report(2, 1, ids(t, 1))
	require.NoError(t, w.base(0))
	w.settle()
	w.report(1, 5)
	w.at.Store(w.agreement.EpochStart(1).Unix() - 3600)
	require.NoError(t, w.base(1)) // both epochs' feeds are open
	w.settle()
	w.withdraw(2)
	w.settle()
	w.check()
	all, err := w.rec.active(t.Context())
	require.NoError(t, err)
	require.Len(t, all, 2)
	type said struct {
		op       linkage.Operation
		sequence uint64
	}
	aliases := map[[16]byte]bool{}
	for i, c := range all {
		at, ok, err := w.rec.where(t.Context(), c)
		require.NoError(t, err)
		require.True(t, ok)
		by := map[[16]byte][]said{}
		for n := uint64(1); n <= at.at.batch; n++ {
			data, err := w.partner.Batch(t.Context(), c.feed, n, false)
			require.NoError(t, err)
			b, err := linkage.ParseBatch(w.agreement, data)
			require.NoError(t, err)
			for i := range b.Len() {
				r := b.Record(i)
				if r.Sequence() > 0 { // else it is padding
					by[r.Alias()] = append(by[r.Alias()], said{r.Operation(), r.Sequence()})
				}
			}
		}
		var lists [][]said
		for alias, list := range by {
			require.False(t, aliases[alias], "of another feed")
			if aliases[alias] = true; len(list) > 1 || list[0].sequence == 5 {
				lists = append(lists, list)
			}
		}
		want := [][]said{{{linkage.Add, 1}, {linkage.Revise, 5}}, {{linkage.Add, 1}, {linkage.Retract, 2}}}
		if i == 1 {
			want[0] = []said{{linkage.Add, 5}}
		}
		for _, list := range want {
			require.Contains(t, lists, list)
		}
	}
}
