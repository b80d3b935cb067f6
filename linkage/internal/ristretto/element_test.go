package ristretto

import (
	"bytes"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"filippo.io/edwards25519"
	"filippo.io/edwards25519/field"
	"github.com/gtank/ristretto255"
	"github.com/stretchr/testify/require"
)

// source gives the randomness of a test, and prints how to repeat it.
func source(t testing.TB) *rand.ChaCha8 {
	var seed [32]byte
	seed[0] = byte(time.Now().UnixNano() >> 8)
	seed[1] = byte(time.Now().UnixNano() >> 16)
	t.Logf("seed %x, of which two bytes are in use", seed[:2])
	return rand.NewChaCha8(seed)
}

func wide(r *rand.ChaCha8) *[64]byte {
	var b [64]byte
	_, _ = r.Read(b[:])
	return &b
}

func encodeOf(p *edwards25519.Point) (b [Size]byte) {
	Encode(&b, p)
	return b
}

// torsion gives the four points that stand for the identity: multiples of one of
// order four, (√-1, 0).
func torsion(t testing.TB) []*edwards25519.Point {
	four, err := new(edwards25519.Point).SetExtendedCoordinates(sqrtM1, new(field.Element), fieldOne, new(field.Element))
	require.NoError(t, err)
	points := []*edwards25519.Point{edwards25519.NewIdentityPoint()}
	for i := range 3 {
		points = append(points, new(edwards25519.Point).Add(points[i], four))
	}
	require.Equal(t, 1, new(edwards25519.Point).Add(points[3], four).Equal(points[0]))
	return points
}

func unhex(t testing.TB, text string) []byte {
	b, err := hex.DecodeString(text)
	require.NoError(t, err)
	return b
}

func TestVectorsOfRFC9496(t *testing.T) {
	var v struct {
		Multiples []string `json:"multiples"`
		Bad       []string `json:"bad"`
		Derived   []struct {
			Text    string `json:"text"`
			Element string `json:"element"`
		} `json:"derived"`
		Same struct {
			Uniform []string `json:"uniform"`
			Element string   `json:"element"`
		} `json:"same"`
	}
	b, err := os.ReadFile("testdata/rfc9496_ristretto255.json")
	require.NoError(t, err)
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(&v))
	require.Len(t, v.Multiples, 16)
	require.Len(t, v.Bad, 29)
	require.Len(t, v.Derived, 7)
	require.Len(t, v.Same.Uniform, 4)

	p := edwards25519.NewIdentityPoint()
	for i, text := range v.Multiples {
		got := encodeOf(p)
		require.Equal(t, text, hex.EncodeToString(got[:]))
		var a Affine
		require.Equal(t, i != 0, Decode(&a, got[:]), "all but the identity decode")
		if i != 0 {
			var q edwards25519.Point
			a.Point(&q)
			require.Equal(t, got, encodeOf(&q))
		}
		p.Add(p, edwards25519.NewGeneratorPoint())
	}
	for _, text := range v.Bad {
		require.False(t, Decode(new(Affine), unhex(t, text)), text)
	}
	for _, x := range v.Derived {
		uniform := sha512.Sum512([]byte(x.Text))
		Derive(p, &uniform)
		got := encodeOf(p)
		require.Equal(t, x.Element, hex.EncodeToString(got[:]))
	}
	for _, text := range v.Same.Uniform {
		Derive(p, (*[64]byte)(unhex(t, text)))
		got := encodeOf(p)
		require.Equal(t, v.Same.Element, hex.EncodeToString(got[:]))
	}
}

