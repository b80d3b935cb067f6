package oprf_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"testing"

	"filippo.io/edwards25519"
	"github.com/davecgh/go-spew/spew"
	"github.com/gtank/ristretto255"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/linkage/internal/oprf"
)

// badElements are encodings that nothing may take: the identity, the vectors of RFC
// 9496, and a good one in other clothes.
func badElements(t testing.TB) [][]byte {
	good := ristretto255.NewGeneratorElement().Bytes()
	negative := ristretto255.NewGeneratorElement().Bytes()
	for i, carry := 0, 0; i < 32; i++ { // p - s, which is odd
		p := 0xff
		if i == 0 {
			p = 0xed
		} else if i == 31 {
			p = 0x7f
		}
		d := p - int(good[i]) - carry
		carry = (d >> 8) & 1
		negative[i] = byte(d)
	}
	high := bytes.Clone(good)
	high[31] |= 0x80
	bad := [][]byte{make([]byte, 32), negative, high}
	var texts []string
	raw := map[string]json.RawMessage{}
	readStrict(t, "../../ristretto/testdata/rfc9496_ristretto255.json", &raw)
	require.NoError(t, json.Unmarshal(raw["bad"], &texts))
	require.Len(t, texts, 29)
	for _, text := range texts {
		bad = append(bad, must(hex.DecodeString(text)))
	}
	return bad
}

func TestBadElementsAreRefusedEverywhere(t *testing.T) {
	bad := badElements(t)
	everyCase(t, []int{3}, func(t *testing.T, r *rand.ChaCha8, w *world) {
		for i, e := range bad {
			_, err := oprf.NewClient(w.mode, e, w.info)
			require.ErrorIs(t, err, oprf.ErrElement, i)
			for place := range 3 {
				b := must(w.clients[0].Blind(r, w.inputs))
				request := bytes.Clone(b.Request())
				copy(request[place*oprf.ElementSize:], e)
				evaluated, proof, err := w.server.BlindEvaluate(r, request)
				require.ErrorIs(t, err, oprf.ErrElement)
				require.Nil(t, evaluated)
				require.Nil(t, proof)

				evaluated, proof, err = w.server.BlindEvaluate(r, b.Request())
				require.NoError(t, err)
				copy(evaluated[place*oprf.ElementSize:], e)
				outputs, err := w.clients[0].Finalize(b, evaluated, proof)
				require.ErrorIs(t, err, oprf.ErrElement)
				require.Nil(t, outputs)
			}
			if w.mode != oprf.ModeOPRF {
				_, proof, err := w.server.Base(r)
				require.NoError(t, err)
				c, err := w.clients[0].WithBase(e, proof)
				require.ErrorIs(t, err, oprf.ErrElement)
				require.Nil(t, c)
			}
		}
	})
}

// exchange is an honest one, up to the server's answer.
func (w *world) exchange(t *testing.T, r io.Reader, c *oprf.Client) (b *oprf.Blinded, evaluated, proof []byte) {
	b, err := c.Blind(r, w.inputs)
	require.NoError(t, err)
	evaluated, proof, err = w.server.BlindEvaluate(r, b.Request())
	require.NoError(t, err)
	return b, evaluated, proof
}

func TestLengths(t *testing.T) {
	everyCase(t, []int{2}, func(t *testing.T, r *rand.ChaCha8, w *world) {
		b, evaluated, proof := w.exchange(t, r, w.clients[0])
		for n := range len(b.Request()) + 2*oprf.ElementSize {
			request := append(bytes.Clone(b.Request()), b.Request()...)[:n]
			_, _, err := w.server.BlindEvaluate(r, request)
			switch {
			case n == 0:
				require.ErrorIs(t, err, oprf.ErrBatch)
			case n%oprf.ElementSize != 0:
				require.ErrorIs(t, err, oprf.ErrLength)
			default:
				require.NoError(t, err)
			}
		}
		for n := range 2 * len(evaluated) {
			if n == len(evaluated) {
				continue
			}
			b := must(w.clients[0].Blind(r, w.inputs))
			outputs, err := w.clients[0].Finalize(b, append(bytes.Clone(evaluated), evaluated...)[:n], proof)
			require.ErrorIs(t, err, oprf.ErrLength)
			require.Nil(t, outputs)
		}
		for n := range 2 * oprf.ProofSize {
			if n == len(proof) {
				continue
			}
			b := must(w.clients[0].Blind(r, w.inputs))
			outputs, err := w.clients[0].Finalize(b, evaluated, make([]byte, n))
			require.ErrorIs(t, err, oprf.ErrLength)
			require.Nil(t, outputs)
		}
		for n := range 40 {
			if n != 32 && (n != 0 || w.mode != oprf.ModeOPRF) {
				_, err := oprf.NewClient(w.mode, append(w.key.Public(), make([]byte, 8)...)[:n], w.info)
				require.ErrorIs(t, err, oprf.ErrElement, n)
			}
		}
	})
}

