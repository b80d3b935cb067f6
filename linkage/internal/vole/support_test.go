package vole

import (
	"crypto/sha256"
	"hash"
	"io"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/linkage/internal/gf128"
)

// newSource gives fixed randomness.
func newSource(seed byte) io.Reader { return rand.NewChaCha8([32]byte{seed}) }

// newSeed gives a seed for tests of properties, and prints it if the test fails.
func newSeed(t *testing.T) *rand.Rand {
	seed := rand.Uint64()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %#x", seed)
		}
	})
	return rand.New(rand.NewPCG(seed, 0))
}

func randomElement(r *rand.Rand) gf128.Element {
	return gf128.Element{Lo: r.Uint64(), Hi: r.Uint64()}
}

func randomElements(r *rand.Rand, n int) []gf128.Element {
	out := make([]gf128.Element, n)
	for i := range out {
		out[i] = randomElement(r)
	}
	return out
}

func newParams(t testing.TB, length int) Params {
	p, err := NewParams(length, 128)
	require.NoError(t, err)
	return p
}

// pairOf gives two parties of a session with the randomness of the seed.
func pairOf(p Params, id, seed byte) (*Receiver, *Sender) {
	return NewReceiver(p, [32]byte{id}, newSource(seed)), NewSender(p, [32]byte{id}, newSource(seed+100))
}

// until runs a session until n messages have been made, of six, and gives them.
func until(t testing.TB, r *Receiver, s *Sender, n int) [][]byte {
	var messages [][]byte
	var last []byte
	for i := range n {
		var err error
		if i%2 == 0 {
			last, _, err = r.Step(last)
		} else {
			last, _, err = s.Step(last)
		}
		require.NoError(t, err)
		messages = append(messages, last)
	}
	return messages
}

// complete runs a session to its end.
func complete(t testing.TB, r *Receiver, s *Sender) [][]byte {
	messages := until(t, r, s, 6)
	out, done, err := r.Step(messages[5])
	require.NoError(t, err)
	require.True(t, done)
	require.Nil(t, out)
	return messages
}

// Vectors gives A and C of a finished receiver, as often as it is asked.
func (r *Receiver) Vectors() (a, c []gf128.Element) {
	type pair struct{ a, c []gf128.Element }
	if known, ok := finished.Load(r); ok {
		return known.(pair).a, known.(pair).c
	}
	c = make([]gf128.Element, r.params.length)
	a = r.Finish(c)
	finished.Store(r, pair{a, c})
	return a, c
}

var finished sync.Map

// requireRelation checks A + B = C·Delta at every place of two finished parties.
func requireRelation(t testing.TB, r *Receiver, s *Sender) {
	a, c := r.Vectors()
	delta, b := s.Vectors()
	require.Len(t, a, r.params.length)
	require.Len(t, b, r.params.length)
	require.Len(t, c, r.params.length)
	for i := range a {
		if c[i].Mul(delta) != a[i].Add(b[i]) {
			require.FailNow(t, "A + B is not C·Delta", "place %d", i)
		}
	}
}

// transcriptOf makes the hash of all messages of the given ones: a cheating party's, who has
// sent another message than the code of this package made.
func transcriptOf(messages ...[]byte) hash.Hash {
	h := sha256.New()
	for _, m := range messages {
		h.Write(m)
	}
	return h
}

// copies of a party in the middle of a session, so that many ways to go on can be tried.
func (r *Receiver) copy(t testing.TB) *Receiver {
	c := *r
	c.session = r.session.copy(t)
	switch {
	case r.check != nil && r.a != nil:
		c.next = c.finish
	case r.check != nil:
		c.next = c.puncture
	default:
		c.next = c.extend
	}
	return &c
}

func (s *Sender) copy(t testing.TB) *Sender {
	c := *s
	c.session = s.session.copy(t)
	switch {
	case s.b != nil:
		c.b = append([]gf128.Element(nil), s.b...)
		c.next = c.finish
	case s.delta != choices{}:
		c.next = c.plant
	default:
		c.next = c.choose
	}
	return &c
}

func (s *session) copy(t testing.TB) *session {
	c := *s
	h, err := s.transcript.(hash.Cloner).Clone()
	require.NoError(t, err)
	c.transcript = h
	return &c
}
