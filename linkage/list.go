package linkage

import (
	"encoding/binary"
	"math"
)

// most is the most things of one sort that a session can number: the accounts or
// signals, the identifiers, the further holdings of identifiers, the records. Numbers
// have 32 bits, and the one past the last must have some too; and they are used as int.
const most = math.MaxInt & (1<<32 - 2)

// list is a sequence that grows by chunks, so that growing it neither copies what is
// there nor needs room for it twice. Where T has no pointers, the garbage collector
// passes it over. The zero list is empty.
type list[T any] struct{ chunks [][]T }

const (
	chunkBits = 14
	chunkLen  = 1 << chunkBits
)

// push puts v at the end.
func (l *list[T]) push(v T) {
	end := l.end()
	l.chunks[end] = append(l.chunks[end], v)
}

// pushAll puts all of v at the end.
func (l *list[T]) pushAll(v []T) {
	for len(v) > 0 {
		end := l.end()
		n := min(chunkLen-len(l.chunks[end]), len(v))
		l.chunks[end] = append(l.chunks[end], v[:n]...)
		v = v[n:]
	}
}

// end gives the number of a chunk that has room.
func (l *list[T]) end() int {
	end := len(l.chunks) - 1
	if end >= 0 && len(l.chunks[end]) < chunkLen {
		return end
	}
	// The first grows as it is needed, for a session of a few accounts.
	var fresh []T
	if end >= 0 {
		fresh = make([]T, 0, chunkLen)
	}
	l.chunks = append(l.chunks, fresh)
	return end + 1
}

// cut leaves the first n, and overwrites the others.
func (l *list[T]) cut(n int) {
	for at, chunk := range l.chunks {
		if keep := max(0, n-at<<chunkBits); keep < len(chunk) {
			clear(chunk[keep:])
			l.chunks[at] = chunk[:keep]
		}
	}
	l.chunks = l.chunks[:(n+chunkLen-1)>>chunkBits]
}

// at gives the place of the i-th, which stays where it is from the first chunk's end
// on; it is not kept beyond the next push.
func (l *list[T]) at(i uint32) *T { return &l.chunks[i>>chunkBits][i&(chunkLen-1)] }

func (l *list[T]) len() int {
	if len(l.chunks) == 0 {
		return 0
	}
	return (len(l.chunks)-1)<<chunkBits + len(l.chunks[len(l.chunks)-1])
}

// texts is a sequence of texts in blocks, each text behind its length. Where a text
// lies is noted of every stride-th only, in eight bytes, and found for the others by
// walking from there. It is empty when it has a stride and nothing else.
type texts struct {
	stride uint32
	blocks [][]byte
	starts list[uint64] // block, offset in the block: 32 bits each
	n      uint32
}

// textBlock is how many bytes are in a block, unless one text is longer.
const textBlock = 1 << 20

// addText puts the parts of a text at the end, copied and joined.
func addText[S string | []byte](t *texts, parts ...S) {
	size := 0
	for _, p := range parts {
		size += len(p)
	}
	end := len(t.blocks) - 1
	if need := binary.MaxVarintLen64 + size; end < 0 || cap(t.blocks[end])-len(t.blocks[end]) < need {
		size := textBlock
		if end < 0 {
			size = 1 << 10 // for a session of a few accounts
		}
		t.blocks = append(t.blocks, make([]byte, 0, max(size, need)))
		end++
	}
	if t.n%t.stride == 0 {
		t.starts.push(uint64(end)<<32 | uint64(len(t.blocks[end])))
	}
	t.n++
	b := binary.AppendUvarint(t.blocks[end], uint64(size))
	for _, p := range parts {
		b = append(b, p...)
	}
	t.blocks[end] = b
}

// at gives the i-th. It must not be changed.
func (t *texts) at(i uint32) []byte {
	at := t.walk(i - i%t.stride)
	for range i % t.stride {
		at.next()
	}
	return at.next()
}

// walk starts a walk over the texts at the i-th, a multiple of the stride.
func (t *texts) walk(i uint32) textWalk { return t.from(*t.starts.at(i / t.stride)) }

// from starts a walk where one of the starts is.
func (t *texts) from(start uint64) textWalk {
	return textWalk{t.blocks[start>>32:], int(start & (1<<32 - 1))}
}

// touch reads all of a text of at most so many bytes, one of its length at least, in steps
// of a cache line.
func (t *texts) touch(start uint64, most int) (some byte) {
	b := t.blocks[start>>32][uint32(start):]
	if len(b) > most {
		b = b[:most]
	}
	for at := 0; at < len(b); at += 64 {
		some ^= b[at]
	}
	return some ^ b[len(b)-1]
}

type textWalk struct {
	blocks [][]byte
	at     int
}

// next gives the next text; there must be one.
func (w *textWalk) next() []byte {
	if w.at == len(w.blocks[0]) {
		w.blocks, w.at = w.blocks[1:], 0
	}
	n, head := binary.Uvarint(w.blocks[0][w.at:])
	from := w.at + head
	w.at = from + int(n)
	return w.blocks[0][from:w.at:w.at]
}
