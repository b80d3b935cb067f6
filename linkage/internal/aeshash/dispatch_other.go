//go:build !amd64 || purego

package aeshash

func expandKey(Block) (schedule [11]Block) { return schedule }

func hash(k *Key, dst, src []Block) { hashPortable(k, dst, src) }

func expand(left, right *Key, dst, src []Block) (leftSum, rightSum Block) {
	return expandPortable(left, right, dst, src)
}
