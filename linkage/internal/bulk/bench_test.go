package bulk

import (
	"errors"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkChunk is both parties on one core, from the receiver's items to its outputs and to
// the sender's for as many of its own.
func BenchmarkChunk(b *testing.B) {
	for _, n := range []int{1 << 16, 1 << 20} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			p, salt := newParams(b, n), NewSalt([32]byte{1})
			mine, theirs := itemsFrom(0, n), itemsFrom(uint64(n/2), n)
			var memories [2]Memory
			for b.Loop() {
				r := newTested(p, salt, [32]byte{1}, mine, fixed(1), &memories[0])
				s := NewSender(p, [32]byte{1}, fixed(2), &memories[1])
				errR, errS := exchange(r, s, nil)
				require.NoError(b, errors.Join(errR, errS))
				evaluate(s.Chunk(), theirs, p, salt, 1)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/item")
		})
	}
}

// BenchmarkEvaluate is one later item, on a key in memory.
func BenchmarkEvaluate(b *testing.B) {
	n := 1 << 20
	p, salt := newParams(b, n), NewSalt([32]byte{1})
	r, s := pair(p, salt, itemsFrom(0, n), 1)
	errR, errS := exchange(r, s, nil)
	require.NoError(b, errors.Join(errR, errS))
	c, x := s.Chunk(), itemsFrom(1<<40, 1000)
	l := NewLocator(p, salt, c.Seed)
	i := 0
	for b.Loop() {
		place := l.Place(x[i%len(x)])
		place.Output([3]Element{c.Key[place.Sparse[0]], c.Key[place.Sparse[1]], c.Key[place.Sparse[2]]},
			c.Key[place.Dense:][:p.Dense()], c.Delta, c.Toss)
		i++
	}
}
