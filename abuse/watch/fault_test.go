package watch

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/hueandcry/hueandcry/abuse"
)

// flaky is a store whose nth call that writes fails: before anything is written, or when all is
// written and the answer is lost. Later calls do not fail. Every Update's closure is run twice, the
// first time for nothing.
type flaky struct {
	abuse.Store
	n      atomic.Int64 // calls until the failure; 0: none any more
	before bool
}

var errFlaky = &abuse.StoreError{Op: "test"}

func (f *flaky) fail() bool { return f.n.Add(-1) == 0 }

func (f *flaky) Update(ctx context.Context, do func(abuse.Writer) error) error {
	fail := f.fail()
	if fail && f.before {
		return errFlaky
	}
	err := f.Store.Update(ctx, func(w abuse.Writer) error {
		if err := do(w); err != nil {
			return err
		}
		return errDryRun
	})
	if !errors.Is(err, errDryRun) {
		return err
	}
	if err := f.Store.Update(ctx, do); err != nil {
		return err
	}
	if fail {
		return errFlaky
	}
	return nil
}

var errDryRun = errors.New("dry run")
