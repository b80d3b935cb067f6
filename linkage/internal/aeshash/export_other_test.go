//go:build !amd64 || purego

package aeshash

// Implementations are those that this processor can run, by name, each with
// what makes the package use it.
func Implementations() map[string]func() {
	return map[string]func(){"portable": func() {}}
}

// Restore makes the package use what it would without a test.
func Restore() {}
