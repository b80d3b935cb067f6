package bulk

import (
	"errors"
	"math"

	"github.com/hueandcry/hueandcry/linkage/internal/gf128"
	"github.com/hueandcry/hueandcry/linkage/internal/okvs"
	"github.com/hueandcry/hueandcry/linkage/internal/vole"
)

const (
	// MaxItems is the greatest number of items of a session.
	MaxItems = 1 << 40

	// chunkItems is the number of items in a chunk on average, at most. A chunk costs
	// 0.8 MB and some 25 ms whatever its size, so they should not be smaller; its vectors
	// leave the nearer caches, so they should not be larger.
	chunkItems = 1 << 20

	// security of the learning-parity-with-noise assumption, in bits.
	security = 128
)

// ErrSize says that [NewParams] was asked for less than no or more than [MaxItems] items,
// for no chunk, or for chunks that are far too small or too large.
var ErrSize = errors.New("bulk: size outside the bounds")

// Params are the sizes of a session. Both parties compute them from the number of items.
// The zero value is invalid; see [NewParams].
type Params struct {
	items    int64
	chunks   int
	capacity int // items in a chunk at most
	store    okvs.Params
	vector   vole.Params
}

// Chunks gives the number of chunks for so many items: at least one, of 2^20 items at most on
// average.
func Chunks(items int64) int { return int(max(1, (items+chunkItems-1)/chunkItems)) }

// NewParams gives the sizes for so many items, 0 to [MaxItems], in so many chunks, as
// [Chunks] gives them or, for tests, more; otherwise it returns [ErrSize].
//
// Items fall into chunks as balls into bins, and the chunks are all as large as none of
// them exceeds but with a chance of 2^-40: at a million items each that is 0.7 % more than
// the mean. So the sizes of the chunks say nothing of the items.
//
// The sizes come from floating-point numbers, which two architectures may round differently:
// in some rare case they differ by one, above 2^32 items, and then the parties must see it
// when they compare [Params.Chunks], [Params.Size] and [Params.Dense].
func NewParams(items int64, chunks int) (Params, error) {
	if items < 0 || items > MaxItems || chunks < Chunks(items) || int64(chunks) > max(1, items) {
		return Params{}, ErrSize
	}
	p := Params{items: items, chunks: chunks}
	p.capacity = okvs.MostLoad(items, p.chunks)
	var err error
	if p.store, err = okvs.NewParams(p.capacity, p.chunks); err != nil {
		return Params{}, err
	}
	if p.vector, err = vole.NewParams(p.store.Size(), security); err != nil {
		return Params{}, err
	}
	return p, nil
}

// Items is the number of items of the session.
func (p Params) Items() int64 { return p.items }

// Chunks is the number of chunks, at least one.
func (p Params) Chunks() int { return p.chunks }

// Capacity is the number of items that a chunk takes at most.
func (p Params) Capacity() int { return p.capacity }

// Size is the length of a chunk's vector, in elements of 16 bytes.
func (p Params) Size() int { return p.store.Size() }

// Dense is the number of dense columns of a bin; with Size it says whether two parties
// have computed the same.
func (p Params) Dense() int { return p.store.Dense() }

// maxDomain is the number of identifiers that somebody may want to try: there are fewer than
// 2^37 telephone numbers in use or to be had (Hagen et al., "All the Numbers are US",
// NDSS 2021: 1.18·10^11), and of the 10^14 IMEIs those under the type codes that were ever
// given out are some 2.5·10^11.
const maxDomain = 1 << 40

// Encodable is the number of items that a cheating receiver can get the function's values for:
// not Items, but what a vector of this length can be made to hold. Filling every
// place is easy. To fit in E more than the m places, the values of m+E items that were chosen
// from a domain D must agree with the vector by chance, so that by the union bound it is
//
//	P <= C(D, m+E) · 2^(-128·E) · tries
//
// (Han, Kim, Lee and Son, "Revisiting OKVS-based OPRF and PSI", Asiacrypt 2024, have
// shown that more than m is possible at all). With 2^80 tries E is the least that brings P
// to 2^-40. For 10^6 items that is 1.48 times as many, for 10^8 1.40. It comes from
// floating-point numbers, and two parties may differ by a few: the transmitter's counts.
func (p Params) Encodable() int64 {
	m, domain := float64(p.Size()), float64(maxDomain)/float64(p.chunks)
	fits := func(e float64) bool {
		if m+e >= domain {
			return false // all there are
		}
		return logChoose(domain, m+e)-128*e+80 > -40
	}
	low, high := 0.0, 1.0
	for fits(high) {
		low, high = high, 2*high
	}
	for high-low > 1 {
		if mid := math.Floor((low + high) / 2); fits(mid) {
			low = mid
		} else {
			high = mid
		}
	}
	return max(p.items, min(int64(m+high), int64(domain))*int64(p.chunks))
}

// logChoose is log2 of the binomial coefficient, bounded from above by (e·n/k)^k.
func logChoose(n, k float64) float64 { return k * math.Log2(math.E*n/k) }

// The messages of a chunk, in their order: the first six are those of package vole, the
// receiver's first; the second carries the commitment to w1 after it.
const (
	tossSize    = 32
	offerSize   = 1 + tossSize            // which seed of the matrix, w2
	openingSize = 2*tossSize + gf128.Size // w1, the point, the confirmation
	messages    = 8                       // of which the vector follows the seventh
	opening     = messages - 1            // the last
	attempts    = 4                       // seeds that a receiver may try
)

// Pieces of the vector.
const (
	// PieceElements is how many elements go in a piece, but for the last.
	PieceElements = 1 << 15
	pieceBytes    = PieceElements * gf128.Size
)

// Sizes gives the lengths of a chunk's messages but for the vector: the even ones are the
// receiver's.
func (p Params) Sizes() (out [messages]int) {
	for i, n := range p.vector.Sizes() {
		out[i] = n
	}
	out[1] += tossSize
	out[messages-2], out[opening] = offerSize, openingSize
	return out
}

// Pieces is the number of pieces of a vector.
func (p Params) Pieces() int { return (p.Size() + PieceElements - 1) / PieceElements }

// PieceSize is the length of a piece in bytes.
func (p Params) PieceSize(i int) int {
	return min(pieceBytes, (p.Size()-i*PieceElements)*gf128.Size)
}
