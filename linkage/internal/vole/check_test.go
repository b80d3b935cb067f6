package vole

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/linkage/internal/gf128"
)

func TestEvaluateByDefinition(t *testing.T) {
	r := newSeed(t)
	p := Params{trees: 5, leaves: 7, depth: 3}
	v, x := randomElements(r, 35), randomElement(r)
	var want gf128.Element
	for i, e := range v {
		want = want.Add(power(x, i+1).Mul(e))
	}
	require.Equal(t, want, p.evaluate(v, x))

	product := gf128.Element{Lo: 1}
	for i := range 40 {
		require.Equal(t, product, power(x, i))
		product = product.Mul(x)
	}
}

// cheatTrees runs a session in which the sender alters its trees' message and its own
// vector. It gives what the receiver said, and whether its vectors would have been right
// had it not looked.
func cheatTrees(t *testing.T, seed byte, cheat func(p Params, body []byte, b []gf128.Element)) (verdict error, right bool) {
	p := newParams(t, 300)
	r, s := pairOf(p, 1, seed)
	messages := until(t, r, s, 4)
	cheat(p, messages[3][headerSize+coinSize:], s.b)
	s.transcript = transcriptOf(messages...)
	unchecked := r.copy(t)

	m, _, err := r.Step(messages[3])
	require.NoError(t, err)
	answer, _, err := s.Step(m)
	require.NoError(t, err)
	_, _, verdict = r.Step(answer)

	// The same without the check: the receiver's own expectation is what it is told.
	_, _, err = unchecked.Step(messages[3])
	require.NoError(t, err)
	unchecked.want = answer[headerSize:]
	_, done, err := unchecked.Step(answer)
	require.NoError(t, err)
	require.True(t, done)
	a, c := unchecked.Vectors()
	delta, b := s.Vectors()
	right = true
	for i := range a {
		right = right && c[i].Mul(delta) == a[i].Add(b[i])
	}
	return verdict, right
}

// A sum that the receiver takes is wrong, for one of two senders: those who spoil the left or
// the right one. The receiver goes on exactly if its vectors are right, which tells
// the sender the bit: the leak that check.go speaks of, at the price of one half.
func TestSpoiltSum(t *testing.T) {
	for _, level := range []int{0, 2, 5} {
		for seed := range byte(2) {
			caught := 0
			for side := range 2 {
				verdict, right := cheatTrees(t, seed, func(p Params, body []byte, _ []gf128.Element) {
					require.Greater(t, p.depth, 5-1)
					body[3*p.treeSize()+(2*min(level, p.depth-1)+side)*gf128.Size] ^= 1
				})
				if right {
					require.NoError(t, verdict)
				} else {
					require.ErrorIs(t, verdict, ErrConsistency)
					caught++
				}
			}
			require.Equal(t, 1, caught)
		}
	}
}

func TestSpoiltTrees(t *testing.T) {
	for name, cheat := range map[string]func(p Params, body []byte, b []gf128.Element){
		"both sums": func(p Params, body []byte, _ []gf128.Element) {
			body[0] ^= 1
			body[gf128.Size] ^= 1
		},
		"a wrong d": func(p Params, body []byte, _ []gf128.Element) { body[p.treeSize()-1] ^= 1 },
		"every tree": func(p Params, body []byte, _ []gf128.Element) {
			for j := range p.trees {
				body[j*p.treeSize()] ^= 1
			}
		},
		"another leaf in B": func(p Params, _ []byte, b []gf128.Element) { b[len(b)-1].Hi ^= 1 << 63 },
		"another Delta in one tree": func(p Params, body []byte, _ []gf128.Element) {
			at := body[2*p.treeSize()-gf128.Size:]
			copy(at, gf128.FromBytes(at).Add(gf128.Element{Lo: 0x1234}).Append(nil))
		},
	} {
		verdict, right := cheatTrees(t, 1, cheat)
		require.False(t, right, name)
		require.ErrorIs(t, verdict, ErrConsistency, name)
	}
	verdict, right := cheatTrees(t, 1, func(Params, []byte, []gf128.Element) {})
	require.True(t, right)
	require.NoError(t, verdict)
}

// A sender that opens another coin than it has committed to would choose the code's seed
// alone: it knows the receiver's half by then.
func TestOneSidedSeed(t *testing.T) {
	r, s := pairOf(newParams(t, 1), 1, 1)
	messages := until(t, r, s, 4)
	honest := s.seed
	copy(messages[3][headerSize:], make([]byte, coinSize))
	chosen := s.codeSeed(transcriptOf(messages[:3]...).Sum(nil), make([]byte, coinSize), r.coin[:])
	require.NotEqual(t, honest, chosen)

	unchecked := r.copy(t)
	_, _, err := r.Step(messages[3])
	require.ErrorIs(t, err, ErrCommitment)
	unchecked.theirs = unchecked.commitment(make([]byte, coinSize))
	_, _, err = unchecked.Step(messages[3])
	require.NoError(t, err)
	require.Equal(t, chosen, unchecked.seed, "without the check the sender's choice stands")
}

// The seed depends on either half, on what was said before, and on the session.
func TestCodeSeed(t *testing.T) {
	a, b := newSession(newParams(t, 1), [32]byte{1}), newSession(newParams(t, 1), [32]byte{2})
	seeds := map[[32]byte]bool{
		a.codeSeed([]byte{1}, []byte{2}, []byte{3}): true,
		a.codeSeed([]byte{0}, []byte{2}, []byte{3}): true,
		a.codeSeed([]byte{1}, []byte{0}, []byte{3}): true,
		a.codeSeed([]byte{1}, []byte{2}, []byte{0}): true,
		a.codeSeed([]byte{1}, []byte{2, 3}, nil):    true,
		b.codeSeed([]byte{1}, []byte{2}, []byte{3}): true,
	}
	require.Len(t, seeds, 6)
}

// A receiver that puts another value than the challenge's into the noisy VOLE gets the hash
// of something it does not know: it differs from what it expects by a multiple of Delta.
func TestWrongCheckValue(t *testing.T) {
	r, s := pairOf(newParams(t, 1), 1, 1)
	messages := until(t, r, s, 2)
	m, _, err := r.Step(messages[1])
	require.NoError(t, err)
	m, _, err = s.Step(m)
	require.NoError(t, err)
	r.check.point = r.check.point.Add(gf128.Element{Lo: 1}) // not the one that the value is for
	m, _, err = r.Step(m)
	require.NoError(t, err)
	m, _, err = s.Step(m)
	require.NoError(t, err)
	_, _, err = r.Step(m)
	require.ErrorIs(t, err, ErrConsistency)
}
