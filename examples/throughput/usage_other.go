//go:build !unix

package main

import (
	"runtime"
	"runtime/metrics"
	"time"
)

// processor is, where the system is not asked, what Go's scheduler estimates that
// it has run, its own work and the garbage collector's included.
func processor() time.Duration {
	runtime.GC() // which brings the estimate up to date
	s := []metrics.Sample{{Name: "/cpu/classes/total:cpu-seconds"}, {Name: "/cpu/classes/idle:cpu-seconds"}}
	metrics.Read(s)
	return time.Duration((s[0].Value.Float64() - s[1].Value.Float64()) * float64(time.Second))
}

// coreTime is a clock for what one goroutine does while the others rest. The estimate
// above is too rough for it.
func coreTime() time.Duration { return time.Duration(time.Now().UnixNano()) }

// peakMemory is, where the system is not asked, the memory that Go has ever taken
// from it, in bytes; some of it may never have been touched.
func peakMemory() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.Sys)
}
