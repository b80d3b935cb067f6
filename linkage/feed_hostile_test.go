package linkage_test

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
	"github.com/hueandcry/hueandcry/linkage/linkagetest"
)

// oneBatch is a batch of a feed of two slots that says something about the id.
func oneBatch(t testing.TB, d *duty, id hashing.Identifier) []byte {
	t.Helper()
	c := &chain{duty: d}
	c.cut(t, d.record(t, &linkage.Flagged{ID: uuid.New(), Sequence: 1, Identifiers: []hashing.Identifier{id}, Label: []byte("label")}), d.retract(t, uuid.New(), 1))
	return c.batches[0]
}

// A batch of which one bit is another is none.
func TestEveryByteOfABatchCounts(t *testing.T) {
	d := onDuty(t, linkagetest.NewParties(inBulk), nil)
	data := oneBatch(t, d, phone(t, 1))
	for i := range data {
		bad := bytes.Clone(data)
		bad[i] ^= 1 << (i % 8)
		b, err := linkage.ParseBatch(d.Agreement, bad)
		require.Nil(t, b, i)
		var own *linkage.Error
		require.ErrorAs(t, err, &own, i)
	}
	for n := range len(data) {
		_, err := linkage.ParseBatch(d.Agreement, data[:n])
		require.Error(t, err, n)
	}
	_, err := linkage.ParseBatch(d.Agreement, append(bytes.Clone(data), 0))
	require.ErrorIs(t, err, linkage.ErrFrame)
	_, err = linkage.ParseBatch(d.Agreement, make([]byte, linkage.MaxBatch+1))
	require.ErrorIs(t, err, linkage.ErrFrame)
	_, err = linkage.ParseBatch(d.Agreement, append(bytes.Clone(data), make([]byte, linkage.MaxBatch)...))
	require.ErrorIs(t, err, linkage.ErrLimit)
}

// offsets in a batch of two slots
const (
	atFlags  = 6 + 36 + 16 + 8 + 32 + 8
	atSlots  = atFlags + 1
	atCount  = atSlots + 1 + 2*16 + 32
	atLength = atCount + 4
	atSum    = atLength + 4
	atBody   = atSum + 32
)

