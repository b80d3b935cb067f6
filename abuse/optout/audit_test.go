package optout_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/optout"
	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
)

func TestAudit(t *testing.T) {
	c, ctx, store := &clock{start}, t.Context(), abuse.NewMemory()
	b, err := optout.NewMemory(c.config())
	require.NoError(t, err)
	require.NoError(t, b.SetPurpose(ctx, "boris", linkage.Advertising, true))
	a, err := optout.NewAudit(store, optout.AuditConfig{Clock: c.now})
	require.NoError(t, err)
	r, err := a.Reads(b, "ads-export")
	require.NoError(t, err)
	entries := func() []optout.Entry {
		all, err := a.Entries(ctx, time.Time{}, start.AddDate(300, 0, 0), 1000)
		require.NoError(t, err)
		return all
	}
	out, err := r.OptedOut(ctx, "boris", linkage.Advertising)
	require.NoError(t, err)
	require.True(t, out)
	require.Len(t, entries(), 1, "it is there before anything is closed")
	for n := range 1500 {
		_, err := r.OptedOut(ctx, fmt.Sprint("a-", n), linkage.Advertising)
		require.NoError(t, err)
	}
	_, err = r.OptedOut(ctx, "boris", linkage.Product)
	require.NoError(t, err)
	require.Equal(t, uint64(1000), entries()[0].Reads+entries()[1].Reads)
	require.NoError(t, r.Close(ctx))
	want := optout.Entry{At: start, Who: "ads-export", Purpose: linkage.Advertising, Reads: 1501, Denied: 1}
	require.Contains(t, entries(), want)
	require.NoError(t, store.View(ctx, func(rd abuse.Reader) error {
		rows, err := rd.Scan(abuse.Audit, nil, nil, 10)
		require.Len(t, rows, 2)
		for _, row := range rows {
			require.NotContains(t, string(row.Key)+string(row.Value), "boris")
		}
		return err
	}))

	// With a key, each read has its entry, and an account's are found.
	k, err := optout.NewAudit(abuse.NewMemory(), optout.AuditConfig{Clock: c.now, Key: hashing.NewKey()})
	require.NoError(t, err)
	one, err := k.Reads(b, "signup")
	require.NoError(t, err)
	for _, account := range []string{"boris", "anna"} {
		_, err = one.OptedOut(ctx, account, linkage.Advertising)
		require.NoError(t, err)
	}
	all, err := k.Entries(ctx, start, start.Add(1), 10)
	require.NoError(t, err)
	require.Len(t, all, 2)
	require.True(t, slices.ContainsFunc(all, func(e optout.Entry) bool { return e.Token == k.TokenOf("boris") && e.Denied == 1 }))

	// It is kept for a bounded time, also if nobody trims.
	c.move(181 * 24 * time.Hour)
	require.Empty(t, entries())
	require.NoError(t, a.Record(ctx, optout.Entry{Who: "x", Purpose: linkage.Security, Reads: 1}))
	require.NoError(t, store.View(ctx, func(rd abuse.Reader) error {
		rows, err := rd.Scan(abuse.Audit, nil, nil, 10)
		require.Len(t, rows, 1)
		return err
	}))
	n, err := k.Trim(ctx)
	require.NoError(t, err)
	require.Equal(t, 2, n)

	var bad *abuse.Error
	for _, who := range []string{"", "+33612345678", "33612345678", "An na", strings.Repeat("x", 65)} {
		require.ErrorAs(t, a.Record(ctx, optout.Entry{Who: who, Purpose: linkage.Security}), &bad)
		_, err := a.Reads(b, who)
		require.ErrorAs(t, err, &bad)
	}
	require.ErrorAs(t, a.Record(ctx, optout.Entry{Who: "x"}), &bad)
	long, err := optout.NewAudit(store, optout.AuditConfig{Clock: c.now, Keep: 200 * 365 * 24 * time.Hour})
	require.NoError(t, err)
	require.NoError(t, long.Record(ctx, optout.Entry{Who: "x", Purpose: linkage.Security}))
	n, err = long.Trim(ctx)
	require.NoError(t, err)
	require.Zero(t, n, "a time to keep that goes back beyond 1970 takes nothing away")
}

// What cannot be written down is not read.
func TestAuditFailsClosed(t *testing.T) {
	store := abuse.NewMemory()
	b, err := optout.NewMemory(optout.Config{})
	require.NoError(t, err)
	a, err := optout.NewAudit(store, optout.AuditConfig{})
	require.NoError(t, err)
	r, err := a.Reads(b, "ads")
	require.NoError(t, err)
	require.NoError(t, store.Close())
	out, err := r.OptedOut(t.Context(), "anna", linkage.Advertising)
	require.ErrorIs(t, err, abuse.ErrStoreClosed)
	require.True(t, out)
}

// A process that runs for longer than entries are kept still leaves its reads: each day has its entry.
func TestAuditOfALongRun(t *testing.T) {
	for _, keep := range []time.Duration{0, time.Hour} {
		c, ctx := &clock{start}, t.Context()
		b, err := optout.NewMemory(optout.Config{Clock: c.now})
		require.NoError(t, err)
		a, err := optout.NewAudit(abuse.NewMemory(), optout.AuditConfig{Clock: c.now, Keep: keep})
		require.NoError(t, err)
		r, err := a.Reads(b, "ads")
		require.NoError(t, err)
		day := 24 * time.Hour
		if keep > 0 {
			day = keep / 2
		}
		for range 400 {
			for range 3 {
				_, err := r.OptedOut(ctx, "anna", linkage.Advertising)
				require.NoError(t, err)
				c.move(day / 3)
			}
		}
		require.NoError(t, r.Close(ctx))
		all, err := a.Entries(ctx, time.Time{}, start.AddDate(300, 0, 0), 1000)
		require.NoError(t, err)
		require.NotEmpty(t, all, "the reads of the last days")
		for _, e := range all {
			require.Equal(t, uint64(3), e.Reads, "also those that no thousand was full of")
		}
		if keep == 0 {
			require.Len(t, all, 180)
		}
	}
}
