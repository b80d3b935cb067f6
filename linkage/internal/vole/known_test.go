package vole

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/linkage/internal/gf128"
)

// known is one session with fixed randomness: ChaCha8 of math/rand/v2 under the seed
// byte (that plus 100 for the sender) and 31 zero bytes, the session id likewise.
type known struct {
	Length   int               `json:"length"`
	ID       byte              `json:"id"`
	Seed     byte              `json:"seed"`
	Messages map[string]string `json:"messages"` // SHA-256 of each
	Delta    string            `json:"delta"`
	A        string            `json:"a"` // SHA-256 of the vector
	B        string            `json:"b"`
	C        string            `json:"c"`
}

func hashHex(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

func vectorHex(v []gf128.Element) string {
	var b []byte
	for _, e := range v {
		b = e.Append(b)
	}
	return hashHex(b)
}

func runKnown(t *testing.T, length int, id, seed byte) known {
	r, s := pairOf(newParams(t, length), id, seed)
	messages := complete(t, r, s)
	requireRelation(t, r, s)
	k := known{Length: length, ID: id, Seed: seed, Messages: map[string]string{}}
	for i, name := range []string{"point", "choices", "extend", "trees", "challenge", "answer"} {
		k.Messages[name] = hashHex(messages[i])
	}
	a, c := r.Vectors()
	delta, b := s.Vectors()
	k.Delta = hex.EncodeToString(delta.Append(nil))
	k.A, k.B, k.C = vectorHex(a), vectorHex(b), vectorHex(c)
	return k
}

// Any change here is another protocol and needs another version byte.
func TestKnownSessions(t *testing.T) {
	text, err := os.ReadFile("testdata/sessions.json")
	require.NoError(t, err)
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var all []known
	require.NoError(t, d.Decode(&all))
	require.Len(t, all, 5) // the last with more trees than the least
	for _, k := range all {
		require.Equal(t, k, runKnown(t, k.Length, k.ID, k.Seed))
	}
}
