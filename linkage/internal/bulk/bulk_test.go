package bulk

import (
	"crypto/sha256"
	"errors"
	"math"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/linkage/internal/gf128"
	"github.com/hueandcry/hueandcry/linkage/internal/okvs"
	"github.com/hueandcry/hueandcry/linkage/internal/vole"
)

type Element = gf128.Element

func TestBothHaveOneFunction(t *testing.T) {
	r := newSeed(t)
	salt := NewSalt([32]byte{1})
	sizes := []int{0, 1, 2, 3, 5, 8, 13, 300, 1000, 1<<12 + 1, 1 << 15, 1<<15 + 1, 70000}
	for range 6 {
		sizes = append(sizes, r.IntN(3000))
	}
	if testing.Short() {
		sizes = []int{0, 1, 300, 1<<15 + 1, sizes[len(sizes)-1]}
	}
	for i, n := range sizes {
		p := newParams(t, n)
		first := r.Uint64() >> 1
		receiver, sender := pair(p, salt, itemsFrom(first, n), byte(i))
		receiver.Workers, sender.Workers = i%3, i%4
		errR, errS := exchange(receiver, sender, nil)
		require.NoError(t, errR)
		require.NoError(t, errS)
		requireFunction(t, receiver, sender, itemsFrom(first+uint64(n), 500))
	}
}

// A chunk holds fewer items than it is for, which nobody can see.
func TestFewerItemsThanTheChunkTakes(t *testing.T) {
	p := newParams(t, 500)
	var sizes [messages]int
	for i, n := range []int{0, 1, 499, 500} {
		r, s := pair(p, NewSalt([32]byte{2}), itemsFrom(7, n), byte(i))
		var got [messages]int
		errR, errS := exchange(r, s, func(m int, b []byte) []byte {
			if m < firstPiece {
				got[m] = len(b)
			} else {
				require.Len(t, b, p.PieceSize(m-firstPiece))
			}
			return b
		})
		require.NoError(t, errors.Join(errR, errS))
		requireFunction(t, r, s, itemsFrom(10000, 20))
		require.Equal(t, p.Sizes(), got)
		require.True(t, i == 0 || got == sizes)
		sizes = got
	}
	require.Panics(t, func() { pair(p, NewSalt([32]byte{}), itemsFrom(0, 501), 0) })
}

// Memory changes nothing, whatever was in it; neither do the workers.
func TestMemoryAndWorkers(t *testing.T) {
	var mine, theirs Memory
	for i, n := range []int{3000, 10, 5000, 3000} {
		p, salt := newParams(t, n), NewSalt([32]byte{3})
		fresh, freshS := pair(p, salt, itemsFrom(1, n), byte(n))
		sid := sha256.Sum256([]byte{byte(n)})
		r, s := newTested(p, salt, sid, itemsFrom(1, n), fixed(1, byte(n)), &mine), NewSender(p, sid, fixed(2, byte(n)), &theirs)
		r.Workers, s.Workers = i+1, 4-i
		for _, x := range []struct {
			r *tested
			s *Sender
		}{{fresh, freshS}, {r, s}} {
			errR, errS := exchange(x.r, x.s, nil)
			require.NoError(t, errors.Join(errR, errS))
			requireFunction(t, x.r, x.s, itemsFrom(100000, 5))
		}
		require.Equal(t, fresh.out, r.out)
		require.Equal(t, freshS.Chunk(), s.Chunk())
	}
	mine.Clear()
	theirs.Clear()
	for _, e := range mine.vector[:cap(mine.vector)] {
		require.Zero(t, e)
	}
}

// Under another session id, another salt or other randomness nothing is the same.
func TestSessionsAreUnrelated(t *testing.T) {
	p, items := newParams(t, 200), itemsFrom(1, 200)
	seen := map[Output]bool{}
	n := 0
	for i := range byte(3) {
		for j := range byte(3) {
			r, s := pair(p, NewSalt([32]byte{i}), items, 3*i+j)
			errR, errS := exchange(r, s, nil)
			require.NoError(t, errors.Join(errR, errS))
			for _, o := range r.out {
				seen[o] = true
				n++
			}
		}
	}
	require.True(t, len(seen) == n, "%d values, %d different", n, len(seen))
}

