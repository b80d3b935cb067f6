package watch

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
)

// goldenVersion counts the sets of files. When rows or the vault change, it goes up, and the test learns
// to go on from the set before as well.
const goldenVersion = 2

// goldenRow is a row in a set.
type goldenRow struct {
	Key   []byte `json:"k"`
	Value []byte `json:"v"`
}

// goldenSet is what two services had when they stopped, but for their vaults, which lie beside it.
type goldenSet struct {
	Comment     string                 `json:"comment"`
	Agreement   json.RawMessage        `json:"agreement"`
	At          int64                  `json:"at"` // seconds since 1970
	Known       []string               `json:"known"`
	Decisions   int                    `json:"decisions"` // on account "a"
	Transmitter map[string][]goldenRow `json:"transmitter"`
	Receiver    map[string][]goldenRow `json:"receiver"`
}

// goldenTown is the one of the sets: its keys are made up, and its clock is right after the last batch.
func goldenTown(t testing.TB, edit ...func(*town)) *town {
	key := func(name string) hashing.Key {
		secret := sha256.Sum256([]byte("golden " + name))
		k, err := hashing.KeyFromSecret(secret[:])
		require.NoError(t, err)
		return k
	}
	w := newTown(t, linkage.ProtocolVOLE, append([]func(*town){func(w *town) {
		w.key, w.vaultK = key("transmitter"), key("receiver")
		w.people.put("a", ids(t, 1), ids(t, 2))
		w.people.put("b", ids(t, 3))
	}}, edit...)...)
	return w
}

// goldenSaid is what was reported in a set, without saying it again.
func (w *town) goldenSaid(n int, revision uint64, retracted bool, about ...hashing.Identifier) {
	s := testSignal(n, revision)
	s.ValidUntil = testNow.AddDate(0, 0, 20+n%40).Truncate(time.Second)
	w.signals[s.ID] = &reported{ids: about, signal: s, retracted: retracted}
	if !retracted {
		w.book.put(fmt.Sprint("there-", n), about...)
	}
}

func makeGolden(t *testing.T, dir string) {
	w := goldenTown(t, func(w *town) {
		w.dir, w.vault = filepath.Join(dir, "vault-transmitter"), filepath.Join(dir, "vault-receiver")
	})
	w.report(1, 1, ids(t, 1))
	require.NoError(t, w.base(0))
	w.settle()
	w.report(1, 2)
	w.report(2, 1, ids(t, 3), ids(t, 2))
	w.report(3, 1, ids(t, 3))
	w.report(4, 1, ids(t, 9)) // about nobody yet
	w.settle()
	w.withdraw(3)
	w.settle()
	w.check()
	w.people.put("late", ids(t, 6))
	_, err := w.rec.Check(t.Context(), "late", w.people.all["late"])
	require.NoError(t, err)
	require.NoError(t, w.tr.CloseRecord(t.Context()))
	require.NoError(t, w.rec.Cosign(t.Context()))
	w.partner.set(nil)
	w.people.put("owed", ids(t, 10))
	answer, err := w.rec.Check(t.Context(), "owed", w.people.all["owed"])
	require.NoError(t, err)
	require.True(t, answer.Pending)
	w.partner.set(w.tr)
	w.report(5, 1, ids(t, 1)) // reported, and not published
	decisions, err := w.decider.Decisions(t.Context(), "a", 100)
	require.NoError(t, err)
	agreement, err := json.Marshal(w.agreement)
	require.NoError(t, err)
	set := goldenSet{
		Comment:   "What package watch had stored: never to be made again. Keys, accounts and identifiers are made up, see golden_test.go.",
		Agreement: agreement, At: w.at.Load(), Known: w.known(), Decisions: len(decisions),
		Transmitter: rowsOf(t, w.store), Receiver: rowsOf(t, w.mine),
	}
	data, err := json.MarshalIndent(set, "", "\t")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "stores.json"), append(data, '\n'), 0o644))
}

// rowsOf gives all rows of a store, by table.
func rowsOf(t testing.TB, s abuse.Store) map[string][]goldenRow {
	all := map[string][]goldenRow{}
	require.NoError(t, s.View(t.Context(), func(r abuse.Reader) error {
		for _, table := range abuse.Tables() {
			if err := scanAll(r, table, nil, func(row abuse.Row) error {
				all[table.String()] = append(all[table.String()], goldenRow{row.Key, row.Value})
				return nil
			}); err != nil {
				return err
			}
		}
		return nil
	}))
	return all
}

func storeOf(t testing.TB, rows map[string][]goldenRow) abuse.Store {
	s := abuse.NewMemory()
	n := 0
	require.NoError(t, s.Update(t.Context(), func(w abuse.Writer) error {
		for _, table := range abuse.Tables() {
			if len(rows[table.String()]) > 0 {
				n++
			}
			for _, row := range rows[table.String()] {
				if err := w.Put(table, row.Key, row.Value); err != nil {
					return err
				}
			}
		}
		return nil
	}))
	require.Len(t, rows, n, "a table that nobody knows")
	return s
}