func TestBounds(t *testing.T) {
	r := source(t)
	w := newWorld(t, r, oprf.ModePOPRF, 1)
	long := make([]byte, 1<<16)
	_, err := w.clients[0].Blind(r, nil)
	require.ErrorIs(t, err, oprf.ErrBatch)
	_, err = w.clients[0].Blind(r, make([][]byte, oprf.MaxBatch+1))
	require.ErrorIs(t, err, oprf.ErrBatch)
	_, _, err = w.server.BlindEvaluate(r, make([]byte, (oprf.MaxBatch+1)*oprf.ElementSize))
	require.ErrorIs(t, err, oprf.ErrBatch)
	_, err = w.clients[0].Blind(r, [][]byte{long})
	require.ErrorIs(t, err, oprf.ErrLength)
	_, err = w.server.Evaluate(long)
	require.ErrorIs(t, err, oprf.ErrLength)
	_, err = oprf.NewServer(oprf.ModePOPRF, w.key, long)
	require.ErrorIs(t, err, oprf.ErrLength)
	_, err = oprf.NewClient(oprf.ModePOPRF, w.key.Public(), long)
	require.ErrorIs(t, err, oprf.ErrLength)
	_, err = oprf.DeriveKey(oprf.ModePOPRF, w.seed, long)
	require.ErrorIs(t, err, oprf.ErrLength)
	_, err = w.server.Evaluate(long[1:])
	require.NoError(t, err)
}

// TestProofsHoldForNothingElse tries every answer that is not the one asked for.
func TestProofsHoldForNothingElse(t *testing.T) {
	everyCase(t, []int{1, 2, 130}, func(t *testing.T, r *rand.ChaCha8, w *world) {
		if w.mode == oprf.ModeOPRF {
			return
		}
		refuse := func(name string, change func(evaluated, proof []byte)) {
			t.Helper()
			for _, c := range w.clients {
				b, evaluated, proof := w.exchange(t, r, c)
				change(evaluated, proof)
				outputs, err := c.Finalize(b, evaluated, proof)
				require.ErrorIs(t, err, oprf.ErrProof, name)
				require.Nil(t, outputs, name)
			}
		}
		_, otherEvaluated, otherProof := w.exchange(t, r, w.clients[0])
		refuse("the proof of another batch", func(_, p []byte) { copy(p, otherProof) })
		refuse("the elements of another batch", func(e, _ []byte) { copy(e, otherEvaluated) })
		refuse("the answer to another batch", func(e, p []byte) { copy(e, otherEvaluated); copy(p, otherProof) })
		refuse("halves of the proof exchanged", func(_, p []byte) {
			copy(p, append(bytes.Clone(p[32:]), p[:32]...))
		})
		refuse("one element of another batch", func(e, _ []byte) { copy(e[:32], otherEvaluated) })
		refuse("a proof of zeros", func(_, p []byte) { clear(p) })
		refuse("a proof of ones", func(_, p []byte) { copy(p, bytes.Repeat([]byte{0xff}, len(p))) })
		if len(w.inputs) > 1 {
			refuse("two elements exchanged", func(e, _ []byte) {
				copy(e, append(bytes.Clone(e[32:64]), e[:32]...))
			})
			// A change that cancels out in a plain sum, and must not in a weighed one.
			refuse("a difference moved from one element to another", func(e, _ []byte) {
				a, b, g := decodeElement(e[:32]), decodeElement(e[32:64]), ristretto255.NewGeneratorElement()
				copy(e, plus(a, g).Bytes())
				copy(e[32:], b.Subtract(b, g).Bytes())
			})
		}

		other := newWorld(t, r, w.mode, 1)
		servers := []*oprf.Server{other.server} // another key
		if w.mode == oprf.ModePOPRF {           // another info
			servers = append(servers, must(oprf.NewServer(w.mode, w.key, append(w.info, 0))))
		}
		for _, s := range servers {
			for _, c := range w.clients {
				b := must(c.Blind(r, w.inputs))
				evaluated, proof, err := s.BlindEvaluate(r, b.Request())
				require.NoError(t, err)
				outputs, err := c.Finalize(b, evaluated, proof)
				require.ErrorIs(t, err, oprf.ErrProof)
				require.Nil(t, outputs)
			}
			base, proof, err := s.Base(r)
			require.NoError(t, err)
			_, err = w.clients[0].WithBase(base, proof)
			require.ErrorIs(t, err, oprf.ErrProof)
		}
		_, proof, err := w.server.Base(r)
		require.NoError(t, err)
		_, err = w.clients[0].WithBase(w.key.Public()[:31], proof)
		require.ErrorIs(t, err, oprf.ErrLength)
		_, err = w.clients[0].WithBase(otherEvaluated[:32], proof)
		require.ErrorIs(t, err, oprf.ErrProof)
	})
}

