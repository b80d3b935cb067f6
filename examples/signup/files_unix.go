//go:build unix

package main

import "syscall"

// raiseFiles lets the process have as many connections as the system allows it.
func raiseFiles() {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) == nil && limit.Cur < limit.Max {
		limit.Cur = limit.Max
		_ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit) // then fewer will come, and say so
	}
}
