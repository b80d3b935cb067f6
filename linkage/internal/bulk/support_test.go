package bulk

import (
	"crypto/sha256"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// fixed is randomness from a seed.
func fixed(parts ...byte) io.Reader { return rand.NewChaCha8(sha256.Sum256(parts)) }

func newSeed(t testing.TB) *rand.Rand {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// item is the n-th item.
func item(n uint64) Item {
	return sha256.Sum256(binary.BigEndian.AppendUint64([]byte("item"), n))
}

func itemsFrom(first uint64, n int) []Item {
	out := make([]Item, n)
	for i := range out {
		out[i] = item(first + uint64(i))
	}
	return out
}

func newParams(t testing.TB, n int) Params {
	t.Helper()
	p, err := NewParams(int64(n), Chunks(int64(n)))
	require.NoError(t, err)
	return p
}

// bend is what a deviating party does to a message, or to the piece of the vector, on its
// way. Messages are counted from 0; the pieces are 100, 101, ....
type bend func(message int, body []byte) []byte

const firstPiece = 100

// exchange runs a chunk to its end, or to the first error, and says whose it is.
func exchange(r *Receiver, s *Sender, b bend) (errReceiver, errSender error) {
	pass := func(i int, body []byte) []byte {
		if b == nil {
			return body
		}
		return b(i, append([]byte(nil), body...))
	}
	var m []byte
	var err error
	for i := 0; i < messages; i += 2 {
		if m, err = r.Step(m); err != nil {
			return err, nil
		}
		answer, err := s.Step(pass(i, m))
		if err != nil {
			return nil, err
		}
		if i == messages-2 {
			for j := range r.p.Pieces() {
				if err := s.Absorb(pass(firstPiece+j, r.Piece(nil, j))); err != nil {
					return nil, err
				}
			}
			if answer, err = s.Step(nil); err != nil {
				return nil, err
			}
		}
		m = pass(i+1, answer)
	}
	_, err = r.Step(m)
	return err, nil
}

func pair(p Params, salt *Salt, items []Item, seed byte) (*Receiver, *Sender) {
	sid := sha256.Sum256([]byte{seed})
	return NewReceiver(p, salt, sid, items, fixed(1, seed), nil), NewSender(p, sid, fixed(2, seed), nil)
}

// requireFunction asserts that both parties have one function, and that the receiver's
// items are what it is asked for.
func requireFunction(t testing.TB, r *Receiver, s *Sender, strangers []Item) {
	t.Helper()
	all := append(append([]Item(nil), r.items...), strangers...)
	out := make([]Output, len(all))
	s.Chunk().Evaluate(out, all, s.p, r.salt, 2)
	require.Equal(t, r.Outputs(), out[:len(r.items)])
	seen := map[Output]bool{}
	for _, o := range out {
		seen[o] = true
	}
	require.True(t, len(seen) == len(all), "two items have one value")
	// And one by one, from wherever the key is kept.
	c := s.Chunk()
	l := NewLocator(s.p, r.salt, c.Seed)
	for i := 0; i < len(all); i += 1 + len(all)/50 {
		place := l.Place(all[i])
		got := place.Output([3]Element{c.Key[place.Sparse[0]], c.Key[place.Sparse[1]], c.Key[place.Sparse[2]]},
			c.Key[place.Dense:][:s.p.Dense()], c.Delta, c.Toss)
		require.Equal(t, out[i], got)
	}
}
