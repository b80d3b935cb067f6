//go:build !amd64 || purego

package ristretto

// each runs f in every way that this processor has.
func each[T runner[T]](t T, f func(T)) { t.Run("portable", f) }
