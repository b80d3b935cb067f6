package hashing

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql/driver"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/crypto/argon2"
)

// Key is a secret of 256 bits, of a service or derived from one. Like an
// [Identifier] it lies in memory encrypted under a key of the process, so that no way
// of printing, logging, encoding or dumping shows it; [Key.ExposeText] alone does. A
// process that is read as a whole, core dump or debugger, gives it up.
//
// A Key is copied by assignment, is safe for concurrent use and cannot be compared
// with ==: use [Key.Equal]. The zero Key is invalid, and Derive, Secret, ID, Token,
// Equal and ExposeText panic on it.
type Key struct {
	_     [0]func() // no ==, and no use as a key of a map
	id    KeyID     // public
	box   keyBox    // the secret, from which all else is derived
	token keyBox    // the key of the tokens' MAC, made once for speed
}

// KeyID names a [Key] in public: eight bytes, derived one-way from the secret. Two
// keys share one with probability 2^-64. The zero KeyID names none.
type KeyID [8]byte

// String gives 16 hexadecimal digits.
func (id KeyID) String() string { return hex.EncodeToString(id[:]) }

const (
	keySize  = 32
	checkLen = 4 // bytes of checksum in the text form

	keyPrefix = "hueandcry-key-v1-"

	// Argon2id with the second recommended option of RFC 9106, section 4: three
	// passes, 64 MiB, four lanes. It takes some tenths of a second.
	argonPasses   = 3
	argonMemory   = 64 * 1024 // KiB
	argonLanes    = 4
	minSalt       = 16
	minPassphrase = 12
)

var (
	// ErrWeakSecret is returned for a secret, passphrase or salt that is too short.
	ErrWeakSecret = errors.New("hashing: too short to make a key of")
	// ErrKeyText is returned for a text that is not the text form of a Key.
	ErrKeyText = errors.New("hashing: not the text of a key")
)

// keyBox is 32 secret bytes encrypted under the process key.
type keyBox [keySize]byte

// processKeyCipher is the AES-128 permutation that keys are kept under. A secret is
// two uniformly random blocks, so block by block is enough: nothing repeats.
var processKeyCipher = sync.OnceValue(func() cipher.Block {
	var key [16]byte
	rand.Read(key[:])
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic("hashing: " + err.Error())
	}
	clear(key[:])
	return block
})

// boxUp encrypts 32 bytes and clears them.
func boxUp(secret []byte) (b keyBox) {
	c := processKeyCipher()
	for i := 0; i < keySize; i += aes.BlockSize {
		c.Encrypt(b[i:], secret[i:])
	}
	clear(secret)
	return b
}

// open gives the 32 bytes back; the caller clears them.
func (b keyBox) open() []byte {
	secret := b[:]
	c := processKeyCipher()
	for i := 0; i < keySize; i += aes.BlockSize {
		c.Decrypt(secret[i:], secret[i:])
	}
	return secret
}

// newKey makes a Key of 32 uniformly random bytes and clears them.
func newKey(secret []byte) Key {
	k := Key{token: boxUp(expand(secret, "token", "", keySize))}
	copy(k.id[:], expand(secret, "id", "", len(k.id)))
	k.box = boxUp(secret)
	return k
}

// expand is HKDF-Expand (RFC 5869). The info names what the bytes are for and how
// many they are; role has no zero byte, so no two uses have the same info.
func expand(secret []byte, role, use string, n int) []byte {
	info := "hueandcry/key/v1/" + role + "\x00" + strconv.Itoa(n) + "\x00" + use
	out, err := hkdf.Expand(sha256.New, secret, info, n)
	if err != nil {
		panic("hashing: " + err.Error())
	}
	return out
}

// NewKey makes a random Key.
func NewKey() Key {
	secret := make([]byte, keySize)
	rand.Read(secret)
	return newKey(secret)
}

// KeyFromSecret makes a Key of a secret of high entropy, 32 bytes at least, as a
// secret manager hands it out: the same secret gives the same Key, by HKDF-Extract. A
// passphrase is no such secret, see [KeyFromPassphrase]. The error is
// [ErrWeakSecret]. The secret is not kept and not cleared.
func KeyFromSecret(secret []byte) (Key, error) {
	if len(secret) < keySize {
		return Key{}, fmt.Errorf("%w: the secret needs %d bytes", ErrWeakSecret, keySize)
	}
	return newKey(extract(secret, "secret")), nil
}

// KeyFromPassphrase makes a Key of a passphrase of at least 12 bytes and a salt of at
// least 16, by Argon2id with 3 passes over 64 MiB in 4 lanes. The same two give the
// same Key. The salt is not secret, but is drawn at random once for each passphrase.
// The error is [ErrWeakSecret].
//
// A passphrase that a person can remember is weaker than a random Key, however long
// this takes: prefer [NewKey] and a secret manager.
func KeyFromPassphrase(passphrase, salt []byte) (Key, error) {
	if len(passphrase) < minPassphrase {
		return Key{}, fmt.Errorf("%w: the passphrase needs %d bytes", ErrWeakSecret, minPassphrase)
	}
	if len(salt) < minSalt {
		return Key{}, fmt.Errorf("%w: the salt needs %d bytes", ErrWeakSecret, minSalt)
	}
	stretched := argon2.IDKey(passphrase, salt, argonPasses, argonMemory, argonLanes, keySize)
	secret := extract(stretched, "passphrase")
	clear(stretched)
	return newKey(secret), nil
}

