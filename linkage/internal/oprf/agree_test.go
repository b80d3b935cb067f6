package oprf_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/cloudflare/circl/group"
	circl "github.com/cloudflare/circl/oprf"
	"github.com/cloudflare/circl/zk/dleq"
	"github.com/gtank/ristretto255"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/linkage/internal/oprf"
)

// source gives the randomness of a test, and prints how to repeat it.
func source(t testing.TB) *rand.ChaCha8 {
	var seed [32]byte
	now := time.Now().UnixNano()
	seed[0], seed[1] = byte(now>>8), byte(now>>16)
	t.Logf("seed %x, of which two bytes are in use", seed[:2])
	return rand.NewChaCha8(seed)
}

var modes = []oprf.Mode{oprf.ModeOPRF, oprf.ModeVOPRF, oprf.ModePOPRF}

// world is a key, an info, inputs, a server and its clients, all at random.
type world struct {
	mode   oprf.Mode
	seed   [32]byte
	info   []byte
	key    *oprf.PrivateKey
	server *oprf.Server
	// clients are one without and, where there are proofs, one with the base.
	clients []*oprf.Client
	inputs  [][]byte
}

func newWorld(t testing.TB, r *rand.ChaCha8, mode oprf.Mode, n int) *world {
	w := &world{mode: mode}
	_, _ = r.Read(w.seed[:])
	if mode == oprf.ModePOPRF {
		w.info = make([]byte, r.Uint64()%80)
		_, _ = r.Read(w.info)
	}
	w.key = must(oprf.DeriveKey(mode, w.seed, []byte("test")))
	w.server = must(oprf.NewServer(mode, w.key, w.info))
	w.clients = append(w.clients, must(oprf.NewClient(mode, w.key.Public(), w.info)))
	if mode != oprf.ModeOPRF {
		base, proof, err := w.server.Base(r)
		require.NoError(t, err)
		w.clients = append(w.clients, must(w.clients[0].WithBase(base, proof)))
	}
	for range n {
		in := make([]byte, r.Uint64()%200)
		_, _ = r.Read(in)
		w.inputs = append(w.inputs, in)
	}
	return w
}

// outputs are what the server alone computes.
func (w *world) outputs(t testing.TB) (out [][oprf.OutputSize]byte) {
	for _, in := range w.inputs {
		o, err := w.server.Evaluate(in)
		require.NoError(t, err)
		out = append(out, o)
	}
	return out
}

// everyCase runs f for all modes and for batches on both sides of what the package
// treats differently.
func everyCase(t *testing.T, sizes []int, f func(t *testing.T, r *rand.ChaCha8, w *world)) {
	for _, mode := range modes {
		for _, n := range sizes {
			t.Run(fmt.Sprintf("mode=%d/n=%d", mode, n), func(t *testing.T) {
				r := source(t)
				f(t, r, newWorld(t, r, mode, n))
			})
		}
	}
}

func TestClientAndServer(t *testing.T) {
	everyCase(t, []int{1, 2, 7, 119, 120, 121, 400}, func(t *testing.T, r *rand.ChaCha8, w *world) {
		want := w.outputs(t)
		for _, c := range w.clients {
			b := must(c.Blind(r, w.inputs))
			evaluated, proof, err := w.server.BlindEvaluate(r, b.Request())
			require.NoError(t, err)
			got, err := c.Finalize(b, evaluated, proof)
			require.NoError(t, err)
			require.Equal(t, want, got)
		}
	})
}