func TestParams(t *testing.T) {
	for _, c := range []struct {
		n      int64
		chunks int
	}{{-1, 1}, {MaxItems + 1, Chunks(MaxItems + 1)}, {10, 0}, {10, -1}, {10, 11}, {1<<20 + 1, 1}, {0, 2}} {
		_, err := NewParams(c.n, c.chunks)
		require.ErrorIs(t, err, ErrSize)
	}
	for _, n := range []int64{0, 1, 2, 300, 1 << 16, 1 << 20, 1<<20 + 1, 3 << 20, 1 << 24, 100_000_000, 1_000_000_000, MaxItems} {
		p, err := NewParams(n, Chunks(n))
		require.NoError(t, err)
		require.Equal(t, n, p.Items())
		require.GreaterOrEqual(t, int64(p.Chunks())*int64(p.Capacity()), n)
		require.LessOrEqual(t, float64(p.Capacity()), math.Max(1, 1.0125*float64(1<<20)))
		if p.Chunks() == 1 {
			require.Equal(t, n, int64(p.Capacity()))
		}
		if n >= 1<<19 {
			perItem := float64(p.Chunks()) * float64(p.Size()) * 16 / float64(n)
			require.Less(t, perItem, 20.6)
			t.Logf("n %d: %d chunks of %d, %.2f bytes an item, encodable %.3f", n, p.Chunks(), p.Capacity(), perItem, float64(p.Encodable())/float64(n))
		}
		total := 0
		for i := range p.Pieces() {
			total += p.PieceSize(i)
		}
		require.Equal(t, 16*p.Size(), total)
		for _, size := range p.Sizes() {
			require.LessOrEqual(t, size, 1<<20-64)
		}
	}
}

// The figure of Encodable satisfies its inequality with the binomial coefficient itself, and
// a few less do not, at sizes where the bound of the coefficient is sharp.
func TestEncodable(t *testing.T) {
	exact := func(n, k float64) float64 {
		a, _ := math.Lgamma(n + 1)
		b, _ := math.Lgamma(k + 1)
		c, _ := math.Lgamma(n - k + 1)
		return (a - b - c) / math.Ln2
	}
	for _, n := range []int64{0, 1, 100, 10_000, 1_000_000} {
		p := newParams(t, int(n))
		m, total := float64(p.Size()), float64(p.Encodable())
		require.GreaterOrEqual(t, total, m)
		e := total - m
		require.LessOrEqual(t, exact(maxDomain, total)-128*e+80, -40.0)
		less := math.Floor(e * 0.995)
		require.Greater(t, exact(maxDomain, m+less)-128*less+80, -40.0-10, "far from sharp")
		if n >= 100_000 {
			require.Less(t, total/float64(n), 1.50)
		}
	}
	last := int64(0)
	for n := int64(0); n < 5000; n += 37 {
		p := newParams(t, int(n))
		require.GreaterOrEqual(t, p.Encodable(), last, "more items, a smaller cap")
		last = p.Encodable()
	}
}

// Items spread evenly over chunks, the same for both, and differently under another salt.
func TestChunks(t *testing.T) {
	p := newParams(t, 40<<20)
	items := itemsFrom(0, 40*1000)
	a, b := make([]uint32, len(items)), make([]uint32, len(items))
	NewSalt([32]byte{1}).Chunks(a, items, p)
	NewSalt([32]byte{2}).Chunks(b, items, p)
	counts, same := make([]int, p.Chunks()), 0
	for i := range a {
		counts[a[i]]++
		if a[i] == b[i] {
			same++
		}
	}
	for _, n := range counts {
		require.InDelta(t, 1000, n, 6*32)
	}
	require.InDelta(t, 1000, same, 6*32)
}

