//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package watch

import "os"

// flocks says that a lock does not tell whether somebody is alive.
const flocks = false

// tryLock says that nobody has the lock: whoever asks cannot know better.
func tryLock(*os.File) (bool, error) { return true, nil }

// lockFile does nothing where there is no flock(2): there a vault is for one process and one
// [OpenVault] alone.
func lockFile(*os.File) error { return nil }