// A transmitter can sign what it wants: what is malformed is refused all the same, and
// nothing is allocated for what is only announced.
func TestSignedNonsense(t *testing.T) {
	d := onDuty(t, linkagetest.NewParties(inBulk), nil)
	data := oneBatch(t, d, phone(t, 1))
	add := bytes.Index(data[atBody:], append(binary.BigEndian.AppendUint64(nil, 1), byte(linkage.Add), 1)) + atBody - 16
	for name, c := range map[string]struct {
		change func([]byte) []byte
		want   linkage.Code
	}{
		"nothing":               {func(b []byte) []byte { return b }, 0},
		"later version":         {func(b []byte) []byte { b[5] = 2; return b }, linkage.ErrVersion},
		"other magic":           {func(b []byte) []byte { b[0]++; return b }, linkage.ErrFrame},
		"other agreement":       {func(b []byte) []byte { b[6]++; return b }, linkage.ErrAgreement},
		"other epoch":           {func(b []byte) []byte { b[6+35]++; return b }, linkage.ErrEpoch},
		"other feed":            {func(b []byte) []byte { b[6+36]++; return b }, linkage.ErrEpoch},
		"number zero":           {func(b []byte) []byte { b[6+52+7] = 0; return b }, linkage.ErrFrame},
		"number two, no digest": {func(b []byte) []byte { b[6+52+7] = 2; return b }, linkage.ErrFrame},
		"first with a digest":   {func(b []byte) []byte { b[6+60] = 1; return b }, linkage.ErrFrame},
		"far future":            {func(b []byte) []byte { b[6+92] = 1; return b }, linkage.ErrFrame},
		"unknown flag":          {func(b []byte) []byte { b[atFlags] = 4; return b }, linkage.ErrFrame},
		"no slots":              {func(b []byte) []byte { b[atSlots] = 0; return b }, linkage.ErrFrame},
		"three slots":           {func(b []byte) []byte { b[atSlots] = 3; return b }, linkage.ErrFrame},
		"other base":            {func(b []byte) []byte { b[atSlots+1+16]++; return b }, linkage.ErrEpoch},
		"more records":          {func(b []byte) []byte { b[atCount+3]++; return b }, linkage.ErrRecord},
		"fewer records":         {func(b []byte) []byte { b[atCount+3]--; return b }, linkage.ErrRecord},
		"very many records":     {func(b []byte) []byte { b[atCount]++; return b }, linkage.ErrLimit},
		"too many to fit":       {func(b []byte) []byte { b[atCount+2] = 0x80; return b }, linkage.ErrRecord},
		"other length":          {func(b []byte) []byte { b[atLength+3]++; return b }, linkage.ErrFrame},
		"other records":         {func(b []byte) []byte { b[atSum]++; return b }, linkage.ErrRecord},
		"out of order":          {func(b []byte) []byte { copy(b[atBody:], bytes.Repeat([]byte{255}, 16)); return resum(b) }, linkage.ErrRecord},
		"no operation":          {func(b []byte) []byte { b[add+24] = 0; return resum(b) }, linkage.ErrRecord},
		"unknown operation":     {func(b []byte) []byte { b[add+24] = 4; return resum(b) }, linkage.ErrRecord},
		"retract with tags":     {func(b []byte) []byte { b[add+24] = 3; return resum(b) }, linkage.ErrRecord},
		"about nobody":          {func(b []byte) []byte { b[add+25] = 0; return resum(b) }, linkage.ErrRecord},
		"about very many":       {func(b []byte) []byte { b[add+25] = 33; return resum(b) }, linkage.ErrRecord},
		"sequence of 2^63":      {func(b []byte) []byte { b[add+16] = 128; return resum(b) }, linkage.ErrRecord},
		"add at the last": {func(b []byte) []byte {
			binary.BigEndian.PutUint64(b[add+16:], 1<<63-1)
			return resum(b)
		}, linkage.ErrRecord},
		"add before the last": {func(b []byte) []byte {
			binary.BigEndian.PutUint64(b[add+16:], 1<<63-2)
			return resum(b)
		}, 0},
		"half a record more": {func(b []byte) []byte {
			body := append(bytes.Clone(b[atBody:len(b)-64]), 1, 2, 3)
			binary.BigEndian.PutUint32(b[atLength:], uint32(len(body)))
			return resum(append(append(b[:atBody:atBody], body...), make([]byte, 64)...))
		}, linkage.ErrRecord},
	} {
		t.Run(name, func(t *testing.T) {
			bad := signBatch(d, c.change(bytes.Clone(data)))
			b, err := linkage.ParseBatch(d.Agreement, bad)
			if c.want == 0 {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, c.want)
			require.Nil(t, b)
		})
	}
}

// Identifiers stand in the order of their first tags, each once, or one account would be told of one
// record twice, and the transmitter's order would say something.
func TestIdentifiersAscend(t *testing.T) {
	d := onDuty(t, linkagetest.NewParties(inBulk), nil)
	c := &chain{duty: d}
	record := d.record(t, &linkage.Flagged{ID: uuid.New(), Sequence: 7, Identifiers: []hashing.Identifier{phone(t, 1), phone(t, 2)}})
	c.cut(t, record)
	data := c.batches[0]
	at := bytes.Index(data, record.Bytes()) + 26
	for name, change := range map[string]func(pairs []byte){
		"swapped": func(pairs []byte) {
			first := bytes.Clone(pairs[:64])
			copy(pairs, pairs[64:128])
			copy(pairs[64:], first)
		},
		"twice":    func(pairs []byte) { copy(pairs[64:], pairs[:64]) },
		"one tag":  func(pairs []byte) { copy(pairs[64:], pairs[:16]) },
		"of bases": nil,
	} {
		bad := bytes.Clone(data)
		if change == nil { // the order of the second slot is nobody's business
			copy(bad[at+32:], bad[at+96:][:16])
			_, err := linkage.ParseBatch(d.Agreement, signBatch(d, resum(bad)))
			require.NoError(t, err)
			continue
		}
		change(bad[at:])
		_, err := linkage.ParseBatch(d.Agreement, signBatch(d, resum(bad)))
		require.ErrorIs(t, err, linkage.ErrRecord, name)
		_, _, err = d.sealer.Batch(linkage.BatchHeader{Number: 1, Time: feedStart}, []linkage.Sealed{d.sealer.Forged(bad[at-26 : at-26+record.Len()])}, 0)
		require.ErrorIs(t, err, linkage.ErrInput, name)
	}
}

