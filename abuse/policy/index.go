package policy

import (
	"math"
	"math/bits"
	"slices"
	"sort"
	"time"

	"github.com/hueandcry/hueandcry/abuse"
)

// index finds the rules that a signal can meet. Rule i is bit i%64 of word i/64 of
// a set of rules.
type index struct {
	rules []*rule
	words int
	// category[c] are the rules for a category.
	category [][]uint64
	// from[a] is the first rule whose step is a or milder.
	from [abuse.Disable + 1]int
	// The bounds of one fact that many rules ask for, and what only few do.
	ranges []bounds
	flags  []flag
}

// maxBounds is the most numbers of one fact that are indexed: each costs a set of
// rules.
const maxBounds = 1024

// bounds are the rules that ask for a fact to be at least, or at most, a number.
type bounds struct {
	fact fact
	most bool    // at most
	at   []int64 // ascending
	// out[k] are the rules that are not met where k of the numbers are at most the
	// fact (of most: below it), and unknown where it is unknown.
	out     [][]uint64
	unknown []uint64
}

// flag is another expression, and the rules that are met only where it is.
type flag struct {
	when *node
	out  []uint64
}

// row is a set of rules that are not met.
type row []uint64

func newIndex(rules []*rule) *index {
	x := &index{rules: rules, words: (len(rules) + 63) / 64}
	x.category = make([][]uint64, int(abuse.Other)+1)
	for c := range x.category {
		x.category[c] = make([]uint64, x.words)
	}
	for a := range x.from {
		x.from[a] = len(rules)
	}
	type key struct {
		fact fact
		most bool
	}
	type bound struct {
		at   int64
		rule int
	}
	asked := map[key][]bound{}
	flags := map[*node][]int{}
	for i, r := range rules {
		for c := range x.category {
			if len(r.categories) == 0 || slices.Contains(r.categories, abuse.Category(c)) {
				x.category[c][i/64] |= 1 << (i % 64)
			}
		}
		for a := int(r.Action); a < len(x.from); a++ {
			x.from[a] = min(x.from[a], i)
		}
		for _, n := range r.when.conjuncts(nil) {
			if f, most, at, ok := n.bound(); ok {
				asked[key{f, most}] = append(asked[key{f, most}], bound{at, i})
			} else if n.uses>>matchCorroborated&1 == 0 && n.op != opCEL {
				flags[n] = append(flags[n], i)
			}
		}
	}
	for f := range fact(factCount) {
		for _, most := range []bool{false, true} {
			list := asked[key{f, most}]
			if len(list) == 0 {
				continue
			}
			b := bounds{fact: f, most: most, unknown: make([]uint64, x.words)}
			for _, l := range list {
				b.at = append(b.at, l.at)
			}
			slices.Sort(b.at)
			if b.at = slices.Compact(b.at); len(b.at) > maxBounds {
				continue
			}
			with := make([][]int, len(b.at))
			for _, l := range list {
				p, _ := slices.BinarySearch(b.at, l.at)
				with[p] = append(with[p], l.rule)
				b.unknown[l.rule/64] |= 1 << (l.rule % 64)
			}
			// out[k+1] of most has what out[k] has, and of least the other way round.
			b.out = make([][]uint64, len(b.at)+1)
			last := make([]uint64, x.words)
			for i := range b.out {
				k, next := len(b.at)-i, len(b.at)-i-1
				if most {
					k, next = i, i
				}
				b.out[k] = last
				if i < len(b.at) {
					last = slices.Clone(last)
					for _, n := range with[next] {
						last[n/64] |= 1 << (n % 64)
					}
				}
			}
			x.ranges = append(x.ranges, b)
		}
	}
	for i, r := range rules { // in the order of the rules, not of the map
		for _, n := range r.when.conjuncts(nil) {
			list := flags[n]
			// One that a few rules ask for is asked when they come to it.
			if len(list) == 0 || list[0] != i || len(list) < 4 {
				continue
			}
			delete(flags, n)
			out := make([]uint64, x.words)
			for _, l := range list {
				out[l/64] |= 1 << (l % 64)
			}
			x.flags = append(x.flags, flag{n, out})
		}
	}
	return x
}

// bound says whether an expression is a fact that must be at least, or at most, a
// number.
func (n *node) bound() (f fact, most bool, at int64, ok bool) {
	a, b, o := n.a, n.b, n.op
	if o < opLess || o > opGreaterEqual {
		return 0, false, 0, false
	}
	if a.op == opConst {
		a, b = b, a
		o = [...]op{opGreater, opGreaterEqual, opLess, opLessEqual}[o-opLess]
	}
	if a.op != opFact || b.op != opConst || a.is == typeText || a.is == typeDouble || a.is == typeBool {
		return 0, false, 0, false
	}
	switch o {
	case opLess:
		return a.fact, true, b.num - 1, b.num != math.MinInt64
	case opLessEqual:
		return a.fact, true, b.num, true
	case opGreater:
		return a.fact, false, b.num + 1, b.num != math.MaxInt64
	}
	return a.fact, false, b.num, true
}

// first gives the first rule before best that the signal meets, or best.
func (x *index) first(s *Set, room *scratch, i int, w *abuse.Weighed, best int, now time.Time) int {
	from := x.from[w.Cap]
	if from >= best {
		return best
	}
	f := &room.facts
	rows := room.rows[:0]
	for k := range x.ranges {
		b := &x.ranges[k]
		if !f.has(b.fact) {
			rows = append(rows, b.unknown)
			continue
		}
		v := f.num[b.fact]
		n := sort.Search(len(b.at), func(i int) bool {
			if b.most {
				return b.at[i] >= v
			}
			return b.at[i] > v
		})
		rows = append(rows, b.out[n])
	}
	for k := range x.flags {
		if x.flags[k].when.truth(f) != abuse.Yes {
			rows = append(rows, x.flags[k].out)
		}
	}
	room.rows = rows
	able := x.category[w.Signal.Category]
	for word := from / 64; word*64 < best; word++ {
		left := able[word]
		if word == from/64 {
			left &= ^uint64(0) << (from % 64)
		}
		for _, r := range rows {
			left &^= r[word]
		}
		for ; left != 0; left &= left - 1 {
			n := word*64 + bits.TrailingZeros64(left)
			if n >= best {
				return best
			}
			r := x.rules[n]
			if s.timed && !r.acts(now) {
				continue
			}
			if _, met := r.holds(room, i); met {
				return n
			}
		}
	}
	return best
}