// TestConstants checks each constant by its definition in RFC 9496, section 4.1, where
// its sign is that of the RFC's decimal form.
func TestConstants(t *testing.T) {
	el := func(n int64) *field.Element {
		e := new(field.Element).Mult32(fieldOne, uint32(max(n, -n)))
		if n < 0 {
			e.Negate(e)
		}
		return e
	}
	mul := func(a, b *field.Element) *field.Element { return new(field.Element).Multiply(a, b) }
	same := func(a, b *field.Element) { t.Helper(); require.Equal(t, 1, a.Equal(b)) }
	minusOne := el(-1)
	aMinusD := new(field.Element).Subtract(minusOne, edwardsD)
	adMinusOne := new(field.Element).Subtract(mul(minusOne, edwardsD), fieldOne)
	dMinusOne := new(field.Element).Subtract(edwardsD, fieldOne)

	same(mul(edwardsD, el(121666)), el(-121665))
	same(mul(sqrtM1, sqrtM1), minusOne)
	same(mul(sqrtADMinusOne, sqrtADMinusOne), adMinusOne)
	same(mul(mul(invSqrtAMinusD, invSqrtAMinusD), aMinusD), fieldOne)
	same(oneMinusDSQ, new(field.Element).Subtract(fieldOne, mul(edwardsD, edwardsD)))
	same(dMinusOneSQ, mul(dMinusOne, dMinusOne))
	require.Equal(t, 0, sqrtM1.IsNegative())
	require.Equal(t, 1, sqrtADMinusOne.IsNegative())
	require.Equal(t, 0, invSqrtAMinusD.IsNegative())
	one := Reduce(&[64]byte{1})
	require.Equal(t, 1, one.Equal(new(edwards25519.Scalar).Add(Halve(one), Halve(one))))
}

// TestElementsAgainstGtank compares with another implementation of RFC 9496.
func TestElementsAgainstGtank(t *testing.T) {
	r := source(t)
	for range 200 {
		b := wide(r)
		want, err := ristretto255.NewIdentityElement().SetUniformBytes(b[:])
		require.NoError(t, err)
		var p edwards25519.Point
		Derive(&p, b)
		got := encodeOf(&p)
		require.Equal(t, want.Bytes(), got[:])
		for _, four := range torsion(t) {
			require.Equal(t, got, encodeOf(new(edwards25519.Point).Add(&p, four)), "all points of a class encode alike")
		}

		// Bytes at random, and an encoding with one bit turned, are refused or taken by both.
		turned := got
		turned[b[0]&31] ^= 1 << (b[1] & 7)
		for _, text := range [][]byte{b[:32], b[32:], got[:], turned[:]} {
			_, err := ristretto255.NewIdentityElement().SetCanonicalBytes(text)
			require.Equal(t, err == nil, Decode(new(Affine), text))
		}
	}
}

func TestDecodeRefusesEveryWrongLength(t *testing.T) {
	generator := encodeOf(edwards25519.NewGeneratorPoint())
	for n := range 100 {
		b := make([]byte, n)
		copy(b, generator[:])
		require.Equal(t, n == Size, Decode(new(Affine), b))
	}
}

func TestIdentityHasFourPoints(t *testing.T) {
	four := torsion(t)
	for _, p := range four {
		require.True(t, IsIdentity(p))
		require.Zero(t, encodeOf(p))
	}
	require.False(t, IsIdentity(edwards25519.NewGeneratorPoint()))
}

func TestEncodeDoubledIsEncodeOfTheDouble(t *testing.T) {
	r := source(t)
	four := torsion(t)
	for n := range 40 {
		points := make([]edwards25519.Point, n)
		want := make([]byte, 0, n*Size)
		for i := range points {
			Derive(&points[i], wide(r))
			points[i].Add(&points[i], four[i%4])
			if i%7 == 3 {
				points[i].Set(four[i%4]) // one identity must not spoil the others
			}
			b := encodeOf(new(edwards25519.Point).Double(&points[i]))
			want = append(want, b[:]...)
		}
		got := make([]byte, len(want))
		EncodeDoubled(got, points)
		require.Equal(t, want, got)

		for i, a := range Normalise(points) {
			var p edwards25519.Point
			a.Point(&p)
			require.Equal(t, 1, p.Equal(&points[i]))
		}
	}
	var eighth edwards25519.Point // of order eight, whose double is the identity's class
	eighth.Set(pointOfOrderEight(t))
	got := make([]byte, Size)
	EncodeDoubled(got, []edwards25519.Point{eighth})
	require.Equal(t, make([]byte, Size), got)
}

func pointOfOrderEight(t *testing.T) *edwards25519.Point {
	p, err := new(edwards25519.Point).SetBytes(unhex(t, "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"))
	require.NoError(t, err)
	require.Equal(t, 1, new(edwards25519.Point).MultByCofactor(p).Equal(edwards25519.NewIdentityPoint()))
	return p
}

func TestInvertFields(t *testing.T) {
	r := source(t)
	for n := range 20 {
		fields := make([]field.Element, n)
		for i := range n {
			_, err := fields[i].SetWideBytes(wide(r)[:])
			require.NoError(t, err)
			if i%5 == 2 {
				fields[i].Zero()
			}
		}
		f := append([]field.Element(nil), fields...)
		invertFields(f)
		for i := range n {
			require.Equal(t, 1, f[i].Equal(new(field.Element).Invert(&fields[i])))
		}
	}
}

