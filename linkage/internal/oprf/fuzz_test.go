package oprf_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/linkage/internal/oprf"
)

func fuzzWorld(t testing.TB, mode byte) (*world, *rand.ChaCha8) {
	r := rand.NewChaCha8([32]byte{mode})
	return newWorld(t, r, oprf.Mode(mode%3), 2), r
}

// FuzzBlindEvaluate: what the server takes, it answers in kind, by the model.
func FuzzBlindEvaluate(f *testing.F) {
	for mode := range byte(3) {
		w, r := fuzzWorld(f, mode)
		b := must(w.clients[0].Blind(r, w.inputs))
		f.Add(mode, b.Request())
		f.Add(mode, b.Request()[:40])
		f.Add(mode, append(b.Request(), make([]byte, 32)...))
		f.Add(mode, []byte{})
	}
	f.Fuzz(func(t *testing.T, mode byte, request []byte) {
		if len(request) > 1024 {
			return
		}
		w, r := fuzzWorld(t, mode)
		evaluated, proof, err := w.server.BlindEvaluate(r, request)
		if err != nil {
			require.Nil(t, evaluated)
			require.Nil(t, proof)
			return
		}
		require.Len(t, evaluated, len(request))
		m := model{w.mode}
		want, _ := m.blindEvaluate(decodeScalar([]byte{31: 0}), m.deriveKey(w.seed[:], []byte("test")), w.info, split(request))
		for i, p := range split(evaluated) {
			require.Equal(t, 1, p.Equal(want[i]))
		}
		require.True(t, m.verify(decodeElement(w.key.Public()), w.info, split(request), want, proof))
	})
}

// FuzzFinalize: with a proof, the client takes nothing but the one true list of
// elements; and whatever it does not take, it gives nothing for.
func FuzzFinalize(f *testing.F) {
	for mode := range byte(3) {
		w, r := fuzzWorld(f, mode)
		b := must(w.clients[0].Blind(r, w.inputs))
		evaluated, proof, err := w.server.BlindEvaluate(r, b.Request())
		require.NoError(f, err)
		f.Add(mode, evaluated, proof)
		f.Add(mode, evaluated[:32], proof)
		f.Add(mode, b.Request(), proof)
		f.Add(mode, evaluated, make([]byte, 64))
		f.Add(mode, make([]byte, 64), proof)
	}
	f.Fuzz(func(t *testing.T, mode byte, evaluated, proof []byte) {
		w, r := fuzzWorld(t, mode)
		b := must(w.clients[0].Blind(r, w.inputs))
		outputs, err := w.clients[0].Finalize(b, evaluated, proof)
		switch {
		case err != nil:
			require.Nil(t, outputs)
		case w.mode == oprf.ModeOPRF:
			require.Len(t, outputs, len(w.inputs))
		default:
			require.Equal(t, w.outputs(t), outputs)
		}
	})
}

// FuzzClient: a public key, an info and a base of any bytes end in a client or an
// error.
func FuzzClient(f *testing.F) {
	w, r := fuzzWorld(f, byte(oprf.ModePOPRF))
	base, proof, err := w.server.Base(r)
	require.NoError(f, err)
	f.Add(w.key.Public(), w.info, base, proof)
	f.Add(make([]byte, 32), []byte{}, base, proof)
	f.Add(w.key.Public(), w.info, base[:31], proof)
	f.Add(w.key.Public(), []byte("other"), base, proof)
	f.Fuzz(func(t *testing.T, public, info, base, proof []byte) {
		c, err := oprf.NewClient(oprf.ModePOPRF, public, info)
		if err != nil {
			require.Nil(t, c)
			return
		}
		with, err := c.WithBase(base, proof)
		if err != nil {
			require.Nil(t, with)
		}
	})
}
