package bulk

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzMessages puts what comes in place of one message of a chunk. Nothing panics, whoever gets
// it refuses it unless it is the message itself, and then has nothing.
func FuzzMessages(f *testing.F) {
	p, salt, items := newParams(f, 20), NewSalt([32]byte{1}), itemsFrom(0, 20)
	record := func(replace int, with []byte) (all [messages + 1][]byte, err error) {
		r, s := pair(p, salt, items, 1)
		errR, errS := exchange(r, s, func(m int, b []byte) []byte {
			if m == firstPiece {
				m = messages
			}
			all[m] = b
			if m == replace {
				return with
			}
			return b
		})
		if errR != nil {
			return all, errR
		}
		return all, errS
	}
	honest, err := record(-1, nil)
	require.NoError(f, err)
	seeds := 0
	for i, m := range honest {
		f.Add(uint8(i), m)
		f.Add(uint8(i), m[:len(m)/2])
		m = append([]byte(nil), m...)
		m[len(m)-1] ^= 1
		f.Add(uint8(i), m)
		seeds += 3
	}
	require.Equal(f, 3*(messages+1), seeds)
	f.Fuzz(func(t *testing.T, which uint8, with []byte) {
		i := int(which) % (messages + 1)
		_, err := record(i, with)
		if string(with) == string(honest[i]) {
			require.NoError(t, err)
		} else {
			require.Error(t, err)
		}
	})
}
