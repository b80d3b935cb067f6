package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/abusetest"
	"github.com/hueandcry/hueandcry/abuse/sqlstore"
	"github.com/hueandcry/hueandcry/abuse/watch"
	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
	"github.com/hueandcry/hueandcry/linkage/linkagetest"
)

// quarry is a partner whose batches were made beforehand and lie in files.
type quarry struct {
	watch.Partner
	*world
	t       testing.TB
	key     hashing.Key
	state   *os.File
	session sync.WaitGroup
	dir     string
	last    uint64
}

func (q *quarry) config() linkage.Config {
	return linkage.Config{Agreement: q.agreement, Signer: q.transmitter, Key: q.key, Now: start, State: q.state}
}

func (q *quarry) Base(ctx context.Context, _ uint32) (net.Conn, error) {
	pub, err := linkage.Publish(ctx, q.config(), linkage.Slice[linkage.Flagged](nil))
	if err != nil {
		return nil, err
	}
	here, there := net.Pipe()
	q.session.Go(func() { _, _ = linkage.Transmit(ctx, there, q.config(), pub) })
	return here, nil
}

func (q *quarry) Latest(context.Context, linkage.FeedID, uint64, time.Duration) (uint64, error) {
	return q.last, nil
}

func (q *quarry) Batch(_ context.Context, _ linkage.FeedID, number uint64, _ bool) ([]byte, error) {
	return os.ReadFile(filepath.Join(q.dir, fmt.Sprint(number)))
}

// hew makes batches of so many records, of which one in a hundred is about somebody here.
func (q *quarry) hew(batches, records, people int) {
	state, err := linkage.OpenState(q.config(), q.state)
	require.NoError(q.t, err)
	sealer, err := linkage.NewSealer(q.config(), state)
	require.NoError(q.t, err)
	keeper := linkage.NewKeeper(q.agreement, 0, hashing.NewKey())
	var digest [32]byte
	for n := range batches {
		var all []linkage.Sealed
		for i := range records / 100 {
			s := saying{Signal: n*records + i, Revision: 1, First: start.Unix(), Until: start.AddDate(0, 1, 0).Unix()}
			id, err := phone((n*records/100 + i) % people)
			require.NoError(q.t, err)
			about, err := sealer.Values(keeper, id)
			require.NoError(q.t, err)
			about.Nth = uint16((n*records/100 + i) / people)
			form := s.form()
			label, err := form.MarshalBinary()
			require.NoError(q.t, err)
			record, err := sealer.Record(keeper, linkage.Add, s.id(), 1, label, []linkage.About{about})
			require.NoError(q.t, err)
			all = append(all, record)
		}
		header := linkage.BatchHeader{Number: uint64(n + 1), Previous: digest, Time: start, Complete: true}
		data, d, err := sealer.Batch(header, all, records-len(all))
		require.NoError(q.t, err)
		require.NoError(q.t, os.WriteFile(filepath.Join(q.dir, fmt.Sprint(n+1)), data, 0o600))
		digest = d
	}
	q.last = uint64(batches)
}

// BenchmarkIntake follows a feed against a base of tags that are enrolled, ten million with
// HUEANDCRY_FULL, of which the most are made up: only their rows are there. Run it with -benchtime 1x.
func BenchmarkIntake(b *testing.B) {
	for _, kind := range []string{"sqlite", "postgres"} {
		b.Run(kind, func(b *testing.B) {
			tags, batches, records, people := 100_000, 2, 10_000, 500
			if full() {
				tags, batches, records, people = 10_000_000, 20, 50_000, 5000
			}
			o := &options{epochDays: 300, protocol: linkage.ProtocolVOLE, seed: 1, dir: b.TempDir(), at: start.Unix()}
			w, err := newWorld(o)
			require.NoError(b, err)
			address := "sqlite:" + filepath.Join(o.dir, "receiver.sqlite")
			if kind == "postgres" {
				address = abusetest.Postgres(b)
			}
			store, err := sqlstore.Open(b.Context(), address)
			require.NoError(b, err)
			state, err := os.Create(filepath.Join(o.dir, "state"))
			require.NoError(b, err)
			q := &quarry{world: w, t: b, key: hashing.NewKey(), state: state, dir: o.dir}
			s, err := newReceiver(b.Context(), w, o, store)
			require.NoError(b, err)
			defer func() { _ = s.close(b.Context()) }()
			r := s.(*receiver)
			r.partner.Partner = q
			var all []linkage.Account
			for n := range people {
				id, err := phone(n)
				require.NoError(b, err)
				all = append(all, linkage.Account{Ref: receiverAccount(n), Identifiers: []hashing.Identifier{id}})
			}
			_, err = r.watch.EnrolBase(linkagetest.AllowPlain(b.Context()), 0, linkage.Slice(all))
			require.NoError(b, err)
			q.session.Wait()
			madeUp(b, store, tags)
			q.hew(batches, records, people)
			b.ResetTimer()
			began, cpu := time.Now(), cpuSeconds()
			for b.Loop() {
				require.NoError(b, r.watch.Follow(b.Context()))
			}
			took := time.Since(began).Seconds()
			b.StopTimer()
			out, err := r.watch.Status(b.Context())
			require.NoError(b, err)
			require.Equal(b, q.last, out.Feeds[0].Batch)
			n := float64(batches * records)
			b.ReportMetric(n/took, "records/s")
			b.ReportMetric(n/(cpuSeconds()-cpu), "records/cpu-s")
			b.ReportMetric(float64(memory(b, "VmRSS:")), "RSS-MiB")
			b.ReportMetric(float64(memory(b, "VmHWM:")), "peak-MiB")
			_, err = r.decider.Step(b.Context())
			require.NoError(b, err)
			sum := r.inbox.sum()
			require.Len(b, sum.Matches, batches*records/100)
		})
	}
}

// madeUp enrols tags of nobody, as rows.
func madeUp(b *testing.B, store abuse.Store, n int) {
	const generation = 2 // of the base of the first era
	value := make([]byte, 5+4+2+8+1+4+4+32)
	value[0], value[4], value[8], value[10] = 1, 1, byte(len(value)-9), 8
	copy(value[11:], "nobody00")
	step := ^uint64(0) / uint64(n)
	require.NoError(b, store.Load(b.Context(), abuse.Enrolments, func(yield func(abuse.Row) bool) {
		for i := range n {
			k := binary.BigEndian.AppendUint64(nil, generation)
			k = binary.BigEndian.AppendUint64(k, step*uint64(i)+1)
			k = append(k, make([]byte, 12)...)
			_, _ = rand.Read(k[16:24])
			if !yield(abuse.Row{Key: k, Value: value}) {
				return
			}
		}
	}))
	require.NoError(b, store.Load(b.Context(), abuse.Generations, func(yield func(abuse.Row) bool) {
		for at := 0; at < n; at += 4096 {
			k := binary.BigEndian.AppendUint64(append(make([]byte, 16), 3), generation)
			k = binary.BigEndian.AppendUint32(k, uint32(1<<20+at))
			v := []byte{1}
			for i := at; i < min(n, at+4096); i++ {
				v = binary.BigEndian.AppendUint64(v, step*uint64(i)+1)
			}
			if !yield(abuse.Row{Key: k, Value: v}) {
				return
			}
		}
	}))
}

// memory reads a figure of the process, in MiB; 0 where there is none.
func memory(b *testing.B, name string) (mib int) {
	data, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			_, err := fmt.Sscan(rest, &mib)
			require.NoError(b, err)
		}
	}
	return mib >> 10
}
