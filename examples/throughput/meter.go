package main

import (
	"crypto/sha256"
	"runtime"
	"runtime/debug"
	"time"
)

// unit measures the unit in which the processor's time is given: 2^20 SHA-256 hashes
// of 32 bytes on one core, each of the one before. It is processor time, as what is
// given in it; what else runs on the machine can still only make it longer, so that of
// three the shortest is the right one.
func unit() time.Duration {
	shortest := time.Duration(1<<63 - 1)
	var sum [sha256.Size]byte
	for range 3 {
		start := coreTime()
		for range 1 << 20 {
			sum = sha256.Sum256(sum[:])
		}
		shortest = min(shortest, coreTime()-start)
	}
	runtime.KeepAlive(sum)
	return shortest
}

// memoryGoal is the size of the process from which on garbage is collected as often as it
// takes to stay below: a hundred million accounts are to fit in 24 GiB.
const memoryGoal = 20 << 30

// frugal sets the garbage collector to what suits a program whose peak of memory is
// measured, and returns what sets it back.
func frugal() (back func()) {
	limit := debug.SetMemoryLimit(memoryGoal)
	return func() { debug.SetMemoryLimit(limit) }
}
