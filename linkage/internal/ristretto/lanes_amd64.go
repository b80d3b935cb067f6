//go:build !purego

package ristretto

import (
	"crypto/subtle"
	"encoding/binary"

	"filippo.io/edwards25519"
	"filippo.io/edwards25519/field"
	"golang.org/x/sys/cpu"
)

//go:generate go run -C _asm . -out ../lanes_amd64.s

// Eight points are multiplied with one scalar in lock step. The formulas are those of
// extended; a field element has five limbs of 51 bits, as in package field, in 64-bit
// words, so that a product is of 52-bit multiplications (AVX-512 IFMA).
//
// Bounds. A limb that is multiplied must lie below 2^52, for the instruction sees no more.
// Every value is stored tight, that is with limbs below 2^51 + 2^11:
//
//	product   sums of at most 267·2^52 in the lowest limb and 51·2^52 in the highest. The
//	          carries are below 2·267 and, for what comes round, 19·2·51
//	a + b     below 2^53; the carries are below 4 and 19·4
//	a - b     as a + 2p - b, which is not negative in any limb, for those of 2p are at least
//	          2^52 - 38. The sums of a doubling have up to four terms and lie below 2^54,
//	          their carries below 8 and 19·8
//	-b        as 2p - b, below 2^52 and not tight: it is multiplied and nothing else

const laneCount = 8

type (
	lanes      [5][laneCount]uint64 // eight field elements, limb by limb
	pointLanes [4]lanes             // X, Y, Z, T
	readyLanes [4]lanes             // Y+X, Y-X, 2Z, 2dT
)

// laneSpace is what a multiplication of eight points works in.
type laneSpace struct {
	table      [oddSize]readyLanes
	acc, twice pointLanes
	ready      readyLanes
	scratch    [4]lanes
}

// hasLanes is whether the processor has the instructions; only tests set it.
var hasLanes = detectLanes()

func detectLanes() bool {
	x := &cpu.X86
	return x.HasAVX512F && x.HasAVX512DQ && x.HasAVX512IFMA
}

// twoDLanes and identityLanes are the constant and the point in all lanes.
var twoDLanes = func() (l lanes) {
	for i := range laneCount {
		l.set(i, twoD)
	}
	return l
}()

var identityLanes = func() (p pointLanes) {
	for i := range laneCount {
		p.set(i, edwards25519.NewIdentityPoint())
	}
	return p
}()

// set puts a field element into a lane.
func (l *lanes) set(i int, e *field.Element) {
	const mask = 1<<51 - 1
	var w [4]uint64
	for k, b := 0, e.Bytes(); k < len(w); k++ {
		w[k] = binary.LittleEndian.Uint64(b[8*k:])
	}
	l[0][i] = w[0] & mask
	l[1][i] = (w[0]>>51 | w[1]<<13) & mask
	l[2][i] = (w[1]>>38 | w[2]<<26) & mask
	l[3][i] = (w[2]>>25 | w[3]<<39) & mask
	l[4][i] = w[3] >> 12
}

// get takes a field element out of a lane.
func (l *lanes) get(e *field.Element, i int) {
	const mask = 1<<51 - 1
	var v [5]uint64
	for k := range v {
		v[k] = l[k][i]
	}
	// A tight number is below 2^255 + 2^216. If the first round brings 19 to the lowest
	// limb, the rest is below 2^216, so what the second round carries does not come round.
	for range 2 {
		for k := range 4 {
			v[k+1] += v[k] >> 51
			v[k] &= mask
		}
		v[0] += v[4] >> 51 * 19
		v[4] &= mask
	}
	var b [32]byte
	binary.LittleEndian.PutUint64(b[0:], v[0]|v[1]<<51)
	binary.LittleEndian.PutUint64(b[8:], v[1]>>13|v[2]<<38)
	binary.LittleEndian.PutUint64(b[16:], v[2]>>26|v[3]<<25)
	binary.LittleEndian.PutUint64(b[24:], v[3]>>39|v[4]<<12)
	if _, err := e.SetBytes(b[:]); err != nil {
		panic("ristretto: " + err.Error()) // only a wrong length can fail
	}
}

func (p *pointLanes) set(i int, q *edwards25519.Point) {
	x, y, z, t := q.ExtendedCoordinates()
	for k, e := range [4]*field.Element{x, y, z, t} {
		p[k].set(i, e)
	}
}

