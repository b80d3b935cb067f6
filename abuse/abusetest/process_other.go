//go:build !unix

package abusetest

import (
	"errors"
	"syscall"
)

func otherUser(string) (*syscall.SysProcAttr, error) {
	return nil, errors.New("it is started on Unix only; HUEANDCRY_POSTGRES names one that runs")
}

func kill(int) error { return errors.ErrUnsupported }
