package hashing_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/hashing"
)

// fixedKey is for tests: its secret is all over this repository.
func fixedKey(t testing.TB) hashing.Key {
	t.Helper()
	key, err := hashing.KeyFromSecret([]byte("hue and cry: a key for tests, never for use"))
	require.NoError(t, err)
	return key
}

func TestKeyText(t *testing.T) {
	key := hashing.NewKey()
	text := key.ExposeText()
	assert.True(t, strings.HasPrefix(text, "hueandcry-key-v1-"))
	assert.Len(t, text, 17+48)

	for _, s := range []string{text, " " + text + "\r\n"} {
		again, err := hashing.ParseKey(s)
		require.NoError(t, err)
		assert.True(t, key.Equal(again))
		assert.Equal(t, key.ID(), again.ID())
		assert.Equal(t, text, again.ExposeText())
	}
}

// TestKeyTextRefusals: no text but the one is read, whichever byte is wrong.
func TestKeyTextRefusals(t *testing.T) {
	text := fixedKey(t).ExposeText()
	var wrong []string
	for i := range text {
		wrong = append(wrong, text[:i], text[:i]+text[i+1:], text[:i]+"\n"+text[i:])
		for _, c := range []byte("Aa0-_=+/. \n\x00\xff") {
			if c != text[i] {
				wrong = append(wrong, text[:i]+string([]byte{c})+text[i+1:])
			}
		}
	}
	wrong = append(wrong, text+"A", text+"=", text+text, "", " ", strings.ToUpper(text), strings.Repeat("A", 1<<16))
	refused := 0
	for _, s := range wrong {
		if strings.TrimSpace(s) == text {
			continue
		}
		refused++
		key, err := hashing.ParseKey(s)
		require.ErrorIs(t, err, hashing.ErrKeyText, "%q", s)
		require.True(t, key.IsZero())
		require.Equal(t, hashing.ErrKeyText.Error(), err.Error(), "nothing of the text")
	}
	assert.Greater(t, refused, 500)
}

func TestKeyFromSecret(t *testing.T) {
	secret := bytes.Repeat([]byte{1, 2, 3, 4}, 8)
	kept := bytes.Clone(secret)
	key, err := hashing.KeyFromSecret(secret)
	require.NoError(t, err)
	assert.Equal(t, kept, secret, "the caller's bytes are his")
	same, err := hashing.KeyFromSecret(secret)
	require.NoError(t, err)
	assert.True(t, key.Equal(same))

	secret[31]++
	other, err := hashing.KeyFromSecret(secret)
	require.NoError(t, err)
	assert.False(t, key.Equal(other))

	for n := range 32 {
		key, err := hashing.KeyFromSecret(secret[:n])
		assert.ErrorIs(t, err, hashing.ErrWeakSecret)
		assert.True(t, key.IsZero())
	}
}

func TestKeyFromPassphrase(t *testing.T) {
	passphrase, salt := []byte("correct horse battery staple"), []byte("0123456789abcdef")
	key, err := hashing.KeyFromPassphrase(passphrase, salt)
	require.NoError(t, err)
	other, err := hashing.KeyFromPassphrase(passphrase, []byte("0123456789abcdeg"))
	require.NoError(t, err)
	assert.False(t, key.Equal(other))
	direct, err := hashing.KeyFromSecret(append(passphrase, salt...))
	require.NoError(t, err)
	assert.False(t, key.Equal(direct))

	_, err = hashing.KeyFromPassphrase(passphrase[:11], salt)
	assert.ErrorIs(t, err, hashing.ErrWeakSecret)
	_, err = hashing.KeyFromPassphrase(passphrase, salt[:15])
	assert.ErrorIs(t, err, hashing.ErrWeakSecret)
	assert.NotContains(t, err.Error(), "horse")
}

