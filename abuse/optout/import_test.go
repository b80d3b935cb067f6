package optout_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/optout"
	"github.com/hueandcry/hueandcry/abuse/watch"
	"github.com/hueandcry/hueandcry/linkage"
)

// copied writes a register as CSV and reads it.
func copied(t testing.TB, b *optout.Book) []optout.Listed {
	t.Helper()
	var file bytes.Buffer
	require.NoError(t, b.WriteCSV(t.Context(), &file))
	all, err := optout.ReadCSV(&file)
	require.NoError(t, err)
	return all
}

func state(t testing.TB, b *optout.Book, account string) optout.State {
	t.Helper()
	s, err := b.State(t.Context(), account)
	require.NoError(t, err)
	return s
}

// An older copy of the register opts nobody back in; Replace does, and says so.
func TestImportOld(t *testing.T) {
	for name, open := range places(t) {
		t.Run(name, func(t *testing.T) {
			c, ctx := &clock{start}, t.Context()
			b := open(c.config())
			_, err := b.Initiate(ctx, "a")
			require.NoError(t, err)
			require.NoError(t, b.Cancel(ctx, "a"))
			require.NoError(t, b.SetPurpose(ctx, "a", linkage.Product, true))
			require.NoError(t, b.SetPurpose(ctx, "a", linkage.Analytics, false))
			old := copied(t, b)
			c.move(24 * time.Hour)
			_, err = b.Initiate(ctx, "a")
			require.NoError(t, err)
			require.NoError(t, b.SetPurpose(ctx, "a", linkage.Advertising, true))
			require.NoError(t, b.SetPurpose(ctx, "a", linkage.Analytics, true))
			require.NoError(t, b.SetPurpose(ctx, "a", linkage.Product, false))
			c.move(10 * 24 * time.Hour)
			_, err = b.Sweep(ctx)
			require.NoError(t, err)
			want := state(t, b, "a")
			require.Equal(t, optout.Out, want.Participation)
			before, err := b.Changes(ctx, 0, 100)
			require.NoError(t, err)
			for range 2 {
				require.NoError(t, b.Import(ctx, old))
				require.Equal(t, want, state(t, b, "a"))
			}
			for _, p := range []linkage.Purpose{linkage.Advertising, linkage.Analytics, linkage.FriendSuggestion} {
				out, err := b.OptedOut(ctx, "a", p)
				require.NoError(t, err)
				require.True(t, out, p)
			}
			after, err := b.Changes(ctx, 0, 100)
			require.NoError(t, err)
			require.Equal(t, before, after, "nothing has changed, and nothing is told")
			require.NoError(t, b.Replace(ctx, old))
			require.Equal(t, old[0].State, state(t, b, "a"))
		})
	}
}

