//go:build unix

package abusetest

import (
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// otherUser makes a process another user's than root, which PostgreSQL refuses to run as, and
// gives the folder to that user.
func otherUser(dir string) (*syscall.SysProcAttr, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			return nil, err
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			return nil, err
		}
		if dir != "" {
			if err := os.Chown(dir, int(uid), int(gid)); err != nil {
				return nil, err
			}
		}
		return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
	}
	return nil, fmt.Errorf("%w: this is root, and there is no other user to run it as", errMissing)
}

func kill(pid int) error { return syscall.Kill(pid, syscall.SIGKILL) }
