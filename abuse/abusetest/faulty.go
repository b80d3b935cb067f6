package abusetest

import (
	"context"
	"errors"
	"iter"
	"sync"

	"github.com/hueandcry/hueandcry/abuse"
)

// Fault is what becomes of one call of a store. The zero Fault is none.
type Fault uint8

// The faults.
const (
	None   Fault = iota
	Before       // it fails, and nothing is written
	After        // it is done and committed, and the answer is lost
	Rerun        // f runs once for nothing and then again, as after a serialization failure
)

// ErrFault is in the errors that a faulty store makes; these are [abuse.StoreError]s.
var ErrFault = errors.New("abusetest: fault")

// Faulty gives a store that fails as fault says, which is asked before each call: with op "view",
// "update" or "load", and how many calls of that op there have been, from 0. It is called by one
// goroutine at a time. A test that counts n up till nothing fails any more has been through every
// place where a process may stop.
func Faulty(s abuse.Store, fault func(op string, n int) Fault) abuse.Store {
	return &faulty{Store: s, fault: fault, calls: make(map[string]int)}
}

type faulty struct {
	abuse.Store
	mu    sync.Mutex
	fault func(string, int) Fault
	calls map[string]int
	calm  sync.RWMutex // held by calls, which Close waits for: one may be two of the store's
}

// Close closes the store when no call is under way.
func (s *faulty) Close() error {
	s.calm.Lock()
	defer s.calm.Unlock()
	return s.Store.Close()
}

func (s *faulty) next(op string) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.calls[op]
	s.calls[op]++
	return s.fault(op, n)
}

// do makes one call, with the run that comes to nothing before it if there is to be one.
func (s *faulty) do(op string, call func() error, rerun func() error) error {
	s.calm.RLock()
	defer s.calm.RUnlock()
	lost := &abuse.StoreError{Op: op, Kind: ErrFault}
	switch s.next(op) {
	case Before:
		return lost
	case After:
		if err := call(); err != nil {
			return err
		}
		return lost
	case Rerun:
		if err := rerun(); !errors.Is(err, ErrFault) {
			return err
		}
	}
	return call()
}

func (s *faulty) View(ctx context.Context, f func(abuse.Reader) error) error {
	call := func() error { return s.Store.View(ctx, f) }
	return s.do("view", call, func() error {
		_ = call()
		return ErrFault
	})
}

func (s *faulty) Update(ctx context.Context, f func(abuse.Writer) error) error {
	return s.do("update", func() error { return s.Store.Update(ctx, f) }, func() error {
		return s.Store.Update(ctx, func(w abuse.Writer) error {
			_ = f(w) // what it finds wrong it will find again
			return ErrFault
		})
	})
}

// Load has no function that runs again: Rerun is none here.
func (s *faulty) Load(ctx context.Context, t abuse.Table, rows iter.Seq[abuse.Row]) error {
	return s.do("load", func() error { return s.Store.Load(ctx, t, rows) }, func() error { return ErrFault })
}