// What an import makes of a choice here and one in a row, for each purpose and for the exchange alike.
func TestImportWhichStands(t *testing.T) {
	never := time.Duration(1<<63 - 1)
	for _, c := range []struct {
		name    string
		is      bool // opted out here
		was     time.Duration
		row     bool // opted out in the row
		at      time.Duration
		want    bool
		replace bool // what Replace makes of it
	}{
		{"newer out", false, 0, true, time.Hour, true, true},
		{"newer in", true, 0, false, time.Hour, false, false},
		{"older out", false, time.Hour, true, 0, false, true},
		{"older in", true, time.Hour, false, 0, true, false},
		{"same moment, in", true, 0, false, 0, true, false},
		{"same moment, out", false, 0, true, 0, true, true},
		{"a little newer in: clocks differ", true, 0, false, 5 * time.Minute, true, false},
		{"a little older out", false, 5 * time.Minute, true, 0, true, true},
		{"a little more than that", true, 0, false, 5*time.Minute + time.Second, false, false},
		{"in without a time", true, 0, false, never, true, false},
		{"out without a time", false, 0, true, never, true, true},
		{"in from the future", true, 0, false, 1000 * time.Hour, true, false},
		{"out from the future", false, 0, true, 1000 * time.Hour, true, true},
		{"out, and nothing is known here", false, never, true, 0, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, replace := range []bool{false, true} {
				k, ctx := &clock{start}, t.Context()
				b, err := optout.NewMemory(optout.Config{Clock: k.now, Grace: time.Second})
				require.NoError(t, err)
				if c.was != never {
					// Out, or out and back in, at that time.
					k.t = start.Add(c.was)
					require.NoError(t, b.SetPurpose(ctx, "a", linkage.Product, c.is))
					_, err := b.Initiate(ctx, "a")
					require.NoError(t, err)
					if !c.is {
						require.NoError(t, b.OptIn(ctx, "a"))
					}
				}
				k.t = start.Add(48 * time.Hour)
				row := optout.Listed{Account: "a", State: optout.State{Participation: optout.In}}
				at := start.Add(c.at)
				if c.at != never {
					row.State.Since, row.State.Chosen = at, map[linkage.Purpose]time.Time{linkage.Product: at}
				}
				if c.row {
					row.State.Participation, row.State.Effective = optout.Out, start.Add(time.Hour)
					row.State.OptedOut = []linkage.Purpose{linkage.Product}
				}
				bring, want := b.Import, c.want
				if replace {
					bring, want = b.Replace, c.replace
				}
				for range 2 {
					require.NoError(t, bring(ctx, []optout.Listed{row}))
					s := state(t, b, "a")
					require.Equal(t, want, slices.Contains(s.OptedOut, linkage.Product))
					require.Equal(t, want, s.Participation == optout.Out)
					require.False(t, s.Since.After(k.t.Add(5*time.Minute)), "no time of the future is kept")
				}
				// Whatever a row said, the user's own word of now stands against it from then on.
				k.move(time.Hour)
				require.NoError(t, b.SetPurpose(ctx, "a", linkage.Product, true))
				_, err = b.Initiate(ctx, "a")
				require.NoError(t, err)
				k.move(time.Hour)
				row.State.Participation, row.State.Effective, row.State.OptedOut = optout.In, time.Time{}, nil
				require.NoError(t, b.Import(ctx, []optout.Listed{row}))
				s := state(t, b, "a")
				require.Equal(t, optout.Out, s.Participation)
				require.Contains(t, s.OptedOut, linkage.Product)
			}
		})
	}
}

// A choice that was written by package watch, or before choices had times, is of no known time: no row opts back in.
func TestImportUnknownTime(t *testing.T) {
	c, ctx, store := &clock{start}, t.Context(), abuse.NewMemory()
	b, err := optout.NewBook(store, c.config())
	require.NoError(t, err)
	w := watch.NewOptOuts(store)
	require.NoError(t, b.SetPurpose(ctx, "a", linkage.Product, true))
	require.NoError(t, w.Set(ctx, "a", linkage.Product, false))
	require.NoError(t, w.Set(ctx, "a", linkage.Product, true))
	require.Empty(t, state(t, b, "a").Chosen)
	c.move(48 * time.Hour)
	in := optout.Listed{Account: "a", State: optout.State{Participation: optout.In,
		Chosen: map[linkage.Purpose]time.Time{linkage.Product: start.Add(24 * time.Hour)}}}
	out := optout.Listed{Account: "a", State: optout.State{Participation: optout.In, OptedOut: []linkage.Purpose{linkage.Product},
		Chosen: map[linkage.Purpose]time.Time{linkage.Product: start}}}
	for _, l := range []optout.Listed{in, out, in} {
		require.NoError(t, b.Import(ctx, []optout.Listed{l}))
		require.Equal(t, []linkage.Purpose{linkage.Product}, state(t, b, "a").OptedOut)
	}
	require.NoError(t, b.SetPurpose(ctx, "a", linkage.Product, false))
	require.Empty(t, state(t, b, "a").OptedOut, "but the user himself does")

	// So for the exchange: a row out, since nobody knows when.
	effective := start.Add(time.Hour)
	row := binary.BigEndian.AppendUint64([]byte{1, byte(optout.Out), 0, 0, 0, 0, 0, 0, 0, 0}, uint64(effective.Unix()))
	require.NoError(t, store.Update(ctx, func(w abuse.Writer) error { return w.Put(abuse.OptOuts, []byte{0, 1, 'b', 0}, row) }))
	gone := optout.State{Participation: optout.Out, Effective: effective}
	for _, s := range []optout.State{gone, {Participation: optout.Out, Since: start, Effective: effective}, {Participation: optout.In, Since: start.Add(24 * time.Hour)}} {
		require.Equal(t, gone, state(t, b, "b"))
		require.NoError(t, b.Import(ctx, []optout.Listed{{Account: "b", State: s}}))
	}
	require.Equal(t, gone, state(t, b, "b"))
	require.NoError(t, b.OptIn(ctx, "b"))
	require.Equal(t, optout.In, state(t, b, "b").Participation)

	var bad *abuse.Error
	for _, chosen := range []map[linkage.Purpose]time.Time{{linkage.Security: start}, {0: start}, {99: start},
		{linkage.Product: {}}, {linkage.Product: start.Add(1)}, {linkage.Product: start.AddDate(9000, 0, 0)}} {
		in.State.Chosen = chosen
		require.ErrorAs(t, b.Import(ctx, []optout.Listed{in}), &bad)
	}
}

