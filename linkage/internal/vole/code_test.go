package vole

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/linkage/internal/gf128"
)

// matrix is a slow, explicit linear map: row i is what place i of the result is made of.
type matrix [][]gf128.Element

func identity(n int) matrix {
	m := make(matrix, n)
	for i := range m {
		m[i] = make([]gf128.Element, n)
		m[i][i] = gf128.Element{Lo: 1}
	}
	return m
}

// addRow adds factor times row j to row i.
func (m matrix) addRow(i, j int, factor gf128.Element) {
	gf128.MulAdd(m[i], m[j], factor)
}

func modelWords(seed [32]byte, stream byte, n int) []uint32 {
	b, err := aes.NewCipher(seed[:16])
	if err != nil {
		panic(err)
	}
	buf := make([]byte, 4*n)
	cipher.NewCTR(b, append([]byte{stream}, make([]byte, 15)...)).XORKeyStream(buf, buf)
	out := make([]uint32, n)
	for i := range out {
		out[i] = binary.LittleEndian.Uint32(buf[4*i:])
	}
	return out
}

// modelAccumulate is one accumulation as the comment in code.go defines it.
func modelAccumulate(m matrix, words []uint32) {
	n := len(m)
	one, x := gf128.Element{Lo: 1}, gf128.Element{Lo: 2}
	for k := range n + 25 {
		row := k % n
		if k >= 25 {
			m.addRow(row, (k-25)%n, one)
		}
		for i, e := range m[row] {
			m[row][i] = e.Mul(x)
		}
		for d := 1; d <= 24; d++ {
			if k >= d && words[k]>>(d-1)&1 == 1 {
				m.addRow(row, (k-d)%n, one)
			}
		}
	}
}

// modelCode is the code's matrix, with the given number of accumulations.
func modelCode(seed [32]byte, m, span, accumulations int) matrix {
	inner := identity(span)
	for round := range accumulations {
		modelAccumulate(inner, modelWords(seed, byte(round), span+25))
	}
	out := identity(m)
	for i := range out {
		out[i] = append(out[i], make([]gf128.Element, span)...)
	}
	for part := range 7 {
		from, to := part*span/7, (part+1)*span/7
		for i, w := range modelWords(seed, byte(2+part), m) {
			j := from + int(uint64(w)*uint64(to-from)>>32)
			row := out[i][m:]
			for k := range row {
				row[k] = row[k].Add(inner[j][k])
			}
		}
	}
	return out
}

func (m matrix) times(v []gf128.Element) []gf128.Element {
	out := make([]gf128.Element, len(m))
	for i := range m {
		out[i] = gf128.InnerProduct(m[i], v)
	}
	return out
}

func TestCodeByDefinition(t *testing.T) {
	r := newSeed(t)
	for _, span := range []int{51, 52, 53, 54, 55, 56, 57, 70, 99, 128, 201} {
		for _, m := range []int{1, span - 3, span} {
			var seed [32]byte
			copy(seed[:], randomElement(r).Append(nil))
			v := randomElements(r, m+span)
			want := modelCode(seed, m, span, 2).times(v)
			newCode(seed, span).encode(v[:m], v[m:], 1)
			require.Equal(t, want, v[:m], "%d x %d", m, span)
		}
	}
	require.Panics(t, func() { newCode([32]byte{}, 50) })
}

// The matrix of one seed is pinned: two versions that differ in it do not understand
// each other.
func TestCodePinned(t *testing.T) {
	h := sha256.New()
	for _, row := range modelCode([32]byte{1, 2, 3}, 60, 60, 2) {
		for _, e := range row {
			h.Write(e.Append(nil))
		}
	}
	require.Equal(t, codeHash, hex.EncodeToString(h.Sum(nil)))
}

// The fast encoding of a large vector: workers change nothing, and it is linear.
func TestCodeLarge(t *testing.T) {
	r := newSeed(t)
	const m, span = 3*wordsAtOnce + 17, 2*wordsAtOnce + 4711
	c := newCode([32]byte{9}, span)
	a, b := randomElements(r, m+span), randomElements(r, m+span)
	factor := randomElement(r)
	both := make([]gf128.Element, m+span)
	for i := range both {
		both[i] = a[i].Add(b[i].Mul(factor))
	}
	again := append([]gf128.Element(nil), a...)
	c.encode(a[:m], a[m:], 1)
	c.encode(again[:m], again[m:], 3)
	require.Equal(t, a, again)
	c.encode(b[:m], b[m:], 2)
	c.encode(both[:m], both[m:], 64)
	for i := range m {
		a[i] = a[i].Add(b[i].Mul(factor))
	}
	require.Equal(t, both[:m], a[:m])
}

