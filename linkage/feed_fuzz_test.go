package linkage_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
)

// knownBytes are the bodies of testdata/feed.json, as seeds.
func knownBytes(t testing.TB, field func(*knownFeed) string) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/feed.json")
	require.NoError(t, err)
	var k knownFeed
	require.NoError(t, json.Unmarshal(data, &k))
	b, err := hex.DecodeString(field(&k))
	require.NoError(t, err)
	return b
}

// What ParseBatch takes is signed, so that whatever is fuzzed is signed anew where its form allows
// it, lest nothing behind the signature is reached.
func FuzzParseBatch(f *testing.F) {
	p := fixedParties(f, inBulk)
	d := &duty{Parties: p}
	f.Add(knownBytes(f, func(k *knownFeed) string { return k.Batch }), true)
	f.Add(knownBytes(f, func(k *knownFeed) string { return k.Batch }), false)
	f.Add([]byte("H&C-F\x01"), false)
	keeper := linkage.NewKeeper(p.Agreement, 84, p.Key)
	f.Fuzz(func(t *testing.T, data []byte, sign bool) {
		if sign && len(data) >= atBody+64 {
			data = signBatch(d, resum(bytes.Clone(data)))
		}
		b, err := linkage.ParseBatch(p.Agreement, data)
		if err != nil {
			require.Nil(t, b)
			return
		}
		h := b.Header()
		require.NoError(t, b.Follows(h.Feed, linkage.Tip{Number: h.Number - 1, Digest: h.Previous, Time: h.Time, Complete: h.Complete}))
		for i := range b.Len() {
			r := b.Record(i)
			for j := range r.Identifiers() {
				for slot := range r.Slots() {
					_, err := keeper.Open(linkage.Kept{}, 0, j, slot, r)
					require.Error(t, err)
				}
			}
			shelved := r.Shelve(nil, keeper)
			s, rest, err := linkage.ParseShelved(p.Agreement, shelved)
			require.NoError(t, err)
			require.Empty(t, rest)
			require.Equal(t, r.Alias(), s.Alias())
		}
	})
}

func FuzzParseShelved(f *testing.F) {
	p := fixedParties(f)
	keeper := linkage.NewKeeper(p.Agreement, 84, p.Key)
	if b, err := linkage.ParseBatch(fixedParties(f, inBulk).Agreement, knownBytes(f, func(k *knownFeed) string { return k.Batch })); err == nil {
		for i := range b.Len() {
			f.Add(b.Record(i).Shelve(nil, keeper))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, rest, err := linkage.ParseShelved(p.Agreement, data)
		if err != nil {
			require.ErrorIs(t, err, linkage.ErrState)
			return
		}
		require.Less(t, len(rest), len(data))
		for j := range r.Identifiers() {
			_ = r.Tag(j, 0)
			_, err := keeper.Open(linkage.Kept{}, 0, j, 0, r)
			require.Error(t, err)
		}
	})
}

func FuzzSessionRecord(f *testing.F) {
	p := fixedParties(f)
	form := knownBytes(f, func(k *knownFeed) string { return k.SessionRecord })
	f.Add(form)
	first, err := linkage.ParseSessionRecord(form)
	require.NoError(f, err)
	text, err := json.Marshal(first)
	require.NoError(f, err)
	f.Add(text)
	f.Fuzz(func(t *testing.T, data []byte) {
		if r, err := linkage.ParseSessionRecord(data); err == nil {
			back, err := r.MarshalBinary()
			require.NoError(t, err)
			require.Equal(t, data, back)
			require.Error(t, r.Verify(p.Agreement, nil))
			text, err := json.Marshal(r)
			require.NoError(t, err)
			var again linkage.SessionRecord
			require.NoError(t, json.Unmarshal(text, &again))
			require.Equal(t, r.Hash(), again.Hash())
		} else {
			require.Zero(t, r)
		}
		var r linkage.SessionRecord
		if r.UnmarshalJSON(data) == nil {
			_, err := r.MarshalBinary()
			require.NoError(t, err)
		} else {
			require.Zero(t, r)
		}
	})
}

// The three bodies of evaluation.
func FuzzEvaluation(f *testing.F) {
	p := fixedParties(f, inBulk)
	cfg, rc := p.TransmitterConfig(), p.ReceiverConfig()
	cfg.Now = feedStart
	epoch, _ := p.Agreement.Epoch(feedStart)
	e, err := linkage.NewEvaluator(cfg)
	require.NoError(f, err)
	b, err := linkage.NewBlinder(rc, epoch, e.Opening())
	require.NoError(f, err)
	keeper := linkage.NewKeeper(p.Agreement, epoch, p.Key)
	ids := []hashing.Identifier{phone(f, 1), device(f, hashing.InstallID, 2)}
	for _, field := range []func(*knownFeed) string{
		func(k *knownFeed) string { return k.Opening }, func(k *knownFeed) string { return k.Request }, func(k *knownFeed) string { return k.Answer },
	} {
		f.Add(knownBytes(f, field))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _ = linkage.NewBlinder(rc, epoch, data)
		n, errCount := e.Count(data)
		answer, err := e.Evaluate(t.Context(), data)
		if err == nil {
			require.NoError(t, errCount)
			require.True(t, n >= 1 && n <= linkage.MaxEvaluation)
			require.Less(t, len(answer), 1+n*32+8*64)
		}
		blinding, err := b.Blind(t.Context(), ids)
		require.NoError(t, err)
		kept, err := blinding.Finish(data, keeper)
		require.Error(t, err)
		require.Nil(t, kept)
	})
}

// The agreement of the fuzz targets is the one of the known answers.
func TestFuzzSeedsAreGood(t *testing.T) {
	p := fixedParties(t, inBulk)
	b, err := linkage.ParseBatch(p.Agreement, knownBytes(t, func(k *knownFeed) string { return k.Batch }))
	require.NoError(t, err)
	require.Equal(t, 3, b.Len())
	epoch, _ := p.Agreement.Epoch(feedStart)
	_, err = linkage.NewBlinder(p.ReceiverConfig(), epoch, knownBytes(t, func(k *knownFeed) string { return k.Opening }))
	require.NoError(t, err)
	require.Equal(t, feedStart, b.Header().Time)
	require.Equal(t, time.UTC, b.Header().Time.Location())
}
