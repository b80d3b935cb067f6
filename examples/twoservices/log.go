package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/hueandcry/hueandcry/linkage"
)

// logger writes lines for people to standard error. Both parties of a
// demonstration use it at once.
type logger struct {
	mu sync.Mutex
	w  io.Writer
}

func newLogger(w io.Writer) *logger { return &logger{w: w} }

func (l *logger) printf(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(l.w, format+"\n", args...)
}

// every is the least time between two lines about the progress of a session.
const every = time.Second

// progress makes a function that tells how far a session is: when a round ends,
// and else now and then.
func (l *logger) progress(who string) func(linkage.Progress) {
	var last time.Time
	return func(p linkage.Progress) {
		if p.Done < p.Total && time.Since(last) < every {
			return
		}
		last = time.Now()
		l.printf("%s: %s %d of %d", who, p.Round, p.Done, p.Total)
	}
}
