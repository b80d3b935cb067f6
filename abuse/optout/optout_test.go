package optout_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/optout"
	"github.com/hueandcry/hueandcry/abuse/sqlstore"
	"github.com/hueandcry/hueandcry/abuse/watch"
	"github.com/hueandcry/hueandcry/linkage"
)

var start = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// clock is a time that the test moves.
type clock struct{ t time.Time }

func (c *clock) now() time.Time        { return c.t }
func (c *clock) move(d time.Duration)  { c.t = c.t.Add(d) }
func (c *clock) config() optout.Config { return optout.Config{Clock: c.now} }
func purposes() (all []linkage.Purpose) {
	for p := linkage.Purpose(1); p.Valid(); p++ {
		all = append(all, p)
	}
	return all
}

// places are the three implementations.
func places(t *testing.T) map[string]func(optout.Config) *optout.Book {
	book := func(b *optout.Book, err error) *optout.Book {
		require.NoError(t, err)
		return b
	}
	return map[string]func(optout.Config) *optout.Book{
		"memory": func(c optout.Config) *optout.Book { return book(optout.NewMemory(c)) },
		"csv": func(c optout.Config) *optout.Book {
			return book(optout.FromCSV(t.Context(), strings.NewReader("account,participation,effective,opted_out\n"), c))
		},
		"sqlite": func(c optout.Config) *optout.Book {
			store, err := sqlstore.Open(t.Context(), "sqlite:"+t.TempDir()+"/hc.sqlite")
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, store.Close()) })
			return book(optout.NewBook(store, c))
		},
	}
}

func TestGrace(t *testing.T) {
	for name, open := range places(t) {
		t.Run(name, func(t *testing.T) {
			c, ctx := &clock{start.Add(time.Millisecond)}, t.Context()
			b := open(c.config())
			is := func(want optout.Participation, ads, security bool) {
				t.Helper()
				s, err := b.State(ctx, "boris")
				require.NoError(t, err)
				require.Equal(t, want, s.Participation)
				for p, want := range map[linkage.Purpose]bool{linkage.Advertising: ads, linkage.Product: ads, linkage.Security: security, linkage.FraudAndAbusePrevention: security} {
					out, err := b.OptedOut(ctx, "boris", p)
					require.NoError(t, err)
					require.Equal(t, want, out, p)
				}
			}
			is(optout.In, false, false)
			at, err := b.Initiate(ctx, "boris")
			require.NoError(t, err)
			require.False(t, at.Before(c.now().Add(72*time.Hour)), "not a moment less")
			is(optout.OutInitiated, false, false)
			c.move(71 * time.Hour)
			again, err := b.Initiate(ctx, "boris")
			require.NoError(t, err)
			require.Equal(t, at, again, "saying it again does not move it")
			is(optout.OutInitiated, false, false)
			require.NoError(t, b.Cancel(ctx, "boris"))
			is(optout.In, false, false)
			c.move(100 * time.Hour)
			is(optout.In, false, false)

			at, err = b.Initiate(ctx, "boris")
			require.NoError(t, err)
			c.t = at.Add(-time.Nanosecond)
			is(optout.OutInitiated, false, false)
			c.t = at
			is(optout.Out, true, false) // nobody has swept
			require.ErrorIs(t, b.Cancel(ctx, "boris"), optout.ErrOut)
			n, err := b.Sweep(ctx)
			require.NoError(t, err)
			require.Equal(t, 1, n)
			n, err = b.Sweep(ctx)
			require.NoError(t, err)
			require.Zero(t, n)
			is(optout.Out, true, false)
			require.NoError(t, b.OptIn(ctx, "boris"))
			is(optout.In, false, false)

			changes, err := b.Changes(ctx, 0, 100)
			require.NoError(t, err)
			var steps []string
			for i, change := range changes {
				require.Equal(t, uint64(i+1), change.Number)
				require.Equal(t, "boris", change.Account)
				steps = append(steps, change.Step.String())
			}
			require.Equal(t, []string{"opt-out-initiated", "opt-out-cancelled", "opt-out-initiated", "opt-out-effective", "opt-in"}, steps)
			require.Equal(t, "https://schemas.openid.net/secevent/risc/event-type/opt-out-effective", changes[3].Step.RISC())
		})
	}
}

