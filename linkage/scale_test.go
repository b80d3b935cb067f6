package linkage

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage/internal/wire"
)

// Benchmarks at the size of a bulk session, in nanoseconds for one account or
// record. They hold no network and no function: outputs are random.
const scale = 1 << 20

func perItem(b *testing.B) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/scale, "ns/item")
	b.ReportMetric(0, "ns/op")
}

func benchAgreement(class int) *Agreement {
	return &Agreement{LabelBytes: class, Kinds: []hashing.Kind{hashing.InstallID}, Purpose: Security,
		Limits: Limits{Identifiers: 2 * scale, Records: 2 * scale, SignalsPerIdentifier: 4}}
}

func benchSession(class int) *session {
	return &session{cfg: Config{Workers: 1, Agreement: benchAgreement(class)}, scope: testScope,
		sum: Summary{Skipped: map[hashing.Kind]int{}, Stages: map[string]time.Duration{}}}
}

// benchIDs makes well-mixed install ids.
func benchIDs(b *testing.B, n int) []hashing.Identifier {
	r := rand.New(rand.NewPCG(7, 7))
	out := make([]hashing.Identifier, n)
	for i := 0; i < n; {
		var u uuid.UUID
		binary.BigEndian.PutUint64(u[:], r.Uint64())
		binary.BigEndian.PutUint64(u[8:], r.Uint64())
		u[6], u[8] = u[6]&0x0f|0x40, u[8]&0x3f|0x80
		id, err := hashing.ParseDevice(hashing.InstallID, u.String())
		if err == nil { // and not by chance like a placeholder
			out[i] = id
			i++
		}
	}
	return out
}

func benchOutputs(n int) []prf {
	r := rand.NewChaCha8([32]byte{1})
	out := make([]prf, n)
	for i := range out {
		_, _ = r.Read(out[i][:])
	}
	return out
}

func BenchmarkCollectAccounts(b *testing.B) {
	ids := benchIDs(b, scale)
	refs := make([]string, scale)
	for i := range refs {
		refs[i] = "account-" + strconv.Itoa(i*7919%scale)
	}
	for b.Loop() {
		r := &receiver{session: benchSession(0)}
		err := r.collect(b.Context(), func(yield func(Account, error) bool) {
			for i := range refs {
				if !yield(Account{Ref: refs[i], Identifiers: ids[i : i+1]}, nil) {
					return
				}
			}
		})
		require.NoError(b, err)
		require.Equal(b, scale, r.sum.Identifiers)
	}
	perItem(b)
}

func BenchmarkCollectSignals(b *testing.B) {
	for _, class := range []int{0, 64} {
		b.Run(strconv.Itoa(class), func(b *testing.B) {
			ids := benchIDs(b, scale)
			label := make([]byte, class)
			for b.Loop() {
				p := &publisher{session: benchSession(class)}
				err := p.collect(b.Context(), func(yield func(Flagged, error) bool) {
					var id uuid.UUID
					for i := range ids {
						binary.BigEndian.PutUint64(id[:], uint64(i+1))
						if !yield(Flagged{ID: id, Identifiers: ids[i : i+1], Label: label}, nil) {
							return
						}
					}
				})
				require.NoError(b, err)
				require.Equal(b, scale, p.sum.Records)
			}
			perItem(b)
		})
	}
}

// benchSealing is a sealing of one signal an item.
func benchSealing(b *testing.B, class int) *sealing {
	s := &sealing{signals: newSignals(), outputs: benchOutputs(scale), scope: testScope, class: class, workers: 1}
	for i := range uint32(scale) {
		addText(&s.signals.names.texts, make([]byte, textHead+class))
		s.signals.first.push(holding{owner: i})
	}
	return s
}

func BenchmarkArrange(b *testing.B) {
	s := benchSealing(b, 0)
	for b.Loop() {
		require.Len(b, s.arrange(), scale)
	}
	perItem(b)
}

// BenchmarkSeal is for one record, everything included but the sorting.
func BenchmarkSeal(b *testing.B) {
	for _, class := range []int{0, 64, 256} {
		b.Run(strconv.Itoa(class), func(b *testing.B) {
			s := benchSealing(b, class)
			arranged := s.arrange()
			b.ReportAllocs()
			for b.Loop() {
				n := 0
				err := s.records(context.Background(), arranged, 6000, func(batch []byte) error { n += len(batch); return nil })
				require.NoError(b, err)
				require.Equal(b, scale*recordSize(class), n)
			}
			perItem(b)
		})
	}
}

func BenchmarkIndex(b *testing.B) {
	p := benchPublished(benchOutputs(scale), 0)
	for b.Loop() {
		p.makeIndex()
	}
	perItem(b)
}

func benchPublished(outputs []prf, class int) published {
	tags := make([]tag, len(outputs))
	for i := range outputs {
		tags[i] = outputs[i].tag(0)
	}
	slices.SortFunc(tags, func(a, b tag) int { return slices.Compare(a[:], b[:]) })
	p := published{size: recordSize(class), n: len(tags)}
	p.per = wire.MaxBody / p.size
	for part := range slices.Chunk(tags, p.per) {
		piece := make([]byte, len(part)*p.size)
		for i, t := range part {
			copy(piece[i*p.size:], t[:])
		}
		p.pieces = append(p.pieces, piece)
	}
	return p
}

// BenchmarkLookUp looks for as many tags as there are published, of which none is.
func BenchmarkLookUp(b *testing.B) {
	all := benchOutputs(2 * scale)
	for _, class := range []int{0, 64} {
		b.Run(strconv.Itoa(class), func(b *testing.B) {
			r := &receiver{session: benchSession(class), book: newBook(false), records: benchPublished(all[scale:], class)}
			for _, value := range all[:scale] {
				r.book.items.push(item(value))
			}
			r.records.makeIndex()
			b.ResetTimer()
			for b.Loop() {
				require.Empty(b, r.look(0, scale).hits)
			}
			perItem(b)
		})
	}
}
