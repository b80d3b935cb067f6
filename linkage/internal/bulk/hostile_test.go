package bulk

import (
	"bytes"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/linkage/internal/vole"
)

// deviation is what a party, or whoever stands between the two, does otherwise than the
// protocol says, and the check that stands against it.
type deviation struct {
	name    string
	message int
	bend    func(b []byte) []byte
	// by is who must notice: the receiver or the sender.
	by   string
	want error
}

func flip(at ...int) func([]byte) []byte {
	return func(b []byte) []byte {
		for _, i := range at {
			if i < 0 {
				i += len(b)
			}
			b[i] ^= 1
		}
		return b
	}
}

func deviations(p Params) []deviation {
	const head = 18 // of a message of package vole
	all := []deviation{
		{"a correlation with one bit flipped", 2, flip(head), "sender", vole.ErrExtension},
		{"a choice that differs in the last column", 2, flip(-32 - 129*2*16 - 1), "sender", vole.ErrExtension},
		{"a proof of other choices", 2, flip(-32 - 1), "sender", vole.ErrExtension},
		{"every sum of every tree spoilt", 3, func(b []byte) []byte {
			for i := head + 32; i < len(b); i++ {
				b[i] ^= 0x55
			}
			return b
		}, "receiver", vole.ErrConsistency},
		{"the last sum of one tree spoilt", 3, flip(-1), "receiver", vole.ErrConsistency},
		{"a coin that was not committed to", 3, flip(head), "receiver", vole.ErrCommitment},
		{"an answer to the comparison that is wrong", 5, flip(-1), "receiver", vole.ErrConsistency},
		{"another challenge than was asked for", 4, flip(-1), "receiver", vole.ErrConsistency},
		{"a point that is not canonical", 0, func(b []byte) []byte { return append(b[:head], bytes.Repeat([]byte{0xff}, 32)...) }, "sender", vole.ErrPoint},
		{"the identity for a point", 0, func(b []byte) []byte { return append(b[:head], make([]byte, 32)...) }, "sender", vole.ErrPoint},
		{"a choice of the base OTs that is not canonical", 1, func(b []byte) []byte {
			copy(b[head:], bytes.Repeat([]byte{0xff}, 32))
			return b
		}, "receiver", vole.ErrPoint},
		{"an opening of another toss", opening, flip(0), "receiver", ErrCommitment},
		{"a commitment to another toss", 1, flip(-1), "receiver", ErrCommitment},
		{"a vector with one bit flipped", firstPiece, flip(5), "receiver", ErrVector},
		{"a vector with its end flipped", firstPiece + p.Pieces() - 1, flip(-1), "receiver", ErrVector},
		{"a check of the vector at another point", opening, flip(tossSize), "receiver", ErrVector},
		{"a confirmation of something else", opening, flip(-1), "receiver", ErrVector},
		{"a vector that is too long", firstPiece + p.Pieces() - 1, func(b []byte) []byte { return append(b, make([]byte, 16)...) }, "sender", ErrFormat},
		{"a vector that is too short", firstPiece, func(b []byte) []byte { return b[:len(b)-16] }, "sender", ErrFormat},
		{"a seed of the receiver's own", 6, func(b []byte) []byte { b[0] = attempts; return b }, "sender", ErrFormat},
		{"a toss that was changed on its way", 6, flip(-1), "receiver", ErrVector},
		{"another seed than was offered", 6, flip(0), "receiver", ErrVector},
		{"an offer that is too long", 6, func(b []byte) []byte { return append(b, 0) }, "sender", ErrFormat},
		{"an offer that is too short", 6, func(b []byte) []byte { return b[:len(b)-1] }, "sender", ErrFormat},
		{"an opening that is too short", opening, func(b []byte) []byte { return b[:len(b)-1] }, "receiver", ErrFormat},
		{"an opening that is too long", opening, func(b []byte) []byte { return append(b, 0) }, "receiver", ErrFormat},
		{"choices without a commitment", 1, func([]byte) []byte { return nil }, "receiver", ErrFormat},
	}
	for i := range 6 {
		who := [2]string{"sender", "receiver"}[i%2]
		all = append(all, deviation{"a message that is empty", i, func(b []byte) []byte { return nil }, who, nil},
			deviation{"a message that is too long", i, func(b []byte) []byte { return append(b, 0) }, who, nil},
			deviation{"a message of another session", i, flip(2), who, vole.ErrSession})
	}
	return all
}