// extract is HKDF-Extract with a salt that says where the secret comes from.
func extract(secret []byte, role string) []byte {
	out, err := hkdf.Extract(sha256.New, secret, []byte("hueandcry/key/v1/from-"+role))
	if err != nil {
		panic("hashing: " + err.Error())
	}
	return out
}

// ParseKey reads the text form that [Key.ExposeText] gives; white space around it
// does not count. Anything else is [ErrKeyText], which does not repeat the text.
func ParseKey(text string) (Key, error) {
	body, ok := strings.CutPrefix(strings.TrimSpace(text), keyPrefix)
	if !ok || len(body) != base64.RawURLEncoding.EncodedLen(keySize+checkLen) {
		return Key{}, ErrKeyText
	}
	var raw [keySize + checkLen]byte
	// The length is checked above because the decoder passes over line ends.
	n, err := base64.RawURLEncoding.Strict().Decode(raw[:], []byte(body))
	if err != nil || n != len(raw) {
		return Key{}, ErrKeyText
	}
	defer clear(raw[:])
	sum := keyChecksum(raw[:keySize])
	if subtle.ConstantTimeCompare(sum[:], raw[keySize:]) != 1 {
		return Key{}, ErrKeyText
	}
	return newKey(raw[:keySize]), nil
}

// keyChecksum catches a slip in copying; it is no defence.
func keyChecksum(secret []byte) (sum [checkLen]byte) {
	full := sha256.Sum256(append([]byte("hueandcry/key/v1/check\x00"), secret...))
	copy(sum[:], full[:])
	return sum
}

// ExposeText gives the secret itself, in the text form that [ParseKey] reads:
// "hueandcry-key-v1-" and 48 characters, of which six are a checksum. It is there to
// put the Key into a secret manager and for nothing else.
func (k Key) ExposeText() string {
	secret := k.secret()
	defer clear(secret)
	sum := keyChecksum(secret)
	raw := append(secret[:keySize:keySize], sum[:]...)
	defer clear(raw)
	return keyPrefix + base64.RawURLEncoding.EncodeToString(raw)
}

// secret opens the box; the caller clears what he gets.
func (k Key) secret() []byte {
	k.mustBeSet()
	return k.box.open()
}

func (k Key) mustBeSet() {
	if k.IsZero() {
		panic("hashing: use of a zero Key")
	}
}

// IsZero reports whether k is the zero Key.
func (k Key) IsZero() bool { return k.box == keyBox{} }

// ID is the public name of the Key. It tells nothing of the secret.
func (k Key) ID() KeyID {
	k.mustBeSet()
	return k.id
}

// Derive gives the Key for one use. Keys for different uses are unrelated, and the
// parent cannot be found from them. It panics if use is empty.
func (k Key) Derive(use string) Key {
	return newKey(k.derived("derive", use, keySize))
}

// Secret gives n bytes, 1 to 8160, for another protocol. They are one-way from the
// Key and unrelated to what Derive, ID and Token make, and to Secret for any other
// use or n. The bytes are in clear: the caller keeps them from being printed. It
// panics if use is empty or n out of bounds.
func (k Key) Secret(use string, n int) []byte {
	if n < 1 || n > 255*sha256.Size {
		panic("hashing: Secret gives 1 to 8160 bytes")
	}
	return k.derived("secret", use, n)
}

func (k Key) derived(role, use string, n int) []byte {
	if use == "" {
		panic("hashing: a derived key needs a use")
	}
	secret := k.secret()
	defer clear(secret)
	return expand(secret, role, use, n)
}

// Equal reports whether the two are the same Key, in constant time.
func (k Key) Equal(other Key) bool {
	k.mustBeSet()
	other.mustBeSet()
	// Under one process key, equal secrets and no others lie in equal boxes.
	return subtle.ConstantTimeCompare(k.box[:], other.box[:]) == 1
}

// String gives "hashing.Key" and no more.
func (k Key) String() string { return "hashing.Key" }

// Format prints the same as String for every verb and flag.
func (k Key) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, k.String()) }

// LogValue logs the same as String.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }

// MarshalText refuses with [ErrNotEncodable]; JSON and XML go through it.
func (k Key) MarshalText() ([]byte, error) { return nil, ErrNotEncodable }

// UnmarshalText reads as [ParseKey] does, so that a configuration may hold a Key.
// After an error k is as it was.
func (k *Key) UnmarshalText(text []byte) error {
	parsed, err := ParseKey(string(text))
	if err != nil {
		return err
	}
	*k = parsed
	return nil
}

// GobEncode refuses with [ErrNotEncodable].
func (k Key) GobEncode() ([]byte, error) { return nil, ErrNotEncodable }

// Value refuses with [ErrNotEncodable]: a Key is not kept in a database.
func (k Key) Value() (driver.Value, error) { return nil, ErrNotEncodable }
