//go:build unix

package main

import (
	"bytes"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

// usage asks the system what this process has used.
func usage() (u syscall.Rusage) {
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic("throughput: getrusage: " + err.Error()) // only for wrong arguments
	}
	return u
}

// processor is the time that all threads of this process have had of a processor,
// in user code and in the system.
func processor() time.Duration {
	u := usage()
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// coreTime is a clock for what one goroutine does while the others rest.
func coreTime() time.Duration { return processor() }

// peakMemory is the most memory of this process that was resident at a time, in
// bytes.
//
// Linux hands the maximum that getrusage gives down from the process that has
// started this one, which for "go run" is the go tool. What it says in
// /proc/self/status is this program's own.
func peakMemory() int64 {
	if status, err := os.ReadFile("/proc/self/status"); err == nil {
		if _, after, ok := bytes.Cut(status, []byte("\nVmHWM:")); ok {
			if fields := bytes.Fields(after); len(fields) > 0 {
				if kib, err := strconv.ParseInt(string(fields[0]), 10, 64); err == nil {
					return kib << 10
				}
			}
		}
	}
	most := int64(usage().Maxrss)
	if runtime.GOOS == "darwin" || runtime.GOOS == "ios" {
		return most // in bytes there, in KiB elsewhere
	}
	return most << 10
}
