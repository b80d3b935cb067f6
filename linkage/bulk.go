package linkage

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/hueandcry/hueandcry/linkage/internal/bulk"
	"github.com/hueandcry/hueandcry/linkage/internal/wire"
)

// A bulk session, protocol "vole", has the opening and the closing of any session, and
// between them
//
//	receiver                         transmitter
//	  signature, sizes ->                                         (enrol: see enrolBody)
//	                   <-   number of records
//	  for each chunk:
//	  message 0        ->
//	                   <-   message 1                             (as package bulk has them)
//	  …  message 6     ->
//	  vector           ->                                         (several)
//	                   <-   message 7
//	  then
//	  ready            ->
//	                   <-   records, sorted by tag                (several)
//
// The records come last, for there is nothing to seal them with before. Before they go out
// the receiver says that it has finished all chunks: from then on none is enrolled anew.
// Neither says anything that depends on a match.
const (
	msgBulk    byte = 9
	msgVector  byte = 10
	msgReady   byte = 11
	vectorHead      = 4 + 4 // chunk, piece
)

// Encodable is the number that [Limits.Identifiers] must allow for a receiver to enrol so
// many identifiers under a protocol. Under "ec" it is the same number, for there the
// transmitter counts evaluations. Under "vole" the receiver sends a vector, and a cheat can
// make it hold more than an honest party does: up to 1.48 times as many at a million, 1.40
// at a hundred million, relatively more for a few. The transmitter counts those. It
// panics if identifiers is negative or above 2^40.
func Encodable(protocol string, identifiers int64) int64 {
	p, err := bulk.NewParams(identifiers, bulk.Chunks(identifiers))
	if err != nil {
		panic("linkage: a number of identifiers out of bounds")
	}
	if protocol != ProtocolVOLE {
		return identifiers
	}
	return p.Encodable()
}

// bulkParams gives the sizes for so many identifiers, if the agreement allows them.
func (s *session) bulkParams(identifiers uint64) (bulk.Params, error) {
	most := s.cfg.Agreement.Limits.Identifiers
	if identifiers > uint64(most) {
		return bulk.Params{}, limit("Identifiers", int64(min(identifiers, maxLimit+1)), most)
	}
	p, err := bulk.NewParams(int64(identifiers), max(bulk.Chunks(int64(identifiers)), min(s.hooks.Chunks, int(identifiers))))
	if err != nil {
		return bulk.Params{}, &Error{Code: ErrInternal, cause: err}
	}
	return p, limit("Identifiers, as Encodable counts them,", p.Encodable(), most)
}

// enrolBody is what the receiver says beside its signature: the coin that its nonce
// was a commitment to, the sizes, and what it wants to go on with, if anything.
type enrolBody struct {
	coin        [coinSize]byte
	identifiers uint64
	chunks      uint32
	size        uint64 // of a chunk's vector
	dense       uint32
	resume      [32]byte // name of the session that broke off, or zeros
	done        uint32   // chunks that the receiver has finished
}

const (
	coinSize      = 32
	enrolBodySize = coinSize + 8 + 4 + 8 + 4 + 32 + 4
)

func newEnrolBody(p bulk.Params) enrolBody {
	return enrolBody{identifiers: uint64(p.Items()), chunks: uint32(p.Chunks()), size: uint64(p.Size()), dense: uint32(p.Dense())}
}

func (e *enrolBody) encode() []byte {
	b := append(make([]byte, 0, enrolBodySize), e.coin[:]...)
	b = binary.BigEndian.AppendUint64(b, e.identifiers)
	b = binary.BigEndian.AppendUint32(b, e.chunks)
	b = binary.BigEndian.AppendUint64(b, e.size)
	b = binary.BigEndian.AppendUint32(b, e.dense)
	b = append(b, e.resume[:]...)
	return binary.BigEndian.AppendUint32(b, e.done)
}

// parseEnrolBody reads what encode makes, of exactly its length.
func parseEnrolBody(b []byte) (e enrolBody) {
	copy(e.coin[:], b)
	b = b[coinSize:]
	e.identifiers = binary.BigEndian.Uint64(b)
	e.chunks = binary.BigEndian.Uint32(b[8:])
	e.size = binary.BigEndian.Uint64(b[12:])
	e.dense = binary.BigEndian.Uint32(b[20:])
	copy(e.resume[:], b[24:])
	e.done = binary.BigEndian.Uint32(b[56:])
	return e
}

// commitNonce makes the receiver's nonce a commitment to its coin. The transmitter's nonce
// comes after it, the coin itself after that: so neither can choose what they make together.
func commitNonce(coin []byte) [nonceSize]byte {
	return sha256.Sum256(append([]byte("hueandcry/nonce/v2\x00"), coin...))
}

