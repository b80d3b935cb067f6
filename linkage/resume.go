package linkage

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"reflect"
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
// because the connection broke, the peer was silent or left, the context ended, or a place
// for the state could not be written to, and the
// next call. That does not read its accounts again, and keeps the state where the first did:
// a transmitter that gives another State is refused. What was under way is done anew with
// fresh randomness; a session that failed for any other reason is not resumed, and
// neither is one of another agreement, epoch or publication: then the next call begins
// at the beginning. A call that fails before the peers have agreed to go on, in a handshake
// say, changes nothing. If only the other side has lost its half, the call fails with
// [ErrResume], and the one after that begins at the beginning.
//
// The zero value is ready. One Resume is for one session at a time. It does not print what it
// holds.
type Resume struct {
	mu   sync.Mutex
	held func() halves // behind a function, so that no dump shows it; nil if there is none
}

// halves are what either side can go on with; one of them is nil.
type halves struct {
	receiver    *enrolment
	transmitter *evaluation
}

// Format prints the type and nothing of the content, whatever the verb.
func (r *Resume) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "linkage.Resume") }

// LogValue logs the same.
func (r *Resume) LogValue() slog.Value { return slog.StringValue("linkage.Resume") }

// Pending reports whether there is a session to go on with.
func (r *Resume) Pending() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.held != nil
}

// Drop forgets the session, and overwrites what is secret of it.
func (r *Resume) Drop() {
	h := r.take()
	if h.receiver != nil {
		h.receiver.book.erase()
	}
	if h.transmitter != nil {
		clear(h.transmitter.values)
	}
}

// take gives what is held, which nobody else then gets.
func (r *Resume) take() (h halves) {
	if r == nil {
		return h
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.held != nil {
		h = r.held()
	}
	r.held = nil
	return h
}

// takeReceiver gives the receiver's half, if it is of that agreement and epoch.
func (r *Resume) takeReceiver(s scope) *enrolment {
	if e := r.take().receiver; e != nil && e.scope == s {
		return e
	}
	return nil
}

// takeTransmitter gives the transmitter's half, if it is of that publication.
func (r *Resume) takeTransmitter(pub *Publication) *evaluation {
	if e := r.take().transmitter; e != nil && e.pub == pub {
		return e
	}
	return nil
}

// fits reports whether a session to go on with keeps its state in the given place.
func (r *Resume) fits(pub *Publication, state io.WriterAt) bool {
	if r == nil {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.held == nil {
		return true
	}
	e := r.held().transmitter
	if e == nil || e.pub != pub {
		return true
	}
	if e.state == nil || state == nil {
		return e.state == nil && state == nil
	}
	t := reflect.TypeOf(state)
	return t == reflect.TypeOf(e.state.to) && (!t.Comparable() || state == e.state.to)
}

// keep holds what a session has come to, if it can go on after such an error.
func (r *Resume) keep(err error, receiver *enrolment, transmitter *evaluation) {
	var e *Error
	if r == nil || !errors.As(err, &e) {
		return
	}
	goesOn := slices.Contains([]Code{ErrConn, ErrTimeout, ErrCanceled, ErrLeft}, e.Code)
	h := halves{}
	// To the receiver nothing has happened before the peers have agreed to go on.
	if receiver != nil && receiver.name != ([32]byte{}) &&
		(goesOn || receiver.opened && e.Code != ErrResume && (e.Round == roundSetup || e.Round == roundOpening)) {
		receiver.opened = true
		h.receiver = receiver
	}
	if transmitter != nil && (goesOn || transmitter.disk) {
		transmitter.disk = false
		h.transmitter = transmitter
	}
	if h == (halves{}) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held = func() halves { return h }
}