// golden reads a set.
func golden(t testing.TB, dir string) *goldenSet {
	data, err := os.ReadFile(filepath.Join(dir, "stores.json"))
	require.NoError(t, err)
	set := new(goldenSet)
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	require.NoError(t, dec.Decode(set))
	return set
}

// on puts a town on copies of a set, before its services start.
func (g *goldenSet) on(t testing.TB, dir string) func(*town) {
	return func(w *town) {
		var err error
		w.agreement, err = linkage.ParseAgreement(g.Agreement)
		require.NoError(t, err)
		w.at.Store(g.At)
		w.store, w.mine = storeOf(t, g.Transmitter), storeOf(t, g.Receiver)
		for from, to := range map[string]string{"vault-transmitter": w.dir, "vault-receiver": w.vault} {
			require.NoError(t, os.CopyFS(to, os.DirFS(filepath.Join(dir, from))))
			require.NoError(t, os.Chmod(to, 0o700))
		}
	}
}

// What earlier versions stored is gone on with for ever. HUEANDCRY_GOLDEN=1 makes the set that is
// missing, of a version that is being added; the others are never made again.
func TestGoldenStores(t *testing.T) {
	for version := 1; version <= goldenVersion; version++ {
		dir := filepath.Join("testdata", fmt.Sprint("v", version))
		if _, err := os.Stat(dir); os.IsNotExist(err) && os.Getenv("HUEANDCRY_GOLDEN") != "" {
			require.NoError(t, os.MkdirAll(dir, 0o755))
			makeGolden(t, dir)
		}
		set := golden(t, dir)
		require.NotEmpty(t, set.Known)
		for _, table := range []abuse.Table{abuse.Generations, abuse.Enrolments, abuse.Holdings, abuse.Cursors, abuse.Kept, abuse.Aliases,
			abuse.Matches, abuse.Expiries, abuse.Decisions, abuse.Rechecks, abuse.SessionRecords} {
			require.NotEmpty(t, set.Receiver[table.String()], table)
		}
		for _, table := range []abuse.Table{abuse.Signals, abuse.About, abuse.Ordinals, abuse.Unpublished, abuse.Heads, abuse.Batches, abuse.Budgets, abuse.SessionRecords} {
			require.NotEmpty(t, set.Transmitter[table.String()], table)
		}

		w := goldenTown(t, set.on(t, dir))
		require.Equal(t, set.Known, w.known())
		decisions, err := w.decider.Decisions(t.Context(), "a", 100)
		require.NoError(t, err)
		require.Len(t, decisions, set.Decisions)
		for _, d := range decisions {
			require.NoError(t, json.Unmarshal(d, new(abuse.Decision)))
		}
		w.people.put("late", ids(t, 6))
		w.people.put("owed", ids(t, 10))
		w.goldenSaid(1, 2, false, ids(t, 1))
		w.goldenSaid(2, 1, false, ids(t, 3), ids(t, 2))
		w.goldenSaid(3, 1, true, ids(t, 3))
		w.goldenSaid(4, 1, false, ids(t, 9))
		w.goldenSaid(5, 1, false, ids(t, 1))

		// What was kept is found, what was owed is done, and what was not published goes out.
		w.people.put("new", ids(t, 9))
		answer, err := w.rec.Check(t.Context(), "new", w.people.all["new"])
		require.NoError(t, err)
		require.Equal(t, 1, answer.Matched)
		w.at.Add(3600)
		w.settle()
		w.report(2, 2)
		w.report(6, 1, ids(t, 10))
		w.withdraw(1)
		w.settle()
		require.Equal(t, w.truth(), w.known())
		require.Len(t, w.known(), 5)
		require.NoError(t, w.tr.CloseRecord(t.Context()))
		require.NoError(t, w.rec.Cosign(t.Context()))

		// And what is removed is gone, of the base and of who has signed up.
		for _, account := range []string{"a", "late"} {
			held := w.held(account)
			require.NotEmpty(t, held)
			require.NoError(t, w.rec.Remove(t.Context(), account))
			w.none(account, held...)
		}
	}
}

// stepAll is all that the services do, whatever fails.
func (w *town) stepAll() error {
	ctx := w.t.Context()
	fails := []error{w.tryTransmitter(), w.tryReceiver()}
	if w.tr != nil {
		s := testSignal(2, 7)
		fails = append(fails, w.tr.Report(ctx, "there-2", s), w.tr.Cut(ctx), w.tr.CloseRecord(ctx))
		heads, err := w.tr.heads(ctx)
		for _, h := range heads {
			_, err = w.tr.batch(ctx, h.feed, 1)
		}
		fails = append(fails, err)
	}
	if w.rec != nil {
		_, err := w.rec.Check(ctx, "new", []hashing.Identifier{ids(w.t, 9)})
		_, also := w.rec.Recheck(ctx)
		_, step := w.decider.Step(ctx)
		fails = append(fails, err, w.rec.Follow(ctx), also, step, w.rec.Cosign(ctx), w.rec.Remove(ctx, "a"))
	}
	return errors.Join(fails...)
}