func (p *pointLanes) get(q *edwards25519.Point, i int) {
	var x, y, z, t field.Element
	for k, e := range [4]*field.Element{&x, &y, &z, &t} {
		p[k].get(e, i)
	}
	setPoint(q, &x, &y, &z, &t)
}

func (s *laneSpace) double(p *pointLanes, n int) { doubleLanes(&p[0][0][0], n, &s.scratch[0][0][0]) }
func (s *laneSpace) add(p *pointLanes, n *readyLanes) {
	addLanes(&p[0][0][0], &n[0][0][0], &s.scratch[0][0][0])
}
func (s *laneSpace) prepare(n *readyLanes, p *pointLanes) {
	prepareLanes(&n[0][0][0], &p[0][0][0], &twoDLanes[0][0])
}

const (
	oddWidth  = 4                   // bits of a digit of oddDigits
	oddPlaces = 256 / oddWidth      // digits of a scalar
	oddSize   = 1 << (oddWidth - 1) // the odd multiples that serve a digit: 1, 3, ..., 15
)

// oddDigits cuts a scalar into digits from -15, -13, ..., 15 to the base 16, the lowest
// first. None is zero, so all places want the same work, and half as many multiples as
// there are digits (Joye and Tunstall, AFRICACRYPT 2009, for odd scalars). A sum of all
// ±2^j for j < 256 is 2k - (2^256-1), where the bits of k are its plus signs, and modulo
// the order of the group there is such a k for every scalar.
//
// What is given is four bits of k for each place: the digit plus 15, halved.
func oddDigits(s *edwards25519.Scalar) *[oddPlaces]byte {
	k := Halve(new(edwards25519.Scalar).Add(s, allSigns))
	var out [oddPlaces]byte
	for i, b := range k.Bytes() {
		out[2*i], out[2*i+1] = b&15, b>>4
	}
	return &out
}

// allSigns is 2^256 - 1.
var allSigns = func() *edwards25519.Scalar {
	var wide [64]byte
	for i := range 32 {
		wide[i] = 0xff
	}
	return Reduce(&wide)
}()

// oddDigit gives the sign of a digit, 1 if it is negative, and the number of its multiple.
func oddDigit(bits byte) (negative, place int) {
	negative = 1 - int(bits>>(oddWidth-1))
	return negative, (int(bits) ^ -negative) & (oddSize - 1)
}

// mulAll is MulAll. A point alone is multiplied faster without lanes.
func mulAll(s *edwards25519.Scalar, points []edwards25519.Point) {
	if hasLanes && len(points) > 1 {
		digits, space := oddDigits(s), new(laneSpace)
		for len(points) > 1 {
			n := min(len(points), laneCount)
			space.mul(digits, points[:n])
			points = points[n:]
		}
	}
	mulAllPortable(s, points)
}

// mul multiplies up to eight points. A lane without one holds the zeros or the point
// before, and what comes of it is not looked at.
func (s *laneSpace) mul(digits *[oddPlaces]byte, points []edwards25519.Point) {
	for i := range points {
		s.acc.set(i, &points[i])
	}
	s.twice = s.acc
	s.double(&s.twice, 1)
	s.prepare(&s.ready, &s.twice)
	for k := range s.table {
		if k > 0 {
			s.add(&s.acc, &s.ready)
		}
		s.prepare(&s.table[k], &s.acc)
	}
	s.acc = identityLanes
	for i := oddPlaces - 1; i >= 0; i-- {
		if i < oddPlaces-1 {
			s.double(&s.acc, oddWidth)
		}
		negative, place := oddDigit(digits[i])
		var masks [oddSize]uint64
		for k := range masks {
			masks[k] = -uint64(subtle.ConstantTimeEq(int32(place), int32(k)))
		}
		pickLanes(&s.ready[0][0][0], &s.table[0][0][0][0], &masks, -uint64(negative))
		s.add(&s.acc, &s.ready)
	}
	for i := range points {
		s.acc.get(&points[i], i)
	}
}

//go:noescape
func doubleLanes(p *uint64, n int, q *uint64)

//go:noescape
func addLanes(p, n, q *uint64)

//go:noescape
func prepareLanes(n, p, twoD *uint64)

//go:noescape
func pickLanes(n, table *uint64, masks *[8]uint64, negative uint64)