// Where services agreed so, who is out of the exchange is out of security too, after the grace.
func TestLeavesSecurity(t *testing.T) {
	c, ctx := &clock{start}, t.Context()
	cfg := c.config()
	cfg.LeavesSecurity = true
	b, err := optout.NewMemory(cfg)
	require.NoError(t, err)
	_, err = b.Initiate(ctx, "boris")
	require.NoError(t, err)
	names := func() (all []string) {
		source := linkage.Slice([]linkage.Account{{Ref: "anna"}, {Ref: "boris"}, {Ref: "carla"}})
		for a, err := range optout.Admitted(ctx, b, linkage.Security, source) {
			require.NoError(t, err)
			all = append(all, a.Ref)
		}
		return all
	}
	require.Equal(t, []string{"anna", "boris", "carla"}, names())
	c.move(73 * time.Hour)
	require.Equal(t, []string{"anna", "carla"}, names())
	in, err := b.Participates(ctx, "boris")
	require.NoError(t, err)
	require.False(t, in)
	for _, err := range optout.Admitted(ctx, b, linkage.Security, linkage.Slice([]linkage.Account{{Ref: ""}})) {
		require.Error(t, err, "who cannot be asked about ends the source")
	}
}

// The rows of purposes are those of package watch.
func TestSameRowsAsWatch(t *testing.T) {
	store, ctx := abuse.NewMemory(), t.Context()
	b, err := optout.NewBook(store, optout.Config{})
	require.NoError(t, err)
	w := watch.NewOptOuts(store)
	require.NoError(t, w.Set(ctx, "anna", linkage.Analytics, true))
	require.NoError(t, b.SetPurpose(ctx, "boris", linkage.Product, true))
	for account, want := range map[string]linkage.Purpose{"anna": linkage.Analytics, "boris": linkage.Product} {
		for _, p := range purposes() {
			mine, err := b.OptedOut(ctx, account, p)
			require.NoError(t, err)
			theirs, err := w.OptedOut(ctx, account, p)
			require.NoError(t, err)
			require.Equal(t, mine, theirs)
			require.Equal(t, p == want, mine)
		}
	}
	require.NoError(t, b.SetPurpose(ctx, "anna", linkage.Analytics, false))
	out, err := w.OptedOut(ctx, "anna", linkage.Analytics)
	require.NoError(t, err)
	require.False(t, out)
	// Who is out of the exchange is out there too, once the grace is over, and in again.
	past, err := optout.NewBook(store, optout.Config{Clock: func() time.Time { return time.Now().AddDate(0, 0, -4) }, Grace: time.Hour})
	require.NoError(t, err)
	for _, book := range []*optout.Book{b, past} {
		_, err = book.Initiate(ctx, "carla")
		require.NoError(t, err)
		for _, p := range purposes() {
			out, err := w.OptedOut(ctx, "carla", p)
			require.NoError(t, err)
			require.Equal(t, book == past && p.OptOutApplies(), out)
		}
		require.NoError(t, book.Cancel(ctx, "carla"))
		out, err := w.OptedOut(ctx, "carla", linkage.Advertising)
		require.NoError(t, err)
		require.False(t, out)
	}
	var bad *abuse.Error
	for _, p := range []linkage.Purpose{0, 99, linkage.Security, linkage.FraudAndAbusePrevention} {
		require.ErrorAs(t, b.SetPurpose(ctx, "anna", p, true), &bad)
	}
	require.ErrorAs(t, b.SetPurpose(ctx, "", linkage.Product, true), &bad)
	require.ErrorAs(t, b.SetPurpose(ctx, strings.Repeat("x", 257), linkage.Product, true), &bad)
	for _, cfg := range []optout.Config{{Grace: -1}, {Grace: 91 * 24 * time.Hour}, {Keep: -1}} {
		_, err := optout.NewBook(store, cfg)
		require.ErrorAs(t, err, &bad)
	}
}

