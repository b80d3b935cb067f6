package linkage

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/hashing"
)

func contentOf(owner uint32, label []byte) *content {
	return &content{uuid.UUID{byte(owner + 1), 15: 7}, uint64(owner)<<8 + 5, Add, label}
}

// newSealing makes a sealing of so many items, each held by up to three signals.
func newSealing(t testing.TB, r *rand.Rand, n, class int) *sealing {
	s := &sealing{signals: newSignals(), outputs: make([]prf, n), scope: testScope, class: class, workers: 2}
	g := s.signals
	for owner := range uint32(3) {
		label := bytes.Repeat([]byte{'a' + byte(owner)}, class*int(owner)/2) // empty, half and full
		addText(&g.names.texts, contentOf(owner, label).text())
		for i := range n {
			it := item{byte(i >> 16), byte(i >> 8), byte(i)}
			if owner == 0 || r.IntN(3) == 0 {
				putOne(g.book, it, hashing.Phone, owner, 0)
			}
		}
	}
	_, err := g.book.settle()
	require.NoError(t, err)
	for i := range s.outputs {
		for at := 0; at < len(prf{}); at += 8 {
			binary.BigEndian.PutUint64(s.outputs[i][at:], r.Uint64())
		}
	}
	return s
}

// The model seals one after the other and sorts by whole tags.
func TestSealing(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for _, n := range []int{0, 1, 2, 17, sealRun, sealRun + 1, 500, 5000} {
		for _, class := range []int{0, 64, 256, 1024} {
			if n > 500 && class > 64 {
				continue
			}
			s := newSealing(t, r, n, class)
			for i := range s.outputs { // heads that agree, and some that crowd
				if i > 0 && r.IntN(4) == 0 {
					copy(s.outputs[i][:8], s.outputs[i-1][:8])
				}
				if n == 500 {
					s.outputs[i][0] = 0
				}
			}
			var want [][]byte
			for i := range s.outputs {
				for at := uint32(0); ; {
					h := s.signals.holding(uint32(i), at)
					name := s.outputs[i].tag(h.place)
					record := name[:]
					if class > 0 {
						label := s.signals.names.at(h.owner)[textHead:]
						record = append(record, modelLabel(&s.outputs[i], contentOf(h.owner, label), class)...)
					}
					if class > 0 || at == 0 {
						want = append(want, record)
					}
					if at = h.next; at == 0 {
						break
					}
				}
			}
			slices.SortFunc(want, bytes.Compare)
			for _, batch := range []int{1, 7, 100_000} {
				if batch == 1 && n > 100 {
					continue
				}
				var got []byte
				rest := len(want)
				err := s.records(t.Context(), s.arrange(), batch, func(b []byte) error {
					require.Len(t, b, min(batch, rest)*recordSize(class))
					rest -= len(b) / recordSize(class)
					got = append(got, b...)
					return nil
				})
				require.NoError(t, err)
				require.Equal(t, bytes.Join(want, nil), append([]byte{}, got...))
			}
		}
	}
}

func TestSealingIsEnded(t *testing.T) {
	s := newSealing(t, rand.New(rand.NewPCG(1, 1)), 500, 64)
	broken := errors.New("nobody takes it")
	n := 0
	err := s.records(t.Context(), s.arrange(), 10, func([]byte) error {
		if n++; n == 3 {
			return broken
		}
		return nil
	})
	require.ErrorIs(t, err, broken)
	require.Equal(t, 3, n)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, s.records(ctx, s.arrange(), 10, func([]byte) error { return nil }), context.Canceled)
}

// The model looks through all records.
func TestIndex(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 2))
	for _, n := range []int{0, 1, 2, 3, 100, 700} {
		for _, size := range []int{tagSize, tagSize + 10} {
			for _, crowded := range []int{0, 3, 8, 12} { // bytes that all tags begin with
				var all []tag
				for range n {
					var t tag
					binary.BigEndian.PutUint64(t[:], r.Uint64())
					binary.BigEndian.PutUint64(t[8:], r.Uint64())
					copy(t[:crowded], bytes.Repeat([]byte{0xab}, crowded))
					all = append(all, t)
				}
				slices.SortFunc(all, func(a, b tag) int { return bytes.Compare(a[:], b[:]) })
				all = slices.Compact(all)
				there := map[tag]bool{}
				for _, name := range all {
					there[name] = true
				}
				p := published{size: size, per: 7, n: len(all)}
				for i, name := range all {
					if i%p.per == 0 {
						p.pieces = append(p.pieces, nil)
					}
					at := len(p.pieces) - 1
					p.pieces[at] = append(append(p.pieces[at], name[:]...), bytes.Repeat([]byte{byte(i)}, size-tagSize)...)
				}
				p.makeIndex()
				find := func(name tag) ([]byte, bool) {
					sealed, ok := p.find(&name)
					require.True(t, !ok || p.index.mayHave(name.head()) == 1)
					return sealed, ok
				}
				for i, name := range all {
					sealed, ok := find(name)
					require.True(t, ok)
					require.Equal(t, bytes.Repeat([]byte{byte(i)}, size-tagSize), append([]byte{}, sealed...))
					for _, at := range []int{0, 7, 8, 15} {
						for _, by := range []byte{1, 0xff} {
							other := name
							other[at] += by
							_, ok := find(other)
							require.Equal(t, there[other], ok)
						}
					}
				}
				for _, name := range []tag{{}, tag(bytes.Repeat([]byte{255}, tagSize))} {
					_, ok := find(name)
					require.Equal(t, there[name], ok)
				}
			}
		}
	}
}
