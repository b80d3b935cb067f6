package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/hueandcry/hueandcry/abuse"
)

// decisionsFile is a decisions file to be. It is made before the session, so that a
// path that cannot be written to is known at once.
//
// A file appears under its name whole or not at all, and only its owner can read it.
// What is no file, a pipe or a terminal, is written to as it is.
type decisionsFile struct {
	w       *os.File
	replace string // the file that w becomes; "" if w is written to as it is
}

func newDecisionsFile(ctx context.Context, path string) (*decisionsFile, error) {
	d, err := openDecisions(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("-decisions: %w", err)
	}
	return d, nil
}

func openDecisions(ctx context.Context, path string) (*decisionsFile, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return beside(target(path))
	case err != nil:
		return nil, err
	}
	for _, own := range []*os.File{os.Stdout, os.Stderr} {
		// By /dev/stdout, say. If it goes to a file, that must not be replaced either.
		if i, err := own.Stat(); err == nil && os.SameFile(i, info) {
			return &decisionsFile{w: own}, nil
		}
	}
	if info.Mode().IsRegular() {
		return beside(target(path))
	}
	w, err := openOther(ctx, path, info.Mode())
	return &decisionsFile{w: w}, err
}

// beside makes a file that takes the place of another when it is written.
func beside(path string) (*decisionsFile, error) {
	w, err := os.CreateTemp(filepath.Dir(path), ".decisions-*") // mode 0600
	return &decisionsFile{w, path}, err
}

// target follows symbolic links to the name of the file, which may not exist yet.
func target(path string) string {
	for range 255 { // as many as any system follows
		to, err := os.Readlink(path)
		if err != nil {
			break
		}
		if !filepath.IsAbs(to) {
			dir, _ := filepath.Split(path)
			to = dir + to // and not Join, which takes x/.. for nothing also where x is a link
		}
		path = to
	}
	return path
}

// openOther opens what is not a file; a directory it cannot. A pipe is waited for until somebody reads it.
func openOther(ctx context.Context, path string, mode fs.FileMode) (*os.File, error) {
	if mode&fs.ModeNamedPipe == 0 {
		return os.OpenFile(path, os.O_WRONLY, 0)
	}
	for {
		w, err := os.OpenFile(path, os.O_WRONLY|syscall.O_NONBLOCK, 0)
		if !errors.Is(err, syscall.ENXIO) {
			return w, err
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(dialPause):
		}
	}
}

// write writes one decision a line, in the order of the accounts.
func (d *decisionsFile) write(decisions []abuse.Decision) error {
	err := encodeDecisions(d.w, decisions)
	if d.replace != "" {
		err = errors.Join(err, d.w.Sync(), d.w.Close())
		if err == nil {
			err = os.Rename(d.w.Name(), d.replace)
		}
	}
	if err != nil {
		return fmt.Errorf("-decisions: %w", err)
	}
	return nil
}

// discard removes what write has not put in its place.
func (d *decisionsFile) discard() {
	switch {
	case d.replace != "":
		_ = d.w.Close()
		_ = os.Remove(d.w.Name())
	case d.w != os.Stdout && d.w != os.Stderr:
		_ = d.w.Close()
	}
}
