package watch

import (
	"math/rand/v2"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/hashing"
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

// A transmitter that keeps to the agreement never says two signals under one tag, nor takes back more than
// it has said, whatever happens and however often it is restarted: receivers rely on both.
func TestTagsAreOfOneSignal(t *testing.T) {
	for _, protocol := range []string{linkage.ProtocolEC, linkage.ProtocolVOLE} {
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		r := rand.New(rand.NewPCG(seed, 1))
		w := newTown(t, protocol, func(w *town) { w.at.Store(w.agreement.EpochStart(0).Unix() + 3600) })
		some := func() hashing.Identifier { return ids(t, r.IntN(5)) }
		next := 0
		for range 20 {
			w.report(next, 1, some())
			next++
		}
		for n := range 4 { // withdrawn before it is published, or right after
			w.withdraw(3 * n)
		}
		require.NoError(t, w.base(0))
		w.settle()
		for range 200 {
			if w.now().After(w.agreement.EpochStart(1).AddDate(0, 0, -3)) {
				break
			}
			switch r.IntN(9) {
			case 0:
				w.startTransmitter()
			case 1: // some run out
				w.at.Add(20 * 3600)
				require.NoError(t, w.tr.Cut(t.Context()))
			default:
				w.live(r, some, &next)
			}
		}
		w.startTransmitter()
		w.at.Add(3600)
		require.NoError(t, w.tr.Cut(t.Context()))
		feeds, twice := 0, 0
		heads, err := w.tr.heads(t.Context())
		require.NoError(t, err)
		for _, h := range heads {
			feeds++
			type slotTag struct {
				slot int
				tag  [16]byte
			}
			of := map[slotTag][16]byte{}
			adds, retracts := 0, 0
			for n := uint64(1); n <= h.number; n++ {
				data, err := w.tr.batch(t.Context(), h.feed, n)
				require.NoError(t, err)
				b, err := linkage.ParseBatch(w.agreement, data.data)
				require.NoError(t, err)
				said := 0
				for i := range b.Len() {
					rec := b.Record(i)
					switch rec.Operation() {
					case linkage.Add:
						said++
					case linkage.Retract:
						retracts++
					}
					for id := range rec.Identifiers() {
						for slot := range rec.Slots() {
							at := slotTag{slot, rec.Tag(id, slot)}
							if alias, ok := of[at]; ok {
								require.Equal(t, alias, rec.Alias())
								twice++
							}
							of[at] = rec.Alias()
						}
					}
				}
				require.LessOrEqual(t, retracts, adds)
				adds += said
			}
		}
		require.Positive(t, feeds)
		require.Positive(t, twice, "revisions")
	}
}
