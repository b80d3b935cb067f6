package vole

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/linkage/internal/gf128"
)

// extension is what the two parties of an extension hold before it, keys agreed.
type extension struct {
	s     *session
	keys  [kappa][2]key
	delta choices
	own   [kappa]key
	x     column
}

func newExtension(t *testing.T) *extension {
	r := newSeed(t)
	e := &extension{s: newSession(newParams(t, 1), [32]byte{1}), delta: choices(randomElement(r))}
	for i := range e.keys {
		for b := range 2 {
			copy(e.keys[i][b][:], randomElement(r).Append(nil))
		}
		e.own[i] = e.keys[i][e.delta.bit(i)]
	}
	e.x = randomElements(r, e.s.params.blocks())
	return e
}

// run makes the receiver's message, which cheat may change together with the
// receiver's view, and gives the sender's columns and the verdict of its check.
func (e *extension) run(cheat func(corrections []byte)) (t, q *[kappa]column, verdict error) {
	m, t := extendReceiver(nil, &e.keys, e.x)
	if cheat != nil {
		cheat(m)
	}
	hash := e.s.columnHasher(nil, m)
	proof := proveColumns(nil, hash, e.x, t)
	q = extendSender(m, &e.own, e.delta, len(e.x))
	return t, q, checkColumns(proof, hash, q, e.delta)
}

func bitOf(c column, row int) int { return choices(c[row/kappa]).bit(row % kappa) }

func TestExtensionByDefinition(t *testing.T) {
	e := newExtension(t)
	tc, qc, err := e.run(nil)
	require.NoError(t, err)
	p := e.s.params
	require.Greater(t, p.otBlocks(), 1)

	// The relation, bit by bit.
	wrong := 0
	for row := range kappa * p.blocks() {
		x := bitOf(e.x, row)
		for i := range kappa {
			wrong += bitOf(tc[i], row) ^ x*e.delta.bit(i) ^ bitOf(qc[i], row)
		}
	}
	require.Zero(t, wrong)

	// Random OTs by their definition: the receiver has one of the sender's two.
	rt, rq := p.rows(tc), p.rows(qc)
	require.Len(t, rt, p.trees*p.depth)
	ones := 0
	for k := range rt {
		x := bitOf(e.x, p.voleBlocks()*kappa+k)
		ones += x
		sender := [2]gf128.Element{
			e.s.pad(k, rq[k]),
			e.s.pad(k, rq[k].Add(gf128.Element(e.delta))),
		}
		require.Equal(t, sender[x], e.s.pad(k, rt[k]))
		require.NotEqual(t, sender[1-x], e.s.pad(k, rt[k]))
	}
	require.NotZero(t, ones)
	require.NotEqual(t, len(rt), ones)

	// The noisy VOLE.
	m, k := p.fold(tc), p.fold(qc)
	for j := range m {
		require.Equal(t, m[j].Add(e.x[j].Mul(gf128.Element(e.delta))), k[j])
	}
}

func TestPadIsTweaked(t *testing.T) {
	a, b := newSession(newParams(t, 1), [32]byte{1}), newSession(newParams(t, 1), [32]byte{2})
	row := gf128.Element{Lo: 1}
	require.NotEqual(t, a.pad(0, row), a.pad(1, row))
	require.NotEqual(t, a.pad(0, row), b.pad(0, row))
	require.NotEqual(t, a.pad(0, row), a.pad(0, gf128.Element{Lo: 2}))
}

