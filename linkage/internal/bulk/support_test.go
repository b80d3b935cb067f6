package bulk

import (
	"crypto/sha256"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"sync/atomic"
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
func exchange(r *tested, s *Sender, b bend) (errReceiver, errSender error) {
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

func pair(p Params, salt *Salt, items []Item, seed byte) (*tested, *Sender) {
	sid := sha256.Sum256([]byte{seed})
	return newTested(p, salt, sid, items, fixed(1, seed), nil), NewSender(p, sid, fixed(2, seed), nil)
}

// tested is a receiver with its items in one piece, or in three, and what it put.
type tested struct {
	*Receiver
	all []Item
	out []Output
	n   atomic.Int64 // values put
}

func newTested(p Params, salt *Salt, sid [32]byte, items []Item, rand io.Reader, m *Memory) *tested {
	r := &tested{all: items, out: make([]Output, len(items))}
	segments := Segments{items}
	if n := len(items); n > 3 {
		segments = Segments{items[:n/3], nil, items[n/3 : n/2], items[n/2:]}
	}
	r.Receiver = NewReceiver(p, salt, sid, segments, func(from int, out []Output) {
		r.n.Add(int64(copy(r.out[from:], out)))
	}, rand, m)
	return r
}

func evaluate(c *Chunk, items []Item, p Params, salt *Salt, workers int) []Output {
	out := make([]Output, len(items))
	c.Evaluate(Segments{items}, p, salt, workers, func(from int, some []Output) { copy(out[from:], some) })
	return out
}

// requireFunction asserts that both parties have one function, and that the receiver's
// items are what it is asked for.
func requireFunction(t testing.TB, r *tested, s *Sender, strangers []Item) {
	t.Helper()
	all := append(append([]Item(nil), r.all...), strangers...)
	out := evaluate(s.Chunk(), all, s.p, r.salt, 2)
	require.Equal(t, int64(len(r.all)), r.n.Load())
	require.Equal(t, r.out, out[:len(r.all)])
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
