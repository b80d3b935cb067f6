package hashing_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/hashing"
)

// knownAnswers are our own: what is stored and agreed on today must come out the
// same for ever. Another digest is another wire format, another token is a table
// that cannot be looked up any more.
type knownAnswers struct {
	Comment     string        `json:"comment"`
	KeyText     string        `json:"key_text"`
	KeyID       string        `json:"key_id"`
	Derived     string        `json:"derived_key_id"`
	Secret      string        `json:"secret_bytes"`
	Passphrase  string        `json:"passphrase_key_id"`
	Identifiers []knownAnswer `json:"identifiers"`
	Accumulated string        `json:"accumulated"`
}

type knownAnswer struct {
	Kind   hashing.Kind  `json:"kind"`
	Text   string        `json:"text"`
	Digest string        `json:"digest"`
	Token  hashing.Token `json:"token"`
}

func TestKnownAnswers(t *testing.T) {
	raw, err := os.ReadFile("testdata/key/known.json")
	require.NoError(t, err)
	var known knownAnswers
	in := json.NewDecoder(bytes.NewReader(raw))
	in.DisallowUnknownFields()
	require.NoError(t, in.Decode(&known))
	require.Len(t, known.Identifiers, len(devices))

	key := fixedKey(t)
	assert.Equal(t, known.KeyText, key.ExposeText())
	assert.Equal(t, known.KeyID, key.ID().String())
	assert.Equal(t, known.Derived, key.Derive("known answers").ID().String())
	assert.Equal(t, known.Secret, hex.EncodeToString(key.Secret("known answers", 40)))
	passphraseKey, err := hashing.KeyFromPassphrase([]byte("correct horse battery staple"), []byte("0123456789abcdef"))
	require.NoError(t, err)
	assert.Equal(t, known.Passphrase, passphraseKey.ID().String())

	for i, answer := range known.Identifiers {
		assert.Equal(t, devices[i].text, answer.Text)
		id := parse(t, answer.Kind, answer.Text)
		digest := id.Digest(sha256.Sum256([]byte("known answers")))
		assert.Equal(t, answer.Digest, hex.EncodeToString(digest[:]), answer.Kind)
		assert.Equal(t, answer.Token, key.Token(id), answer.Kind)
	}

	// Ten thousand more in one hash. The generator is written down in math/rand/v2
	// and does not change.
	const cases = 10_000
	r := rand.New(rand.NewPCG(1, 2))
	all := sha256.New()
	for n := 0; n < cases; {
		kind, text := hashing.InstallID, random64(r)
		switch r.IntN(4) {
		case 0:
			kind = hashing.AndroidID
		case 1:
			text += random64(r)
		case 2:
			kind, text = hashing.IMEI, withLuhn(fmt.Sprintf("35%012d", r.Uint64N(1e12)))
		}
		id, err := hashing.ParseDevice(kind, text)
		if err != nil {
			fmt.Fprintln(all, kind, err)
			continue
		}
		var salt [32]byte
		binary.BigEndian.PutUint64(salt[24:], r.Uint64())
		digest := id.Digest(salt)
		all.Write(digest[:])
		fmt.Fprintln(all, key.Token(id))
		n++
	}
	assert.Equal(t, known.Accumulated, hex.EncodeToString(all.Sum(nil)))
}
