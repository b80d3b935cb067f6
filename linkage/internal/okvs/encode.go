package okvs

import (
	"sync"
	"sync/atomic"

	"github.com/hueandcry/hueandcry/linkage/internal/gf128"
)

// Encode solves for a vector under which each key has its value. The order of
// the keys makes no difference.
//
// On entry the vector holds what its free columns shall be: zeros where it
// leaves the machine only under a mask of its length that is uniformly random, as
// in VOLE-PSI, and random elements, a little slower, where the vector itself must
// not show which columns are free. The others are overwritten.
//
// It uses up to so many workers, one if workers < 1. It returns [ErrDuplicate] or
// [ErrEncode]; it panics if the vector is not of [Params.Size], if there are not
// as many values as keys, or if there are more than [Params.Keys].
func (m *Matrix) Encode(vector []gf128.Element, keys []Key, values []gf128.Element, workers int) error {
	switch {
	case len(vector) != m.p.Size():
		panic("okvs: vector of another size")
	case len(keys) != len(values):
		panic("okvs: not as many values as keys")
	case len(keys) > m.p.keys:
		panic("okvs: more keys than the store is for")
	}
	workers = max(1, min(workers, len(keys)/batch))
	sorted := m.sort(keys, values, workers)

	var next atomic.Int64
	errs := make([]error, workers)
	parallel(workers, func(w int) {
		s := newSolver(m)
		for errs[w] == nil {
			b := int(next.Add(1)) - 1
			if b >= m.p.bins {
				return
			}
			from, to := sorted.start[b], sorted.start[b+1]
			s.rows, s.values, s.index = sorted.rows[from:to], sorted.values[from:to], sorted.index[from:to]
			errs[w] = s.solve(vector[b*m.p.stride():][:m.p.stride()], keys)
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

// byBin is the keys of all bins, each bin's together: those of bin b are at
// start[b] up to start[b+1].
type byBin struct {
	start  []int
	rows   []uint64 // columns, see join
	values []gf128.Element
	index  []uint32 // of the key
}

// sort is a counting sort. Hashing twice costs less than keeping the hashes.
func (m *Matrix) sort(keys []Key, values []gf128.Element, workers int) byBin {
	bins, n := m.p.bins, len(keys)
	share := func(w int) (from, to int) { return n * w / workers, n * (w + 1) / workers }

	next := make([][]int, workers) // by worker and bin: counts, then places
	parallel(workers, func(w int) {
		next[w] = make([]int, bins)
		var r rows
		for from, to := share(w); from < to; from += batch {
			some := keys[from:min(from+batch, to)]
			m.place(&r, some)
			for i := range some {
				next[w][r.bin[i]]++
			}
		}
	})
	d := byBin{
		start:  make([]int, bins+1),
		rows:   make([]uint64, n),
		values: make([]gf128.Element, n),
		index:  make([]uint32, n),
	}
	at := 0
	for b := range bins {
		d.start[b] = at
		for w := range workers {
			at, next[w][b] = at+next[w][b], at
		}
	}
	d.start[bins] = at

	parallel(workers, func(w int) {
		var r rows
		for from, to := share(w); from < to; from += batch {
			some := keys[from:min(from+batch, to)]
			m.place(&r, some)
			for i := range some {
				at := next[w][r.bin[i]]
				next[w][r.bin[i]] = at + 1
				d.rows[at] = r.cols[i]
				d.values[at] = values[from+i]
				d.index[at] = uint32(from + i)
			}
		}
	})
	return d
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
