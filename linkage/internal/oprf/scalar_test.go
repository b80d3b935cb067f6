package oprf

import (
	"crypto/rand"
	"testing"

	"filippo.io/edwards25519"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/linkage/internal/ristretto"
)

func TestInvertScalars(t *testing.T) {
	for n := range 20 {
		scalars := make([]edwards25519.Scalar, n)
		for i := range scalars {
			var wide [64]byte
			_, _ = rand.Read(wide[:])
			scalars[i] = *ristretto.Reduce(&wide)
		}
		s := append([]edwards25519.Scalar(nil), scalars...)
		invertScalars(s)
		for i := range n {
			require.Equal(t, 1, s[i].Equal(new(edwards25519.Scalar).Invert(&scalars[i])), "%x", scalars[i].Bytes())
		}
	}
}
