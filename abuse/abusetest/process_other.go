//go:build !unix

package abusetest

import (
	"errors"
	"fmt"
	"syscall"
)

func otherUser(string) (*syscall.SysProcAttr, error) {
	return nil, fmt.Errorf("%w: it is started on Unix only; HUEANDCRY_POSTGRES names one that runs", errMissing)
}

func kill(int) error { return errors.ErrUnsupported }
