package linkage_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
	"github.com/hueandcry/hueandcry/linkage/linkagetest"
)

// goldenVersion counts the sets of files. When a form changes, it goes up, and the test learns to read
// the set before as well.
const goldenVersion = 1

// goldenFiles are what a set consists of: all that this package lets anybody keep.
var goldenFiles = []string{"agreement.json", "key", "keeper", "state", "opening", "batch", "shelved", "record", "record.json"}

var goldenSignal = uuid.MustParse("0190a8f4-58a7-7b1f-9d5e-6f3c0a1b2c3d")

// Files as earlier versions wrote them open for ever. HUEANDCRY_GOLDEN=1 makes the set that is missing,
// of a version that is being added; the others are never made again. All keys in them are made up here.
func TestGoldenFiles(t *testing.T) {
	for version := 1; version <= goldenVersion; version++ {
		dir := filepath.Join("testdata", fmt.Sprint("v", version))
		if _, err := os.Stat(dir); os.IsNotExist(err) && os.Getenv("HUEANDCRY_GOLDEN") != "" {
			require.NoError(t, os.MkdirAll(dir, 0o755))
			for name, data := range makeGolden(t) {
				require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o644))
			}
		}
		set := map[string][]byte{}
		for _, name := range goldenFiles {
			var err error
			set[name], err = os.ReadFile(filepath.Join(dir, name))
			require.NoError(t, err)
		}
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Len(t, entries, len(goldenFiles))
		openGolden(t, set)
	}
}

func goldenIDs(t testing.TB) []hashing.Identifier {
	return []hashing.Identifier{phone(t, 1), device(t, hashing.InstallID, 2)}
}

func makeGolden(t *testing.T) map[string][]byte {
	p := fixedParties(t, inBulk)
	tc, rc, f := p.TransmitterConfig(), p.ReceiverConfig(), &file{}
	tc.Now, rc.Now, tc.State = feedStart, feedStart, f
	enrolment, sum := enrol(t, linkagetest.AllowPlain(t.Context()), tc, rc, []linkage.Account{{Ref: "a", Identifiers: goldenIDs(t)}})
	enrolment.Close()
	state, err := linkage.OpenState(tc, f)
	require.NoError(t, err)
	sealer, err := linkage.NewSealer(tc, state)
	require.NoError(t, err)
	key := hashing.NewKey()
	k := linkage.NewKeeper(p.Agreement, sum.Epoch, key)
	about, err := sealer.Values(k, goldenIDs(t)[0])
	require.NoError(t, err)
	r, err := sealer.Record(k, linkage.Add, goldenSignal, 3, []byte("label"), []linkage.About{about})
	require.NoError(t, err)
	batch, _, err := sealer.Batch(linkage.BatchHeader{Number: 1, Time: feedStart, Complete: true}, []linkage.Sealed{r}, 3)
	require.NoError(t, err)
	b, err := linkage.ParseBatch(p.Agreement, batch)
	require.NoError(t, err)
	var shelved []byte
	for i := range b.Len() {
		shelved = b.Record(i).Shelve(shelved, k)
	}
	evaluator, err := linkage.NewEvaluator(tc)
	require.NoError(t, err)
	agreement, err := json.Marshal(p.Agreement)
	require.NoError(t, err)
	statement := statements(t, p)[0]
	form, err := statement.MarshalBinary()
	require.NoError(t, err)
	text, err := json.Marshal(statement)
	require.NoError(t, err)
	return map[string][]byte{"agreement.json": agreement, "key": []byte(p.Key.ExposeText()), "keeper": []byte(key.ExposeText()), "state": f.data,
		"opening": evaluator.Opening(), "batch": batch, "shelved": shelved, "record": form, "record.json": text}
}