// The assembly, where there is any, does what portable Go does, however the groups fall into
// the buffers of the words.
func TestGroupsAgree(t *testing.T) {
	r := newSeed(t)
	for _, n := range []int{51, 54, wordsAtOnce - 1, wordsAtOnce, wordsAtOnce + 29, 5*wordsAtOnce + r.IntN(wordsAtOnce)} {
		c := newCode([32]byte{byte(n)}, n)
		a := randomElements(r, n)
		b := append([]gf128.Element(nil), a...)
		accumulate(a, c.words(0, 0), groupsPortable)
		accumulate(b, c.words(0, 0), accumulateGroups)
		require.Equal(t, a, b)
		if n < 100 {
			continue
		}
		for k, word := range modelWords([32]byte{byte(n)}, 0, n+lag) {
			step(b, k, word)
		}
		accumulate(a, c.words(0, 0), accumulateGroups)
		require.Equal(t, b, a)
	}
}

func TestGatherAgrees(t *testing.T) {
	r := newSeed(t)
	x := randomElements(r, 1000)
	for n := 1; n < 200; n++ {
		y := randomElements(r, n)
		bits := make([]byte, 4*n)
		for i := range bits {
			bits[i] = byte(r.Uint32()) | byte(-(n % 2)) // every other time the last place only
		}
		again := append([]gf128.Element(nil), y...)
		from := x[:1+r.IntN(len(x))]
		gather(y, from, bits)
		gatherPortable(again, from, bits)
		require.Equal(t, again, y)
	}
}

// leastWeight gives the least number of non-zero places in a row, and in any sum of one row
// and a multiple of another.
func leastWeight(m matrix) (one, two int) {
	one, two = 1<<30, 1<<30
	for i, row := range m {
		weight := 0
		for _, e := range row {
			if e != (gf128.Element{}) {
				weight++
			}
		}
		one = min(one, weight)
		for _, other := range m[:i] {
			// The factor that cancels the most places is the most frequent ratio.
			ratios, either, most := map[gf128.Element]int{}, 0, 0
			for k, e := range row {
				if e != (gf128.Element{}) || other[k] != (gf128.Element{}) {
					either++
				}
				if e != (gf128.Element{}) && other[k] != (gf128.Element{}) {
					ratio := e.Mul(other[k].Inverse())
					ratios[ratio]++
					most = max(most, ratios[ratio])
				}
			}
			two = min(two, either-most)
		}
	}
	return one, two
}

// No distance can be proven here, but small codes can be seen to have no light rows, and no
// light sums of two.
func TestCodeDistance(t *testing.T) {
	const n = 60
	for seed := range byte(3) {
		one, two := leastWeight(modelCode([32]byte{seed}, n, n, 2))
		require.Greater(t, one, n*3/4)
		require.Greater(t, two, n*3/4)
	}
}

// Why twice: after one round an early place is made of those before it only; after two,
// of nearly all.
func TestAccumulateTwice(t *testing.T) {
	const n, early = 200, 30
	weightOf := func(row []gf128.Element) (w int) {
		for _, e := range row {
			if e != (gf128.Element{}) {
				w++
			}
		}
		return w
	}
	m := identity(n)
	modelAccumulate(m, modelWords([32]byte{1}, 0, n+25))
	require.LessOrEqual(t, weightOf(m[early]), early+1)
	modelAccumulate(m, modelWords([32]byte{1}, 1, n+25))
	for i := range m {
		require.Greater(t, weightOf(m[i]), n*9/10, "place %d", i)
	}
}

// Every part is hit, in every place, about equally often.
func TestExpandIsEven(t *testing.T) {
	const span, m = 701, 200000
	c := newCode([32]byte{3}, span)
	total := 0
	for part := range weight {
		from, size := c.part(part)
		require.Equal(t, total, from)
		total += size
		counts := make([]int, size)
		for _, w := range modelWords([32]byte{3}, byte(2+part), m) {
			counts[uint64(w)*uint64(size)>>32]++
		}
		mean := float64(m) / float64(size)
		square := 0.0
		for _, n := range counts {
			square += (float64(n) - mean) * (float64(n) - mean) / mean
		}
		// Chi-squared with about 100 degrees of freedom; the seed is fixed.
		require.InDelta(t, float64(size-1), square, 60)
	}
	require.Equal(t, span, total)
}

const codeHash = "246eee7fe4907c2fff37d450fb26c1f72d9d485fb1a14169571baeeb5c053b99"
