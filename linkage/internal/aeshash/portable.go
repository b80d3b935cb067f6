package aeshash

import "github.com/hueandcry/hueandcry/linkage/internal/gf128"

func hashPortable(k *Key, dst, src []Block) {
	buf := make([]byte, gf128.Size)
	for i, x := range src {
		dst[i] = hashOne(k, x, buf)
	}
}

func expandPortable(left, right *Key, dst, src []Block) (leftSum, rightSum Block) {
	buf := make([]byte, gf128.Size)
	for i, x := range src {
		l, r := hashOne(left, x, buf), hashOne(right, x, buf)
		dst[2*i], dst[2*i+1] = l, r
		leftSum, rightSum = leftSum.Add(l), rightSum.Add(r)
	}
	return leftSum, rightSum
}

// hashOne uses buf, which the interface would otherwise put on the heap for
// each block.
func hashOne(k *Key, x Block, buf []byte) Block {
	buf = x.Append(buf[:0])
	k.block.Encrypt(buf, buf)
	return gf128.FromBytes(buf).Add(x)
}