// What a caller does wrong is told apart from what a peer does.
func TestRecordMisuse(t *testing.T) {
	d := onDuty(t, linkagetest.NewParties(), nil)
	data, _, err := d.sealer.Batch(linkage.BatchHeader{Number: 1, Time: feedStart}, []linkage.Sealed{d.retract(t, uuid.New(), 1)}, 0)
	require.NoError(t, err)
	b, err := linkage.ParseBatch(d.Agreement, data)
	require.NoError(t, err)
	_, err = d.own.Open(linkage.Kept{}, 0, 0, 0, b.Record(0))
	require.ErrorIs(t, err, linkage.ErrRecord)
	shelved, rest, err := linkage.ParseShelved(d.Agreement, b.Record(0).Shelve(nil, d.own))
	require.NoError(t, err)
	require.Empty(t, rest)
	require.Panics(t, func() { shelved.Shelve(nil, d.own) })
	require.NotPanics(t, func() { d.own.Nth(linkage.Kept{}, 256) })
	require.Panics(t, func() { d.own.Nth(linkage.Kept{}, 257) })

	h := b.Header()
	h.Generations[0][0]++
	require.NotEqual(t, h.Generations, b.Header().Generations)
	bad := *d.Agreement
	bad.Kinds = []hashing.Kind{99}
	_, err = linkage.ParseBatch(&bad, data)
	require.ErrorIs(t, err, linkage.ErrInput)
}

// resum puts the right hash of the records in.
func resum(b []byte) []byte {
	sum := sha256Of(b[atBody : len(b)-64])
	copy(b[atSum:], sum[:])
	return b
}

// signBatch signs a batch of two slots anew, as PROTOCOL.md says.
func signBatch(d *duty, b []byte) []byte {
	digest := sha256Of(append([]byte("H&C/b1\x00"), b[6:atBody]...))
	sig, _ := d.Transmitter.Sign(nil, append([]byte("hueandcry/batch/v1\x00"), digest[:]...), noHash)
	return append(b[:len(b)-64:len(b)-64], sig...)
}

// The batches of a feed come one after the other.
func TestFollows(t *testing.T) {
	d := onDuty(t, linkagetest.NewParties(), nil)
	c := &chain{duty: d}
	first, second := c.cut(t), c.cut(t)
	feed, h := d.sealer.Feed(), first.Header()
	last := first.Tip()
	require.Equal(t, linkage.Tip{Number: 1, Digest: first.Digest(), Time: h.Time}, last)
	require.NoError(t, second.Follows(feed, last))
	require.ErrorIs(t, second.Follows(feed, linkage.Tip{}), linkage.ErrOrder) // a gap
	require.ErrorIs(t, first.Follows(feed, last), linkage.ErrOrder)           // again
	require.ErrorIs(t, second.Follows(linkage.FeedID{1}, last), linkage.ErrEpoch)
	for change, want := range map[*linkage.Tip]error{
		{Number: 1, Digest: [32]byte{1}, Time: h.Time}:                 linkage.ErrOrder, // another before it
		{Number: 1, Digest: last.Digest, Time: h.Time.Add(time.Hour)}:  linkage.ErrRecord,
		{Number: 1, Digest: last.Digest, Time: h.Time, Final: true}:    linkage.ErrOrder,
		{Number: 1, Digest: last.Digest, Time: h.Time, Complete: true}: nil,
		{Number: 1, Digest: last.Digest, Time: h.Time.Add(-time.Hour)}: nil,
	} {
		require.ErrorIs(t, second.Follows(feed, *change), want, change)
	}
	require.True(t, second.Header().Complete)
	require.False(t, first.Header().Complete)
	require.Equal(t, linkage.NewFeedID(d.Agreement, d.epoch, h.Generations), feed)
	require.Equal(t, []linkage.GenerationID{linkage.LiveGeneration(d.Agreement, d.epoch)}, h.Generations)
}

// A batch is for one agreement and its transmitter.
func TestBatchOfOthers(t *testing.T) {
	d := onDuty(t, linkagetest.NewParties(inBulk), nil)
	data := oneBatch(t, d, phone(t, 1))
	other := *d.Agreement
	other.ID = uuid.New()
	_, err := linkage.ParseBatch(&other, data)
	require.ErrorIs(t, err, linkage.ErrAgreement)
	tagsAlone := *d.Agreement
	tagsAlone.LabelBytes = 0
	_, err = linkage.ParseBatch(&tagsAlone, data)
	require.ErrorIs(t, err, linkage.ErrInput)
	forged := bytes.Clone(data)
	digest := sha256Of(append([]byte("H&C/b1\x00"), forged[6:atBody]...))
	sig, err := d.Receiver.Sign(nil, append([]byte("hueandcry/batch/v1\x00"), digest[:]...), noHash)
	require.NoError(t, err)
	copy(forged[len(forged)-64:], sig)
	_, err = linkage.ParseBatch(d.Agreement, forged)
	require.ErrorIs(t, err, linkage.ErrPeer)
}

