package watch

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/hashing"
)

// Lists of any length are what a map is.
func TestLists(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	store := abuse.NewMemory()
	keys := [][]byte{[]byte("a"), []byte("b"), []byte("c")}
	model := map[string]map[string]string{"a": {}, "b": {}, "c": {}}
	for step := range 300 {
		require.NoError(t, store.Update(t.Context(), func(w abuse.Writer) error {
			if step%3 == 2 {
				k, account := keys[r.IntN(3)], fmt.Sprint("p-", r.IntN(250))
				delete(model[string(k)], account)
				_, err := dropFromList(w, abuse.Aliases, k, accountKey(account))
				return err
			}
			var adds []addition
			var want []int
			for range r.IntN(20) {
				k, account, rest := keys[min(r.IntN(4), 2)], fmt.Sprint("p-", r.IntN(250)), fmt.Sprint(r.IntN(3))
				if _, ok := model[string(k)][account]; !ok {
					want = append(want, len(adds))
				}
				model[string(k)][account] = rest
				adds = append(adds, addition{k, append(accountKey(account), rest...), 2 + len(account)})
			}
			added, err := addAll(w, abuse.Aliases, adds)
			require.Equal(t, want, added)
			return err
		}))
		require.NoError(t, store.View(t.Context(), func(rd abuse.Reader) error {
			all, err := lists(rd, abuse.Aliases, keys)
			require.NoError(t, err)
			for i, items := range all {
				got := map[string]string{}
				for _, item := range items {
					account, rest, ok := splitAccount(item)
					require.True(t, ok)
					_, twice := got[account]
					require.False(t, twice)
					got[account] = string(rest)
				}
				require.Equal(t, model[string(keys[i])], got)
			}
			return nil
		}))
	}
	for k, all := range model {
		for account := range all {
			require.NoError(t, store.Update(t.Context(), func(w abuse.Writer) error {
				_, err := dropFromList(w, abuse.Aliases, []byte(k), accountKey(account))
				return err
			}))
		}
	}
	require.NoError(t, store.View(t.Context(), func(rd abuse.Reader) error {
		rows, err := rd.Scan(abuse.Aliases, nil, nil, 10)
		require.Empty(t, rows, "what is empty is gone")
		return err
	}))
}

// Rows are read as they were written, and what is damaged, or of another version, is an error and
// nothing else.
func FuzzRows(f *testing.F) {
	m := &match{
		account: "p-1", link: testLink, signal: uuid.UUID{7}, partner: "messenger.example", state: matchLive, sequence: 3, until: 99,
		label: []byte("label"), grounds: []ground{{1, [16]byte{1}, hashing.Phone, 2}}, names: []name{{1, [16]byte{2}}}, toldLive: true, told: [16]byte{4},
	}
	e := &Event{ID: uuid.UUID{1}, Account: "p-1", Link: testLink, Partner: "messenger.example", Signal: uuid.UUID{7}, Sequence: 3, Change: Revised, At: testNow, Decision: uuid.UUID{9}}
	c := &cursor{at: position{3, 4}, mark: 5, digest: [32]byte{6}, time: testNow, complete: true, records: 7, day: 8, signals: 9}
	x := &era{link: testLink, number: 3, status: eraActive, epoch: 4, feed: [16]byte{5}, slots: 2}
	n := &enrolment{"p-1", hashing.Phone, 1, 2, [32]byte{3}}
	k := &recheck{3, testNow, 4, timeOf(7), timeOf(8)}
	base := &holding{generation: 3, tag: [16]byte{4}, token: [16]byte{5}, kind: hashing.Phone, place: 1}
	later := &holding{3, [16]byte{4}, [16]byte{5}, hashing.Phone, 1, 2, true, logPlace{position{6, 7}, 8}}

	got, err := parseMatch(m.row().Key, m.row().Value)
	require.NoError(f, err)
	require.Equal(f, m, got)
	event, err := parseEvent(e.row())
	require.NoError(f, err)
	event.Body = nil
	require.Equal(f, *e, event)
	cur, err := parseCursor(c.value())
	require.NoError(f, err)
	require.Equal(f, *c, cur)
	readEra, err := parseEra(x.row())
	require.NoError(f, err)
	require.Equal(f, *x, readEra)
	enrolled, err := parseEnrolment(n.item())
	require.NoError(f, err)
	require.Equal(f, *n, enrolled)
	check, err := parseRecheck(k.value())
	require.NoError(f, err)
	require.Equal(f, *k, check)
	for _, h := range []*holding{base, later} {
		held, err := parseHolding(h.row("p-1"))
		require.NoError(f, err)
		require.Equal(f, *h, held)
	}

	for _, row := range []abuse.Row{m.row(), e.row(), x.row(), base.row("p-1"), later.row("p-1"), {Key: []byte{0}, Value: c.value()}, {Key: n.item(), Value: k.value()},
		{Key: []byte{1}, Value: formPage(1, [][]byte{[]byte("item")})}} {
		f.Add(row.Key, row.Value)
	}
	f.Fuzz(func(t *testing.T, key, value []byte) {
		row := abuse.Row{Key: key, Value: value}
		if m, err := parseMatch(key, value); err == nil {
			again, err := parseMatch(m.row().Key, m.row().Value)
			require.NoError(t, err)
			require.Equal(t, m, again)
		}
		_, _ = parseEvent(row)
		_, _ = parseCursor(value)
		_, _ = parseEra(row)
		_, _ = parseEnrolment(key)
		_, _ = parseRecheck(value)
		if h, err := parseHolding(row); err == nil {
			account, _, _ := splitAccount(key)
			require.Equal(t, row, h.row(account))
		}
		_, _ = parseHeads(value)
		_, _, _ = parsePage(value)
		_, _, _ = splitAccount(key)
	})
}
