//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package watch

import "os"

// lockFile does nothing where there is no flock(2): there a vault is for one process and one
// [OpenVault] alone.
func lockFile(*os.File) error { return nil }