// TestKeyUses: every use of a key gives something else, and the same thing again.
func TestKeyUses(t *testing.T) {
	key := fixedKey(t)
	id := parse(t, hashing.AndroidID, "7c3e91f05ab2d846")
	seen := map[string]string{}
	note := func(name string, b []byte) {
		for other, old := range seen {
			assert.NotContains(t, string(b), old[:8], "%s and %s", name, other)
		}
		seen[name] = string(b)
	}
	raw := func(k hashing.Key) []byte {
		body := strings.TrimPrefix(k.ExposeText(), "hueandcry-key-v1-")
		b, err := base64.RawURLEncoding.DecodeString(body)
		require.NoError(t, err)
		return b[:32]
	}
	note("itself", raw(key))
	keyID := key.ID()
	note("id", keyID[:])
	note("derive a", raw(key.Derive("a")))
	note("derive b", raw(key.Derive("b")))
	note("derive a, a", raw(key.Derive("a").Derive("a")))
	note("secret a", key.Secret("a", 32))
	note("secret b", key.Secret("b", 32))
	note("secret a, longer", key.Secret("a", 33))
	note("secret like a role", key.Secret("a\x0032\x00a", 32))
	text, err := key.Token(id).MarshalText()
	require.NoError(t, err)
	note("token", text)

	assert.True(t, key.Derive("a").Equal(key.Derive("a")))
	assert.Equal(t, key.Secret("a", 8160), key.Secret("a", 8160))
	assert.Len(t, key.Secret("a", 1), 1)
	assert.NotEqual(t, key.Secret("a", 32), key.Derive("x").Secret("a", 32))
}

func TestKeysAreRandom(t *testing.T) {
	seen := map[hashing.KeyID]bool{}
	for range 1000 {
		seen[hashing.NewKey().ID()] = true
	}
	assert.Len(t, seen, 1000)
}

func TestKeyMisuse(t *testing.T) {
	var zero hashing.Key
	key := hashing.NewKey()
	id := parse(t, hashing.AndroidID, "7c3e91f05ab2d846")
	assert.True(t, zero.IsZero())
	assert.False(t, key.IsZero())
	assert.NotPanics(t, func() { _ = zero.String() })
	for name, use := range map[string]func(){
		"Derive":           func() { zero.Derive("a") },
		"Secret":           func() { zero.Secret("a", 1) },
		"ID":               func() { zero.ID() },
		"Equal":            func() { zero.Equal(key) },
		"Equal, other":     func() { key.Equal(zero) },
		"Token":            func() { zero.Token(id) },
		"Token of nothing": func() { key.Token(hashing.Identifier{}) },
		"Digest":           func() { hashing.Identifier{}.Digest([32]byte{}) },
		"ExposeText":       func() { _ = zero.ExposeText() },
		"Derive, no use":   func() { key.Derive("") },
		"Secret, no use":   func() { key.Secret("", 1) },
		"Secret, none":     func() { key.Secret("a", 0) },
		"Secret, negative": func() { key.Secret("a", -1) },
		"Secret, too much": func() { key.Secret("a", 8161) },
	} {
		assert.Panics(t, use, name)
	}
}

func TestKeyEncodings(t *testing.T) {
	key := fixedKey(t)
	_, err := json.Marshal(map[string]any{"key": key})
	assert.ErrorIs(t, err, hashing.ErrNotEncodable)
	_, err = key.MarshalText()
	assert.ErrorIs(t, err, hashing.ErrNotEncodable)
	_, err = key.GobEncode()
	assert.ErrorIs(t, err, hashing.ErrNotEncodable)
	_, err = key.Value()
	assert.ErrorIs(t, err, hashing.ErrNotEncodable)

	var config struct{ Key hashing.Key }
	require.NoError(t, json.Unmarshal([]byte(`{"Key":"`+key.ExposeText()+`"}`), &config))
	assert.True(t, key.Equal(config.Key))
	err = json.Unmarshal([]byte(`{"Key":"`+key.ExposeText()+`A"}`), &config)
	require.ErrorIs(t, err, hashing.ErrKeyText)
	assert.True(t, key.Equal(config.Key), "as it was")
}

func FuzzParseKey(f *testing.F) {
	text := fixedKey(f).ExposeText()
	for _, s := range []string{text, text[:64], text + "\n", "", "hueandcry-key-v1-", strings.Repeat("A", 65)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		key, err := hashing.ParseKey(text)
		if err != nil {
			require.ErrorIs(t, err, hashing.ErrKeyText)
			require.True(t, key.IsZero())
			return
		}
		require.Equal(t, strings.TrimSpace(text), key.ExposeText())
	})
}