func (w *town) tryTransmitter() (err error) {
	w.partner.set(nil)
	if w.tr, err = NewTransmitter(w.t.Context(), w.config()); err == nil {
		w.partner.set(w.tr)
	}
	return err
}

// Rows of a newer version are refused, and stay as they are, whatever is tried.
func TestNewerRowsAreRefused(t *testing.T) {
	dir := filepath.Join("testdata", fmt.Sprint("v", goldenVersion))
	for _, c := range []struct {
		table       abuse.Table
		transmitter bool
	}{
		{abuse.Generations, false}, {abuse.Enrolments, false}, {abuse.Holdings, false}, {abuse.Cursors, false}, {abuse.Kept, false},
		{abuse.Aliases, false}, {abuse.Matches, false}, {abuse.Rechecks, false}, {abuse.SessionRecords, false},
		{abuse.Signals, true}, {abuse.About, true}, {abuse.Heads, true}, {abuse.Batches, true}, {abuse.Budgets, true}, {abuse.SessionRecords, true},
	} {
		t.Run(fmt.Sprint(c.table, c.transmitter), func(t *testing.T) {
			set := golden(t, dir)
			rows := set.Receiver[c.table.String()]
			if c.transmitter {
				rows = set.Transmitter[c.table.String()]
			}
			changed := map[string][]byte{}
			for i := range rows {
				if v := rows[i].Value; len(v) > 1 && (v[0] == rowVersion || v[0] == holdingLogged && c.table == abuse.Holdings) {
					v[0] = holdingLogged + 1
					changed[string(rows[i].Key)] = rows[i].Value
				}
			}
			require.NotEmpty(t, changed)
			w := goldenTown(t)
			w.dir, w.vault = t.TempDir()+"/there", t.TempDir()+"/here"
			set.on(t, dir)(w)
			w.people.put("new", ids(t, 9))
			w.goldenSaid(2, 1, false, ids(t, 3), ids(t, 2))
			w.tr, w.rec = nil, nil
			require.ErrorIs(t, w.stepAll(), abuse.ErrStoreVersion)
			store := w.mine
			if c.transmitter {
				store = w.store
			}
			for _, row := range rowsOf(t, store)[c.table.String()] {
				if want := changed[string(row.Key)]; want != nil {
					require.Equal(t, want, row.Value)
					delete(changed, string(row.Key))
				}
			}
			require.Empty(t, slices.Collect(maps.Keys(changed)), "rows are gone")
		})
	}
}

// Files of a newer version are refused, and stay as they are, whatever is tried.
func TestNewerVaultIsRefused(t *testing.T) {
	dir := filepath.Join("testdata", fmt.Sprint("v", goldenVersion))
	for _, of := range []string{"vault-transmitter", "vault-receiver"} {
		set := golden(t, dir)
		w := goldenTown(t)
		w.dir, w.vault = t.TempDir()+"/there", t.TempDir()+"/here"
		set.on(t, dir)(w)
		w.people.put("new", ids(t, 9))
		w.goldenSaid(2, 1, false, ids(t, 3), ids(t, 2))
		folder := map[string]string{"vault-transmitter": w.dir, "vault-receiver": w.vault}[of]
		files := map[string][]byte{}
		entries, err := os.ReadDir(folder)
		require.NoError(t, err)
		for _, e := range entries {
			data, err := os.ReadFile(filepath.Join(folder, e.Name()))
			require.NoError(t, err)
			data[5]++ // of a state file too
			require.NoError(t, os.WriteFile(filepath.Join(folder, e.Name()), data, 0o600))
			files[e.Name()] = data
		}
		require.NotEmpty(t, files)
		w.tr, w.rec = nil, nil
		require.ErrorIs(t, w.stepAll(), ErrVaultVersion, of)
		vault, err := OpenVault(folder, map[string]hashing.Key{"vault-transmitter": w.key, "vault-receiver": w.vaultK}[of])
		require.NoError(t, err)
		for name, data := range files {
			if bytes.HasPrefix(data, []byte(vaultMagic)) { // state files are linkage's
				require.ErrorIs(t, vault.Save(name, []byte("x")), ErrVaultVersion)
				_, err := vault.Load(name)
				require.ErrorIs(t, err, ErrVaultVersion)
			}
		}
		for name, want := range files {
			have, err := os.ReadFile(filepath.Join(folder, name))
			require.NoError(t, err)
			require.Equal(t, want, have, name)
		}
	}
}
