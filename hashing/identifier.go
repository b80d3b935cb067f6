package hashing

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
)

// Identifier is a phone number or device identifier in its match form: the one
// form that every accepted spelling of the same line or device is brought to.
//
// It is a small comparable value: == says whether two identifiers are the same,
// it can be the key of a map, and copying it costs nothing. What it holds is the
// match form encrypted under a key that this process drew at random and never
// gives away. Printed, logged, encoded or dumped by any route it is therefore
// noise, also where it is an unexported field of somebody's struct. The noise
// differs from one process to the next: to keep an identifier use [Key.Token],
// to match it with another service use package linkage. There is no way back to
// the text.
//
// The zero Identifier is invalid: it stands for no identifier at all, and
// Digest and Token panic on it.
type Identifier struct {
	kind Kind
	box  [blockSize]byte
}

// blockSize is the room for a match form: one AES block.
const blockSize = 16

// form is the match form in clear. It never leaves this package.
type form [blockSize]byte

// processCiphers holds one AES-128 permutation a kind, under keys drawn when the
// first identifier is made. One block under one key is all that is encrypted for
// an identifier, so that equal forms give equal values and the type stays
// comparable; the process alone can tell which.
var processCiphers = sync.OnceValue(func() *[kindEnd]cipher.Block {
	var out [kindEnd]cipher.Block
	for k := range out {
		var key [16]byte
		rand.Read(key[:])
		block, err := aes.NewCipher(key[:])
		if err != nil {
			panic("hashing: " + err.Error())
		}
		out[k] = block
		clear(key[:])
	}
	return &out
})

// blocks are what the ciphers work in. They are called through an interface, so
// what they are given must lie on the heap: taken from here it costs no allocation,
// and no form stays behind in clear as garbage.
var blocks = sync.Pool{New: func() any { return new([blockSize]byte) }}

func seal(kind Kind, f *form) Identifier {
	b := blocks.Get().(*[blockSize]byte)
	*b = *f
	processCiphers()[kind].Encrypt(b[:], b[:])
	id := Identifier{kind: kind, box: *b}
	blocks.Put(b)
	return id
}

// open gives the match form back. It panics on the zero Identifier: using one is
// a bug of the caller, and a hash of nothing would match every other nothing.
func (id Identifier) open() form {
	if id.IsZero() {
		panic("hashing: use of a zero Identifier")
	}
	b := blocks.Get().(*[blockSize]byte)
	*b = id.box
	processCiphers()[id.kind].Decrypt(b[:], b[:])
	f := form(*b)
	clear(b[:])
	blocks.Put(b)
	return f
}

// Kind says what sort of identifier this is; zero for the zero Identifier.
func (id Identifier) Kind() Kind { return id.kind }

// Scope says within which bounds the identifier names one device or line.
func (id Identifier) Scope() Scope { return id.kind.Scope() }

// IsZero reports whether id is the zero Identifier.
func (id Identifier) IsZero() bool { return id.kind == 0 }

// Compare orders identifiers within this process, for sorting and for nothing
// else: the order is random and changes with every start.
func (id Identifier) Compare(other Identifier) int {
	if id.kind != other.kind {
		return int(id.kind) - int(other.kind)
	}
	return bytes.Compare(id.box[:], other.box[:])
}

// String names the kind only, as in "hashing.Identifier(phone)".
func (id Identifier) String() string { return "hashing.Identifier(" + id.kind.String() + ")" }

// Format prints the same as String for every verb and flag.
func (id Identifier) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, id.String()) }

// LogValue logs the same as String.
func (id Identifier) LogValue() slog.Value { return slog.StringValue(id.String()) }

// ErrNotEncodable is returned where somebody tries to encode an Identifier or a
// Key with JSON, XML, gob, text or SQL: identifiers are kept as a [Token].
var ErrNotEncodable = errors.New("hashing: identifiers and keys cannot be encoded; store a Token")

// MarshalText refuses with [ErrNotEncodable]: an Identifier is not kept or sent.
// JSON and XML go through it.
func (id Identifier) MarshalText() ([]byte, error) { return nil, ErrNotEncodable }

// GobEncode refuses with [ErrNotEncodable].
func (id Identifier) GobEncode() ([]byte, error) { return nil, ErrNotEncodable }
