package oprf

import (
	"filippo.io/edwards25519"

	"github.com/hueandcry/hueandcry/linkage/internal/ristretto"
)

// generator is the encoding of the group's generator.
var generator = func() (b [ElementSize]byte) {
	ristretto.Encode(&b, edwards25519.NewGeneratorPoint())
	return b
}()

// decodeAll reads a flat batch of encoded elements, in variable time.
func decodeAll(flat []byte) ([]ristretto.Affine, error) {
	out := make([]ristretto.Affine, len(flat)/ElementSize)
	for i := range out {
		if !ristretto.Decode(&out[i], flat[i*ElementSize:][:ElementSize]) {
			return nil, ErrElement
		}
	}
	return out, nil
}
