package sqlstore_test

import (
	"encoding/binary"
	"fmt"
	"iter"
	"math/rand/v2"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/sqlstore"
)

// benchRows is how many accounts are enrolled where a benchmark asks for them.
const benchRows = 1_000_000

// enrolled is the key of an enrolment, in the order of i: a generation, a tag, an account.
func enrolled(i int) []byte {
	k := binary.BigEndian.AppendUint64(make([]byte, 0, 40), 1)
	k = binary.BigEndian.AppendUint64(k, uint64(i)<<40)
	k = binary.BigEndian.AppendUint64(k, uint64(i)*0x9e3779b97f4a7c15)
	return fmt.Appendf(k, "\x00\x08%08d", i)
}

func enrolments(n int) iter.Seq[abuse.Row] {
	return func(yield func(abuse.Row) bool) {
		value := make([]byte, 60)
		for i := range n {
			if !yield(abuse.Row{Key: enrolled(i), Value: value}) {
				return
			}
		}
	}
}

// each runs a benchmark against new stores of each kind.
func each(b *testing.B, f func(*testing.B, abuse.Store)) {
	for name, make := range addresses() {
		b.Run(name, func(b *testing.B) {
			s, err := sqlstore.Open(b.Context(), make(b))
			require.NoError(b, err)
			f(b, s)
			b.StopTimer()
			require.NoError(b, s.Close())
		})
	}
}

// Sign-ups: a row is read, four are written.
func BenchmarkUpdate(b *testing.B) {
	each(b, func(b *testing.B, s abuse.Store) {
		var n atomic.Int64
		update := func() {
			i := int(n.Add(1))
			key := binary.BigEndian.AppendUint64(nil, rand.Uint64())
			if err := s.Update(b.Context(), func(w abuse.Writer) error {
				if _, err := w.Get(abuse.Cursors, []byte("feed")); err != nil {
					return err
				}
				for _, t := range []abuse.Table{abuse.Enrolments, abuse.Holdings, abuse.Decisions, abuse.Matches} {
					if err := w.Put(t, fmt.Append(key, i), make([]byte, 100)); err != nil {
						return err
					}
				}
				return nil
			}); err != nil {
				b.Error(err)
			}
		}
		b.Run("alone", func(b *testing.B) {
			for range b.N {
				update()
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
		})
		b.Run("64", func(b *testing.B) {
			b.SetParallelism(32) // goroutines a processor, of which there are two where this was measured
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					update()
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
		})
	})
}

// A stretch of a feed is looked up: one record in a hundred is about somebody here.
func BenchmarkGet(b *testing.B) {
	each(b, func(b *testing.B, s abuse.Store) {
		require.NoError(b, s.Load(b.Context(), abuse.Enrolments, enrolments(benchRows)))
		for _, hits := range []int{1, 100} {
			b.Run(fmt.Sprintf("hits=%d%%", hits), func(b *testing.B) {
				keys := make([][]byte, 2000)
				for b.Loop() {
					for i := range keys {
						keys[i] = enrolled(rand.IntN(benchRows))
						if rand.IntN(100) >= hits {
							keys[i][20]++
						}
					}
					require.NoError(b, s.Update(b.Context(), func(w abuse.Writer) error { _, err := w.Get(abuse.Enrolments, keys...); return err }))
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(keys)), "ns/key")
			})
		}
	})
}

func BenchmarkLoad(b *testing.B) {
	each(b, func(b *testing.B, s abuse.Store) {
		const n = 500_000
		tables := []abuse.Table{abuse.Enrolments, abuse.Holdings, abuse.Aliases}
		i := 0
		for b.Loop() { // the second time round COPY finds the rows there
			require.NoError(b, s.Load(b.Context(), tables[i%len(tables)], enrolments(n)))
			i++
		}
		b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "rows/s")
	})
}

func BenchmarkScan(b *testing.B) {
	each(b, func(b *testing.B, s abuse.Store) {
		require.NoError(b, s.Load(b.Context(), abuse.Enrolments, enrolments(benchRows)))
		for b.Loop() {
			var from []byte
			n := 0
			require.NoError(b, s.View(b.Context(), func(r abuse.Reader) error {
				for {
					rows, err := r.Scan(abuse.Enrolments, from, nil, 10_000)
					if err != nil || len(rows) == 0 {
						return err
					}
					n += len(rows)
					from = append(rows[len(rows)-1].Key, 0)
				}
			}))
			require.Equal(b, benchRows, n)
		}
		b.ReportMetric(float64(benchRows*b.N)/b.Elapsed().Seconds(), "rows/s")
	})
}
