package linkage

import (
	"errors"
	"slices"
	"sync"
)

// Resume lets a bulk session (protocol "vole") that broke off go on at the last finished
// chunk, over a new connection. Each side gives its own, the same one to every try:
//
//	var resume linkage.Resume
//	cfg.Resume = &resume
//	matches, sum, err := linkage.Receive(ctx, conn, cfg, accounts)
//	for err != nil && resume.Pending() {
//		matches, sum, err = linkage.Receive(ctx, dialAgain(), cfg, accounts)
//	}
//
// It holds what the session has come to, in memory and in clear, between a call that failed
// because the connection broke, the peer was silent or left, or the context ended, and the
// next call. That does not read its accounts again. What was under way is done anew with
// fresh randomness; a session that failed for any other reason is not resumed, and
// neither is one of another agreement, epoch or publication: then the next call begins
// at the beginning. If only the other side has lost its half, the call fails with
// [ErrResume], and the one after that begins at the beginning.
//
// The zero value is ready. One Resume is for one session at a time.
type Resume struct {
	mu          sync.Mutex
	receiver    *enrolment
	transmitter *evaluation
}

// Pending reports whether there is a session to go on with.
func (r *Resume) Pending() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.receiver != nil || r.transmitter != nil
}

// Drop forgets the session.
func (r *Resume) Drop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.receiver, r.transmitter = nil, nil
}

// takeReceiver gives the receiver's half, which nobody else then gets.
func (r *Resume) takeReceiver(s scope) *enrolment {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.receiver
	r.receiver = nil
	if e == nil || e.scope != s {
		return nil
	}
	return e
}

func (r *Resume) takeTransmitter(pub *Publication) *evaluation {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.transmitter
	r.transmitter = nil
	if e == nil || e.pub != pub {
		return nil
	}
	return e
}

// keep holds what a session has come to, if it can go on after such an error.
func (r *Resume) keep(err error, receiver *enrolment, transmitter *evaluation) {
	if r == nil || err == nil {
		return
	}
	var e *Error
	if !errors.As(err, &e) || !slices.Contains([]Code{ErrConn, ErrTimeout, ErrCanceled, ErrLeft}, e.Code) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if receiver != nil && receiver.name != ([32]byte{}) {
		r.receiver = receiver
	}
	if transmitter != nil && transmitter.name != ([32]byte{}) {
		r.transmitter = transmitter
	}
}