// openGolden opens what there is, and says that all of it still means what it did.
func openGolden(t *testing.T, set map[string][]byte) {
	p := fixedParties(t, inBulk)
	a, err := linkage.ParseAgreement(set["agreement.json"])
	require.NoError(t, err)
	require.NoError(t, a.Verify())
	p.Agreement = a
	p.Key, err = hashing.ParseKey(string(set["key"]))
	require.NoError(t, err)
	own, err := hashing.ParseKey(string(set["keeper"]))
	require.NoError(t, err)
	cfg, rc := p.TransmitterConfig(), p.ReceiverConfig()
	cfg.Now, rc.Now = feedStart, feedStart
	epoch, ok := a.Epoch(feedStart)
	require.True(t, ok)
	k := linkage.NewKeeper(a, epoch, own)

	// The transmitter's: it says the same with the state as it said then.
	state, err := linkage.OpenState(cfg, bytes.NewReader(set["state"]))
	require.NoError(t, err)
	sealer, err := linkage.NewSealer(cfg, state)
	require.NoError(t, err)
	about, err := sealer.Values(k, goldenIDs(t)[0])
	require.NoError(t, err)
	r, err := sealer.Record(k, linkage.Add, goldenSignal, 3, []byte("label"), []linkage.About{about})
	require.NoError(t, err)
	require.Equal(t, 1, bytes.Count(set["batch"], r.Bytes()))

	// The receiver's.
	b, err := linkage.ParseBatch(a, set["batch"])
	require.NoError(t, err)
	require.NoError(t, b.Follows(sealer.Feed(), linkage.Tip{}))
	require.Equal(t, 4, b.Len())
	evaluator, err := linkage.NewEvaluator(cfg)
	require.NoError(t, err)
	blinder, err := linkage.NewBlinder(rc, epoch, set["opening"])
	require.NoError(t, err)
	require.Equal(t, b.Header().LiveKey, blinder.PublicKeyDigest())
	d := &duty{Parties: p, blinder: blinder, evaluator: evaluator}
	kept := d.evaluate(t, k, goldenIDs(t)[0])[0]
	opened := 0
	for rest := set["shelved"]; len(rest) > 0; {
		var s linkage.Record
		s, rest, err = linkage.ParseShelved(a, rest)
		require.NoError(t, err)
		if s.Tag(0, 0) == kept.Tag {
			o, err := k.Open(kept, 0, 0, 0, s)
			require.NoError(t, err)
			require.Equal(t, linkage.Opened{Signal: goldenSignal, Label: []byte("label")}, o)
			opened++
		}
	}
	require.Equal(t, 1, opened)

	// Both sides'.
	statement, err := linkage.ParseSessionRecord(set["record"])
	require.NoError(t, err)
	require.NoError(t, statement.Verify(a, nil))
	var same linkage.SessionRecord
	require.NoError(t, json.Unmarshal(set["record.json"], &same))
	require.Equal(t, statement, same)

	// Of a later version nothing is taken to be what it is not, and nothing is written.
	later := func(name string, open func(data []byte) error) {
		data := bytes.Clone(set[name])
		data[5]++
		before := bytes.Clone(data)
		require.ErrorIs(t, open(data), linkage.ErrVersion, name)
		require.Equal(t, before, data, name)
	}
	later("state", func(data []byte) error {
		path := filepath.Join(t.TempDir(), "state")
		require.NoError(t, os.WriteFile(path, data, 0o600))
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		require.NoError(t, err)
		_, failed := linkage.OpenState(cfg, f)
		require.NoError(t, f.Close())
		after, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, data, after)
		return failed
	})
	later("batch", func(data []byte) error { _, err := linkage.ParseBatch(a, data); return err })
	later("opening", func(data []byte) error { _, err := linkage.NewBlinder(rc, epoch, data); return err })
	later("record", func(data []byte) error { _, err := linkage.ParseSessionRecord(data); return err })
	text := bytes.Replace(set["record.json"], []byte(`"version":1`), []byte(`"version":2`), 1)
	require.ErrorIs(t, json.Unmarshal(text, new(linkage.SessionRecord)), linkage.ErrVersion)
	_, err = linkage.ParseAgreement(bytes.Replace(set["agreement.json"], []byte(`"version":1`), []byte(`"version":2`), 1))
	require.ErrorContains(t, err, "version")
}
