package okvs

import (
	"bytes"
	"slices"

	"github.com/hueandcry/hueandcry/linkage/internal/gf128"
)

// solver solves bins one after the other in the same memory.
type solver struct {
	m *Matrix

	// The bin at hand: columns, key and value of each row.
	rows   []uint64
	keys   []Key
	values []gf128.Element

	// columns holds for each sparse column its weight, which is the number of
	// rows that still have it, above bit 16, and below it the XOR of their
	// indices. So the one row of a column of weight one is read off at once.
	columns []uint32
	queue   []uint16 // columns that came to weight one

	order []uint64 // the rows taken, each with its pivot above bit 48
	taken []uint16 // their indices
	gap   []uint16 // rows set aside
	first int      // so many rows were taken before the first was set aside

	hash rows
}

const one = 1 << 16 // a weight of one

func newSolver(m *Matrix) *solver {
	return &solver{
		m:       m,
		columns: make([]uint32, m.p.sparse),
		queue:   make([]uint16, m.p.sparse+1),
		order:   make([]uint64, 0, m.p.sparse),
		taken:   make([]uint16, 0, m.p.sparse),
	}
}

// solve sets the columns of a bin, all of which are v.
func (s *solver) solve(v []gf128.Element) error {
	if len(s.rows) > len(v) {
		// Surely dependent. Beyond 16 bits, their indices would not fit either.
		return s.unsolvable()
	}
	sparse, dense := v[:s.m.p.sparse], v[s.m.p.sparse:]
	s.subtract(dense)
	s.peel(sparse)
	if len(s.gap) > 0 {
		more, err := s.closeGap(sparse, len(dense))
		if err != nil {
			return err
		}
		for i, e := range more {
			dense[i] = dense[i].Add(e)
		}
		s.subtract(more)
		for i, row := range s.order {
			sparse[row>>48] = s.values[s.taken[i]]
		}
	}
	substitute(sparse, s.order)
	return nil
}

// substitute goes back through the rows taken. All columns of a row but its pivot
// are known by then, and the pivot still holds the row's value, so that the sum of
// all three is the value less the others: what the pivot is to be.
func substitute(sparse []gf128.Element, order []uint64) {
	for i := len(order) - 1; i >= 0; i-- {
		a, b, c := split(order[i])
		x, y, z := &sparse[a], &sparse[b], &sparse[c]
		sparse[order[i]>>48] = gf128.Element{Lo: x.Lo ^ y.Lo ^ z.Lo, Hi: x.Hi ^ y.Hi ^ z.Hi}
	}
}

// peel takes off rows that are alone in a column, their pivot, and writes the
// value of each into its pivot. Where none is alone it sets a row aside and goes
// on; seldom, for there are columns enough. What is left at the first such place
// is called the core.
func (s *solver) peel(sparse []gf128.Element) {
	columns := s.columns
	clear(columns)
	for i, row := range s.rows {
		a, b, c := split(row)
		columns[a] = (columns[a] + one) ^ uint32(i)
		columns[b] = (columns[b] + one) ^ uint32(i)
		columns[c] = (columns[c] + one) ^ uint32(i)
	}
	// A queue and not a stack: neighbours in it have little to do with each other,
	// so that the processor works on several at once, here and on the way back.
	// Each column comes to weight one at most once, so the queue is long enough;
	// one place more is for what is written and does not count.
	end := 0
	for c, column := range columns {
		s.queue[end] = uint16(c)
		end += alone(column)
	}
	s.order, s.taken, s.gap = s.order[:0], s.taken[:0], s.gap[:0]
	end = s.take(0, end, sparse)
	s.first = len(s.order)
	for i := 0; len(s.order)+len(s.gap) < len(s.rows); i++ {
		// A row that was taken has its pivot, of weight zero by now. In any other
		// from here on, every column counts at least this row.
		a, b, c := split(s.rows[i])
		if columns[a] < one || columns[b] < one || columns[c] < one {
			continue
		}
		s.gap = append(s.gap, uint16(i))
		end = s.take(end, s.remove(s.rows[i], uint32(i), end), sparse)
	}
}

// take takes the rows of the queue from at up to end and of what joins it
// meanwhile, and returns the new end.
func (s *solver) take(at, end int, sparse []gf128.Element) int {
	order, taken := s.order, s.taken
	for ; at < end; at++ {
		pivot := s.queue[at]
		column := s.columns[pivot]
		if column>>16 != 1 {
			continue // its row went with another pivot
		}
		i := column & (one - 1)
		row := s.rows[i]
		order = append(order, row|uint64(pivot)<<48)
		taken = append(taken, uint16(i))
		sparse[pivot] = s.values[i]
		end = s.remove(row, i, end)
	}
	s.order, s.taken = order, taken
	return end
}

// remove takes row i out of its columns, and returns the new end of the queue.
func (s *solver) remove(row uint64, i uint32, end int) int {
	columns, queue := s.columns, s.queue
	a, b, c := split(row)
	x, y, z := (columns[a]-one)^i, (columns[b]-one)^i, (columns[c]-one)^i
	columns[a], columns[b], columns[c] = x, y, z
	queue[end] = uint16(a)
	end += alone(x)
	queue[end] = uint16(b)
	end += alone(y)
	queue[end] = uint16(c)
	return end + alone(z)
}

// alone is 1 for a column of weight one and 0 for others, without a branch that
// chance decides.
func alone(column uint32) int {
	return int(((column>>16 ^ 1) - 1) >> 31)
}

// subtract takes the part of the dense columns off the values of all rows.
func (s *solver) subtract(dense []gf128.Element) {
	if !slices.ContainsFunc(dense, func(e gf128.Element) bool { return e != gf128.Element{} }) {
		return
	}
	for from := 0; from < len(s.keys); from += batch {
		some := s.keys[from:min(from+batch, len(s.keys))]
		s.m.mix(&s.hash, some)
		d, values := s.hash.d[:len(some)], s.values[from:]
		for j, e := range dense {
			if j > 0 {
				gf128.MulEach(d, d, d)
			}
			gf128.MulAdd(values[:len(some)], d, e)
		}
	}
}

// unsolvable is the error for a bin without solution: by duplicates or by chance.
func (s *solver) unsolvable() error {
	some := slices.Clone(s.keys)
	slices.SortFunc(some, func(a, b Key) int { return bytes.Compare(a[:], b[:]) })
	if len(slices.Compact(some)) < len(s.keys) {
		return ErrDuplicate
	}
	return ErrEncode
}
