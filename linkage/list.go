package linkage

import "encoding/binary"

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
	end := len(l.chunks) - 1
	if end < 0 || len(l.chunks[end]) == chunkLen {
		// The first grows as it is needed, for a session of a few accounts.
		var fresh []T
		if end >= 0 {
			fresh = make([]T, 0, chunkLen)
		}
		l.chunks = append(l.chunks, fresh)
		end++
	}
	l.chunks[end] = append(l.chunks[end], v)
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
// lies is noted of every textStride-th only, and found for the others by walking: so
// a text takes a byte or two beyond its own. The zero texts is empty.
type texts struct {
	blocks [][]byte
	starts list[uint64] // block, offset in the block: 32 bits each
	n      uint32
}

const (
	textStride = 16
	textBlock  = 1 << 20 // bytes in a block, unless one text is longer
)

// addText puts a copy of s at the end.
func addText[S string | []byte](t *texts, s S) {
	end := len(t.blocks) - 1
	if need := binary.MaxVarintLen64 + len(s); end < 0 || cap(t.blocks[end])-len(t.blocks[end]) < need {
		size := textBlock
		if end < 0 {
			size = 1 << 10 // for a session of a few accounts
		}
		t.blocks = append(t.blocks, make([]byte, 0, max(size, need)))
		end++
	}
	if t.n%textStride == 0 {
		t.starts.push(uint64(end)<<32 | uint64(len(t.blocks[end])))
	}
	t.n++
	t.blocks[end] = append(binary.AppendUvarint(t.blocks[end], uint64(len(s))), s...)
}

// at gives the i-th. It must not be changed.
func (t *texts) at(i uint32) []byte {
	start := *t.starts.at(i / textStride)
	block, at := t.blocks[start>>32], int(start&(1<<32-1))
	for skip := i % textStride; ; skip-- {
		if at == len(block) {
			start += 1 << 32
			block, at = t.blocks[start>>32], 0
		}
		n, head := binary.Uvarint(block[at:])
		at += head
		if skip == 0 {
			return block[at : at+int(n) : at+int(n)]
		}
		at += int(n)
	}
}