// A receiver with another x in one column. Without the check, the noisy VOLE of the
// sender is wrong exactly if its bit of Delta is set: whatever becomes of that tells the bit.
// The check lets it pass only if the bit is not set.
func TestExtensionFlippedColumn(t *testing.T) {
	caught := 0
	e := newExtension(t)
	p := e.s.params
	for i := range kappa {
		tc, qc, err := e.run(func(m []byte) {
			m[i*len(e.x)*gf128.Size] ^= 1 // the lowest bit of value 0
		})
		want := p.fold(tc)[0].Add(e.x[0].Mul(gf128.Element(e.delta)))
		right := p.fold(qc)[0] == want
		require.Equal(t, e.delta.bit(i) == 0, right, "without the check")
		if right {
			require.NoError(t, err)
		} else {
			require.ErrorIs(t, err, ErrExtension)
			caught++
		}
	}
	require.NotZero(t, caught)

	// In all columns of one half: to pass, 64 bits would have to be zero.
	_, _, err := e.run(func(m []byte) {
		for i := range kappa / 2 {
			m[i*len(e.x)*gf128.Size+p.voleBlocks()*gf128.Size] ^= 1
		}
	})
	require.ErrorIs(t, err, ErrExtension)
}

// What the receiver shows must be the hashes and nothing else.
func TestExtensionWrongProof(t *testing.T) {
	e := newExtension(t)
	e.delta = choices{Lo: 1} // so that a wrong hash of x matters in one column
	for i := range e.own {
		e.own[i] = e.keys[i][e.delta.bit(i)]
	}
	m, tc := extendReceiver(nil, &e.keys, e.x)
	hash := e.s.columnHasher(nil, m)
	qc := extendSender(m, &e.own, e.delta, len(e.x))
	proof := proveColumns(nil, hash, e.x, tc)
	require.Len(t, proof, checkSize)
	require.NoError(t, checkColumns(proof, hash, qc, e.delta))
	for at := range proof {
		proof[at] ^= 0x80
		require.ErrorIs(t, checkColumns(proof, hash, qc, e.delta), ErrExtension, at)
		proof[at] ^= 0x80
	}
}

// The hash of x is hidden by the mask blocks: for any other x there are masks that give the
// same hash. And it differs with the message that it is drawn from.
func TestColumnHash(t *testing.T) {
	r := newSeed(t)
	s := newSession(newParams(t, 1), [32]byte{1})
	n := s.params.blocks()
	hash := s.columnHasher([]byte("before"), []byte("message"))
	a, b := column(randomElements(r, n)), column(randomElements(r, n))
	ha, hb := hash(a), hash(b)
	for h := range maskBlocks {
		at := n - maskBlocks + h
		b[at] = b[at].Add(ha[h]).Add(hb[h])
	}
	require.Equal(t, ha, hash(b))

	// By definition: a polynomial, and the mask.
	seed := s.hash("extension check", []byte("before"), []byte("message"))
	for h := range maskBlocks {
		point, power := gf128.FromBytes(seed[16*h:]), gf128.Element{Lo: 1}
		want := a[n-maskBlocks+h]
		for _, e := range a[:n-maskBlocks] {
			power = power.Mul(point)
			want = want.Add(power.Mul(e))
		}
		require.Equal(t, want, ha[h])
	}
	require.NotEqual(t, ha, s.columnHasher([]byte("before"), []byte("other"))(a))
	require.NotEqual(t, ha, s.columnHasher([]byte("other"), []byte("message"))(a))
}

func TestTranspose(t *testing.T) {
	r := newSeed(t)
	var m, want [kappa]gf128.Element
	for i := range m {
		m[i] = randomElement(r)
	}
	for i := range m {
		for j := range m {
			if choices(m[i]).bit(j) == 1 {
				if i < 64 {
					want[j].Lo |= 1 << i
				} else {
					want[j].Hi |= 1 << (i - 64)
				}
			}
		}
	}
	transpose(&m)
	require.Equal(t, want, m)
}

func TestTimesX(t *testing.T) {
	r := newSeed(t)
	x := gf128.Element{Lo: 2}
	for _, a := range append(randomElements(r, 100), gf128.Element{}, gf128.Element{Hi: 1 << 63}, gf128.Element{Lo: 1 << 63}) {
		require.Equal(t, a.Mul(x), timesX(a))
	}
	// X is in no proper subfield: the greatest is that of the roots of y^(2^64) = y.
	y := x
	for range 64 {
		y = y.Mul(y)
	}
	require.NotEqual(t, x, y)
}
