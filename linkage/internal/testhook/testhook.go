// Package testhook carries, in a context, what only tests may change about a
// session. Package linkagetest is the one way to set it, so that a program which
// imports no test package cannot.
package testhook

import (
	"context"
	"crypto/rand"
	"io"
)

// Hooks is what a test may change. The zero value changes nothing.
type Hooks struct {
	// AllowPlain lets a session run on a connection without TLS.
	AllowPlain bool
	// Chunks is how many chunks a bulk enrolment has at least; neither side is told by the
	// other.
	Chunks int
	// Rand gives the randomness for one step of a session; nil means the system's.
	Rand func(step string, chunk uint32) io.Reader
}

type key struct{}

// With adds the hooks to a context.
func With(ctx context.Context, h Hooks) context.Context { return context.WithValue(ctx, key{}, h) }

// From gives the hooks of a context.
func From(ctx context.Context) Hooks {
	h, _ := ctx.Value(key{}).(Hooks)
	return h
}

// Reader gives the randomness for one step.
func (h Hooks) Reader(step string, chunk uint32) io.Reader {
	if h.Rand == nil {
		return rand.Reader
	}
	return h.Rand(step, chunk)
}
