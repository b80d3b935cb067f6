//go:build purego || !(amd64 || arm64)

package pairs

import "crypto/sha256"

// Hash sets out[i] to the SHA-256 of in[2i] ‖ in[2i+1]; there must be one.
func Hash(out, in [][32]byte) {
	var whole [64]byte
	for i := range out {
		copy(whole[:], in[2*i][:])
		copy(whole[32:], in[2*i+1][:])
		out[i] = sha256.Sum256(whole[:])
	}
	clear(whole[:])
}