// jointCoin is the salt of a bulk session: it spreads identifiers over chunks.
func jointCoin(transcript []byte, coin [coinSize]byte) [32]byte {
	return labelled("hueandcry/vole/coin/v2\x00", transcript, coin[:])
}

// resumeName is what both sides call a session that broke off.
func resumeName(coin [32]byte) [32]byte { return labelled("hueandcry/vole/resume/v2\x00", coin[:]) }

// connectionSeed is new for every connection, also if the session goes on: what was under way
// in the last is never continued under the same session ids.
func connectionSeed(transcript []byte, coin [coinSize]byte, joint [32]byte) [32]byte {
	return labelled("hueandcry/vole/connection/v2\x00", transcript, coin[:], joint[:])
}

func chunkSession(seed [32]byte, chunk int) [32]byte {
	return labelled("hueandcry/vole/chunk/v2\x00", seed[:], binary.BigEndian.AppendUint32(nil, uint32(chunk)))
}

// labelled hashes parts, of fixed lengths each, under a label.
func labelled(label string, parts ...[]byte) [32]byte {
	h := sha256.New()
	h.Write([]byte(label))
	for _, p := range parts {
		h.Write(p)
	}
	return [32]byte(h.Sum(nil))
}

func bulkFrame(chunk, message int) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(chunk)), byte(message))
}

func vectorFrame(chunk, piece int) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(chunk)), uint32(piece))
}

// readBulk reads a frame of which the head and the length are known. What it gives lies in
// the session's memory until the next.
func (s *session) readBulk(kind byte, head []byte, size int) ([]byte, error) {
	b, err := s.ch.readInto(s.frame, kind, len(head)+size)
	if err != nil {
		return nil, err
	}
	s.frame = b
	if len(b) < len(head) || !bytes.Equal(b[:len(head)], head) {
		return nil, ErrOrder
	}
	if len(b) != len(head)+size {
		return nil, ErrFrame
	}
	return b[len(head):], nil
}

// byChunk is the order of items by the chunk that they belong to: those of chunk c are
// order[start[c]:start[c+1]]. With one chunk the order is their own, and nil.
type byChunk struct {
	order []uint32
	start []int
}

func newByChunk(items *list[item], p bulk.Params, salt *bulk.Salt) byChunk {
	d := byChunk{start: make([]int, p.Chunks()+1)}
	if p.Chunks() == 1 {
		d.start[1] = items.len()
		return d
	}
	// A counting sort, for which the chunks are computed twice: cheaper than to keep them.
	var chunks [chunkLen]uint32
	each := func(f func(item int, chunk uint32)) {
		for i, some := range items.chunks {
			salt.Chunks(chunks[:len(some)], some, p)
			for j := range some {
				f(i*chunkLen+j, chunks[j])
			}
		}
	}
	each(func(_ int, c uint32) { d.start[c+1]++ })
	for c := range p.Chunks() {
		d.start[c+1] += d.start[c]
	}
	next := slices.Clone(d.start)
	d.order = make([]uint32, items.len())
	each(func(i int, c uint32) {
		d.order[next[c]] = uint32(i)
		next[c]++
	})
	return d
}

// most is the size of the fullest chunk.
func (d *byChunk) most() (most int) {
	for c := range len(d.start) - 1 {
		most = max(most, d.start[c+1]-d.start[c])
	}
	return most
}

// gather gives the items of a chunk: all as they are, or picked out into a buffer.
func (d *byChunk) gather(buf []item, all *list[item], c int) (_ bulk.Segments, reuse []item) {
	if d.order == nil {
		return all.chunks, nil
	}
	buf = slices.Grow(buf[:0], d.most()) // once: a smaller one would go without having been overwritten
	for _, i := range d.order[d.start[c]:d.start[c+1]] {
		buf = append(buf, *all.at(i))
	}
	return bulk.Segments{buf}, buf
}

// scatter gives what brings the values of a chunk to the places of their items.
func (d *byChunk) scatter(c int, place func(item uint32) *prf) func(from int, values []bulk.Output) {
	return func(from int, values []bulk.Output) {
		for i, v := range values {
			at := uint32(from + i)
			if d.order != nil {
				at = d.order[d.start[c]+from+i]
			}
			*place(at) = v
		}
	}
}

var errBucket = errors.New("more identifiers fell into one chunk than happens once in 2^40 sessions: try again")

// pieceLimit is here so that the compiler sees that a piece fits a frame.
const _ = uint(wire.MaxBody - vectorHead - bulk.PieceElements*16)
