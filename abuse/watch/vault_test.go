package watch

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
)

// Several processes open one vault, and save, load and erase in it: none takes away what another
// is writing, and nobody reads half of a secret.
func TestVaultOfMany(t *testing.T) {
	dir, key := t.TempDir()+"/v", hashing.NewKey()
	open := func() *Vault {
		v, err := OpenVault(dir, key)
		if err != nil {
			t.Error(err)
		}
		return v
	}
	if err := open().Save("shared", []byte(strings.Repeat("0", 1000))); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for g := range 6 {
		wg.Go(func() {
			for i := range 30 {
				v := open()
				if v == nil {
					return
				}
				own := fmt.Sprintf("own-%d", g)
				for _, name := range []string{"shared", own} {
					if err := v.Save(name, []byte(strings.Repeat(fmt.Sprint(g), 1000))); err != nil {
						t.Error(name, err)
					}
					got, err := v.Load(name)
					if err != nil || len(got) != 1000 || strings.Trim(string(got), string(got[:1])) != "" {
						t.Error(name, len(got), err)
					}
				}
				if i%3 == 0 {
					if err := v.Erase(own); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	// What a crash has left half written is gone after the next start, and is never a name.
	v := open()
	require.NoError(t, os.WriteFile(dir+"/"+vaultAside+"1", []byte("half"), 0o600))
	names, err := v.Names("")
	require.NoError(t, err)
	require.NotContains(t, names, vaultAside+"1")
	open()
	_, err = os.Stat(dir + "/" + vaultAside + "1")
	require.ErrorIs(t, err, os.ErrNotExist)
}

// Whoever has lost the vault's folder is told so, on either side, and not by a path.
func TestVaultIsLost(t *testing.T) {
	w := newTown(t, linkage.ProtocolEC)
	w.people.put("a", ids(t, 1))
	require.NoError(t, w.base(0))
	require.NoError(t, os.RemoveAll(w.vault))
	mine := w.tryReceiver()
	feeds, err := filepath.Glob(filepath.Join(w.dir, "*-feed-*"))
	require.NoError(t, err)
	require.NotEmpty(t, feeds)
	for _, f := range feeds {
		require.NoError(t, os.Remove(f))
	}
	_, feed := NewTransmitter(t.Context(), w.config())
	require.NoError(t, os.RemoveAll(w.dir))
	_, theirs := NewTransmitter(t.Context(), w.config())
	for _, err := range []error{mine, feed, theirs} {
		require.ErrorIs(t, err, ErrVault)
		require.ErrorContains(t, err, "the vault has lost the key")
		require.NotContains(t, err.Error(), "/")
	}
}

// Processes that start for the first time at once, or come to a new epoch at once, have the same keys.
func TestOneKey(t *testing.T) {
	for range 8 {
		s := newService(t, newParties(t, nil))
		all := make([]*Transmitter, 6)
		same := func(what string, f func(i int) error) {
			var wg sync.WaitGroup
			for i := range all {
				wg.Go(func() {
					if err := f(i); err != nil {
						t.Error(what, err)
					}
				})
			}
			wg.Wait()
			require.False(t, t.Failed())
			for _, tr := range all {
				require.Equal(t, len(all[0].keys), len(tr.keys), what)
				for epoch, key := range all[0].keys {
					require.True(t, key.ExposeText() == tr.keys[epoch].ExposeText(), "%s: epoch %d", what, epoch)
				}
				require.Equal(t, len(all[0].feeds), len(tr.feeds), what)
				for id, f := range all[0].feeds {
					require.Equal(t, f.keeper.Token(phoneOf(t, 1)), tr.feeds[id].keeper.Token(phoneOf(t, 1)), "%s: feed", what)
				}
			}
		}
		same("start", func(i int) (err error) {
			all[i], err = NewTransmitter(t.Context(), s.config())
			return err
		})
		s.at.Store(s.agreement.EpochStart(1).Unix())
		same("epoch", func(i int) error { return all[i].turn(t.Context()) })
	}
}

// A process whose clock is behind does not bring back a key that another has erased.
func TestKeysStayErased(t *testing.T) {
	s := newService(t, newParties(t, func(a *linkage.Agreement) { a.Protocol = linkage.ProtocolVOLE }))
	tr := s.start()
	epoch, _, err := tr.loadKey(t.Context(), 2)
	require.NoError(t, err)
	require.EqualValues(t, 2, epoch)
	epoch, key, err := tr.loadKey(t.Context(), 1)
	require.NoError(t, err)
	require.EqualValues(t, 2, epoch)
	_, again, err := tr.loadKey(t.Context(), 2)
	require.NoError(t, err)
	require.True(t, key.ExposeText() == again.ExposeText())
}

// One reading of a clock that has jumped ahead erases nothing, before a start or after it; the
// operator's word that the clock is right does.
func TestClockAhead(t *testing.T) {
	s := newService(t, newParties(t, nil))
	tr := s.start()
	ctx := t.Context()
	require.NoError(t, tr.Report(ctx, s.account(1), testSignal(1, 0)))
	require.NoError(t, tr.Cut(ctx))
	far := s.agreement.EpochStart(3).Unix()
	s.at.Store(far)
	require.ErrorIs(t, tr.Cut(ctx), ErrClockAhead)
	require.ErrorIs(t, tr.Cut(ctx), ErrClockAhead)
	_, err := NewTransmitter(ctx, s.config())
	require.ErrorIs(t, err, ErrClockAhead)
	require.EqualValues(t, 3, s.alarmed(AlarmClockAhead))

	s.at.Store(testNow.Add(time.Hour).Unix())
	require.NoError(t, tr.Cut(ctx), "the clock is set right")
	tr = s.start()
	_, c := serveTLS(t, s.parties, tr)
	require.Len(t, s.read(t, c, 0, s.phones(2)...), 1)
	require.EqualValues(t, 2, func() uint64 { n, _ := tr.lastOf(ctx, s.feedOf(0)); return n }())

	s.at.Store(far)
	s.also = func(c *TransmitterConfig) { c.TrustClockUntil = time.Unix(far, 0).Add(time.Hour) }
	tr = s.start()
	require.NoError(t, tr.Cut(ctx))
	_, err = tr.evaluator(0)
	require.ErrorIs(t, err, ErrNotOpen)
}