func TestDeviationsAreCaught(t *testing.T) {
	p := newParams(t, 27000) // several pieces
	require.Greater(t, p.Pieces(), 1)
	items := itemsFrom(0, 27000)
	for i, d := range deviations(p) {
		r, s := pair(p, NewSalt([32]byte{1}), items, byte(i))
		r.Workers, s.Workers = 2, 2
		bent := false
		errR, errS := exchange(r, s, func(m int, b []byte) []byte {
			if m == d.message {
				bent = true
				return d.bend(b)
			}
			return b
		})
		require.True(t, bent, d.name)
		err, other := errR, errS
		if d.by == "sender" {
			err, other = other, err
		}
		require.NoError(t, other, d.name)
		if d.want == nil {
			require.Error(t, err, d.name)
		} else {
			require.ErrorIs(t, err, d.want, d.name)
		}
		// What has failed stays failed, and gives nothing.
		if d.by == "receiver" {
			_, again := r.Step(nil)
			require.Equal(t, err, again, d.name)
			require.Zero(t, r.n.Load(), d.name)
		} else {
			_, again := s.Step(nil)
			require.Equal(t, err, again, d.name)
			require.Equal(t, err, s.Absorb(nil), d.name)
			require.Panics(t, func() { s.Chunk() }, d.name)
		}
	}
}

// Messages of an earlier try at the same chunk are of no use in the next: every try has a
// session id of its own.
func TestReplayedChunk(t *testing.T) {
	p, salt, items := newParams(t, 100), NewSalt([32]byte{1}), itemsFrom(0, 100)
	record := map[int][]byte{}
	r, s := pair(p, salt, items, 1)
	errR, errS := exchange(r, s, func(m int, b []byte) []byte { record[m] = b; return b })
	require.NoError(t, errors.Join(errR, errS))
	for m := range messages {
		r, s := pair(p, salt, items, 2)
		errR, errS := exchange(r, s, func(i int, b []byte) []byte {
			if i == m {
				return append([]byte(nil), record[m]...)
			}
			return b
		})
		require.Error(t, errors.Join(errR, errS), "message %d", m)
	}
}

// Without Delta the key at an item that the receiver does not have is of no use: the function
// as the receiver could compute it from what it has differs there.
func TestStrangersAreOutOfReach(t *testing.T) {
	p, salt := newParams(t, 2000), NewSalt([32]byte{1})
	r, s := pair(p, salt, itemsFrom(0, 2000), 1)
	errR, errS := exchange(r, s, nil)
	require.NoError(t, errors.Join(errR, errS))
	strangers := itemsFrom(1<<32, 2000)
	theirs := evaluate(s.Chunk(), strangers, p, salt, 1)
	// The receiver's own way of computing, on items that it did not encode.
	x := newScratch()
	hits := 0
	for i := range strangers {
		x.decode(r.matrix, r.a, strangers[i:i+1])
		if output(x.v[0], s.chunk.Toss, &strangers[i]) == theirs[i] {
			hits++
		}
	}
	require.Zero(t, hits)
}

// The outputs for items that do not match look random: bytes are even, bits do not
// go together, and outputs of neighbouring items differ in half of their bits.
func TestOutputsLookRandom(t *testing.T) {
	n := 1 << 15
	p, salt := newParams(t, n), NewSalt([32]byte{5})
	r, s := pair(p, salt, itemsFrom(0, n), 1)
	errR, errS := exchange(r, s, nil)
	require.NoError(t, errors.Join(errR, errS))
	strangers := evaluate(s.Chunk(), itemsFrom(1<<33, n), p, salt, 1)
	for name, out := range map[string][]Output{"enrolled": r.out, "not enrolled": strangers} {
		// Chi-square of all bytes: 255 degrees of freedom, deviation sqrt(510); six of them.
		var bytes [256]float64
		var ones [256]int
		var apart int
		for i, o := range out {
			for j, b := range o {
				bytes[b]++
				for k := range 8 {
					ones[8*j+k] += int(b >> k & 1)
				}
			}
			if i > 0 {
				for j := range o {
					for d := o[j] ^ out[i-1][j]; d != 0; d &= d - 1 {
						apart++
					}
				}
			}
		}
		chi, mean := 0.0, float64(32*n)/256
		for _, c := range bytes {
			chi += (c - mean) * (c - mean) / mean
		}
		require.InDelta(t, 255, chi, 6*22.6, name)
		for bit, c := range ones {
			require.InDelta(t, n/2, c, 6*91, "%s: bit %d", name, bit)
		}
		require.InDelta(t, 128, float64(apart)/float64(n-1), 6*8.0/181, name)
	}
	// As a control the same count sees that the items of a counter, unhashed, are not random.
	var one [256]float64
	for i := range n {
		one[byte(i>>8)]++
	}
	require.Zero(t, one[255])
}