// TestBatchesAreTheirSingles is metamorphic: how inputs are cut into batches, their
// order and their blinds change nothing in their outputs.
func TestBatchesAreTheirSingles(t *testing.T) {
	everyCase(t, []int{9}, func(t *testing.T, r *rand.ChaCha8, w *world) {
		want := map[string][oprf.OutputSize]byte{}
		for i, o := range w.outputs(t) {
			want[string(w.inputs[i])] = o
		}
		w.inputs = append(w.inputs, w.inputs[0]) // twice in one batch is no matter
		r2 := rand.New(r)
		for range 3 {
			r2.Shuffle(len(w.inputs), func(i, j int) { w.inputs[i], w.inputs[j] = w.inputs[j], w.inputs[i] })
			for rest := w.inputs; len(rest) > 0; {
				n := 1 + r2.IntN(len(rest))
				for _, c := range w.clients {
					b := must(c.Blind(r, rest[:n]))
					evaluated, proof, err := w.server.BlindEvaluate(r, b.Request())
					require.NoError(t, err)
					got, err := c.Finalize(b, evaluated, proof)
					require.NoError(t, err)
					for i, o := range got {
						require.Equal(t, want[string(rest[i])], o)
					}
				}
				rest = rest[n:]
			}
		}
	})
}

// TestAgainstTheModel compares every byte that travels, and every output.
func TestAgainstTheModel(t *testing.T) {
	everyCase(t, []int{1, 2, 260} /* an index of two bytes */, func(t *testing.T, r *rand.ChaCha8, w *world) {
		m := model{w.mode}
		sk := m.deriveKey(w.seed[:], []byte("test"))
		require.Equal(t, sk.Bytes(), w.key.Scalar())
		pk := base(sk)
		require.Equal(t, pk.Bytes(), w.key.Public())

		var blinds []scalar
		var raw [][]byte
		var want []byte
		for _, in := range w.inputs {
			var wide [64]byte
			_, _ = r.Read(wide[:])
			blinds = append(blinds, must(ristretto255.NewScalar().SetUniformBytes(wide[:])))
			raw = append(raw, wide[:])
			want = append(want, times(blinds[len(blinds)-1], m.hashToGroup(in)).Bytes()...)
		}
		b := must(w.clients[0].Blind(fixed(raw...), w.inputs))
		require.Equal(t, want, b.Request())

		nonce := blinds[0].Bytes()
		blinded := split(b.Request())
		evaluated, proof, err := w.server.BlindEvaluate(fixed(nonce), b.Request())
		require.NoError(t, err)
		wantEvaluated, wantProof := m.blindEvaluate(decodeScalar(nonce), sk, w.info, blinded)
		require.Equal(t, wantProof, proof)
		require.True(t, m.verify(pk, w.info, blinded, wantEvaluated, proof))

		outputs, err := w.clients[0].Finalize(b, evaluated, proof)
		require.NoError(t, err)
		for i, p := range wantEvaluated {
			require.Equal(t, p.Bytes(), evaluated[i*oprf.ElementSize:][:oprf.ElementSize])
			require.Equal(t, m.finalize(w.inputs[i], w.info, blinds[i], p), outputs[i])
		}
	})
}

// circlSides are circl's server and client under the same key, with their three
// modes behind one signature.
type circlSides struct {
	evaluate func(*circl.EvaluationRequest) (*circl.Evaluation, error)
	blind    func([][]byte) (*circl.FinalizeData, *circl.EvaluationRequest, error)
	finalize func(*circl.FinalizeData, *circl.Evaluation) ([][]byte, error)
}

func newCircl(t *testing.T, w *world) circlSides {
	s := circl.SuiteRistretto255
	key, err := circl.DeriveKey(s, circl.Mode(w.mode), w.seed[:], []byte("test"))
	require.NoError(t, err)
	require.Equal(t, must(key.MarshalBinary()), w.key.Scalar())
	switch w.mode {
	case oprf.ModeOPRF:
		c := circl.NewClient(s)
		return circlSides{circl.NewServer(s, key).Evaluate, c.Blind, c.Finalize}
	case oprf.ModeVOPRF:
		c := circl.NewVerifiableClient(s, key.Public())
		return circlSides{circl.NewVerifiableServer(s, key).Evaluate, c.Blind, c.Finalize}
	}
	c, server := circl.NewPartialObliviousClient(s, key.Public()), circl.NewPartialObliviousServer(s, key)
	return circlSides{
		func(r *circl.EvaluationRequest) (*circl.Evaluation, error) { return server.Evaluate(r, w.info) },
		c.Blind,
		func(d *circl.FinalizeData, e *circl.Evaluation) ([][]byte, error) { return c.Finalize(d, e, w.info) },
	}
}