// Random histories against a plain model; who follows with crashes between ends up with the same.
func TestHistories(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	for name, open := range places(t) {
		many := 200
		if name == "sqlite" {
			many = 10
		}
		for range many {
			history(t, r, open)
		}
	}
}

type chosen struct {
	out    map[linkage.Purpose]bool
	leaves time.Time // zero: in
}

func history(t *testing.T, r *rand.Rand, open func(optout.Config) *optout.Book) {
	c, ctx := &clock{start}, t.Context()
	b := open(c.config())
	model := map[string]*chosen{}
	seen := map[string]map[linkage.Purpose]bool{}
	gone := map[string]bool{}
	cursor, failure := uint64(0), errors.New("crashed")
	follow := func(crash bool) {
		var err error
		cursor, err = optout.Follow(ctx, b, cursor, func(_ context.Context, change optout.Change) error {
			if crash && r.IntN(2) == 0 {
				return failure
			}
			if seen[change.Account] == nil {
				seen[change.Account] = map[linkage.Purpose]bool{}
			}
			switch change.Step {
			case optout.PurposeOut, optout.PurposeIn:
				seen[change.Account][change.Purpose] = change.Step == optout.PurposeOut
			case optout.Effective, optout.OptIn:
				gone[change.Account] = change.Step == optout.Effective
			}
			return nil
		})
		if !crash {
			require.NoError(t, err)
		}
	}
	for range 40 {
		account := fmt.Sprint("a-", r.IntN(3))
		m := model[account]
		if m == nil {
			m = &chosen{out: map[linkage.Purpose]bool{}}
			model[account] = m
		}
		out := !m.leaves.IsZero() && !c.now().Before(m.leaves)
		switch r.IntN(7) {
		case 0, 1:
			p := linkage.Purpose(3 + r.IntN(4))
			m.out[p] = r.IntN(2) == 0
			require.NoError(t, b.SetPurpose(ctx, account, p, m.out[p]))
		case 2:
			at, err := b.Initiate(ctx, account)
			require.NoError(t, err)
			if m.leaves.IsZero() {
				m.leaves = c.now().Add(72 * time.Hour)
			}
			require.Equal(t, m.leaves, at)
		case 3:
			err := b.Cancel(ctx, account)
			require.Equal(t, out, errors.Is(err, optout.ErrOut))
			if !out {
				m.leaves = time.Time{}
			}
		case 4:
			require.NoError(t, b.OptIn(ctx, account))
			m.leaves = time.Time{}
		case 5:
			c.move(time.Duration(r.IntN(80)) * time.Hour)
		case 6:
			follow(true)
		}
		for account, m := range model {
			for _, p := range purposes() {
				got, err := b.OptedOut(ctx, account, p)
				require.NoError(t, err)
				left := !m.leaves.IsZero() && !c.now().Before(m.leaves)
				require.Equal(t, p.OptOutApplies() && (m.out[p] || left), got)
			}
		}
	}
	_, err := b.Sweep(ctx)
	require.NoError(t, err)
	follow(false)
	for account, m := range model {
		for p, out := range m.out {
			require.Equal(t, out, seen[account][p])
		}
		require.Equal(t, !m.leaves.IsZero() && !c.now().Before(m.leaves), gone[account])
	}
	// What is written as CSV and read anew is the same register.
	var file bytes.Buffer
	require.NoError(t, b.WriteCSV(ctx, &file))
	again, err := optout.FromCSV(ctx, &file, c.config())
	require.NoError(t, err)
	for account := range model {
		want, err := b.State(ctx, account)
		require.NoError(t, err)
		got, err := again.State(ctx, account)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

// Changes are kept for a while; who has missed some is told so.
func TestGap(t *testing.T) {
	c, ctx := &clock{start}, t.Context()
	b, err := optout.NewMemory(c.config())
	require.NoError(t, err)
	for n := range 5 {
		require.NoError(t, b.SetPurpose(ctx, fmt.Sprint("a-", n), linkage.Product, true))
	}
	c.move(100 * 24 * time.Hour)
	require.NoError(t, b.SetPurpose(ctx, "late", linkage.Product, true))
	_, err = b.Changes(ctx, 0, 10)
	require.ErrorIs(t, err, optout.ErrGap)
	_, err = b.Changes(ctx, 7, 10)
	require.ErrorIs(t, err, optout.ErrGap, "of another register")
	changes, err := b.Changes(ctx, 5, 10)
	require.NoError(t, err)
	require.Len(t, changes, 1)
	var all []string
	for after := ""; ; after = all[len(all)-1] {
		some, err := b.List(ctx, after, 2)
		require.NoError(t, err)
		for _, l := range some {
			require.Equal(t, []linkage.Purpose{linkage.Product}, l.State.OptedOut)
			all = append(all, l.Account)
		}
		if len(some) < 2 {
			break
		}
	}
	require.Equal(t, []string{"a-0", "a-1", "a-2", "a-3", "a-4", "late"}, all)
}

func TestReadCSV(t *testing.T) {
	all, err := optout.ReadCSV(strings.NewReader("\ufeffopted_out,account,participation,effective\nadvertising analytics,boris,opt-out,2026-11-20T00:00:00Z\n,\"an,na\",,\n"))
	require.NoError(t, err)
	require.Len(t, all, 2)
	require.Equal(t, []linkage.Purpose{linkage.Advertising, linkage.Analytics}, all[0].State.OptedOut)
	require.Equal(t, optout.Out, all[0].State.Participation)
	require.Equal(t, "an,na", all[1].Account)
	const head = "account,participation,effective,opted_out\n"
	for text, line := range map[string]int{
		"": 1, head[:len(head)-1] + ",secret\n": 1, head[:len(head)-1] + ",account\n": 1, head + "secret,x\n": 2,
		head + "anna,,,\n\"secret\n": 3, head + ",,,\n": 2, head + "a,,,\nb,,,\na,,,\n": 4,
		head + "secret,out,,\n": 2, head + "secret,opt-out,,\n": 2, head + "secret,,2026-11-20T00:00:00Z,\n": 2,
		"since," + head + "yesterday,secret,,,\n": 2, head + "secret,,,security\n": 2,
		"chosen," + head + "advertising@yesterday,secret,,,\n": 2, "chosen," + head + "advertising,secret,,,\n": 2,
		"chosen," + head + "security@2026-11-20T00:00:00Z,secret,,,\n":                             2,
		"chosen," + head + "product@2026-11-20T00:00:00Z product@2026-11-21T00:00:00Z,secret,,,\n": 2,
		head + "secret,,,advertising advertising\n":                                                2, head + "secret,,,everything\n": 2,
		head + strings.Repeat("x", 257) + ",,,\n": 2,
	} {
		_, err := optout.ReadCSV(strings.NewReader(text))
		var bad *optout.RowError
		require.ErrorAs(t, err, &bad, text)
		require.Equal(t, line, bad.Line, text)
		require.NotContains(t, err.Error(), "secret")
	}
}

// Of a file without a column nothing is read: Replace would opt people back in.
func TestReadCSVWithoutAColumn(t *testing.T) {
	columns := []string{"account", "participation", "effective", "opted_out"}
	for i, name := range columns {
		head := strings.Join(slices.Delete(slices.Clone(columns), i, i+1), ",") + "\n"
		all, err := optout.ReadCSV(strings.NewReader(head + "a,,\n"))
		require.Equal(t, &optout.RowError{Line: 1, Problem: "the column " + name + " is missing"}, err)
		require.Empty(t, all)
		b, err := optout.FromCSV(t.Context(), strings.NewReader(head), optout.Config{})
		require.Error(t, err)
		require.Nil(t, b)
	}
}

func FuzzReadCSV(f *testing.F) {
	f.Add([]byte("account,participation,since,effective,opted_out\nboris,opt-out,2026-11-20T00:00:00Z,2026-11-20T00:00:00Z,advertising\n"))
	f.Add([]byte("account,participation,effective,opted_out\n\"a\"\"b\",,,\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		all, err := optout.ReadCSV(bytes.NewReader(data))
		if err != nil {
			var bad *optout.RowError
			require.ErrorAs(t, err, &bad)
			return
		}
		b, err := optout.NewMemory(optout.Config{Clock: func() time.Time { return start }})
		require.NoError(t, err)
		require.NoError(t, b.Replace(t.Context(), all))
		for _, l := range all {
			s, err := b.State(t.Context(), l.Account)
			require.NoError(t, err)
			require.True(t, slices.Equal(l.State.OptedOut, s.OptedOut))
		}
		importLoosensNothingNewer(t, all)
	})
}

func ExampleBook() {
	ctx, now := context.Background(), start
	b, _ := optout.NewMemory(optout.Config{Clock: func() time.Time { return now }})
	_ = b.SetPurpose(ctx, "boris", linkage.Advertising, true) // at once
	at, _ := b.Initiate(ctx, "boris")                         // after the grace
	for _, p := range []linkage.Purpose{linkage.Advertising, linkage.Analytics, linkage.Security} {
		before, _ := b.OptedOut(ctx, "boris", p)
		now = at
		after, _ := b.OptedOut(ctx, "boris", p)
		now = start
		fmt.Println(p, before, after)
	}
	// Output:
	// advertising true true
	// analytics false true
	// security false false
}

func ExampleFollow() {
	ctx, now := context.Background(), start
	b, _ := optout.NewMemory(optout.Config{Clock: func() time.Time { return now }})
	_ = b.SetPurpose(ctx, "boris", linkage.Advertising, true)
	_, _ = b.Initiate(ctx, "carla")
	now = now.Add(73 * time.Hour)
	_, _ = b.Sweep(ctx)
	seen := uint64(0) // kept by who follows
	seen, _ = optout.Follow(ctx, b, seen, func(ctx context.Context, c optout.Change) error {
		out, err := b.OptedOut(ctx, c.Account, linkage.Advertising)
		fmt.Println(c.Number, c.Account, c.Step, "- to be taken out:", out)
		return err // here receiver.Check(ctx, c.Account, its identifiers)
	})
	fmt.Println("goes on after", seen)
	// Output:
	// 1 boris purpose-out - to be taken out: true
	// 2 carla opt-out-initiated - to be taken out: true
	// 3 carla opt-out-effective - to be taken out: true
	// goes on after 3
}

func number(n int) uuid.UUID {
	return uuid.MustParse(fmt.Sprintf("019a0000-0000-7000-8000-%012x", n))
}

func signal(n int, now time.Time) abuse.Signal {
	seen := now.AddDate(0, 0, -3).Truncate(24 * time.Hour)
	return abuse.Signal{ID: number(n), Origin: "messenger.example", Category: abuse.Phishing, Class: abuse.Confirmed, Confidence: 92,
		Severity: abuse.High, Review: abuse.ReviewHuman, Reports: 14, FirstObserved: seen, LastObserved: seen,
		ValidUntil: seen.AddDate(0, 0, 90), Permitted: abuse.PermitDirect, ActionTaken: abuse.Suspend, Revision: 1}
}