func TestNoBitOfAProofIsFree(t *testing.T) {
	r := source(t)
	for _, mode := range modes[1:] {
		w := newWorld(t, r, mode, 1)
		for bit := range 8 * oprf.ProofSize {
			b, evaluated, proof := w.exchange(t, r, w.clients[1])
			proof[bit/8] ^= 1 << (bit % 8)
			outputs, err := w.clients[1].Finalize(b, evaluated, proof)
			require.ErrorIs(t, err, oprf.ErrProof, "bit %d", bit)
			require.Nil(t, outputs)
		}
	}
}

// TestInfoThatUndoesTheKey is section 5.1 of RFC 9497: an info made from the private
// key. Both sides refuse.
func TestInfoThatUndoesTheKey(t *testing.T) {
	info := []byte("chosen")
	var scalar [64]byte
	m := must(ristretto255.NewScalar().SetCanonicalBytes(oprf.InfoScalar(info)))
	copy(scalar[:], m.Negate(m).Bytes())
	key := oprf.KeyOf(oprf.ModePOPRF, scalar)
	_, err := oprf.NewServer(oprf.ModePOPRF, key, info)
	require.ErrorIs(t, err, oprf.ErrInverse)
	_, err = oprf.NewClient(oprf.ModePOPRF, key.Public(), info)
	require.ErrorIs(t, err, oprf.ErrInverse)
	_, err = oprf.NewClient(oprf.ModePOPRF, key.Public(), []byte("other"))
	require.NoError(t, err)
}

// failing gives n bytes of randomness and then an error.
type failing struct {
	n int
	r io.Reader
}

var errBroken = errors.New("broken source")

func (f *failing) Read(p []byte) (int, error) {
	if f.n < len(p) {
		return 0, errBroken
	}
	f.n -= len(p)
	return f.r.Read(p)
}

func TestBrokenRandomness(t *testing.T) {
	r := source(t)
	w := newWorld(t, r, oprf.ModePOPRF, 3)
	zeros := bytes.NewReader(make([]byte, 1000))
	for _, c := range w.clients {
		_, err := c.Blind(zeros, w.inputs)
		require.ErrorIs(t, err, oprf.ErrRandom)
		for n := range 3 {
			b, err := c.Blind(&failing{64 * n, r}, w.inputs)
			require.ErrorIs(t, err, errBroken)
			require.Nil(t, b)
		}
		b, err := c.Blind(&failing{64 * 3, r}, w.inputs)
		require.NoError(t, err)
		_, _, err = w.server.BlindEvaluate(&failing{0, r}, b.Request())
		require.ErrorIs(t, err, errBroken)
		_, _, err = w.server.BlindEvaluate(zeros, b.Request())
		require.ErrorIs(t, err, oprf.ErrRandom)
	}
}