// A receiver whose items have no solution under one seed takes the next, and never fewer items.
func TestSecondSeed(t *testing.T) {
	for fail := range attempts + 1 {
		p := newParams(t, 400)
		r, s := pair(p, NewSalt([32]byte{4}), itemsFrom(1, 400), byte(fail))
		tries, rows := 0, map[okvs.Row]bool{}
		r.encode = func(m *okvs.Matrix, v []Element, n int, source okvs.Source, space *okvs.Space, workers int) error {
			require.Equal(t, 400, n)
			k := make([]okvs.Key, 1)
			source(0, k, nil)
			require.False(t, rows[m.Row(k[0])], "the same seed again")
			rows[m.Row(k[0])] = true
			if tries++; tries <= fail {
				v[0] = Element{Lo: 1} // what a failed attempt leaves behind
				return okvs.ErrEncode
			}
			return m.Encode(v, n, source, space, workers)
		}
		errR, errS := exchange(r, s, nil)
		if fail == attempts {
			require.ErrorIs(t, errR, ErrEncode)
			continue
		}
		require.NoError(t, errors.Join(errR, errS))
		requireFunction(t, r, s, itemsFrom(10000, 5))
	}
	p := newParams(t, 2)
	r, s := pair(p, NewSalt([32]byte{4}), []Item{item(1), item(1)}, 0)
	tries := 0
	r.encode = func(m *okvs.Matrix, v []Element, n int, source okvs.Source, space *okvs.Space, workers int) error {
		tries++
		return m.Encode(v, n, source, space, workers)
	}
	errR, _ := exchange(r, s, nil)
	require.ErrorIs(t, errR, ErrEncode)
	require.Equal(t, 1, tries, "another seed does not help against an item given twice")
	require.Zero(t, r.n.Load())
	require.Panics(t, func() { s.Chunk() })
}

// The vector is confirmed by a polynomial in all of its places, whatever piece they come in.
func TestPolynomial(t *testing.T) {
	r := newSeed(t)
	for _, n := range []int{0, 1, 1000, PieceElements, PieceElements + 1, 2*PieceElements + 3} {
		v := make([]Element, n)
		for i := range v {
			v[i] = Element{Lo: r.Uint64(), Hi: r.Uint64()}
		}
		point, power, want := Element{Lo: r.Uint64(), Hi: r.Uint64()}, Element{Lo: 1}, Element{}
		for _, e := range v {
			power = power.Mul(point)
			want = want.Add(power.Mul(e))
		}
		p := newPolynomial(point, n)
		for from := 0; from < n; from += PieceElements {
			p.add(v[from:min(from+PieceElements, n)])
		}
		require.Equal(t, want, p.sum, "%d places", n)
	}
}

// Either half of w moves it, and so does the session; a commitment is of one session too.
func TestToss(t *testing.T) {
	a, b := session{1}, session{2}
	one, two := make([]byte, tossSize), append(make([]byte, tossSize-1), 1)
	seen := map[Element]bool{a.toss(one, one): true, a.toss(one, two): true, a.toss(two, one): true, a.toss(two, two): true, b.toss(one, one): true}
	require.Len(t, seen, 5)
	require.NotEqual(t, a.commitment(one), b.commitment(one))
	require.NotEqual(t, a.confirmation(one, Element{}), b.confirmation(one, Element{}))

	// And w is in every output, and so is the item.
	out := newHasher().outputs([]Element{{}, {}}, Element{}, []Item{item(1), item(2)})
	require.NotEqual(t, out[0], out[1])
	for _, w := range []Element{{Lo: 1}, {Hi: 1}} {
		moved := newHasher().outputs([]Element{{}}, w, []Item{item(1)})
		require.NotEqual(t, out[0], moved[0])
	}
}

// A failing source of randomness ends the chunk at any point.
func TestRandomnessFails(t *testing.T) {
	p := newParams(t, 10)
	broken := errors.New("no randomness")
	step := 700
	if testing.Short() {
		step = 7000
	}
	for n, done := 0, false; !done; n += step {
		done = true
		for side := range 2 {
			r, s := pair(p, NewSalt([32]byte{}), itemsFrom(1, 10), 1)
			source := [...]byte{1, 2}[side]
			limited := iotest.DataErrReader(&limitedReader{fixed(source, 1), n, broken})
			if side == 0 {
				r = newTested(p, r.salt, [32]byte(r.sid), r.all, limited, nil)
			} else {
				s = NewSender(p, [32]byte(s.sid), limited, nil)
			}
			errR, errS := exchange(r, s, nil)
			if err := errors.Join(errR, errS); err != nil && !errors.Is(err, vole.ErrSession) {
				require.ErrorIs(t, err, broken)
				done = false
			}
		}
	}
}

type limitedReader struct {
	r    interface{ Read([]byte) (int, error) }
	left int
	err  error
}

func (l *limitedReader) Read(b []byte) (int, error) {
	if l.left < len(b) {
		return 0, l.err
	}
	l.left -= len(b)
	return l.r.Read(b)
}
