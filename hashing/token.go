package hashing

import (
	"crypto/hmac"
	"crypto/sha256"
	"database/sql/driver"
	"encoding/base64"
	"errors"
)

// Token stands for an [Identifier] in the tables and logs of one service. The same
// identifier under the same [Key] gives the same Token in every process, so that it
// can be looked up and joined on; without the Key nobody can make it or try numbers
// against it. Under another Key it is another Token: two services cannot compare
// theirs, for that is package linkage.
//
// A Token is pseudonymous, not anonymous: whoever has the Key can test a guess. It
// is still personal data. Change the Key and the old Tokens are dead.
//
// It is a comparable value and prints, encodes (text, JSON, XML) and goes into SQL
// as the text form "hct1." and 34 characters, 39 in all. For a column that may be
// NULL use [database/sql.Null]. The zero Token is invalid and is not encoded.
type Token struct {
	key  KeyID
	kind Kind
	mac  [tokenMAC]byte
}

const (
	// tokenMAC bytes of the MAC are kept: among 10^10 tokens two are the same by
	// chance with probability below 10^-18.
	tokenMAC    = 16
	tokenLen    = len(KeyID{}) + 1 + tokenMAC
	tokenPrefix = "hct1."
	tokenText   = len(tokenPrefix) + (tokenLen*8+5)/6
)

// ErrTokenText is returned for what is not the text form of a Token: by parsing, by
// scanning (NULL too), and where a zero Token is to be encoded.
var ErrTokenText = errors.New("hashing: not a token")

// Token gives the identifier's token under this key: HMAC-SHA256 of kind and match
// form, cut to 16 bytes. It panics on a zero Key and on a zero Identifier.
func (k Key) Token(id Identifier) Token {
	k.mustBeSet()
	f := id.open()
	secret := k.token.open()
	h := hmac.New(sha256.New, secret)
	clear(secret)
	var in [1 + blockSize]byte
	in[0] = byte(id.kind)
	copy(in[1:], f[:])
	h.Write(in[:])
	clear(in[:])
	clear(f[:])
	var sum [sha256.Size]byte
	h.Sum(sum[:0])
	return Token{key: k.id, kind: id.kind, mac: [tokenMAC]byte(sum[:])}
}

// KeyID names the Key that made the token, zero for the zero Token.
func (t Token) KeyID() KeyID { return t.key }

// Kind says what sort of identifier the token stands for, zero for the zero Token.
func (t Token) Kind() Kind { return t.kind }

// IsZero reports whether t is the zero Token.
func (t Token) IsZero() bool { return t == Token{} }

// String gives the text form; for the zero Token "hashing.Token(none)".
func (t Token) String() string {
	text, err := t.MarshalText()
	if err != nil {
		return "hashing.Token(none)"
	}
	return string(text)
}

// MarshalText gives the text form. The zero Token is [ErrTokenText].
func (t Token) MarshalText() ([]byte, error) {
	if t.IsZero() {
		return nil, ErrTokenText
	}
	raw := make([]byte, 0, tokenLen)
	raw = append(raw, t.key[:]...)
	raw = append(raw, byte(t.kind))
	raw = append(raw, t.mac[:]...)
	text := append(make([]byte, 0, tokenText), tokenPrefix...)
	return base64.RawURLEncoding.AppendEncode(text, raw), nil
}

// ParseToken reads the text form and nothing but it: one Token has one text.
// Anything else is [ErrTokenText].
func ParseToken(text string) (Token, error) {
	if len(text) != tokenText || text[:len(tokenPrefix)] != tokenPrefix {
		return Token{}, ErrTokenText
	}
	var in [tokenText - len(tokenPrefix)]byte
	copy(in[:], text[len(tokenPrefix):])
	var raw [tokenLen + 1]byte
	// Strict refuses stray bits at the end; line ends, which the decoder passes
	// over, make the result too short.
	n, err := base64.RawURLEncoding.Strict().Decode(raw[:], in[:])
	if err != nil || n != tokenLen {
		return Token{}, ErrTokenText
	}
	t := Token{
		key:  KeyID(raw[:]),
		kind: Kind(raw[len(KeyID{})]),
		mac:  [tokenMAC]byte(raw[len(KeyID{})+1:]),
	}
	if !t.kind.Valid() {
		return Token{}, ErrTokenText
	}
	return t, nil
}

// UnmarshalText reads as [ParseToken] does. After an error t is as it was.
func (t *Token) UnmarshalText(text []byte) error {
	parsed, err := ParseToken(string(text))
	if err != nil {
		return err
	}
	*t = parsed
	return nil
}

// Value gives the text form for a database. The zero Token is [ErrTokenText].
func (t Token) Value() (driver.Value, error) {
	text, err := t.MarshalText()
	if err != nil {
		return nil, err
	}
	return string(text), nil
}

// Scan reads the text form from a database. NULL, and any column that is neither
// text nor bytes, is [ErrTokenText]. After an error t is as it was.
func (t *Token) Scan(column any) error {
	switch text := column.(type) {
	case string:
		return t.UnmarshalText([]byte(text))
	case []byte:
		return t.UnmarshalText(text)
	}
	return ErrTokenText
}
