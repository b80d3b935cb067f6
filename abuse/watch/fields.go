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

// parser reads what fields has written. After a failure it gives zeros.
type parser struct {
	rest   []byte
	failed bool
}

func newParser(value []byte) *parser {
	p := &parser{rest: value}
	if p.byte() != rowVersion {
		p.failed = true
	}
	return p
}

func (p *parser) take(n int) []byte {
	if n < 0 || n > len(p.rest) {
		p.failed, p.rest = true, nil
		return nil
	}
	b := p.rest[:n:n]
	p.rest = p.rest[n:]
	return b
}

func (p *parser) byte() byte {
	if b := p.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (p *parser) uint32() uint32 {
	if b := p.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (p *parser) uint64() uint64 {
	if b := p.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (p *parser) id() (id [16]byte) {
	copy(id[:], p.take(16))
	return id
}

func (p *parser) bytes() []byte { return p.take(int(p.uint32())) }

// err says whether all was read and nothing is left.
func (p *parser) err() error {
	if p.failed || len(p.rest) > 0 {
		return damaged("row")
	}
	return nil
}

func damaged(op string) error {
	return &abuse.StoreError{Op: op, Kind: abuse.ErrStoreDamaged}
}