// A register whose clock was wrong when a user chose: what he chose is not opted back in by a row, whether the
// clock was ahead then or behind.
func TestImportAfterWrongClock(t *testing.T) {
	for name, wrong := range map[string]time.Time{"ahead": start.AddDate(4, 0, 0), "behind": time.Unix(60, 0)} {
		t.Run(name, func(t *testing.T) {
			c, ctx := &clock{start}, t.Context()
			b, err := optout.NewMemory(optout.Config{Clock: c.now, Grace: time.Second})
			require.NoError(t, err)
			row := func(out bool, at time.Time) []optout.Listed {
				s := optout.State{Participation: optout.In, Since: at, Chosen: map[linkage.Purpose]time.Time{linkage.Product: at}}
				if out {
					s.Participation, s.Effective, s.OptedOut = optout.Out, at, []linkage.Purpose{linkage.Product}
				}
				return []optout.Listed{{Account: "a", State: s}}
			}
			is := func(want bool) {
				t.Helper()
				s := state(t, b, "a")
				require.Equal(t, want, s.Participation == optout.Out)
				require.Equal(t, want, slices.Contains(s.OptedOut, linkage.Product))
			}
			// In, some days ago; then out, by the wrong clock.
			require.NoError(t, b.OptIn(ctx, "a"))
			require.NoError(t, b.SetPurpose(ctx, "a", linkage.Product, false))
			old := copied(t, b)
			c.t = wrong
			require.NoError(t, b.SetPurpose(ctx, "a", linkage.Product, true))
			_, err = b.Initiate(ctx, "a")
			require.NoError(t, err)
			c.move(time.Minute)
			_, err = b.Sweep(ctx)
			require.NoError(t, err)
			c.t = start.AddDate(0, 0, 5)
			is(true)
			require.NoError(t, b.Import(ctx, old))
			is(true)
			if name == "ahead" {
				require.NoError(t, b.Import(ctx, row(false, start.AddDate(0, 0, 1))))
				is(true)
			}
			// In again by the right clock; a row of later opts out, whatever time there is here.
			require.NoError(t, b.OptIn(ctx, "a"))
			require.NoError(t, b.SetPurpose(ctx, "a", linkage.Product, false))
			is(false)
			c.move(48 * time.Hour)
			require.NoError(t, b.Import(ctx, row(true, c.now().Add(-time.Hour))))
			is(true)
		})
	}
}

// A row that puts the end of a grace out of reach does not keep anybody from leaving.
func TestImportFarEnd(t *testing.T) {
	c, ctx := &clock{start}, t.Context()
	b, err := optout.NewMemory(c.config())
	require.NoError(t, err)
	far := start.AddDate(500, 0, 0)
	require.NoError(t, b.Import(ctx, []optout.Listed{
		{Account: "a", State: optout.State{Participation: optout.OutInitiated, Since: start, Effective: far}},
		{Account: "b", State: optout.State{Participation: optout.Out, Since: start, Effective: far}}}))
	at, err := b.Initiate(ctx, "a")
	require.NoError(t, err)
	require.Equal(t, start.AddDate(0, 0, 90), at)
	require.Equal(t, start, state(t, b, "b").Effective)
}

