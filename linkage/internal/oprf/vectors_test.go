package oprf_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/linkage/internal/oprf"
)

// readStrict reads a file of testdata and refuses whatever the type does not know.
func readStrict(t testing.TB, name string, into any) {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(into))
	require.False(t, d.More(), "something follows the value")
}

// unhex reads the values of a vector, which are separated by commas in batches.
func unhex(t *testing.T, text string) [][]byte {
	t.Helper()
	var out [][]byte
	for part := range strings.SplitSeq(text, ",") {
		b, err := hex.DecodeString(part)
		require.NoError(t, err)
		out = append(out, b)
	}
	return out
}

func unhexOne(t *testing.T, text string) []byte {
	t.Helper()
	parts := unhex(t, text)
	require.Len(t, parts, 1)
	return parts[0]
}

// fixed gives the vectors' scalars as randomness: 64 bytes that reduce to each.
func fixed(scalars ...[]byte) *bytes.Reader {
	var b []byte
	for _, s := range scalars {
		b = append(append(b, s...), make([]byte, 64-len(s))...)
	}
	return bytes.NewReader(b)
}

type suiteVectors struct {
	GroupDST   string `json:"groupDST"`
	Hash       string `json:"hash"`
	Identifier string `json:"identifier"`
	KeyInfo    string `json:"keyInfo"`
	Mode       byte   `json:"mode"`
	Public     string `json:"pkSm"`
	Seed       string `json:"seed"`
	Private    string `json:"skSm"`
	Vectors    []struct {
		Batch             int
		Blind             string
		BlindedElement    string
		EvaluationElement string
		Info              string
		Input             string
		Output            string
		Proof             *struct {
			Proof string `json:"proof"`
			R     string `json:"r"`
		}
	} `json:"vectors"`
}

func TestVectorsOfRFC9497(t *testing.T) {
	var suites []suiteVectors
	readStrict(t, "rfc9497_ristretto255_sha512.json", &suites)
	require.Len(t, suites, 3)
	checked := 0
	for _, s := range suites {
		require.Equal(t, "ristretto255-SHA512", s.Identifier)
		mode := oprf.Mode(s.Mode)
		key, err := oprf.DeriveKey(mode, [32]byte(unhexOne(t, s.Seed)), unhexOne(t, s.KeyInfo))
		require.NoError(t, err)
		require.Equal(t, s.Private, hex.EncodeToString(key.Scalar()))
		if mode != oprf.ModeOPRF {
			require.Equal(t, s.Public, hex.EncodeToString(key.Public()))
		}
		for _, v := range s.Vectors {
			checked++
			inputs, info := unhex(t, v.Input), unhexOne(t, v.Info)
			require.Len(t, inputs, v.Batch)
			server, err := oprf.NewServer(mode, key, info)
			require.NoError(t, err)
			client, err := oprf.NewClient(mode, key.Public(), info)
			require.NoError(t, err)

			b, err := client.Blind(fixed(unhex(t, v.Blind)...), inputs)
			require.NoError(t, err)
			require.Equal(t, bytes.Join(unhex(t, v.BlindedElement), nil), b.Request())

			var r, proof []byte
			if mode != oprf.ModeOPRF {
				r, proof = unhexOne(t, v.Proof.R), unhexOne(t, v.Proof.Proof)
			}
			evaluated, gotProof, err := server.BlindEvaluate(fixed(r), b.Request())
			require.NoError(t, err)
			require.Equal(t, bytes.Join(unhex(t, v.EvaluationElement), nil), evaluated)
			require.Equal(t, proof, gotProof)

			outputs, err := client.Finalize(b, evaluated, proof)
			require.NoError(t, err)
			for i, want := range unhex(t, v.Output) {
				require.Equal(t, want, outputs[i][:])
				alone, err := server.Evaluate(inputs[i])
				require.NoError(t, err)
				require.Equal(t, want, alone[:])
			}
		}
	}
	require.Equal(t, 8, checked)
}
