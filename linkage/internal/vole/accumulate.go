package vole

import (
	"encoding/binary"

	"github.com/hueandcry/hueandcry/linkage/internal/gf128"
)

// The sum over the memory is taken by nibbles (after Arlazarov, Dinic, Kronrod and
// Faradžev, 1970). Four places in a row, at a multiple of four, are a group; the sums of
// all 16 choices among the four are tabled. The bits of the step at place r of a group are a
// piece of r bits for its predecessors in the group, five whole nibbles for the five groups
// before, and a piece of 4-r bits for the sixth; or shifted up by 4-r, seven nibbles, each
// of which chooses from the table of a group. The bits are public, so that a table may
// be indexed by them. The last place of a group is the nearest to what comes later,
// and so has the lowest bit of the nibble.

const (
	groupSize = 4
	groups    = memory/groupSize + 1 // with a table in use at once: that of the current one too
)

type table [1 << groupSize]gf128.Element

// put enters place r of a group into its table: all sums in which it is the last.
func (t *table) put(r int, e gf128.Element) {
	bit := 1 << (groupSize - 1 - r)
	for j := 0; j < len(t); j += 2 * bit {
		t[j+bit] = t[j].Add(e)
	}
}

// accumulate goes once round x, which has more than 2·lag places.
func accumulate(x []gf128.Element, w *words, run groupsFunc) {
	// From this multiple of four on, everything that a step adds lies behind it.
	const first = (lag + groupSize - 1) / groupSize * groupSize
	k := 0
	for ; k < first; k++ {
		step(x, k, binary.LittleEndian.Uint32(w.take(1)))
	}
	var store [groups]table
	turn := 0 // where in store the table of the group of place k is
	for i := 1; i < groups; i++ {
		for r := range groupSize {
			store[groups-i].put(r, x[k-i*groupSize+r])
		}
	}
	for k+groupSize <= len(x) {
		n := min((len(x)-k)/groupSize, w.ready()/groupSize)
		run(x, k, n, w.take(n*groupSize), &store, turn)
		k += n * groupSize
		turn = (turn + n) % groups
	}
	for ; k < len(x)+lag; k++ {
		step(x, k, binary.LittleEndian.Uint32(w.take(1)))
	}
}

// A groupsFunc does the steps of n groups, at least one, from place k on, a multiple of four;
// bits has four bytes for each step. The tables of the groups before stand before the turn in
// store, which is a ring.
type groupsFunc func(x []gf128.Element, k, n int, bits []byte, store *[groups]table, turn int)

func groupsPortable(x []gf128.Element, k, n int, bits []byte, store *[groups]table, turn int) {
	// Seven variables in turn: with an array it takes half as long again.
	back := func(i int) *table { return &store[(turn+groups-i)%groups] }
	g, h, i, j, l, m, o := back(0), back(1), back(2), back(3), back(4), back(5), back(6)
	for range n {
		for r := range groupSize {
			n := binary.LittleEndian.Uint32(bits) << (32 - memory) >> (32 - memory - groupSize + r)
			bits = bits[4:]
			v := timesX(x[k].Add(x[k-lag]))
			a, b, c, d := &g[n&15], &h[n>>4&15], &i[n>>8&15], &j[n>>12&15]
			e, f, p := &l[n>>16&15], &m[n>>20&15], &o[n>>24&15]
			v.Lo ^= a.Lo ^ b.Lo ^ c.Lo ^ d.Lo ^ e.Lo ^ f.Lo ^ p.Lo
			v.Hi ^= a.Hi ^ b.Hi ^ c.Hi ^ d.Hi ^ e.Hi ^ f.Hi ^ p.Hi
			g.put(r, v)
			x[k] = v
			k++
		}
		g, h, i, j, l, m, o = o, g, h, i, j, l, m
	}
}

// when gives e where bit i of w is set, and otherwise 0.
func when(w uint32, i int, e gf128.Element) gf128.Element {
	m := -uint64(w >> i & 1)
	return gf128.Element{Lo: e.Lo & m, Hi: e.Hi & m}
}

// step is one step by its definition, before and past the end too.
func step(x []gf128.Element, k int, bits uint32) {
	n := len(x)
	v := x[k%n]
	if k >= lag {
		v = v.Add(x[(k-lag)%n])
	}
	v = timesX(v)
	for d := 1; d <= min(memory, k); d++ {
		v = v.Add(when(bits, d-1, x[(k-d)%n]))
	}
	x[k%n] = v
}
