package linkage_test

import (
	"encoding/binary"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
	"github.com/hueandcry/hueandcry/linkage/linkagetest"
)

const benchRecords = 10_000

// benchFeed makes the records of a batch in two slots, one identifier each.
func benchFeed(b *testing.B) (d *duty, about linkage.About, records []linkage.Sealed) {
	d = onDuty(b, linkagetest.NewParties(inBulk), nil)
	about, err := d.sealer.Values(d.own, phone(b, 1))
	require.NoError(b, err)
	for i := range benchRecords {
		records = append(records, benchRecord(b, d, about, i))
	}
	return d, about, records
}

func benchRecord(b *testing.B, d *duty, about linkage.About, i int) linkage.Sealed {
	var id uuid.UUID
	binary.BigEndian.PutUint64(id[:], uint64(i)+1)
	r, err := d.sealer.Record(d.own, linkage.Add, id, 1, make([]byte, 40), []linkage.About{about})
	if err != nil {
		b.Fatal(err)
	}
	return r
}

func BenchmarkFeed(b *testing.B) {
	d, about, records := benchFeed(b)
	h := linkage.BatchHeader{Number: 1, Time: feedStart}
	data, _, err := d.sealer.Batch(h, records, linkage.PaddedCount(len(records))-len(records))
	require.NoError(b, err)
	batch, err := linkage.ParseBatch(d.Agreement, data)
	require.NoError(b, err)
	k := linkage.NewKeeper(d.Agreement, d.epoch, hashing.NewKey())
	each := func(name string, n int, f func()) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/record")
		})
	}
	each("Values", 1, func() { _, _ = d.sealer.Values(d.own, phone(b, 1)) })
	each("Record", 1, func() { _ = benchRecord(b, d, about, 1) })
	each("Batch", benchRecords, func() { _, _, _ = d.sealer.Batch(h, records, 0) })
	each("ParseBatch", batch.Len(), func() { _, _ = linkage.ParseBatch(d.Agreement, data) })
	each("Tags", batch.Len(), func() {
		for i := range batch.Len() {
			r := batch.Record(i)
			k.Tag(r.Tag(0, 0))
			k.Tag(r.Tag(0, 1))
		}
	})
	shelf := make([]byte, 0, len(data))
	each("Shelve", batch.Len(), func() {
		shelf = shelf[:0]
		for i := range batch.Len() {
			shelf = batch.Record(i).Shelve(shelf, k)
		}
	})
	each("SealBytes", batch.Len(), func() { _ = k.SealBytes(nil, shelf, nil) })
	kept := d.evaluate(b, k, phone(b, 1))[0]
	each("Open", 1, func() { _, _ = k.Open(kept, 0, 0, 0, batch.Record(0)) })
	each("Nth", 1, func() { _ = k.Nth(kept, 1) })
	b.Run("bytes", func(b *testing.B) {
		for b.Loop() {
		}
		b.ReportMetric(float64(len(data))/benchRecords, "bytes/record")
		b.ReportMetric(float64(len(shelf))/float64(batch.Len()), "shelved-bytes/record")
		b.ReportMetric(0, "ns/op")
	})
}

// What a base costs beside the session: rows in the order of the table.
func BenchmarkEnrolmentAll(b *testing.B) {
	var accounts []linkage.Account
	for i := range uint64(100_000) {
		accounts = append(accounts, linkage.Account{Ref: "account", Identifiers: []hashing.Identifier{device(b, hashing.InstallID, i)}})
		accounts[i].Ref += string(rune('a'+i%26)) + uuid.New().String()
	}
	d := onDuty(b, linkagetest.NewParties(inBulk), accounts)
	k := linkage.NewKeeper(d.Agreement, d.epoch, hashing.NewKey())
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for range d.base.All(k) {
			n++
		}
		require.Equal(b, d.base.Len(), n)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(accounts)), "ns/row")
}
