package bulk

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/linkage/internal/gf128"
)

var rewrite = flag.Bool("rewrite", false, "write testdata anew, to read the difference")

// known is a chunk with fixed randomness, part by part, for whoever writes a peer.
type known struct {
	Coin       string   `json:"coin"`        // of the session's salt
	Session    string   `json:"session"`     // id
	Capacity   int      `json:"capacity"`    // items that the chunk is for
	Items      []string `json:"items"`       // all that are enrolled
	Chunks     []uint32 `json:"chunks"`      // in which the first items would be, of seven
	Values     []string `json:"values"`      // H of the first items, as field elements
	Messages   []string `json:"messages"`    // the SHA-256 of each, in order
	Pieces     []string `json:"pieces"`      // the same of the vector's
	MatrixSeed string   `json:"matrix_seed"` // that was taken
	Toss       string   `json:"toss"`
	Delta      string   `json:"delta"`
	Key        string   `json:"key"`       // SHA-256 of K
	Outputs    []string `json:"outputs"`   // F of the first items
	Strangers  []string `json:"strangers"` // items that are not enrolled
	Theirs     []string `json:"theirs"`    // F of these
}

// A change here is a change of the protocol, which no partner understands who has not made
// it too: it needs a new version of the label that separates it.
func TestKnownAnswer(t *testing.T) {
	const file, shown = "testdata/chunk.json", 5
	coin, sid := [32]byte{9}, sha256.Sum256([]byte("known chunk"))
	p, salt, items := newParams(t, 300), NewSalt(coin), itemsFrom(1, 280)
	r, s := newTested(p, salt, sid, items, fixed(1, 9), nil), NewSender(p, sid, fixed(2, 9), nil)

	digest := func(b []byte) string { d := sha256.Sum256(b); return hex.EncodeToString(d[:]) }
	element := func(e gf128.Element) string { return hex.EncodeToString(e.Append(nil)) }
	k := known{Coin: hex.EncodeToString(coin[:]), Session: hex.EncodeToString(sid[:]), Capacity: p.Capacity()}
	k.Messages = make([]string, messages)
	errR, errS := exchange(r, s, func(m int, b []byte) []byte {
		if m < firstPiece {
			k.Messages[m] = digest(b)
		} else {
			k.Pieces = append(k.Pieces, digest(b))
		}
		return b
	})
	require.NoError(t, errors.Join(errR, errS))
	seven, err := NewParams(7, 7)
	require.NoError(t, err)
	k.Chunks = make([]uint32, shown)
	salt.Chunks(k.Chunks, items[:shown], seven)
	values := make([]gf128.Element, shown)
	salt.values(values, items[:shown])
	c := s.Chunk()
	var key []byte
	for _, e := range c.Key {
		key = e.Append(key)
	}
	k.MatrixSeed, k.Toss, k.Delta, k.Key = hex.EncodeToString(c.Seed[:]), element(c.Toss), element(c.Delta), digest(key)
	for i := range items {
		k.Items = append(k.Items, hex.EncodeToString(items[i][:]))
		if i < shown {
			k.Values = append(k.Values, element(values[i]))
			k.Outputs = append(k.Outputs, hex.EncodeToString(r.out[i][:]))
		}
	}
	strangers := itemsFrom(1000, shown)
	for i, o := range evaluate(c, strangers, p, salt, 1) {
		k.Strangers, k.Theirs = append(k.Strangers, hex.EncodeToString(strangers[i][:])), append(k.Theirs, hex.EncodeToString(o[:]))
	}

	got, err := json.MarshalIndent(k, "", "\t")
	require.NoError(t, err)
	if *rewrite {
		require.NoError(t, os.WriteFile(file, append(got, '\n'), 0o644))
	}
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var want known
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(&want))
	require.Len(t, want.Items, 280)
	require.Equal(t, want, k)
}
