package pairs

import (
	"crypto/sha256"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every number of inputs takes its own way through the widths of the processor.
func TestHash(t *testing.T) {
	r := rand.NewChaCha8([32]byte{1})
	for n := 1; n <= 70; n++ {
		in, out := make([][32]byte, 2*n), make([][32]byte, n+1)
		for i := range in {
			_, _ = r.Read(in[i][:])
		}
		Hash(out[:n], in)
		for i, got := range out[:n] {
			require.Equal(t, sha256.Sum256(slices.Concat(in[2*i][:], in[2*i+1][:])), got)
		}
		require.Zero(t, out[n], "nothing is written behind the last")
	}
}