// What was said under one tag opens by nothing else: no other number, slot, epoch, feed or
// generation, and not when its head was changed.
func TestRecordOpensOnlyWhereItBelongs(t *testing.T) {
	id := phone(t, 1)
	d := onDuty(t, linkagetest.NewParties(inBulk), []linkage.Account{{Ref: "a", Identifiers: []hashing.Identifier{id}}})
	again := onDuty(t, d.Parties, []linkage.Account{{Ref: "a", Identifiers: []hashing.Identifier{id}}})
	require.NotEqual(t, d.base.Generation(), again.base.Generation())
	require.NotEqual(t, d.sealer.Feed(), again.sealer.Feed())

	live, base := linkage.NewKeeper(d.Agreement, d.epoch, hashing.NewKey()), linkage.NewKeeper(d.Agreement, d.epoch, hashing.NewKey())
	signal := linkage.Flagged{ID: uuid.New(), Sequence: 5, Identifiers: []hashing.Identifier{id}, Label: []byte("label")}
	r := only(t, d, &signal)
	kept := d.evaluate(t, live, id)[0]
	o, err := live.Open(kept, 0, 0, 0, r)
	require.NoError(t, err)
	require.Equal(t, signal.ID, o.Signal)
	require.Equal(t, kept.Tag, live.Tag(r.Tag(0, 0)))
	for e := range d.base.All(base) {
		_, err := base.Open(e.Kept, 0, 0, 1, r)
		require.NoError(t, err)
		require.Equal(t, e.Kept.Tag, base.Tag(r.Tag(0, 1)))
		_, err = base.Open(e.Kept, 0, 0, 0, r)
		require.ErrorIs(t, err, linkage.ErrRecord)
		_, err = live.Open(e.Kept, 0, 0, 1, r) // another keeper's
		require.ErrorIs(t, err, linkage.ErrRecord)
	}
	for e := range again.base.All(base) {
		_, err := base.Open(e.Kept, 0, 0, 1, r)
		require.ErrorIs(t, err, linkage.ErrRecord)
		require.NotEqual(t, e.Kept.Tag, base.Tag(r.Tag(0, 1)))
	}
	for _, bad := range []struct{ nth, slot int }{{1, 0}, {0, 1}, {-1, 0}, {256, 0}} {
		_, err := live.Open(kept, bad.nth, 0, bad.slot, r)
		require.ErrorIs(t, err, linkage.ErrRecord)
	}
	_, err = live.Open(d.evaluate(t, live, phone(t, 2))[0], 0, 0, 0, r)
	require.ErrorIs(t, err, linkage.ErrRecord)
	otherEpoch := linkage.NewKeeper(d.Agreement, d.epoch+1, hashing.NewKey())
	_, err = otherEpoch.Open(d.evaluate(t, otherEpoch, id)[0], 0, 0, 0, r)
	require.ErrorIs(t, err, linkage.ErrRecord)

	// In another feed of the same live generation the same label has another key.
	other := only(t, again, &signal)
	require.NotEqual(t, r.Alias(), other.Alias())
	require.Equal(t, r.Tag(0, 0), other.Tag(0, 0))
	_, err = live.Open(kept, 0, 0, 0, other)
	require.NoError(t, err)

	// Any bit of the record but of its tags is bound into it.
	shelved := r.Shelve(nil, live)
	for i := range shelved {
		bad := bytes.Clone(shelved)
		bad[i] ^= 1
		b, _, err := linkage.ParseShelved(d.Agreement, bad)
		if err != nil || i >= 26 && i < 26+16 {
			continue
		}
		_, err = live.Open(kept, 0, 0, 0, b)
		require.ErrorIs(t, err, linkage.ErrRecord, i)
	}
}

// only makes the one record of a batch that is not padding.
func only(t testing.TB, d *duty, s *linkage.Flagged) linkage.Record {
	t.Helper()
	data, _, err := d.sealer.Batch(linkage.BatchHeader{Number: 1, Time: feedStart}, []linkage.Sealed{d.record(t, s)}, 0)
	require.NoError(t, err)
	b, err := linkage.ParseBatch(d.Agreement, data)
	require.NoError(t, err)
	require.Equal(t, 1, b.Len())
	return b.Record(0)
}