// Copies of a register, whole or in parts, in any order, again, and between choices that are made at the
// other place too: there each choice is the newest that has come, and the last copy makes both alike.
func TestImportHistories(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 2))
	type choice struct {
		out bool
		at  time.Time
	}
	type key struct {
		account string
		purpose linkage.Purpose // 0: the exchange
	}
	for range 300 {
		c, ctx := &clock{start}, t.Context()
		cfg := optout.Config{Clock: c.now, Grace: time.Second}
		here, err := optout.NewMemory(cfg)
		require.NoError(t, err)
		there, err := optout.NewMemory(cfg)
		require.NoError(t, err)
		type snapshot struct {
			rows []optout.Listed
			says map[key]choice
		}
		mine, theirs := map[key]choice{}, map[key]choice{}
		var copies []snapshot
		bring := func(s snapshot) {
			rows := slices.Clone(s.rows)
			r.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
			rows = rows[:r.IntN(len(rows)+1)]
			require.NoError(t, there.Import(ctx, rows))
			for k, said := range s.says {
				brought := slices.ContainsFunc(rows, func(l optout.Listed) bool { return l.Account == k.account })
				if old, known := theirs[k]; brought && (!known || said.at.After(old.at)) {
					theirs[k] = said
				}
			}
		}
		check := func() {
			for n := range 3 {
				s := state(t, there, fmt.Sprint("a-", n))
				require.Equal(t, theirs[key{fmt.Sprint("a-", n), 0}].out, s.Participation == optout.Out)
				for p := linkage.Advertising; p.Valid(); p++ {
					require.Equal(t, theirs[key{fmt.Sprint("a-", n), p}].out, slices.Contains(s.OptedOut, p))
				}
			}
		}
		for range 30 {
			c.move(6*time.Minute + time.Duration(r.IntN(3000))*time.Second)
			b, says := here, mine
			if r.IntN(4) == 0 {
				b, says = there, theirs
			}
			k := key{fmt.Sprint("a-", r.IntN(3)), linkage.Purpose(r.IntN(4)) + linkage.Advertising}
			switch r.IntN(6) {
			case 0, 1:
				out := r.IntN(2) == 0
				says[k] = choice{out, c.now()}
				require.NoError(t, b.SetPurpose(ctx, k.account, k.purpose, out))
			case 2:
				k.purpose = 0
				says[k] = choice{true, c.now()}
				_, err := b.Initiate(ctx, k.account)
				require.NoError(t, err)
			case 3:
				k.purpose = 0
				says[k] = choice{false, c.now()}
				require.NoError(t, b.OptIn(ctx, k.account))
			case 4:
				copies = append(copies, snapshot{copied(t, here), maps.Clone(mine)})
			case 5:
				if len(copies) > 0 {
					bring(copies[r.IntN(len(copies))])
				}
			}
			c.move(10 * time.Second) // the grace is over
			check()
		}
		require.NoError(t, there.Import(ctx, copied(t, here)))
		require.NoError(t, here.Import(ctx, copied(t, there)))
		require.Equal(t, copied(t, here), copied(t, there))
	}
}

// importLoosensNothingNewer brings rows into a register where everybody is out of everything: who is back in
// afterwards has a row that says when he chose so, later.
func importLoosensNothingNewer(t *testing.T, all []optout.Listed) {
	c, ctx := &clock{start}, t.Context()
	b, err := optout.NewMemory(optout.Config{Clock: c.now, Grace: time.Second})
	require.NoError(t, err)
	for _, l := range all {
		for _, p := range purposes()[2:] {
			require.NoError(t, b.SetPurpose(ctx, l.Account, p, true))
		}
		_, err := b.Initiate(ctx, l.Account)
		require.NoError(t, err)
	}
	c.move(time.Hour)
	require.NoError(t, b.Import(ctx, all))
	for _, l := range all {
		s := state(t, b, l.Account)
		newer := func(at time.Time) bool { return at.After(start) && !at.After(c.now().Add(5*time.Minute)) }
		require.True(t, s.Participation == optout.Out || newer(l.State.Since))
		for _, p := range purposes()[2:] {
			require.True(t, slices.Contains(s.OptedOut, p) || newer(l.State.Chosen[p]))
		}
	}
}

// A file of before there was a column chosen is read as ever, and opts nobody back in.
func TestImportOldForm(t *testing.T) {
	c, ctx := &clock{start}, t.Context()
	b, err := optout.NewMemory(c.config())
	require.NoError(t, err)
	require.NoError(t, b.SetPurpose(ctx, "anna", linkage.Advertising, true))
	all, err := optout.ReadCSV(strings.NewReader("account,participation,effective,opted_out\nanna,,,product\nboris,opt-out,2026-11-20T00:00:00Z,\n"))
	require.NoError(t, err)
	require.NoError(t, b.Import(ctx, all))
	require.Equal(t, []linkage.Purpose{linkage.Advertising, linkage.Product}, state(t, b, "anna").OptedOut)
	require.Equal(t, optout.Out, state(t, b, "boris").Participation)
	require.Equal(t, start, state(t, b, "boris").Since, "not later than now")
}