// edges are scalars at which digits and carries go wrong first.
func edges() []edwards25519.Scalar {
	var out []edwards25519.Scalar
	order, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	add := func(n *big.Int) {
		var b, le [64]byte
		new(big.Int).Mod(n, order).FillBytes(b[:])
		for i := range b {
			le[i] = b[63-i]
		}
		out = append(out, *Reduce(&le))
	}
	for i := range uint(253) {
		p := new(big.Int).Lsh(big.NewInt(1), i)
		add(p)
		add(new(big.Int).Sub(p, big.NewInt(1)))
		add(new(big.Int).Neg(p))
	}
	return out
}

func TestTableMultipliesAsEdwards25519(t *testing.T) {
	r := source(t)
	var p, got edwards25519.Point
	Derive(&p, wide(r))
	table := NewTable(&Normalise([]edwards25519.Point{p})[0])
	scalars := edges()
	for range 100 {
		scalars = append(scalars, *Reduce(wide(r)))
	}
	for i := range scalars {
		table.Mul(&got, &scalars[i])
		require.Equal(t, 1, got.Equal(new(edwards25519.Point).ScalarMult(&scalars[i], &p)), "scalar %d", i)
	}
}

// TestSum compares both ways of adding up with one multiplication after the other.
func TestSum(t *testing.T) {
	r := source(t)
	scalars := edges()
	points := make([]edwards25519.Point, len(scalars))
	for i := range points {
		Derive(&points[i], wide(r))
	}
	points[5].Negate(&points[4]) // equal and opposite points meet in a bucket
	points[6].Set(&points[4])
	scalars[5], scalars[6] = scalars[4], scalars[4]
	r2 := rand.New(r)
	r2.Shuffle(len(scalars), func(i, j int) { scalars[i], scalars[j] = scalars[j], scalars[i] })
	flat := Normalise(points)
	for _, n := range []int{1, 2, 3, smallSum - 1, smallSum, smallSum + 1, 300, len(scalars)} {
		want := edwards25519.NewIdentityPoint()
		for i := range n {
			want.Add(want, new(edwards25519.Point).ScalarMult(&scalars[i], &points[i]))
		}
		require.Equal(t, 1, sumSmall(scalars[:n], flat[:n]).Equal(want), n)
		require.Equal(t, 1, sumBuckets(scalars[:n], flat[:n]).Equal(want), n)
		require.Equal(t, 1, Sum(scalars[:n], flat[:n]).Equal(want), n)
	}
}

// TestDigits puts the digits together again, for every width that may be chosen.
func TestDigits(t *testing.T) {
	for width := 4; width <= 14; width++ {
		places := scalarBits/width + 1
		for _, s := range edges() {
			digits := make([]int16, places)
			cutDigits(digits, 1, places, width, s.Bytes())
			got := new(big.Int)
			for i := places - 1; i >= 0; i-- {
				require.LessOrEqual(t, int(digits[i]), 1<<(width-1))
				require.Greater(t, int(digits[i]), -1<<(width-1))
				got.Lsh(got, uint(width)).Add(got, big.NewInt(int64(digits[i])))
			}
			be := s.Bytes()
			for i := range 16 {
				be[i], be[31-i] = be[31-i], be[i]
			}
			require.Zero(t, got.Cmp(new(big.Int).SetBytes(be)))
		}
	}
}

func BenchmarkSum(b *testing.B) {
	r := source(b)
	scalars, points := make([]edwards25519.Scalar, 10000), make([]edwards25519.Point, 10000)
	for i := range scalars {
		scalars[i] = *Reduce(wide(r))
		Derive(&points[i], wide(r))
	}
	flat := Normalise(points)
	for _, n := range []int{10, 20, 30, 40, 50, 60, 100, 1000, 10000} {
		for _, way := range []struct {
			name string
			sum  func([]edwards25519.Scalar, []Affine) *edwards25519.Point
		}{{"interleaved", sumSmall}, {"buckets", sumBuckets}} {
			b.Run(way.name+"/n="+big.NewInt(int64(n)).String(), func(b *testing.B) {
				for b.Loop() {
					way.sum(scalars[:n], flat[:n])
				}
				b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(n), "us/elem")
			})
		}
	}
}
