package okvs

import (
	"sync"
	"sync/atomic"

	"github.com/hueandcry/hueandcry/linkage/internal/gf128"
)

// A Source gives keys and values: those from the given number on, as many as the slices are
// long. The order of the keys makes no difference. All workers ask at once, and for all keys
// more than once; where only keys are wanted values is nil.
type Source func(from int, keys []Key, values []gf128.Element)

// Space is memory that one encoding after another uses; one at a time. It holds keys and values
// as long as it lives. The zero value is ready, and a nil one is new memory for every encoding.
type Space struct {
	rows   []uint64
	keys   []Key
	values []gf128.Element
}

// Clear overwrites what the space holds.
func (s *Space) Clear() {
	clear(s.rows[:cap(s.rows)])
	clear(s.keys[:cap(s.keys)])
	clear(s.values[:cap(s.values)])
}

// take gives room for n keys, and in a space that is used again at once for the most that there
// may be: what is too small would go without having been overwritten.
func (s *Space) take(n, most int) *Space {
	if s == nil {
		s, most = new(Space), n
	}
	s.rows, s.keys, s.values = resize(s.rows, n, most), resize(s.keys, n, most), resize(s.values, n, most)
	return s
}

func resize[T any](s []T, n, most int) []T {
	if cap(s) < n {
		clear(s[:cap(s)])
		s = make([]T, most)
	}
	return s[:n]
}

// Encode solves for a vector under which each of n keys has its value.
//
// On entry the vector holds what its free columns shall be: zeros where it
// leaves the machine only under a mask of its length that is uniformly random, as
// in VOLE-PSI, and random elements, a little slower, where the vector itself must
// not show which columns are free. The others are overwritten.
//
// It uses up to so many workers, one if workers < 1. It returns [ErrDuplicate] or
// [ErrEncode]; it panics if the vector is not of [Params.Size], or if n is more than
// [Params.Keys].
func (m *Matrix) Encode(vector []gf128.Element, n int, source Source, space *Space, workers int) error {
	switch {
	case len(vector) != m.p.Size():
		panic("okvs: vector of another size")
	case n > m.p.keys:
		panic("okvs: more keys than the store is for")
	}
	workers = max(1, min(workers, n/batch))
	space = space.take(n, m.p.keys)
	start := m.sort(space, n, source, workers)

	var next atomic.Int64
	errs := make([]error, workers)
	parallel(workers, func(w int) {
		s := newSolver(m)
		for errs[w] == nil {
			b := int(next.Add(1)) - 1
			if b >= m.p.bins {
				return
			}
			from, to := start[b], start[b+1]
			s.rows, s.keys, s.values = space.rows[from:to], space.keys[from:to], space.values[from:to]
			errs[w] = s.solve(vector[b*m.p.stride():][:m.p.stride()])
		}
	})
	// A duplicate is the more useful answer, for a fresh seed does not help there.
	var failed error
	for _, err := range errs {
		if err == ErrDuplicate {
			return err
		} else if err != nil {
			failed = err
		}
	}
	return failed
}

// sort puts the keys of all bins into a space, each bin's together: those of bin b are at
// start[b] up to start[b+1]. It is a counting sort. Hashing twice costs less than keeping the
// hashes.
func (m *Matrix) sort(s *Space, n int, source Source, workers int) (start []int) {
	bins := m.p.bins
	next := make([][]int, workers) // by worker and bin: counts, then places
	share := func(w int) (from, to int) { return n * w / workers, n * (w + 1) / workers }
	parallel(workers, func(w int) {
		next[w] = make([]int, bins)
		var r rows
		var keys [batch]Key
		for from, to := share(w); from < to; from += batch {
			some := min(batch, to-from)
			source(from, keys[:some], nil)
			m.place(&r, keys[:some])
			for _, b := range r.bin[:some] {
				next[w][b]++
			}
		}
	})
	start = make([]int, bins+1)
	at := 0
	for b := range bins {
		start[b] = at
		for w := range workers {
			at, next[w][b] = at+next[w][b], at
		}
	}
	start[bins] = at
	parallel(workers, func(w int) {
		var r rows
		var keys [batch]Key
		var values [batch]gf128.Element
		for from, to := share(w); from < to; from += batch {
			some := min(batch, to-from)
			source(from, keys[:some], values[:some])
			m.place(&r, keys[:some])
			for i, b := range r.bin[:some] {
				at := next[w][b]
				next[w][b] = at + 1
				s.rows[at], s.keys[at], s.values[at] = r.cols[i], keys[i], values[i]
			}
		}
	})
	return start
}

// parallel calls f(0) … f(workers-1) at once and returns when all have.
func parallel(workers int, f func(w int)) {
	var group sync.WaitGroup
	for w := 1; w < workers; w++ {
		group.Go(func() { f(w) })
	}
	f(0)
	group.Wait()
}
