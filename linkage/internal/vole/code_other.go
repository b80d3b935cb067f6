//go:build !amd64 || purego

package vole

import "github.com/hueandcry/hueandcry/linkage/internal/gf128"

func accumulateGroups(x []gf128.Element, k, n int, bits []byte, store *[groups]table, turn int) {
	groupsPortable(x, k, n, bits, store, turn)
}

func gather(y, x []gf128.Element, bits []byte) { gatherPortable(y, x, bits) }