func toCircl(t *testing.T, flat []byte) (out []group.Element) {
	for ; len(flat) > 0; flat = flat[oprf.ElementSize:] {
		e := group.Ristretto255.NewElement()
		require.NoError(t, e.UnmarshalBinary(flat[:oprf.ElementSize]))
		out = append(out, e)
	}
	return out
}

func fromCircl(elements []group.Element) (flat []byte) {
	for _, e := range elements {
		flat = append(flat, must(e.MarshalBinaryCompress())...)
	}
	return flat
}

func TestAgainstCircl(t *testing.T) {
	everyCase(t, []int{1, 2, 7, 100, 150}, func(t *testing.T, r *rand.ChaCha8, w *world) {
		other := newCircl(t, w)
		want := w.outputs(t)

		for _, c := range w.clients { // our client, circl's server
			b := must(c.Blind(r, w.inputs))
			e, err := other.evaluate(&circl.EvaluationRequest{Elements: toCircl(t, b.Request())})
			require.NoError(t, err)
			var proof []byte
			if e.Proof != nil {
				proof = must(e.Proof.MarshalBinary())
			}
			got, err := c.Finalize(b, fromCircl(e.Elements), proof)
			require.NoError(t, err)
			require.Equal(t, want, got)
		}

		data, request, err := other.blind(w.inputs) // circl's client, our server
		require.NoError(t, err)
		evaluated, raw, err := w.server.BlindEvaluate(r, fromCircl(request.Elements))
		require.NoError(t, err)
		e := &circl.Evaluation{Elements: toCircl(t, evaluated)}
		if raw != nil {
			e.Proof = new(dleq.Proof)
			require.NoError(t, e.Proof.UnmarshalBinary(group.Ristretto255, raw))
		}
		got, err := other.finalize(data, e)
		require.NoError(t, err)
		for i := range got {
			require.Equal(t, want[i][:], got[i])
		}
	})
}

// TestManyGoroutines shares one server and one client.
func TestManyGoroutines(t *testing.T) {
	r := source(t)
	w := newWorld(t, r, oprf.ModePOPRF, 3)
	want := w.outputs(t)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			c, r := w.clients[i%2], rand.NewChaCha8([32]byte{byte(i)})
			b := must(c.Blind(r, w.inputs))
			evaluated, proof, err := w.server.BlindEvaluate(r, b.Request())
			if err != nil {
				panic(err)
			}
			if got := must(c.Finalize(b, evaluated, proof)); got[0] != want[0] || got[2] != want[2] {
				panic("another output")
			}
		})
	}
	wg.Wait()
}

func TestExpandVectorsOfRFC9380(t *testing.T) {
	var v struct {
		DST   string
		Hash  string `json:"hash"`
		K     int    `json:"k"`
		Name  string `json:"name"`
		Tests []struct {
			DSTPrime string `json:"DST_prime"`
			Length   string `json:"len_in_bytes"`
			Msg      string `json:"msg"`
			MsgPrime string `json:"msg_prime"`
			Uniform  string `json:"uniform_bytes"`
		} `json:"tests"`
	}
	readStrict(t, "rfc9380_expand_message_xmd_sha512.json", &v)
	require.Equal(t, "expand_message_xmd SHA512", v.Name+" "+v.Hash)
	require.Len(t, v.Tests, 10)
	for _, x := range v.Tests {
		var n int
		_, err := fmt.Sscanf(x.Length, "0x%x", &n)
		require.NoError(t, err)
		out := make([]byte, n)
		oprf.Expand(out, v.DST, []byte(x.Msg))
		require.Equal(t, x.Uniform, hex.EncodeToString(out))
		cut := len(x.Msg) / 2
		again := make([]byte, n)
		oprf.Expand(again, v.DST, []byte(x.Msg[:cut]), []byte(x.Msg[cut:]))
		require.True(t, bytes.Equal(out, again), "parts are joined")
	}
}
