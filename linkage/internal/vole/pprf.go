package vole

import (
	"github.com/hueandcry/hueandcry/linkage/internal/aeshash"
	"github.com/hueandcry/hueandcry/linkage/internal/gf128"
)

// The trees are those of Goldreich, Goldwasser and Micali (1986), punctured by
// OT as in Boyle et al. (CCS 2019, ePrint 2019/1159), with the sums of Ferret (ePrint
// 2020/924). The sender grows a tree from a random root. The receiver learns all leaves
// but the one at its secret place: at every level it takes by OT the sum of all left
// children or of all right ones, whichever does not hold the ancestor of its place, and takes
// off what it knows; what is left is the ancestor's sibling. Of the missing leaf it
// gets, instead of the value v that the sender has, v + c·Delta, for the sender sends
//
//	d = K + (sum of all leaves)
//
// # Leaves that are no power of two
//
// A level has half the nodes of the next, rounded up; if the next is odd, the last node's
// right child lies past the end. It must exist all the same. Without it a receiver
// that answers "right" at the last node takes the left sum and then knows all leaves, and d
// gives it K and by that Delta. So this child, a ghost, is grown, enters the right
// sum and d, and has no place in the vector and no children: every sequence of choices now
// leaves one value in d unknown. An honest place never leads to a ghost.
//
// # Whoever cheats
//
// The receiver can only choose. The sender can send wrong sums, and see from whether the
// receiver goes on which sums it took: see check.go.

// treeSize is the length of what the sender sends for a tree: two sums for each level, and d.
func (p Params) treeSize() int { return (2*p.depth + 1) * gf128.Size }

// width is the number of nodes of a level; level 0 is the root.
func (p Params) width(level int) int {
	below := p.depth - level
	return (p.leaves + 1<<below - 1) >> below
}

// A grower makes the children of nodes for one tree: fixed-key AES, with the node added to
// its image, which for a random node is a random function of it in the ideal-cipher
// model (Guo, Katz, Wang and Yu, S&P 2020). The keys are those of one tree of one
// session, so that a search over nodes cannot be aimed at all the trees in the world
// at once.
type grower struct{ left, right *aeshash.Key }

func (s *session) grower(tree int) grower {
	keys := s.hash("tree", number(tree))
	return grower{aeshash.New([16]byte(keys[:16])), aeshash.New([16]byte(keys[16:]))}
}

// children puts the children of src into dst: of node i at 2i and 2i+1, but for the last
// right one if dst is too short for it by one. That is the ghost then, and zero otherwise.
// It gives the sums of the left ones and of the right ones with the ghost.
func (g grower) children(dst, src []gf128.Element) (sums [2]gf128.Element, ghost gf128.Element) {
	whole := len(dst) / 2
	sums[0], sums[1] = aeshash.Expand(g.left, g.right, dst[:2*whole], src[:whole])
	if whole < len(src) {
		last := make([]gf128.Element, 2)
		left, right := aeshash.Expand(g.left, g.right, last, src[whole:])
		dst[2*whole], ghost = left, right
		sums[0], sums[1] = sums[0].Add(left), sums[1].Add(right)
	}
	return sums, ghost
}

// levels gives the place of every level: turn about in v, where the leaves come to
// lie, and in scratch, which has half as many.
func (p Params) levels(v, scratch []gf128.Element) [][]gf128.Element {
	out := make([][]gf128.Element, p.depth+1)
	for level := range out {
		at := [2][]gf128.Element{v, scratch}[(p.depth-level)%2]
		out[level] = at[:p.width(level)]
	}
	return out
}

// growTree is the sender's part for one tree: v gets the leaves, and m, which has room for it, what the
// receiver needs. rows are the q of the OTs of the tree's levels, value is K.
func (s *session) growTree(m []byte, v, scratch []gf128.Element, tree int, root, value, delta gf128.Element, rows []gf128.Element) {
	g, levels := s.grower(tree), s.params.levels(v, scratch)
	levels[0][0] = root
	d := value
	for level, row := range rows {
		sums, ghost := g.children(levels[level+1], levels[level])
		if level < len(rows)-1 {
			d = d.Add(ghost)
		} else {
			d = d.Add(sums[0]).Add(sums[1])
		}
		index := tree*len(rows) + level
		m = sums[0].Add(s.pad(index, row)).Append(m)
		m = sums[1].Add(s.pad(index, row.Add(delta))).Append(m)
	}
	d.Append(m)
}

// path gives, from the root, whether the way to a place goes left, 0, or right, 1. The
// sums that are wanted are the others.
func (p Params) path(place int) []int {
	path := make([]int, p.depth)
	for level := range path {
		path[level] = place >> (p.depth - 1 - level) & 1
	}
	return path
}

// growPunctured is the receiver's part: v gets all leaves, but at the place v + c·Delta.
// body is what the sender sent, rows are the t of the OTs, value is M. Its memory
// accesses depend on the place, as those of whatever writes one place of a vector
// do: whoever shares the receiver's caches and can time them is not excluded by this.
func (s *session) growPunctured(body []byte, v, scratch []gf128.Element, tree, place int, value gf128.Element, rows []gf128.Element) {
	g, levels, path := s.grower(tree), s.params.levels(v, scratch), s.params.path(place)
	levels[0][0] = gf128.Element{} // unknown; what grows from it is taken off again
	missing, d := 0, value
	for level, row := range rows {
		next := levels[level+1]
		sums, ghost := g.children(next, levels[level])
		pair := [2]*gf128.Element{&next[2*missing], &ghost}
		if 2*missing+1 < len(next) {
			pair[1] = &next[2*missing+1]
		}
		for side, child := range pair {
			sums[side] = sums[side].Add(*child)
			*child = gf128.Element{}
		}
		with, without := path[level], 1-path[level]
		sent := [2]gf128.Element{takeElement(&body), takeElement(&body)}
		all := sent[without].Add(s.pad(tree*len(rows)+level, row))
		*pair[without] = all.Add(sums[without])
		if level < len(rows)-1 {
			d = d.Add(ghost)
		} else {
			d = d.Add(all).Add(sums[with])
		}
		missing = 2*missing + with
	}
	v[place] = takeElement(&body).Add(d)
}
