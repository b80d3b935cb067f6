package optout

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/linkage"
)

// Whatever a row holds: it is refused as damaged, or written again as it was.
func FuzzRows(f *testing.F) {
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	f.Add(changeKey(7), Change{Step: PurposeOut, Purpose: linkage.Product, At: at, Account: "boris"}.row())
	f.Add(changeKey(8), Change{Step: Initiated, At: at, Effective: at, Account: "boris"}.row())
	f.Add(append(accountKey("boris"), 0), State{Participation: OutInitiated, Since: at, Effective: at}.row())
	f.Add(append(auditKey(at), make([]byte, 8)...), Entry{Who: "ads", Purpose: linkage.Product, Reads: 3, Denied: 1}.row())
	f.Add(headKey, head{9, 2}.row())
	f.Fuzz(func(t *testing.T, key, value []byte) {
		row := abuse.Row{Key: key, Value: value}
		if c, err := parseChange(row); err != nil {
			require.ErrorIs(t, err, abuse.ErrStoreDamaged)
		} else {
			require.Equal(t, value, c.row())
		}
		if s, err := parseState(value); err != nil {
			require.ErrorIs(t, err, abuse.ErrStoreDamaged)
		} else {
			require.Equal(t, value, s.row())
		}
		if e, err := parseEntry(row); err != nil {
			require.ErrorIs(t, err, abuse.ErrStoreDamaged)
		} else {
			require.Equal(t, value, e.row())
		}
		// A store that holds it, under any key, neither panics nor lets anybody in.
		store := abuse.NewMemory()
		err := store.Update(t.Context(), func(w abuse.Writer) error { return w.Put(abuse.OptOuts, key, value) })
		if err != nil {
			return // no row
		}
		b, err := NewBook(store, Config{})
		require.NoError(t, err)
		_, _ = b.List(t.Context(), "", 10)
		_, _ = b.Sweep(t.Context())
		_, _ = b.Changes(t.Context(), 0, 10)
		if out, err := b.OptedOut(t.Context(), "boris", linkage.Product); err != nil {
			require.True(t, out)
			require.NotContains(t, err.Error(), "boris")
		}
	})
}