func TestBugsOfTheCallerPanic(t *testing.T) {
	r := source(t)
	w, other := newWorld(t, r, oprf.ModeVOPRF, 1), newWorld(t, r, oprf.ModeOPRF, 1)
	require.Panics(t, func() { _, _ = oprf.DeriveKey(3, w.seed, nil) })
	require.Panics(t, func() { _, _ = oprf.NewClient(3, w.key.Public(), nil) })
	require.Panics(t, func() { _, _ = oprf.NewServer(oprf.ModePOPRF, w.key, nil) })
	require.Panics(t, func() { _, _ = oprf.NewServer(oprf.ModeVOPRF, w.key, []byte("info")) })
	require.Panics(t, func() { _, _ = oprf.NewServer(oprf.ModeVOPRF, new(oprf.PrivateKey), nil) })
	require.Panics(t, func() { new(oprf.PrivateKey).Public() })
	require.Panics(t, func() { _, _ = new(oprf.Server).Evaluate(nil) })
	require.Panics(t, func() { _, _, _ = other.server.Base(r) })
	require.Panics(t, func() { _, _ = other.clients[0].WithBase(nil, nil) })

	b, evaluated, proof := w.exchange(t, r, w.clients[0])
	require.Panics(t, func() { _, _ = w.clients[1].Finalize(b, evaluated, proof) }, "another client")
	_, err := w.clients[0].Finalize(b, evaluated, make([]byte, len(proof)))
	require.ErrorIs(t, err, oprf.ErrProof)
	require.Panics(t, func() { _, _ = w.clients[0].Finalize(b, evaluated, proof) }, "used up, also by a failure")
}

// TestSecretsDoNotPrint looks for keys, inputs and blinds in whatever Go prints.
func TestSecretsDoNotPrint(t *testing.T) {
	input := []byte("a very secret input")
	blind := bytes.Repeat([]byte{0x5a}, 31)
	w := newWorld(t, source(t), oprf.ModePOPRF, 0)
	b := must(w.clients[0].Blind(fixed(blind), [][]byte{input}))
	secrets := [][]byte{w.key.Scalar(), input, blind}
	for _, v := range []any{w.key, *w.key, w.server, *w.server, b, *b, struct{ k *oprf.PrivateKey }{w.key}, []any{w.key, b}} {
		texts := []string{spew.Sdump(v)}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			texts = append(texts, fmt.Sprintf(verb, v))
		}
		if text, err := json.Marshal(v); err == nil {
			texts = append(texts, string(text))
		}
		for _, text := range texts {
			for _, s := range secrets {
				require.NotContains(t, text, hex.EncodeToString(s[:8]))
				require.NotContains(t, text, string(s[:8]))
				require.NotContains(t, text, fmt.Sprint(s[:8])[1:10])
				require.NotContains(t, text, fmt.Sprint(binary.LittleEndian.Uint64(s)))
			}
		}
	}
}

// TestNoScalarInReach walks the types: what printing can reach of them, by fields,
// pointers and slices, is no scalar. Functions end the way.
func TestNoScalarInReach(t *testing.T) {
	secret := reflect.TypeFor[edwards25519.Scalar]()
	var reaches func(reflect.Type, int) bool
	reaches = func(v reflect.Type, depth int) bool {
		if v == secret || depth > 8 {
			return v == secret
		}
		switch v.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Array:
			return reaches(v.Elem(), depth+1)
		case reflect.Struct:
			for i := range v.NumField() {
				if reaches(v.Field(i).Type, depth+1) {
					return true
				}
			}
		}
		return false
	}
	require.True(t, reaches(reflect.TypeFor[struct{ s []*edwards25519.Scalar }](), 0), "the walk finds one")
	for _, v := range []reflect.Type{
		reflect.TypeFor[oprf.PrivateKey](), reflect.TypeFor[oprf.Server](),
		reflect.TypeFor[oprf.Client](), reflect.TypeFor[oprf.Blinded](),
	} {
		require.False(t, reaches(v, 0), v)
	}
}
