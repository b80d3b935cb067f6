package vole

import (
	"crypto/aes"
	"math/bits"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/linkage/internal/gf128"
)

// small gives sizes of one tree with the given leaves; nothing else of it holds.
func small(leaves int) Params {
	return Params{trees: 1, leaves: leaves, depth: bits.Len(uint(leaves - 1)), inner: 1}
}

// modelTree grows a tree by its definition, from the whole tree of 2^depth leaves, of which the
// first are the leaves. It also gives the sum of all sequences of choices that stop
// at a leaf or a ghost, and the left and right sums by level.
func modelTree(s *session, p Params, root gf128.Element) (leaves []gf128.Element, total gf128.Element, sums [][2]gf128.Element) {
	keys := s.hash("tree", number(0))
	var child [2]func(gf128.Element) gf128.Element
	for b := range 2 {
		block, err := aes.NewCipher(keys[16*b:][:16])
		if err != nil {
			panic(err)
		}
		child[b] = func(e gf128.Element) gf128.Element {
			out := make([]byte, 16)
			block.Encrypt(out, e.Append(nil))
			return e.Add(gf128.FromBytes(out))
		}
	}
	leaves = make([]gf128.Element, p.leaves)
	sums = make([][2]gf128.Element, p.depth)
	var visit func(node gf128.Element, level, first int)
	visit = func(node gf128.Element, level, first int) {
		switch {
		case level == p.depth && first < p.leaves:
			leaves[first] = node
			total = total.Add(node)
		case first >= p.leaves: // a ghost: none of its leaves exists
			total = total.Add(node)
		default:
			for b := range 2 {
				c := child[b](node)
				sums[level][b] = sums[level][b].Add(c)
				visit(c, level+1, first+b<<(p.depth-level-1))
			}
		}
	}
	visit(root, 0, 0)
	return leaves, total, sums
}

// treeOTs are the rows of the OTs of one tree, for choices of a receiver.
func treeOTs(r *rand.Rand, delta gf128.Element, choices []int) (sender, receiver []gf128.Element) {
	for _, c := range choices {
		q := randomElement(r)
		sender = append(sender, q)
		if c == 1 {
			q = q.Add(delta)
		}
		receiver = append(receiver, q)
	}
	return sender, receiver
}

func TestTreesByDefinition(t *testing.T) {
	r := newSeed(t)
	sizes := []int{33, 63, 64, 65, 100, 127, 1000}
	for n := 2; n < 33; n++ {
		sizes = append(sizes, n)
	}
	for _, leaves := range sizes {
		p := small(leaves)
		s := newSession(p, [32]byte{1})
		root, delta, c, m := randomElement(r), randomElement(r), randomElement(r), randomElement(r)
		k := m.Add(c.Mul(delta))
		want, total, wantSums := modelTree(s, p, root)
		places := []int{0, leaves - 1, r.IntN(leaves)}
		if leaves < 20 {
			places = places[:0]
			for i := range leaves {
				places = append(places, i)
			}
		}
		for _, place := range places {
			var wanted []int
			for _, side := range p.path(place) {
				wanted = append(wanted, 1-side)
			}
			q, tt := treeOTs(r, delta, wanted)
			b := make([]gf128.Element, leaves)
			scratch := make([]gf128.Element, p.width(p.depth-1))
			message := make([]byte, 0, p.treeSize())
			s.growTree(message, b, scratch, 0, root, k, delta, q)
			message = message[:cap(message)]
			require.Equal(t, want, b)
			body := message
			for level := range q {
				left, right := takeElement(&body), takeElement(&body)
				require.Equal(t, wantSums[level][0], left.Add(s.pad(level, q[level])))
				require.Equal(t, wantSums[level][1], right.Add(s.pad(level, q[level].Add(delta))))
			}
			require.Equal(t, k.Add(total), takeElement(&body))
			require.Empty(t, body)

			a := randomElements(r, leaves) // what lies there before does not matter
			s.growPunctured(message, a, scratch, 0, place, m, tt)
			b[place] = b[place].Add(c.Mul(delta))
			require.Equal(t, b, a, "%d of %d", place, leaves)
		}
	}
}

// A receiver may answer any sequence of choices, also that of a place past the end. It then
// lacks no leaf, and if d were K and all leaves, it had K and by (K-M)/c also Delta. What
// it lacks is the ghost.
func TestGhostProtectsDelta(t *testing.T) {
	r := newSeed(t)
	for leaves := 3; leaves < 40; leaves++ {
		p := small(leaves)
		s := newSession(p, [32]byte{1})
		for place := leaves; place < 1<<p.depth; place++ {
			root, delta, c, m := randomElement(r), randomElement(r), randomElement(r), randomElement(r)
			q, _ := treeOTs(r, delta, p.path(place))
			b := make([]gf128.Element, leaves)
			message := make([]byte, 0, p.treeSize())
			s.growTree(message, b, make([]gf128.Element, leaves), 0, root, m.Add(c.Mul(delta)), delta, q)
			body := message[:cap(message)]

			// The sums that these choices open, and no others, give all nodes of every level
			// that has the missing one past its end.
			require.GreaterOrEqual(t, place, p.width(p.depth))
			d := gf128.FromBytes(body[2*p.depth*gf128.Size:])
			guess := d.Add(m)
			for _, leaf := range b {
				guess = guess.Add(leaf)
			}
			require.NotEqual(t, delta, guess.Mul(c.Inverse()), "%d of %d", place, leaves)

			// It is the ghosts that make the difference, those of all levels together.
			_, total, _ := modelTree(s, p, root)
			require.Equal(t, delta, d.Add(total).Add(m).Mul(c.Inverse()))
		}
	}
}
