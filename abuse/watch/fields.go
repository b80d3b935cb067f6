package watch

import (
	"encoding/binary"

	"github.com/hueandcry/hueandcry/abuse"
)

// fields writes the value of a row: a version, then numbers and bytes.
type fields []byte

func newFields(size int) fields { return append(make(fields, 0, size), rowVersion) }

func (f *fields) byte(v byte)     { *f = append(*f, v) }
func (f *fields) uint32(v uint32) { *f = binary.BigEndian.AppendUint32(*f, v) }
func (f *fields) uint64(v uint64) { *f = binary.BigEndian.AppendUint64(*f, v) }
func (f *fields) raw(b []byte)    { *f = append(*f, b...) }

// bytes writes BE32 length ‖ bytes.
func (f *fields) bytes(b []byte) {
	f.uint32(uint32(len(b)))
	f.raw(b)
}

func (r *row) id() [16]byte { return [16]byte(r.take(16)) }

// bytes reads BE32 length ‖ bytes.
func (r *row) bytes() []byte {
	n := r.u32()
	if uint64(n) > uint64(len(r.b)) {
		r.bad = true
		return nil
	}
	return r.take(int(n))
}

func damaged(op string) error {
	return &abuse.StoreError{Op: op, Kind: abuse.ErrStoreDamaged}
}
